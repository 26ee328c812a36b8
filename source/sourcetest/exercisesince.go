package sourcetest

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// since compares a side's count by age with a count by hand.
func (x *exercise) since(t *testing.T) {
	n, ok := x.begin(t).(verify.Dated)
	if !ok {
		t.Fatal("cannot count by the time of the last change")
	}
	times := []time.Time{start.Add(12 * time.Second), start.Add(6 * time.Second), start.Add(2 * time.Second)}
	found, err := n.Since(t.Context(), times)
	if !x.table.Indexed {
		if !errors.Is(err, verify.ErrNotIndexed) {
			t.Errorf("error is %v", err)
		}
		return
	}
	noError(t, err)
	type cell struct {
		group order.Value
		index int
	}
	want, got := map[cell]int64{}, map[cell]int64{}
	for i, r := range x.table.Rows {
		switch {
		case r.ChangedAt.IsZero() || i < 2:
		case i < 6:
			want[cell{r.Values[0], 2}]++
		case i < 12:
			want[cell{r.Values[0], 1}]++
		default:
			want[cell{r.Values[0], 0}]++
		}
	}
	for _, r := range found {
		got[cell{r.Group, r.Index}] += r.Rows
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(cell{})); diff != "" {
		t.Errorf("counted (-want +got):\n%s", diff)
	}
}
