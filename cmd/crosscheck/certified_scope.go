package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/cutover"
	cutoverrun "github.com/nordvarg/crosscheck/cutover/run"
	"github.com/nordvarg/crosscheck/ledger"
)

// certifiedScope says which orders a certificate is of: a slice, or all but those that were at the new side before the run.
type certifiedScope struct {
	Slice   string        `json:"slice,omitempty"` // empty: of all orders that were at legacy
	Outside []movedBefore `json:"outside,omitempty"`
}

// movedBefore is a slice that an earlier run has moved.
type movedBefore struct {
	Slice string `json:"slice"`
	Run   string `json:"run"`
}

// newestCutover is the journal of the newest run of a slice, or of all orders, that is completed, and which orders it has moved.
func newestCutover(ctx context.Context, l *ledger.Ledger, slice string) ([]cutover.Record, certifiedScope, error) {
	journals, err := l.Runs(ctx)
	if err != nil {
		return nil, certifiedScope{}, err
	}
	all, err := statusesOf(journals)
	if err != nil {
		return nil, certifiedScope{}, err
	}
	return newestOf(journals, all, slice)
}

// newestOf is [newestCutover] of journals and their statuses.
func newestOf(journals [][]cutover.Record, all []cutoverrun.Status, slice string) ([]cutover.Record, certifiedScope, error) {
	of := certifiedScope{Slice: slice}
	at := completedBefore(all, slice)
	switch moved := cutoverrun.Moved(all); {
	case at >= 0 && slice != "":
		return journals[at], of, nil
	case at >= 0:
		for _, name := range cutoverrun.Moved(all[:at]) {
			if by := completedBefore(all[:at], name); by >= 0 { // only an ended run lets another begin
				of.Outside = append(of.Outside, movedBefore{name, all[by].Run})
			}
		}
		return journals[at], of, nil
	case slice != "":
		return nil, of, uncertifiableError{"no cutover of the slice " + slice + " is completed", "crosscheck cutover status shows the runs"}
	case len(moved) > 0:
		return nil, of, uncertifiableError{"no cutover of all orders is completed", "name a slice that is, such as" + cutover.SliceFlag(moved[0])}
	}
	return nil, of, uncertifiableError{"no cutover of all orders is completed", "crosscheck cutover status shows the runs"}
}

// completedBefore is the place of the newest run of a slice, or of all orders, that is completed; negative if none is.
func completedBefore(all []cutoverrun.Status, slice string) int {
	for i, s := range slices.Backward(all) {
		if s.State.Phase == cutover.Completed && s.State.Slice == slice {
			return i
		}
	}
	return -1
}

// restrict is the configuration of these orders, as the run has compared them.
func (of certifiedScope) restrict(c *config.Config) (*config.Config, error) {
	if of.Slice != "" {
		value, err := sliceValue(c, of.Slice)
		if err != nil {
			return nil, err
		}
		return c.Only(value), nil
	}
	var values []string
	for _, o := range of.Outside {
		value, err := sliceValue(c, o.Slice)
		if err != nil {
			return nil, fmt.Errorf("leaving out the slice %s, which was at the new side: %w", o.Slice, err)
		}
		values = append(values, value)
	}
	return c.Without(values), nil
}

// text says which orders these are; empty for all.
func (of certifiedScope) text() string {
	switch {
	case of.Slice != "":
		return "the slice " + printable(of.Slice) + " alone"
	case len(of.Outside) == 0:
		return ""
	}
	var others []string
	for _, o := range of.Outside {
		others = append(others, fmt.Sprintf("%s (run %s)", printable(o.Slice), printable(o.Run)))
	}
	return "all orders but those of slices that were moved before, which have certificates of their own: " + strings.Join(others, ", ")
}

// scopeOf reads from a head which orders the certificate is of. What is not there restricts nothing.
func scopeOf(about any) (of certifiedScope) {
	if raw, ok := about.(json.RawMessage); ok {
		_ = json.Unmarshal(raw, &of) // another program may have made it
	}
	return of
}
