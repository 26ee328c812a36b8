package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"text/template"

	"github.com/nordvarg/crosscheck/lab"
)

// configMark is the first line of every configuration that the lab writes, and only of those.
const configMark = "# Written by crosscheck-lab for the system that it runs; it is written anew each time."

var errForeignConfig = errors.New("the file was not written by crosscheck-lab")

var configTemplate = template.Must(template.New("config").Parse(configMark + `
legacy:
  dsn: {{printf "%q" .LegacyDSN}}
  table: public.orders
  key: order_id
  changed_at: updated_at
projection:
  dsn: {{printf "%q" .EventsDSN}}
  table: public.current_orders
  key: order_id
  changed_at: updated_at
events:
  dsn: {{printf "%q" .EventsDSN}}
{{.Store.Events}}{{if .Brokers}}stream:
  brokers: [{{range $i, $b := .Brokers}}{{if $i}}, {{end}}{{printf "%q" $b}}{{end}}]
  topic: {{printf "%q" .Topic}}
{{.Store.Stream}}{{end}}history:
  audit_log: public.audit_log
  actor: changed_by
  trades: public.trades
{{if not .Brokers}}backfill: {enabled: true}
{{end}}ledger:
  dsn: {{printf "%q" .EventsDSN}}
  schema: crosscheck
compare:
  fields:
{{.Store.Fields}}  settle: {window: {{.Window}}, rechecks: 3, max_lag: {{.MaxLag}}}
sampler: {schedule: {{printf "%q" .Sample}}, size: {{.Size}}, full: {{printf "%q" .Full}}}
web: {listen: {{printf "%q" .Listen}}}
`))

// pace says how often crosscheck looks.
type pace struct {
	Sample, Full string // as cron lines
	Size         int    // orders in a sample
	Window       string // has to outlast the projection's lag
	MaxLag       string
}

var (
	// steady is for a person who watches.
	steady = pace{Sample: "* * * * *", Size: 2000, Full: "*/5 * * * *", Window: "6s", MaxLag: "1m"}
	// lively is for a demonstration. What takes an hour by default must be shown in a minute.
	lively = pace{Sample: "*/10 * * * * *", Size: 10000, Full: "*/15 * * * * *", Window: "6s", MaxLag: "1m"}
	// hurried also finds a stopped part within seconds. The price is that a machine that stands still looks like one.
	hurried = pace{Sample: lively.Sample, Size: lively.Size, Full: lively.Full, Window: lively.Window, MaxLag: "10s"}
)

// configuration returns a config.yaml that points crosscheck at all representations of the lab. A nil stream is none.
func configuration(l *lab.Lab, st *stream, listen string, p pace) ([]byte, error) {
	var b bytes.Buffer
	values := struct {
		pace

		Store                               *lab.Store
		LegacyDSN, EventsDSN, Listen, Topic string
		Brokers                             []string
	}{pace: p, Store: l.Store, LegacyDSN: l.LegacyDSN, EventsDSN: l.EventsDSN, Listen: listen}
	if st != nil {
		values.Topic, values.Brokers = st.topic, st.brokers
	}
	if err := configTemplate.Execute(&b, values); err != nil {
		return nil, fmt.Errorf("writing configuration: %w", err)
	}
	return b.Bytes(), nil
}

// writeConfig writes the configuration, with further sections. It never overwrites a file that the lab did not write.
func writeConfig(path string, l *lab.Lab, st *stream, listen string, p pace, sections ...string) error {
	old, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("looking at %s: %w", path, err)
	}
	if err == nil && !bytes.HasPrefix(old, []byte(configMark)) {
		return withHint(fmt.Errorf("writing %s: %w", path, errForeignConfig), "choose another file with --config")
	}
	b, err := configuration(l, st, listen, p)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, append(b, strings.Join(sections, "")...), 0o600); err != nil {
		return fmt.Errorf("writing configuration: %w", err)
	}
	return nil
}

// freeConfig picks the name of the configuration if none was given: config.yaml, or lab.yaml if the lab did not write
// config.yaml.
func freeConfig() string {
	const usual = "config.yaml"
	old, err := os.ReadFile(usual)
	if errors.Is(err, fs.ErrNotExist) || bytes.HasPrefix(old, []byte(configMark)) {
		return usual
	}
	return "lab.yaml"
}
