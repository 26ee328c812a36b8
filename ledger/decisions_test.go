package ledger_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nordvarg/crosscheck/board"
	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/ledger"
)

func record(t *testing.T, l *ledger.Ledger, answer gate.Answer) gate.Record {
	t.Helper()
	d := gate.Decision{Decision: answer, At: t0, Fingerprint: "now"}
	r, err := l.RecordDecision(t.Context(), "alice@host", d, gate.Evidence{Fingerprint: "now"})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func chain(t *testing.T, l *ledger.Ledger, head string) ledger.Chain {
	t.Helper()
	c, err := l.VerifyChain(t.Context(), head)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestChainOfDecisions(t *testing.T) {
	t.Parallel()
	l := migrated(t, database(t))
	same(t, chain(t, l, ""), ledger.Chain{}, "an empty chain")
	first := record(t, l, gate.NoGo)
	if first.Seq != 1 || first.Who != "alice@host" || len(first.Hash) != 64 {
		t.Errorf("first record is %+v", first)
	}
	last := record(t, l, gate.Go)
	same(t, chain(t, l, first.Hash), ledger.Chain{Length: 2, Head: last.Hash, HeadFound: true}, "the chain from an older head")
	same(t, chain(t, l, strings.Repeat("0", 64)), ledger.Chain{Length: 2, Head: last.Hash}, "the chain from a head of another one")
	if _, err := l.VerifyChain(t.Context(), "no hash"); err == nil {
		t.Error("a head that is no hash is accepted")
	}
}

func TestChainShowsWhatWasDoneToIt(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		deed, sql string
		broken    int64
		why       string
	}{
		{"a decision turned into a GO", `UPDATE decision SET decision = replace(decision, 'NO-GO', 'GO') WHERE seq = 2`, 2, "changed"},
		{"an answer turned into a GO", `UPDATE decision SET answer = 'GO' WHERE seq = 2`, 2, "changed"},
		{"another evidence", `UPDATE decision SET evidence = '{}' WHERE seq = 3`, 3, "changed"},
		{"another who", `UPDATE decision SET who = 'bob' WHERE seq = 1`, 1, "changed"},
		{"another time", `UPDATE decision SET at = at + interval '1 microsecond' WHERE seq = 4`, 4, "changed"},
		{"text moved from one column to the next", `UPDATE decision SET who = left(who, -1), fingerprint = right(who, 1) || fingerprint WHERE seq = 2`, 2, "changed"},
		{"a link removed", `DELETE FROM decision WHERE seq = 2`, 2, "removed"},
		{"the first removed", `DELETE FROM decision WHERE seq = 1`, 1, "removed"},
		{"one removed and the rest moved up", `DELETE FROM decision WHERE seq = 2; UPDATE decision SET seq = 2 WHERE seq = 3; UPDATE decision SET seq = 3 WHERE seq = 4`, 2, "changed"},
		{"a copy of an old one put at the end", `INSERT INTO decision SELECT 5, at, who, fingerprint, answer, evidence, decision, prev, hash FROM decision WHERE seq = 4`, 5, "changed"},
		{"a hash replaced", `UPDATE decision SET hash = sha256('x') WHERE seq = 2`, 2, "changed"},
		{"two links that change places", `UPDATE decision SET seq = 9 WHERE seq = 2; UPDATE decision SET seq = 2 WHERE seq = 3; UPDATE decision SET seq = 3 WHERE seq = 9`, 2, "changed"},
	} {
		t.Run(c.deed, func(t *testing.T) {
			dsn := database(t)
			l := migrated(t, dsn)
			for range 4 {
				record(t, l, gate.NoGo)
			}
			exec(t, connect(t, dsn), `SET search_path = crosscheck; `+c.sql)
			got := chain(t, l, "")
			if got.Broken != c.broken || !strings.Contains(got.Why, c.why) || got.Length != c.broken-1 {
				t.Errorf("chain %+v, want decision %d to be %s", got, c.broken, c.why)
			}
			links, err := l.ListDecisions(t.Context(), 0, 10)
			if err != nil || !slices.ContainsFunc(links, func(k board.Link) bool { return strings.Contains(k.Flaw, c.why) }) {
				t.Errorf("no link of the list is said to be %s: %+v, %v", c.why, links, err)
			}
		})
	}
}

// A link that is put in with a hash of its own, as our program would compute it, breaks the link after it.
func TestChainShowsALinkOfAnotherChain(t *testing.T) {
	t.Parallel()
	mine, theirs := database(t), database(t)
	l, other := migrated(t, mine), migrated(t, theirs)
	record(t, l, gate.NoGo)
	record(t, l, gate.NoGo)
	record(t, other, gate.Go)
	var seq int64
	var who, fingerprint, answer, evidence, decision string
	var prev, hash []byte
	row := connect(t, theirs).QueryRow(t.Context(), `SELECT seq, who, fingerprint, answer, evidence, decision, prev, hash FROM crosscheck.decision`)
	if err := row.Scan(&seq, &who, &fingerprint, &answer, &evidence, &decision, &prev, &hash); err != nil {
		t.Fatal(err)
	}
	_, err := connect(t, mine).Exec(t.Context(), `
		UPDATE crosscheck.decision SET answer = $1, evidence = $2, decision = $3, prev = $4, hash = $5 WHERE seq = 1`,
		answer, evidence, decision, prev, hash)
	if err != nil {
		t.Fatal(err)
	}
	if got := chain(t, l, ""); got.Broken != 2 || !strings.Contains(got.Why, "does not follow decision 1") {
		t.Errorf("chain %+v", got)
	}
}

func TestAChainThatWasCutOffDoesNotHoldItsHead(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	l := migrated(t, dsn)
	record(t, l, gate.Go)
	head := record(t, l, gate.NoGo).Hash
	exec(t, connect(t, dsn), `DELETE FROM crosscheck.decision WHERE seq = 2`)
	if c := chain(t, l, head); c.Broken != 0 || c.Length != 1 || c.HeadFound {
		t.Errorf("chain %+v", c)
	}
}

func TestDecisionsOfManyProcessesAreOneChain(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	g, ctx := errgroup.WithContext(t.Context())
	for range 4 {
		l := opened(t, ledger.Config{DSN: dsn})
		g.Go(func() error {
			for range 10 {
				if _, err := l.RecordDecision(ctx, "one of many", gate.Decision{At: t0}, gate.Evidence{}); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if c := chain(t, opened(t, ledger.Config{DSN: dsn}), ""); c.Length != 40 || c.Broken != 0 {
		t.Errorf("chain %+v", c)
	}
}

func TestFlipsAreRecordedOnce(t *testing.T) {
	t.Parallel()
	l := migrated(t, database(t))
	flip := func(answer gate.Answer, fingerprint string) bool {
		t.Helper()
		_, recorded, err := l.RecordFlip(t.Context(), "sidecar", gate.Decision{Decision: answer, At: t0.Add(time.Hour), Fingerprint: fingerprint}, gate.Evidence{})
		if err != nil {
			t.Fatal(err)
		}
		return recorded
	}
	for i, c := range []struct {
		answer      gate.Answer
		fingerprint string
		want        bool
	}{
		{gate.Undecided, "a", true},
		{gate.Undecided, "a", false},
		{gate.Go, "a", true},
		{gate.Go, "b", true},
		{gate.Go, "b", false},
	} {
		if got := flip(c.answer, c.fingerprint); got != c.want {
			t.Errorf("look %d at %s under %s: recorded %v", i, c.answer, c.fingerprint, got)
		}
	}
	if c := chain(t, l, ""); c.Length != 3 {
		t.Errorf("chain %+v", c)
	}
}
