package explain

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/follow"
	"github.com/nordvarg/crosscheck/order"
)

// TestMomentsOfOneTimeHaveAnOrder, in whatever order the partitions were read.
func TestMomentsOfOneTimeHaveAnOrder(t *testing.T) {
	at := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	var messages []follow.OrderMessage
	for i, position := range []order.Position{2, 10, 9, 9} {
		m := follow.OrderMessage{Partition: i % 2, Offset: int64(100 - 10*i), Time: at}
		m.Event.Position = position
		messages = append(messages, m)
	}
	var first string
	for seed := range uint64(20) {
		rand.New(rand.NewPCG(seed, 0)).Shuffle(len(messages), func(i, j int) { messages[i], messages[j] = messages[j], messages[i] })
		moments := slices.Concat([]Moment{{At: at, Source: "trades", What: "trade"}}, (&onTopic{found: follow.OrderOnTopic{Messages: messages}}).moments(),
			[]Moment{{At: at, Source: "events", Event: "10", position: 10}, {At: at, Source: "events", Event: "9", position: 9}, {At: at.Add(-1), Source: "trades"}})
		inOrder(moments)
		var got []string
		for _, m := range moments {
			got = append(got, fmt.Sprint(m.Source, " ", m.Event, " ", m.What))
		}
		if first == "" {
			first = strings.Join(got, "\n")
			if !strings.HasPrefix(first, "trades") || !strings.Contains(first, "events 9 \nevents 10 \nstream 2 ") {
				t.Error(first)
			}
		}
		if again := strings.Join(got, "\n"); again != first {
			t.Errorf("%s\nand then\n%s", first, again)
		}
	}
}
