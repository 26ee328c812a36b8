package config_test

import (
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/apd/v3"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/throttle"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// environment is what the files under testdata refer to.
func environment(name string) (string, bool) {
	value, ok := map[string]string{
		"LEGACY_DSN":   "postgres://legacy:hunter2@db1/orders",
		"EVENTS_DSN":   "postgres://events:hunter2@db2/orders",
		"READ_STANDBY": "postgres://reader:hunter2@db3/orders",
		"SLACK_TOKEN":  "xoxb-hunter2",
		"EMPTY":        "",
		"WORD":         "hunter2",
		"TYPE":         "hunter2",
		"USER":         "u",
		"SIZE":         "250",
		"EXPRESSION":   "${EXPRESSION}",
	}[name]
	return value, ok
}

func parse(t *testing.T, text string) (*config.Config, error) {
	t.Helper()
	return config.Parse("config.yaml", []byte(text), environment)
}

func load(t *testing.T, path string) *config.Config {
	t.Helper()
	c, err := config.Load(path, environment)
	if err != nil {
		t.Fatalf("loading %s:\n%v", path, err)
	}
	return c
}

// complete is the shortest configuration, with room for more sections.
const complete = `
legacy: {dsn: "${LEGACY_DSN}"}
projection: {dsn: "${EVENTS_DSN}"}
ledger: {dsn: "${EVENTS_DSN}"}
compare: {fields: [{name: status, type: text}]}
`

func TestDefaults(t *testing.T) {
	got := load(t, "testdata/minimal.yaml")
	want := &config.Config{
		Legacy:     config.Side{DSN: secret("LEGACY_DSN"), Table: "public.orders", Key: "order_id"},
		Projection: config.Side{DSN: secret("EVENTS_DSN"), Table: "public.current_orders", Key: "order_id"},
		Ledger:     config.Ledger{DSN: secret("EVENTS_DSN"), Schema: "crosscheck"},
		Compare: config.Compare{
			Fields:  []config.Field{{Field: order.Field{Name: "status", Type: order.Text}, Legacy: `"status"`, Projection: `"status"`}},
			Settle:  compare.Settle{Window: 30 * time.Second, Rechecks: 3, MaxLag: 5 * time.Minute},
			GroupBy: "status",
		},
		Sampler: config.Sampler{Schedule: schedule(t, "0 * * * *"), Size: 10000, Full: schedule(t, "0 2 * * *")},
		Verify:  config.Verify{Connections: 1},
		Gate:    gate.Policy{Criteria: gate.Defaults()},
		Web:     config.Web{Listen: "127.0.0.1:8080", ShowValues: true},
	}
	if diff := cmp.Diff(want, got, exactDecimals, sameZone, cmpopts.IgnoreUnexported(config.Config{}), cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
		t.Errorf("defaults (-want +got):\n%s", diff)
	}
}

func TestEverything(t *testing.T) {
	got := load(t, "testdata/everything.yaml")
	inForce, off := gate.Rule{Enabled: true, Severity: gate.Blocking}, gate.Rule{Severity: gate.Blocking}
	advisory := gate.Rule{Enabled: true, Severity: gate.Advisory}
	criteria := gate.Defaults()
	criteria.OpenDivergences = gate.OpenDivergencesCriterion{Rule: advisory, Max: 3, MaxAge: 150 * time.Minute}
	criteria.FullVerification = gate.FullVerificationCriterion{Rule: off, MaxAge: time.Hour}
	criteria.Counts = gate.CountsCriterion{Rule: gate.Rule{Severity: gate.Advisory}, MaxAge: 90 * time.Minute}
	criteria.SampleBound = gate.SampleBoundCriterion{Rule: inForce, MaxRatio: 0.01, Confidence: 0.999, MaxAge: 24 * time.Hour}
	criteria.Coverage = gate.CoverageCriterion{Rule: inForce, Min: 0.9, MaxAge: 2 * time.Hour}
	criteria.ShadowWriteCompleteness = gate.ShadowWriteCriterion{Rule: advisory, Min: 0.8, MaxAge: 3 * time.Hour}
	criteria.EventGaps = gate.EventGapsCriterion{Rule: off, Max: 4, MaxAge: 4 * time.Hour}
	criteria.StreamCompleteness = gate.StreamCompletenessCriterion{Rule: inForce, Min: 0.7, MaxAge: 5 * time.Hour}
	criteria.ProjectionLag = gate.ProjectionLagCriterion{Rule: inForce, Max: 2 * time.Second, MaxAge: 6 * time.Hour}
	criteria.StreamLag = gate.StreamLagCriterion{Rule: inForce, Max: 8, MaxAge: 7 * time.Hour}
	criteria.CleanStreak = gate.CleanStreakCriterion{Rule: inForce, Passes: 9, Duration: 8 * time.Hour, MaxAge: 9 * time.Hour}
	criteria.HistoryAccuracy = gate.HistoryAccuracyCriterion{
		Rule: off, MaxErrorRate: 0.003, MinCoverage: 0.99, MinLinkage: 0.98, MinFidelity: 0.97, MinConsistency: 0.96, MinEvidence: 0.5, MaxAge: 12 * time.Hour,
	}
	criteria.Rehearsals = gate.RehearsalsCriterion{Rule: inForce, Count: 2, MaxDuration: 3 * time.Minute, MaxAge: 10 * time.Hour}
	criteria.RollbackRehearsals = gate.RollbackRehearsalsCriterion{Rule: inForce, Count: 5, MaxDuration: 4 * time.Minute, MaxAge: 11 * time.Hour}
	criteria.VerifiedThrough = gate.VerifiedThroughCriterion{Rule: inForce, MaxAge: 90 * time.Second}
	criteria.Sequences = gate.SequencesCriterion{Rule: inForce, MinAhead: 50, MaxAge: 13 * time.Hour}
	criteria.ReadParity = gate.ReadParityCriterion{Rule: inForce, Max: 2, MaxAge: 13 * time.Hour}
	criteria.ReadLatency = gate.ReadLatencyCriterion{Rule: advisory, MaxRatio: 0.5, MaxAge: 14 * time.Hour}
	want := &config.Config{
		Legacy: config.Side{
			DSN:   config.NewSecret("host=db1 user=app password=$tr$ngpostgres://legacy:hunter2@db1/orders"),
			Table: "(select * from orders\n where cents > $1 and a <> $$${EXPRESSION}$$)", Key: "id", ChangedAt: "updated_at",
		},
		Projection: config.Side{
			DSN:   config.NewSecret("postgresql://postgres://events:hunter2@db2/orders/x"),
			Table: "v_u", Key: "u", ChangedAt: "at",
		},
		Ledger: config.Ledger{DSN: secret("EVENTS_DSN"), Schema: "other"},
		Compare: config.Compare{
			Fields: []config.Field{
				{Field: order.Field{Name: "on", Type: order.Boolean}, Legacy: `"on"`, Projection: `"on"`},
				{Field: order.Field{Name: "side", Type: order.Text}, Legacy: "upper(side)", Projection: "${EXPRESSION}"},
				{Field: order.Field{Name: "price", Type: order.Numeric, Tolerance: apd.New(5, -3)}, Legacy: `"price"`, Projection: `"price"`},
				{Field: order.Field{Name: "status", Type: order.Text}, Legacy: `"status"`, Projection: `"status"`},
			},
			Settle:  compare.Settle{Rechecks: 1, MaxLag: 90 * time.Minute},
			GroupBy: "side",
		},
		Sampler: config.Sampler{Schedule: schedule(t, "*/30 0 * * * *"), Size: 250, Delta: config.Interval(10 * time.Second)},
		Verify:  config.Verify{Connections: 3, MaxSnapshot: 45 * time.Second, Shared: true},
		Throttle: throttle.Limits{
			RowsPerSecond: 50_000, MaxSessions: 12, MaxReplicaLag: 10 * time.Second,
			Hours: throttle.Hours{From: 22 * time.Hour, To: 6 * time.Hour, Zone: time.UTC},
		},
		Gate: gate.Policy{Criteria: criteria, Waivers: []gate.Waiver{
			{Criterion: "counts", Who: "Alice", Why: "ticket 7", Until: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)},
			{Criterion: "coverage", Who: "Bob", Why: "ticket 8", Until: time.Date(2026, 12, 1, 6, 0, 0, 0, time.UTC)},
		}},
		Web: config.Web{
			Listen: "127.0.0.1:0", URL: "https://crosscheck.example.com", Auth: "testdata/web.yml", Roles: map[string]string{"alice": "approver", "CN=Bob": "operator"},
			Proxy: config.Proxy{Header: "X-User", From: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}},
		},
		Docs: config.Docs{URL: "https://docs.example.com/crosscheck"},
		Name: "orders-migration", Environment: "u",
		Alerts: config.Alerts{
			Slack:         config.Slack{Token: config.NewSecret("xoxb-hunter2"), Channel: "#cutover", APIURL: "http://127.0.0.1:1/api"},
			IncludeValues: true, UpdateEvery: 30 * time.Second,
			Quiet: config.QuietHours{From: 22*time.Hour + 30*time.Minute, To: 7 * time.Hour, Zone: time.UTC},
		},
	}
	if diff := cmp.Diff(want, got, exactDecimals, sameZone, cmpopts.IgnoreUnexported(config.Config{}), cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
		t.Errorf("everything (-want +got):\n%s", diff)
	}
}

func TestDocumentedSections(t *testing.T) {
	got := load(t, "testdata/documented.yaml")
	if !got.Events.Given() || !got.Stream.Given() || !got.History.Given() {
		t.Errorf("optional sections are %+v, %+v, %+v", got.Events, got.Stream, got.History)
	}
	if !got.Gate.Criteria.ShadowWriteCompleteness.Changes {
		t.Error("legacy's own record and the event store are there, and changes are not judged")
	}
}

// TestShippedFiles holds the files that users start from to what the code reads.
func TestShippedFiles(t *testing.T) {
	examples, err := filepath.Glob("../docs/examples/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range append(examples, "../config.yaml") {
		if _, err := config.LoadPairs(path, environment); err != nil {
			t.Error(render(t, err))
		}
	}
}

// TestTheOptionalSectionsOfTheShippedFileAreRead takes the comment signs away from events, history and stream.
func TestTheOptionalSectionsOfTheShippedFileAreRead(t *testing.T) {
	src, err := os.ReadFile("../config.yaml")
	if err != nil {
		t.Fatal(err)
	}
	before, rest, _ := strings.Cut(string(src), "# events:")
	sections, after, _ := strings.Cut("# events:"+rest, "\nledger:")
	sections = regexp.MustCompile("(?m)^# ?").ReplaceAllString(sections, "")
	c, err := parse(t, strings.Replace(before+sections+"\nledger:"+after, "${KAFKA_PASSWORD}", "secret", 1))
	if err != nil {
		t.Fatal(render(t, err))
	}
	if !c.Events.Given() || !c.Stream.Given() || !c.History.Given() || !c.Events.Fold.Events["OrderNoted"].Ignore {
		t.Errorf("read %+v, %+v, %+v", c.Events, c.Stream, c.History)
	}
}

func TestInvalidFiles(t *testing.T) {
	paths, err := filepath.Glob("testdata/invalid-*.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no invalid files: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yaml"), func(t *testing.T) {
			src, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			_, err = config.Parse("config.yaml", src, environment)
			// The next criterion does not change the golden files.
			got := strings.ReplaceAll(render(t, err), strings.Join(gate.Names(), ", "), "(the criteria)")
			if strings.Contains(got, "hunter2") {
				t.Errorf("the errors give a secret away:\n%s", got)
			}
			golden := strings.TrimSuffix(path, ".yaml") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("errors (-want +got):\n%s", diff)
			}
		})
	}
}

// render is what a user sees, more or less: each mistake and its hint.
func render(t *testing.T, err error) string {
	t.Helper()
	mistakes, ok := errors.AsType[config.Errors](err)
	if !ok || len(mistakes) == 0 {
		t.Fatalf("error is %T (%v), not config.Errors", err, err)
	}
	var b strings.Builder
	for _, m := range mistakes {
		fmt.Fprintln(&b, m)
		if m.Hint != "" {
			fmt.Fprintln(&b, "    hint:", m.Hint)
		}
	}
	return b.String()
}

func TestUnreadableFiles(t *testing.T) {
	dir := t.TempDir()
	large := filepath.Join(dir, "large.yaml")
	if err := os.WriteFile(large, make([]byte, 2<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "absent.yaml"): "no such file",
		dir:                               "cannot be read: is a directory",
		large:                             "is larger than 1048576 bytes",
	} {
		_, err := config.Load(path, environment)
		if want := path + ": " + want; err == nil || err.Error() != want {
			t.Errorf("Load = %v, want %s", err, want)
		}
	}
	_, err := config.Load(filepath.Join(dir, "absent.yaml"), environment)
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v is not os.ErrNotExist", err)
	}
}

func TestByteOrderMarkAndWindowsLines(t *testing.T) {
	text := "\xef\xbb\xbf" + strings.ReplaceAll(complete, "\n", "\r\n")
	if _, err := parse(t, text); err != nil {
		t.Error(err)
	}
}

func TestAliases(t *testing.T) {
	c, err := parse(t, `
legacy: {dsn: "${LEGACY_DSN}"}
projection: {dsn: &events "${EVENTS_DSN}"}
ledger: {dsn: *events}
compare: {fields: [{name: status, type: text}]}
`)
	if err != nil {
		t.Fatal(err)
	}
	if c.Ledger.DSN != secret("EVENTS_DSN") {
		t.Errorf("the alias gives %q", c.Ledger.DSN.Reveal())
	}
	if _, err := parse(t, "legacy: &l {dsn: *l}\ncompare: &c {fields: [*c, *c]}\n"); err == nil {
		t.Error("a mapping inside itself was accepted")
	}
}

func TestGroupByDefaultsToStatusWhereItIsCompared(t *testing.T) {
	for fields, want := range map[string]string{
		"[{name: status, type: text}]":               "status",
		"[{name: side, type: text}]":                 "",
		"[{name: status, type: text}], group_by: ''": "",
	} {
		c, err := parse(t, strings.Replace(complete, "[{name: status, type: text}]", fields, 1))
		if err != nil {
			t.Fatal(err)
		}
		if c.Compare.GroupBy != want {
			t.Errorf("fields %s: group by %q, want %q", fields, c.Compare.GroupBy, want)
		}
	}
}

var (
	exactDecimals = cmp.Comparer(func(a, b *apd.Decimal) bool {
		return a == b || a != nil && b != nil && a.Cmp(b) == 0
	})
	sameZone = cmp.Comparer(func(a, b *time.Location) bool { return a.String() == b.String() })
)

func secret(variable string) config.Secret {
	value, _ := environment(variable)
	return config.NewSecret(value)
}

func schedule(t *testing.T, expr string) config.Schedule {
	t.Helper()
	s, err := config.ParseSchedule(expr)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
