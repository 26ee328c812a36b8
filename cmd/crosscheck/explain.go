package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/nordvarg/crosscheck/board"
	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/explain"
	"github.com/nordvarg/crosscheck/follow"
	"github.com/nordvarg/crosscheck/human"
	"github.com/nordvarg/crosscheck/ledger"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/topic"
	"github.com/nordvarg/crosscheck/verify"
)

type explainCommand struct {
	OrderID string `arg:"" help:"The order's key."`
	Step    bool   `help:"Tell the order event by event: what each says and changes, legacy's records of the moment, and what parts there."`
	AsOf    string `help:"Show the order at this time too, as the events give it and as legacy's records tell it." placeholder:"TIME"`
	JSON    bool   `name:"json" help:"Print one JSON object on standard output, and nothing else."`
}

var (
	errNoKey    = errors.New("not a key of these orders")
	errAsOf     = errors.New("--as-of is no time in the past")
	errNoEvents = errors.New("--step and --as-of need an event store")
)

// What explain reads of a topic, which cannot be read by order.
const (
	explainPatience = 3 * time.Second
	explainLimit    = 1_000_000 // messages
	explainMargin   = time.Minute
)

func (e *explainCommand) run(ctx context.Context, p *program) (int, error) {
	asOf, c, err := e.given(p)
	if err != nil {
		return exitError, err
	}
	s, err := openSides(ctx, c, nil)
	if err != nil {
		return 0, err
	}
	defer s.close()
	key, err := orderKey(s.legacy.KeyType(), e.OrderID)
	if err != nil {
		return exitError, err
	}
	if err := s.readable(ctx, c); err != nil {
		return exitError, err
	}
	var unreadable error // the topic
	x := explainer(c, s, p.log(), &unreadable)
	x.Step, x.AsOf, x.Fold = e.Step, asOf, c.Events.Fold
	if x.Moved, err = p.movedOrder(ctx, c, key); err != nil { // it is explained as any other
		_, _ = fmt.Fprintf(p.stderr, "crosscheck: whether order %s is at the new side is not known: %s\n", human.Shown(string(key)), printable(c.Mask(err.Error())))
	}
	x.Waiting = func(window time.Duration) {
		_, _ = fmt.Fprintf(p.stderr, "crosscheck: order %s may still be on its way; looking again in %s\n", human.Shown(string(key)), window)
	}
	r, err := x.Explain(ctx, key)
	if errors.Is(err, explain.ErrNoSuchOrder) {
		hint := "check the order's key; in text keys upper and lower case differ"
		if c.Legacy.Where != "" || c.Projection.Where != "" {
			hint = "the order may be outside of the slice, which where restricts the comparison to; or check its key"
		}
		err = withHint(fmt.Errorf("%w: %s", err, key), hint)
	}
	if err = errors.Join(unreadable, err); err != nil {
		return 0, err
	}
	if e.JSON {
		err = writeObject(p.stdout, r)
	} else {
		text := withPages(explained{r, p.width(), p.columns()}.text(), c.DocsURL())
		if page := orderPage(c, key); page != "" {
			text += "\n  page        " + page + "\n"
		}
		_, err = io.WriteString(p.stdout, text)
	}
	if err != nil {
		return exitError, fmt.Errorf("writing the report: %w", err)
	}
	return exitCode(r.Verdict), nil
}

// given reads the flags and the configuration.
func (e *explainCommand) given(p *program) (asOf time.Time, c *config.Config, err error) {
	if e.AsOf != "" {
		if asOf, err = asOfTime(e.AsOf, time.Now()); err != nil {
			return asOf, nil, err
		}
	}
	if c, err = p.load(); err != nil {
		return asOf, nil, err
	}
	if (e.Step || e.AsOf != "") && !c.Events.Given() {
		err = withHint(errNoEvents, "add the section events to the configuration; config.yaml and docs/fold.md have an example")
	}
	return asOf, c, err
}

// orderKey returns the key as the databases print it. An impossible key is the user's mistake, not a server's.
func orderKey(t order.KeyType, given string) (order.Key, error) {
	key, ok := order.CanonicalKey(t, given)
	if !ok && (t != order.KeyText || given != "") { // a message without a key has none, but a row may have the empty key
		return "", withHint(fmt.Errorf("%w: the key is of type %s, and %q was given", errNoKey, t, given), "give the order's key as legacy has it")
	}
	return key, nil
}

// explainer sets unreadable if the topic cannot be used with this configuration.
func explainer(c *config.Config, s sides, log *slog.Logger, unreadable *error) *explain.Explainer {
	x := &explain.Explainer{Comparison: comparison(c, s, nil, log)}
	if !c.Stream.Given() {
		return x
	}
	x.Stream = &explain.Stream{
		Open: func(ctx context.Context) (explain.Topic, error) { return openOrderReader(ctx, c, s, unreadable) },
		Found: func(ctx context.Context, key order.Key) ([]verify.Divergence, error) {
			return followed(ctx, c, s, func(known *ledger.Ledger, fingerprint string) ([]verify.Divergence, error) {
				return known.StreamFindings(ctx, fingerprint, key)
			})
		},
		Judged: func(ctx context.Context, messages []follow.OrderMessage) ([]bool, error) {
			judged, err := followed(ctx, c, s, func(known *ledger.Ledger, fingerprint string) ([]bool, error) {
				return known.StreamJudged(ctx, fingerprint, messages)
			})
			if judged == nil {
				judged = make([]bool, len(messages))
			}
			return judged, err
		},
	}
	return x
}

func openOrderReader(ctx context.Context, c *config.Config, s sides, unreadable *error) (*follow.OrderReader, error) {
	rules, err := c.MessageRules()
	if err != nil {
		return nil, err
	}
	config := topicConfig(c.Stream, nil, slog.New(slog.DiscardHandler))
	config.Patience = explainPatience
	stream, err := topic.Open(ctx, config)
	if err != nil {
		return nil, err
	}
	if err := s.streamReadable(ctx, c, stream); errors.Is(err, errUnreadable) { // other errors are met again
		*unreadable = err
		return nil, err
	}
	return &follow.OrderReader{
		Stream: stream, Rules: rules, KeyType: s.legacy.KeyType(), IDType: s.events.IDType(), Events: s.events, Store: s.events,
		Margin: c.Compare.Settle.Window + explainMargin, Limit: explainLimit,
	}, nil
}

// followed asks the ledger what the follower has found. Without a ledger nothing was followed.
func followed[T any](ctx context.Context, c *config.Config, s sides, ask func(*ledger.Ledger, string) ([]T, error)) ([]T, error) {
	known, err := ledger.Open(ctx, ledger.Config{DSN: c.Ledger.DSN.Reveal(), Schema: c.Ledger.Schema, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, fmt.Errorf("opening the ledger: %w", err)
	}
	defer known.Close()
	rest, _, err := remaining(ctx, c, known) // the follower leaves out slices at the new side
	if errors.Is(err, board.ErrNotMigrated) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	fingerprint, err := s.fingerprint(ctx, rest)
	if err != nil {
		return nil, err
	}
	found, err := ask(known, fingerprint)
	if errors.Is(err, board.ErrNotMigrated) {
		return nil, nil
	}
	return found, err
}
