package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/lab"
)

// TestMain lets this test's own binary stand in for crosscheck.
func TestMain(m *testing.M) {
	if mode := os.Getenv("FAKE_CROSSCHECK"); mode != "" {
		os.Exit(fakeCrosscheck(mode, os.Args[1:]))
	}
	goleak.VerifyTestMain(m)
}

// fakeCrosscheck is one that is wrong: blind never finds anything, sloppy accuses an order with which nothing is wrong.
func fakeCrosscheck(mode string, args []string) int {
	switch args[0] {
	case "run":
		return fakeRun(mode, args[2])
	case "explain":
		fmt.Println("MATCH  order " + args[1])
		return agreement
	}
	if i := slices.Index(args, "--findings"); i >= 0 {
		if err := os.WriteFile(args[i+1], []byte(`{"order_id": "1", "part": "legacy", "kind": "overfill"}`+"\n"), 0o600); err != nil {
			return exitError
		}
		fmt.Println(`{"orders_with_findings": 1}`)
		return agreement
	}
	fmt.Println(`{"decision": "GO", "criteria": [{"name": "counts", "verdict": "pass"}]}`)
	return agreement
}

func fakeRun(mode, file string) int {
	c, err := config.Load(file, os.LookupEnv)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitError
	}
	server := &http.Server{Addr: c.Web.Listen, ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		s := status{Passes: []pass{
			{Pass: "full", Verdict: "match", Started: time.Now()}, {Pass: "sample", Verdict: "match", Started: time.Now()},
		}}
		if mode == "sloppy" {
			s.Divergences = []divergence{{OrderID: "1", Hop: lab.LegacyItself, Cause: "direct_edit"}}
		}
		_ = json.NewEncoder(w).Encode(s)
	})}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		fmt.Fprintln(os.Stderr, err)
		return exitError
	}
	return agreement
}

func demo(t *testing.T, crosscheck string, more ...string) (code int, output string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), append([]string{
		"demo", "--orders", "2000", "--refresh", "500ms", "--rate", "5", "--crosscheck", crosscheck,
	}, more...), &out, &errs)
	t.Logf("%s\n%s", &out, &errs)
	return code, out.String()
}

// built is crosscheck itself.
func built(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "crosscheck")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", path, "github.com/nordvarg/crosscheck/cmd/crosscheck")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building crosscheck: %v\n%s", err, out)
	}
	return path
}

// TestDetectInAnotherStore lets a sidecar find faults by rules, in the store and on the topic: a few of them, and all in a
// soak.
func TestDetectInAnotherStore(t *testing.T) {
	t.Parallel()
	args := []string{"detect", "--store", "desk", "--orders", "1000", "--rate", "5", "--patience", "4m", "--crosscheck", built(t)}
	want := 28
	if os.Getenv("CROSSCHECK_SOAK") == "" {
		args, want = append(args, "--only", "schema_drift,overfill,lost_publish,unkeyed_publish,double_apply"), 5
	}
	errs, err := os.Create(filepath.Join(t.TempDir(), "log")) // the sidecar writes to it too
	if err != nil {
		t.Fatal(err)
	}
	defer errs.Close() //nolint:errcheck // nothing reads it again
	var out bytes.Buffer
	code := run(t.Context(), args, &out, errs)
	if found := strings.Count(out.String(), "  ✓ "); code != exitOK || found != want {
		t.Errorf("exit code %d, %d faults of %d\n%s", code, found, want, &out)
	}
}

// TestDemo shows it as people see it, with crosscheck itself.
func TestDemo(t *testing.T) {
	t.Parallel()
	code, output := demo(t, built(t), "--patience", "4m")
	if code != exitOK {
		t.Errorf("exit code %d", code)
	}
	for _, want := range []string{
		"✓ legacy              lost_update ", "✓ legacy->events      lost_shadow_write ", "✓ events->stream      lost_publish ",
		"✓ events->projection  skipped_equal_timestamp ", "DIVERGED  order ", "NO-GO", "8 of 8 orders found", "0 clean orders reported", "repaired: ",
	} {
		if !strings.Contains(output, want) {
			t.Errorf("the output does not say %q", want)
		}
	}
	page, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	title := regexp.MustCompile(`^[1-6]  `)
	for line := range strings.Lines(output) {
		if line = strings.TrimSuffix(line, "\n"); title.MatchString(line) && !strings.Contains(string(page), line) {
			t.Errorf("the README shows a demo without the line %q", line)
		}
	}
	for line := range strings.Lines(output) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > widest {
			t.Errorf("a line has %d columns, the limit is %d: %s", n, widest, line)
		}
	}
	if lines := strings.Count(output, "\n"); lines > 100 || strings.Contains(output, "\x1b") {
		t.Errorf("%d lines are too many to be read, or colours where there is no terminal", lines)
	}
}

func TestDemoAccusesAWrongCrosscheck(t *testing.T) {
	for mode, wants := range map[string][]string{
		"blind":  {"✗ legacy->events      lost_shadow_write", "0 of 2 found", "✗ order ", "✗ the gate said GO, want NO-GO", "✗ 0 of 8 orders found"},
		"sloppy": {"✗ order 1 is open: ", "clean orders reported"},
	} {
		t.Run(mode, func(t *testing.T) {
			t.Setenv("FAKE_CROSSCHECK", mode)
			code, output := demo(t, os.Args[0], "--patience", "3s")
			if code != exitWrong {
				t.Errorf("exit code %d, want %d", code, exitWrong)
			}
			for _, want := range wants {
				if !strings.Contains(output, want) {
					t.Errorf("the output does not say %q", want)
				}
			}
		})
	}
}

func TestUpFaultRepair(t *testing.T) {
	dir := t.TempDir()
	file, socket := filepath.Join(dir, "config.yaml"), filepath.Join(dir, "lab.sock")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var out, errs bytes.Buffer
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"up", "--orders", "1000", "--config", file, "--socket", socket, "--web", "127.0.0.1:0"}, &out, &errs)
	}()
	waitFor(t, "the control socket", func() bool { _, err := os.Stat(socket); return err == nil })
	wantConfig(t, file)
	if code, output := typed(t, "fault", "swapped_status", "--orders", "2", "--socket", socket); code != exitOK || strings.Count(output, "differs in status") != 2 {
		t.Errorf("fault: exit code %d, %s", code, output)
	}
	if code, output := typed(t, "fault", "lost_publish", "--orders", "2", "--socket", socket); code != exitOK || strings.Count(output, "missing on the stream (events->stream, lost_publish)") != 2 {
		t.Errorf("fault of the stream: exit code %d, %s", code, output)
	}
	if code, output := typed(t, "fault", "stopped_projector", "--socket", socket); code != exitOK || !strings.Contains(output, "all orders at this hop (events->projection, stopped_projector)") {
		t.Errorf("fault of a hop: exit code %d, %s", code, output)
	}
	if code, output := typed(t, "fault", "wrong_sort", "--socket", socket); code != exitOK || !strings.Contains(output, "planted wrong_sort in the new read path") {
		t.Errorf("fault of the read path: exit code %d, %s", code, output)
	}
	if code, output := typed(t, "up", "--orders", "10", "--config", filepath.Join(dir, "other.yaml"), "--socket", socket); code != exitError || !strings.Contains(output, "hint: choose another one with --socket") {
		t.Errorf("a second lab: exit code %d, %s", code, output)
	}
	disturbed(t, file, socket)
	if code, output := typed(t, "repair", "--socket", socket); code != exitOK || !strings.Contains(output, "repaired 5 findings") {
		t.Errorf("repair: exit code %d, %s", code, output)
	}
	stop()
	if code := <-ended; code != exitOK {
		t.Errorf("up: exit code %d, %s", code, &errs)
	}
	if code, output := typed(t, "repair", "--socket", socket); code != exitError || !strings.Contains(output, "hint: start one") {
		t.Errorf("repair without a lab: exit code %d, %s", code, output)
	}
}

// disturbed lets the lab kill what stands in for the coordinator, once the journal of a cutover has the step.
func disturbed(t *testing.T, file, socket string) {
	t.Helper()
	code, output := typed(t, "disturb")
	for _, f := range lab.CutoverFaults() {
		if code != exitOK || !strings.Contains(output, f.Name+" ") {
			t.Errorf("exit code %d, %s is none of %s", code, f.Name, output)
		}
	}
	if code, output := typed(t, "disturb", "coordinator_dies", "--socket", socket); code != exitError || !strings.Contains(output, "nobody says which process") {
		t.Errorf("without a process: exit code %d, %s", code, output)
	}
	process := exec.CommandContext(t.Context(), "sleep", "600")
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	if code, output := typed(t, "disturb", "coordinator_dies", "--pid", strconv.Itoa(process.Process.Pid), "--socket", socket); code != exitOK || !strings.Contains(output, "rolls back") {
		t.Errorf("disturb: exit code %d, %s", code, output)
	}
	c, err := config.Load(file, os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), c.Events.DSN.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), `CREATE SCHEMA crosscheck; CREATE TABLE crosscheck.cutover_record (verb text, step text, outcome text);
		INSERT INTO crosscheck.cutover_record VALUES ('do', 'barrier', 'done')`); err != nil {
		t.Fatal(err)
	}
	if err := process.Wait(); err == nil {
		t.Error("the process was not killed")
	}
}

// TestDemoHistoryNoticesAWrongAudit lets an audit find nothing of what was planted, and accuse an order that is right. A soak shows
// the demonstration with crosscheck itself.
func TestDemoHistoryNoticesAWrongAudit(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv("CROSSCHECK_SOAK") != "" {
		if code, output := typed(t, "demo-history", "--crosscheck", built(t)); code != exitOK || strings.Contains(output, "✗") {
			t.Errorf("exit code %d, %s", code, output)
		}
	}
	t.Setenv("FAKE_CROSSCHECK", "blind")
	code, output := typed(t, "demo-history", "--orders", "2000", "--inconsistent", "1", "--broken", "2", "--crosscheck", self)
	for _, text := range []string{"✗ overfill                    0 of 1 orders", "✗ backfill_limit              0 of 2 orders", "✗ 1 orders have findings", "✓ legacy, events and projection are the same"} {
		if code != exitWrong || !strings.Contains(output, text) {
			t.Errorf("exit code %d, no %q in\n%s", code, text, output)
		}
	}
}

// TestDemoCutoverCutsALivingSystemOver while its clients only wait.
func TestDemoCutoverCutsALivingSystemOver(t *testing.T) {
	t.Parallel()
	code, output := typed(t, "demo-cutover", "--orders", "1000", "--rate", "20", "--crosscheck", built(t))
	for _, text := range []string{"and 0 failed", "✓ no acknowledged write is lost", "✓ writes went to legacy, then to event_sourced", "✓ the order is proven"} {
		if code != exitOK || !strings.Contains(output, text) {
			t.Errorf("exit code %d, no %q in\n%s", code, text, output)
		}
	}
}

// TestHistoryWritesWhatIsPlanted starts a backfilled history with two mistakes of the backfill and all inconsistencies.
func TestHistoryWritesWhatIsPlanted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, lines, socket := filepath.Join(dir, "config.yaml"), filepath.Join(dir, "planted.jsonl"), filepath.Join(dir, "lab.sock")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var out bytes.Buffer
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{
			"history", "--orders", "2000", "--inconsistent", "2", "--break", "backfill_twice,backfill_limit", "--broken", "3",
			"--config", file, "--planted", lines, "--socket", socket,
		}, &out, &out)
	}()
	waitFor(t, "the control socket", func() bool { _, err := os.Stat(socket); return err == nil })
	stop()
	if code := <-ended; code != exitOK {
		t.Errorf("history: exit code %d, %s", code, &out)
	}
	wantConfig(t, file)
	text, err := os.ReadFile(lines)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	for line := range strings.Lines(string(text)) {
		var p lab.Inconsistency
		if err := json.Unmarshal([]byte(line), &p); err != nil || p.OrderID == 0 {
			t.Errorf("%v: %s", err, line)
		}
		kinds[p.Kind]++
	}
	if kinds["backfill_twice"] != 3 || kinds["backfill_limit"] != 3 || kinds["overfill"] != 2 || len(kinds) != 2+len(lab.InconsistencyKinds()) {
		t.Errorf("planted %v", kinds)
	}
}

func typed(t *testing.T, args ...string) (int, string) {
	t.Helper()
	var out bytes.Buffer
	code := run(t.Context(), args, &out, &out)
	return code, out.String()
}

func waitFor(t *testing.T, what string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for !condition() {
		select {
		case <-deadline:
			t.Fatalf("no %s within a minute", what)
		case <-tick.C:
		}
	}
}

// wantConfig lets the real reader judge what was written.
func wantConfig(t *testing.T, file string) {
	t.Helper()
	c, err := config.Load(file, os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range c.Compare.Fields {
		names = append(names, f.Name)
	}
	if !slices.Equal(names, lab.Columns) {
		t.Errorf("fields %v, want all of %v", names, lab.Columns)
	}
}

func TestTheConfigurationOfEachStoreIsRead(t *testing.T) {
	for _, store := range lab.Stores() {
		file := filepath.Join(t.TempDir(), store.Name+".yaml")
		l := &lab.Lab{Store: store, LegacyDSN: "postgres://legacy/legacy", EventsDSN: "postgres://events/events"}
		if err := writeConfig(file, l, &stream{topic: "orders", brokers: []string{"broker:9092"}}, "127.0.0.1:0", steady); err != nil {
			t.Fatal(err)
		}
		wantConfig(t, file)
	}
}

// TestGuaranteesListTheFaultsOfTheBackfill holds the page to the lab, as the test of crosscheck holds crosscheck to it.
func TestGuaranteesListTheFaultsOfTheBackfill(t *testing.T) {
	page, err := os.ReadFile("../../docs/guarantees.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range lab.AllFaults() {
		if !f.Backfill {
			continue
		}
		leaves := strings.Split(f.Leaves, "/")
		row := fmt.Sprintf("| `%s` | %s | [%s](causes/%s.md) | %s | [%s](causes/%s.md) |\n", f.Name, f.About, f.Cause, f.Cause, leaves[1], leaves[2], leaves[2])
		if !strings.Contains(string(page), row) {
			t.Errorf("docs/guarantees.md lacks\n%s", row)
		}
	}
}

// TestThePageOfTheCutoverListsItsFaults with what the cutover has to do, which the test of crosscheck proves.
func TestThePageOfTheCutoverListsItsFaults(t *testing.T) {
	page, err := os.ReadFile("../../docs/cutover.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range lab.CutoverFaults() {
		when := "after " + f.After
		if f.After == lab.BeforeCutover {
			when = "before"
		}
		if row := fmt.Sprintf("| `%s` | %s | %s | %s |", f.Name, f.About, when, f.Must); !strings.Contains(string(page), row) {
			t.Errorf("docs/cutover.md lacks\n%s", row)
		}
	}
}

func TestForeignConfigIsNotOverwritten(t *testing.T) {
	t.Chdir(t.TempDir())
	if got := freeConfig(); got != "config.yaml" {
		t.Errorf("in an empty folder: %s", got)
	}
	if err := os.WriteFile("config.yaml", []byte("legacy: {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := freeConfig(); got != "lab.yaml" {
		t.Errorf("beside somebody's config.yaml: %s", got)
	}
	code, output := typed(t, "up", "--orders", "10", "--config", "config.yaml", "--socket", filepath.Join(t.TempDir(), "s"))
	if code != exitError || !strings.Contains(output, "--config") {
		t.Errorf("exit code %d, %s", code, output)
	}
	if b, _ := os.ReadFile("config.yaml"); string(b) != "legacy: {}\n" {
		t.Error("it was overwritten")
	}
}

func TestUsage(t *testing.T) {
	for want, args := range map[string][]string{
		"demo":                               {"--help"},
		"hint: crosscheck-lab --help":        {"no_such_command"},
		"must be one of":                     {"fault", "no_such_fault"},
		"hint: crosscheck-lab disturb lists": {"disturb", "no_such_fault"},
		"must be one of \"orders\",\"desk\"": {"detect", "--store", "no_such_store"},
		"hint: they are backfill_limit, ":    {"history", "--break", "lost_event"},
		"hint: --inconsistent is 0":          {"history", "--inconsistent=-1"},
		"the faults are lost_event, ":        {"detect", "--only", "ghost_event,no_such_fault"},
	} {
		code, output := typed(t, args...)
		if wantCode := map[bool]int{true: exitOK, false: exitError}[args[0] == "--help"]; code != wantCode || !strings.Contains(output, want) {
			t.Errorf("%v: exit code %d, %s", args, code, output)
		}
	}
}
