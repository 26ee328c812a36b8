package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/follow"
	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source"
	"github.com/nordvarg/crosscheck/topic"
)

// errUnreadable says that most of the newest events or messages cannot be read with this configuration. Every order
// would be called diverged.
var errUnreadable = errors.New("the configuration does not fit")

// countTimeout is how long counting the newest events or messages may take.
const countTimeout = 30 * time.Second

// unusable returns an error with a hint if most of what was counted cannot be read.
func (f form) unusable(where string, c *order.Census) error {
	if why := c.Unusable(f.many); why != "" {
		return withHint(fmt.Errorf("%s %s: %w: %s", f.side, where, errUnreadable, why), f.most+"; crosscheck doctor counts them by type")
	}
	return nil
}

// judge returns the gap that a count leaves, if there is one. unfit is an error if the count failed, or if most of what was
// counted cannot be read.
func (f form) judge(where string, count *order.Census, err error, now time.Time) (gaps []gate.Gap, unfit error) {
	if err == nil {
		err = f.unusable(where, count)
	}
	if err != nil {
		return []gate.Gap{{Name: f.gap, Reason: sentence(err), Hint: hintFor(err), At: now}}, err
	}
	if found := count.Gap(f.many); found != "" {
		reason := fmt.Sprintf("%s %s: %s.", f.side, where, found)
		gaps = append(gaps, gate.Gap{Name: f.gap, Reason: reason, Hint: "crosscheck doctor counts them by type", Partial: true, At: now})
	}
	return gaps, nil
}

// gaps counts the newest events and messages, and says what cannot be read. unfit is the first error of [form.judge].
func (s sides) gaps(ctx context.Context, c *config.Config) (gaps []gate.Gap, unfit error) {
	if s.events == nil {
		return nil, nil
	}
	count, err := s.events.Census(ctx)
	gaps, unfit = eventsForm.judge(c.Events.Table, count, err, time.Now())
	if c.Stream.Given() {
		count, err := s.countMessages(ctx, c)
		more, err := messagesForm.judge(c.Stream.Topic, count, err, time.Now())
		gaps = append(gaps, more...)
		if unfit == nil {
			unfit = err
		}
	}
	for i := range gaps {
		gaps[i].Reason = c.Mask(gaps[i].Reason)
	}
	return gaps, unfit
}

// readable returns errUnreadable if the event store cannot be used.
func (s sides) readable(ctx context.Context, c *config.Config) error {
	if s.events == nil {
		return nil
	}
	count, err := s.events.Census(ctx)
	if err != nil {
		return err
	}
	return eventsForm.unusable(c.Events.Table, count)
}

func messageCensus(c *config.Config, events *source.Events) (*follow.Census, error) {
	rules, err := c.MessageRules()
	if err != nil {
		return nil, err
	}
	return &follow.Census{Rules: rules, KeyType: events.KeyType(), IDType: events.IDType(), Store: events}, nil
}

// countMessages opens the topic and counts its newest messages.
func (s sides) countMessages(ctx context.Context, c *config.Config) (*order.Census, error) {
	ctx, cancel := context.WithTimeout(ctx, countTimeout)
	defer cancel()
	stream, err := topic.Open(ctx, topicConfig(c.Stream, nil, slog.New(slog.DiscardHandler)))
	if err != nil {
		return nil, err
	}
	return s.countNewest(ctx, c, stream)
}

func (s sides) countNewest(ctx context.Context, c *config.Config, t *topic.Topic) (*order.Census, error) {
	census, err := messageCensus(c, s.events)
	if err != nil {
		return nil, err
	}
	if err := t.Newest(ctx, func(m follow.Message) error { return census.Add(ctx, m) }); err != nil {
		return nil, err
	}
	return census.Done(ctx)
}

// streamReadable returns errUnreadable if the topic cannot be used.
func (s sides) streamReadable(ctx context.Context, c *config.Config, t *topic.Topic) error {
	count, err := s.countNewest(ctx, c, t)
	if err != nil {
		return err
	}
	return messagesForm.unusable(c.Stream.Topic, count)
}

func hintOr(err error, hint string) string { return cmp.Or(hintFor(err), hint) }
