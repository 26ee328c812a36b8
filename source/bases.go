package source

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Common is what two sides read of the same data.
type Common struct {
	// Itself says what is compared with itself; empty if nothing is. Such a comparison always agrees, whatever is wrong.
	Itself string
	// filled is as Itself, of what the materialized views of the sides were filled from.
	filled             string
	shared             []string // tables that both read, beside others of their own
	legacy, projection reading
}

// ItselfHint is the hint for data that are compared with themselves.
const ItselfHint = "check the two dsn and table settings; a table always agrees with itself"

// InCommon finds out whether two sides read the same tables, through any views, subqueries, functions or foreign
// tables. A materialized view is a table of its own.
func InCommon(ctx context.Context, legacy, projection *Side) (Common, error) {
	x, err := legacy.home(ctx)
	if err != nil {
		return Common{}, err
	}
	y, err := projection.home(ctx)
	if err != nil {
		return Common{}, err
	}
	if x.identity == y.identity {
		return Common{Itself: sameTable([]string{legacy.config.Table})}, nil
	}
	var c Common
	if c.legacy, err = legacy.reads(ctx); err != nil {
		return Common{}, err
	}
	if c.projection, err = projection.reads(ctx); err != nil {
		return Common{}, err
	}
	c.Itself, c.shared = judge(x.bases(ctx, &c.legacy, y, foreignHops), y.bases(ctx, &c.projection, x, foreignHops))
	if len(c.legacy.kept)+len(c.projection.kept) > 0 {
		c.filled, _ = judge(x.filled(ctx, c.legacy, y), y.filled(ctx, c.projection, x))
	}
	return c, nil
}

// base is a table that holds the rows of a side.
type base struct {
	database string   // of a side; empty for a server that is neither's
	at       location // of such a server
	relation string
}

func (b base) equal(other base) bool {
	return b.relation == other.relation && b.database == other.database && (b.database != "" || b.at.same(other.at))
}

func (b base) in(all []base) bool { return slices.ContainsFunc(all, b.equal) }

// judge compares what the sides read. If one reads all that the other reads, its own part is not seen alone.
func judge(legacy, projection []base) (itself string, shared []string) {
	var both []string
	inLegacy, inProjection := 0, 0
	for _, b := range legacy {
		if b.in(projection) {
			both = append(both, b.relation)
			inProjection++
		}
	}
	for _, b := range projection {
		if b.in(legacy) {
			inLegacy++
		}
	}
	slices.Sort(both)
	both = slices.Compact(both)
	switch all := strings.Join(both, ", "); {
	case len(both) == 0:
	case inProjection == len(legacy) && inLegacy == len(projection):
		return sameTable(both), nil
	case inProjection == len(legacy):
		return fmt.Sprintf("the projection reads legacy's own data: all that legacy reads (%s)", all), nil
	case inLegacy == len(projection):
		return fmt.Sprintf("legacy reads the projection's own data: all that the projection reads (%s)", all), nil
	}
	return "", both
}

func sameTable(names []string) string {
	return fmt.Sprintf("legacy and projection are the same table of the same database (%s)", strings.Join(names, ", "))
}
