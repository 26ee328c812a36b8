package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"

	"github.com/nordvarg/crosscheck/lab/child/childtest"
	"github.com/nordvarg/crosscheck/lab/kafkaserver/kafkatest"
	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
)

// TestMain puts crosscheck into the PATH of all tests: the test binary under another name, which is then the whole
// program in a process of its own, with real exit codes, and can be killed.
func TestMain(m *testing.M) {
	if !slices.ContainsFunc(os.Args, func(arg string) bool { return strings.HasPrefix(arg, "-test.bench") }) {
		// Most of these processes end after a tenth of a second, and collecting garbage would be a sixth of their work.
		if err := os.Setenv(collecting, "400"); err != nil {
			panic(err)
		}
	}
	testscript.Main(withServer{m}, map[string]func(){"crosscheck": main})
}

// collecting is the variable that says how seldom a Go program collects its garbage.
const collecting = "GOGC"

type withServer struct{ *testing.M }

func (w withServer) Run() int {
	childtest.Waiting(6) // for settle windows
	return pgtest.Run(withKafka(w), stuck...)
}

// stuck are the goroutines of toxiproxy that wait for ever if a fault is taken back while a connection is full.
var stuck = []goleak.Option{
	goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2.(*ToxicLink).read"),
	goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2/toxics.(*ToxicStub).Run"),
}

// withKafka stops the Kafka that a test may have started.
type withKafka struct{ *testing.M }

func (w withKafka) Run() int {
	code := w.M.Run()
	if err := kafkatest.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, "kafkatest:", err)
		code = max(code, 1)
	}
	return code
}
