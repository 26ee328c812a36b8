package verify

import "time"

const (
	// firstRange is about how many rows of a side the first range has, when nothing is known of the speed.
	firstRange = 5_000
	// fewestRanges is how many ranges a pass has at least, so that little is read again if one is lost. If they are shared, there
	// are up to fewestShared, so that no process waits long for the last one. But each costs some fiftieth of a second, so they do
	// not have fewer than leastShared rows of a side for that.
	fewestRanges = 16
	fewestShared = 64
	leastShared  = 500_000
	// steepest is how many times a range may be as large as the one before.
	steepest = 4
)

// sizing chooses how many grains a range has, so that it takes two thirds of the limit.
type sizing struct {
	limit time.Duration
	rows  int64 // of a side
	size  int   // of the next range
	most  int
	// settled is true once the size does not grow much any more.
	settled bool
}

func newSizing(limit time.Duration, grains int, rows, firstRows int64) *sizing {
	first := int(firstRows * int64(grains) / max(rows, 1))
	most := max(grains/fewestRanges, first, 1)
	return &sizing{limit: limit, rows: rows, size: min(max(first, 1), most), most: most}
}

// took is told how long a range of so many grains took.
func (s *sizing) took(grains int, d time.Duration) {
	factor := float64(s.limit) * 2 / 3 / float64(max(d, time.Microsecond))
	s.size = min(max(int(float64(grains)*min(factor, steepest)), 1), s.most)
	s.settled = factor < steepest || s.size == s.most
}

// share makes ranges smaller, because several processes compare them.
func (s *sizing) share(leastRows int64) {
	fewest := min(max(int(s.rows/leastRows), fewestRanges), fewestShared)
	s.most = max(s.most*fewestRanges/fewest, 1)
	s.size = min(s.size, s.most)
}

// tooLong is told that a range of so many grains took longer than the limit. It returns false if none can be smaller.
func (s *sizing) tooLong(grains int) bool {
	s.size = max(grains/steepest, 1)
	return grains > 1
}
