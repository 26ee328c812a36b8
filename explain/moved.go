package explain

import (
	"fmt"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/human"
	"github.com/nordvarg/crosscheck/order"
)

// Moved says that an order was cut over. The new side is the truth then, and legacy keeps the order as it was.
type Moved struct {
	Slice string    `json:"slice,omitempty"` // COLUMN=VALUE; empty if it was moved with all orders
	Run   string    `json:"run"`
	At    time.Time `json:"at,omitzero"` // when its writes were switched
	// Truth is the representation that says what the order is.
	Truth order.Representation `json:"truth"`
}

// String is one sentence for people, without its full stop.
func (m Moved) String() string {
	of, since := "", ""
	if m.Slice != "" {
		of = " of " + m.Slice
	}
	if !m.At.IsZero() {
		since = " since " + human.Instant(m.At)
	}
	return fmt.Sprintf("the order is at the new side%s, by run %s%s: the %s is the truth there (%s), and legacy keeps the order as it was", since, m.Run, of, told(m.Truth), m.Truth)
}

func told(truth order.Representation) string {
	if truth == order.Events {
		return "event store"
	}
	return "projection"
}

// noWitness is why a moved order is not judged without an event store.
const noWitness = "the order is at the new side, and there are no events with which its projection could be compared"

// judgedAtNewSide judges a moved order as if legacy had what its events say, and in all other fields what the projection has. What legacy has is no
// fault, and must not make another representation look like the odd one.
func (x *Explainer) judgedAtNewSide(l *look) {
	as := l.Reading
	as.Legacy, as.History = nil, nil
	final, _ := order.Fold(l.Events)
	if final.Exists() {
		row := order.Row{Key: l.Key, ChangedAt: l.Events[len(l.Events)-1].At}
		for i, f := range x.Comparison.Fields {
			v, ok := final.Value(f.Name)
			if !ok && len(l.Projection) > 0 {
				v = l.Projection[0].Values[i]
			}
			row.Values = append(row.Values, v)
		}
		as.Legacy = []order.Row{row}
	}
	if !l.EventStore {
		as.Legacy = l.Projection
	}
	l.observation, l.diagnosis = x.oracle().Judge(as)
	if !l.EventStore {
		l.diagnosis.Verdict, l.diagnosis.Reason = compare.Unverified, noWitness
	}
}
