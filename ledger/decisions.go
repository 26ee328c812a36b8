package ledger

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/gate"
)

// # The chain of decisions
//
// Each decision is a link of a chain. It holds the hash of the link before it. Its own hash is SHA-256 over everything
// in it, that hash included, with the length before each part. So a link cannot be changed, removed or inserted without
// breaking the chain after it. A person who may write the table could compute a whole new chain, or cut off its end.
// Both are noticed if the head was kept in another place, so each decision prints its head.

// chainVersion is the first part of the hashed data. Another encoding needs another version.
const chainVersion = "crosscheck decision 1"

// link is one row of the chain.
type link struct {
	seq                int64
	at                 time.Time
	who, fingerprint   string
	answer             string
	evidence, decision string
	prev, hash         []byte
}

// sum returns the hash over everything in the link except the hash itself.
func (k link) sum() []byte {
	h := sha256.New()
	part(h, chainVersion)
	part(h, fmt.Sprint(k.seq))
	part(h, micro(k.at).Format(time.RFC3339Nano))
	for _, text := range []string{k.who, k.fingerprint, k.answer, k.evidence, k.decision, string(k.prev)} {
		part(h, text)
	}
	return h.Sum(nil)
}

// part adds a text with its length before it, so that two different lists of parts never give the same bytes.
func part(h hash.Hash, text string) {
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(text))))
	h.Write([]byte(text))
}

// RecordDecision appends a decision with its evidence, and returns its place. Appends of several processes are
// serialised.
func (l *Ledger) RecordDecision(ctx context.Context, who string, d gate.Decision, e gate.Evidence) (gate.Record, error) {
	record, _, err := l.record(ctx, who, d, e, func(link) bool { return true })
	return record, err
}

// RecordFlip does the same if the answer or the fingerprint differs from the newest recorded decision. recorded is
// false if they are the same, whichever process recorded it.
func (l *Ledger) RecordFlip(ctx context.Context, who string, d gate.Decision, e gate.Evidence) (record gate.Record, recorded bool, err error) {
	return l.record(ctx, who, d, e, func(newest link) bool {
		return newest.answer != string(d.Decision) || newest.fingerprint != d.Fingerprint
	})
}

// record appends if wanted returns true for the newest link. In an empty chain that is the zero link.
func (l *Ledger) record(ctx context.Context, who string, d gate.Decision, e gate.Evidence, wanted func(link) bool) (gate.Record, bool, error) {
	d.Record = nil
	k := link{at: micro(d.At), who: storable(who), fingerprint: storable(d.Fingerprint), answer: string(d.Decision)}
	evidence, err := json.Marshal(e)
	if err != nil {
		return gate.Record{}, false, fmt.Errorf("encoding the evidence: %w", err)
	}
	decision, err := json.Marshal(d)
	if err != nil {
		return gate.Record{}, false, fmt.Errorf("encoding the decision: %w", err)
	}
	k.evidence, k.decision = string(evidence), string(decision)
	recorded := false
	err = l.write(ctx, l.timeout, func(ctx context.Context, tx pgx.Tx) error {
		if err := lockChain(ctx, tx, l.schema); err != nil {
			return err
		}
		decided, err := newestLink(ctx, tx, "answer <> '"+approved+"'")
		if err != nil {
			return err
		}
		if recorded = wanted(decided); !recorded {
			return nil
		}
		newest, err := newestLink(ctx, tx, "true")
		if err != nil {
			return err
		}
		k.seq, k.prev = newest.seq+1, newest.hash
		k.hash = k.sum()
		return insertLink(ctx, tx, k)
	})
	if err != nil {
		return gate.Record{}, false, fmt.Errorf("recording the decision: %w", err)
	}
	if !recorded {
		return gate.Record{}, false, nil
	}
	return gate.Record{Seq: k.seq, Who: k.who, Hash: hex.EncodeToString(k.hash)}, true, nil
}

// lockChain serialises appends. Without it, two processes would follow the same link, and the primary key would reject the second one.
func lockChain(ctx context.Context, tx pgx.Tx, schema string) error {
	_, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('crosscheck decisions ' || $1, 0))`, schema)
	return err
}

func insertLink(ctx context.Context, tx pgx.Tx, k link) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO decision (seq, at, who, fingerprint, answer, evidence, decision, prev, hash)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		k.seq, k.at, k.who, k.fingerprint, k.answer, k.evidence, k.decision, k.prev, k.hash)
	return err
}

// storable returns a text in the form in which PostgreSQL can keep it.
func storable(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

const linkColumns = `seq, at, who, fingerprint, answer, evidence, decision, prev, hash`

func scanLink(row pgx.CollectableRow) (link, error) {
	var k link
	err := row.Scan(&k.seq, &k.at, &k.who, &k.fingerprint, &k.answer, &k.evidence, &k.decision, &k.prev, &k.hash)
	return k, err
}

// newestLink returns the newest link of which a condition holds; the zero link, with an empty hash, if there is none.
func newestLink(ctx context.Context, tx pgx.Tx, condition string) (link, error) {
	rows, err := tx.Query(ctx, `SELECT `+linkColumns+` FROM decision WHERE `+condition+` ORDER BY seq DESC LIMIT 1`)
	if err != nil {
		return link{}, err
	}
	k, err := pgx.CollectExactlyOneRow(rows, scanLink)
	if errors.Is(err, pgx.ErrNoRows) {
		return link{hash: []byte{}}, nil
	}
	return k, err
}

// Chain is the result of VerifyChain.
type Chain struct {
	Length int64  // number of sound links from the beginning
	Head   string // hash of the last of them; empty if there is none
	// Broken is the first link that was changed; 0 if all are sound. Why says what is wrong with it.
	Broken int64
	Why    string
	// HeadFound is true if the given head is the hash of one of the sound links.
	HeadFound bool
}

// VerifyChain reads the whole chain in one snapshot, link by link, up to the first one that is not sound. If head is
// not empty, it looks for head among the hashes: a chain that was cut off is sound, but no longer has it.
func (l *Ledger) VerifyChain(ctx context.Context, head string) (Chain, error) {
	c := Chain{}
	wanted, err := hex.DecodeString(head)
	if err != nil {
		return c, fmt.Errorf("reading the head: %w", err)
	}
	err = l.read(ctx, l.bulkTimeout(), func(ctx context.Context) error {
		rows, err := l.pool.Query(ctx, `SELECT `+linkColumns+` FROM decision ORDER BY seq`)
		if err != nil {
			return err
		}
		defer rows.Close()
		var before []byte
		for rows.Next() && c.Broken == 0 {
			k, err := scanLink(rows)
			if err != nil {
				return err
			}
			if c.Broken, c.Why = k.flaw(c.Length, before); c.Broken != 0 {
				break
			}
			before = k.hash
			c.Length, c.Head = k.seq, hex.EncodeToString(k.hash)
			c.HeadFound = c.HeadFound || (len(wanted) > 0 && bytes.Equal(k.hash, wanted))
		}
		rows.Close()
		return rows.Err()
	})
	if err != nil {
		return Chain{}, fmt.Errorf("reading the chain of decisions: %w", err)
	}
	return c, nil
}

// flaw returns the number of the wrong link and the reason, if this link does not follow the one before it.
func (k link) flaw(length int64, before []byte) (int64, string) {
	switch {
	case k.seq > length+1:
		return length + 1, fmt.Sprintf("it was removed: decision %d follows decision %d", k.seq, length)
	case !bytes.Equal(k.sum(), k.hash):
		return k.seq, "it was changed: its hash is not that of its content"
	case !bytes.Equal(k.prev, before):
		return k.seq, fmt.Sprintf("it does not follow decision %d: one of the two was replaced or inserted", length)
	}
	return 0, ""
}
