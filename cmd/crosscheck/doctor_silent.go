package main

import (
	"fmt"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/doctor"
	"github.com/nordvarg/crosscheck/history"
)

// checkVocabulary names the types that a backfill never writes.
const checkVocabulary = "vocabulary"

// silentTypes says nothing of rules that cannot be turned round: they are mistakes of the configuration.
func silentTypes(c *config.Config) (out []doctor.Finding) {
	speaker, err := c.Speaker()
	if err != nil {
		return nil
	}
	for _, silent := range speaker.Silent(history.Recorded{Audit: c.History.AuditLog != "", Trades: c.History.Trades != ""}) {
		f := doctor.Finding{
			Side: "backfill", Check: checkVocabulary, Level: doctor.Info, Message: fmt.Sprintf("no backfill writes events of type %s: %s", silent.Type, silent.Why),
			Hint: "nothing has to be done; such events are understood where they are stored",
		}
		if silent.Lost {
			f.Level = doctor.Warning
			f.Hint = "orders of the past will have no such event: see that no projector needs one, give crosscheck the record (history), or append these events by another program"
		}
		out = append(out, f)
	}
	if out == nil {
		out = []doctor.Finding{{Side: "backfill", Check: checkVocabulary, Level: doctor.OK, Message: "legacy's records can be said in each type of events.fold"}}
	}
	return out
}
