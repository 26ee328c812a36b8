package kafkaserver_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/nordvarg/crosscheck/lab/broker"
	"github.com/nordvarg/crosscheck/lab/kafkaserver"
	"github.com/nordvarg/crosscheck/lab/kafkaserver/kafkatest"
)

func TestMain(m *testing.M) { kafkatest.Main(m) }

func TestMessagesSurviveRestartAndKill(t *testing.T) {
	s := kafkatest.Server(t)
	at := s.Brokers()[0]
	admin, err := broker.Connect(s.Brokers(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	if err := admin.CreateTopic(t.Context(), "orders", 1, nil); err != nil {
		t.Fatal(err)
	}
	for i, end := range []func() error{func() error { return nil }, s.Kill} {
		if err := end(); err != nil {
			t.Fatal(err)
		}
		if err := s.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		// The first offset is never deleted: the topic and its messages are there if the next one follows.
		if err := admin.Write(t.Context(), "orders", 0, nil, []byte("x")); err != nil {
			t.Fatal(err)
		}
		if err := admin.DeleteRecords(t.Context(), "orders", 0, int64(i)); err != nil {
			t.Errorf("after restart %d: %v", i, err)
		}
	}
	if s.Brokers()[0] != at {
		t.Errorf("moved from %s to %s", at, s.Brokers()[0])
	}
}

func TestNoKafkaSaysWhatToDo(t *testing.T) {
	t.Setenv("CROSSCHECK_KAFKA", t.TempDir())
	_, err := kafkaserver.Start(t.Context(), kafkaserver.Options{})
	if !errors.Is(err, kafkaserver.ErrNoKafka) || !strings.Contains(err.Error(), "scripts/kafka") && !strings.Contains(err.Error(), "java") {
		t.Errorf("error %v does not say what to do", err)
	}
}

func TestAServerThatExitsSaysWhy(t *testing.T) {
	kafkatest.Server(t) // skips where there is no Kafka
	_, err := kafkaserver.Start(t.Context(), kafkaserver.Options{Settings: map[string]string{"num.io.threads": "none"}})
	if err == nil || !strings.Contains(err.Error(), "num.io.threads") {
		t.Errorf("error %v does not name the setting", err)
	}
}
