package switches

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Prober asks by the clients' way which side answers: it reads or writes as a client does. It returns when the context ends.
type Prober interface {
	// Probe reports whether the new side has answered, and false if legacy has. A [RefusedError] says that neither has taken it.
	Probe(ctx context.Context, run Run) (isNew bool, err error)
}

var (
	_ Prober = SQL{}
	_ Prober = HTTP{}
	_ Prober = Exec{}
)

// Probe implements [Prober] by the statement of the check. Unlike a check it may write, and it has committed before it is answered.
func (s SQL) Probe(ctx context.Context, run Run) (isNew bool, err error) {
	err = s.in(ctx, pgx.ReadWrite, run, func(tx pgx.Tx) error {
		isNew, err = s.asked(ctx, tx)
		return err
	})
	answer, ok := errors.AsType[*pgconn.PgError](err)
	if ok && answer.Code != cancelled && ctx.Err() == nil && answer.SeverityUnlocalized == "ERROR" {
		err = &RefusedError{err}
	}
	return isNew && err == nil, err
}

// Probe implements [Prober] by the request of the check.
func (h HTTP) Probe(ctx context.Context, run Run) (isNew bool, err error) {
	r := h.Asks
	if r.Method == "" {
		r.Method = http.MethodGet
	}
	body, err := r.send(ctx, run)
	if err != nil {
		if answer, ok := errors.AsType[*statusError](err); ok && !slices.Contains(handedOn, answer.status[:3]) {
			err = &RefusedError{err}
		}
		return false, err
	}
	return h.read(body)
}

// handedOn are the answers with which a proxy says that it has handed the request on and does not know its end.
var handedOn = []string{"408", "502", "504"}

// nobodyTook is the exit code by which a program says that neither side has taken a probe.
const nobodyTook = 2

// Probe implements [Prober] by the program of the check. The exit code 2 says that neither side has taken it.
func (e Exec) Probe(ctx context.Context, run Run) (isNew bool, err error) {
	isNew, err = e.Check(ctx, run)
	if exit, ended := errors.AsType[*exec.ExitError](err); ended && exit.ExitCode() == nobodyTook && ctx.Err() == nil {
		err = &RefusedError{err}
	}
	return isNew, err
}

// Probe is a way of the clients with a limit, whose errors may be shown.
type Probe struct {
	Prober
	Name    string
	Timeout time.Duration       // 30s if it is 0
	Mask    func(string) string // replaces secrets in what is shown; may be nil
}

// New asks once, with its deadline. The error is [ErrSilent] if that passed, and a [RefusedError] if neither side has taken it.
func (p Probe) New(ctx context.Context, run Run) (isNew bool, err error) {
	as := Switch{Name: p.Name, Timeout: p.Timeout, Mask: p.Mask}
	limited, cancel := as.limit(ctx)
	defer cancel()
	isNew, err = p.Probe(limited, run)
	switch {
	case err == nil:
		return isNew, nil
	case limited.Err() != nil && ctx.Err() == nil:
		err = fmt.Errorf("%w: %w", ErrSilent, err)
	}
	return false, as.hide(fmt.Errorf("asking by %s: %w", p.Name, err))
}
