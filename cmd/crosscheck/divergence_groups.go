package main

import (
	"cmp"
	"context"
	"encoding/csv"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/human"
	"github.com/nordvarg/crosscheck/web"
)

// group is a number of divergences that have something in common.
type group struct {
	By     string     `json:"by"`
	Value  string     `json:"value"`
	Count  int64      `json:"count"`
	Oldest *time.Time `json:"oldest,omitempty"`
}

func (d *divergencesCommand) count(ctx context.Context, p *program, from divergenceSource) error {
	counts, err := from.Counts(ctx, d.filter())
	if err != nil {
		return err
	}
	found := d.groups(counts)
	switch {
	case d.JSON:
		for _, g := range found {
			if err := writeObject(p.stdout, g); err != nil {
				return err
			}
		}
		return nil
	case d.CSV:
		w := csv.NewWriter(p.stdout)
		rows := [][]string{{d.GroupBy, "count"}}
		for _, g := range found {
			rows = append(rows, []string{g.Value, strconv.FormatInt(g.Count, 10)})
		}
		return w.WriteAll(rows)
	}
	t := &table{header: []string{"divergences", d.GroupBy, "oldest"}, right: map[int]bool{0: true}}
	for _, g := range found {
		oldest := ""
		if g.Oldest != nil {
			oldest = human.Duration(time.Since(*g.Oldest)) + " ago"
		}
		t.add(human.Number(g.Count), cmp.Or(g.Value, "-"), oldest)
	}
	var b strings.Builder
	t.write(&b, p.columns())
	_, err = io.WriteString(p.stdout, printable(b.String()))
	return err
}

func (d *divergencesCommand) groups(counts web.Counted) (found []group) {
	if d.GroupBy == "field" {
		for _, f := range counts.Fields {
			found = append(found, group{By: d.GroupBy, Value: f.Field, Count: f.Count})
		}
		return found
	}
	of := map[string]func(web.Group) string{
		"cause": func(o web.Group) string { return o.Cause }, "hop": func(o web.Group) string { return string(o.Hop) },
		"kind": func(o web.Group) string { return o.Kind },
	}[d.GroupBy]
	for _, o := range counts.Groups {
		i := slices.IndexFunc(found, func(g group) bool { return g.Value == of(o) })
		if i < 0 {
			i, found = len(found), append(found, group{By: d.GroupBy, Value: of(o), Oldest: &o.Oldest})
		}
		found[i].Count += o.Count
		if o.Oldest.Before(*found[i].Oldest) {
			found[i].Oldest = &o.Oldest
		}
	}
	slices.SortStableFunc(found, func(a, b group) int { return cmp.Compare(b.Count, a.Count) })
	return found
}
