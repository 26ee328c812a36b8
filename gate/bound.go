package gate

import "math"

// # How much a sample proves
//
// After n orders drawn uniformly, k of them bad, the share p of bad orders in the population is bounded from above.
// A bound for one fixed n (Clopper and Pearson 1934) holds only if the number of looks was decided beforehand; a gate
// that is asked every hour and may stop at the first good answer gets a wrong GO far more often than 1 - confidence.
//
// An anytime-valid bound holds at all n at once. With the Beta(1/2, 1/2) mixture of Robbins (1970), the likelihood
// ratio of the mixture against p,
//
//	M_n(p) = B(1/2+k, 1/2+n-k) / B(1/2, 1/2) / (p^k (1-p)^(n-k)),
//
// is a non-negative martingale with mean 1 when p is the truth, so by Ville's inequality it ever exceeds 1/alpha
// with probability at most alpha. The p with M_n(p) < 1/alpha therefore form an interval that covers the truth at
// all times at once with confidence 1 - alpha: a confidence sequence.
//
// Sources: H. Robbins, "Statistical methods related to the law of the iterated logarithm", Ann. Math. Stat. 41
// (1970); S. Howard, A. Ramdas, J. McAuliffe, J. Sekhon, "Time-uniform, nonparametric, nonasymptotic confidence
// sequences", Ann. Stat. 49 (2021); I. Waudby-Smith, A. Ramdas, "Confidence sequences for sampling without
// replacement", NeurIPS 2020. The prior 1/2, 1/2 (Krichevsky and Trofimov 1981) costs at most log(n)/2 plus a constant
// against the best prior in hindsight, and needs no setting.
//
// What is counted is order-versions: one pass draws each order at most once, the next may draw it again, as it is then.
// Within a pass that is sampling without replacement from a finite table. M_n is convex in k, so its mean there is at
// most that with replacement (W. Hoeffding, "Probability inequalities for sums of bounded random variables", JASA 58
// (1963), theorem 4): the martingale becomes a supermartingale, and the bound holds, the more conservatively the smaller
// the table. It is not sharpened by the size of the table, because a sample knows that only as an estimate; where the
// table is small a full verification is cheap and proves more. TestLookingEveryHour simulates both.
//
// The guarantee is for looks at samples since one start. Evidence older than max_age drops out, so about every
// max_age the guarantee begins anew; and it is for a share that stays, or else for none better than the average of
// the time: that is why open_divergences and full_verification stand beside it.

// prior is both parameters of the mixture's Beta distribution.
const prior = 0.5

// logMixture is log M_n(p) for k bad of n, 0 < p < 1.
func logMixture(n, k int64, p float64) float64 {
	bad, good := float64(k), float64(n-k)
	return logBeta(prior+bad, prior+good) - logBeta(prior, prior) - bad*math.Log(p) - good*math.Log1p(-p)
}

// mixtureBounds is the interval of all p with M_n(p) < 1/(1-confidence), for k bad of n. Ends are rounded outwards.
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

// FixedBound is the upper Clopper-Pearson bound on the share of bad orders after a single sample of n orders, drawn
// uniformly, of which bad were not proven equal: with the given confidence the share is not larger. It holds for
// one look at one sample; whoever looks again and again needs the bound of the sample_bound criterion.
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
	// From here on each clean order adds to the evidence against the limit; before, the bound is above it anyway.
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

// betaCDF is the regularized incomplete beta function I_x(a, b), by Lentz's continued fraction (Numerical Recipes
// 6.4). It takes about the square root of the larger parameter in steps.
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
