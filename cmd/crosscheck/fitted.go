package main

import "strings"

// leastProse is how many columns sentences need beside something.
const leastProse = 30

// wrap breaks sentences into lines of at most so many columns. A word that is longer is broken too.
func wrap(text string, most int) (lines []string) {
	line := ""
	for word := range strings.FieldsSeq(text) {
		switch {
		case line != "" && columnsOf(line)+1+columnsOf(word) <= most:
			line += " " + word
			continue
		case line != "":
			lines = append(lines, line)
		}
		for line = word; columnsOf(line) > most; {
			used, end := 0, 0
			for i, r := range line {
				if used += columnsOfRune(r); used > most && i > 0 {
					break
				}
				end = i + len(string(r))
			}
			lines, line = append(lines, line[:end]), line[end:]
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

// beside writes sentences beside a lead, in lines of at most so many columns, or below it if there is no room. Zero is no limit.
func beside(b *strings.Builder, lead, text string, most int) {
	const below = "      "
	indent := columnsOf(lead)
	switch {
	case most == 0 || indent+columnsOf(text) <= most:
		b.WriteString(strings.TrimRight(lead+text, " ") + "\n")
	case most-indent >= leastProse:
		for i, line := range wrap(text, most-indent) {
			if i > 0 {
				lead = strings.Repeat(" ", indent)
			}
			b.WriteString(lead + line + "\n")
		}
	default:
		b.WriteString(strings.TrimRight(lead, " ") + "\n")
		for _, line := range wrap(text, most-len(below)) {
			b.WriteString(below + line + "\n")
		}
	}
}
