package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

// groups are the headings of the overview, in order. Each command names its own.
var groups = []kong.Group{
	{Key: "check", Title: "Check"},
	{Key: "answer", Title: "Understand and answer"},
	{Key: "mend", Title: "Mend"},
	{Key: "decide", Title: "Decide and cut over"},
	{Key: "setup", Title: "Set up"},
	{Key: "help", Title: "Help"},
}

// printHelp prints the overview of all commands, or the flags of the chosen one.
func printHelp(options kong.HelpOptions, c *kong.Context) error {
	if c.Selected() != nil {
		return kong.DefaultHelpPrinter(options, c)
	}
	return overview(c.Stdout, c.Model.Node)
}

// overview writes the commands in their groups, one line each.
func overview(w io.Writer, model *kong.Node) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Usage: crosscheck <command> [flags]\n\n%s\n", model.Help)
	for _, g := range groups {
		fmt.Fprintf(&b, "\n%s\n", g.Title)
		for _, n := range model.Children {
			if n.Group != nil && n.Group.Key == g.Key && !n.Hidden {
				fmt.Fprintf(&b, "  %-12s %s\n", n.Name, n.Help)
			}
		}
	}
	b.WriteString(`
crosscheck help COMMAND shows the flags of a command. --config FILE names the
configuration; the default is config.yaml. Exit codes: 0 agreement or GO,
1 divergence or NO-GO, 2 error, 3 unverified or INCONCLUSIVE.
`)
	_, err := io.WriteString(w, b.String())
	return err
}

// helpCommand does what --help does.
type helpCommand struct {
	Command []string `arg:"" optional:"" help:"The command. Default: all, one line each."`
}

func (h *helpCommand) run(_ context.Context, p *program) (int, error) {
	c, err := kong.Trace(p.parser, h.Command)
	if err == nil {
		err = c.Error
	}
	if err != nil {
		return exitError, withHint(err, "crosscheck help lists the commands")
	}
	return exitAgrees, c.PrintUsage(false)
}

// versionCommand prints what --version prints.
type versionCommand struct{}

func (*versionCommand) run(_ context.Context, p *program) (int, error) {
	_, err := fmt.Fprintln(p.stdout, versionLine())
	return exitAgrees, err
}
