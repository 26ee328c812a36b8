package config

import (
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// Waiver excuses one criterion from the decision, on somebody's word.
type Waiver struct {
	// Criterion is its name, one of CriterionNames. Required.
	Criterion string
	// Who answers for it. Required.
	Who string
	// Why it is excused. Required.
	Why string
	// Until is when it ends to count: a time as in 2026-12-01T08:00:00Z, or a date, which ends as that day begins in
	// UTC. Required: there is no waiver for ever.
	Until time.Time
}

// CriterionNames lists the criteria of the gate.
func CriterionNames() []string {
	return []string{
		"open_divergences", "full_verification", "counts", "sample_bound", "coverage", "shadow_write_completeness",
		"event_gaps", "stream_completeness", "projection_lag", "stream_lag", "clean_streak", "history_accuracy",
		"rehearsals", "rollback_rehearsals",
	}
}

func readWaivers(o *object) []Waiver {
	if o == nil || o.values["waivers"] == nil {
		o.child("waivers") // known, even where it is absent
		return nil
	}
	var waivers []Waiver
	o.list("waivers", func(n *yaml.Node, path string) {
		w := o.mapping(n, path)
		if w == nil {
			return
		}
		var waiver Waiver
		for _, key := range []string{"criterion", "who", "why", "until"} {
			w.require(key, "a waiver says criterion, who, why and until")
		}
		w.oneOf("criterion", &waiver.Criterion, CriterionNames())
		w.text("who", &waiver.Who)
		w.text("why", &waiver.Why)
		w.instant("until", &waiver.Until)
		w.done()
		waivers = append(waivers, waiver)
	})
	return waivers
}

// instant reads a time with its zone, or a date, which is the beginning of that day in UTC.
func (o *object) instant(key string, into *time.Time) {
	s, ok := o.scalar(key)
	if !ok {
		return
	}
	if s.is("!!str", "!!timestamp") {
		text := strings.TrimSpace(s.text)
		for _, layout := range []string{time.RFC3339, time.DateOnly} {
			if t, err := time.Parse(layout, text); err == nil {
				*into = t.UTC()
				return
			}
		}
	}
	o.wrong(s, "must be a time or a date, found "+s.shown(), "such as 2026-12-01T08:00:00Z or 2026-12-01")
}
