package history

import "slices"

// InSequence puts lines of one time and field in the order in which each continues the one before. A transaction gives
// all its lines one time, so the time alone does not tell. The lines must be in the order of their times.
func InSequence(lines []Line) []Line {
	out := make([]Line, 0, len(lines))
	for from := 0; from < len(lines); {
		to := from + 1
		for to < len(lines) && lines[to].At.Equal(lines[from].At) && lines[to].Field == lines[from].Field {
			to++
		}
		if to-from == 1 {
			out = append(out, lines[from])
		} else {
			out = append(out, chained(slices.Clone(lines[from:to]))...)
		}
		from = to
	}
	return out
}

// chained begins with a line whose old value no other line has written.
func chained(left []Line) []Line {
	var out []Line
	for len(left) > 0 {
		next := slices.IndexFunc(left, func(c Line) bool {
			if len(out) > 0 {
				return c.Old == out[len(out)-1].New
			}
			return !slices.ContainsFunc(left, func(other Line) bool { return other.New == c.Old })
		})
		next = max(next, 0)
		out = append(out, left[next])
		left = slices.Delete(left, next, next+1)
	}
	return out
}
