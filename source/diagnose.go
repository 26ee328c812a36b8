package source

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/nordvarg/crosscheck/doctor"
)

// The checks of a database, after doctor.Connection and doctor.Login. People and programs see these identifiers.
const (
	CheckDSN       = "dsn"
	CheckPooler    = "pooler"
	CheckServer    = "server"
	CheckEncoding  = "encoding"
	CheckReplica   = "replica"
	CheckClock     = "clock"
	CheckRole      = "role"
	CheckTable     = "table"
	CheckRows      = "rows"
	CheckKey       = "key"
	CheckKeyIndex  = "key_index"
	CheckUniqueKey = "unique_key"
	CheckField     = "field"
	CheckChangedAt = "changed_at"
	CheckIdentity  = "identity"
	CheckSampling  = "sampling"
	CheckHash      = "hash"
)

// Diagnose examines two sides at the same time, and then what they have in common. Unlike Open it does not stop at the
// first problem: it asks everything that can still be asked, and every answer is a finding. The clock is only used to
// compare the servers' clocks with it.
func Diagnose(ctx context.Context, legacy, projection Config, now func() time.Time) []doctor.Finding {
	var sides [2]*examination
	var both sync.WaitGroup
	for i, c := range []Config{legacy, projection} {
		both.Go(func() { sides[i] = examine(ctx, c, now) })
	}
	both.Wait()
	defer sides[0].close()
	defer sides[1].close()
	return slices.Concat(sides[0].findings, sides[1].findings, between(ctx, sides[0], sides[1]))
}

// sideBoth is the side of a finding about both sides.
const sideBoth = "both"

// examination is what was learned about one side.
type examination struct {
	*Side
	named    string // the side's name in findings; empty means its representation
	now      func() time.Time
	findings []doctor.Finding

	server   server
	relation relation
	readable bool              // the table can be read, at least in part
	key      native            // oid is 0 if there is a finding about the key
	fields   map[string]native // by name, those whose type is known
	rejected map[string]bool   // fields whose type cannot be compared
	zoneless []string          // columns and expressions without a time zone
	zone     zone              // known if there are such columns
}

func (e *examination) hasError() bool {
	return slices.ContainsFunc(e.findings, func(f doctor.Finding) bool { return f.Level == doctor.Error })
}

// examine asks step by step, from the server to the rows. A failed step hides only the later ones.
func examine(ctx context.Context, c Config, now func() time.Time) *examination {
	e := &examination{Side: &Side{config: c}, now: now, fields: map[string]native{}, rejected: map[string]bool{}}
	pool, err := connect(ctx, e.side(), c.DSN)
	if err != nil {
		e.findings = append(e.findings, ConnectionFailed(e.side(), c.DSN, err))
		return e
	}
	e.pool = pool
	ctx, cancel := context.WithTimeout(ctx, diagnosisTimeout)
	defer cancel()
	e.examineServer(ctx)
	e.config.Where = "" // until it is known to be a condition
	if e.examineTable(ctx); !e.readable || !e.examineSlice(ctx, c.Where) {
		return e
	}
	e.examineKey(ctx)
	e.examineFields(ctx)
	e.examineChangedAt(ctx)
	e.examineZone(ctx)
	e.examineRows(ctx) // late, because a view may take long to return its first row
	e.examineReads(ctx)
	e.examineSigns(ctx)
	e.examineDelta(ctx)
	e.examineConnections()
	return e
}

// diagnosisTimeout is for all questions to one side together. Each question is small.
const diagnosisTimeout = 2 * time.Minute

func (e *examination) close() {
	if e.pool != nil {
		e.pool.Close()
	}
}

func (e *examination) side() string { return cmp.Or(e.named, string(e.config.Representation)) }

func (e *examination) add(level doctor.Level, check, message, hint string) {
	e.findings = append(e.findings, doctor.Finding{Side: e.side(), Check: check, Level: level, Message: message, Hint: hint})
}

// failed adds an error of a query. A connection that is lost on the way is one finding, not one for each question that
// could no longer be asked.
func (e *examination) failed(check, doing string, err error) {
	if e.lost(doing, err) {
		return
	}
	e.findings = append(e.findings, failure(e.side(), check, doing, err))
}

// failure is the finding that a question had an error instead of an answer.
func failure(side, check, doing string, err error) doctor.Finding {
	if Passes(err) {
		check = doctor.Busy
	}
	return doctor.Finding{Side: side, Check: check, Level: doctor.Error, Message: doing + ": " + saidBy(err), Hint: nextStep(err)}
}

// lost returns true if an error says nothing about the question, because the database cannot answer at this time.
func (e *examination) lost(doing string, err error) bool {
	f := failure(e.side(), "", doing, err)
	switch {
	case !Passes(err):
		return false
	case Unreachable(err):
		f = ConnectionFailed(e.side(), e.config.DSN, err)
	}
	told := func(other doctor.Finding) bool { return f.Check == other.Check }
	if !slices.ContainsFunc(e.findings, told) {
		e.findings = append(e.findings, f)
	}
	return true
}
