package broker_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"github.com/nordvarg/crosscheck/lab/broker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const topic = "orders"

func start(t *testing.T, o broker.Options) *broker.Broker {
	t.Helper()
	b, err := broker.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Stop(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func connect(t *testing.T, b *broker.Broker) *broker.Admin {
	t.Helper()
	admin, err := broker.Connect(b.Brokers(), b.Login(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(admin.Close)
	return admin
}

// count reads what the topic holds, which is the given number of messages.
func count(t *testing.T, b *broker.Broker, want int) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(b.Brokers()...), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for got := 0; got < want; {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("got %d messages, want %d: %v", got, want, err)
		}
		got += fetches.NumRecords()
	}
}

func TestRestartKeepsPortAndMessages(t *testing.T) {
	b := start(t, broker.Options{})
	at := b.Brokers()[0]
	admin := connect(t, b)
	if err := admin.CreateTopic(t.Context(), topic, 2, nil); err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		if err := admin.Write(t.Context(), topic, i%2, nil, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := b.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if b.Brokers()[0] != at {
		t.Errorf("moved from %s to %s", at, b.Brokers()[0])
	}
	count(t, b, 5)
}

func TestStopLeavesNothing(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	b, err := broker.Start(t.Context(), broker.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := b.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	left, err := os.ReadDir(os.TempDir())
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if err := b.Restart(t.Context()); !errors.Is(err, broker.ErrStopped) {
		t.Errorf("a stopped broker restarts: %v", err)
	}
}

func TestLoginIsWanted(t *testing.T) {
	b := start(t, broker.Options{Login: &broker.Login{Mechanism: "SCRAM-SHA-256", User: "u", Password: "p"}})
	if err := connect(t, b).CreateTopic(t.Context(), topic, 1, nil); err != nil {
		t.Fatal(err)
	}
	stranger, err := broker.Connect(b.Brokers(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := stranger.CreateTopic(ctx, "other", 1, nil); err == nil {
		t.Error("a stranger was let in")
	}
}

const written = 500

// TestChild is no test of its own: it is the process that TestMessagesSurviveKill kills.
func TestChild(t *testing.T) {
	dir := os.Getenv("BROKER_TEST_DIR")
	if dir == "" {
		return
	}
	b, err := broker.Start(context.Background(), broker.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	admin := connect(t, b)
	if err := admin.CreateTopic(context.Background(), topic, 1, nil); err != nil {
		t.Fatal(err)
	}
	for range written {
		if err := admin.Write(context.Background(), topic, 0, nil, []byte("precious")); err != nil {
			t.Fatal(err)
		}
	}
	fmt.Println("written") //nolint:forbidigo // for the parent
	select {}
}

func TestMessagesSurviveKill(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestChild$")
	cmd.Env = append(os.Environ(), "BROKER_TEST_DIR="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := false
	for lines := bufio.NewScanner(out); !done && lines.Scan(); {
		done = strings.Contains(lines.Text(), "written")
	}
	if err := cmd.Process.Kill(); err != nil { // kill -9
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if !done {
		t.Fatal("the child wrote nothing")
	}
	count(t, start(t, broker.Options{Dir: dir}), written)
}
