package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/cutover"
	"github.com/nordvarg/crosscheck/cutover/evidence"
	"github.com/nordvarg/crosscheck/cutover/steps"
	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/ledger"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source"
	"github.com/nordvarg/crosscheck/switches/fence"
	"github.com/nordvarg/crosscheck/verify"
)

// certified is what a certificate is about.
type certified struct {
	Name        string `json:"name"`
	Environment string `json:"environment"`
	Crosscheck  string `json:"crosscheck"`
	certifiedScope
	Tables      certifiedTables  `json:"tables"`
	Identity    source.Identity  `json:"identity"`
	Position    verify.Position  `json:"position"` // the orders were read at or after it
	TailBefore  string           `json:"tail_before"`
	TailAfter   string           `json:"tail_after"`
	Run         []cutover.Record `json:"run"`
	Fingerprint string           `json:"fingerprint"` // of what the run compared
	Basis       []gate.Part      `json:"basis"`       // what the fingerprint is made of
	Override    string           `json:"override,omitempty"`
	Decision    *ledger.Decided  `json:"decision"` // the one whose approval the run was executed under; null without one
	Chain       ledger.Chain     `json:"chain"`

	positions map[string]string // of the run, the newest of each name
}

type certifiedTables struct {
	Legacy     string `json:"legacy"`
	Where      string `json:"where,omitempty"`
	Key        string `json:"key"`
	Projection string `json:"projection"`
	Events     string `json:"events,omitempty"`
}

// uncertifiableError says why there must be no certificate.
type uncertifiableError struct{ why, hint string }

func (u uncertifiableError) Error() string { return u.why }

// certifiable collects what is known of the newest completed cutover of a slice, or of all orders, and returns the configuration of the orders that it
// has moved. The error is an uncertifiableError if it must not be signed.
func certifiable(ctx context.Context, p *program, c *config.Config, slice string) (*certified, *config.Config, error) {
	l, err := openLedger(ctx, c, p.log())
	if err != nil {
		return nil, nil, fmt.Errorf("opening the ledger: %w", err)
	}
	defer l.Close()
	run, of, err := newestCutover(ctx, l, slice)
	if err != nil {
		return nil, nil, err
	}
	if c, err = of.restrict(c); err != nil {
		return nil, nil, err
	}
	about := &certified{
		Name: c.Cutover.Name, Environment: c.Environment, Crosscheck: versionLine(), Run: maskedRecords(c, run, false), certifiedScope: of, positions: map[string]string{},
		Tables: certifiedTables{Legacy: c.Legacy.Table, Where: c.Legacy.Where, Key: c.Legacy.Key, Projection: c.Projection.Table, Events: c.Events.Table},
	}
	for _, r := range run {
		maps.Copy(about.positions, r.Positions)
	}
	about.Fingerprint, about.Override = about.positions["fingerprint"], c.Mask(about.positions["override"])
	for _, step := range []func() error{
		func() error { return about.tailChecked() },
		func() error { return about.decided(ctx, l) },
		func() error { return about.configured(ctx, l, c) },
	} {
		if err := step(); err != nil {
			return nil, nil, err
		}
	}
	return about, c, nil
}

// tailChecked wants the tail check of the run to have passed: a run is completed without that too, because people decide about what it found.
func (about *certified) tailChecked() error {
	switch r := cutover.TailChecked(about.Run); r.Outcome {
	case "":
		return uncertifiableError{"the run has no tail check", "crosscheck cutover status shows the run"}
	case cutover.Done:
		return nil
	default:
		return uncertifiableError{"the tail check of " + r.Run + " did not pass: " + r.Detail, "what it names was written to legacy after the fence was closed; crosscheck cutover status shows the run"}
	}
}

// decided reads the chain, and the decision that was approved for the run.
func (about *certified) decided(ctx context.Context, l *ledger.Ledger) (err error) {
	if about.Chain, err = l.VerifyChain(ctx, ""); err != nil {
		return err
	}
	const hint = "crosscheck gate --verify-chain shows it; somebody has changed the ledger"
	if about.Chain.Broken != 0 {
		return uncertifiableError{fmt.Sprintf("the chain of decisions is broken at decision %d: %s", about.Chain.Broken, about.Chain.Why), hint}
	}
	approval := about.positions["approval"]
	if approval == "" {
		return nil // it was overridden, which the journal says
	}
	about.Decision, err = l.Approved(ctx, approval)
	if errors.Is(err, ledger.ErrNoLink) {
		return uncertifiableError{err.Error(), hint}
	}
	return err
}

// configured wants the orders to be read as the run has read them.
func (about *certified) configured(ctx context.Context, l *ledger.Ledger, c *config.Config) error {
	b, err := l.Basis(ctx, about.Fingerprint)
	if err != nil {
		return err
	}
	if about.Basis = b.Parts; len(b.Parts) == 0 {
		return uncertifiableError{"the ledger does not know what the run has compared", "crosscheck verify with the configuration of the run stores it"}
	}
	_, now := c.Basis()
	if changes := gate.Changes(certifiedParts(b.Parts), certifiedParts(now)); changes != "" {
		return uncertifiableError{"the configuration is not the one of the run: " + changes, "use the configuration with which the cutover was executed"}
	}
	return nil
}

// certifiedParts are those that say how the orders of legacy are read.
func certifiedParts(all []gate.Part) (of []gate.Part) {
	for _, p := range all {
		if p.Name == "legacy" || p.Name == "legacy.where" || strings.HasPrefix(p.Name, "compare.fields.") {
			of = append(of, p)
		}
	}
	return of
}

// read reads all orders of the table that the run has fenced, while nobody can write them: before and after, the fence is permanent and no row is
// newer than it.
func (about *certified) read(ctx context.Context, c *config.Config, legacy *source.Side, add func(order.Row) error) (err error) {
	f, err := newFence(c)
	if err != nil {
		return err
	}
	if about.Identity, err = legacy.Identity(ctx); err != nil {
		return err
	}
	if about.TailBefore, err = about.closed(ctx, c, f, legacy); err != nil {
		return err
	}
	if about.Position, err = legacy.Orders(ctx, add); err != nil {
		return err
	}
	about.TailAfter, err = about.closed(ctx, c, f, legacy)
	return err
}

// closed makes sure that legacy is where the run has closed it, and that nobody has written it since.
func (about *certified) closed(ctx context.Context, c *config.Config, f *fence.Fence, legacy *source.Side) (tail string, err error) {
	is, why, err := fencedHere(ctx, f, legacy, c.Legacy.Table)
	if fenced := evidence.FencedAt(about.positions); err == nil && why == "" && is.At() != fenced {
		why = fmt.Sprintf("legacy.dsn leads to %s, and the run has fenced %s", is.At(), fenced)
	}
	switch {
	case err != nil:
		return "", err
	case why != "":
		return "", uncertifiableError{why, "a certificate is of the legacy that was closed"}
	}
	scope := fenceScope(steps.Scope{Slice: about.Slice})
	switch sealed, err := f.Sealed(ctx, scope); {
	case err != nil:
		return "", fmt.Errorf("reading the state of the fence: %w", err)
	case !sealed:
		return "", uncertifiableError{fmt.Sprintf("legacy's fence is not permanent for %s, so legacy may be written", scope), "crosscheck cutover fence shows the fence"}
	}
	e := evidence.Evidence{Legacy: legacy, Wait: lease.Sleep}
	if scope.One { // other slices go on
		e.Legacy = legacy.Part(c.OfLegacy(scope.Slice))
	}
	tail, err = e.Tail(ctx, steps.Scope{}, about.positions)
	if errors.Is(err, steps.ErrContradicted) {
		hint := "what was written there since is not what was cut over"
		if c.Cutover.Reverse.Given() {
			hint = "a reverse feed writes legacy, and a certificate is of what was closed: make it before the feed brings its first order"
		}
		return "", uncertifiableError{"legacy is not as the run has closed it: " + strings.TrimPrefix(err.Error(), steps.ErrContradicted.Error()+": "), hint}
	}
	return tail, err
}
