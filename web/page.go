package web

import (
	"bytes"
	"cmp"
	"context"
	"embed"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/human"
)

//go:embed templates
var templateFiles embed.FS

//go:embed static
var staticFiles embed.FS

// contentSecurityPolicy allows what this server itself serves: no inline script or style, no other host, no frame.
const contentSecurityPolicy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// pageOf is one page: its name in the navigation and what it serves.
type pageOf struct {
	name, pattern string // without a name it is not in the navigation
	serve         http.HandlerFunc
}

func (s *site) pages() []pageOf {
	if len(s.pairs) > 0 {
		return []pageOf{
			{"Pairs", "/{$}", s.allPairs},
			{"", "/pairs/{$}", s.allPairs},
			{"Docs", "/docs/{$}", s.docsIndex},
			{"", "/docs/{page...}", s.docsPage},
		}
	}
	return []pageOf{
		{"Overview", "/{$}", s.overview},
		{"Divergences", "/divergences", s.divergences},
		{"", "/orders/{id...}", s.order},
		{"Passes", "/passes", s.passes},
		{"Audit", "/audit", s.audits},
		{"Decisions", "/decisions", s.decisions},
		{"", "/decisions/{seq}/report", s.decisionReport},
		{"Cutover", "/cutover", s.cutover},
		{"Docs", "/docs/{$}", s.docsIndex},
		{"", "/docs/{page...}", s.docsPage},
		{"", "/cutover/report", s.cutoverReport},
	}
}

// serve adds the pages and the files that they need.
func (s *site) serve(mux *http.ServeMux) {
	for _, p := range s.pages() {
		if s.base == "" || !strings.HasPrefix(p.pattern, "/docs/") {
			mux.HandleFunc("GET "+s.base+p.pattern, s.access.guard(p.serve))
		}
	}
	if len(s.pairs) == 0 {
		mux.HandleFunc("POST "+s.base+"/divergences", s.access.guard(s.act(s.divergences)))
		mux.HandleFunc("POST "+s.base+"/orders/{id...}", s.access.guard(s.act(s.order)))
		mux.HandleFunc("POST "+s.base+"/cutover", s.access.guard(s.act(s.cutover)))
	}
	if s.base != "" {
		return // the site of all has the files
	}
	files := http.FileServerFS(staticFiles)
	mux.HandleFunc("GET /static/", func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/") {
			files.ServeHTTP(w, r)
			return
		}
		http.NotFound(w, r)
	})
}

// frame is what every page has, around its own view.
type frame struct {
	Title, Page string // the page is the one in the navigation
	Nav         []navItem
	System      System
	Compared    Compared
	Failure     string // why there is nothing to show
	Said        string // what a form has done
	All         bool   // it is about several pairs of tables
	Live        bool   // the page is kept as the server has it
	Events      string // the address that tells when to look again; empty for none
	Status
	Tone   string // of the decision
	Handed []handedView
	View   any

	code int // of the answer, if it is not that all is well
}

type navItem struct {
	Name, Path string
	Current    bool
}

// Compared says what is compared, on every page.
type Compared struct {
	Places []Place
	// Fields are the compared fields, and which of them events judge.
	Fields *gate.Fields
}

// Place is where a representation is.
type Place struct {
	Representation string
	Server         string // and the database, without secrets
	Table          string // or the topic
}

// Line names the tables on one line.
func (c Compared) Line() string {
	var tables []string
	for _, p := range c.Places {
		tables = append(tables, p.Representation+" "+p.Table)
	}
	return strings.Join(tables, "\u00a0· ") // no line begins with the dot
}

const unreadable = "The ledger cannot be read, so the state is not known. The log of crosscheck says why."

// show answers with a page. What the view cannot be made of is told with its status; the decision is on every page.
func (s *site) show(w http.ResponseWriter, r *http.Request, file string, f frame, view func(context.Context, *frame) error) {
	f.System, f.Compared = s.system, s.compared
	if r.Method == http.MethodGet && r.Header.Get("Sec-Fetch-Dest") != "empty" { // the script, which looks again, does not show it
		f.Said = said(w, r)
	}
	if f.All = len(s.pairs) > 0; f.Live && !f.All {
		f.Events = "/api/v1/events"
	}
	status, err := s.status.get(r.Context())
	if err != nil {
		s.log.WarnContext(r.Context(), "reading the status for the page", slog.Any("error", err))
		f.code, f.Failure = http.StatusServiceUnavailable, unreadable
	} else {
		f.Status, f.Tone = status, tone(string(status.Decision.Decision))
	}
	f.Status.System, f.Handed = s.system, s.handed(r.Context(), f.Status)
	if s.base != "" {
		f.Nav = append(f.Nav, navItem{Name: "All pairs", Path: "/pairs/"})
	}
	for _, p := range s.pages() {
		if p.name != "" {
			f.Nav = append(f.Nav, navItem{p.name, strings.TrimSuffix(p.pattern, "{$}"), p.name == f.Page})
		}
	}
	if err := view(r.Context(), &f); err != nil {
		f.code, f.Failure = s.wrong(r, err)
	}
	var body bytes.Buffer // the answer is the whole page or an error
	if err := templates()[file].ExecuteTemplate(&body, "frame", f); err != nil {
		s.log.ErrorContext(r.Context(), "writing the page", slog.Any("error", err))
		http.Error(w, "the page cannot be written", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(cmp.Or(f.code, http.StatusOK))
	_, _ = w.Write(s.based(body.Bytes())) // the visitor has left: nothing to do
}

// templates are the pages by the name of their file. They are parsed when the first page is shown: a command that shows
// none begins sooner.
var templates = sync.OnceValue(func() map[string]*template.Template {
	all := map[string]*template.Template{}
	for _, name := range []string{"overview", "pairs", "divergences", "order", "passes", "audit", "decisions", "cutover", "docs", "doc"} {
		all[name] = template.Must(template.New("").Funcs(template.FuncMap{
			"number": human.Number, "instant": human.Instant, "ago": ago, "linked": linked, "order": orderLink, "named": orderNamed, "hop": hopLink, "sentence": sentence, "cause": causeLink, "criterion": criterionLink,
		}).ParseFS(templateFiles, "templates/frame.html", "templates/parts.html", "templates/"+name+".html"))
	}
	return all
})

// ago is a duration before now.
func ago(now, at time.Time) string { return human.Duration(now.Sub(at)) + " ago" }

var pageNamed = regexp.MustCompile(`docs/[a-zA-Z0-9_/-]+\.md`)

// linked makes the pages of the documentation that a text names into links.
func linked(text string) template.HTML {
	var b strings.Builder
	for {
		at := pageNamed.FindStringIndex(text)
		if at == nil {
			break
		}
		path := strings.TrimSuffix(text[at[0]:at[1]], ".md")
		b.WriteString(template.HTMLEscapeString(text[:at[0]]))
		if hasDoc(strings.TrimPrefix(path, "docs/")) {
			fmt.Fprintf(&b, `<a href="/%s">%s</a>`, path, strings.TrimPrefix(path, "docs/"))
		} else {
			b.WriteString(template.HTMLEscapeString(text[at[0]:at[1]]))
		}
		text = text[at[1]:]
	}
	return template.HTML(b.String() + template.HTMLEscapeString(text)) //nolint:gosec // everything else is escaped
}

// causeLink and criterionLink name a thing, and lead to its page if there is one.
func causeLink(name string) template.HTML     { return docLink("causes", name) }
func criterionLink(name string) template.HTML { return docLink("criteria", name) }

func docLink(folder, name string) template.HTML {
	if shown := template.HTMLEscapeString(short(name)); !hasDoc(folder + "/" + name) {
		return template.HTML(shown) //nolint:gosec // escaped
	}
	return template.HTML(fmt.Sprintf(`<a href="/docs/%s/%s">%s</a>`, folder, name, name)) //nolint:gosec // the name of a file
}

type divergenceView struct {
	Order, Kind, Hop, Cause, Age, Since string
	Key                                 string // of the order, whole
	State                               string
	By                                  *acceptanceView // nil if it is not accepted
	Fields                              []fieldView
	Accepted                            string // who accepted it, until when and why; empty if it is not accepted
}

type acceptanceView struct{ Who, Why, Until string }

type fieldView struct {
	Name, Legacy, Projection string
	Events                   string // empty if it is not known
	Hidden                   bool
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
		Verdict: p.Verdict, Tone: tone(p.Verdict), Coverage: human.Percent(p.Coverage), Compared: comparedOf(p), Reason: p.Reason,
		Took: human.Duration(time.Duration(p.DurationSeconds * float64(time.Second))),
	}
	switch {
	case p.State != "done":
		v.Verdict, v.Tone, v.Took = p.State, "quiet", "running"
		if p.State == "scanning" { // it is counted at the end
			v.Compared, v.Coverage = "–", "–"
		}
		if p.Sharing != nil {
			v.Reason = p.Sharing.String()
		}
		for _, s := range p.Throttled {
			v.Reason = strings.TrimPrefix(v.Reason+"; "+s.String(), "; ")
		}
	default:
		v.Reason = strings.TrimSpace(foundBy(p) + " " + v.Reason)
	}
	return v
}

func divergenceOf(d Divergence) divergenceView {
	v := divergenceView{
		Order: short(d.OrderID), Key: d.OrderID, Kind: d.Kind, Hop: string(d.Hop), Since: human.Instant(d.FirstSeen),
		Age: human.Duration(time.Duration(d.AgeSeconds * float64(time.Second))),
	}
	v.Cause, v.State = d.Cause, d.State
	if a := d.Acceptance; a != nil {
		v.By = &acceptanceView{short(a.Who), short(a.Why), human.Instant(a.Until)}
		v.Accepted = fmt.Sprintf("by %s on %s, until %s: %s", short(a.Who), human.Instant(a.At), human.Instant(a.Until), short(a.Why))
	}
	for _, f := range d.Fields {
		shown := fieldView{Name: f.Name, Hidden: f.Values == nil}
		if !shown.Hidden {
			shown.Legacy, shown.Projection = value(f.Legacy), value(f.Projection)
			if events, known := f.Events.(*string); known {
				shown.Events = value(events)
			}
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
