package source

import (
	"context"
	"fmt"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source/session"
)

// settleKey makes a text key sortable, and equal in spelling on both sides. Keys are still looked up by the configured
// key, which has the index.
//
// If the columns of a key have different collations, the key has none, and is compared by bytes. A key counts as none
// if its bytes are not valid text, or if the encoding of the database sorts it otherwise than UTF-8. The pass says how
// many rows it could not compare for this reason, and compares the others.
func (s *Side) settleKey(ctx context.Context, t order.KeyType) error {
	if s.lookup != "" {
		return nil
	}
	s.lookup = s.config.Key
	if t != order.KeyText {
		return s.guardKey(ctx, t)
	}
	var none bool
	err := s.pool.QueryRow(ctx, "SELECT pg_catalog.pg_collation_for((SELECT ("+s.config.Key+") FROM "+s.from()+" LIMIT 0)) IS NULL").Scan(&none)
	if err != nil {
		return fmt.Errorf("asking for the collation of key %s: %w", s.config.Key, err)
	}
	if none {
		s.lookup = "(" + s.config.Key + `) COLLATE "C"`
	}
	s.config.Key = s.lookup
	return s.pool.Read(ctx, func(tx *session.Tx) error {
		if tx.Encoding().Orders() {
			return nil
		}
		spelt := asciiText
		if tx.Encoding().Bytes() {
			spelt = utf8Text
		}
		s.config.Key = fmt.Sprintf(`CASE WHEN (%[1]s) COLLATE "C" ~ '%[2]s' THEN (%[1]s) END`, s.lookup, spelt)
		return nil
	})
}

// guardKey makes a key that is a cast NULL for rows for which the cast fails. An index on the key proves that there is no
// such row, and is only used for the key as it is configured.
func (s *Side) guardKey(ctx context.Context, t order.KeyType) error {
	guarded := cautious(s.config.Key)
	if guarded == s.config.Key {
		return nil
	}
	l, err := s.served(ctx, s.stored(), keyCast(t), zeroKey(t))
	if err != nil || l.ok {
		return err
	}
	s.config.Key, s.lookup = guarded, guarded
	return nil
}

const (
	asciiText = `^[\u0001-\u007f]*$`
	utf8Text  = `^([\u0001-\u007f]|[\u00c2-\u00df][\u0080-\u00bf]|\u00e0[\u00a0-\u00bf][\u0080-\u00bf]|[\u00e1-\u00ec\u00ee\u00ef][\u0080-\u00bf][\u0080-\u00bf]` +
		`|\u00ed[\u0080-\u009f][\u0080-\u00bf]|\u00f0[\u0090-\u00bf][\u0080-\u00bf][\u0080-\u00bf]|[\u00f1-\u00f3][\u0080-\u00bf][\u0080-\u00bf][\u0080-\u00bf]` +
		`|\u00f4[\u0080-\u008f][\u0080-\u00bf][\u0080-\u00bf])*$`
)

// among is the condition for rows with some keys, and its arguments.
func among(t order.KeyType, key string, keys []order.Key) (condition string, args []any) {
	return order.AmongSQL(key, keyCast(t), keys)
}
