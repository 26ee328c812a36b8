package gate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/nordvarg/crosscheck/human"
)

// looking is a week of hourly samples of a system that is at the limit, or a hair worse: every GO is false.
type looking struct {
	what  string
	size  int64   // orders of one sample
	limit float64 // max_ratio
	draw  func(*rand.Rand) int64
}

// large draws from a table that is so large that repetition does not matter.
func large(size int64, limit float64) looking {
	return looking{
		fmt.Sprintf("%d of very many, limit %s", size, human.Percent(limit)), size, limit,
		func(r *rand.Rand) int64 { return binomial(r, size, limit*1.0001) },
	}
}

// small draws from a table of rows without repetition within one sample; bad of the rows are bad. The limit is the bad
// share less a hair.
func small(size, rows, bad int64) looking {
	limit := float64(bad) / float64(rows) * 0.9999
	return looking{
		fmt.Sprintf("%d of %d, limit %s", size, rows, human.Percent(limit)), size, limit,
		func(r *rand.Rand) int64 { return hypergeometric(r, size, rows, bad) },
	}
}

// TestLookingEveryHour simulates weeks of hourly samples. The fixed-n bound is right for one look, and wrong far too
// often if it may stop at the first good look. The mixture keeps its promise, with and without repetition. -v prints
// the table.
func TestLookingEveryHour(t *testing.T) {
	const weeks, hours, alpha = 2000, 168, 0.05
	random := rand.New(rand.NewPCG(1, 2))
	var table strings.Builder
	fmt.Fprintf(&table, "false GO in %d weeks of hourly looks, promised at most %s\n%-40s %10s %10s\n", weeks, human.Percent(alpha), "sample", "fixed-n", "mixture")
	for _, l := range []looking{
		large(1_000, 0.001), large(10_000, 0.001), large(10_000, 0.0003), large(200, 0.02),
		small(500, 2_000, 4), small(1_000, 1_500, 3), small(100, 5_000, 100),
	} {
		naive, mixture := l.falseGo(random, weeks, hours, alpha)
		fmt.Fprintf(&table, "%-40s %10s %10s\n", l.what, human.Percent(naive), human.Percent(mixture))
		if mixture > alpha {
			t.Errorf("%s: the mixture is wrong in %s of weeks", l.what, human.Percent(mixture))
		}
		if naive <= alpha && strings.Contains(l.what, "very many") {
			t.Errorf("%s: the fixed-n bound is wrong in %s of weeks only; this test has lost its point", l.what, human.Percent(naive))
		}
	}
	t.Log("\n" + table.String())
}

// falseGo is the share of weeks in which each bound said GO at least once; with a true share above the limit, falsely.
func (l looking) falseGo(random *rand.Rand, weeks, hours int, alpha float64) (naive, mixture float64) {
	// Largest clean-enough count per number of hours, computed once: the bounds are monotone in k.
	fixed := accepts(hours, l.size, l.limit, func(n, k int64) float64 { return FixedBound(n, k, 1-alpha) })
	anytime := accepts(hours, l.size, l.limit, func(n, k int64) float64 { _, u := mixtureBounds(n, k, 1-alpha); return u })
	var wrongFixed, wrongAnytime int
	for range weeks {
		var k int64
		var saidFixed, saidAnytime bool
		for h := range hours {
			k += l.draw(random)
			saidFixed = saidFixed || k <= fixed[h]
			saidAnytime = saidAnytime || k <= anytime[h]
		}
		wrongFixed += count(saidFixed)
		wrongAnytime += count(saidAnytime)
	}
	return float64(wrongFixed) / float64(weeks), float64(wrongAnytime) / float64(weeks)
}

// TestAGoodSystemReachesGo shows that the mixture keeps its promise by more than never saying GO.
func TestAGoodSystemReachesGo(t *testing.T) {
	const weeks, size, limit = 200, 10_000, 0.001
	random := rand.New(rand.NewPCG(3, 4))
	good := looking{"", size, limit, func(r *rand.Rand) int64 { return binomial(r, size, limit/10) }}
	if _, said := good.falseGo(random, weeks, 24, 0.05); said < 0.99 {
		t.Errorf("a system ten times better than the limit has GO within a day in %s of weeks only", human.Percent(said))
	}
}

// hypergeometric counts the bad ones among size rows drawn without repetition.
func hypergeometric(random *rand.Rand, size, rows, bad int64) int64 {
	var k int64
	for i := range bad { // each bad row is drawn with the chance of the places that are left
		if random.Float64() < float64(size-k)/float64(rows-i) {
			k++
		}
	}
	return k
}

// accepts is, for each number of hours, the largest number of bad orders that the bound lets through; -1 for none.
func accepts(hours int, size int64, limit float64, upper func(n, k int64) float64) []int64 {
	table := make([]int64, hours)
	k := int64(-1)
	for h := range hours {
		for upper(int64(h+1)*size, k+1) <= limit {
			k++
		}
		table[h] = k
	}
	return table
}

// binomial draws by the waiting times between successes, fast for a small p.
func binomial(random *rand.Rand, n int64, p float64) int64 {
	var k int64
	for at := int64(0); ; k++ {
		at += 1 + int64(math.Log(1-random.Float64())/math.Log1p(-p))
		if at > n {
			return k
		}
	}
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}
