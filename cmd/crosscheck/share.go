package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nordvarg/crosscheck/follow"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/topic"
)

// mayJoinEvery is the time between two looks whether the right to join the group was granted or taken away.
const mayJoinEvery = time.Minute

// errRight ends a follower that shares partitions and may no longer, or the other way round.
var errRight = errors.New("the right to join the group of stream.group has changed")

// intake is where the follower finds what members of the group have read; nil if it reads the topic by itself.
func (s *sidecar) intake(ctx context.Context, stream *topic.Topic) (follow.Intake, error) {
	if s.config.Stream.Group == "" {
		return nil, nil //nolint:nilnil // no group is no error
	}
	err := stream.MayJoin(ctx, s.config.Stream.Group)
	if errors.Is(err, topic.ErrGroup) {
		s.log.WarnContext(ctx, "one sidecar follows all partitions", slog.Any("reason", err), slog.String("hint", topic.Hint(err)))
		return nil, nil //nolint:nilnil // as without a group
	}
	return s.ledger, err
}

// whileShared returns errRight if partitions can be shared, and were not, or the other way round.
func (s *sidecar) whileShared(ctx context.Context, stream *topic.Topic, shared bool) error {
	if s.config.Stream.Group == "" {
		return nil
	}
	for {
		if err := lease.Sleep(ctx, mayJoinEvery); err != nil {
			return err
		}
		err := stream.MayJoin(ctx, s.config.Stream.Group)
		if denied := errors.Is(err, topic.ErrGroup); shared == denied && (denied || err == nil) {
			return errRight
		}
	}
}

// share reads partitions as a member of the group until ctx ends. It survives outages of databases and brokers.
func (s *sidecar) share(ctx context.Context) error {
	if s.config.Stream.Group == "" {
		return nil
	}
	for ctx.Err() == nil {
		err := s.shareOnce(ctx)
		pause := followAgain
		s.sharing.set(err)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, errSwapped):
			s.log.InfoContext(ctx, "reading partitions starts again", slog.Any("reason", err))
		case errors.Is(err, topic.ErrGroup): // the follower says so
			s.sharing.set(nil)
			pause = mayJoinEvery
		default:
			s.log.WarnContext(ctx, "reading partitions has stopped, will go on", slog.Any("error", err))
		}
		if lease.Sleep(ctx, pause) != nil {
			return nil
		}
	}
	return nil
}

// shareOnce is a member of the group until something fails. Members with another fingerprint or ledger have all partitions too,
// because what one has compared says nothing to the other.
func (s *sidecar) shareOnce(ctx context.Context) error {
	r, err := s.reader(ctx)
	if err != nil {
		return err
	}
	defer r.sides.close()
	ledger, err := s.ledger.Identity(ctx)
	if err != nil {
		return err
	}
	r.Intake = s.ledger
	member := follow.Member{Follower: r.Follower, Name: holder()}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.whileSame(ctx, r.sides, r.Fingerprint) })
	g.Go(func() error {
		return r.stream.Share(ctx, s.config.Stream.Group, r.Fingerprint+" "+ledger, func(ctx context.Context, partitions []int) error {
			s.sharing.set(nil)
			s.log.InfoContext(ctx, "reading partitions", slog.String("group", s.config.Stream.Group), slog.Any("partitions", partitions))
			return member.Run(ctx, partitions)
		})
	})
	return g.Wait()
}
