package gate

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func near(t *testing.T, what string, got, want, relative float64) {
	t.Helper()
	if math.Abs(got-want) > relative*math.Abs(want) {
		t.Errorf("%s = %.10g, want %.10g", what, got, want)
	}
}

func TestFixedBoundIsClopperPearson(t *testing.T) {
	// Worked out beforehand from the binomial distribution summed in exact fractions.
	for _, c := range []struct {
		n, k int64
		want float64
	}{
		{10_000, 0, 0.00029952836},
		{20, 1, 0.216106164},
		{100, 10, 0.163717623},
		{10, 9, 0.994883803},
		{10, 10, 1},
		{0, 0, 1},
	} {
		near(t, "fixedUpper", FixedBound(c.n, c.k, 0.95), c.want, 1e-6)
	}
}

func TestFixedBoundInvertsTheBinomialDistribution(t *testing.T) {
	for _, c := range []struct{ n, k int64 }{{50, 3}, {1000, 17}, {10_000, 250}} {
		p := FixedBound(c.n, c.k, 0.95)
		sum := 0.0 // P(X <= k) at p must be 5 %
		for i := int64(0); i <= c.k; i++ {
			a, _ := math.Lgamma(float64(c.n + 1))
			b, _ := math.Lgamma(float64(i + 1))
			d, _ := math.Lgamma(float64(c.n - i + 1))
			sum += math.Exp(a - b - d + float64(i)*math.Log(p) + float64(c.n-i)*math.Log1p(-p))
		}
		near(t, "P(X <= k)", sum, 0.05, 1e-6)
	}
}

func TestTheCaseStudysSampleBoundsAt2756Orders(t *testing.T) {
	b := BoundOf(Sampling{Passes: 1, Orders: 10_000, Population: 9_200_000}, 0.95)
	near(t, "fixed", b.Fixed, 2.995e-4, 1e-3)
	if b.FixedOrders != 2756 {
		t.Errorf("single look leaves %d orders, want 2756", b.FixedOrders)
	}
	// log(20 sqrt(pi n)) / n, the asymptotic closed form for k = 0.
	near(t, "anytime", b.Upper, math.Log(20*math.Sqrt(math.Pi*10_000))/10_000, 1e-3)
	if b.Lower != 0 {
		t.Errorf("lower bound of a clean sample is %v, want 0", b.Lower)
	}
}

func TestMixtureBoundsHoldTogether(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(1, 50_000_000).Draw(t, "n")
		k := rapid.Int64Range(0, n).Draw(t, "k")
		lower, upper := mixtureBounds(n, k, 0.95)
		share := float64(k) / float64(n)
		if !(lower >= 0 && lower <= share && share <= upper && upper <= 1) {
			t.Fatalf("bounds %v and %v do not enclose %v", lower, upper, share)
		}
		if fixed := FixedBound(n, k, 0.95); fixed > upper*(1+1e-9) {
			t.Fatalf("anytime bound %v is below the bound %v of a single look", upper, fixed)
		}
		if _, more := mixtureBounds(n+1, k, 0.95); more > upper*(1+1e-9) {
			t.Fatalf("a further clean order raised the bound from %v to %v", upper, more)
		}
	})
}

func TestMissingSamplesAreExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(0, 1_000_000).Draw(t, "n")
		k := rapid.Int64Range(0, min(n, 500)).Draw(t, "k")
		limit := rapid.Float64Range(1e-5, 0.2).Draw(t, "limit")
		_, now := mixtureBounds(n, k, 0.95)
		m := moreClean(n, k, 0.95, limit)
		if now <= limit {
			if m > 1 { // 1 for rounding at the very edge
				t.Fatalf("%d more samples asked for, bound %v is within %v already", m, now, limit)
			}
			return
		}
		if _, then := mixtureBounds(n+m, k, 0.95); then > limit*(1+1e-9) {
			t.Fatalf("after %d more the bound is %v, above %v", m, then, limit)
		}
		if _, before := mixtureBounds(n+m-1, k, 0.95); m > 0 && before < limit*(1-1e-9) {
			t.Fatalf("%d more would do, %d were asked for", m-1, m)
		}
	})
}
