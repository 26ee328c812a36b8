package source

import (
	"context"
	"fmt"
	"strings"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source/session"
)

// eventOrder is an order in which the events of each order follow one another.
type eventOrder struct {
	key       string // SQL of what is sorted, and cut into ranges
	stored    bool   // it is the key as it is stored, from which the prefix is stripped here
	collation string // of a stored key, as SQL; empty for that of bytes
	indexed   bool   // ranges of the key can be read through an index
	// assumed is true if the index has not the position after the key. Then the server is not asked to sort by position,
	// because an order's events are nearly always found as they were written. Whether they are is checked.
	assumed bool
}

// arrange finds out in which order events are read most cheaply: all of them, and those of some buckets. A stored key is
// sorted as it is stored, because its index serves for nothing else, and to strip a key in SQL for each comparison takes several
// times as long as all else.
func (f *Fold) arrange(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	e := f.events
	f.byKey = eventOrder{key: keySQL(e.keyType, f.config.Key), indexed: f.shape.keyIndex}
	f.whole = f.byKey
	orders := false
	err := e.side.pool.Read(ctx, func(tx *session.Tx) error {
		orders = tx.Encoding().Orders()
		f.prefix = tx.Encoding().Encode(e.config.Strip)
		return nil
	})
	if err != nil {
		return fmt.Errorf("asking for the encoding: %w", err)
	}
	if e.stored != "" && orders {
		if f.whole, err = f.storedOrder(ctx); err != nil {
			return err
		}
		f.byKey.indexed = false
		if e.keyType != order.KeyInteger { // whose order is not that of their texts
			f.byKey = eventOrder{key: "(" + e.stored + `) COLLATE "C"`, stored: true}
			if f.whole.collation == "" {
				f.byKey = f.whole
			}
		}
		f.shape.keyIndex = f.byKey.indexed
	}
	if f.whole.indexed {
		root, err := f.byIndex(ctx, fmt.Sprintf("SELECT 1 FROM %s ORDER BY %s, (%s)", f.from(), f.whole.key, e.config.Position))
		if err != nil {
			return err
		}
		f.whole.assumed = root.sorts()
	}
	return nil
}

// storedOrder is the order of the stored key in its own collation, if that has an index and no equal strings that differ.
func (f *Fold) storedOrder(ctx context.Context) (eventOrder, error) {
	stored := "(" + f.events.stored + ")"
	bytes := eventOrder{key: stored + ` COLLATE "C"`, stored: true}
	var err error
	if bytes.indexed, err = f.ordered(ctx, bytes.key, "text", "0"); err != nil || bytes.indexed {
		return bytes, err
	}
	var own struct {
		name           *string
		unique, binary bool
	}
	q := fmt.Sprintf(`SELECT f.name, coalesce(c.collisdeterministic, false), coalesce(CASE c.collname
			WHEN 'default' THEN d.datcollate IN ('C', 'POSIX') AND coalesce(to_jsonb(d) ->> 'datlocprovider', 'c') = 'c'
			ELSE c.collprovider = 'c' AND c.collcollate IN ('C', 'POSIX') END, false)
		FROM pg_catalog.pg_collation_for((SELECT %s FROM %s AS t LIMIT 0)) AS f(name)
		JOIN pg_catalog.pg_database AS d ON d.datname = current_database() LEFT JOIN pg_catalog.pg_collation AS c ON c.oid = f.name::regcollation`,
		stored, f.config.Table)
	if err := f.pool.QueryRow(ctx, q).Scan(&own.name, &own.unique, &own.binary); err != nil {
		return bytes, fmt.Errorf("asking for the collation of key %s: %w", f.events.stored, err)
	}
	if own.name == nil || !own.unique {
		return bytes, nil
	}
	indexed, err := f.ordered(ctx, stored, "text", "0")
	if err != nil || !indexed {
		return bytes, err
	}
	if own.binary {
		return eventOrder{key: stored, stored: true, indexed: true}, nil
	}
	return eventOrder{key: stored, stored: true, indexed: true, collation: *own.name}, nil
}

// sorts returns true if the plan sorts.
func (p plan) sorts() (found bool) {
	p.walk(func(p plan) { found = found || strings.Contains(p.Node, "Sort") })
	return found
}
