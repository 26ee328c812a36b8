package source

import (
	"encoding/hex"
	"strconv"

	"github.com/nordvarg/crosscheck/order"
)

// start begins an order, if the key is one.
func (r *eventReader) start(raw []byte) error {
	r.raw = append(r.raw[:0], raw...)
	r.started = false
	switch text, ok := r.key.text[:0], false; {
	case r.by.stored:
		if !r.strip(raw) {
			return nil
		}
	case r.fold.events.keyType == order.KeyInteger:
		if r.key.n, ok = bigint(raw); !ok {
			return errCopy
		}
		r.key.text = strconv.AppendInt(text, r.key.n, 10)
	case r.fold.events.keyType == order.KeyUUID:
		if len(raw) != 16 {
			return errCopy
		}
		r.key.text = appendUUID(text, raw)
	default:
		r.key.text = append(text, r.encoding.Decode(raw)...)
	}
	r.replay.Start(r.key.text)
	r.started, r.events = true, 0
	return nil
}

// strip reads a key as it is stored. What it takes for a key is the same as in [EventsConfig.orderKey].
func (r *eventReader) strip(stored []byte) bool {
	rest := stored[min(len(r.fold.prefix), len(stored)):]
	switch r.fold.events.keyType {
	case order.KeyUUID:
		if !isUUID(rest) {
			return false
		}
	case order.KeyInteger:
		n, err := strconv.ParseInt(string(rest), 10, 64)
		if r.key.n = n; err != nil || len(rest) >= 19 || string(strconv.AppendInt(nil, n, 10)) != string(rest) {
			return false
		}
	case order.KeyText:
		rest = r.encoding.Decode(rest)
	}
	r.key.text = append(r.key.text[:0], rest...)
	return len(rest) > 0
}

// isUUID returns true for a uuid as PostgreSQL prints it.
func isUUID(text []byte) bool {
	for i, c := range text {
		switch dash := i == 8 || i == 13 || i == 18 || i == 23; {
		case dash != (c == '-'), !dash && (c < '0' || c > '9' && c < 'a' || c > 'f'):
			return false
		}
	}
	return len(text) == 36
}

// appendUUID prints a uuid as PostgreSQL does.
func appendUUID(text, raw []byte) []byte {
	from := 0
	for _, to := range []int{4, 6, 8, 10, 16} {
		if from > 0 {
			text = append(text, '-')
		}
		text = hex.AppendEncode(text, raw[from:to])
		from = to
	}
	return text
}
