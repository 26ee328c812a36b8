package topictest_test

import (
	"maps"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

func offsetsByTime(t *testing.T, c cluster, name string) {
	c.create(t, name, 3, map[string]string{"retention.ms": "-1"}) // these times are years old
	at := func(seconds int64) time.Time { return time.Unix(1_700_000_000+seconds, 0) }
	var records []*kgo.Record
	for i := range int64(10) {
		records = append(records,
			&kgo.Record{Partition: 0, Value: value(0, int(i)), Timestamp: at(i)},
			&kgo.Record{Partition: 1, Value: value(1, int(i)), Timestamp: at(10 * i)})
	}
	produce(t, c.producer(t, name), records...)
	s := c.open(t, name)
	for _, test := range []struct {
		at   time.Time
		want map[int]int64
	}{
		{at(-100), map[int]int64{0: 0, 1: 0}},
		{at(5), map[int]int64{0: 5, 1: 1}},
		{at(85), map[int]int64{1: 9}},
		{at(91), map[int]int64{}},
	} {
		if got, err := s.OffsetsAt(t.Context(), test.at); err != nil || !maps.Equal(got, test.want) {
			t.Errorf("at %s: %v (%v), want %v", test.at, got, err, test.want)
		}
	}
}
