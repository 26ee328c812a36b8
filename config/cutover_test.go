package config_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nordvarg/crosscheck/config"
)

// TestTheCutoverOfTheShippedFileIsRead without its comment signs.
func TestTheCutoverOfTheShippedFileIsRead(t *testing.T) {
	src, err := os.ReadFile("../config.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(src), "\n# cutover:")
	section = regexp.MustCompile("(?m)^# ?").ReplaceAllString("# cutover:"+section, "")
	c, err := parse(t, complete+strings.ReplaceAll(section, "${FENCE_DSN}", "${LEGACY_DSN}"))
	if err != nil {
		t.Fatal(render(t, err))
	}
	sql := func(name string) config.Switch {
		return config.Switch{Kind: "sql", Timeout: 30 * time.Second, SQL: config.SwitchSQL{
			DSN: secret("LEGACY_DSN"), Do: "update app_config set value = 'event_sourced' where name = '" + name + "'", Undo: "update app_config set value = 'legacy' where name = '" + name + "'",
			Check: "select value = 'event_sourced' from app_config where name = '" + name + "'",
		}}
	}
	want := config.Cutover{
		Name: "orders-2026", Budget: 5 * time.Minute, RollbackReserve: 2 * time.Minute,
		Fence: config.Fence{DSN: secret("LEGACY_DSN"), Tables: []string{"public.orders"}, Mode: "error"},
		Reads: sql("read_source"), Writes: sql("write_mode"),
		Pool: config.Switch{Kind: "pgbouncer", Timeout: 5 * time.Second, PgBouncer: config.SwitchPgBouncer{Instances: []config.Secret{config.NewSecret("postgres://admin@pool1:6432/pgbouncer")}, Database: "orders"}},
	}
	want.Barrier = config.Switch{Kind: "sql", Timeout: 30 * time.Second, SQL: config.SwitchSQL{
		DSN: secret("LEGACY_DSN"), Do: "insert into outbox (body) select current_setting('crosscheck.nonce')", Check: "select exists (select from relayed where body = current_setting('crosscheck.nonce'))",
	}}
	want.Standbys = []config.Secret{secret("READ_STANDBY")}
	want.Sequences = []config.Sequence{{DSN: secret("EVENTS_DSN"), Table: "public.current_orders", Column: "order_id", LegacyTable: "public.orders", LegacyColumn: "order_id"}}
	want.Reverse = config.Reverse{Role: "orders_feed", MaxLag: 5 * time.Second, Check: config.Switch{Kind: "sql", Timeout: 30 * time.Second, SQL: config.SwitchSQL{
		DSN: secret("EVENTS_DSN"), Check: "select lag < interval '5 seconds' from feed_status",
	}}}
	want.Probe.Writes = config.Switch{Kind: "http", Timeout: 5 * time.Second, HTTP: config.SwitchHTTP{
		Check: config.SwitchRequest{Method: "POST", URL: config.NewSecret("http://gateway:9000/orders/probe")}, On: `"new"`, Off: `"old"`,
	}}
	want.Probe.Every = 200 * time.Millisecond
	if want.Written = c.Cutover.Written; !strings.Contains(want.Written, "event_sourced") || want.Digest() == (config.Cutover{}).Digest() {
		t.Errorf("the section as it is written is %q", want.Written)
	}
	if diff := cmp.Diff(want, c.Cutover); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// switched is a cutover with another switch for reads.
func switched(reads string) string {
	return complete + `
cutover:
  name: a
  fence: {dsn: "${LEGACY_DSN}", mode: wait, slice: symbol}
  switch:
    reads: ` + reads + `
    writes: {exec: {do: [flip, "${WORD}"], undo: [flop], check: [which]}}
`
}

func TestSwitchesOfOtherKindsAreRead(t *testing.T) {
	c, err := parse(t, switched(`{timeout: 2s, http: {do: {url: "http://a/b", body: "x", headers: {Authorization: "Bearer ${WORD}"}}, undo: {url: "http://a/c", method: PUT}, check: {url: "http://a/d", on: new, off: old}}}`))
	if err != nil {
		t.Fatal(render(t, err))
	}
	got := c.Cutover
	if h := got.Reads.HTTP; got.Reads.Kind != "http" || got.Reads.Timeout != 2*time.Second || h.Do.Headers["Authorization"].Reveal() != "Bearer hunter2" || h.Undo.Method != "PUT" || h.On != "new" || h.Off != "old" {
		t.Errorf("%+v", got.Reads)
	}
	if got.Writes.Kind != "exec" || got.Writes.Exec.Do[1] != "hunter2" || got.Fence.Mode != "wait" || got.Fence.Slice != "symbol" || got.Fence.Tables[0] != "public.orders" {
		t.Errorf("%+v", got)
	}
	if masked := c.Mask("the answer was hunter2"); strings.Contains(masked, "hunter2") {
		t.Errorf("a secret is shown: %s", masked)
	}
}

// TestVariablesOfSwitchesAreMasked wherever they are: as an argument of a program, and as a part of a URL or of a body.
func TestVariablesOfSwitchesAreMasked(t *testing.T) {
	ok := `{url: "http://a/d", on: new, off: old}`
	for _, reads := range []string{
		`{exec: {do: [flip, "--token=${WORD}"], undo: [b], check: [c]}}`,
		`{http: {do: {url: "http://a/b?token=${WORD}"}, undo: {url: "http://a/c"}, check: ` + ok + `}}`,
		`{http: {do: {url: "http://a/b", body: "token is ${WORD}"}, undo: {url: "http://a/c"}, check: ` + ok + `}}`,
	} {
		c, err := parse(t, strings.Replace(switched(reads), `[flip, "${WORD}"]`, "[flip]", 1))
		if err != nil {
			t.Fatal(render(t, err))
		}
		if masked := c.Mask("the answer was hunter2"); masked != "the answer was <secret>" {
			t.Errorf("%s: %s", reads, masked)
		}
	}
}

func TestMistakesOfACutoverAreNamed(t *testing.T) {
	good := `{exec: {do: [a], undo: [b], check: [c]}}`
	for want, text := range map[string]string{
		"cutover.switch.reads: has no kind":                                           switched(`{}`),
		"cutover.switch.reads.exec.undo: is missing":                                  switched(`{exec: {do: [a], check: [c]}}`),
		"cutover.switch.reads.exec: a switch has one kind":                            strings.Replace(switched(good), "{exec: {do: [a]", "{sql: {}, exec: {do: [a]", 1),
		"cutover.switch.reads.pgbouncer: unknown key":                                 switched(`{pgbouncer: {}}`),
		"cutover.switch.reads.http.check.off: is missing":                             switched(`{http: {do: {url: "http://a"}, undo: {url: "http://a"}, check: {url: "http://a", on: x}}}`),
		"cutover.switch.reads.http.do.url: must be a URL":                             switched(`{http: {do: {url: "a"}, undo: {url: "http://a"}, check: {url: "http://a", on: x, off: y}}}`),
		"cutover.name: must be 1 to 32 of":                                            strings.Replace(switched(good), "name: a", "name: A b", 1),
		"cutover.fence.mode: unknown mode \"waits\"":                                  strings.Replace(switched(good), "mode: wait", "mode: waits", 1),
		"cutover.fence.dsn: is missing":                                               strings.Replace(switched(good), `dsn: "${LEGACY_DSN}", mode`, "mode", 1),
		"cutover.budged: unknown key":                                                 strings.Replace(switched(good), "name: a", "name: a\n  budged: 5m", 1),
		"cutover.rollback_reserve: rollback_reserve (2m0s) must be below budget (1m)": strings.Replace(switched(good), "name: a", "name: a\n  budget: 1m", 1),
		"cutover.probe.reads.exec.check: is missing":                                  strings.Replace(switched(good), "  switch:", "  probe: {reads: {exec: {}}}\n  switch:", 1),
		"cutover.probe.writes.exec.do: unknown key":                                   strings.Replace(switched(good), "  switch:", "  probe: {writes: {exec: {do: [a], check: [b]}}}\n  switch:", 1),
		"cutover.sequences[0].column: is missing":                                     strings.Replace(switched(good), "  switch:", "  sequences: [{table: t}]\n  switch:", 1),
		"cutover.sequences[0]: names the sequence, and what it fills":                 strings.Replace(switched(good), "  switch:", "  sequences: [{sequence: s, column: c}]\n  switch:", 1),
		"cutover.barrier.exec.check: is missing":                                      strings.Replace(switched(good), "  switch:", "  barrier: {exec: {do: [a]}}\n  switch:", 1),
		"cutover.barrier.exec.undo: unknown key":                                      strings.Replace(switched(good), "  switch:", "  barrier: {exec: {do: [a], undo: [c], check: [b]}}\n  switch:", 1),
		"cutover.reverse.role: is missing":                                            strings.Replace(switched(good), "  switch:", "  reverse: {check: {exec: {check: [b]}}}\n  switch:", 1),
		"cutover.reverse.max_lag: max_lag (1m0s) must be at most a quarter":           strings.Replace(switched(good), "  switch:", "  reverse: {role: feed, max_lag: 1m, check: {exec: {check: [b]}}}\n  switch:", 1),
		"cutover.reverse.check: is missing":                                           strings.Replace(switched(good), "  switch:", "  reverse: {role: feed}\n  switch:", 1),
		"cutover.reverse.check.exec.do: unknown key":                                  strings.Replace(switched(good), "  switch:", "  reverse: {role: feed, check: {exec: {do: [a], check: [b]}}}\n  switch:", 1),
		"cutover.reverse: cannot be used with cutover.fence.slice":                    strings.Replace(switched(good), "  switch:", "  reverse: {role: feed, check: {exec: {check: [b]}}}\n  switch:", 1),
		"cutover.switch.writes: is missing":                                           strings.Replace(switched(good), "    writes:", "    pool:", 1),
	} {
		_, err := parse(t, text)
		if err == nil || !strings.Contains(err.Error(), strings.Replace(want, "(1m)", "(1m0s)", 1)) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// TestTheModeNeedsACutover, because its journal says how legacy was left.
func TestTheModeNeedsACutover(t *testing.T) {
	ok := `{exec: {do: [a], undo: [b], check: [c]}}`
	c, err := parse(t, switched(ok)+"mode: post_cutover")
	if err != nil || !c.PostCutover {
		t.Errorf("%v, %v", c, err)
	}
	for text, want := range map[string]string{complete + "\nmode: post_cutover": "needs the section cutover", switched(ok) + "mode: after": `unknown mode "after"`} {
		if _, err := parse(t, text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// TestTheExampleOfThePageIsRead.
func TestTheExampleOfThePageIsRead(t *testing.T) {
	page, err := os.ReadFile("../docs/switches.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(page), "```yaml\n")
	example, _, found := strings.Cut(example, "```")
	c, err := parse(t, complete+strings.NewReplacer("${FENCE_DSN}", "${LEGACY_DSN}", "${GATEWAY_TOKEN}", "${WORD}").Replace(example))
	if err != nil || !found {
		t.Fatal(render(t, err))
	}
	if !c.Cutover.Given() || c.Cutover.Reads.Kind != "exec" || c.Cutover.Writes.HTTP.On != `"new"` {
		t.Errorf("%+v", c.Cutover)
	}
}
