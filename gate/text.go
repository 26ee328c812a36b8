package gate

import (
	"fmt"
	"strings"

	"github.com/nordvarg/crosscheck/human"
)

// textWidth is where Text breaks lines; it fits a terminal of 100 columns.
const textWidth = 96

// Text writes the decision for people: the answer, then each criterion with its reason and what is missing. The only
// control character in it is the line feed.
func Text(d Decision) string {
	var b strings.Builder
	b.WriteString(string(d.Decision))
	if n := waived(d); n > 0 {
		fmt.Fprintf(&b, " (%s waived)", human.Quantity(n, "criterion", "criteria"))
	}
	fmt.Fprintf(&b, "  at %s", human.Instant(d.At))
	if d.Fingerprint != "" {
		fmt.Fprintf(&b, "  (fingerprint %s)", plain(shorten(d.Fingerprint, 12)))
	}
	b.WriteString("\n")
	writePairs(&b, d.Pairs)
	blocking := false
	for _, r := range d.Criteria {
		name := r.Name
		if r.Advisory {
			name += " (advisory)"
		}
		blocking = blocking || (!r.Advisory && r.Waiver == nil)
		fmt.Fprintf(&b, "\n  %-13s %s\n", strings.ToUpper(string(r.Verdict)), name)
		wrap(&b, "", r.Reason)
		if r.ETA != "" {
			wrap(&b, "needs: ", r.ETA)
		}
		if w := r.Waiver; w != nil {
			wrap(&b, "waived: ", fmt.Sprintf("by %s until %s: %s", plain(w.Who), human.Instant(w.Until), plain(w.Why)))
		}
	}
	if !blocking {
		b.WriteString("\n  No blocking criterion is in force (enabled and not waived), so nothing can justify GO.\n")
	}
	writeWaivers(&b, d.Waivers)
	writeAccepted(&b, d)
	if len(d.NotAsked) > 0 {
		b.WriteString("\n")
		wrap(&b, "not asked: ", strings.Join(d.NotAsked, ", "))
	}
	if slice := d.OfSlice(); slice != "" {
		b.WriteString("\n")
		wrap(&b, "slice: ", slice)
	}
	if unjudged := d.Unjudged(); unjudged != "" {
		b.WriteString("\n")
		wrap(&b, "fields: ", unjudged)
	}
	if d.Record != nil {
		b.WriteString("\n")
		wrap(&b, "record: ", fmt.Sprintf("decision %d, asked by %s, head %s", d.Record.Seq, plain(d.AskedBy()), d.Record.Hash))
	}
	return b.String()
}

// waived counts the criteria that a waiver excuses.
func waived(d Decision) int64 {
	var n int64
	for _, r := range d.Criteria {
		if r.Waiver != nil {
			n++
		}
	}
	return n
}

// writeWaivers names the waivers that are not in force. The others are printed with their criterion.
func writeWaivers(b *strings.Builder, waivers []AppliedWaiver) {
	for _, w := range waivers {
		var why string
		switch w.State {
		case WaiverInForce:
			continue
		case WaiverExpired:
			why = "expired at " + human.Instant(w.Until) + ", and has no effect"
		case WaiverNotNeeded:
			why = "is not needed"
		case WaiverRefused:
			why = "is refused: an error cannot be waived, and a waiver needs who and why"
		case WaiverNotAsked:
			why = "is for a criterion that is not enabled"
		default:
			why = "is in the unknown state " + string(w.State)
		}
		b.WriteString("\n")
		wrap(b, "waiver: ", fmt.Sprintf("of %s by %s %s", plain(w.Criterion), plain(w.Who), why))
	}
}

// writeAccepted says how much is accepted, and who answers for it.
func writeAccepted(b *strings.Builder, d Decision) {
	if d.Accepted == 0 && d.AcceptedFindings == 0 {
		return
	}
	b.WriteString("\n")
	said := human.Quantity(d.Accepted, "divergence", "divergences")
	if d.AcceptedFindings > 0 {
		said += " and " + human.Quantity(d.AcceptedFindings, "finding of the audit", "findings of the audit")
	}
	wrap(b, "accepted: ", said+"; see crosscheck accept --list")
	for _, a := range d.Acceptances {
		what := fmt.Sprintf("%s %s (%s)", human.Number(a.Count), a.Kind, a.Hop)
		if a.Cause != "" {
			what += " by " + a.Cause
		}
		wrap(b, "- ", fmt.Sprintf("%s: %s until %s: %s", plain(what), plain(a.Who), human.Instant(a.Until), plain(a.Why)))
	}
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

// AskedBy is who has asked for the decision on record, and who was logged in if that is another name. It is empty if the decision is not on record.
func (d Decision) AskedBy() string {
	if d.Record == nil {
		return ""
	}
	if d.OSUser == "" || d.OSUser == d.Record.Who {
		return d.Record.Who
	}
	return d.Record.Who + ", logged in as " + d.OSUser
}
