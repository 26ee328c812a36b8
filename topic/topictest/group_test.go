package topictest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/nordvarg/crosscheck/doctor"
	"github.com/nordvarg/crosscheck/follow"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/topic"
)

// sharing is a group of members, each with the partitions that it holds now.
type sharing struct {
	t    *testing.T
	mu   sync.Mutex
	held map[string][]int
}

// join makes a member, and returns how it leaves.
func (s *sharing) join(c cluster, name, member, kind string) (leave func()) {
	s.t.Helper()
	config := c.config(s.t, name)
	stream, err := topic.Open(s.t.Context(), config)
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(s.t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- stream.Share(ctx, "group of "+name, kind, func(ctx context.Context, partitions []int) error {
			s.hold(member, partitions)
			defer s.hold(member, nil)
			<-ctx.Done()
			return ctx.Err()
		})
	}()
	leave = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			s.t.Errorf("member %s ended with %v", member, err)
		}
	})
	s.t.Cleanup(leave)
	return leave
}

func (s *sharing) hold(member string, partitions []int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held[member] = partitions; partitions == nil {
		delete(s.held, member)
	}
}

// want waits until members hold so many partitions, and all of them are held once in each kind, which is a member's first letter.
func (s *sharing) want(partitions int, sizes map[string]int) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	for {
		got, all := map[string]int{}, map[string][]int{}
		s.mu.Lock()
		for member, held := range s.held {
			got[member] = len(held)
			all[member[:1]] = append(all[member[:1]], held...)
		}
		s.mu.Unlock()
		once := true
		for _, held := range all {
			slices.Sort(held)
			once = once && len(slices.Compact(held)) == partitions
		}
		if once && fmt.Sprint(got) == fmt.Sprint(sizes) {
			return
		}
		if lease.Sleep(ctx, 20*time.Millisecond) != nil {
			s.t.Fatalf("members hold %v, want %v", got, sizes)
		}
	}
}

// membersShare lets members come and go. None commits an offset.
func membersShare(t *testing.T, c cluster, name string) {
	c.create(t, name, 4, nil)
	s := &sharing{t: t, held: map[string][]int{}}
	s.join(c, name, "a1", "a")
	s.want(4, map[string]int{"a1": 4})
	second := s.join(c, name, "a2", "a")
	s.want(4, map[string]int{"a1": 2, "a2": 2})
	other := s.join(c, name, "b1", "b")
	s.want(4, map[string]int{"a1": 2, "a2": 2, "b1": 4})
	other()
	if err := c.admin.AddPartitions(t.Context(), name, 6); err != nil {
		t.Fatal(err)
	}
	s.want(6, map[string]int{"a1": 3, "a2": 3})
	second()
	s.want(6, map[string]int{"a1": 6})
}

// aTopicThatIsGoneIsNotCreated deletes the topic while it is shared.
func aTopicThatIsGoneIsNotCreated(t *testing.T, c cluster, name string) {
	c.create(t, name, 2, nil)
	stream := c.open(t, name)
	err := stream.Share(t.Context(), "group of "+name, "", func(ctx context.Context, _ []int) error {
		if err := c.admin.DeleteTopic(ctx, name); err != nil {
			return err
		}
		<-ctx.Done()
		return ctx.Err()
	})
	if !errors.Is(err, topic.ErrUnknown) {
		t.Errorf("sharing ended with %v", err)
	}
	if err := stream.Share(t.Context(), "group of "+name, "", nil); !errors.Is(err, topic.ErrUnknown) {
		t.Errorf("sharing what is gone ended with %v", err)
	}
	c.create(t, name, 1, nil) // fails if it exists
}

// aGroupOfOthersIsLeftAlone has another consumer's group, first with its members and then with what they have committed.
func aGroupOfOthersIsLeftAlone(t *testing.T, c cluster, name string) {
	c.create(t, name, 2, nil)
	c.write(t, name, 2, 0, 1)
	group := "group of " + name
	other, err := kgo.NewClient(kgo.SeedBrokers(c.brokers...), kgo.ConsumerGroup(group), kgo.ConsumeTopics(name))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if f := other.PollFetches(t.Context()); f.Err() != nil {
		t.Fatal(f.Err())
	}
	stream := c.open(t, name)
	if err := stream.MayJoin(t.Context(), group); !errors.Is(err, topic.ErrForeign) {
		t.Errorf("beside other members: %v", err)
	}
	if err := other.CommitUncommittedOffsets(t.Context()); err != nil {
		t.Fatal(err)
	}
	other.Close()
	err = stream.Share(t.Context(), group, "", func(context.Context, []int) error { return errJoined })
	if !errors.Is(err, topic.ErrForeign) || !errors.Is(err, topic.ErrGroup) {
		t.Errorf("beside committed offsets: %v", err)
	}
}

// aGroupIsDenied asks for groups with and without a right to them.
func aGroupIsDenied(t *testing.T, c cluster, name string) {
	c.create(t, name, 2, nil)
	group := "group of " + name
	config := c.config(t, name)
	config.Group = group
	stream, err := topic.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	level := func() (doctor.Level, string) {
		for _, f := range topic.Diagnose(t.Context(), config, func(follow.Message) error { return nil }) {
			if f.Check == topic.CheckGroup {
				return f.Level, f.Hint
			}
		}
		return "", ""
	}
	if err := stream.MayJoin(t.Context(), group); err != nil {
		t.Errorf("a group that may be joined: %v", err)
	}
	if l, hint := level(); l != doctor.OK || hint != "" {
		t.Errorf("doctor says %s, %s", l, hint)
	}
	c.deny(t, group)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for err = nil; !errors.Is(err, topic.ErrGroup); err = stream.MayJoin(t.Context(), group) { // a rule takes a moment to reach the brokers
		if lease.Sleep(ctx, 20*time.Millisecond) != nil {
			t.Fatalf("a group that is denied: %v", err)
		}
	}
	if topic.Hint(err) == "" {
		t.Errorf("no hint for %v", err)
	}
	err = stream.Share(t.Context(), group, "", func(context.Context, []int) error { return errors.New("held") })
	if !errors.Is(err, topic.ErrGroup) {
		t.Errorf("sharing ended with %v", err)
	}
	if l, hint := level(); l != doctor.Warning || !strings.Contains(hint, "--operation Read --group '"+group+"'") {
		t.Errorf("doctor says %s, %s", l, hint)
	}
}
