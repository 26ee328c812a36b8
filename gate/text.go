package gate

import (
	"fmt"
	"strings"
)

// textWidth is where Text breaks lines; it fits a terminal of 100 columns.
const textWidth = 96

// Text writes the decision for people: the answer, then each criterion with its reason and what is missing. It
// holds no colour and no control character but the line feed.
func Text(d Decision) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  at %s", d.Decision, instant(d.At))
	if d.Fingerprint != "" {
		fmt.Fprintf(&b, "  (fingerprint %s)", plain(shorten(d.Fingerprint, 12)))
	}
	b.WriteString("\n")
	blocking := false
	for _, r := range d.Criteria {
		name := r.Name
		if r.Advisory {
			name += " (advisory)"
		}
		blocking = blocking || !r.Advisory
		fmt.Fprintf(&b, "\n  %-13s %s\n", strings.ToUpper(string(r.Verdict)), name)
		wrap(&b, "", r.Reason)
		if r.ETA != "" {
			wrap(&b, "needs: ", r.ETA)
		}
	}
	if !blocking {
		b.WriteString("\n  No blocking criterion is enabled, so nothing was asked that could justify GO.\n")
	}
	return b.String()
}

// wrap writes a text in lines of at most textWidth columns, indented below the criterion's name.
func wrap(b *strings.Builder, label, text string) {
	const indent = "                "
	line := indent + label
	empty := true
	for word := range strings.FieldsSeq(plain(text)) {
		if !empty && len(line)+1+len(word) > textWidth {
			b.WriteString(line + "\n")
			line, empty = indent, true
		}
		if !empty {
			line += " "
		}
		line, empty = line+word, false
	}
	b.WriteString(line + "\n")
}

func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[:n]
}
