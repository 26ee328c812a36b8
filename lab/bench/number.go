package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Limits of a full verification by one number for each side, and of those that go on to buckets.
const (
	ofBucketsThree  = 0.66
	ofBucketsAll    = 0.82
	ofJoinThree     = 0.3
	ofJoinAll       = 0.4
	ofReladiffThree = 1.0 / 7
	ofReladiffAll   = 1.0 / 6
	ofExpected      = 1.05
	ofUnexpected    = 1.85
	ofUnsignedThree = 0.58
	ofUnsignedAll   = 0.70
)

// byBuckets makes rows by status always due, and so each pass one by buckets.
const byBuckets = "gate: {criteria: {counts: {max_age: 1s}}}\n"

// number are the contenders beside a clean verification that proves by one number for each side.
type number struct {
	b                          *bench
	fields                     fields
	buckets, few               string // configurations
	inside, expected, surprise sample
	planted                    map[string]string
	before                     string // a configuration; empty without an earlier build
	earlier                    sample
}

func (b *bench) byNumber(ctx context.Context, f fields) (*number, error) {
	n := &number{b: b, fields: f}
	for name, into := range map[string]*string{"buckets": &n.buckets, "few": &n.few} {
		file, err := b.crosscheck.configure(name, b.large, "public.current_orders", f)
		if err == nil && name == "buckets" {
			err = appendTo(file, byBuckets)
		}
		if err != nil {
			return nil, err
		}
		*into = file
		if _, err := b.crosscheck.clean(ctx, file, "verify"); err != nil { // creates its ledger
			return nil, err
		}
	}
	if b.Before == "" {
		return n, nil
	}
	var err error
	if n.before, err = b.crosscheck.configure("before", b.large, "public.current_orders", f); err == nil {
		_, err = b.earlier().crosscheck.clean(ctx, n.before, "verify")
	}
	return n, err
}

func appendTo(file, text string) error {
	w, err := os.OpenFile(filepath.Clean(file), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("completing a configuration: %w", err)
	}
	_, err = w.WriteString(text)
	if closed := w.Close(); err == nil {
		err = closed
	}
	return err
}

// contenders take turns in this order: the second one plants 40 differences, and the third one repairs them.
func (n *number) contenders() []contender {
	all := []contender{
		{"by buckets", func(ctx context.Context) (time.Duration, error) { return n.b.cleanVerify(ctx, n.buckets, &n.inside) }},
		{"40 not expected", n.unexpected},
		{"40 expected", n.open},
		{"signs excluded", n.unsigned},
	}
	if n.before != "" {
		all = append(all, contender{"before", func(ctx context.Context) (time.Duration, error) {
			var inside sample
			took, err := n.b.earlier().cleanVerify(ctx, n.before, &inside)
			n.earlier = append(n.earlier, took)
			return took, err
		}})
	}
	if n.b.reladiff != "" {
		all = append(all, contender{"reladiff", func(ctx context.Context) (time.Duration, error) { return n.b.runReladiff(ctx, n.fields) }})
	}
	return all
}

// unexpected is a pass after a clean one.
func (n *number) unexpected(ctx context.Context) (_ time.Duration, err error) {
	if n.planted, err = n.b.large.plant(ctx, n.b.random, fewDifferences); err != nil {
		return 0, err
	}
	return n.find(ctx, "number, then buckets", &n.surprise)
}

// open is a pass that knows of divergences. Afterwards it repairs and resolves them, outside of the measured time.
func (n *number) open(ctx context.Context) (time.Duration, error) {
	took, err := n.find(ctx, "", &n.expected)
	if err == nil {
		err = n.b.large.unplant(ctx)
	}
	if err == nil {
		_, err = n.b.crosscheck.clean(ctx, n.few, "verify")
	}
	return took, err
}

// unsigned is a clean pass where a CHECK excludes negative numbers on both sides.
func (n *number) unsigned(ctx context.Context) (took time.Duration, err error) {
	var conditions []string
	for _, c := range n.fields.of("numeric") {
		conditions = append(conditions, c.name+" >= 0")
	}
	large := n.b.large
	for _, dsn := range []string{large.legacy, large.projection} {
		const name = " CONSTRAINT bench_signs"
		table := "ALTER TABLE " + large.table(dsn)
		add := fmt.Sprintf("%s ADD%s CHECK (%s)", table, name, strings.Join(conditions, " AND "))
		if err := execute(ctx, dsn, table+" DROP CONSTRAINT IF EXISTS bench_signs", add); err != nil {
			return 0, err
		}
		defer func() {
			err = errors.Join(err, execute(context.WithoutCancel(ctx), dsn, table+" DROP"+name))
		}()
	}
	config, err := n.b.crosscheck.configure("clean", large, "public.current_orders", n.fields)
	if err != nil {
		return 0, err
	}
	var inside sample
	return n.b.cleanVerify(ctx, config, &inside)
}

func (n *number) find(ctx context.Context, plan string, inside *sample) (time.Duration, error) {
	r, err := n.b.crosscheck.run(ctx, n.few, "verify")
	if err == nil {
		err = exactly(r, n.planted)
	}
	if err == nil && r.Plan != plan {
		err = fmt.Errorf("%w: the pass went by %q, not by %q", ErrWrong, r.Plan, plan)
	}
	if err != nil {
		return 0, err
	}
	*inside = append(*inside, r.duration())
	return r.wall, nil
}

// number adds the samples in the order of number.contenders, after those of bench.verify.
func (r *Report) number(f fields, verify, join sample, s []sample, earlier sample) {
	ofBuckets, ofJoin, ofReladiff, ofUnsigned := ofBucketsAll, ofJoinAll, ofReladiffAll, ofUnsignedAll
	if f.name == threeFields.name {
		ofBuckets, ofJoin, ofReladiff, ofUnsigned = ofBucketsThree, ofJoinThree, ofReladiffThree, ofUnsignedThree
	}
	buckets, surprise, expected := s[0], s[1], s[2]
	r.against("the same by buckets at once, as where something is open", buckets, "verify / this", verify, buckets, ofBuckets)
	r.against("`FULL JOIN … IS DISTINCT FROM` in one database", join, "verify / this", verify, join, ofJoin)
	r.against("verify, 40 orders differ, expected, all found exactly", expected, "this / by buckets", expected, buckets, ofExpected)
	r.against("verify, 40 orders differ, not expected, all found exactly", surprise, "this / by buckets", surprise, buckets, ofUnexpected)
	r.against("verify, negative numbers excluded by CHECK on both sides", s[3], "this / by buckets", s[3], buckets, ofUnsigned)
	rest := s[4:]
	if len(earlier) > 0 {
		r.against("verify of the earlier build (`BENCH_BEFORE`)", earlier, "verify / this", verify, earlier, ofBuckets)
		r.against("the same, negative numbers excluded only for today's build", earlier, "signs excluded / this", s[3], earlier, ofUnsigned)
		rest = rest[1:]
	}
	if len(rest) > 0 {
		r.against("reladiff with its defaults", rest[0], "verify / this", verify, rest[0], ofReladiff)
	}
}

// installReladiff installs reladiff into a folder of its own, once, and returns the program; empty if that fails, for example
// without a network.
func installReladiff(ctx context.Context, folder string, log func(string, ...any)) string {
	program := filepath.Join(folder, "bin", "reladiff")
	if exec.CommandContext(ctx, program, "--version").Run() == nil {
		return program
	}
	for _, command := range [][]string{
		{"python3", "-m", "venv", folder},
		{filepath.Join(folder, "bin", "pip"), "install", "--quiet", "reladiff[postgresql]"},
		{program, "--version"},
	} {
		if out, err := exec.CommandContext(ctx, command[0], command[1:]...).CombinedOutput(); err != nil { //nolint:gosec // ours
			log("reladiff is left out, because it cannot be installed: %v: %.200s", err, out)
			return ""
		}
	}
	return program
}

// runReladiff compares both sides with reladiff's defaults.
func (b *bench) runReladiff(ctx context.Context, f fields) (time.Duration, error) {
	args := []string{forPython(b.large.legacy), "orders", forPython(b.large.projection), "current_orders", "-k", "order_id", "--stats"}
	for _, c := range f.columns {
		args = append(args, "-c", c.name)
	}
	began := time.Now()
	out, err := exec.CommandContext(ctx, b.reladiff, args...).CombinedOutput() //nolint:gosec // ours
	took := time.Since(began)
	if err != nil {
		return 0, fmt.Errorf("running reladiff: %w: %.500s", err, out)
	}
	if !strings.Contains(string(out), fmt.Sprintf("%d rows unchanged", b.large.orders)) {
		return 0, fmt.Errorf("%w: reladiff said %.500s", errWrongCount, out)
	}
	return took, nil
}

// forPython is a dsn as SQLeton reads it.
func forPython(dsn string) string {
	dsn, _, _ = strings.Cut(dsn, "?")
	return strings.Replace(dsn, "postgres://", "postgresql://", 1)
}
