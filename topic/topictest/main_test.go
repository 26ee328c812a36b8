// Package topictest_test holds package topic against its contract, with the embedded broker of the lab and with Apache
// Kafka itself.
package topictest_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/nordvarg/crosscheck/lab/broker"
	"github.com/nordvarg/crosscheck/lab/child/childtest"
	"github.com/nordvarg/crosscheck/lab/kafkaserver"
	"github.com/nordvarg/crosscheck/lab/kafkaserver/kafkatest"
	"github.com/nordvarg/crosscheck/topic"
)

func TestMain(m *testing.M) {
	childtest.Waiting(4) // for brokers that are away
	kafkatest.Main(m)
}

// cluster is what the suite runs against.
type cluster struct {
	brokers []string
	login   []string // listener that wants the lab's user and password
	admin   *broker.Admin
	hangsUp bool                     // on a wrong password, where Kafka says what was wrong
	deny    func(*testing.T, string) // joining a group
	compact func()                   // at once; nil where the broker does it by itself
	crash   func() error
	revive  func(context.Context) error
}

// cases are the suite. Each gets a topic name of its own.
var cases = []struct {
	name string
	run  func(*testing.T, cluster, string)
}{
	{"order within partitions", orderWithinPartitions},
	{"resume from an offset", resume},
	{"range ends where it should", rangeEnds},
	{"retention gap at the start", retentionGapAtTheStart},
	{"retention gap while reading", retentionGapWhileReading},
	{"topic created again, shorter", truncated},
	{"topic created again with fewer partitions", fewerPartitions},
	{"a topic created again is another", createdAgain},
	{"compaction is refused", compactionIsRefused},
	{"compaction makes a jump", compactionMakesAJump},
	{"aborted transactions leave no trace", abortedTransactions},
	{"open transactions hold the end back", openTransactions},
	{"partitions added", partitionsAdded},
	{"large messages", largeMessages},
	{"compressed messages", compressedMessages},
	{"empty topic", emptyTopic},
	{"keys, tombstones and times", keysTombstonesTimes},
	{"offsets by time", offsetsByTime},
	{"unkeyed messages spread", unkeyedMessagesSpread},
	{"unknown topic", unknownTopic},
	{"unknown topic is not created", unknownTopicIsNotCreated},
	{"wrong password", wrongPassword},
	{"login", login},
	{"deliver's error ends Read", deliverError},
	{"diagnosis", diagnosis},
	{"members share partitions", membersShare},
	{"a topic that is gone is not created for a group", aTopicThatIsGoneIsNotCreated},
	{"a group of others is left alone", aGroupOfOthersIsLeftAlone},
	{"a group is denied", aGroupIsDenied},
	{"broker crashes in mid-read", brokerCrash},
	{"broker stays away", brokerStaysAway},
}

func TestEmbeddedBroker(t *testing.T) {
	t.Parallel()
	lab := func(login *broker.Login) *broker.Broker {
		b, err := broker.Start(t.Context(), broker.Options{Login: login, Settings: map[string]string{"message.max.bytes": "16777216"}})
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
	open := lab(nil)
	var closed []string
	for _, mechanism := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"} {
		closed = append(closed, lab(&broker.Login{Mechanism: mechanism, User: kafkaserver.User, Password: kafkaserver.Password}).Brokers()...)
	}
	runAll(t, cluster{
		deny:    func(_ *testing.T, group string) { open.DenyGroup(group) },
		brokers: open.Brokers(), login: closed, admin: connect(t, open.Brokers()), compact: open.Compact, hangsUp: true,
		crash: func() error { open.Down(); return nil }, revive: open.Restart,
	})
}

func TestApacheKafka(t *testing.T) {
	t.Parallel()
	s := kafkatest.Server(t)
	admin := connect(t, s.Brokers())
	runAll(t, cluster{
		deny: func(t *testing.T, group string) {
			t.Helper()
			if err := admin.DenyGroup(t.Context(), group); err != nil {
				t.Fatal(err)
			}
		},
		brokers: s.Brokers(), login: s.LoginBrokers(), admin: admin,
		crash: s.Kill, revive: s.Restart,
	})
}

func connect(t *testing.T, brokers []string) *broker.Admin {
	t.Helper()
	admin, err := broker.Connect(brokers, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(admin.Close)
	return admin
}

func runAll(t *testing.T, c cluster) {
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) { test.run(t, c, topicFor(t)) })
	}
}

var topics atomic.Int64

func topicFor(t *testing.T) string {
	return fmt.Sprintf("t%d-%s", topics.Add(1), strings.NewReplacer("/", "-", "_", "-", ",", "", "'", "").Replace(t.Name()))
}

func (c cluster) create(t *testing.T, name string, partitions int, settings map[string]string) {
	t.Helper()
	if err := c.admin.CreateTopic(t.Context(), name, partitions, settings); err != nil {
		t.Fatal(err)
	}
}

func (c cluster) open(t *testing.T, name string) *topic.Topic {
	t.Helper()
	s, err := topic.Open(t.Context(), c.config(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (c cluster) config(t testing.TB, name string) topic.Config {
	return topic.Config{
		Brokers: c.brokers, Topic: name, Patience: time.Minute, WatchEvery: 200 * time.Millisecond,
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
}

// producer writes to the topic, each record to the partition that it names.
func (c cluster) producer(t *testing.T, name string, more ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(c.brokers...), kgo.DefaultProduceTopic(name), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchMaxBytes(12 << 20), kgo.MetadataMinAge(10 * time.Millisecond),
		kgo.ProducerBatchCompression(kgo.NoCompression()),
	}, more...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// write produces n numbered messages to each partition.
func (c cluster) write(t *testing.T, name string, partitions, from, to int) {
	t.Helper()
	client := c.producer(t, name)
	defer client.Close()
	var records []*kgo.Record
	for i := from; i < to; i++ {
		for p := range partitions {
			records = append(records, record(p, i))
		}
	}
	produce(t, client, records...)
}

func record(partition, number int) *kgo.Record {
	return &kgo.Record{Partition: int32(partition), Key: fmt.Appendf(nil, "k%d", number), Value: value(partition, number)}
}

func value(partition, number int) []byte { return fmt.Appendf(nil, "p%d-%d", partition, number) }

func produce(t *testing.T, client *kgo.Client, records ...*kgo.Record) {
	t.Helper()
	if err := client.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
		t.Fatalf("producing: %v", err)
	}
}
