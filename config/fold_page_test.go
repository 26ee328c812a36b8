package config_test

import (
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/nordvarg/crosscheck/order"
)

// anyFields are compared by the examples of docs/fold.md.
const anyFields = `legacy: {dsn: "${LEGACY_DSN}"}
projection: {dsn: "${EVENTS_DSN}"}
ledger: {dsn: "${EVENTS_DSN}"}
compare:
  fields: [{name: order_id, type: text}, {name: status, type: text}, {name: side, type: text}, {name: quantity, type: numeric},
    {name: price, type: numeric}, {name: filled_quantity, type: numeric}, {name: avg_fill_price, type: numeric},
    {name: created_at, type: timestamptz}, {name: updated_at, type: timestamptz}]
events:
  dsn: "${EVENTS_DSN}"
`

// rest is what an example leaves out, by its key.
var rest = [][2]string{
	{"fold", `  fold:
    Rest: {create: true, set: {status: $.s, quantity: $.q}, add: {filled_quantity: $.f}, add_product: {notional: [$.f, $.p]}}
`},
	{"registers", "  registers: {notional: numeric}\n"},
	{"derive", "  derive: {avg_fill_price: {ratio: [notional, filled_quantity], scale: 6}}\n"},
	{"invariants", "  invariants: {ordered: quantity, filled: filled_quantity, status: status, terminal: [FILLED, CANCELED]}\n"},
}

var topKey = regexp.MustCompile(`(?m)^(\w+):`)

// completed is a configuration with an example: keys of the section events, or rules of fold.
func completed(example string) string {
	indent := func(by string) string {
		return by + strings.TrimSpace(strings.ReplaceAll(example, "\n", "\n"+by)) + "\n"
	}
	has := map[string]bool{}
	for _, key := range topKey.FindAllStringSubmatch(example, -1) {
		has[key[1]] = true
	}
	section := has["fold"] || has["derive"] || has["invariants"] || has["registers"]
	out := anyFields
	if section {
		out += indent("  ")
	}
	for _, r := range rest {
		if has[r[0]] || has["fold"] {
			continue
		}
		out += r[1]
		if r[0] == "fold" && !section {
			out += indent("    ")
		}
	}
	return out
}

// TestTheFoldPageIsRead reads each example of docs/fold.md. The last one is the preset, and gives exactly order.Orders().
func TestTheFoldPageIsRead(t *testing.T) {
	page, err := os.ReadFile("../docs/fold.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	if len(examples) < 10 {
		t.Fatalf("the page has %d examples", len(examples))
	}
	var last order.FoldRules
	for _, example := range examples {
		c, err := parse(t, completed(example[1]))
		if err != nil {
			t.Fatalf("%s\n%s", completed(example[1]), render(t, err))
		}
		last = c.Events.Fold
	}
	if d := cmp.Diff(order.Orders(), last, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("the preset (-want +got):\n%s", d)
	}
	for _, value := range regexp.MustCompile("(?m)^\\| .*? \\| `(\\$\\..*?|\\{.*?\\})` \\|").FindAllStringSubmatch(string(page), -1) {
		field := "side"
		for _, is := range [][2]string{{"ms", "created_at"}, {"at}", "created_at"}, {"scale", "price"}, {"number", "price"}} {
			if strings.Contains(value[1], is[0]) {
				field = is[1]
			}
		}
		if _, err := parse(t, completed("Example: {set: {"+field+": "+value[1]+"}}\n")); err != nil {
			t.Errorf("%s: %s", value[1], render(t, err))
		}
	}
}

// TestTheFoldPageSaysWhatFindingsSay decodes events that do not fit the first example of docs/fold.md.
func TestTheFoldPageSaysWhatFindingsSay(t *testing.T) {
	page, err := os.ReadFile("../docs/fold.md")
	if err != nil {
		t.Fatal(err)
	}
	c, err := parse(t, completed(`
fold:
  Placed: {create: true, set: {side: {path: $.side, map: {"1": BUY}}, quantity: $.orderQty, price: {path: $.limitPrice.amount, scale: 4}}}
  Executed: {add: {filled_quantity: $.qty}}
  Moved: {set_named: {field: $.field, to: $.to, only: [price]}}
invariants: {ordered: quantity, filled: filled_quantity}
`))
	if err != nil {
		t.Fatal(render(t, err))
	}
	rules, err := c.Rules()
	if err != nil {
		t.Fatal(err)
	}
	event := func(position order.Position, typ, payload string) (order.Event, error) {
		return order.Decode(order.RawEvent{Position: position, Key: "1", Type: typ, At: time.Unix(0, 0), Payload: []byte(payload)}, rules)
	}
	for _, test := range [][2]string{
		{"Amended", `{}`},
		{"Placed", `{"side": 1, "orderQty": 1, "limitPrice": {}}`},
		{"Executed", `{"orderQty": 1}`},
		{"Placed", `{"side": 1, "orderQty": "many", "limitPrice": {"amount": 1}}`},
		{"Placed", `{"side": 1, "orderQty": 1, "limitPrice": {"amount": 12.5}}`},
		{"Placed", `{"side": 3, "orderQty": 1, "limitPrice": {"amount": 1}}`},
		{"Moved", `{"field": "venue", "to": 1}`},
	} {
		_, err := event(1, test[0], test[1])
		finding, ok := errors.AsType[*order.SchemaError](err)
		if !ok || !strings.Contains(string(page), "| "+finding.Detail+" |") {
			t.Errorf("%s %s: the page does not have %v", test[0], test[1], err)
		}
	}
	placed, _ := event(1, "Placed", `{"side": 1, "orderQty": 100, "limitPrice": {"amount": 1}}`)
	executed, _ := event(2, "Executed", `{"qty": 120}`)
	if _, problems := order.Fold([]order.Event{placed, executed}); len(problems) != 1 || !strings.Contains(string(page), "| "+problems[0].Detail+" |") {
		t.Errorf("the page does not have %v", problems)
	}
}

// TestWhatIsJudgedIsAsTheGuaranteesSay holds the table of docs/guarantees.md to the rules of the default schema.
func TestWhatIsJudgedIsAsTheGuaranteesSay(t *testing.T) {
	page, err := os.ReadFile("../docs/guarantees.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "| field | judged as type |\n")
	table, _, _ = strings.Cut(table, "\n\n")
	said := map[order.Field]bool{}
	word := regexp.MustCompile("`(\\w+)`")
	for _, line := range strings.Split(table, "\n")[1:] {
		cells := strings.Split(line, "|")
		for _, name := range word.FindAllStringSubmatch(cells[1], -1) {
			for _, typ := range word.FindAllStringSubmatch(cells[2], -1) {
				said[order.Field{Name: name[1], Type: order.FieldType(typ[1])}] = true
			}
		}
	}
	for _, name := range order.Defaults().Names() {
		for _, typ := range order.FieldTypes() {
			f := order.Field{Name: name, Type: typ}
			if got := order.Defaults().Judges(f); got != said[f] && name != "notional" {
				t.Errorf("%s as %s is judged by events: %v, and the page says %v", name, typ, got, said[f])
			}
		}
	}
}
