package main

import (
	"fmt"
	"os"
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
	testscript.Main(withServer{m}, map[string]func(){"crosscheck": main})
}

type withServer struct{ *testing.M }

func (w withServer) Run() int {
	childtest.Waiting() // for settle windows
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
