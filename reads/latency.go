package reads

import (
	"math"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/nordvarg/crosscheck/verify"
)

// # How latencies are compared
//
// Each answer counts in a histogram with three significant digits (HdrHistogram), by query and side. The interval of a quantile
// is that of order statistics, which assumes nothing of the distribution: of n answers, the number below the p-quantile is
// Binomial(n, p). So the quantile lies between the l-th and the u-th smallest answer with confidence 1 - a, if
//
//	P(Bin(n, p) <= l-1) <= a/2   and   P(Bin(n, p) <= u-1) >= 1 - a/2
//
// (H. A. David, H. N. Nagaraja, "Order Statistics", 3rd edition, section 7.1; W. Q. Meeker, G. J. Hahn, L. A. Escobar,
// "Statistical Intervals", 2nd edition, section 5.2). The ratio of two quantiles lies between the quotients of opposite ends with
// confidence 1 - 2a, by Bonferroni's inequality, whether or not the two sides disturb each other. It is wider than a bootstrap's
// would be, which is too narrow for a P99 of few answers. With too few answers an end is not known: P99 needs 437 for both ends.

// Confidence is that of the intervals of ratios.
const Confidence = 0.95

// slowest is the longest latency that a histogram tells from others, in microseconds.
const slowest = int64(10 * time.Minute / time.Microsecond)

// latencies are those of one query.
type latencies struct{ legacy, projection *hdrhistogram.Histogram }

func newLatencies() latencies {
	return latencies{hdrhistogram.New(1, slowest, 3), hdrhistogram.New(1, slowest, 3)}
}

// add counts a question that both sides have answered.
func (l latencies) add(legacy, projection time.Duration) {
	record(l.legacy, legacy)
	record(l.projection, projection)
}

func record(h *hdrhistogram.Histogram, took time.Duration) {
	_ = h.RecordValue(min(max(took.Microseconds(), 1), slowest)) // it is within the histogram's range
}

func (l latencies) fill(q *verify.ReadQuery) {
	n := l.legacy.TotalCount()
	q.Measured = n
	if n == 0 {
		return
	}
	q.Legacy, q.Projection = quantiles(l.legacy), quantiles(l.projection)
	q.P50, q.P99 = l.ratio(0.50), l.ratio(0.99)
}

func quantiles(h *hdrhistogram.Histogram) verify.ReadLatency {
	n := h.TotalCount()
	return verify.ReadLatency{P50: at(h, rankOf(n, 0.50)), P99: at(h, rankOf(n, 0.99))}
}

// rankOf is the rank of the p-quantile itself.
func rankOf(n int64, p float64) int64 { return max(1, int64(math.Ceil(float64(n)*p))) }

// at is the answer with that rank, in microseconds; the first has rank 1.
func at(h *hdrhistogram.Histogram, rank int64) int64 {
	var seen int64
	for _, bar := range h.Distribution() {
		if seen += bar.Count; seen >= rank {
			return bar.To
		}
	}
	return h.Max()
}

// ratio compares the p-quantiles: the projection's by legacy's.
func (l latencies) ratio(p float64) verify.ReadRatio {
	n := l.legacy.TotalCount()
	lower, upper := ranks(n, p, (1-Confidence)/4)
	middle := rankOf(n, p)
	quotient := func(projection, legacy int64) float64 {
		return float64(at(l.projection, projection)) / float64(at(l.legacy, legacy))
	}
	r := verify.ReadRatio{Ratio: quotient(middle, middle)}
	if lower > 0 && upper <= n {
		r.Low, r.High = quotient(lower, upper), quotient(upper, lower)
	}
	return r
}

// ranks returns between which order statistics the p-quantile lies, each end with the probability tail of being wrong. An end
// that n answers cannot give is 0, or above n.
func ranks(n int64, p, tail float64) (lower, upper int64) {
	upper = n + 1
	var below float64 // P(Bin(n, p) <= k)
	for k := range n {
		below += binomial(n, k, p)
		if below <= tail {
			lower = k + 1
		}
		if below >= 1-tail {
			return lower, k + 1
		}
	}
	return lower, upper
}

// binomial is P(Bin(n, p) = k).
func binomial(n, k int64, p float64) float64 {
	all, _ := math.Lgamma(float64(n + 1))
	these, _ := math.Lgamma(float64(k + 1))
	others, _ := math.Lgamma(float64(n - k + 1))
	return math.Exp(all - these - others + float64(k)*math.Log(p) + float64(n-k)*math.Log1p(-p))
}
