package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/switches"
)

// sequencesTimeout ends a look at one sequence: the highest key of legacy is read by its index, or it is not known.
const sequencesTimeout = 5 * time.Second

// sequencesOf returns nil if no sequence of the new side is configured.
func sequencesOf(c *config.Config) func(context.Context) []gate.SequenceAhead {
	if len(c.Cutover.Sequences) == 0 {
		return nil
	}
	return func(ctx context.Context) (all []gate.SequenceAhead) {
		for _, of := range c.Cutover.Sequences {
			all = append(all, readSequence(ctx, c, of))
		}
		return all
	}
}

func readSequence(ctx context.Context, c *config.Config, of config.Sequence) gate.SequenceAhead {
	ctx, cancel := context.WithTimeout(ctx, sequencesTimeout)
	defer cancel()
	a := gate.SequenceAhead{Name: of.Name(), Legacy: of.LegacyTable + "." + of.LegacyColumn}
	s, err := findSequence(ctx, c, of)
	if err != nil {
		a.Unread = c.Mask(err.Error())
		return a
	}
	a.Ahead, a.Behind = s.Ahead(), s.Behind()
	return a
}

func findSequence(ctx context.Context, c *config.Config, of config.Sequence) (s switches.Sequence, err error) {
	name, newSide := of.Sequence, of.DSN.Reveal()
	if name == "" {
		if name, err = switches.SequenceOf(ctx, newSide, of.Table, of.Column); err != nil {
			return s, err
		}
	}
	return switches.ReadSequence(ctx, newSide, c.Legacy.DSN.Reveal(), name, of.LegacyTable, of.LegacyColumn)
}

// sequencesBehind reads the sequences under the fence, where nothing moves any more: it says which would give numbers that legacy has given.
func (t *cutting) sequencesBehind(ctx context.Context) (string, error) {
	read := sequencesOf(t.config)
	if read == nil {
		return "", nil
	}
	var behind, unread []string
	for _, s := range read(ctx) {
		switch {
		case s.Unread != "":
			unread = append(unread, s.Name+": "+s.Unread)
		case s.Behind != "":
			behind = append(behind, s.Behind)
		}
	}
	if len(behind) == 0 && len(unread) > 0 {
		return "", errors.New(strings.Join(unread, "; "))
	}
	return strings.Join(behind, "; "), nil
}
