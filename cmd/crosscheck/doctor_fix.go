package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/doctor"
	"github.com/nordvarg/crosscheck/human"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source"
)

// writeFixes writes the statements that mend what was found.
func (r diagnosis) writeFixes(w io.Writer, c *config.Config) error {
	script := doctor.Script(r.Findings, func(side string) doctor.Place {
		if side == string(order.Stream) {
			return doctor.Place{Server: strings.Join(c.Stream.Brokers, ", ")}
		}
		at := source.FoundAt(sideDSN(c, side))
		at.Standby = r.has(side, source.CheckReplica)
		return at
	})
	_, err := io.WriteString(w, script)
	return err
}

// nameUnfixed says that there are problems that no statement mends.
func (r diagnosis) nameUnfixed(w io.Writer) {
	var n int64
	for _, f := range r.Findings {
		if f.Level.Worse(doctor.Info) && len(f.Fixes) == 0 {
			n++
		}
	}
	if n > 0 {
		fmt.Fprintf(w, "crosscheck: no statement mends %s: see crosscheck doctor\n", human.Quantity(n, "problem", "problems"))
	}
}

// sideDSN is the database of the findings about a side.
func sideDSN(c *config.Config, side string) string {
	switch side {
	case string(order.Projection):
		return c.Projection.DSN.Reveal()
	case string(order.Events):
		return c.Events.DSN.Reveal()
	case ledgerSide:
		return c.Ledger.DSN.Reveal()
	case "backfill":
		return c.Backfill.DSN.Reveal()
	}
	return c.Legacy.DSN.Reveal() // history is there too
}
