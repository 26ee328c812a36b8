package config

import (
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/nordvarg/crosscheck/gate"
)

// readGate reads the section gate. A criterion that the file names is enabled. An unknown name is an error, because
// leaving a criterion out silently could give a false GO.
func readGate(o *object, p *gate.Policy) {
	readers := map[string]func(*object){}
	for _, name := range gate.Names() {
		readers[name] = func(o *object) { p.Criteria.Read(name, settings{o}) }
	}
	o.object("criteria").each(readers)
	p.Waivers = readWaivers(o)
	o.done()
}

// warnOfAudits finds a criterion that judges audits where there can be none.
func (c *Config) warnOfAudits(o *object) {
	if c.Gate.Criteria.HistoryAccuracy.Enabled && (!c.Events.Given() || !c.History.Given()) {
		o.warnOfCriterion("history_accuracy", "there can be no audit without the sections events and history", "events and history")
	}
}

// warnOfSequences finds a criterion that judges sequences where none is named.
func (c *Config) warnOfSequences(o *object) {
	if c.Gate.Criteria.Sequences.Enabled && len(c.Cutover.Sequences) == 0 {
		o.warnOfCriterion("sequences", "no sequence is named in cutover.sequences", "cutover.sequences")
	}
}

// warnOfCriterion says that a criterion never has evidence, and what is missing.
func (o *object) warnOfCriterion(name, why, missing string) {
	path := "gate.criteria." + name
	n := target(o.object("gate").object("criteria").values[name])
	o.warnings = append(o.warnings, &Error{
		File: o.file, Line: n.Line, Column: n.Column, Path: path,
		Message: why + ": the criterion is always inconclusive",
		Hint:    "add " + missing + ", or leave " + path + " out",
	})
}

// settings reads the keys of one criterion.
type settings struct{ o *object }

func (s settings) Boolean(key string, into *bool)                 { s.o.boolean(key, into) }
func (s settings) OneOf(key string, into *string, words []string) { s.o.oneOf(key, into, words) }

func (s settings) Whole(key string, into *int64, low, high int64) { s.o.whole(key, into, low, high) }

func (s settings) Ratio(key string, into *float64, within gate.Range) { s.o.ratio(key, into, within) }

func (s settings) Duration(key string, into *time.Duration, least time.Duration) {
	s.o.duration(key, into, least)
}

func readWaivers(o *object) []gate.Waiver {
	if o == nil || o.values["waivers"] == nil {
		o.child("waivers") // known, even if it is absent
		return nil
	}
	var waivers []gate.Waiver
	o.list("waivers", func(n *yaml.Node, path string) {
		w := o.mapping(n, path)
		if w == nil {
			return
		}
		var waiver gate.Waiver
		for _, key := range []string{"criterion", "who", "why", "until"} {
			w.require(key, "a waiver needs criterion, who, why and until")
		}
		w.oneOf("criterion", &waiver.Criterion, gate.Names())
		w.text("who", &waiver.Who)
		w.text("why", &waiver.Why)
		w.instant("until", &waiver.Until)
		w.done()
		waivers = append(waivers, waiver)
	})
	return waivers
}

// instant reads a time with its zone, or a date, which means the beginning of that day in UTC.
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
