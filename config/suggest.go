package config

import "strings"

// closest returns the candidate that was probably meant, or "". It accepts two typing mistakes, or one in short words.
func closest(word string, candidates []string) string {
	best, fewest := "", 3
	if len(word) <= 4 {
		fewest = 2
	}
	normal := normalise(word)
	for _, c := range candidates {
		if d := distance(normal, normalise(c)); d < fewest {
			best, fewest = c, d
		}
	}
	return best
}

// normalise makes maxLag, max-lag and max_lag the same word.
func normalise(word string) string {
	return strings.NewReplacer("_", "", "-", "").Replace(strings.ToLower(word))
}

// distance is the number of insertions, deletions, replacements and swaps of neighbours between two words.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return max(len(a), len(b))
	}
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
