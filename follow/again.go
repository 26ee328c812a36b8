package follow

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/nordvarg/crosscheck/lease"
)

// errCreatedAgain ends a follower, so that it starts again and reads the topic from its beginning.
var errCreatedAgain = errors.New("the topic was created again")

// identify notes which topic is followed. If it was created again since it was followed last, it is read from its beginning. It may
// have more messages than the one before had, and then no offset tells.
func (w *work) identify(ctx context.Context, partitions []Partition) error {
	s, ok := w.Stream.(Identified)
	if !ok {
		return nil
	}
	id, err := s.Identity(ctx)
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("asking for the identity of the topic: %w", err)
	}
	if err != nil { // whileSame asks again, and the topic can be read without it
		w.Log.WarnContext(ctx, "the topic cannot be told from another of its name", slog.Any("error", err))
		return nil
	}
	was := w.state.Topic
	if id == "" || id == was {
		return nil
	}
	w.state.Topic, w.step.commit.At = id, w.Now()
	if was == "" {
		return nil
	}
	w.Log.WarnContext(ctx, "the topic was created again", slog.String("was", was), slog.String("is", id))
	for _, now := range partitions {
		p, known := w.state.Partitions[now.Partition]
		if !known || p.Next == 0 {
			continue
		}
		if err := w.gap(ctx, Gap{Partition: now.Partition, Kind: GapTruncated, Expected: p.Next, Got: now.First}, &p); err != nil {
			return err
		}
		p.Next, p.End, p.ReplayTo = now.First, now.End, max(p.ReplayTo, now.End)
		w.state.Partitions[now.Partition] = p
	}
	return nil
}

// whileSame returns errCreatedAgain when the topic is another one. An error of the brokers does not say so.
func (f *Follower) whileSame(ctx context.Context, topic string) error {
	s, ok := f.Stream.(Identified)
	for ok && topic != "" {
		if err := lease.Sleep(ctx, f.pause(watchEvery)); err != nil {
			return err
		}
		if id, err := s.Identity(ctx); err == nil && id != "" && id != topic {
			return errCreatedAgain
		}
	}
	return nil
}
