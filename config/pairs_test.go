package config_test

import (
	"strings"
	"testing"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/order"
)

const twoPairs = `
name: trading
ledger: {dsn: "${EVENTS_DSN}"}
sampler: {size: 7}
pairs:
  - name: orders
    legacy: &legacy {dsn: "${LEGACY_DSN}"}
    projection: {dsn: "${EVENTS_DSN}"}
    compare: &compared {fields: [{name: status, type: text}]}
  - name: positions
    legacy: {dsn: "postgres://u:s3cret@h/d", table: public.positions, where: "a = 1"}
    projection: {dsn: "${EVENTS_DSN}", table: public.current_positions}
    compare: *compared
    sampler: {size: 9}
    gate: {criteria: {read_parity: {max: 0}}}
`

func pairs(t *testing.T, text string) []*config.Config {
	t.Helper()
	all, err := config.ParsePairs("config.yaml", []byte(text), environment)
	if err != nil {
		t.Fatal(render(t, err))
	}
	return all
}

func TestPairsAreConfigurationsOfTheirOwn(t *testing.T) {
	all := pairs(t, twoPairs)
	if len(all) != 2 || all[0].Pair != "orders" || all[1].Pair != "positions" {
		t.Fatalf("read %d pairs", len(all))
	}
	orders, positions := all[0], all[1]
	if orders.Ledger.Schema != "crosscheck_orders" || positions.Ledger.Schema != "crosscheck_positions" || positions.Ledger.Shared != "crosscheck" {
		t.Errorf("ledgers are %+v and %+v", orders.Ledger, positions.Ledger)
	}
	if orders.Sampler.Size != 7 || positions.Sampler.Size != 9 || positions.Sampler.Full.String() != "0 2 * * *" || orders.Name != "trading" {
		t.Errorf("what they share: %+v, %+v", orders.Sampler, positions.Sampler)
	}
	if positions.Legacy.Table != "public.positions" || positions.Compare.Fields[0].Type != order.Text || orders.Fingerprint() == positions.Fingerprint() {
		t.Errorf("what is theirs: %+v, %+v", positions.Legacy, positions.Compare)
	}
	if said := orders.Mask("password of positions is s3cret"); strings.Contains(said, "s3cret") {
		t.Errorf("a secret of one pair is not masked for the other: %s", said)
	}
}

// TestPairsAreComparedAsFilesOfTheirOwn: evidence stays valid when a system moves from one file for each pair to one for all.
func TestPairsAreComparedAsFilesOfTheirOwn(t *testing.T) {
	alone, err := config.Parse("config.yaml", []byte(complete), environment)
	if err != nil {
		t.Fatal(err)
	}
	if together := pairs(t, twoPairs)[0]; together.Fingerprint() != alone.Fingerprint() {
		t.Error("the same comparison has another fingerprint in the list")
	}
}

// TestMistakesOfPairsAreFoundInTheFile also those that only a database can tell, and warnings.
func TestMistakesOfPairsAreFoundInTheFile(t *testing.T) {
	all := pairs(t, twoPairs)
	mistake := all[1].Misplaced("legacy.where", "legacy.where is wrong", "", nil)
	if want := "config.yaml:11:78: pairs[1].legacy.where: "; !strings.HasPrefix(mistake.Error(), want) {
		t.Errorf("a condition's mistake is %q, want %q", mistake, want)
	}
	warnings := all[1].Warnings()
	if len(warnings) == 0 || !strings.HasPrefix(warnings[0].Path, "pairs[1].") {
		t.Errorf("warnings are %v", warnings)
	}
	err := config.CheckPairs(all, func(dsn string) (string, string) {
		return map[bool]string{true: "is unusable"}[strings.Contains(dsn, "s3cret") || strings.Contains(dsn, "db2")], ""
	})
	want := "config.yaml:3:15: ledger.dsn: is unusable\nconfig.yaml:8:23: pairs[0].projection.dsn: is unusable\n" +
		"config.yaml:11:19: pairs[1].legacy.dsn: is unusable\nconfig.yaml:12:23: pairs[1].projection.dsn: is unusable"
	if err == nil || err.Error() != want {
		t.Errorf("connection strings: %v", err)
	}
}

func TestAFileWithPairsIsNotOfOne(t *testing.T) {
	_, err := config.Parse("config.yaml", []byte(twoPairs), environment)
	if err == nil || !strings.Contains(err.Error(), "the configuration of one is wanted") {
		t.Errorf("error is %v", err)
	}
	if all := pairs(t, complete); len(all) != 1 || all[0].Pair != "" || all[0].Ledger.Schema != "crosscheck" || all[0].Ledger.Shared != "" {
		t.Errorf("a file without the list is %+v", all)
	}
}
