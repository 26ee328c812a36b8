package verify

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/nordvarg/crosscheck/order"
)

// Mark is what a snapshot leaves behind, so that a later one can tell which rows were written since.
type Mark struct {
	// Unknown says why that cannot be told; empty if it can.
	Unknown string `json:"unknown,omitempty"`
	// Server is the running server: its system identifier, and when it was started. A server that was restored from a copy
	// counts transactions that it has counted before.
	Server string `json:"server,omitempty"`
	// Oldest is the oldest transaction that the snapshot does not see, as PostgreSQL's 64-bit number. All older ones had ended.
	Oldest int64 `json:"oldest,omitempty"`
	// Files are the table and its partitions: each one's identity, its file, and its columns.
	Files []string `json:"files,omitempty"`
	// Meaning is what else decides on values: labels of enums, and the functions that are called.
	Meaning string `json:"meaning,omitempty"`
	// Edits is what the server has counted of updates and deletions; -1 on a standby, which counts none. It comes late, and
	// only tells which way is cheaper.
	Edits int64 `json:"edits,omitempty"`
	// Events is the number of events that older transactions have written; 0 for other sides. A snapshot may show younger ones,
	// which also count as written since.
	Events int64 `json:"events,omitempty"`
	// Tail is what lets a later look read only the newest events; nil if it must read all, and for other sides.
	Tail *Tail `json:"tail,omitempty"`
}

// tooOld is how many transactions later a mark is not used any more. A row has 32 bits of its transaction's number.
const tooOld = 1_000_000_000

// unedited returns true if the server has counted no update and no deletion since an earlier mark.
func (m Mark) unedited(before Mark) bool { return m.Edits >= 0 && m.Edits == before.Edits }

// Unlike returns true if what was written since an earlier mark cannot be told.
func (m Mark) Unlike(before Mark) bool { return m.since(before) != "" }

// since says why what was written since an earlier mark cannot be told; empty if it can.
func (m Mark) since(before Mark) string {
	switch {
	case before.Unknown != "":
		return before.Unknown
	case m.Unknown != "":
		return m.Unknown
	case m.Server != before.Server:
		return "the server was started again, or is another one"
	case !slices.Equal(m.Files, before.Files):
		return "the table or one of its partitions was altered, rewritten, restored or replaced"
	case m.Meaning != before.Meaning:
		return "labels of an enum or functions were replaced"
	case m.Oldest < before.Oldest:
		return "the server is behind the one that was read before"
	case m.Oldest-before.Oldest > tooOld:
		return fmt.Sprintf("more than %d transactions have begun", tooOld)
	}
	return ""
}

// reaches returns false if the snapshot may lack what an earlier one shows, as far as that one's mark tells.
func (m Mark) reaches(before Mark) bool {
	return before.Unknown != "" || m.Server == before.Server && m.Oldest >= before.Oldest
}

// Marks are those of one pass. At is when the first of its snapshots was about to be taken, by the comparer's clock.
type Marks struct {
	At         time.Time `json:"at"`
	Digests    int       `json:"digests"` // the version of digests, and of everything else that a mark relies on
	Legacy     Mark      `json:"legacy"`
	Projection Mark      `json:"projection"`
	Events     *Mark     `json:"events,omitempty"` // nil if there is no event store
}

// Tracked is a Snapshot that can tell which rows were written since an earlier one.
type Tracked interface {
	// Mark marks the snapshot.
	Mark(context.Context) (Mark, error)
	// Written reads the rows written since an earlier mark, which this snapshot's own mark can be compared with, and the sum
	// over the keys of all rows. It stops after most rows.
	Written(ctx context.Context, since Mark, q WrittenQuery, progress func(rows int64)) (Written, error)
	// Keyed returns all rows with these keys, written or not, in no particular order. The hash is that of Written.
	Keyed(ctx context.Context, keys []order.Key, h Hash) ([]WrittenRow, error)
}

// Reaching is a Tracked that says how far it reads without all of its mark, which takes several times as long to read.
type Reaching interface {
	// Reach is the mark with Server and Oldest alone, or with neither.
	Reach(context.Context) (Mark, error)
}

// WrittenQuery asks for what was written.
type WrittenQuery struct {
	Hash Hash
	Most int64 // rows that were written
	Pace *Pace // nil for full speed
	// NoSum leaves the sum out, which takes a third of the time.
	NoSum bool
	// Digests asks for the digest of each row that was written. There are none if a key may occur twice.
	Digests bool
}

// EventsQuery asks for the events that were written.
type EventsQuery struct {
	Most int64     // events that were written
	Pace *Pace     // nil for full speed
	At   time.Time // when the look begins
	// Hold is how long a snapshot may be held while events are marked; 0 is no limit.
	Hold time.Duration
	// Tail allows to read only the events behind the mark's floor.
	Tail bool
}

// Written is what was written since a mark.
type Written struct {
	Rows    int64  // all that the snapshot has
	Sum     string // exact decimal sum of the hashes of all rows' keys
	Written []WrittenRow
	NoKey   int64 // rows with a NULL key that were written
	Stopped bool  // there is more than was asked for
}

// WrittenRow is a row that was written.
type WrittenRow struct {
	Key  order.Key
	Hash int64 // of the key: 64 bits, seeded with the pass, the same on both sides
	// Digest is that of the whole row, as in [Snapshot.Digests]; 0 if it is not known.
	Digest int64
}

// Growing is an event store that can tell which orders have events that were written since an earlier mark.
type Growing interface {
	// Mark marks the events of one instant, and counts them.
	//
	// If a snapshot may be held only for a time, later snapshots count the rest. Then nobody notices an event of the instant that was
	// deleted before Mark returns.
	Mark(ctx context.Context, q EventsQuery) (Mark, error)
	// Written returns what was written since an earlier mark. If the mark of the snapshot that was read cannot be compared
	// with the earlier one, it returns only that mark.
	Written(ctx context.Context, since Mark, q EventsQuery) (WrittenEvents, error)
}

// WrittenEvents are the events that were written since a mark.
type WrittenEvents struct {
	Keys    []order.Key // the orders of all of them, sorted
	Written int64       // these events
	Old     int64       // all others
	NoOrder bool        // some of them have no order
	Now     Mark        // of the snapshot that was read
	// Tail says that only events behind the mark's floor were read. Then Old is taken from the mark.
	Tail   bool
	Newest order.Position // of all events
	// Between are the events that the mark has seen and the look at the whole store before it has not, and BetweenSum is the sum
	// of the hashes of their positions. They are counted only where the whole store is read.
	Between    int64
	BetweenSum string
}

const notGrowing = "it cannot tell which events were written"

// marks marks the snapshots of a pass, and the events after them.
func (p *pass) marks(ctx context.Context, at time.Time, s snapshots) (*Marks, error) {
	m, err := marksOf(ctx, at, s)
	if err != nil {
		return nil, err
	}
	return m, p.markEvents(ctx, m, 0)
}

func marksOf(ctx context.Context, at time.Time, s snapshots) (m *Marks, err error) {
	m = &Marks{At: at, Digests: DigestVersion}
	m.Legacy, m.Projection, err = both(s, func(n Snapshot) (Mark, error) { return markOf(ctx, n) })
	return m, err
}

// markEvents marks the events too, and holds no snapshot of them for longer than hold; zero is no limit.
func (p *pass) markEvents(ctx context.Context, m *Marks, hold time.Duration) error {
	if p.c.Events == nil || p.c.Folded == nil || m.unknown() != "" {
		return nil
	}
	m.Events = &Mark{Unknown: notGrowing}
	g, ok := p.c.Events.(Growing)
	if !ok {
		return nil
	}
	events, err := g.Mark(ctx, EventsQuery{At: p.c.Now(), Hold: hold})
	if p.irregular {
		events.Tail = nil
	}
	m.Events = &events
	return err
}

func markOf(ctx context.Context, n Snapshot) (Mark, error) {
	if t, ok := n.(Tracked); ok {
		return t.Mark(ctx)
	}
	return Mark{Unknown: "it cannot tell which rows were written"}, nil
}

// reachOf is markOf for [Mark.reaches].
func reachOf(ctx context.Context, n Snapshot) (Mark, error) {
	if r, ok := n.(Reaching); ok {
		return r.Reach(ctx)
	}
	return markOf(ctx, n)
}

// unknown says why the marks are of no use to a later pass.
func (m *Marks) unknown() string {
	switch {
	case m.Legacy.Unknown != "":
		return "legacy: " + m.Legacy.Unknown
	case m.Projection.Unknown != "":
		return "projection: " + m.Projection.Unknown
	case m.Events != nil && m.Events.Unknown != "":
		return "events: " + m.Events.Unknown
	}
	return ""
}

// since says why the marks cannot be compared with earlier ones. It leaves out the events.
func (m *Marks) since(before *Marks) string {
	if why := m.Legacy.since(before.Legacy); why != "" {
		return "legacy: " + why
	}
	if why := m.Projection.since(before.Projection); why != "" {
		return "projection: " + why
	}
	return ""
}
