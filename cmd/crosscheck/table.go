package main

import "strings"

// table is aligned text. The last columns of a row may be missing.
type table struct {
	header []string
	rows   []tableRow
	right  map[int]bool // columns of numbers
	firm   map[int]bool // columns of names, which are clipped last
	prose  bool         // the last column has sentences, which are wrapped and never clipped
}

type tableRow struct {
	cells []string
	below []string // lines
}

const (
	gutter          = "  " // before each column
	narrowestColumn = 8    // that a column becomes
)

func (t *table) add(cells ...string) { t.rows = append(t.rows, tableRow{cells: cells}) }

// widths are those of the columns, and their sum.
func (t *table) widths() (widths []int, total int) {
	widths = make([]int, len(t.header))
	for _, row := range append([]tableRow{{cells: t.header}}, t.rows...) {
		for i, c := range row.cells {
			widths[i] = max(widths[i], columnsOf(c))
		}
	}
	for _, w := range widths {
		total += len(gutter) + w
	}
	return widths, total
}

// write writes the table in lines of at most so many columns, if it can be that narrow: it clips the widest column first. Zero is no limit.
func (t *table) write(b *strings.Builder, most int) {
	widths, total := t.widths()
	if last := len(widths) - 1; t.prose && most > 0 && total > most { // the others keep their widths where they can
		total -= widths[last]
		widths[last] = 0
	}
	for _, firm := range []bool{false, true} {
		for most > 0 && total > most {
			i := t.widest(widths, firm)
			if i < 0 {
				break
			}
			widths[i]--
			total--
		}
	}
	t.line(b, widths, t.header, most)
	for _, row := range t.rows {
		t.line(b, widths, row.cells, most)
		for _, line := range row.below {
			b.WriteString(line + "\n")
		}
	}
}

// widest is the column to clip next; -1 if none can be.
func (t *table) widest(widths []int, firm bool) int {
	at := -1
	for i, w := range widths {
		if t.firm[i] == firm && w > narrowestColumn && (at < 0 || w > widths[at]) {
			at = i
		}
	}
	return at
}

func (t *table) line(b *strings.Builder, widths []int, cells []string, most int) {
	var line strings.Builder
	prose := ""
	for i, c := range cells {
		if t.prose && i == len(widths)-1 {
			line.WriteString(gutter)
			prose = c
			break
		}
		c = clipped(c, widths[i])
		pad := strings.Repeat(" ", widths[i]-columnsOf(c))
		if t.right[i] {
			c, pad = pad+c, ""
		}
		line.WriteString(gutter + c + pad)
	}
	beside(b, line.String(), prose, most)
}
