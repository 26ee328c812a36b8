package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/follow"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source"
	"github.com/nordvarg/crosscheck/topic"
)

// errUnreadable says that most of the newest events or messages cannot be read with this configuration. Every order
// would be called diverged.
var errUnreadable = errors.New("the configuration does not fit")

// unusable returns an error with a hint if most of what was counted cannot be read.
func (f form) unusable(where string, c *order.Census) error {
	if why := c.Unusable(f.many); why != "" {
		return withHint(fmt.Errorf("%s %s: %w: %s", f.side, where, errUnreadable, why), f.most+"; crosscheck doctor counts them by type")
	}
	return nil
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
	vocabulary, err := streamVocabulary(c)
	if err != nil {
		return nil, err
	}
	return &follow.Census{Vocabulary: vocabulary, KeyType: events.KeyType(), Store: events}, nil
}

// streamReadable returns errUnreadable if the topic cannot be used.
func (s sides) streamReadable(ctx context.Context, c *config.Config, t *topic.Topic) error {
	census, err := messageCensus(c, s.events)
	if err != nil {
		return err
	}
	if err := t.Newest(ctx, func(m follow.Message) error { return census.Add(ctx, m) }); err != nil {
		return err
	}
	count, err := census.Done(ctx)
	if err != nil {
		return err
	}
	return messagesForm.unusable(c.Stream.Topic, count)
}

func hintOr(err error, hint string) string { return cmp.Or(hintFor(err), hint) }
