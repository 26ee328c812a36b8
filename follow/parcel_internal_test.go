package follow

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
)

// TestAParcelHoldsWhatMatchingNeeds packs messages of every kind.
func TestAParcelHoldsWhatMatchingNeeds(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a test
	positions := []order.Position{order.NoPosition, math.MinInt64 + 1, -1, 0, 7, math.MaxInt64}
	texts := []string{"", "7", "ord-ü", string(make([]byte, 300))}
	times := []time.Time{{}, time.UnixMilli(0).UTC(), time.UnixMilli(1_700_000_000_123).UTC(), time.UnixMilli(-5).UTC()}
	sent := readBatch{Batch: Batch{Partition: 3, Next: 2000, End: 3000, Gap: &Gap{Partition: 3, Kind: GapJump, Expected: 1, Got: 7}}, number: 12}
	for offset := range int64(1000) {
		a := arrival{next: -1, position: positions[random.IntN(len(positions))], id: order.ID(texts[random.IntN(4)]), key: order.Key(texts[random.IntN(4)])}
		a.Partition, a.Offset, a.Time = 3, 7+2*offset, times[random.IntN(len(times))]
		a.Key = [][]byte{nil, {}, keyed}[random.IntN(3)]
		switch random.IntN(5) {
		case 0:
			a.stored, a.storedKey = true, a.key
		case 1:
			a.stored, a.storedKey, a.twins = true, "other", []place{{7, "8"}, {9, ""}}
		case 2:
			a.stored, a.drift = true, errors.New("why")
			a.differs = []compare.FieldDifference{{Name: "price", Events: &order.Value{Text: "1"}, Projection: &order.Value{Null: true}}}
		case 3:
			a.outside = true
		case 4:
			if a.Value = []byte(`{"a": "\u00fc"}`); a.anonymous() || a.key == "" {
				a.Value = nil // not needed
			}
		}
		sent.arrivals = append(sent.arrivals, a)
	}
	ignored := arrival{ignored: true}
	content, err := (&readBatch{Batch: sent.Batch, arrivals: append([]arrival{ignored}, sent.arrivals...)}).pack()
	if err != nil {
		t.Fatal(err)
	}
	p := Parcel{Partition: 3, Number: 12, From: 1, Next: 2000, End: 3000, Content: content}
	got, err := p.unpack()
	if err != nil {
		t.Fatal(err)
	}
	same := cmp.Options{cmp.AllowUnexported(readBatch{}, arrival{}, place{}), cmp.Comparer(func(a, b error) bool { return fmt.Sprint(a) == fmt.Sprint(b) }), cmpopts.EquateEmpty()}
	if diff := cmp.Diff(sent, got, same); diff != "" {
		t.Errorf("sent (-) and got (+):\n%s", diff)
	}
	for cut := 0; cut < len(content); cut += 997 { // no part of it is read as a whole, or panics
		p.Content = content[:cut]
		if b, err := p.unpack(); err == nil && len(b.arrivals) == len(sent.arrivals) {
			t.Fatalf("%d of %d bytes are enough", cut, len(content))
		}
	}
}
