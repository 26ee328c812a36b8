package topictest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/nordvarg/crosscheck/follow"
	"github.com/nordvarg/crosscheck/lab/broker"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/registry"
	"github.com/nordvarg/crosscheck/registry/registrytest"
	"github.com/nordvarg/crosscheck/topic"
)

// TestARegistryThatIsDownHoldsTheReaderBack: no message is delivered without its schema, and none is lost or comes twice
// once the registry, which is a fake, answers again.
func TestARegistryThatIsDownHoldsTheReaderBack(t *testing.T) {
	t.Parallel()
	_, c := embedded(t, broker.Options{})
	fake := registrytest.New(t, "", "")
	id := registrytest.Register(t, fake.URL, "json", registrytest.Schema{Kind: "JSON", Schema: "{}"})
	name := topicFor(t)
	c.create(t, name, 1, nil)
	client := c.producer(t, name)
	defer client.Close()
	var records []*kgo.Record
	for i := range 10 {
		r := record(0, i)
		r.Value = registrytest.Framed(id, r.Value)
		records = append(records, r)
	}
	produce(t, client, records...)

	config := c.config(t, name)
	schemas, err := registry.New(registry.Config{URL: fake.URL})
	if err != nil {
		t.Fatal(err)
	}
	config.Open = func(ctx context.Context, r order.Record) (order.Opened, error) {
		r, err := schemas.Read(ctx, r)
		if err != nil && fake.Asked.Load() > 3 {
			fake.Down.Store(false)
		}
		return order.Opened{Value: r.Value, Problem: r.Unread}, err
	}
	fake.Down.Store(true)
	config.Patience = time.Nanosecond
	s, err := topic.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	read := newReceived(t)
	err = s.Read(t.Context(), follow.Range{To: map[int]int64{0: 10}}, read.deliver)
	if !errors.Is(err, topic.ErrUnopened) || !errors.Is(err, registry.ErrUnavailable) || errors.Is(err, topic.ErrUnreachable) || topic.Hint(err) == "" {
		t.Errorf("Read ended with %v", err)
	}
	read.numbered(0, 0, 0)

	config.Patience = time.Minute
	if s, err = topic.Open(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	r := readAll(t, s, nil)
	r.numbered(0, 0, 10)
	r.wantGaps()
}
