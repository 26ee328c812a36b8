package main

import (
	"os"
	"strings"
	"syscall"
	"testing"

	cutoverrun "github.com/nordvarg/crosscheck/cutover/run"
)

// slowWrites makes the switch of writes wait for half a minute.
const slowWrites = `CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(30); RETURN NEW; END $$;
	CREATE TRIGGER slow BEFORE UPDATE ON app_config FOR EACH ROW WHEN (NEW.value = 'event_sourced' AND NEW.name = 'write_mode') EXECUTE FUNCTION slow()`

// begun waits until the newest record of a step is its intent.
func (s *cutSystem) begun(step string) {
	s.t.Helper()
	eventually(s.t, s.dsn, `SELECT count(*) > 0 FROM crosscheck.cutover_record WHERE step = '`+step+`' AND outcome = ''`, "t")
}

// ready is a system whose fence is installed and whose orders are verified.
func ready(t *testing.T) *cutSystem {
	t.Helper()
	s := newCutSystem(t)
	s.does(exitAgrees, "cutover", "install")
	s.does(exitAgrees, "verify")
	return s
}

// TestAStoppedProcessRollsBack, at the hold point and in the window.
func TestAStoppedProcessRollsBack(t *testing.T) {
	t.Parallel()
	s := ready(t)
	held := prepare(t, "cutover", "execute", "--override", "a test", "--config", s.config)
	typed, err := held.StdinPipe() // nobody types anything
	if err != nil {
		t.Fatal(err)
	}
	defer typed.Close() //nolint:errcheck // the process has ended
	if err := held.Start(); err != nil {
		t.Fatal(err)
	}
	s.begun("hold")
	if text := s.does(exitAgrees, "cutover", "status"); !strings.Contains(text, "The window is not forecast") || !strings.Contains(text, "Both sides were proven equal") {
		t.Errorf("the status is %s", text)
	}
	if got := says[struct{ Runs []cutoverrun.Status }](s, exitAgrees, "cutover", "status"); got.Runs[0].Held == nil || got.Runs[0].Held.Available != 180 {
		t.Errorf("the status is %+v", got)
	}
	s.stops(held)
	if said := held.stderr.String(); !strings.Contains(said, "The window is not forecast") {
		t.Errorf("the hold point says %s", said)
	}

	rows(t, s.dsn, slowWrites)
	closed := start(t, "cutover", "execute", "--confirm", "orders-2026", "--override", "a test", "--config", s.config)
	s.begun("switch-writes")
	s.stops(closed)
	if got := rows(t, s.dsn, `SELECT count(*) FROM crosscheck.cutover_record WHERE step = 'switch-writes' AND verb = 'undo' AND outcome = 'done'`); got != "1" {
		t.Errorf("the switch of writes was undone %s times", got)
	}
}

// stops ends a process by SIGTERM, and expects the system at legacy.
func (s *cutSystem) stops(p *process) {
	s.t.Helper()
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	if code := p.end(); code != exitDiverged {
		s.t.Errorf("a stopped cutover exits with %d", code)
	}
	s.is(atLegacy)
}

// TestAnotherProcessAborts what this one drives.
func TestAnotherProcessAborts(t *testing.T) {
	t.Parallel()
	s := ready(t)
	rows(t, s.dsn, slowWrites)
	p := start(t, "cutover", "execute", "--confirm", "orders-2026", "--override", "a test", "--config", s.config)
	s.begun("switch-writes")
	s.does(exitAgrees, "cutover", "abort")
	s.is(atLegacy)
	if code := p.end(); code != exitDiverged {
		t.Errorf("an aborted cutover exits with %d", code)
	}
	s.does(exitDiverged, "cutover", "abort") // nothing is left to abort
}

// TestAPersonTypesTheNameOfTheCutover, and no other word.
func TestAPersonTypesTheNameOfTheCutover(t *testing.T) {
	t.Parallel()
	s := ready(t)
	for typed, want := range map[string]string{"yes\n": atLegacy, "yes\norders-2026\n": atNew} {
		p := prepare(t, "cutover", "execute", "--override", "a test", "--config", s.config)
		p.Stdin = strings.NewReader(typed)
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
		if code := p.end(); (code == exitAgrees) != (want == atNew) {
			t.Errorf("%q: exit code %d", typed, code)
		}
		s.is(want)
		if want == atNew {
			s.does(exitAgrees, "cutover", "rollback")
		}
	}
}

// TestAnApprovalIsOfOneConfiguration: under another one it allows nothing.
func TestAnApprovalIsOfOneConfiguration(t *testing.T) {
	t.Parallel()
	s := ready(t)
	s.does(exitAgrees, "gate")
	s.does(exitAgrees, "cutover", "approve", "--ticket", "OPS-1", "--as", "bea")
	rows(t, s.dsn, `ALTER TABLE orders ADD COLUMN note text; ALTER TABLE orders_new ADD COLUMN note text`)
	text, err := os.ReadFile(s.config)
	if err != nil {
		t.Fatal(err)
	}
	s.config = writeConfig(t, "changed", strings.Replace(string(text), "type: numeric}]", "type: numeric}, {name: note, type: text}]", 1))
	s.does(exitAgrees, "verify")
	s.does(exitAgrees, "gate")
	if out := s.does(exitDiverged, "cutover", "plan"); !strings.Contains(out, "FAIL approval") || !strings.Contains(out, "bea") {
		t.Errorf("the plan says %s", out)
	}
	s.does(exitDiverged, "cutover", "execute", "--confirm", "orders-2026", "--as", "adam")
	s.is(atLegacy)
}
