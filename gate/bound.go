package gate

import "math"

// # How much a sample proves
//
// A sample of n orders, drawn uniformly, holds k bad ones. That bounds the share p of bad orders in the population from
// above. A bound for one fixed n (Clopper and Pearson 1934) holds only if the number of looks was decided beforehand. A
// gate is asked every hour and may stop at the first good answer. With that bound it would say a wrong GO far more
// often than 1 - confidence.
//
// An anytime-valid bound holds at all n at once. With the Beta(1/2, 1/2) mixture of Robbins (1970), the likelihood
// ratio of the mixture against p is
//
//	M_n(p) = B(1/2+k, 1/2+n-k) / B(1/2, 1/2) / (p^k (1-p)^(n-k)).
//
// If p is the truth, M_n(p) is a non-negative martingale with mean 1. By Ville's inequality it ever exceeds 1/alpha
// with probability at most alpha. So the p with M_n(p) < 1/alpha form an interval that covers the truth at all times at
// once, with confidence 1 - alpha. Such an interval is called a confidence sequence.
//
// Sources:
//
//   - H. Robbins, "Statistical methods related to the law of the iterated logarithm", Ann. Math. Stat. 41 (1970)
//   - S. Howard, A. Ramdas, J. McAuliffe, J. Sekhon, "Time-uniform, nonparametric, nonasymptotic confidence sequences",
//     Ann. Stat. 49 (2021)
//   - I. Waudby-Smith, A. Ramdas, "Confidence sequences for sampling without replacement", NeurIPS 2020
//
// The prior 1/2, 1/2 (Krichevsky and Trofimov 1981) costs at most log(n)/2 plus a constant against the best prior in
// hindsight. It needs no setting.
//
// The bound counts order-versions: one pass draws each order at most once, and the next pass may draw it again, as it
// is then. Within one pass this is sampling without replacement from a finite table. M_n is convex in k, so its mean is
// at most the mean with replacement (W. Hoeffding, "Probability inequalities for sums of bounded random variables",
// JASA 58 (1963), theorem 4). The martingale becomes a supermartingale, and the bound still holds. The smaller the
// table, the more cautious it is. The size of the table could make it sharper, but a sample knows that size only as an
// estimate. Where the table is small, a full verification is cheap and proves more. TestLookingEveryHour simulates
// both.
//
// Two limits of the guarantee:
//
//   - It covers looks at samples since one start. Evidence older than max_age drops out, so the guarantee starts again
//     about every max_age.
//   - It covers a share that does not change. Of a share that changes it bounds the average over the time. This is why
//     the criteria open_divergences and full_verification exist as well.

// prior is both parameters of the mixture's Beta distribution.
const prior = 0.5

// logMixture is log M_n(p) for k bad of n, 0 < p < 1.
func logMixture(n, k int64, p float64) float64 {
	bad, good := float64(k), float64(n-k)
	return logBeta(prior+bad, prior+good) - logBeta(prior, prior) - bad*math.Log(p) - good*math.Log1p(-p)
}

// mixtureBounds returns the interval of all p with M_n(p) < 1/(1-confidence), for k bad of n. Both ends are rounded
// outwards.
func mixtureBounds(n, k int64, confidence float64) (lower, upper float64) {
	if n <= 0 {
		return 0, 1
	}
	threshold := -math.Log1p(-confidence)
	mode := float64(k) / float64(n) // M is smallest there, and at most 1
	outside := func(p float64) bool { return logMixture(n, k, p) >= threshold }
	upper = 1
	if k < n {
		_, upper = bisect(mode, 1, outside)
	}
	if k > 0 {
		lower, _ = bisect(0, mode, func(p float64) bool { return !outside(p) })
	}
	return lower, upper
}

// FixedBound is the upper Clopper-Pearson bound on the share of bad orders after a single sample. The sample has n
// orders, drawn uniformly; bad of them were not proven equal. With the given confidence the share is not larger. The
// bound holds for one look at one sample. For repeated looks use the bound of the sample_bound criterion.
func FixedBound(n, bad int64, confidence float64) float64 {
	if n <= 0 || bad >= n {
		return 1
	}
	if bad == 0 {
		return -math.Expm1(math.Log1p(-confidence) / float64(n))
	}
	a, b := float64(bad+1), float64(n-bad)
	_, upper := bisect(float64(bad)/float64(n), 1, func(p float64) bool { return betaCDF(a, b, p) >= confidence })
	return upper
}

// moreClean is the smallest number of further orders, all clean, that brings the upper bound to the limit.
func moreClean(n, k int64, confidence, limit float64) int64 {
	threshold := -math.Log1p(-confidence)
	enough := func(m int64) bool { return logMixture(n+m, k, limit) >= threshold }
	// From here on each clean order adds to the evidence against the limit. Before it the bound is above the limit
	// anyway.
	low := max(0, int64(math.Ceil((float64(k)+prior)/limit))-n)
	if enough(low) {
		return low
	}
	high := low + 1
	for !enough(high) {
		low, high = high, high+2*(high-low)
		if high > 1<<52 {
			return high
		}
	}
	for low+1 < high {
		if mid := low + (high-low)/2; enough(mid) {
			high = mid
		} else {
			low = mid
		}
	}
	return high
}

// bisect returns the two ends of a tiny interval in [low, high] where reached turns from false to true.
func bisect(low, high float64, reached func(float64) bool) (float64, float64) {
	for range 200 {
		mid := low + (high-low)/2
		if mid <= low || mid >= high {
			break
		}
		if reached(mid) {
			high = mid
		} else {
			low = mid
		}
	}
	return low, high
}

func logBeta(a, b float64) float64 {
	la, _ := math.Lgamma(a)
	lb, _ := math.Lgamma(b)
	lab, _ := math.Lgamma(a + b)
	return la + lb - lab
}

// betaCDF is the regularized incomplete beta function I_x(a, b), by Lentz's continued fraction (Numerical Recipes 6.4).
// The number of steps is about the square root of the larger parameter.
func betaCDF(a, b, x float64) float64 {
	if x <= 0 {
		return 0
	}
	if x >= 1 {
		return 1
	}
	front := math.Exp(a*math.Log(x) + b*math.Log1p(-x) - logBeta(a, b))
	if x < (a+1)/(a+b+2) {
		return front * betaFraction(a, b, x) / a
	}
	return 1 - front*betaFraction(b, a, 1-x)/b
}

func betaFraction(a, b, x float64) float64 {
	const tiny, enough, steps = 1e-300, 1e-14, 100_000
	safe := func(v float64) float64 {
		if math.Abs(v) < tiny {
			return tiny
		}
		return v
	}
	c, d := 1.0, 1/safe(1-(a+b)*x/(a+1))
	h := d
	for m := 1.0; m <= steps; m++ {
		even := m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m))
		d, c = 1/safe(1+even*d), safe(1+even/c)
		h *= d * c
		odd := -(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1))
		d, c = 1/safe(1+odd*d), safe(1+odd/c)
		h *= d * c
		if math.Abs(d*c-1) < enough {
			break
		}
	}
	return h
}
