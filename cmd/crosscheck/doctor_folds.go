package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/doctor"
	"github.com/nordvarg/crosscheck/human"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source"
	"github.com/nordvarg/crosscheck/verify"
)

const (
	// checkFold says how many folds equal the projection.
	checkFold = "fold"
	// foldedOrders are how many are folded, and mostGroups how many kinds of difference are named.
	foldedOrders, mostGroups = 1000, 3
	// foldTimeout is for all of them. Those that came in time are enough.
	foldTimeout = 30 * time.Second
)

// compareFolds says nothing of databases that cannot be opened, or are empty, because that has its findings.
func compareFolds(ctx context.Context, c *config.Config, events source.EventsConfig) []doctor.Finding {
	ctx, cancel := context.WithTimeout(ctx, foldTimeout)
	defer cancel()
	projection, err := source.Open(ctx, projectionConfig(c, nil))
	if err != nil {
		return nil
	}
	defer projection.Close()
	store, err := source.OpenEvents(ctx, events)
	if err != nil {
		return nil
	}
	defer store.Close()
	cmp := comparison(c, sides{projection: projection, events: store}, nil, nil)
	folds := compare.Folds{Oracle: cmp.Oracle()}
	refused, err := verify.Folds{Projection: projection, Events: store, Random: cmp.Random, Wait: cmp.Wait}.Compare(ctx, foldedOrders, &folds)
	f := doctor.Finding{Side: string(order.Events), Check: checkFold, Level: doctor.Warning}
	switch {
	case refused != "":
		f.Level, f.Message = doctor.Info, "no fold was compared with the projection, because no sample can be drawn: "+refused
		f.Hint = "crosscheck verify compares all of them"
	case ctx.Err() != nil && folds.Compared() == 0:
		f.Message = fmt.Sprintf("no fold could be compared with the projection within %s", human.Duration(foldTimeout))
		f.Hint = "see whether events.key and projection.key have indexes that serve"
	case err != nil && ctx.Err() == nil:
		f.Check, f.Level, f.Message = checkOr(checkFold, err), doctor.Error, doctor.OneLine(err.Error())
		f.Hint = hintOr(err, eventsHint)
	case folds.Compared()+folds.NoEvent+folds.Unread == 0:
		return nil
	default:
		return foldFindings(&folds, c.Events.Archived != "")
	}
	return []doctor.Finding{f}
}

// foldFindings says how many rows equal their fold, and what the others have in common.
func foldFindings(folds *compare.Folds, archived bool) (out []doctor.Finding) {
	add := func(level doctor.Level, hint, format string, args ...any) {
		out = append(out, doctor.Finding{Side: string(order.Events), Check: checkFold, Level: level, Message: fmt.Sprintf(format, args...), Hint: hint})
	}
	compared, differing := folds.Compared(), folds.Differing()
	if compared > 0 {
		level, hint, message := doctor.OK, "", fmt.Sprintf("%s of %s equal the projection", number(folds.Equal), human.Quantity(int64(compared), "fold", "folds"))
		if folds.Behind > 0 {
			message += "; " + human.Quantity(int64(folds.Behind), "row is behind its", "rows are behind their") + " events"
		}
		switch {
		case differing > 0:
			differs, keys := differences(folds)
			message += "; of the others " + differs + ": is the rule complete?"
			hint = "see docs/fold.md, and crosscheck explain " + strings.Join(keys, ", crosscheck explain ")
			if level = doctor.Warning; 2*differing > compared {
				level = doctor.Error
			}
		case 2*folds.Behind > compared:
			level, hint = doctor.Warning, "the projector may have stopped, or a rule changes what the projector does not; crosscheck explain shows an order's events"
		}
		add(level, hint, "%s", message)
	}
	if folds.NoEvent > 0 && !archived {
		add(doctor.Warning, "check events.table and events.key: both sides must write a key alike",
			"%s no event", human.Quantity(int64(folds.NoEvent), "order of the projection has", "orders of the projection have"))
	}
	if folds.Unread > 0 {
		add(doctor.Warning, eventsForm.unread, "%s not folded, because an event cannot be read", human.Quantity(int64(folds.Unread), "order was", "orders were"))
	}
	return out
}

// differences names the largest groups, and an order of each.
func differences(folds *compare.Folds) (text string, keys []string) {
	var parts []string
	for i, g := range folds.Groups() {
		if i == mostGroups {
			parts = append(parts, "some in other ways")
			break
		}
		keys = append(keys, human.Shown(string(g.Keys[0])))
		n, after := number(len(g.Keys)), fmt.Sprintf(" after `%.60s`", g.After)
		switch {
		case len(g.Fields) == 0 && len(g.Keys) == 1:
			parts = append(parts, n+" is not created"+after)
		case len(g.Fields) == 0:
			parts = append(parts, n+" are not created"+after)
		case len(g.Keys) == 1:
			parts = append(parts, n+" differs in "+quoted(g.Fields)+after)
		default:
			parts = append(parts, n+" differ in "+quoted(g.Fields)+after)
		}
	}
	return strings.Join(parts, ", "), keys
}

func quoted(names []string) string { return "`" + strings.Join(names, "`, `") + "`" }

func number(n int) string { return human.Number(int64(n)) }
