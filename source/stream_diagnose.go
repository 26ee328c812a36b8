package source

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/nordvarg/crosscheck/verify"
)

// The checks of the stream, beside CheckConnection and CheckLogin.
const (
	CheckTopic      = "topic"
	CheckCleanup    = "cleanup_policy"
	CheckRetention  = "retention"
	CheckMessages   = "messages"
	CheckMessageKey = "message_key"
)

// lastMessages is how many of a partition's newest messages are looked at.
const lastMessages = 20

// DiagnoseStream examines the topic from the outside in. What fails hides only what lies within it.
func DiagnoseStream(ctx context.Context, c StreamConfig) []Finding {
	ctx, cancel := context.WithTimeout(ctx, diagnosisTimeout)
	defer cancel()
	e := streamExamination{topic: c.Topic}
	s, err := newStream(c)
	if err != nil {
		e.add(Error, CheckConnection, oneLine(err.Error()), "check section stream of the configuration")
		return e.findings
	}
	e.Stream = s
	partitions, err := s.Partitions(ctx)
	if err != nil {
		e.failed(err)
		return e.findings
	}
	e.add(OK, CheckConnection, "connected to "+s.at(), "")
	e.add(OK, CheckTopic, fmt.Sprintf("topic %s has %d partitions", c.Topic, len(partitions)), "")
	e.examineSettings(ctx)
	e.examineMessages(ctx, partitions)
	return e.findings
}

type streamExamination struct {
	*Stream
	topic    string
	findings []Finding
}

func (e *streamExamination) add(level Level, check, message, hint string) {
	e.findings = append(e.findings, Finding{Side: streamName, Check: check, Level: level, Message: message, Hint: hint})
}

func (e *streamExamination) failed(err error) {
	check := CheckConnection
	switch {
	case errors.Is(err, ErrStreamLogin):
		check = CheckLogin
	case errors.Is(err, ErrTopicUnknown), errors.Is(err, ErrStreamDenied):
		check = CheckTopic
	}
	e.add(Error, check, oneLine(err.Error()), streamHint(err))
}

func (e *streamExamination) examineSettings(ctx context.Context) {
	var settings map[string]string
	err := e.ask(ctx, "settings", func(ctx context.Context, c *kafka.Client) error {
		var err error
		settings, err = e.settings(ctx, c, settingCleanup, settingRetention)
		return err
	})
	if err != nil {
		e.add(Info, CheckCleanup, "the topic's settings cannot be seen: "+oneLine(err.Error()), "DESCRIBE_CONFIGS on the topic lets crosscheck refuse a compacted one")
		return
	}
	policy := settings[settingCleanup]
	if strings.Contains(policy, "compact") {
		e.add(Error, CheckCleanup, settingCleanup+" is "+policy, streamHint(ErrCompacted))
	} else {
		e.add(OK, CheckCleanup, settingCleanup+" is "+policy, "")
	}
	ms, err := strconv.ParseInt(settings[settingRetention], 10, 64)
	switch kept := time.Duration(ms) * time.Millisecond; {
	case err != nil:
	case ms < 0:
		e.add(OK, CheckRetention, "messages are kept for ever", "")
	case kept < shortRetention:
		e.add(Warning, CheckRetention, fmt.Sprintf("messages are kept for %s", kept), "a crosscheck that is down for longer finds a gap; raise retention.ms")
	default:
		e.add(OK, CheckRetention, fmt.Sprintf("messages are kept for %s", kept), "")
	}
}

// shortRetention is less than a weekend without anybody looking.
const shortRetention = 72 * time.Hour

// examineMessages looks at the end of each partition.
func (e *streamExamination) examineMessages(ctx context.Context, partitions []verify.StreamPartition) {
	r := verify.StreamRange{From: map[int]int64{}, To: map[int]int64{}}
	for _, p := range partitions {
		if p.End > p.First {
			r.From[p.Partition], r.To[p.Partition] = max(p.First, p.End-lastMessages), p.End
		}
	}
	if len(r.To) == 0 {
		e.add(Warning, CheckMessages, "the topic is empty", "check that the producer writes to this topic")
		return
	}
	seen := make(chan [2]int, len(partitions)*lastMessages) // messages, and those without a key, of each batch
	err := e.Read(ctx, r, func(_ context.Context, b verify.StreamBatch) error {
		var n [2]int
		for _, m := range b.Messages {
			n[0]++
			if len(m.Key) == 0 {
				n[1]++
			}
		}
		seen <- n // a batch takes at least one offset of the few
		return nil
	})
	close(seen)
	if err != nil {
		e.failed(err)
		return
	}
	var all, unkeyed int
	for n := range seen {
		all, unkeyed = all+n[0], unkeyed+n[1]
	}
	e.add(OK, CheckMessages, fmt.Sprintf("messages can be read from %d of %d partitions", len(r.To), len(partitions)), "")
	if unkeyed > 0 && len(partitions) > 1 {
		e.add(Warning, CheckMessageKey, fmt.Sprintf("%d of the %d newest messages have no key, so the events of one order spread over partitions and lose their order", unkeyed, all),
			"let the producer set the order's id as the message's key")
	}
}
