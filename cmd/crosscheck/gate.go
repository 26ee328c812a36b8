package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/board"
	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/doctor"
	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/ledger"
)

type gateCommand struct {
	JSON        bool          `name:"json" help:"Print one JSON object on standard output, and nothing else."`
	As          string        `name:"as" placeholder:"NAME" help:"Who asks; goes on record with the decision. Default USER@HOST."`
	NoRecord    bool          `help:"Do not record the decision. Then a role that may only read the ledger is enough."`
	Report      string        `placeholder:"FILE.html" type:"path" help:"Write the decision and its evidence as one HTML page for people who sign."`
	NoValues    bool          `help:"With --report: name the fields that differ, and hide the values."`
	VerifyChain bool          `help:"Do not decide; prove that no recorded decision was changed, removed or inserted."`
	URL         string        `name:"url" placeholder:"URL" help:"Ask the sidecar at this address instead of the databases. No configuration is needed, and nothing is recorded."`
	Wait        time.Duration `placeholder:"DURATION" help:"Wait until the answer is GO or NO-GO, or this time is over, such as 30m. Only the last answer is recorded."`
	Head        string        `placeholder:"HASH" help:"With --verify-chain: the head that an earlier decision printed, which the chain must still hold."`

	docs string // the address of the documentation; empty if none is known
}

var (
	errHeadAlone   = errors.New("--head needs --verify-chain")
	errValuesAlone = errors.New("--no-values needs --report")
	errWait        = errors.New("--wait: must not be negative, and cannot be used with --verify-chain, which makes no decision")
	errChainReport = errors.New("--report cannot be used with --verify-chain, which makes no decision")
)

func (g *gateCommand) run(ctx context.Context, p *program) (int, error) {
	if g.Wait < 0 || g.Wait > 0 && g.VerifyChain {
		return exitError, errWait
	}
	if g.URL != "" {
		return g.ask(ctx, p)
	}
	if g.Head != "" && !g.VerifyChain {
		return exitError, errHeadAlone
	}
	if g.NoValues && g.Report == "" {
		return exitError, errValuesAlone
	}
	if g.Report != "" && g.VerifyChain {
		return exitError, errChainReport
	}
	chosen, err := p.loadPairs()
	if err != nil {
		return exitError, err
	}
	if len(chosen) > 1 {
		return g.overAll(ctx, p, chosen)
	}
	p = p.of(chosen[0])
	c := p.config
	g.docs = c.DocsURL()
	if g.VerifyChain {
		return g.verifyChain(ctx, p, c)
	}
	if err := g.await(ctx, p, g.undecided(p, c)); err != nil {
		return 0, g.unanswered(p, err, withoutSecrets(c, err))
	}
	d, err := g.judge(ctx, p, c)
	if err != nil && d.Decision == "" {
		return 0, g.unanswered(p, err, withoutSecrets(c, err))
	}
	return d.ExitCode(), errors.Join(err, g.print(p, d))
}

// unanswered prints why there is no decision if JSON is wanted: this is an answer too, and a reader of the JSON must find it.
func (g *gateCommand) unanswered(p *program, err, shown error) error {
	if g.JSON {
		err = errors.Join(err, g.print(p, board.Undecided(shown, time.Now())))
	}
	return err
}

// judge decides, records the decision and writes the report. The last two do not change the decision. If one of them
// fails, the decision is returned with the error.
func (g *gateCommand) judge(ctx context.Context, p *program, c *config.Config) (gate.Decision, error) {
	c, err := p.remaining(ctx, c)
	if err != nil {
		return gate.Decision{}, err
	}
	s, err := openSides(ctx, c, nil)
	if err != nil {
		return gate.Decision{}, err
	}
	defer s.close()
	basis, err := s.basis(ctx, c)
	if err != nil {
		return gate.Decision{}, err
	}
	l, err := ledger.Open(ctx, ledger.Config{DSN: c.Ledger.DSN.Reveal(), Schema: c.Ledger.Schema, Logger: p.log()})
	if err != nil {
		return gate.Decision{}, fmt.Errorf("opening the ledger: %w", err)
	}
	defer l.Close()
	l.KnowBasis(basis)
	known := board.Sources{Settings: boardSettings(c), Ledger: l, Lag: s.lag, Sequences: sequencesOf(c), Gaps: func(ctx context.Context) []gate.Gap {
		gaps, _ := s.gaps(ctx, c)
		return gaps
	}}
	d, evidence, err := known.Judge(ctx, basis.Fingerprint)
	if err != nil {
		return gate.Decision{}, err
	}
	recording := g.record(ctx, l, &d, evidence)
	if g.Report != "" {
		err = g.writeReport(ctx, l, c, d, evidence)
	}
	return d, errors.Join(recording, err)
}

// record appends the decision to the ledger's chain. A ledger without tables has no chain, and asking the gate does not
// create tables.
func (g *gateCommand) record(ctx context.Context, l *ledger.Ledger, d *gate.Decision, e gate.Evidence) error {
	if g.NoRecord {
		return nil
	}
	who := g.As
	if who == "" {
		who = asker()
	}
	recorded := *d
	recorded.OSUser = asker()
	r, err := l.RecordDecision(ctx, who, recorded, e)
	switch {
	case errors.Is(err, board.ErrNotMigrated):
		return nil
	case err != nil:
		return withHint(fmt.Errorf("the decision is valid, but was not recorded: %w", err),
			"allow the ledger's role to insert into the table decision, or use --no-record")
	}
	d.OSUser, d.Record = recorded.OSUser, &r
	return nil
}

// asker is who runs this process.
func asker() string {
	name := "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return name + "@" + host
}

func (g *gateCommand) print(p *program, d gate.Decision) error {
	if g.JSON {
		return writeObject(p.stdout, d)
	}
	return p.say(withPages(gate.Text(d), g.docs) + criteriaPages(d, g.docs))
}

// sentence is an error as people read it in a list of reasons.
func sentence(err error) string {
	text := doctor.OneLine(err.Error())
	return strings.ToUpper(text[:1]) + text[1:] + "."
}
