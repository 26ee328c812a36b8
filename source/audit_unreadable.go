package source

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// countUnreadable counts the records of those orders whose record cannot be read, as count does for a page.
func (n *auditSnapshot) countUnreadable(ctx context.Context, orders []verify.AuditOrder, created verify.Span) error {
	of := map[order.Key]*verify.AuditCounts{}
	var owned, alone []order.Key
	for i := range orders {
		o := &orders[i]
		switch of[o.Key] = &o.Counted; {
		case o.Unreadable && o.Rows > 0:
			owned = append(owned, o.Key)
		case o.Unreadable:
			alone = append(alone, o.Key)
		}
	}
	for _, part := range []struct {
		keys    []order.Key
		created verify.Span
	}{{owned, verify.Span{}}, {alone, created}} {
		if len(part.keys) == 0 {
			continue
		}
		var c verify.AuditCounts
		err := n.countEach(ctx, n.ofLines(&c, -1), part.keys, part.created, func(key order.Key, lines int64) {
			to := of[key]
			to.Lines, to.LinesToTell, to.Moments = lines, c.LinesToTell, c.Moments
		})
		if err == nil {
			err = n.countEach(ctx, n.ofTrades(-1), part.keys, part.created, func(key order.Key, trades int64) { of[key].Trades = trades })
		}
		if err != nil {
			return n.fail("counting records that cannot be read", hidden(err))
		}
	}
	for _, key := range alone {
		c := of[key]
		c.TradesAlone, c.LinesAlone = c.Trades, c.Lines
	}
	return nil
}

// countEach counts the records of each of some orders that are of a span.
func (n *auditSnapshot) countEach(ctx context.Context, c counting, keys []order.Key, created verify.Span, found func(order.Key, int64)) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	column := "r." + c.of
	in, args := among(n.side.shape.keyType, column, keys)
	rows, err := n.tx.Query(ctx, fmt.Sprintf("SELECT %s FROM %s AS r WHERE %s AND %s AND %s GROUP BY 1",
		strings.Join(append([]string{column + "::text", "count(*)"}, c.more...), ", "), c.table, in, n.among(column), during(c.at, created)), args...)
	if err != nil {
		return err
	}
	var key order.Key
	var records int64
	into := []any{&key, &records}
	for _, count := range c.into {
		into = append(into, count)
	}
	_, err = pgx.ForEachRow(rows, into, func() error { found(key, records); return nil })
	return err
}
