package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/nordvarg/crosscheck/certificate"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source"
)

type certificateCommand struct {
	Create certificateCreate `cmd:"" help:"Write a certificate of the orders that a completed cutover has moved, as legacy has them."`
	Check  certificateCheck  `cmd:"" help:"Read a whole certificate, and name what was changed."`
}

type certificateCreate struct {
	Out string `required:"" help:"The folder to write. It must not exist." placeholder:"DIR" type:"path"`
	Key string `help:"The ed25519 key that signs, in PEM. Default: a new key, of which only the public half is told." placeholder:"FILE" type:"path"`
	sliceFlag
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
	slice, err := a.name(ctx, c)
	if err != nil {
		return exitError, err
	}
	about, part, err := certifiable(ctx, p, c, slice)
	if err != nil {
		return refused(p, err)
	}
	legacy, err := source.Open(ctx, legacyConfig(part, nil))
	if err != nil {
		return 0, placed(c, withoutSecrets(c, err))
	}
	defer legacy.Close()
	h := certificate.Head{MadeAt: time.Now().UTC().Truncate(time.Second), KeyType: legacy.KeyType()}
	for _, f := range c.Compare.Fields {
		h.Fields = append(h.Fields, certificate.Field{Name: f.Name, Type: f.Type, Expr: f.Legacy})
	}
	h, err = certificate.Create(a.Out, h, key, func(add func(order.Row) error) (any, error) {
		return about, about.read(ctx, c, legacy, add)
	})
	switch {
	case errors.Is(err, syscall.ENOSPC):
		err = withHint(err, "the disk is full; nothing was left of the certificate")
	case errors.Is(err, certificate.ErrExists):
		err = withHint(err, "give --out a new name; a certificate is never written over")
	}
	if err != nil {
		return refused(p, err)
	}
	return exitAgrees, a.tell(p, h, about.certifiedScope, key)
}

// refused tells what cannot be certified, which is no error of the command.
func refused(p *program, err error) (int, error) {
	if no, ok := errors.AsType[uncertifiableError](err); ok {
		printError(p.logs(), no.why, no.hint)
		return exitDiverged, nil
	}
	return 0, err
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

func (a *certificateCreate) tell(p *program, h certificate.Head, of certifiedScope, key ed25519.PrivateKey) error {
	public, err := certificate.PublicPEM(key.Public().(ed25519.PublicKey)) //nolint:forcetypeassert // as its documentation says
	if err != nil {
		return err
	}
	text := fmt.Sprintf("The certificate %s has %d orders in %d bytes. Its root is %s.\n", a.Out, h.Orders, h.Bytes, h.Root)
	if scope := of.text(); scope != "" {
		text += "It is of " + scope + ".\n"
	}
	if a.Key == "" {
		text += "It was signed with a new key, which is kept nowhere.\n"
	}
	_, err = fmt.Fprintf(p.stdout, "%sKeep the public key in another place than the certificate, and check with --public-key:\n%s", text, public)
	return err
}
