package bench

import (
	"fmt"
	"time"
)

// Limits for each order that differs, where very many do.
const (
	perDifference = 60 * time.Microsecond
	workPerOrder  = 20 * time.Microsecond // processor time of crosscheck itself
)

// many adds the run in which very many orders differ.
func (r *Report) many(planted int64, p *pass) {
	row := Row{What: fmt.Sprintf("verify, %d orders differ, all found", planted), Median: seconds(p.wall), Best: seconds(p.wall)}
	add := func(ratio, is, limit string, held bool) {
		row.Ratio, row.OfMedians, row.Limit, row.Held = ratio, is, limit, held
		r.Rows = append(r.Rows, row)
	}
	each := func(ratio string, d, limit time.Duration) {
		d /= time.Duration(max(planted, 1))
		add(ratio, fmt.Sprintf("%.1f µs", float64(d)/float64(time.Microsecond)), fmt.Sprintf("%d µs", limit.Microseconds()), d <= limit)
	}
	add("resident memory", fmt.Sprintf("%d MiB", p.memory>>20), fmt.Sprintf("%d MiB", memoryLimit>>20), p.memory < memoryLimit)
	each("for each of them", p.wall, perDifference)
	row.What, row.Median, row.Best = "its processor time, without the server", seconds(p.work), seconds(p.work)
	each("for each of them", p.work, workPerOrder)
}
