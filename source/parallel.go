package source

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/nordvarg/crosscheck/doctor"
	"github.com/nordvarg/crosscheck/source/session"
	"github.com/nordvarg/crosscheck/verify"
)

// CheckConnections is the name of doctor's check of verify.connections.
const CheckConnections = "connections"

// examineConnections says what verify.connections does here, if it is more than one.
func (e *examination) examineConnections() {
	n := e.config.Connections
	if n <= 1 {
		return
	}
	if kind := e.relation.kind; kind != "r" && kind != "m" {
		e.add(doctor.Warning, CheckConnections, fmt.Sprintf("verify.connections is %d, but one connection digests this side: %s", n, errNoBlocks), "set verify.connections to 1, or name a table")
		return
	}
	e.add(doctor.OK, CheckConnections, fmt.Sprintf("a full verification opens up to %d connections more than usual, and keeps as many cores busy", n-1), "")
}

// LogTo makes the side say why a digest has fewer connections than configured.
func (s *Side) LogTo(log *slog.Logger) { s.log = log }

// onSeveral digests everything on several connections in one snapshot, each with ranges of blocks of its own. It returns nil if
// that is not possible, or not wanted because the snapshot is restricted to a range of keys, or if a row fails: then one connection
// does it.
func (n *snapshot) onSeveral(ctx context.Context, q verify.DigestQuery, progress func(int64)) ([]verify.Digest, error) {
	want := n.side.config.Connections
	if want <= 1 || !n.within.Whole() { // a range of keys is no range of blocks
		return nil, nil
	}
	var others []*session.Tx
	why := n.undivided(q)
	if why == nil {
		others, why = n.sharing(ctx, want-1)
	}
	for _, tx := range others {
		defer tx.Close()
	}
	if n.side.log != nil && why != nil {
		n.side.log.WarnContext(ctx, "fewer connections than verify.connections digest a side", slog.String("side", string(n.side.config.Representation)),
			slog.Int("connections", len(others)+1), slog.Int("configured", want), slog.String("reason", why.Error()))
	}
	if len(others) == 0 {
		return nil, nil
	}
	found, err := n.divided(ctx, q, others, progress)
	if failsForRow(err) {
		return nil, nil
	}
	return found, err
}

// Why a side is not divided.
var (
	errPaced    = errors.New("with a throttle one piece is read after another")
	errNoBlocks = errors.New("it has no ranges of blocks; only a table or materialized view has, on PostgreSQL 14 or newer")
)

// undivided says why a side cannot be divided; nil if it can.
func (n *snapshot) undivided(q verify.DigestQuery) error {
	switch {
	case q.Pace != nil:
		return errPaced
	case !n.side.shape.pages():
		return errNoBlocks
	}
	return nil
}

// sharing opens further transactions with the same snapshot. There may be fewer than wanted if the server has no connection left.
func (n *snapshot) sharing(ctx context.Context, want int) (out []*session.Tx, why error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	for range want {
		tx, err := n.side.pool.Share(ctx, digestTimeout, n.tx)
		if err != nil {
			return out, err
		}
		out = append(out, tx)
	}
	return out, nil
}

// divided digests ranges of blocks. A worker takes the next range when it has read one, and stops when another one has failed.
func (n *snapshot) divided(ctx context.Context, q verify.DigestQuery, others []*session.Tx, progress func(int64)) ([]verify.Digest, error) {
	rows, err := n.estimate(ctx)
	if err != nil {
		return nil, n.fail("planning the digest", err)
	}
	connections := int64(len(others) + 1)
	each := max(rows/chunkRows/connections, 1)
	todo := make(chan chunk, each*connections+1)
	n.byAddress(ctx, each*connections, func(c chunk, failed error) bool {
		if err = failed; err == nil {
			todo <- c
		}
		return err == nil
	})
	close(todo)
	if err != nil {
		return nil, n.fail("planning the digest", err)
	}
	w := &divided{todo: todo, progress: progress, rows: rows / connections}
	var g errgroup.Group // no common cancellation: a transaction whose statement was canceled cannot be used any more
	for _, tx := range others {
		part := &snapshot{side: n.side, tx: tx, failing: n.failing}
		g.Go(func() error { return w.work(ctx, part, q) })
	}
	g.Go(func() error { return n.attempt(ctx, func() error { return w.work(ctx, n, q) }) })
	if err := g.Wait(); err != nil {
		return nil, n.fail("digesting", err)
	}
	if err := n.tx.Set(ctx, smallSettings); err != nil {
		return nil, n.fail("digesting", err)
	}
	return w.sums.digests(), nil
}

type divided struct {
	todo     chan chunk
	progress func(int64)
	rows     int64 // of each worker, about
	failed   atomic.Bool

	mu   sync.Mutex
	sums summing
}

func (w *divided) work(ctx context.Context, n *snapshot, q verify.DigestQuery) error {
	err := wholeSettings(ctx, n.tx, w.rows)
	for part := range w.todo {
		if err != nil || w.failed.Load() {
			break
		}
		err = w.digest(ctx, n, q, part)
	}
	if err != nil {
		w.failed.Store(true)
	}
	return err
}

func (w *divided) digest(ctx context.Context, n *snapshot, q verify.DigestQuery, part chunk) error {
	ctx, cancel := context.WithTimeout(ctx, digestTimeout)
	defer cancel()
	found, err := n.digest(ctx, q, part.where, part.args...)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.sums.add(found); err != nil {
		return err
	}
	w.progress(w.sums.rows)
	return nil
}
