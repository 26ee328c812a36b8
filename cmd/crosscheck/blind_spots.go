package main

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/human"
	"github.com/nordvarg/crosscheck/web"
)

// blindSpots says of what crosscheck does not see under some configurations whether this is one. docs/guarantees.md has the list.
func blindSpots(c *config.Config) []web.BlindSpot {
	fields := comparedFields(c)
	spot := func(name string, here bool, yes, no string) web.BlindSpot {
		if here {
			return web.BlindSpot{Name: name, Here: true, Said: yes}
		}
		return web.BlindSpot{Name: name, Said: no}
	}
	several := func(name string, found []string, yes, no string) web.BlindSpot {
		return spot(name, len(found) > 0, yes+": "+strings.Join(found, ", ")+".", no)
	}
	unjudged := spot("fields that events do not judge", !c.Events.Given() || len(fields.NotJudged) > 0,
		"Compared between legacy and projection only: "+strings.Join(fields.NotJudged, ", ")+". A value that is wrong in the same way on both is not found there.",
		"Events judge every compared field.")
	return []web.BlindSpot{
		spot("columns that are not mapped", true, fmt.Sprintf("Only the %s compared; a difference in any other column is not found.", human.Quantity(int64(len(c.Compare.Fields)), "mapped field is", "mapped fields are")), ""),
		several("tolerances", tolerances(c), "A smaller difference is not found", "Every value is compared exactly."),
		several("fields compared by an expression", expressions(c), "What the expression evens out is not found", "Every field is compared as it is stored."),
		several("slices", conditions(c), "Nothing is known of the other rows", "All rows of the tables are compared."),
		several("views and subqueries", derived(c), "A row that their SQL leaves out is not compared. crosscheck doctor --all names views too", "No representation is a subquery. crosscheck doctor --all names what views leave out."),
		spot("no event store", !c.Events.Given(), "The events are not compared: only legacy and projection are, and nothing tells which of them is right.", "The events are compared, and fold to what the projection should be."),
		unjudged,
		spot("archived events", c.Events.Archived != "", "Orders without events that meet events.archived are compared between legacy and projection only.", "No order is excused from having events."),
		spot("no stream", !c.Stream.Given(), "Messages of a topic are not compared with the events.", "The topic is compared with the events, message by message, while crosscheck run follows it."),
		several("ignored events, messages and answers", ignored(c), "What these say is not looked at", "No type is ignored."),
		spot("no record of legacy's own", !c.History.Given(), "Without history.audit_log and history.trades, nothing tells whether legacy's rows and histories are right.", "Audits compare legacy's rows and the events with its own record."),
		spot("sampling only", c.Sampler.Full.Off(), "sampler.full is off: unless somebody runs verify, only sampled orders are compared.", "A full verification looks at every order, by schedule."),
		spot("changes between passes", c.Sampler.Delta.Off(), "sampler.delta is off: an order that is wrong only between two passes leaves no trace, even for hours.", "Changes are looked at every "+c.Sampler.Delta.String()+". What is wrong for less time than that leaves no trace."),
		spot("differences that do not last", c.Compare.Settle.Window > 0, fmt.Sprintf("A difference counts when both sides have held still for %s. One that ends before is lag.", human.Duration(c.Compare.Settle.Window)), "Every difference counts at once."),
		spot("reads of clients", !c.Reads.Given(), "What the two read paths answer is not compared: only what they read from.", "The answers of both read paths are compared for the queries of reads."),
	}
}

// columnName is a column as it is, under whatever name.
var columnName = regexp.MustCompile(`^("([^"]|"")+"|\w+)$`)

func tolerances(c *config.Config) (out []string) {
	for _, f := range c.Compare.Fields {
		if f.Tolerance != nil && !f.Tolerance.IsZero() {
			out = append(out, fmt.Sprintf("%s %s", f.Name, f.Tolerance))
		}
	}
	return out
}

func expressions(c *config.Config) (out []string) {
	for _, f := range c.Compare.Fields {
		for _, side := range [][2]string{{"legacy", f.Legacy}, {"projection", f.Projection}} {
			if side[1] != "" && !columnName.MatchString(side[1]) {
				out = append(out, fmt.Sprintf("%s on %s (%s)", f.Name, side[0], human.Shown(side[1])))
			}
		}
	}
	return out
}

func conditions(c *config.Config) (out []string) {
	for _, side := range [][2]string{{"legacy", c.Legacy.Where}, {"projection", c.Projection.Where}, {"events", c.Events.Where}} {
		if side[1] != "" {
			out = append(out, side[0]+" where "+strings.Join(strings.Fields(side[1]), " "))
		}
	}
	return out
}

func derived(c *config.Config) (out []string) {
	for _, side := range [][2]string{{"legacy", c.Legacy.Table}, {"projection", c.Projection.Table}, {"events", c.Events.Table}, {"history.audit_log", c.History.AuditLog}, {"history.trades", c.History.Trades}} {
		if strings.HasPrefix(strings.TrimSpace(side[1]), "(") {
			out = append(out, side[0])
		}
	}
	return out
}

func ignored(c *config.Config) (out []string) {
	for _, name := range slices.Sorted(maps.Keys(c.Events.Fold.Events)) {
		if c.Events.Fold.Events[name].Ignore {
			out = append(out, "events of type "+human.Shown(name))
		}
	}
	for _, name := range c.Stream.IgnoreTypes {
		out = append(out, "messages of type "+human.Shown(name))
	}
	if len(c.Stream.Types) > 0 {
		out = append(out, "messages of types that stream.types does not list")
	}
	for _, q := range c.Reads.Queries {
		if len(q.Ignore) > 0 {
			out = append(out, fmt.Sprintf("%s in answers to query %s", strings.Join(q.Ignore, ", "), q.Name))
		}
	}
	return out
}
