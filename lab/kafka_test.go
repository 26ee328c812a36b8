package lab_test

import (
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/nordvarg/crosscheck/lab"
	"github.com/nordvarg/crosscheck/lab/broker"
)

const partitions = 3

// onKafka is a live system that publishes to a broker, and trades at that rate.
func onKafka(t *testing.T, rate float64) (*lab.Lab, *broker.Broker, kafkaTopic) {
	t.Helper()
	b, err := broker.Start(deadline(t), broker.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Stop(); err != nil {
			t.Error(err)
		}
	})
	k, err := lab.OpenKafka(deadline(t), b.Brokers(), "orders", partitions)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	})
	l := up(t, nil, lab.Options{Rate: rate, Workers: 8, RefreshEvery: time.Second, Publisher: k, PublishHistory: 500})
	l.StartProjector()
	l.StartDesk()
	return l, b, kafkaTopic{b.Brokers()[0]}
}

// kafkaTopic reads a topic back, as no part of the lab does.
type kafkaTopic struct{ broker string }

func (k kafkaTopic) read(t *testing.T) []published {
	t.Helper()
	var all []published
	for i := range partitions {
		conn, err := kafka.DialLeader(deadline(t), "tcp", k.broker, "orders", i)
		if err != nil {
			t.Fatal(err)
		}
		first, last, err := conn.ReadOffsets()
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
		r := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{k.broker}, Topic: "orders", Partition: i, MaxWait: 10 * time.Millisecond})
		if err := r.SetOffset(first); err != nil {
			t.Fatal(err)
		}
		for next := first; next < last; {
			m, err := r.ReadMessage(deadline(t))
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, decode(t, i, m.Key, m.Value))
			next = m.Offset + 1
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	return all
}

func TestEachEventIsPublishedOnceThroughRestarts(t *testing.T) {
	t.Parallel()
	l, b, p := onKafka(t, 1000)
	for range 3 {
		traded(t, l, 300)
		if err := b.Restart(deadline(t)); err != nil {
			t.Fatal(err)
		}
	}
	traded(t, l, 300)
	rest(t, l)
	wantClean(t, l, p)
	if n := len(p.read(t)); n < 1500 {
		t.Errorf("only %d messages", n)
	}
}

func TestStreamFaultsOnABroker(t *testing.T) {
	t.Parallel()
	l, _, p := onKafka(t, 120)
	var planted []lab.Planted
	for _, f := range lab.AllFaults() {
		if f.Hop == lab.EventsToStream && !stops(f.Name) {
			planted = append(planted, plant(t, l, f.Name, 3)...)
		}
	}
	wantPlanted(t, l, p, planted)
	wantRepaired(t, l, p)
	before := len(p.read(t))
	plant(t, l, "retention_gap", 3)
	rest(t, l)
	if after := len(p.read(t)); after >= before {
		t.Errorf("%d messages, and %d after retention", before, after)
	}
	wantRepaired(t, l, p)
}
