package source

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/nordvarg/crosscheck/order"
)

// failing are rows of which a field cannot be evaluated, such as a cast of text that is no number: key → index of the
// field → why. PostgreSQL refuses the whole query because of one of them, so the fields are left out of it, and have a
// value that equals none.
type failing map[order.Key]map[int]error

// maxFailing is how many such rows one snapshot may have. With more the expression is wrong, not a row.
const maxFailing = 100

// mark puts the reasons in place of the values that were left out.
func (f failing) mark(row order.Row) {
	for i, why := range f[row.Key] {
		row.Values[i] = order.Value{Text: "cannot be read: " + saidBy(why), Failed: true}
	}
}

// first is the error of one of the rows; nil if there are none.
func (f failing) first() error {
	for _, key := range slices.Sorted(maps.Keys(f)) {
		for _, why := range f[key] {
			return &rowError{where: rowOf(key), err: why}
		}
	}
	return nil
}

// tolerant reads, and reads again without the fields of rows for which that fails: of rows with the keys, or of all if
// there are none.
func (n *snapshot) tolerant(ctx context.Context, keys []order.Key, read func() error) error {
	for {
		err := n.attempt(ctx, read)
		if !failsForRow(err) {
			return err
		}
		known := n.failing.count()
		searching, cancel := context.WithTimeout(ctx, readTimeout)
		var searchErr error
		if keys == nil {
			searchErr = n.scanFailing(searching)
		} else {
			searchErr = n.narrow(searching, keys)
		}
		cancel()
		n.leaveOut()
		if searchErr != nil || n.failing.count() == known { // what is known helps to repair it
			if searchErr != nil {
				err = fmt.Errorf("%w (looking for such rows: %w)", err, searchErr)
			}
			if where, ok := errors.AsType[*rowError](n.failing.first()); ok {
				return &rowError{where: where.where, err: err}
			}
			return err
		}
	}
}

func (f failing) count() (n int) {
	for _, fields := range f {
		n += len(fields)
	}
	return n
}

func failsForRow(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && rowFault(pg)
}

// attempt reads, and keeps the transaction usable if that fails for a row.
func (n *snapshot) attempt(ctx context.Context, read func() error) error {
	if err := n.tx.Set(ctx, "SAVEPOINT crosscheck_row"); err != nil {
		return err
	}
	err := read()
	switch {
	case failsForRow(err):
		return errors.Join(err, n.tx.Set(ctx, "ROLLBACK TO SAVEPOINT crosscheck_row; RELEASE SAVEPOINT crosscheck_row"))
	case err != nil:
		return err
	}
	return n.tx.Set(ctx, "RELEASE SAVEPOINT crosscheck_row")
}

// errManyFail is why one row after another is not left out.
var errManyFail = fmt.Errorf("there are more than %d", maxFailing)

// scanFailing finds the rows of the whole table, one after another.
func (n *snapshot) scanFailing(ctx context.Context) error {
	for {
		key, why, err := n.side.firstFailing(ctx, n.tx)
		if why == nil || err != nil {
			return err
		}
		before := n.failing.count()
		if err := n.examine(ctx, key); err != nil || n.failing.count() == before {
			return err
		}
		n.leaveOut()
	}
}

// narrow finds the rows with some keys, by halves.
func (n *snapshot) narrow(ctx context.Context, keys []order.Key) error {
	err := n.attempt(ctx, func() error {
		rows, err := n.tx.Query(ctx, fmt.Sprintf("SELECT count(%s) FROM %s WHERE %s", n.side.rowText(), n.side.from(), n.side.byKey()), texts(keys))
		if err == nil {
			rows.Close()
			err = rows.Err()
		}
		return err
	})
	switch {
	case !failsForRow(err):
		return err
	case len(keys) == 1:
		return n.examine(ctx, keys[0])
	}
	half := len(keys) / 2
	if err := n.narrow(ctx, keys[:half]); err != nil {
		return err
	}
	return n.narrow(ctx, keys[half:])
}

// examine finds the fields that fail for the rows with a key.
func (n *snapshot) examine(ctx context.Context, key order.Key) error {
	if len(n.failing) >= maxFailing {
		return errManyFail
	}
	for i, f := range n.side.config.Fields {
		err := n.attempt(ctx, func() error {
			rows, err := n.tx.Query(ctx, fmt.Sprintf("SELECT (%s)::text FROM %s WHERE %s", canonical(f), n.side.from(), n.side.byKey()), texts([]order.Key{key}))
			if err == nil {
				rows.Close()
				err = rows.Err()
			}
			return err
		})
		if !failsForRow(err) && err != nil {
			return err
		}
		if err == nil {
			continue
		}
		if n.failing == nil {
			n.failing = failing{}
		}
		if n.failing[key] == nil {
			n.failing[key] = map[int]error{}
		}
		n.failing[key][i] = err
	}
	return nil
}

// leaveOut makes the snapshot's queries leave out what fails. The side itself stays as it is, because its next snapshot may
// have other rows.
func (n *snapshot) leaveOut() {
	if len(n.failing) == 0 {
		return
	}
	side := *n.side
	side.failing = keyArray(slices.Sorted(maps.Keys(n.failing)))
	side.config.Fields = slices.Clone(n.side.config.Fields)
	for i := range side.config.Fields {
		var keys []order.Key
		for key, fields := range n.failing {
			if fields[i] != nil {
				keys = append(keys, key)
			}
		}
		f := &side.config.Fields[i]
		if f.whole == "" {
			f.whole = f.Expr
		}
		if len(keys) > 0 {
			slices.Sort(keys)
			f.Expr = fmt.Sprintf("CASE WHEN (%s)::text = ANY (%s) THEN NULL ELSE (%s) END", side.config.Key, keyArray(keys), f.whole)
		}
	}
	n.side = &side
}

func keyArray(keys []order.Key) string {
	parts := make([]string, len(keys))
	for i, key := range keys {
		parts[i] = literal(string(key))
	}
	return "ARRAY[" + strings.Join(parts, ",") + "]::text[]"
}

// unequal is a row's digest that differs from every other one, also of the other side, for rows of which a field failed.
func (s *Side) unequal(digest string, seed int64) string {
	if s.failing == "" {
		return digest
	}
	other := seed
	for _, c := range string(s.config.Representation) {
		other = mix(uint64(other) + uint64(c))
	}
	return fmt.Sprintf("CASE WHEN (%s)::text = ANY (%s) THEN '%d'::bigint ELSE %s END", s.config.Key, s.failing, other, digest)
}
