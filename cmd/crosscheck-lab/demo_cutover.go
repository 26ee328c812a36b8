package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/lab"
	"github.com/nordvarg/crosscheck/lab/prober"
)

type demoCutoverCmd struct {
	Orders     int64   `default:"20000" help:"Orders in the generated history."`
	Rate       float64 `default:"50" help:"Deals per second that the desk makes."`
	Seed       int64   `default:"1" help:"Seed of the generated history."`
	Crosscheck string  `help:"The program to try. Default: the one in the same folder as this program." placeholder:"FILE" type:"path"`
}

// fewCriteria leaves out criteria that ask for days of evidence.
const fewCriteria = "gate: {criteria: {sample_bound: {enabled: false}, clean_streak: {enabled: false}, coverage: {enabled: false}}}\n"

// Run tells the story.
func (c *demoCutoverCmd) Run(s *session) (err error) {
	path, err := findCrosscheck(c.Crosscheck)
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "crosscheck-lab-")
	if err != nil {
		return fmt.Errorf("creating a folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	s.out.title("The day of a cutover: the desk trades, clients write and read 50 times a second")
	defer func() {
		if err == nil {
			s.out.next([2]string{program("crosscheck-lab") + " up", "keep such a system, and cut it over"},
				[2]string{"docs/cutover.md", "the steps, the way back, and the report"},
				[2]string{"docs/runbooks/cutover.md", "what to do on the day of your own"})
		}
	}()
	of := system{Orders: c.Orders, Seed: c.Seed, Rate: c.Rate, Store: lab.OrdersStore.Name}
	l, err := of.start(s, "", lab.Options{Incremental: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.out.during("shutting down", l.Close)) }()
	st := &cutoverStory{session: s, lab: l, tool: crosscheck{path: path, config: filepath.Join(folder, "config.yaml"), dir: folder}}
	soon := lively
	soon.Window = "1s" // the clients' orders rest for two
	if err := writeConfig(st.tool.config, l, nil, "127.0.0.1:0", soon, fewCriteria, cutoverSection(l, "wait")); err != nil {
		return err
	}
	l.StartProjector()
	l.StartDesk()
	return st.tell()
}

// cutoverStory is a running demonstration of a cutover.
type cutoverStory struct {
	*session

	lab    *lab.Lab
	tool   crosscheck
	wrongs []string
}

func (st *cutoverStory) tell() (err error) {
	end, err := st.ask()
	if err != nil {
		return err
	}
	defer func() { // what is left of an error
		if end != nil {
			_, ended := end()
			err = errors.Join(err, ended)
		}
	}()
	st.out.title("1  The fence is installed early, everything is verified, and the gate decides")
	if err := st.types(agreement, "cutover install", "verify", "gate"); err != nil {
		return err
	}
	st.out.title("2  A rehearsal closes legacy for a moment, and gives it back")
	if err := st.types(agreement, "cutover rehearse"); err != nil {
		return err
	}
	st.out.title("3  A second person approves the decision. Now it passes")
	if err := st.types(agreement, "gate", "cutover approve --ticket OPS-7 --as bea", "cutover plan", "cutover execute --confirm orders-2026 --as adam"); err != nil {
		return err
	}
	st.out.title("4  What the clients saw")
	entries, err := end()
	end = nil
	if err != nil {
		return err
	}
	st.saw(prober.See(entries))
	st.out.title("5  Back? Legacy lacks writes of the new side, so crosscheck refuses")
	if err := st.types(disagreement, "cutover rollback"); err != nil {
		return err
	}
	st.out.title("6  Years later: what did an order say on that day?")
	if err := st.types(agreement, "certificate create --out certificate"); err != nil {
		return err
	}
	st.out.command("crosscheck prove 471 --certificate certificate")
	printed, code, err := st.runs("prove", "471", "--certificate", "certificate")
	if err != nil {
		return err
	}
	st.show(string(printed))
	st.says(code == agreement, "the order is proven, without any database")
	if len(st.wrongs) > 0 {
		return fmt.Errorf("%w: %s", errWrong, strings.Join(st.wrongs, "; "))
	}
	return nil
}

// asked is how many orders the clients write in turns. Each rests for two seconds, because what never rests cannot be judged.
const asked = 100

// ask lets clients write and read until the returned function is called.
func (st *cutoverStory) ask() (end func() ([]prober.Entry, error), err error) {
	client, err := st.lab.NewClient(st.ctx)
	if err != nil {
		return nil, err
	}
	var registers []prober.Register
	for range asked {
		r, err := client.Enter(st.ctx)
		if err != nil {
			client.Close()
			return nil, err
		}
		registers = append(registers, r)
	}
	if err := st.lab.Refresh(st.ctx); err != nil {
		client.Close()
		return nil, err
	}
	ctx, stop := context.WithCancel(st.ctx)
	done := make(chan struct{})
	var entries []prober.Entry
	var failed error
	go func() {
		defer close(done)
		entries, failed = prober.Run(ctx, prober.Options{Every: 20 * time.Millisecond, Patience: time.Minute}, registers)
	}()
	return func() ([]prober.Entry, error) {
		stop()
		<-done
		client.Close()
		return entries, failed
	}, nil
}

// runs runs one command.
func (st *cutoverStory) runs(command ...string) (printed []byte, code int, err error) {
	err = st.out.during("running", func() (err error) {
		printed, code, err = st.tool.run(st.ctx, command...)
		return err
	})
	return printed, code, err
}

// types runs commands that must all end with a code, and shows what they print.
func (st *cutoverStory) types(want int, commands ...string) error {
	for _, command := range commands {
		st.out.command("crosscheck " + command)
		printed, code, err := st.runs(strings.Fields(command)...)
		if err != nil {
			return err
		}
		st.show(string(printed))
		if code != want {
			st.says(false, "crosscheck %s ended with %d, and not with %d", command, code, want)
			return fmt.Errorf("%w: %s", errWrong, strings.Join(st.wrongs, "; "))
		}
	}
	return nil
}

// shownLines is how much of an output is shown.
const shownLines = 24

func (st *cutoverStory) show(text string) {
	lines := paragraphs(text)
	for i, line := range lines {
		if i == shownLines {
			st.out.note("… %d lines more", len(lines)-i)
			break
		}
		indent := min(2+len(line)-len(strings.TrimLeft(line, " ")), widest/2)
		st.out.fitted(strings.Repeat(" ", indent), indent, strings.TrimLeft(line, " "))
	}
}

// paragraphs are the lines of a text. Lines that the program has broken at its own width, far to the right, are joined again.
func paragraphs(text string) (lines []string) {
	const right = 16
	before := 0
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \n")
		indent := len(line) - len(strings.TrimLeft(line, " "))
		if indent == before && indent >= right {
			lines[len(lines)-1] += line[indent-1:]
			continue
		}
		if line == "" {
			indent = 0
		}
		lines, before = append(lines, line), indent
	}
	return lines
}

func (st *cutoverStory) says(right bool, format string, args ...any) {
	st.out.verdict(right, format, args...)
	if !right {
		st.wrongs = append(st.wrongs, fmt.Sprintf(format, args...))
	}
}

func (st *cutoverStory) saw(seen prober.Seen) {
	st.out.note("longest time without an answer: %.2f s of writes, %.2f s of reads", seen.Writes.Outage.Seconds(), seen.Reads.Outage.Seconds())
	st.says(seen.Writes.Failed+seen.Reads.Failed == 0, "%d writes and %d reads were answered, and %d failed", seen.Writes.Answered, seen.Reads.Answered, seen.Writes.Failed+seen.Reads.Failed)
	st.says(seen.Lost+seen.Stale == 0 && seen.OneRegister, "no acknowledged write is lost, no read was stale, never did two sides take writes")
	st.says(len(seen.Writes.Sides) == 2, "writes went to %s", strings.Join(seen.Writes.Sides, ", then to "))
}
