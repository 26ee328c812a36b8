package reads

import (
	"context"
	"slices"
	"time"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// settle looks again at the questions whose answers differed, until each is judged.
func (a *asking) settle(ctx context.Context, most int) error {
	for len(a.suspects) > 0 {
		due := slices.MinFunc(a.suspects, func(x, y suspect) int { return x.due.Compare(y.due) }).due
		if pause := due.Sub(a.Now()); pause > 0 {
			if err := a.Wait(ctx, pause); err != nil {
				return err
			}
		}
		now := a.Now()
		waiting, asked := a.suspects, []suspect(nil)
		a.suspects = nil
		for _, s := range waiting {
			if s.due.After(now) {
				a.suspects = append(a.suspects, s)
			} else {
				asked = append(asked, s)
			}
		}
		err := a.each(ctx, len(asked), most, a.paced, func(ctx context.Context, i int, legacyFirst bool) {
			is := a.look(ctx, asked[i].Question, legacyFirst, false)
			a.mu.Lock()
			defer a.mu.Unlock()
			if ctx.Err() == nil {
				a.judge(asked[i], is)
			}
		})
		if err != nil {
			return err
		}
		if a.Progress != nil {
			a.Progress(verify.Progress{Stage: "settle", Done: a.suspected - int64(len(a.suspects)), Total: a.suspected})
		}
	}
	return nil
}

// judge says what another look makes of a question.
func (a *asking) judge(s suspect, is look) {
	of, rules := &a.facts.Queries[s.Query], a.Queries[s.Query].Rules
	same := func(x, y Answer) bool { return rules.Compare(x, y) == nil }
	before := s.last
	if is.err == nil {
		s.witnessed = append(s.witnessed, is.legacy, is.again)
		s.last = is
	}
	s.attempts++
	switch {
	case is.err != nil && s.attempts > a.Settle.Rechecks:
		a.failed(of, s.Question, is.err)
	case is.err != nil:
		a.wait(s)
	case is.differ == nil, !same(before.projection, is.projection) && slices.ContainsFunc(s.witnessed, func(w Answer) bool { return same(w, is.projection) }):
		of.Agreed++ // also if it has followed to a state that legacy has left since
		of.Later++
	case same(before.legacy, is.legacy) && same(before.projection, is.projection):
		of.Differing++
		a.list(s, false)
	case s.attempts > a.Settle.Rechecks:
		of.Moving++
		a.list(s, true)
	default:
		a.wait(s)
	}
}

func (a *asking) wait(s suspect) {
	s.due = a.Now().Add(max(a.Settle.Window, time.Millisecond))
	a.suspects = append(a.suspects, s)
}

// list keeps an answer that differs.
func (a *asking) list(s suspect, moving bool) {
	if a.listed[s.Query]++; a.listed[s.Query] > listed {
		a.facts.Unlisted++
		return
	}
	is := verify.ReadAnswer{Query: a.Queries[s.Query].Name, Key: order.Key(s.Params[0]), Moving: moving}
	if len(s.Params) > 1 {
		is.Params = s.Params
	}
	for _, d := range s.last.differ {
		is.Found = append(is.Found, verify.ReadDifference(d))
	}
	a.facts.Differences = append(a.facts.Differences, is)
}
