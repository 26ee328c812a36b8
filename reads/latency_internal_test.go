package reads

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/verify"
)

// TestRanks are those of tables of order statistics.
func TestRanks(t *testing.T) {
	for _, c := range []struct {
		n            int64
		p, tail      float64
		lower, upper int64
	}{
		{10, 0.5, 0.025, 2, 9}, // the interval of the sign test
		{20, 0.5, 0.025, 6, 15},
		{100, 0.5, 0.025, 40, 61},
		{436, 0.99, 0.0125, 426, 437}, // no upper end
		{437, 0.99, 0.0125, 427, 437},
	} {
		lower, upper := ranks(c.n, c.p, c.tail)
		if lower != c.lower || upper != c.upper {
			t.Errorf("of %d answers the %v-quantile lies between ranks %d and %d, want %d and %d", c.n, c.p, lower, upper, c.lower, c.upper)
		}
	}
}

// TestTheIntervalOfARatioHoldsItsConfidence simulates passes whose true ratio is 1.5.
func TestTheIntervalOfARatioHoldsItsConfidence(t *testing.T) {
	const passes, answers, truth = 60, 500, 1.5
	random := rand.New(rand.NewPCG(7, 7))
	held, slower := 0, 0
	for range passes {
		l := newLatencies()
		for range answers {
			took := func() time.Duration { return time.Duration(1e6 * (1 + random.ExpFloat64())) }
			l.add(took(), time.Duration(truth*float64(took())))
		}
		r := l.ratio(0.99)
		if r.Low <= truth && truth <= r.High {
			held++
		}
		if r := l.ratio(0.5); r.Low > 1 {
			slower++
		}
	}
	if held < passes*95/100 {
		t.Errorf("%d of %d intervals hold the true ratio", held, passes)
	}
	if slower != passes {
		t.Errorf("%d of %d passes show that the medians differ", slower, passes)
	}
}

// TestQuantilesAreThoseOfTheAnswers to three digits.
func TestQuantilesAreThoseOfTheAnswers(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 3))
	var all []int64
	l := newLatencies()
	for range 1000 {
		us := int64(100 + 10_000*random.ExpFloat64())
		all = append(all, us)
		l.add(time.Duration(us)*time.Microsecond, time.Duration(us)*time.Microsecond)
	}
	slices.Sort(all)
	var q verify.ReadQuery
	l.fill(&q)
	for _, c := range []struct{ got, want int64 }{{q.Legacy.P50, all[499]}, {q.Projection.P99, all[989]}} {
		if diff := float64(c.got-c.want) / float64(c.want); diff < -0.002 || diff > 0.002 {
			t.Errorf("a quantile is %d, want %d", c.got, c.want)
		}
	}
	if q.P99.Ratio != 1 || q.Measured != 1000 {
		t.Errorf("the ratio is %+v of %d answers", q.P99, q.Measured)
	}
	var none verify.ReadQuery
	newLatencies().fill(&none)
	if none.Measured != 0 || none.P99.High != 0 {
		t.Errorf("without answers: %+v", none)
	}
}
