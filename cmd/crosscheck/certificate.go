package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/nordvarg/crosscheck/certificate"
	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/cutover"
	cutoverrun "github.com/nordvarg/crosscheck/cutover/run"
	"github.com/nordvarg/crosscheck/ledger"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source"
	"github.com/nordvarg/crosscheck/switches/fence"
	"github.com/nordvarg/crosscheck/verify"
)

type certificateCommand struct {
	Create certificateCreate `cmd:"" help:"Write a certificate of all orders of legacy, after a completed cutover."`
	Check  certificateCheck  `cmd:"" help:"Read a whole certificate, and name what was changed."`
}

type certificateCreate struct {
	Out string `required:"" help:"The folder to write. It must not exist." placeholder:"DIR" type:"path"`
	Key string `help:"The ed25519 key that signs, in PEM. Default: a new key, of which only the public half is told." placeholder:"FILE" type:"path"`
}

var (
	errNotCutOver = errors.New("no cutover of all orders is completed")
	errUnsealed   = errors.New("legacy's fence is not permanent, so legacy may be written")
)

// certified is what a certificate is about.
type certified struct {
	Name        string           `json:"name"`
	Environment string           `json:"environment"`
	Crosscheck  string           `json:"crosscheck"`
	Table       string           `json:"table"`
	Where       string           `json:"where,omitempty"`
	Identity    source.Identity  `json:"identity"`
	Position    verify.Position  `json:"position"` // the orders were read at or after it
	Run         []cutover.Record `json:"run"`
	Decision    *ledger.Decided  `json:"decision"` // the newest GO before the run; null if there was none
	Chain       ledger.Chain     `json:"chain"`
}

func (a *certificateCreate) run(ctx context.Context, p *program) (int, error) {
	c, err := p.loadCutover()
	if err != nil {
		return exitError, err
	}
	key, err := a.signer()
	if err != nil {
		return exitError, err
	}
	about, l, err := certifiable(ctx, p, c)
	if err != nil {
		return exitError, err
	}
	defer l.Close()
	if about == nil {
		printError(p.logs(), errNotCutOver.Error(), "crosscheck cutover status shows the runs")
		return exitDiverged, nil
	}
	legacy, err := source.Open(ctx, legacyConfig(c, nil))
	if err != nil {
		return 0, placed(c, withoutSecrets(c, err))
	}
	defer legacy.Close()
	h := certificate.Head{MadeAt: time.Now().UTC().Truncate(time.Second), KeyType: legacy.KeyType()}
	for _, f := range c.Compare.Fields {
		h.Fields = append(h.Fields, certificate.Field{Name: f.Name, Type: f.Type})
	}
	h, err = certificate.Create(a.Out, h, key, func(add func(order.Row) error) (any, error) {
		return about, about.read(ctx, c, legacy, add)
	})
	switch {
	case errors.Is(err, errUnsealed):
		printError(p.logs(), err.Error(), "crosscheck cutover fence shows the fence")
		return exitDiverged, nil
	case errors.Is(err, syscall.ENOSPC):
		err = withHint(err, "the disk is full; nothing was left of the certificate")
	case errors.Is(err, certificate.ErrExists):
		err = withHint(err, "give --out a new name; a certificate is never written over")
	}
	if err != nil {
		return 0, err
	}
	return exitAgrees, a.tell(p, h, key)
}

// signer is the key of the file, or a new one.
func (a *certificateCreate) signer() (ed25519.PrivateKey, error) {
	if a.Key == "" {
		return certificate.NewKey()
	}
	text, err := os.ReadFile(a.Key)
	if err != nil {
		return nil, fmt.Errorf("reading the key: %w", err)
	}
	key, err := certificate.ReadPrivateKey(text)
	if err != nil {
		err = withHint(err, "openssl genpkey -algorithm ed25519 -out FILE makes one")
	}
	return key, err
}

func (a *certificateCreate) tell(p *program, h certificate.Head, key ed25519.PrivateKey) error {
	public, err := certificate.PublicPEM(key.Public().(ed25519.PublicKey)) //nolint:forcetypeassert // as its documentation says
	if err != nil {
		return err
	}
	text := fmt.Sprintf("The certificate %s has %d orders in %d bytes. Its root is %s.\n", a.Out, h.Orders, h.Bytes, h.Root)
	if a.Key == "" {
		text += "It was signed with a new key, which is kept nowhere.\n"
	}
	_, err = fmt.Fprintf(p.stdout, "%sKeep the public key in another place than the certificate, and check with --public-key:\n%s", text, public)
	return err
}

// certifiable collects what is known of the newest completed cutover; nil if there is none. The caller closes the ledger.
func certifiable(ctx context.Context, p *program, c *config.Config) (about *certified, l *ledger.Ledger, err error) {
	if l, err = openLedger(ctx, c, p.log()); err != nil {
		return nil, nil, fmt.Errorf("opening the ledger: %w", err)
	}
	defer func() {
		if err != nil {
			l.Close()
		}
	}()
	run, err := newestCutover(ctx, l)
	if err != nil || run == nil {
		return nil, l, err
	}
	about = &certified{
		Name: c.Cutover.Name, Environment: c.Environment, Crosscheck: versionLine(), Table: c.Legacy.Table, Where: c.Legacy.Where, Run: run,
	}
	for i := range run {
		run[i].Detail = c.Mask(run[i].Detail)
	}
	if about.Decision, err = l.Decided(ctx, run[0].At); err != nil {
		return nil, l, err
	}
	about.Chain, err = l.VerifyChain(ctx, "")
	return about, l, err
}

// newestCutover is the journal of the newest run that is completed, of all orders; nil if there is none.
func newestCutover(ctx context.Context, l *ledger.Ledger) ([]cutover.Record, error) {
	runs, err := l.Runs(ctx)
	if err != nil {
		return nil, err
	}
	for _, run := range slices.Backward(runs) {
		s, err := cutoverrun.Look(run)
		switch {
		case err != nil:
			return nil, err
		case s.State.Phase == cutover.Completed && s.State.Slice == "":
			return run, nil
		}
	}
	return nil, nil //nolint:nilnil // no run is no error
}

// read reads all orders while nobody can write them: the fence is permanent before and after.
func (about *certified) read(ctx context.Context, c *config.Config, legacy *source.Side, add func(order.Row) error) (err error) {
	f, err := newFence(c)
	if err != nil {
		return err
	}
	if err := sealed(ctx, f); err != nil {
		return err
	}
	if about.Identity, err = legacy.Identity(ctx); err != nil {
		return err
	}
	if about.Position, err = legacy.Orders(ctx, add); err != nil {
		return err
	}
	return sealed(ctx, f)
}

func sealed(ctx context.Context, f *fence.Fence) error {
	switch state, err := f.State(ctx); {
	case err != nil:
		return fmt.Errorf("reading the state of the fence: %w", err)
	case !state.Sealed || len(state.Missing) > 0:
		return errUnsealed
	}
	return nil
}
