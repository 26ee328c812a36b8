package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/board"
	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/human"
)

// shownDecisions is how many links of the chain a page shows.
const shownDecisions = 25

// decisionsView is what the page of decisions shows.
type decisionsView struct {
	Links []linkView
	Newer bool   // this is not the first page
	Older string // the address of the next page; empty if there is none
	// Broken says what is wrong with the newest link here that is not sound.
	Broken string
	Wrong  string // why there is no list
}

type linkView struct {
	Seq                                                    int64
	When, Age, Who, Answer, Tone, Hash, Short, Fingerprint string
	Flaw                                                   string // empty if the link is sound
	Criteria                                               []linkCriterion
	Said                                                   string // of the criteria, in one sentence
	Approval                                               *approvalView
}

type linkCriterion struct{ Name, Verdict, Tone, Note string }

type approvalView struct {
	Decision      int64
	Ticket, Until string
	Ended         bool
}

func (s *site) decisions(w http.ResponseWriter, r *http.Request) {
	s.show(w, r, "decisions", frame{Page: "Decisions", Title: "Decisions", Live: true}, func(ctx context.Context, f *frame) error {
		before, err := pageBefore(r)
		if refused, ok := errors.AsType[*RefusedError](err); ok {
			f.code, f.View = refused.Code, decisionsView{Wrong: refused.Error(), Newer: true}
			return nil
		}
		f.View, err = s.chain.get(ctx, fmt.Sprint(before), func(ctx context.Context) (decisionsView, error) { return s.readChain(ctx, before) })
		return err
	})
}

// readChain is one page of the chain, which its viewers share.
func (s *site) readChain(ctx context.Context, before int64) (decisionsView, error) {
	if s.api.Logged == nil {
		return decisionsView{}, nil
	}
	release, err := s.reading.enter(ctx)
	if err != nil {
		return decisionsView{}, err
	}
	defer release()
	found, err := s.api.Logged.ListDecisions(ctx, before, shownDecisions+1)
	if err != nil && !errors.Is(err, board.ErrNotMigrated) {
		return decisionsView{}, err
	}
	return decisionsOf(found, before, s.now())
}

// pageBefore is the link before which a page begins; 0 for the newest page.
func pageBefore(r *http.Request) (int64, error) {
	text := r.URL.Query().Get("before")
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 {
		return 0, refusef(http.StatusBadRequest, "before must be the number of a decision, found %q", short(text))
	}
	return n, nil
}

func decisionsOf(found []board.Link, before int64, now time.Time) (decisionsView, error) {
	found, more := page(found, shownDecisions)
	v := decisionsView{Newer: before > 0}
	if more {
		v.Older = fmt.Sprintf("/decisions?before=%d", found[len(found)-1].Seq)
	}
	for _, link := range found {
		shown, err := linkOf(link, now)
		if err != nil {
			return v, err
		}
		if link.Flaw != "" && v.Broken == "" {
			v.Broken = fmt.Sprintf("Decision %d: %s.", link.Seq, link.Flaw)
		}
		v.Links = append(v.Links, shown)
	}
	return v, nil
}

func linkOf(l board.Link, now time.Time) (linkView, error) {
	v := linkView{
		Seq: l.Seq, When: human.Instant(l.At), Age: ago(now, l.At), Who: short(l.Who), Answer: short(l.Answer), Tone: tone(l.Answer), Hash: l.Hash, Flaw: l.Flaw,
		Short: fmt.Sprintf("%.12s", l.Hash), Fingerprint: fmt.Sprintf("%.12s", l.Fingerprint),
	}
	if l.Answer == approvalAnswer {
		var a gate.Approval
		if err := json.Unmarshal(l.Evidence, &a); err != nil {
			return v, fmt.Errorf("decoding approval %d: %w", l.Seq, err)
		}
		v.Tone, v.Approval = "quiet", &approvalView{a.Decision, short(a.Ticket), human.Instant(a.Until), !a.Until.After(now)}
		return v, nil
	}
	var d gate.Decision
	if err := json.Unmarshal(l.Decision, &d); err != nil {
		return v, fmt.Errorf("decoding decision %d: %w", l.Seq, err)
	}
	v.Said = summary(d)
	for _, c := range d.Criteria {
		if c.Verdict == gate.Passes {
			continue
		}
		shown := linkCriterion{Name: c.Name, Verdict: string(c.Verdict), Tone: tone(string(c.Verdict))}
		switch {
		case c.Waiver != nil:
			shown.Note = "waived by " + short(c.Waiver.Who)
		case c.Advisory:
			shown.Note = "advisory"
		}
		v.Criteria = append(v.Criteria, shown)
	}
	return v, nil
}

// gatePolicy allows the page of a report its own style, which is within it, and nothing else.
var gatePolicy = strings.Replace(contentSecurityPolicy, "style-src 'self'", "style-src '"+hashOf(reportStyle)+"'", 1)

// decisionReport shows the report of one recorded decision, as gate --report writes it.
func (s *site) decisionReport(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), readTimeout)
	defer cancel()
	made, err := s.reportOfDecision(ctx, r.PathValue("seq"))
	var body bytes.Buffer // the answer is the whole page or an error
	if err == nil {
		err = WriteReport(&body, made)
	}
	if err != nil {
		code, said := s.wrong(r, err)
		http.Error(w, said, code)
		return
	}
	w.Header().Set("Content-Security-Policy", gatePolicy)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(body.Bytes()) // the visitor has left: nothing to do
}

func (s *site) reportOfDecision(ctx context.Context, text string) (Report, error) {
	seq, err := strconv.ParseInt(text, 10, 64)
	none := refusef(http.StatusNotFound, "there is no decision %q", short(text))
	if err != nil || seq < 1 || s.api.DecisionReport == nil {
		return Report{}, none
	}
	release, err := s.reading.enter(ctx)
	if err != nil {
		return Report{}, err
	}
	defer release()
	found, err := s.api.Logged.ListDecisions(ctx, seq+1, 1)
	switch {
	case err != nil:
		return Report{}, err
	case len(found) == 0 || found[0].Seq != seq:
		return Report{}, none
	case found[0].Answer == approvalAnswer:
		return Report{}, refusef(http.StatusNotFound, "%d is an approval, which has no report of its own", seq)
	}
	return s.api.DecisionReport(ctx, found[0])
}
