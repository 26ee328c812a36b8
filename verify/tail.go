package verify

import (
	"fmt"
	"math/big"
	"time"

	"github.com/nordvarg/crosscheck/order"
)

// Tail lets a look read only the newest events, because the others are only added in rare cases: edits, deletions, and events
// that were stored long after they had got their position. A look at the whole store finds those.
type Tail struct {
	// Whole was the last look at the whole store, and Oldest the oldest transaction that it did not see.
	Whole  TailLook `json:"whole"`
	Oldest int64    `json:"oldest"`
	// Added is how many events of transactions from Oldest up to the mark looks have found since, and Sum is the exact sum of the
	// hashes of their positions.
	Added int64  `json:"added,omitempty"`
	Sum   string `json:"sum,omitempty"`
	// Floor is the position behind which events are read; nil until it is known. Next is the look that decides on the next one.
	Floor *order.Position `json:"floor,omitempty"`
	Next  TailLook        `json:"next"`
	// Ripe is true if Next.Begun is of a later look. By then, all transactions that had a position at Next have a number too.
	Ripe bool `json:"ripe,omitempty"`
	// Edits is what the server has counted of updates and deletions.
	Edits int64 `json:"edits,omitempty"`
}

// TailLook is what a snapshot showed of the newest events.
type TailLook struct {
	At     time.Time      `json:"at,omitzero"` // by the comparer's clock, before the snapshot
	Newest order.Position `json:"newest"`
	Begun  int64          `json:"begun"` // all transactions that had begun have lower numbers
}

const (
	// wholeEvery is how often scheduled looks read the whole store.
	wholeEvery = 5 * time.Minute
	// numberless is how long a transaction may take from getting a position to getting a number of its own, which it does when it
	// writes.
	numberless = 30 * time.Second
)

// TailFound is what a look found behind a mark.
type TailFound struct {
	Look  TailLook
	Edits int64
	// Added are the events that were written since the mark before, by transactions that no later look can see anew.
	Added int64
	Sum   string
}

// After is the tail of a look's mark. Whole says that it read the whole store. Oldest is that of the mark.
func (t Tail) After(found TailFound, whole bool, oldest int64) (Tail, error) {
	next := found.Look
	next.Newest = max(next.Newest, t.Next.Newest)
	if !t.Ripe && next.At.Sub(t.Next.At) >= numberless {
		t.Next.Begun, t.Ripe = next.Begun, true
	}
	if t.Ripe && t.Next.Begun <= oldest {
		floor := t.Next.Newest
		t.Floor, t.Next, t.Ripe = &floor, next, false
	}
	if whole {
		t.Whole, t.Oldest, t.Added, t.Sum, t.Edits = next, oldest, 0, "", found.Edits
		return t, nil
	}
	sum, err := AddSums(t.Sum, found.Sum)
	t.Added, t.Sum = t.Added+found.Added, sum
	return t, err
}

// due says whether a scheduled look has to read the whole store again.
func (t *Tail) due(now time.Time) bool {
	return t == nil || t.Floor == nil || now.Sub(t.Whole.At) >= wholeEvery || now.Before(t.Whole.At)
}

// manyEvents take a second or so to be read.
const manyEvents = 1_000_000

// LookAgain says after which time another pass brings a later one, of those that may leave out old events, nearer to reading only the newest.
// It returns false if that is so already or cannot be, and if there are few events.
func (p Pass) LookAgain(now time.Time) (after time.Duration, better bool) {
	m := p.marks()
	if m == nil || m.Events == nil || m.Events.Tail == nil || m.Events.Tail.Floor != nil || m.Events.Events < manyEvents {
		return 0, false
	}
	if t := m.Events.Tail; !t.Ripe {
		after = max(0, t.Next.At.Add(numberless).Sub(now))
	}
	return after, true
}

// Holds returns true if a look at the whole store found the events that looks before it had found, and no others.
func (t *Tail) Holds(w WrittenEvents) bool {
	before, err := AddSums(t.Sum, "")
	now, failed := AddSums(w.BetweenSum, "")
	return err == nil && failed == nil && w.Between == t.Added && before == now
}

// AddSums adds exact decimals, of which an empty one is zero.
func AddSums(a, b string) (string, error) {
	var sum big.Int
	for _, text := range []string{a, b} {
		if text == "" {
			continue
		}
		term, ok := new(big.Int).SetString(text, 10)
		if !ok {
			return "", fmt.Errorf("reading a sum of positions: %q is not a number", text)
		}
		sum.Add(&sum, term)
	}
	return sum.String(), nil
}

// OldEvents are those at which a pass did not look.
type OldEvents struct {
	UpTo     order.Position `json:"up_to"`     // additions, edits and deletions of events up to this position
	LookedAt time.Time      `json:"looked_at"` // were last looked for then
}
