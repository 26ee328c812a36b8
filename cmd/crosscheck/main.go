// Command crosscheck tells a team that moves a live order system to event sourcing whether the two systems agree, and
// when it is safe to cut over.
//
// Adapters meet only here. Each sub-command has a file that connects what it needs.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"reflect"
	"runtime/debug"
	"slices"
	"syscall"
	_ "time/tzdata" // schedules may name a time zone, and minimal containers have no zone data

	"github.com/alecthomas/kong"

	"github.com/nordvarg/crosscheck/config"
)

// Exit codes, the same for all commands.
const (
	exitAgrees     = 0 // agreement, or GO
	exitDiverged   = 1 // divergence, or NO-GO
	exitError      = 2 // usage, configuration or system error
	exitUnverified = 3 // INCONCLUSIVE or unverified: evidence is missing, or cannot be had at this time
)

// version is set by the linker for releases.
var version = "0.1.0-dev"

type cli struct {
	Config  string           `help:"Configuration file." default:"config.yaml" placeholder:"FILE" type:"path"`
	Pair    string           `help:"The pair of tables, where the configuration has the list pairs. Default: all, or an error if the command is about one." placeholder:"NAME"`
	Verbose bool             `short:"v" help:"Log details on standard error."`
	Version kong.VersionFlag `help:"Print the version and exit."`

	Run         runCommand         `cmd:"" group:"check" help:"Run the sidecar: passes on schedule, page, API and metrics."`
	Sample      sampleCommand      `cmd:"" group:"check" help:"Make one sampling pass now."`
	Verify      verifyCommand      `cmd:"" group:"check" help:"Verify every order; name the orders and fields that differ."`
	Audit       auditCommand       `cmd:"" group:"check" help:"Audit legacy against its own record, and the events against both."`
	Reads       readsCommand       `cmd:"" group:"check" help:"Ask both read paths the same; compare answers and latency."`
	Explain     explainCommand     `cmd:"" group:"answer" help:"Show one order in all representations: where they part, and why."`
	Divergences divergencesCommand `cmd:"" group:"answer" help:"List the divergences that the ledger knows, or count them."`
	Accept      acceptCommand      `cmd:"" group:"answer" help:"Accept divergences and findings of audits, until a time."`
	Backfill    backfillCommand    `cmd:"" group:"mend" help:"Write events that the store misses, from what legacy recorded."`
	Repair      repairCommand      `cmd:"" group:"mend" help:"Plan repairs as SQL, for people to review and apply."`
	Gate        gateCommand        `cmd:"" group:"decide" help:"Decide GO, NO-GO or INCONCLUSIVE, with each criterion's evidence."`
	Cutover     cutoverCommand     `cmd:"" group:"decide" help:"Plan, rehearse, approve and execute the cutover; roll it back."`
	Certificate certificateCommand `cmd:"" group:"decide" help:"Certify what legacy had when it was closed; check a certificate."`
	Prove       proveCommand       `cmd:"" group:"decide" help:"Prove from a certificate alone what an order was."`
	Setup       configCommand      `cmd:"" group:"setup" name:"config" help:"Check the configuration file, or write a first one."`
	Doctor      doctorCommand      `cmd:"" group:"setup" help:"Check connections, privileges, columns, types, indexes, clocks."`
	Alerts      alertsCommand      `cmd:"" group:"setup" help:"Send a test message to Slack."`
	Completion  completionCommand  `cmd:"" group:"help" help:"Print the completion for bash, zsh or fish."`
	Help        helpCommand        `cmd:"" group:"help" help:"Show the flags of a command."`
	VersionOf   versionCommand     `cmd:"" name:"version" group:"help" help:"Print the version."`
	Complete    completeCommand    `cmd:"" hidden:""`
}

// program is what a command gets from its environment.
type program struct {
	stdout, stderr io.Writer
	getenv         func(string) (string, bool)
	configFile     string
	verbose        bool
	parser         *kong.Kong
	config         *config.Config // nil before it was loaded
	pair           string         // the chosen one; empty for none
	pairs          []*config.Config
}

// runner is a command.
type runner interface {
	run(ctx context.Context, p *program) (int, error)
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr, os.LookupEnv)
	stop()
	os.Exit(code)
}

// exited ends parsing when help or the version was printed.
type exited int

// run is the whole program; tests call it.
func run(ctx context.Context, args []string, stdout, stderr io.Writer, getenv func(string) (string, bool)) (code int) {
	defer func() {
		switch e := recover().(type) {
		case nil:
		case exited:
			code = int(e)
		default:
			panic(e) // a mistake of ours must not look like agreement
		}
	}()
	var c cli
	parser, err := newParser(&c, stdout, stderr)
	if err != nil {
		return report(stderr, fmt.Errorf("building the command line: %w", err))
	}
	if len(args) == 0 {
		args = []string{"help"}
	}
	parsed, err := parser.Parse(withNegativeKey(parser.Model.Node, args))
	if err != nil {
		return report(stderr, withHint(err, "crosscheck --help shows the commands and their flags; write -- before a key that begins with -"))
	}
	p := &program{stdout: stdout, stderr: stderr, getenv: getenv, configFile: c.Config, verbose: c.Verbose, parser: parser, pair: c.Pair}
	command, ok := reflect.TypeAssert[runner](parsed.Selected().Target.Addr())
	if !ok {
		return report(stderr, errors.New("the command has no implementation"))
	}
	code, err = p.do(ctx, command)
	if interrupted(ctx, err) {
		return max(code, p.sayStopped())
	}
	if err != nil {
		return max(code, report(p.logs(), err))
	}
	return code
}

func newParser(c *cli, stdout, stderr io.Writer) (*kong.Kong, error) {
	return kong.New(c, kong.Name("crosscheck"), kong.Writers(stdout, stderr), kong.UsageOnError(), kong.Help(printHelp), kong.ExplicitGroups(groups),
		kong.Description("Proves that an event-sourced order system agrees with the legacy system."),
		kong.Vars{"version": versionLine()}, kong.Exit(func(code int) { panic(exited(code)) }))
}

// withNegativeKey lets `explain -5`, `prove -5` and `accept -5 …` take -5 as a key, and `--keys -5` as a value, and not as flags. No flag of
// crosscheck is a number.
func withNegativeKey(model *kong.Node, args []string) []string {
	if slices.Contains(args, "--") {
		return args
	}
	keyed := slices.ContainsFunc(args, func(a string) bool { return a == "explain" || a == "accept" || a == "prove" })
	for i, a := range args {
		switch negative := len(a) > 1 && a[0] == '-' && a[1] >= '0' && a[1] <= '9'; {
		case !negative:
		case i > 0 && takesValue(model, args[i-1]):
			return withNegativeKey(model, slices.Concat(args[:i-1], []string{args[i-1] + "=" + a}, args[i+1:]))
		case keyed:
			return append(slices.Delete(slices.Clone(args), i, i+1), "--", a)
		}
	}
	return args
}

// takesValue is true if a word is a flag of any command, and what follows it is its value.
func takesValue(node *kong.Node, word string) bool {
	f := flagOf(node, word)
	return f != nil && !f.IsBool() || slices.ContainsFunc(node.Children, func(n *kong.Node) bool { return takesValue(n, word) })
}

// revision is the commit that the binary was built from; empty if the build did not record it.
func revision() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return ""
}

func versionLine() string {
	if r := revision(); r != "" {
		return "crosscheck " + version + " (" + r + ")"
	}
	return "crosscheck " + version
}
