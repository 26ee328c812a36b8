package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"net/http"
	"time"

	"github.com/nordvarg/crosscheck/board"
	"github.com/nordvarg/crosscheck/gate"
)

const (
	// heartbeat is the longest time without a word to a viewer.
	heartbeat = 15 * time.Second
	// sendTimeout is how long a viewer may take to read one event.
	sendTimeout = 10 * time.Second
	// maxViewers is how many may watch at once.
	maxViewers = 1000
)

// Summary is what an event tells. Whoever needs more asks for it.
type Summary struct {
	At              time.Time   `json:"at"`
	Decision        gate.Answer `json:"decision"`
	Fingerprint     string      `json:"fingerprint"`
	Open            int64       `json:"open_divergences"`
	Accepted        int64       `json:"accepted_divergences"`
	Suspects        int64       `json:"suspects"`
	VerifiedThrough *time.Time  `json:"verified_through"` // null if nothing is verified completely
	Running         []Running   `json:"running"`
	NewestPass      int64       `json:"newest_pass"` // 0 if there is none
	// Criteria is the verdict of each criterion.
	Criteria map[string]gate.Verdict `json:"criteria"`
	// Version changes whenever anything else does that the status shows, ages apart.
	Version string `json:"version"`
}

// Running is a pass that has not ended.
type Running struct {
	ID       int64   `json:"id"`
	Pass     string  `json:"pass"`
	State    string  `json:"state"`
	Compared int64   `json:"compared"`
	Coverage float64 `json:"coverage"`
}

// told is an event that is ready to be sent. Viewers share it.
type told struct {
	id   string
	data []byte
}

// newSummary sums a status up. Its version leaves out what changes with each reading, because it is an age.
func newSummary(s Status) (told, error) {
	out := Summary{
		At: s.At, Decision: s.Decision.Decision, Fingerprint: s.Decision.Fingerprint, Open: s.Open, Accepted: s.Accepted, Suspects: s.Suspects,
		Running: []Running{}, Criteria: map[string]gate.Verdict{},
	}
	if w := s.VerifiedThrough; w != nil {
		out.VerifiedThrough = &w.At
	}
	for _, p := range s.Passes {
		out.NewestPass = max(out.NewestPass, p.ID)
		if p.State != "done" {
			out.Running = append(out.Running, Running{p.ID, p.Pass, p.State, p.Compared, p.Coverage})
		}
	}
	for _, c := range s.Decision.Criteria {
		out.Criteria[c.Name] = c.Verdict
	}
	var err error
	if out.Version, err = versionOf(s); err != nil {
		return told{}, err
	}
	data, err := json.Marshal(out)
	return told{out.Version, data}, err
}

func versionOf(s Status) (string, error) {
	s = ageless(s)
	text, err := json.Marshal(struct {
		Status
		Cutover *board.Cutover
	}{s, s.Cutover}) // pages show the cutover, and the status does not
	if err != nil {
		return "", fmt.Errorf("encoding the status: %w", err)
	}
	h := fnv.New64a()
	_, _ = h.Write(text) // it never fails
	return fmt.Sprintf("%016x", h.Sum64()), nil
}

// ageless is the status without times that pass by themselves.
func ageless(s Status) Status {
	s.At, s.Decision.At, s.Parts = time.Time{}, time.Time{}, nil
	s.Decision.Criteria = append([]gate.Result{}, s.Decision.Criteria...)
	for i := range s.Decision.Criteria { // reasons say how long ago something was
		c := &s.Decision.Criteria[i]
		*c = gate.Result{Name: c.Name, Verdict: c.Verdict, Advisory: c.Advisory, Waiver: c.Waiver}
	}
	s.Passes = append([]Pass{}, s.Passes...)
	for i := range s.Passes {
		s.Passes[i].DurationSeconds = 0
	}
	s.Divergences = append([]Divergence{}, s.Divergences...)
	for i := range s.Divergences {
		s.Divergences[i].AgeSeconds = 0
	}
	if s.VerifiedThrough != nil {
		w := *s.VerifiedThrough
		w.AgeSeconds = 0
		s.VerifiedThrough = &w
	}
	if s.History != nil {
		h := *s.History
		h.AgeSeconds = 0
		s.History = &h
	}
	return s
}

// sharedSummary is one reading for all viewers.
func sharedSummary(status *shared[Status]) *shared[told] {
	return newShared(func(ctx context.Context) (told, error) {
		is, err := status.get(ctx)
		if err != nil {
			return told{}, err
		}
		return newSummary(is)
	})
}

// apiEvents tells a viewer what changes until it leaves or the server is shut down. Each viewer has its own loop, and reads what was
// read for all: one that is slow misses events that are out of date, and keeps nobody waiting.
func (s *site) apiEvents(w http.ResponseWriter, r *http.Request) {
	if err := known(r); err != nil {
		s.fail(w, r, err)
		return
	}
	select {
	case s.viewers <- struct{}{}:
		defer func() { <-s.viewers }()
	default:
		w.Header().Set("Retry-After", "60")
		s.fail(w, r, refusef(http.StatusServiceUnavailable, "%d viewers are connected already", maxViewers))
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // nginx would collect events
	v := viewer{w: w, control: http.NewResponseController(w), now: s.now}
	_ = v.control.SetReadDeadline(time.Time{}) // a recorder in a test has none
	tick := time.NewTicker(cacheFor)
	defer tick.Stop()
	for {
		if err := s.tell(r.Context(), &v); err != nil {
			return // the viewer has left, or does not read
		}
		select {
		case <-r.Context().Done():
			return
		case <-s.closing:
			_ = v.send("event: bye\ndata: {}\n\n")
			return
		case <-tick.C:
		}
	}
}

// viewer is one that watches, and what it was told.
type viewer struct {
	w       http.ResponseWriter
	control *http.ResponseController
	now     func() time.Time

	last string // the id of the last event, or unknown
	sent time.Time
}

// unknownEvent is told while the ledger cannot be read.
const unknownEvent = "unknown"

// tell sends what is new, or a sign of life if there was nothing for a while.
func (s *site) tell(ctx context.Context, v *viewer) error {
	is, err := s.summary.get(ctx)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil && v.last != unknownEvent:
		v.last = unknownEvent
		return v.send("event: unknown\ndata: {\"error\":\"" + unreadable + "\"}\n\n")
	case err == nil && v.last != is.id:
		v.last = is.id
		return v.send("event: status\nid: " + is.id + "\ndata: " + string(bytes.TrimSpace(is.data)) + "\n\n")
	case v.now().Sub(v.sent) >= heartbeat:
		return v.send(": still here\n\n")
	}
	return nil
}

// send gives the viewer a new deadline, in place of that of the server for whole answers.
func (v *viewer) send(text string) error {
	if err := v.control.SetWriteDeadline(time.Now().Add(sendTimeout)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if _, err := v.w.Write([]byte(text)); err != nil {
		return err
	}
	v.sent = v.now()
	return v.control.Flush()
}

// slowly lets a request in that may take longer than others, and gives it the time that it needs.
func (s *site) slowly(w http.ResponseWriter, r *http.Request) (ctx context.Context, done func(), err error) {
	ctx, cancel := context.WithTimeout(r.Context(), s.api.ExplainFor)
	release, err := s.explaining.enter(ctx)
	if err != nil {
		cancel()
		return nil, nil, refusef(http.StatusServiceUnavailable, "other orders are looked at; try again")
	}
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{}) // a recorder in a test has no deadlines
	_ = control.SetWriteDeadline(time.Now().Add(s.api.ExplainFor + sendTimeout))
	return ctx, func() { release(); cancel() }, nil
}
