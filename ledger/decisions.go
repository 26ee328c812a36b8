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
// Each decision is a link: it carries the hash of the link before it, and its own hash is SHA-256 over all that it
// holds, that hash included, every part with its length before it. So no link can be changed, removed or put between
// without breaking the chain from there on. Who may write the table could compute a whole new chain, or cut off its
// end: both show against a head that somebody kept elsewhere, which is why each decision prints it.

// chainVersion is the first part of what is hashed; another encoding needs another.
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

// sum is the hash over everything in the link but the hash itself.
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

// part adds a text with its length before it, so that no two lists of parts read the same.
func part(h hash.Hash, text string) {
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(text))))
	h.Write([]byte(text))
}

// RecordDecision appends a decision with the evidence that led to it, and says where it is now. Appends of several
// processes come one after the other.
func (l *Ledger) RecordDecision(ctx context.Context, who string, d gate.Decision, e gate.Evidence) (gate.Record, error) {
	record, _, err := l.record(ctx, who, d, e, func(link) bool { return true })
	return record, err
}

// RecordFlip does the same where the answer or the fingerprint is another than that of the newest decision on record;
// recorded is false where it is not, whoever recorded that one.
func (l *Ledger) RecordFlip(ctx context.Context, who string, d gate.Decision, e gate.Evidence) (record gate.Record, recorded bool, err error) {
	return l.record(ctx, who, d, e, func(newest link) bool {
		return newest.answer != string(d.Decision) || newest.fingerprint != d.Fingerprint
	})
}

// record appends where wanted says so of the newest link, the zero link in an empty chain.
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
		// Without the lock two processes would both follow the same link; the primary key would refuse the second.
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('crosscheck decisions ' || $1, 0))`, l.schema); err != nil {
			return err
		}
		newest, err := newestLink(ctx, tx)
		if err != nil {
			return err
		}
		if recorded = wanted(newest); !recorded {
			return nil
		}
		k.seq, k.prev = newest.seq+1, newest.hash
		k.hash = k.sum()
		_, err = tx.Exec(ctx, `
			INSERT INTO decision (seq, at, who, fingerprint, answer, evidence, decision, prev, hash)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
			k.seq, k.at, k.who, k.fingerprint, k.answer, k.evidence, k.decision, k.prev, k.hash)
		return err
	})
	if err != nil {
		return gate.Record{}, false, fmt.Errorf("recording the decision: %w", err)
	}
	if !recorded {
		return gate.Record{}, false, nil
	}
	return gate.Record{Seq: k.seq, Who: k.who, Hash: hex.EncodeToString(k.hash)}, true, nil
}

// storable is a text as PostgreSQL keeps it.
func storable(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

const linkColumns = `seq, at, who, fingerprint, answer, evidence, decision, prev, hash`

func scanLink(row pgx.CollectableRow) (link, error) {
	var k link
	err := row.Scan(&k.seq, &k.at, &k.who, &k.fingerprint, &k.answer, &k.evidence, &k.decision, &k.prev, &k.hash)
	return k, err
}

// newestLink is the zero link, with an empty hash, in an empty chain.
func newestLink(ctx context.Context, tx pgx.Tx) (link, error) {
	rows, err := tx.Query(ctx, `SELECT `+linkColumns+` FROM decision ORDER BY seq DESC LIMIT 1`)
	if err != nil {
		return link{}, err
	}
	k, err := pgx.CollectExactlyOneRow(rows, scanLink)
	if errors.Is(err, pgx.ErrNoRows) {
		return link{hash: []byte{}}, nil
	}
	return k, err
}

// Chain is what VerifyChain has seen.
type Chain struct {
	Length int64  // links that are sound, from the first one on
	Head   string // hash of the last of them; empty where there is none
	// Broken is the first link that is not as it was written, 0 where all are; Why says what is wrong with it.
	Broken int64
	Why    string
	// HeadFound is true when the head that was asked for is the hash of one of the sound links.
	HeadFound bool
}

// VerifyChain reads the whole chain, in one snapshot and link by link, up to the first one that is not sound. head, where
// it is not empty, is looked for among the hashes: a chain that was cut off is sound and does not hold it any more.
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

// flaw is the number of the link that is wrong, and why, where this one does not follow the one before it.
func (k link) flaw(length int64, before []byte) (int64, string) {
	switch {
	case k.seq > length+1:
		return length + 1, fmt.Sprintf("it was removed: decision %d follows decision %d", k.seq, length)
	case !bytes.Equal(k.sum(), k.hash):
		return k.seq, "it was changed: its hash is not that of its content"
	case !bytes.Equal(k.prev, before):
		return k.seq, fmt.Sprintf("it does not follow decision %d as that is now: one of the two was replaced or put in", length)
	}
	return 0, ""
}
