// Package topic reads the topic with the events. It is the only package that uses kafka-go.
//
// Invariant: it writes nothing to the brokers: no offsets and no topic, and no group unless it is told to join one. If the
// topic had a message that was not delivered, it reports a gap.
package topic

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/nordvarg/crosscheck/follow"
	"github.com/nordvarg/crosscheck/order"
)

// Config says where the topic is.
type Config struct {
	// Brokers are host:port of some of the cluster's brokers. At least one.
	Brokers []string
	Topic   string
	// TLS says how connections are encrypted; nil means no encryption.
	TLS *TLS
	// SASL says how crosscheck logs in; nil means no login.
	SASL *SASL
	// Group is the group in which sidecars share the partitions; empty if they do not. Only Diagnose looks at it.
	Group string
	// Patience is how long a broker may be out of reach before Read gives up. Zero means one minute.
	Patience time.Duration
	// WatchEvery is how often a Read without end looks for added partitions. Zero means ten seconds.
	WatchEvery time.Duration
	// ObserveQuery is called for every request with its purpose and duration. May be nil.
	ObserveQuery func(side order.Representation, kind string, took time.Duration)
	// Open turns records into the form of order.DecodeMessage; nil if they have it. An error means that it cannot be known now.
	Open func(context.Context, order.Record) (order.Opened, error)
	// Log gets a line when a partition cannot be read, and when it can be read again. Required.
	Log *slog.Logger
}

const (
	// clientID is crosscheck's name in the brokers' logs and quotas.
	clientID = "crosscheck"

	defaultPatience   = time.Minute
	defaultWatchEvery = 10 * time.Second
)

// Topic is the Kafka topic with the events. It holds no connection between calls and is safe for concurrent use.
type Topic struct {
	config    Config
	transport func() *kafka.Transport
	dialer    *kafka.Dialer // of a member of a group
	decoding  chan struct{} // one place for each answer that is decoded
}

var _ follow.Stream = (*Topic)(nil)

// Open asks for the topic once. It returns an error that wraps ErrUnreachable, ErrTLS, ErrLogin,
// ErrUnknown or ErrCompacted.
func Open(ctx context.Context, c Config) (*Topic, error) {
	t, err := open(c)
	if err != nil {
		return nil, err
	}
	return t, t.check(ctx)
}

func open(c Config) (*Topic, error) {
	if len(c.Brokers) == 0 || c.Topic == "" {
		return nil, errors.New("a stream needs brokers and a topic")
	}
	c.Patience = cmp.Or(c.Patience, defaultPatience)
	c.WatchEvery = cmp.Or(c.WatchEvery, defaultWatchEvery)
	transport, dialer, err := c.connecting()
	if err != nil {
		return nil, fmt.Errorf("preparing to connect to the stream: %w", err)
	}
	return &Topic{config: c, transport: transport, dialer: dialer, decoding: make(chan struct{}, maxDecoding)}, nil
}

// Ping checks whether the topic can be reached now.
func (t *Topic) Ping(ctx context.Context) error {
	return t.ask(ctx, "ping", func(ctx context.Context, c *kafka.Client) error {
		_, err := t.partitionIDs(ctx, c)
		return err
	})
}

// Partitions returns the current offsets of all partitions.
func (t *Topic) Partitions(ctx context.Context) ([]follow.Partition, error) {
	var found []follow.Partition
	err := t.ask(ctx, "offsets", func(ctx context.Context, c *kafka.Client) error {
		ids, err := t.partitionIDs(ctx, c)
		if err != nil {
			return err
		}
		if found, err = t.bounds(ctx, c, ids, kafka.ReadCommitted); err != nil {
			return err
		}
		written, err := t.bounds(ctx, c, ids, kafka.ReadUncommitted)
		if err != nil {
			return err
		}
		for i := range found {
			found[i].Written = max(found[i].End, written[i].End)
		}
		return nil
	})
	return found, err
}

// check refuses a topic that cannot be followed.
func (t *Topic) check(ctx context.Context) error {
	return t.ask(ctx, "topic", func(ctx context.Context, c *kafka.Client) error {
		if _, err := t.partitionIDs(ctx, c); err != nil {
			return err
		}
		// Do not refuse the topic if its settings cannot be read. A compacted topic is then noticed by its gaps.
		if settings, err := t.settings(ctx, c, settingCleanup); err == nil && strings.Contains(settings[settingCleanup], "compact") {
			return fmt.Errorf("%w (%s=%s)", ErrCompacted, settingCleanup, settings[settingCleanup])
		}
		return nil
	})
}

// ask makes small requests. It tries again while a partition has no leader, for example just after a broker has
// started.
func (t *Topic) ask(ctx context.Context, kind string, do func(context.Context, *kafka.Client) error) error {
	timeout := t.config.within(askTimeout)
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var outage outage
	defer outage.end()
	for {
		err := t.askOnce(ctx, kind, do)
		if err == nil {
			return nil
		}
		if unanswered(err) {
			err = fmt.Errorf("no answer to the request for its %s within %s: %w", kind, timeout, err)
		}
		outage.begin(electionTimeout)
		if !leaderless(err) || !outage.pause(ctx) {
			return fmt.Errorf("asking %s for topic %s: %w", t.at(), t.config.Topic, classify(err))
		}
	}
}

const (
	// askTimeout is for one request and its repetitions.
	askTimeout = 20 * time.Second
	// leastTimeout is the least time for an answer, however short the patience is.
	leastTimeout = 2 * time.Second
)

// within returns the time for an answer: a broker that accepts connections and does not answer is out of reach too.
func (c Config) within(most time.Duration) time.Duration {
	return min(most, max(c.Patience, leastTimeout))
}

// electionTimeout is how long a partition may be without a leader before a request about it fails.
const electionTimeout = 5 * time.Second

// askOnce uses its own connections, because a longer-lived one answers from a cache that may be seconds old.
func (t *Topic) askOnce(ctx context.Context, kind string, do func(context.Context, *kafka.Client) error) error {
	defer t.observe(kind)()
	transport := t.transport()
	defer transport.CloseIdleConnections()
	return do(ctx, &kafka.Client{Addr: t.address(), Transport: transport})
}

// partitionIDs lists the topic's partitions without creating the topic. kafka-go's own reader sends an older version of
// the request, which makes a broker create it.
func (t *Topic) partitionIDs(ctx context.Context, c *kafka.Client) ([]int, error) {
	m, err := c.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{t.config.Topic}})
	if err != nil {
		return nil, err
	}
	var ids []int
	for _, topic := range m.Topics {
		if topic.Error != nil {
			return nil, topic.Error
		}
		for _, p := range topic.Partitions {
			ids = append(ids, p.ID)
		}
	}
	if len(ids) == 0 {
		return nil, kafka.UnknownTopicOrPartition
	}
	slices.Sort(ids)
	return ids, nil
}

// bounds reads the first and the end offset of partitions.
func (t *Topic) bounds(ctx context.Context, c *kafka.Client, ids []int, level kafka.IsolationLevel) ([]follow.Partition, error) {
	topic := t.config.Topic
	var questions []kafka.OffsetRequest
	for _, id := range ids {
		questions = append(questions, kafka.FirstOffsetOf(id), kafka.LastOffsetOf(id))
	}
	answer, err := c.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{topic: questions}, IsolationLevel: level})
	if err != nil {
		return nil, err
	}
	found := make([]follow.Partition, 0, len(ids))
	for _, p := range answer.Topics[topic] {
		if p.Error != nil {
			return nil, fmt.Errorf("partition %d: %w", p.Partition, p.Error)
		}
		found = append(found, follow.Partition{Partition: p.Partition, First: p.FirstOffset, End: p.LastOffset})
	}
	if len(found) != len(ids) {
		return nil, fmt.Errorf("offsets of %d partitions, asked for %d", len(found), len(ids))
	}
	slices.SortFunc(found, func(a, b follow.Partition) int { return a.Partition - b.Partition })
	return found, nil
}

// The topic's settings that matter here.
const (
	settingCleanup   = "cleanup.policy"
	settingRetention = "retention.ms"
)

// settings reads settings of the topic by name. It leaves out settings that the broker does not know.
func (t *Topic) settings(ctx context.Context, c *kafka.Client, names ...string) (map[string]string, error) {
	answer, err := c.DescribeConfigs(ctx, &kafka.DescribeConfigsRequest{Resources: []kafka.DescribeConfigRequestResource{
		{ResourceType: kafka.ResourceTypeTopic, ResourceName: t.config.Topic, ConfigNames: names},
	}})
	if err != nil {
		return nil, err
	}
	found := map[string]string{}
	for _, r := range answer.Resources {
		if r.Error != nil {
			return nil, r.Error
		}
		for _, e := range r.ConfigEntries {
			found[e.ConfigName] = e.ConfigValue
		}
	}
	return found, nil
}

// observe reports a request to the caller, who counts the load.
func (t *Topic) observe(kind string) func() {
	if t.config.ObserveQuery == nil {
		return func() {}
	}
	start := time.Now()
	return func() { t.config.ObserveQuery(order.Stream, kind, time.Since(start)) }
}

// at returns the brokers, for error messages.
func (t *Topic) at() string { return strings.Join(t.config.Brokers, ", ") }
