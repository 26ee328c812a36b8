package web

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/human"
)

//go:embed page.html
var pageSource string

//go:embed page.css
var styleSource string

var (
	style        = template.CSS(styleSource) // the file is embedded, not a visitor's input
	pageTemplate = template.Must(template.New("page").Parse(pageSource))

	// contentSecurityPolicy allows only the embedded style: no script, no form, no frame.
	contentSecurityPolicy = "default-src 'none'; style-src 'sha256-" + hash(styleSource) +
		"'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// view is what the page's template reads: texts, already worded, not yet escaped.
type view struct {
	Style   template.CSS
	Failure string // why there is nothing to show; then the rest is empty

	Status
	Tone      string // CSS class of the decision
	Summary   string
	Overdue   []string
	Criteria  []criterionView
	Passes    []passView
	Open      string
	Rest      string // divergences that are not listed
	Listed    []divergenceView
	Suspected string
	Verified  string // the watermark
	Audit     *historyView
	Runs      []runView
	Known     []partView // the configured parts
}

type partView struct{ Name, State, Tone, Since, Reason string }

func partOf(p Part) partView {
	v := partView{Name: p.Name, State: "reachable", Tone: "good", Since: human.Instant(p.Since), Reason: short(p.Reason)}
	if !p.OK {
		v.State, v.Tone = "failing", "bad"
	}
	return v
}

type criterionView struct {
	gate.Result
	Mark, Tone, Observed, Limit string
}

type passView struct {
	Name, When, Age, Verdict, Tone, Coverage, Took, Compared, Reason string
}

type divergenceView struct {
	Order, Kind, Hop, Age, Since string
	Fields                       []fieldView
	Accepted                     string // who accepted it, until when and why; empty if it is not accepted
}

type fieldView struct {
	Name, Legacy, Projection string
	Hidden                   bool
}

type runView struct {
	Pass, Cron, Next, In string
	Overdue              bool
}

// show words a status for people.
func (v *view) show(s Status) {
	v.Status = s
	v.Tone = tone(string(s.Decision.Decision))
	v.Summary = summary(s.Decision)
	for _, r := range s.Decision.Criteria {
		v.Criteria = append(v.Criteria, criterionView{
			Result: r, Mark: mark(r.Verdict), Tone: tone(string(r.Verdict)), Observed: scalar(r.Observed), Limit: scalar(r.Limit),
		})
	}
	for _, p := range s.Passes {
		v.Passes = append(v.Passes, passOf(p, s.At))
	}
	for _, d := range s.Divergences {
		v.Listed = append(v.Listed, divergenceOf(d))
	}
	v.Open = human.Quantity(s.Open, "open divergence", "open divergences")
	if s.Accepted > 0 {
		v.Open += ", " + human.Number(s.Accepted) + " accepted"
	}
	if rest := s.Open - int64(len(s.Divergences)); rest > 0 {
		v.Rest = fmt.Sprintf("The oldest %s are listed; %s more are in the ledger.", human.Number(int64(len(s.Divergences))), human.Number(rest))
	}
	v.Suspected = human.Quantity(s.Suspects, "suspect waits for its recheck", "suspects wait for their recheck")
	v.Verified = "nothing is verified completely yet"
	if w := s.VerifiedThrough; w != nil {
		v.Verified = "verified through " + throughOf(*w, s.At, "ago")
	}
	v.Audit = historyOf(s.History, s.At, "ago")
	for _, run := range s.Schedule {
		v.Runs = append(v.Runs, runOf(run, s.At))
		if run.Overdue {
			reason := run.Reason
			if reason == "" {
				reason = "A scheduled run was missed or takes too long."
			}
			v.Overdue = append(v.Overdue, fmt.Sprintf("Pass %s is overdue. %s", run.Pass, reason))
		}
		if run.Failures > 1 && run.FailingSince != nil {
			v.Overdue = append(v.Overdue, fmt.Sprintf("Pass %s could not judge everything %d times in a row, since %s: %s",
				run.Pass, run.Failures, human.Instant(*run.FailingSince), short(run.LastError)))
		}
	}
}

// summary says in one sentence why the decision is what it is.
func summary(d gate.Decision) string {
	var failing, unknown []string
	blocking, waived := 0, 0
	for _, r := range d.Criteria {
		if r.Waiver != nil {
			waived++
		}
		if r.Advisory || r.Waiver != nil {
			continue
		}
		blocking++
		switch r.Verdict {
		case gate.Passes:
		case gate.Fails:
			failing = append(failing, r.Name)
		case gate.Inconclusive, gate.Errored:
			unknown = append(unknown, r.Name)
		default:
			unknown = append(unknown, r.Name)
		}
	}
	excused := ""
	if waived > 0 {
		excused = fmt.Sprintf(" %d more %s waived.", waived, verb(waived, "is", "are"))
	}
	return verdictOf(blocking, failing, unknown) + excused
}

func verdictOf(blocking int, failing, unknown []string) string {
	switch {
	case blocking == 0:
		return "No blocking criterion is in force (enabled and not waived), so nothing can justify GO."
	case len(failing) > 0:
		return fmt.Sprintf("%d of %d criteria %s: %s.", len(failing), blocking, verb(len(failing), "fails", "fail"), strings.Join(failing, ", "))
	case len(unknown) > 0:
		return fmt.Sprintf("No criterion fails, but %d of %d %s evidence: %s.", len(unknown), blocking,
			verb(len(unknown), "lacks", "lack"), strings.Join(unknown, ", "))
	case blocking == 1:
		return "The only enabled criterion passes."
	default:
		return fmt.Sprintf("All %d criteria pass.", blocking)
	}
}

func verb(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// throughOf says how old the watermark is, and which pass moved it there.
func throughOf(w Watermark, now time.Time, ago string) string {
	said := fmt.Sprintf("%s, %s %s, by %s pass %d", human.Instant(w.At), human.Duration(now.Sub(w.At)), ago, w.Pass, w.PassID)
	if w.Accepted > 0 {
		said += ", with " + human.Quantity(w.Accepted, "diverged order that is accepted", "diverged orders that are accepted")
	}
	if w.OldEvents != nil {
		said += fmt.Sprintf("; additions, edits and deletions of events up to position %d were last looked for at %s", w.OldEvents.UpTo, human.Instant(w.OldEvents.LookedAt))
	}
	return said
}

func passOf(p Pass, now time.Time) passView {
	v := passView{
		Name: fmt.Sprintf("%s %d", p.Pass, p.ID), When: human.Instant(p.StartedAt), Age: human.Duration(now.Sub(p.StartedAt)) + " ago",
		Verdict: p.Verdict, Tone: tone(p.Verdict), Coverage: human.Percent(p.Coverage), Compared: human.Number(p.Compared), Reason: p.Reason,
		Took: human.Duration(time.Duration(p.DurationSeconds * float64(time.Second))),
	}
	switch {
	case p.State != "done":
		v.Verdict, v.Tone, v.Took = p.State, "quiet", "running"
		if p.Sharing != nil {
			v.Reason = p.Sharing.String()
		}
		for _, s := range p.Throttled {
			v.Reason = strings.TrimPrefix(v.Reason+"; "+s.String(), "; ")
		}
	case p.Diverged > 0:
		v.Reason = strings.TrimSpace(human.Quantity(p.Diverged, "order diverged.", "orders diverged.") + " " + v.Reason)
	}
	return v
}

func divergenceOf(d Divergence) divergenceView {
	v := divergenceView{
		Order: short(d.OrderID), Kind: d.Kind, Hop: string(d.Hop), Since: human.Instant(d.FirstSeen),
		Age: human.Duration(time.Duration(d.AgeSeconds * float64(time.Second))),
	}
	if d.Cause != "" {
		v.Hop += ", " + d.Cause
	}
	if a := d.Acceptance; a != nil {
		v.Accepted = fmt.Sprintf("by %s on %s, until %s: %s", short(a.Who), human.Instant(a.At), human.Instant(a.Until), short(a.Why))
	}
	for _, f := range d.Fields {
		shown := fieldView{Name: f.Name, Hidden: f.Values == nil}
		if !shown.Hidden {
			shown.Legacy, shown.Projection = value(f.Legacy), value(f.Projection)
		}
		v.Fields = append(v.Fields, shown)
	}
	return v
}

func runOf(s Schedule, now time.Time) runView {
	v := runView{Pass: s.Pass, Cron: s.Cron, Next: "not scheduled", Overdue: s.Overdue}
	if s.Next != nil {
		v.Next, v.In = human.Instant(*s.Next), "in "+human.Duration(s.Next.Sub(now))
	}
	return v
}

// tone is the CSS class for good, bad or unknown.
func tone(verdict string) string {
	switch verdict {
	case "GO", "pass", "match":
		return "good"
	case "NO-GO", "fail", "diverged":
		return "bad"
	default:
		return "unknown"
	}
}

// mark shows the verdict to people who do not see colours.
func mark(v gate.Verdict) string {
	switch v {
	case gate.Passes:
		return "✓"
	case gate.Fails:
		return "✕"
	case gate.Inconclusive:
		return "?"
	case gate.Errored:
		return "!"
	default:
		return "?"
	}
}

// scalar writes what a criterion observed. Numbers that went through JSON are all floats.
func scalar(v any) string {
	switch v := v.(type) {
	case nil:
		return "nothing"
	case int64:
		return human.Number(v)
	case float64:
		if v == float64(int64(v)) {
			return human.Number(int64(v))
		}
		return human.Significant(v)
	default:
		return short(fmt.Sprint(v))
	}
}

// maxShown is how many characters of a value are shown, because a value from a database may be a megabyte.
const maxShown = 200

func short(s string) string {
	if r := []rune(s); len(r) > maxShown {
		return string(r[:maxShown]) + "…"
	}
	return s
}

func value(s *string) string {
	switch {
	case s == nil:
		return "NULL"
	case *s == "":
		return `""`
	case *s == "NULL":
		return `"NULL"` // the text "NULL", which is not NULL
	default:
		return short(*s)
	}
}
