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
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/describegroups"
)

var (
	// ErrGroup is returned when the group may not be joined.
	ErrGroup = errors.New("the group may not be joined")
	// ErrForeign is an ErrGroup: other consumers use the group.
	ErrForeign = fmt.Errorf("%w: other consumers use it", ErrGroup)
)

// Timeouts of a member. A member that has died is noticed after sessionTimeout.
const (
	heartbeatEvery   = time.Second
	sessionTimeout   = 10 * time.Second
	rebalanceTimeout = 10 * time.Second
	joinAgain        = time.Second
)

// MayJoin asks whether the user may join a group, without joining it. It returns ErrGroup if not, which is ErrForeign if the group
// is another consumer's.
func (t *Topic) MayJoin(ctx context.Context, group string) error {
	return t.ask(ctx, "group", func(ctx context.Context, c *kafka.Client) error {
		found, err := c.Transport.RoundTrip(ctx, t.address(), &heartbeat{GroupID: group, GenerationID: -1})
		if answer, ok := found.(*heartbeatAnswer); ok && kafka.Error(answer.ErrorCode) == kafka.GroupAuthorizationFailed {
			return kafka.GroupAuthorizationFailed
		}
		if err != nil { // other codes say that there is no such member, or no group yet
			return err
		}
		return t.own(ctx, c, group)
	})
}

// own returns ErrForeign if a group has members of another protocol, or committed offsets: crosscheck commits none.
func (t *Topic) own(ctx context.Context, c *kafka.Client, group string) error {
	found, err := c.Transport.RoundTrip(ctx, t.address(), &describegroups.Request{Groups: []string{group}})
	if err != nil {
		return err
	}
	for _, g := range found.(*describegroups.Response).Groups { //nolint:errcheck,forcetypeassert // the library's
		if err := kafka.Error(g.ErrorCode); err != 0 && err != kafka.GroupIdNotFound {
			return err
		}
		if g.ProtocolData != "" && g.ProtocolData != (balancer{}).ProtocolName() {
			return fmt.Errorf("%w, with protocol %s", ErrForeign, g.ProtocolData)
		}
	}
	committed, err := c.OffsetFetch(ctx, &kafka.OffsetFetchRequest{GroupID: group})
	switch {
	case err != nil:
		return err
	case errors.Is(committed.Error, kafka.GroupIdNotFound):
		return nil
	case committed.Error != nil:
		return committed.Error
	}
	for name := range committed.Topics {
		return fmt.Errorf("%w, and have committed offsets of topic %s", ErrForeign, name)
	}
	return nil
}

func init() { protocol.Register(&heartbeat{}, &heartbeatAnswer{}) }

// heartbeat and heartbeatAnswer replace the library's, which reads the two fields of the answer in the wrong order and thus never
// sees an error.
type heartbeat struct {
	GroupID         string `kafka:"min=v0,max=v3"`
	GenerationID    int32  `kafka:"min=v0,max=v3"`
	MemberID        string `kafka:"min=v0,max=v3"`
	GroupInstanceID string `kafka:"min=v3,max=v3,nullable"`
}

type heartbeatAnswer struct {
	ThrottleTimeMs int32 `kafka:"min=v1,max=v3"`
	ErrorCode      int16 `kafka:"min=v0,max=v3"`
}

// ApiKey is the kind of request.
func (*heartbeat) ApiKey() protocol.ApiKey { return protocol.Heartbeat } //nolint:revive,staticcheck // the library's name

// ApiKey is the request that it answers.
func (*heartbeatAnswer) ApiKey() protocol.ApiKey { return protocol.Heartbeat } //nolint:revive,staticcheck // the library's name

// Share joins a group, and calls hold with the partitions that Kafka gives to this member: again and again, whenever they
// change. Members of one kind share all partitions; members of another kind have all partitions too. hold's context ends
// when the partitions may become another's; the group waits for hold to return. No offsets are committed. Share returns
// ErrGroup if the user may not join, ErrUnknown if the topic is gone, hold's error, or ctx's.
func (t *Topic) Share(ctx context.Context, group, kind string, hold func(ctx context.Context, partitions []int) error) error {
	if err := t.MayJoin(ctx, group); err != nil {
		return err
	}
	known, err := t.count(ctx) // a member that joins for a topic that is gone may create it
	if err != nil {
		return err
	}
	members, err := kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{
		ID: group, Brokers: t.config.Brokers, Dialer: t.dialer, Topics: []string{t.config.Topic},
		GroupBalancers:    []kafka.GroupBalancer{balancer{kind}}, // its watcher of partitions creates a topic that is gone: see whileSame
		HeartbeatInterval: heartbeatEvery, SessionTimeout: sessionTimeout, RebalanceTimeout: rebalanceTimeout, JoinGroupBackoff: joinAgain,
	})
	if err != nil {
		return fmt.Errorf("joining group %s: %w", group, err)
	}
	defer func() { _ = members.Close() }() // leaves; returns nil
	var outage outage
	defer outage.end()
	for {
		generation, err := members.Next(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, kafka.RebalanceInProgress):
			continue
		case err != nil:
			if _, gone := t.count(ctx); errors.Is(gone, ErrUnknown) {
				return gone
			}
			err = classify(err)
			if outage.begin(t.config.Patience) {
				t.config.Log.WarnContext(ctx, "group cannot be joined, trying again", slog.String("group", group), slog.Any("error", err))
			}
			if final(err) || !outage.pause(ctx) {
				return fmt.Errorf("joining group %s at %s: %w", group, t.at(), err)
			}
			continue
		}
		outage.end()
		held := make(chan error, 1)
		generation.Start(func(ended context.Context) {
			err := t.hold(ctx, ended, &known, func(ctx context.Context) error { return hold(ctx, t.assigned(generation)) })
			if held <- err; err != nil {
				<-ended.Done() // else it would join again
			}
		})
		if err := <-held; err != nil {
			return err
		}
	}
}

// hold calls do until ctx or the generation ends, or the topic has another number of partitions than is known.
func (t *Topic) hold(ctx, ended context.Context, known *int, do func(context.Context) error) error {
	during, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(ended, stop)()
	watched := make(chan error, 1)
	go func() {
		defer stop()
		watched <- t.whileSame(during, known)
	}()
	err := do(during)
	if during.Err() != nil { // the next turn says why
		err = nil
	}
	stop()
	return cmp.Or(<-watched, err)
}

// whileSame returns nil when ctx has ended or the topic has another number of partitions, and ErrUnknown if it is gone.
func (t *Topic) whileSame(ctx context.Context, known *int) error {
	tick := time.NewTicker(t.config.WatchEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		now, err := t.count(ctx)
		switch {
		case errors.Is(err, ErrUnknown):
			return err
		case err == nil && now != *known:
			*known = now
			return nil
		}
	}
}

// count returns how many partitions the topic has. Unlike what the library asks, it creates no topic.
func (t *Topic) count(ctx context.Context) (n int, err error) {
	err = t.ask(ctx, "partitions", func(ctx context.Context, c *kafka.Client) error {
		ids, err := t.partitionIDs(ctx, c)
		n = len(ids)
		return err
	})
	return n, err
}

// assigned are the partitions of this member.
func (t *Topic) assigned(g *kafka.Generation) []int {
	var partitions []int
	for _, p := range g.Assignments[t.config.Topic] {
		partitions = append(partitions, p.ID)
	}
	slices.Sort(partitions)
	return partitions
}

// balancer gives the partitions to members in turn, for each kind of members.
type balancer struct{ kind string }

// ProtocolName must differ from those of other consumers, so that they cannot join the same group.
func (balancer) ProtocolName() string { return "crosscheck" }

// UserData is what the member who assigns knows of the others.
func (b balancer) UserData() ([]byte, error) { return []byte(b.kind), nil }

// AssignGroups is called in one of the members.
func (balancer) AssignGroups(members []kafka.GroupMember, partitions []kafka.Partition) kafka.GroupMemberAssignments {
	members = slices.SortedFunc(slices.Values(members), func(a, b kafka.GroupMember) int { return strings.Compare(a.ID, b.ID) })
	kinds := map[string][]kafka.GroupMember{}
	assigned := kafka.GroupMemberAssignments{}
	for _, m := range members {
		kinds[string(m.UserData)] = append(kinds[string(m.UserData)], m)
		assigned[m.ID] = map[string][]int{}
	}
	partitions = slices.SortedFunc(slices.Values(partitions), func(a, b kafka.Partition) int { return a.ID - b.ID })
	for _, same := range kinds {
		for i, p := range partitions {
			to := assigned[same[i%len(same)].ID]
			to[p.Topic] = append(to[p.Topic], p.ID)
		}
	}
	return assigned
}
