package lab

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/nordvarg/crosscheck/lab/broker"
)

const (
	kafkaLinger  = 2 * time.Millisecond // how long a message waits for others in a batch
	kafkaTimeout = 5 * time.Second      // for one request
	lookBack     = 2000                 // messages of a partition that are searched after a failure
)

// Kafka is a Publisher on a topic of a broker. It waits until all replicas have a message. Close it after the lab.
type Kafka struct {
	brokers []string
	writer  *kafka.Writer
	client  *kafka.Client
}

var (
	_ Publisher = (*Kafka)(nil)
	_ Truncater = (*Kafka)(nil)
)

// OpenKafka creates the topic if it does not exist, and waits until it can be written to.
func OpenKafka(ctx context.Context, brokers []string, topic string, partitions int) (*Kafka, error) {
	transport := &kafka.Transport{
		DialTimeout: kafkaTimeout, ClientID: "crosscheck-lab",
		MetadataTTL: time.Second, // a topic that was just created is not in older metadata
	}
	k := &Kafka{
		brokers: brokers,
		client:  &kafka.Client{Addr: kafka.TCP(brokers...), Timeout: kafkaTimeout, Transport: transport},
		writer: &kafka.Writer{
			Addr: kafka.TCP(brokers...), Topic: topic, Transport: transport,
			Balancer:     &kafka.Hash{}, // without a key, messages go to the partitions in turn
			RequiredAcks: kafka.RequireAll,
			BatchTimeout: kafkaLinger, WriteTimeout: kafkaTimeout, ReadTimeout: kafkaTimeout,
			MaxAttempts: 1, // Publish retries itself, after checking what is there
		},
	}
	if err := k.create(ctx, partitions); err != nil {
		return nil, errors.Join(err, k.Close())
	}
	return k, nil
}

func (k *Kafka) create(ctx context.Context, partitions int) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	answer, err := k.client.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{
		{Topic: k.writer.Topic, NumPartitions: partitions, ReplicationFactor: 1},
	}})
	if err == nil {
		err = answer.Errors[k.writer.Topic]
	}
	if err != nil && !errors.Is(err, kafka.TopicAlreadyExists) {
		return fmt.Errorf("creating topic %s: %w", k.writer.Topic, err)
	}
	for {
		if _, err = k.ends(ctx); err == nil {
			return nil
		}
		if !pause(ctx) {
			return fmt.Errorf("waiting for topic %s: %w", k.writer.Topic, err)
		}
	}
}

// Close stops sending and closes the connections.
func (k *Kafka) Close() error {
	err := k.writer.Close()
	if t, ok := k.client.Transport.(*kafka.Transport); ok {
		t.CloseIdleConnections()
	}
	return err
}

// Publish writes the messages. If an answer gets lost it checks which messages are there, and writes the others again.
// It does not return before it knows, even if ctx has ended: a caller that retries would publish a message twice.
func (k *Kafka) Publish(ctx context.Context, messages ...Message) error {
	settled, stop := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer stop()
	pending := messages
	for {
		err := k.write(settled, pending)
		if err == nil {
			return nil
		}
		if pending, err = k.missing(settled, pending); err != nil {
			return fmt.Errorf("looking for what was published: %w", err)
		}
		if len(pending) == 0 {
			return nil
		}
		if !pause(ctx) {
			return fmt.Errorf("publishing %d messages: %w", len(pending), ctx.Err())
		}
	}
}

func (k *Kafka) write(ctx context.Context, messages []Message) error {
	batch := make([]kafka.Message, 0, len(messages))
	for _, m := range messages {
		batch = append(batch, kafka.Message{Key: m.Key, Value: m.Value})
	}
	return k.writer.WriteMessages(ctx, batch...)
}

// missing returns the messages that are not among the last ones of any partition. It asks until it gets an answer.
func (k *Kafka) missing(ctx context.Context, messages []Message) ([]Message, error) {
	for {
		there, err := k.tails(ctx)
		if err == nil {
			return slices.DeleteFunc(slices.Clone(messages), func(m Message) bool { return there[string(m.Value)] }), nil
		}
		if !pause(ctx) {
			return nil, err
		}
	}
}

// tails returns the values of all partitions' last messages.
func (k *Kafka) tails(ctx context.Context) (map[string]bool, error) {
	ctx, stop := context.WithTimeout(ctx, dealTimeout)
	defer stop()
	ends, err := k.ends(ctx)
	if err != nil {
		return nil, err
	}
	there := make(map[string]bool)
	for _, p := range ends {
		if err := k.tail(ctx, p, there); err != nil {
			return nil, fmt.Errorf("reading partition %d: %w", p.Partition, err)
		}
	}
	return there, nil
}

// tail notes the values of a partition's last messages. It reads from the leader's connection, because a kafka.Reader with
// a short deadline takes seconds for this on a busy machine.
func (k *Kafka) tail(ctx context.Context, p kafka.PartitionOffsets, into map[string]bool) error {
	next := max(p.FirstOffset, p.LastOffset-lookBack)
	if next >= p.LastOffset {
		return nil
	}
	conn, err := kafka.DialLeader(ctx, "tcp", k.brokers[0], k.writer.Topic, p.Partition)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if _, err := conn.Seek(next, kafka.SeekAbsolute); err != nil {
		return err
	}
	for next < p.LastOffset {
		if next, err = noteValues(conn, next, into); err != nil {
			return errors.Join(err, ctx.Err())
		}
	}
	return nil
}

// noteValues reads a batch, and returns the offset after it.
func noteValues(conn *kafka.Conn, next int64, into map[string]bool) (int64, error) {
	if err := conn.SetReadDeadline(time.Now().Add(kafkaTimeout)); err != nil {
		return next, err
	}
	batch := conn.ReadBatchWith(kafka.ReadBatchConfig{MinBytes: 1, MaxBytes: 10 << 20, MaxWait: kafkaLinger})
	for {
		m, err := batch.ReadMessage()
		if err != nil {
			break
		}
		into[string(m.Value)] = true
		next = m.Offset + 1
	}
	return next, batch.Close()
}

// Truncate deletes everything that was published before.
func (k *Kafka) Truncate(ctx context.Context) error {
	ends, err := k.ends(ctx)
	if err != nil {
		return err
	}
	admin, err := broker.Connect(k.brokers, nil, nil)
	if err != nil {
		return err
	}
	defer admin.Close()
	for _, p := range ends {
		if err := admin.DeleteRecords(ctx, k.writer.Topic, p.Partition, p.LastOffset); err != nil {
			return err
		}
	}
	return nil
}

// ends returns the first and the last offset of each partition.
func (k *Kafka) ends(ctx context.Context) ([]kafka.PartitionOffsets, error) {
	topic := k.writer.Topic
	meta, err := k.client.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{topic}})
	if err != nil {
		return nil, fmt.Errorf("looking for topic %s: %w", topic, err)
	}
	var ask []kafka.OffsetRequest
	for _, t := range meta.Topics {
		if t.Error != nil {
			return nil, fmt.Errorf("looking for topic %s: %w", topic, t.Error)
		}
		for _, p := range t.Partitions {
			ask = append(ask, kafka.FirstOffsetOf(p.ID), kafka.LastOffsetOf(p.ID))
		}
	}
	answer, err := k.client.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{topic: ask}})
	if err != nil {
		return nil, fmt.Errorf("asking for the offsets of topic %s: %w", topic, err)
	}
	ends := answer.Topics[topic]
	for _, p := range ends {
		if p.Error != nil {
			return nil, fmt.Errorf("asking for the offsets of topic %s: %w", topic, p.Error)
		}
	}
	if len(ends) == 0 {
		return nil, fmt.Errorf("looking for topic %s: %w", topic, kafka.UnknownTopicOrPartition)
	}
	return ends, nil
}
