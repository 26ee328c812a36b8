package main

import "github.com/nordvarg/crosscheck/config"

// overPairs of verify: keys are those of one pair, and so is the pass that is resumed.
func (v *verifyCommand) overPairs() (pairForm, bool) {
	return pairForm{json: v.JSON}, len(v.Keys) == 0 && !v.Resume
}

func (s *sampleCommand) overPairs() (pairForm, bool) { return pairForm{json: s.JSON}, true }

// overPairs of audit: the findings of one pair fill a file, and a pass that is resumed is of one.
func (a *auditCommand) overPairs() (pairForm, bool) {
	lacks := func(c *config.Config) string {
		if c.Events.Given() && c.History.Given() {
			return ""
		}
		return "it has no sections events and history, which an audit compares"
	}
	return pairForm{json: a.JSON, lacks: lacks}, a.Findings == "" && !a.Resume
}

func (r *readsAsk) overPairs() (pairForm, bool) {
	lacks := func(c *config.Config) string {
		if c.Reads.Given() {
			return ""
		}
		return "it has no section reads"
	}
	return pairForm{json: r.JSON, lacks: lacks}, true
}

func (d *doctorCommand) overPairs() (pairForm, bool) {
	form := pairForm{json: d.JSON}
	if d.FixSQL {
		form.heading = "-- pair %s\n"
	}
	return form, true
}

// overPairs of divergences: the order is one of a pair, and a table has no column for it.
func (d *divergencesCommand) overPairs() (pairForm, bool) {
	return pairForm{lines: d.JSON}, d.URL == "" && !d.CSV && d.Order == ""
}
