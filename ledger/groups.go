package ledger

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/verify"
)

// settledRows is what became of a pass's suspects in one group, by the groups in which the scan had counted them.
type settledRows struct {
	Legacy     int64 `json:"legacy,omitempty"`     // rows of legacy that proved to be lag
	Projection int64 `json:"projection,omitempty"` // rows of the projection that did
	Unverified int64 `json:"unverified,omitempty"` // orders that could not be judged
	// Ages is how many orders could not be judged by age, in the one group that they are a stratum of.
	Ages map[verify.Age]int64 `json:"ages,omitempty"`
}

// groups are the settled rows of a pass, by the name of the group.
type groups map[string]settledRows

func (g groups) matched(legacy, projection string) {
	g.plus(legacy, settledRows{Legacy: 1})
	g.plus(projection, settledRows{Projection: 1})
}

// unjudged counts orders in the groups of both sides, once where that is the same, and in their one stratum.
func (g groups) unjudged(s verify.Suspect, orders int64) {
	g.plus(s.LegacyGroup, settledRows{Unverified: orders})
	if s.ProjectionGroup != s.LegacyGroup {
		g.plus(s.ProjectionGroup, settledRows{Unverified: orders})
	}
	if stratum, ok := s.Stratum(); ok {
		g.plus(stratum.Group, settledRows{Ages: map[verify.Age]int64{stratum.Age: orders}})
	}
}

func (g groups) plus(name string, r settledRows) {
	if name == "" { // the side does not have the order
		return
	}
	was := g[name]
	sum := settledRows{Legacy: was.Legacy + r.Legacy, Projection: was.Projection + r.Projection, Unverified: was.Unverified + r.Unverified}
	for _, part := range []map[verify.Age]int64{was.Ages, r.Ages} {
		for age, orders := range part {
			if sum.Ages == nil {
				sum.Ages = map[verify.Age]int64{}
			}
			sum.Ages[age] += orders
		}
	}
	g[name] = sum
}

// add adds them to what the pass has already. The transaction holds the pass exclusively.
func (g groups) add(ctx context.Context, tx pgx.Tx, id verify.PassID) error {
	if len(g) == 0 {
		return nil
	}
	var stored []byte
	if err := tx.QueryRow(ctx, `SELECT settled FROM pass WHERE id = $1`, id).Scan(&stored); err != nil {
		return fmt.Errorf("reading what has settled by group: %w", err)
	}
	sum, err := decodeGroups(stored)
	if err != nil {
		return err
	}
	for name, r := range g {
		sum.plus(name, r)
	}
	text, err := marshalText(sum)
	if err != nil {
		return fmt.Errorf("encoding what has settled by group: %w", err)
	}
	if _, err := tx.Exec(ctx, `UPDATE pass SET settled = $2::jsonb WHERE id = $1`, id, text); err != nil {
		return fmt.Errorf("keeping what has settled by group: %w", err)
	}
	return nil
}

func decodeGroups(stored []byte) (groups, error) {
	g := groups{}
	if err := json.Unmarshal(stored, &g); err != nil {
		return nil, fmt.Errorf("decoding what has settled by group: %w", err)
	}
	return g, nil
}

// fill completes the counts of the scan.
func (g groups) fill(counts []verify.GroupCount) {
	for i := range counts {
		c := &counts[i]
		r := g[c.Group]
		c.SettledLegacy += r.Legacy
		c.SettledProjection += r.Projection
		c.Unverified += r.Unverified
	}
}

// strata are the orders that could not be judged, by group and age.
func (g groups) strata() []verify.Stratum {
	var left []verify.Stratum
	for name, r := range g {
		for age, orders := range r.Ages {
			left = append(left, verify.Stratum{Group: name, Age: age, Unverified: orders})
		}
	}
	return left
}
