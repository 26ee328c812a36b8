package switches

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/big"

	"github.com/jackc/pgx/v5"
)

// Sequence is a sequence or identity column of the new side, and the highest key that legacy has given.
type Sequence struct {
	Name      string
	Next      *big.Int // the number that it gives next
	Increment *big.Int
	Max       *big.Int
	Cycle     bool     // it begins anew after Max
	Cache     int64    // how many numbers a session takes at once; it may give older ones than Next then
	Highest   *big.Int // nil if legacy has no row
}

// Behind says what is wrong with a sequence; empty if the numbers that it gives are new.
func (s Sequence) Behind() string {
	switch {
	case s.Increment.Sign() <= 0:
		return fmt.Sprintf("%s counts down, so it will meet numbers that legacy has given", s.Name)
	case s.Cycle:
		return fmt.Sprintf("%s is CYCLE, so it will meet numbers that legacy has given", s.Name)
	case s.Cache > 1:
		return fmt.Sprintf("%s is CACHE %d, so sessions may still give older numbers than it shows", s.Name, s.Cache)
	case s.Next.Cmp(s.Max) > 0:
		return fmt.Sprintf("%s has given its last number, %s", s.Name, s.Max)
	case s.Highest != nil && s.Next.Cmp(s.Highest) <= 0:
		return fmt.Sprintf("%s gives %s next, and legacy has given %s", s.Name, s.Next, s.Highest)
	default:
		return ""
	}
}

// ReadSequence reads where a sequence of the new side is, and the highest value of a column of legacy. Both are SQL of the user: the name
// of the sequence, the table and the expression of the key.
func ReadSequence(ctx context.Context, newSide, legacy, sequence, table, key string) (s Sequence, err error) {
	s = Sequence{Name: sequence}
	var next, increment, most string
	// It is asked itself: a catalogue knows neither RESTART WITH nor setval(…, false), and hides what the role may not read.
	q := `SELECT (s.last_value::numeric + CASE WHEN s.is_called THEN q.seqincrement ELSE 0 END)::text, q.seqincrement::text, q.seqmax::text, q.seqcycle, q.seqcache
		FROM ` + sequence + ` AS s, pg_catalog.pg_sequence q WHERE q.seqrelid = pg_catalog.to_regclass($1)`
	if err := one(ctx, newSide, q, []any{&next, &increment, &most, &s.Cycle, &s.Cache}, sequence); err != nil {
		return s, fmt.Errorf("reading the sequence %s: %w", sequence, err)
	}
	var highest *string
	if err := one(ctx, legacy, "SELECT max("+key+")::text FROM "+table+" AS t", []any{&highest}); err != nil {
		return s, fmt.Errorf("reading the highest key of legacy: %w", err)
	}
	var ok bool
	if s.Next, ok = new(big.Int).SetString(next, 10); !ok {
		return s, fmt.Errorf("the sequence %s gives %q next, which is no whole number", sequence, next)
	}
	if s.Increment, ok = new(big.Int).SetString(increment, 10); !ok {
		return s, fmt.Errorf("the sequence %s has the increment %q", sequence, increment)
	}
	if s.Max, ok = new(big.Int).SetString(most, 10); !ok {
		return s, fmt.Errorf("the sequence %s has the maximum %q", sequence, most)
	}
	if highest != nil {
		if s.Highest, ok = new(big.Int).SetString(*highest, 10); !ok {
			return s, fmt.Errorf("the highest key of legacy is %q, which is no whole number", *highest)
		}
	}
	return s, nil
}

// Ahead is by how much the next number is above the highest key of legacy, at most and without one [math.MaxInt64].
func (s Sequence) Ahead() int64 {
	if s.Highest == nil {
		return math.MaxInt64
	}
	ahead := new(big.Int).Sub(s.Next, s.Highest)
	switch {
	case ahead.IsInt64():
		return ahead.Int64()
	case ahead.Sign() < 0:
		return math.MinInt64
	}
	return math.MaxInt64
}

// SequenceOf names the sequence that fills a column, by identity or serial.
func SequenceOf(ctx context.Context, newSide, table, column string) (string, error) {
	var name *string
	if err := one(ctx, newSide, "SELECT pg_catalog.pg_get_serial_sequence($1, $2)", []any{&name}, table, column); err != nil {
		return "", fmt.Errorf("looking for the sequence of %s.%s: %w", table, column, err)
	}
	if name == nil {
		return "", fmt.Errorf("%s.%s is no identity column and owns no sequence, so the sequence must be named", table, column)
	}
	return *name, nil
}

// one reads one row in a read-only transaction.
func one(ctx context.Context, dsn, query string, into []any, args ...any) error {
	return SQL{DSN: dsn}.in(ctx, pgx.ReadOnly, Run{}, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, query, args...).Scan(into...)
		if errors.Is(err, pgx.ErrNoRows) {
			return errors.New("there is none of this name")
		}
		return err
	})
}
