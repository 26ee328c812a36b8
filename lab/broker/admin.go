package broker

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// Admin administers a broker, this package's or a real one. It is safe for concurrent use.
type Admin struct {
	client *kgo.Client
}

const orderTimeout = 30 * time.Second

// Connect prepares to talk to the brokers. login and encryption may be nil.
func Connect(brokers []string, login *Login, encryption *tls.Config) (*Admin, error) {
	options := []kgo.Opt{
		kgo.SeedBrokers(brokers...), kgo.ClientID("crosscheck-lab"), kgo.MetadataMinAge(10 * time.Millisecond),
		kgo.RetryTimeout(orderTimeout), kgo.RecordPartitioner(kgo.ManualPartitioner()),
	}
	if login != nil {
		mechanism, err := login.mechanism()
		if err != nil {
			return nil, err
		}
		options = append(options, kgo.SASL(mechanism))
	}
	if encryption != nil {
		options = append(options, kgo.DialTLSConfig(encryption))
	}
	client, err := kgo.NewClient(options...)
	if err != nil {
		return nil, fmt.Errorf("preparing to talk to the broker: %w", err)
	}
	return &Admin{client: client}, nil
}

func (l *Login) mechanism() (sasl.Mechanism, error) {
	switch l.Mechanism {
	case "PLAIN":
		return plain.Auth{User: l.User, Pass: l.Password}.AsMechanism(), nil
	case "SCRAM-SHA-256":
		return scram.Auth{User: l.User, Pass: l.Password}.AsSha256Mechanism(), nil
	case "SCRAM-SHA-512":
		return scram.Auth{User: l.User, Pass: l.Password}.AsSha512Mechanism(), nil
	}
	return nil, fmt.Errorf("unknown SASL mechanism %q", l.Mechanism)
}

// Close ends the connections.
func (a *Admin) Close() { a.client.Close() }

// CreateTopic creates a topic and waits until its partitions can be used.
func (a *Admin) CreateTopic(ctx context.Context, topic string, partitions int, settings map[string]string) error {
	ctx, cancel := context.WithTimeout(ctx, orderTimeout)
	defer cancel()
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = topic, int32(partitions), 1
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		c := kmsg.NewCreateTopicsRequestTopicConfig()
		c.Name, c.Value = name, new(settings[name])
		t.Configs = append(t.Configs, c)
	}
	// A topic with that name may be in deletion.
	err := poll(ctx, func() (bool, error) {
		request := kmsg.NewPtrCreateTopicsRequest()
		request.TimeoutMillis = int32(orderTimeout.Milliseconds())
		request.Topics = append(request.Topics, t)
		answer, err := request.RequestWith(ctx, a.client)
		if err == nil {
			err = kerr.ErrorForCode(answer.Topics[0].ErrorCode)
		}
		if errors.Is(err, kerr.TopicAlreadyExists) && a.marked(ctx, topic) {
			return false, nil
		}
		return err == nil, err
	})
	if err == nil {
		err = a.await(ctx, topic, partitions)
	}
	if err != nil {
		return fmt.Errorf("creating topic %s: %w", topic, err)
	}
	return nil
}

// marked reports whether an existing topic is in deletion, so that clients no longer see it.
func (a *Admin) marked(ctx context.Context, topic string) bool {
	n, err := a.partitions(ctx, topic)
	return err == nil && n == 0
}

// DeleteTopic deletes a topic and waits until it is gone.
func (a *Admin) DeleteTopic(ctx context.Context, topic string) error {
	ctx, cancel := context.WithTimeout(ctx, orderTimeout)
	defer cancel()
	t := kmsg.NewDeleteTopicsRequestTopic()
	t.Topic = new(topic)
	request := kmsg.NewPtrDeleteTopicsRequest()
	request.TimeoutMillis = int32(orderTimeout.Milliseconds())
	request.TopicNames, request.Topics = []string{topic}, append(request.Topics, t)
	answer, err := request.RequestWith(ctx, a.client)
	if err == nil {
		err = kerr.ErrorForCode(answer.Topics[0].ErrorCode)
	}
	if err == nil {
		err = a.await(ctx, topic, 0)
	}
	if err != nil {
		return fmt.Errorf("deleting topic %s: %w", topic, err)
	}
	return nil
}

// AddPartitions raises the number of a topic's partitions.
func (a *Admin) AddPartitions(ctx context.Context, topic string, total int) error {
	ctx, cancel := context.WithTimeout(ctx, orderTimeout)
	defer cancel()
	t := kmsg.NewCreatePartitionsRequestTopic()
	t.Topic, t.Count = topic, int32(total)
	request := kmsg.NewPtrCreatePartitionsRequest()
	request.TimeoutMillis = int32(orderTimeout.Milliseconds())
	request.Topics = append(request.Topics, t)
	answer, err := request.RequestWith(ctx, a.client)
	if err == nil {
		err = kerr.ErrorForCode(answer.Topics[0].ErrorCode)
	}
	if err == nil {
		err = a.await(ctx, topic, total)
	}
	if err != nil {
		return fmt.Errorf("adding partitions to topic %s: %w", topic, err)
	}
	return nil
}

// DeleteRecords deletes what lies before an offset of a partition, as retention does.
func (a *Admin) DeleteRecords(ctx context.Context, topic string, partition int, before int64) error {
	ctx, cancel := context.WithTimeout(ctx, orderTimeout)
	defer cancel()
	p := kmsg.NewDeleteRecordsRequestTopicPartition()
	p.Partition, p.Offset = int32(partition), before
	t := kmsg.NewDeleteRecordsRequestTopic()
	t.Topic, t.Partitions = topic, append(t.Partitions, p)
	request := kmsg.NewPtrDeleteRecordsRequest()
	request.TimeoutMillis = int32(orderTimeout.Milliseconds())
	request.Topics = append(request.Topics, t)
	answer, err := request.RequestWith(ctx, a.client)
	if err == nil {
		err = kerr.ErrorForCode(answer.Topics[0].Partitions[0].ErrorCode)
	}
	if err != nil {
		return fmt.Errorf("deleting records of topic %s: %w", topic, err)
	}
	return nil
}

// Set changes a setting of a topic.
func (a *Admin) Set(ctx context.Context, topic, name, value string) error {
	ctx, cancel := context.WithTimeout(ctx, orderTimeout)
	defer cancel()
	c := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
	c.Name, c.Value, c.Op = name, new(value), kmsg.IncrementalAlterConfigOpSet
	r := kmsg.NewIncrementalAlterConfigsRequestResource()
	r.ResourceType, r.ResourceName, r.Configs = kmsg.ConfigResourceTypeTopic, topic, append(r.Configs, c)
	request := kmsg.NewPtrIncrementalAlterConfigsRequest()
	request.Resources = append(request.Resources, r)
	answer, err := request.RequestWith(ctx, a.client)
	if err == nil {
		err = kerr.ErrorForCode(answer.Resources[0].ErrorCode)
	}
	if err != nil {
		return fmt.Errorf("setting %s of topic %s: %w", name, topic, err)
	}
	return nil
}

// DenyGroup forbids all users to join a consumer group. The brokers need an authorizer.
func (a *Admin) DenyGroup(ctx context.Context, group string) error {
	ctx, cancel := context.WithTimeout(ctx, orderTimeout)
	defer cancel()
	c := kmsg.NewCreateACLsRequestCreation()
	c.ResourceType, c.ResourceName, c.ResourcePatternType = kmsg.ACLResourceTypeGroup, group, kmsg.ACLResourcePatternTypeLiteral
	c.Principal, c.Host, c.Operation, c.PermissionType = "User:*", "*", kmsg.ACLOperationRead, kmsg.ACLPermissionTypeDeny
	request := kmsg.NewPtrCreateACLsRequest()
	request.Creations = append(request.Creations, c)
	answer, err := request.RequestWith(ctx, a.client)
	if err == nil {
		err = kerr.ErrorForCode(answer.Results[0].ErrorCode)
	}
	if err != nil {
		return fmt.Errorf("denying group %s: %w", group, err)
	}
	return nil
}

// await polls until the topic has that many partitions with a leader; 0 means until it is gone.
func (a *Admin) await(ctx context.Context, topic string, partitions int) error {
	return poll(ctx, func() (bool, error) {
		n, err := a.partitions(ctx, topic)
		return n == partitions, err
	})
}

// partitions counts the partitions that have a leader.
func (a *Admin) partitions(ctx context.Context, topic string) (int, error) {
	t := kmsg.NewMetadataRequestTopic()
	t.Topic = new(topic)
	request := kmsg.NewPtrMetadataRequest()
	request.Topics = append(request.Topics, t)
	answer, err := request.RequestWith(ctx, a.client)
	if err != nil {
		return 0, err
	}
	led := 0
	for _, p := range answer.Topics[0].Partitions {
		if p.ErrorCode == 0 && p.Leader >= 0 {
			led++
		}
	}
	return led, nil
}

// poll asks until the answer is yes, there is an error, or ctx ends.
func poll(ctx context.Context, done func() (bool, error)) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		yes, err := done()
		if yes || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// Write produces one message to a partition, for tests. It waits until the broker has stored it.
func (a *Admin) Write(ctx context.Context, topic string, partition int, key, value []byte) error {
	ctx, cancel := context.WithTimeout(ctx, orderTimeout)
	defer cancel()
	r := &kgo.Record{Topic: topic, Partition: int32(partition), Key: key, Value: value}
	if err := a.client.ProduceSync(ctx, r).FirstErr(); err != nil {
		return fmt.Errorf("writing to topic %s: %w", topic, err)
	}
	return nil
}
