package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/nordvarg/crosscheck/board"
	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/ledger"
)

// chainReport is what gate --verify-chain says.
type chainReport struct {
	Intact bool   `json:"intact"`
	Length int64  `json:"length"`           // sound decisions, from the first one on
	Head   string `json:"head"`             // hash of the last of them
	Broken int64  `json:"broken,omitempty"` // the first decision that was changed; 0 if only the head is missing
	Reason string `json:"reason,omitempty"`
}

var errNoHead = errors.New("--head is not the head of a chain")

// verifyChain exits with 0 if the chain is unchanged, and with 1 if not.
func (g *gateCommand) verifyChain(ctx context.Context, p *program, c *config.Config) (int, error) {
	if raw, err := hex.DecodeString(g.Head); err != nil || (g.Head != "" && len(raw) != sha256.Size) {
		return exitError, withHint(fmt.Errorf("%w: %q", errNoHead, g.Head), "a head is the 64 hexadecimal digits that gate prints after the word head")
	}
	chain, err := readChain(ctx, p, c, g.Head)
	if err != nil {
		if g.JSON { // a chain that could not be read is not proven intact
			err = errors.Join(err, writeObject(p.stdout, chainReport{Reason: err.Error()}))
		}
		return 0, err
	}
	r := chainReport{Length: chain.Length, Head: chain.Head, Broken: chain.Broken, Reason: chain.Why}
	r.Intact = r.Broken == 0
	if r.Intact && g.Head != "" && !chain.HeadFound {
		r.Intact = false
		r.Reason = "Its end was cut off after " + g.Head + " was kept, or it is another chain"
	}
	code := exitAgrees
	if !r.Intact {
		code = exitDiverged
	}
	if g.JSON {
		return code, writeObject(p.stdout, r)
	}
	_, err = io.WriteString(p.stdout, r.text())
	return code, err
}

func readChain(ctx context.Context, p *program, c *config.Config, head string) (ledger.Chain, error) {
	l, err := ledger.Open(ctx, ledger.Config{DSN: c.Ledger.DSN.Reveal(), Schema: c.Ledger.Schema, Logger: p.log()})
	if err != nil {
		return ledger.Chain{}, fmt.Errorf("opening the ledger: %w", err)
	}
	defer l.Close()
	chain, err := l.VerifyChain(ctx, head)
	if errors.Is(err, board.ErrNotMigrated) {
		err = withHint(err, "a ledger without tables has no chain; verify, sample and run create them. Check ledger.dsn and ledger.schema")
	}
	return chain, err
}

func (r chainReport) text() string {
	switch {
	case !r.Intact && r.Broken == 0:
		return fmt.Sprintf("HEAD NOT FOUND: the chain is consistent, but does not contain the given head.\n"+
			"%d decisions, none changed or inserted; the last hash is %s. %s.\n", r.Length, cmp.Or(r.Head, "nothing"), r.Reason)
	case !r.Intact:
		return fmt.Sprintf("BROKEN at decision %d: %s\n%d decisions before it are sound.\n", r.Broken, r.Reason, r.Length)
	case r.Length == 0:
		return "No decision is on record.\n"
	}
	return fmt.Sprintf("%d decisions, none changed, removed or inserted. Head %s\n", r.Length, r.Head)
}
