package source

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// heap is a file of rows: a table, a materialized view, or a part of a partitioned or inherited table. A row's address
// is a page of the file and a slot of the page.
type heap struct {
	oid   uint32
	from  string // FROM item that reads it, and perhaps more
	pages int64
}

// scanCost is the most that a lookup by key may cost, in the planner's unit: a scan of some hundred thousand rows. A
// smaller table needs no index.
const scanCost = 2500

// Draws implements [verify.Snapshot].
func (n *snapshot) Draws(ctx context.Context) (verify.Draws, error) {
	defer n.side.observe("draws")()
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	var d verify.Draws
	var err error
	if d.NoLookup, err = n.noLookup(ctx); err == nil {
		d.NoAddress, err = n.findHeaps(ctx)
	}
	if err != nil {
		return d, n.fail("finding out how to draw a sample", err)
	}
	for _, h := range n.heaps {
		d.Addresses += h.pages * n.slots
		d.Pages += h.pages
	}
	return d, nil
}

// noLookup says why orders cannot be looked up by key without reading a large table; empty if they can.
func (n *snapshot) noLookup(ctx context.Context) (string, error) {
	root, err := explain(ctx, n.tx, "(VERBOSE, FORMAT JSON)", n.side.keyedSQL(n.side.shape.keyType))
	if err != nil {
		return "", err
	}
	if root.fetchesAll() {
		return "a lookup by key fetches a whole foreign table, because the condition on the key is not sent to its server", nil
	}
	if root.Cost > scanCost {
		return "a lookup by key reads a large table, because no index helps", nil
	}
	return "", nil
}

// findHeaps fills in the files of the relation, and says why there are none.
func (n *snapshot) findHeaps(ctx context.Context) (why string, err error) {
	switch {
	case n.side.shape.oid == 0:
		return "it is a subquery", nil
	case n.side.shape.relation == "v" || n.side.shape.relation == "f":
		return "it is a " + kinds[n.side.shape.relation], nil
	case n.side.shape.relation == "":
		return "its rows are computed", nil
	}
	// A page has MaxHeapTuplesPerPage slots at most. A part is read directly, if that needs no other right and no other
	// policy than the whole.
	rows, err := n.tx.Query(ctx, `WITH RECURSIVE tree AS (
			SELECT $1::oid AS oid UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN tree ON tree.oid = i.inhparent)
		SELECT c.oid, format('%I.%I', s.nspname, c.relname), c.relkind::text, coalesce(a.amname, ''),
			has_schema_privilege(s.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT') AND NOT c.relrowsecurity,
			coalesce(pg_catalog.pg_relation_size(c.oid), 0) / current_setting('block_size')::bigint, (current_setting('block_size')::bigint - 24) / 28
		FROM tree JOIN pg_catalog.pg_class c ON c.oid = tree.oid JOIN pg_catalog.pg_namespace s ON s.oid = c.relnamespace
			LEFT JOIN pg_catalog.pg_am a ON a.oid = c.relam
		WHERE c.relkind <> 'p' ORDER BY c.oid`, n.side.shape.oid)
	if err != nil {
		return "", err
	}
	n.heaps = nil
	var h heap
	var name, kind, method string
	var direct bool
	_, err = pgx.ForEachRow(rows, []any{&h.oid, &name, &kind, &method, &direct, &h.pages, &n.slots}, func() error {
		switch h.from = n.side.from(); {
		case kind == "f":
			why = "its part " + name + " is a foreign table"
		case method != "heap":
			why = fmt.Sprintf("%s is stored by the access method %s", name, method)
		case direct:
			h.from = n.side.slice("ONLY "+name, "")
		}
		n.heaps = append(n.heaps, h)
		return nil
	})
	if err != nil || why != "" {
		n.heaps = nil
	}
	return why, err
}

// At implements [verify.Snapshot]. It reads only the pages of the addresses.
func (n *snapshot) At(ctx context.Context, addresses []int64) ([]order.Key, error) {
	defer n.side.observe("draw")()
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	if addresses == nil {
		return n.keys(ctx, fmt.Sprintf("SELECT (%[1]s)::text FROM %[2]s WHERE (%[1]s) IS NOT NULL", n.side.lookup, n.side.from()))
	}
	var out []order.Key
	for i, tids := range n.tids(addresses) {
		if len(tids) == 0 {
			continue
		}
		// OFFSET 0 makes this one fetch for each address. Otherwise the planner may prefer to scan the file.
		keys, err := n.keys(ctx, fmt.Sprintf(`SELECT k FROM unnest($1::text[]::tid[]) AS a(tid) CROSS JOIN LATERAL
			(SELECT (%[1]s)::text AS k FROM %[2]s WHERE t.tableoid = $2::oid AND t.ctid = a.tid OFFSET 0) s WHERE k IS NOT NULL`,
			n.side.lookup, n.heaps[i].from), tids, n.heaps[i].oid)
		if err != nil {
			return nil, err
		}
		out = append(out, keys...)
	}
	return out, nil
}

// tids are the addresses as PostgreSQL writes them, for each heap.
func (n *snapshot) tids(addresses []int64) [][]string {
	out := make([][]string, len(n.heaps))
	for _, a := range addresses {
		for i, h := range n.heaps {
			if a < h.pages*n.slots {
				out[i] = append(out[i], fmt.Sprintf("(%d,%d)", a/n.slots, 1+a%n.slots))
				break
			}
			a -= h.pages * n.slots
		}
	}
	return out
}

// keys reads one column.
func (n *snapshot) keys(ctx context.Context, query string, args ...any) ([]order.Key, error) {
	result, err := n.tx.Query(ctx, query, args...)
	if err != nil {
		return nil, n.fail("drawing a sample", err)
	}
	defer result.Close()
	var out []order.Key
	for result.Next() {
		out = append(out, order.Key(result.RawValues()[0]))
	}
	if err := result.Err(); err != nil {
		return nil, n.fail("drawing a sample", err)
	}
	return out, nil
}

// fetchesAll returns true if the plan reads a foreign table without a condition for its server.
func (p plan) fetchesAll() (found bool) {
	p.walk(func(node plan) {
		found = found || node.Node == "Foreign Scan" && !strings.Contains(node.Remote, " WHERE ")
	})
	return found
}
