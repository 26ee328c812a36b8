package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/nordvarg/crosscheck/lab"
	"github.com/nordvarg/crosscheck/lab/broker"
)

// topicFlags say where events are published.
type topicFlags struct {
	Brokers        []string `help:"Kafka brokers to publish to. Default: a broker in this process." placeholder:"HOST:PORT"`
	Topic          string   `default:"orders" help:"Topic to publish to. With --brokers, choose one that no other lab has used."`
	Partitions     int      `default:"6" help:"Partitions of the topic, if it is created."`
	PublishHistory int64    `default:"0" help:"How many of the newest events of the generated history to publish first."`
}

// stream is a topic to publish to, and its broker if the lab started that.
type stream struct {
	*lab.Kafka

	brokers []string
	topic   string
	own     *broker.Broker // nil if the brokers are external
}

// open starts a broker if none is named. The broker keeps its messages if the databases are kept.
func (f topicFlags) open(s *session, dir string) (*stream, error) {
	began := time.Now()
	st := &stream{brokers: f.Brokers, topic: f.Topic}
	if len(f.Brokers) == 0 {
		var options broker.Options
		if dir != "" {
			options.Dir = dir + ".broker"
		}
		var err error
		if st.own, err = broker.Start(s.ctx, options); err != nil {
			return nil, err
		}
		st.brokers = st.own.Brokers()
	}
	var err error
	if st.Kafka, err = lab.OpenKafka(s.ctx, st.brokers, f.Topic, f.Partitions); err != nil {
		return nil, withHint(errors.Join(fmt.Errorf("opening the stream: %w", err), st.close()), "give reachable brokers with --brokers, or leave it out")
	}
	s.out.line("  topic %s on %v (%s)", f.Topic, st.brokers, since(began))
	return st, nil
}

// close ends the stream, after the last publish. A nil stream does nothing.
func (st *stream) close() error {
	if st == nil {
		return nil
	}
	var errs []error
	if st.Kafka != nil {
		errs = append(errs, st.Close())
	}
	if st.own != nil {
		errs = append(errs, st.own.Stop())
	}
	return errors.Join(errs...)
}
