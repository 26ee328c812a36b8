package main

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/cutover"
	cutoverrun "github.com/nordvarg/crosscheck/cutover/run"
	"github.com/nordvarg/crosscheck/lab"
	"github.com/nordvarg/crosscheck/lab/broker"
	"github.com/nordvarg/crosscheck/ledger"
)

// killing cuts a living system over while something of it is killed.
type killing struct {
	*cutLab
	broker *broker.Broker
	ledger *ledger.Ledger
	random *rand.Rand
}

// TestCutoversKilledAtRandomMoments kills the coordinator, the projector, the broker or a connection to a database at a random moment of each
// cutover: of five, and of fifty in a soak. A sidecar follows the stream and finishes what is left. Each run ends at one side, in time.
func TestCutoversKilledAtRandomMoments(t *testing.T) {
	t.Parallel()
	rounds, seed := 5, rand.Uint64()
	if soak() {
		rounds = 50
	}
	t.Logf("seed %d", seed)
	k := newKilling(t, seed)
	ends := map[string]int{}
	var longest time.Duration
	for i := range rounds {
		victim := []string{"coordinator", "projector", "broker", "connection"}[i%4]
		phase, closed := k.round(victim, cutover.Steps()[1+k.random.IntN(len(cutover.Steps())-1)])
		if t.Failed() {
			t.Fatalf("in round %d", i)
		}
		ends[victim+" killed, "+string(phase)]++
		longest = max(longest, closed)
	}
	t.Logf("%v; legacy was closed for %v at most, or for good", ends, longest)
}

func newKilling(t *testing.T, seed uint64) *killing {
	t.Helper()
	b := newBroker(t, broker.Options{})
	s := newCutLab(t, lab.Options{Publisher: newTopic(t, b.Brokers()), PublishHistory: 100_000}, patient(time.Minute), fmt.Sprintf(`
stream: {brokers: [%q], topic: orders}
sampler: {schedule: "off", full: "off"}
web: {listen: "127.0.0.1:0"}`, b.Brokers()[0]))
	c, err := config.Load(s.file, os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	k := &killing{s, b, nil, rand.New(rand.NewPCG(seed, 0))} //nolint:gosec // not for secrets
	if k.ledger, err = openLedger(t.Context(), c, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.ledger.Close)
	sidecar := start(t, "run", "--config", s.file)
	t.Cleanup(func() { _ = sidecar.Process.Kill(); sidecar.end() })
	return k
}

// round cuts over once, kills a victim after it has begun a step, and says how the run has ended.
func (k *killing) round(victim string, step cutover.Step) (cutover.Phase, time.Duration) {
	k.t.Helper()
	end := k.asking(k.t)
	before := len(k.runs())
	p := start(k.t, append(executes, "--config", k.file)...)
	k.until("the run to come to "+string(step), func() bool {
		all := k.runs()
		return len(all) > before && (all[before].State.Ended() || slices.Index(cutover.Steps(), all[before].State.Step) >= slices.Index(cutover.Steps(), step))
	})
	<-time.After(time.Duration(k.random.Int64N(int64(100 * time.Millisecond))))
	k.t.Logf("killing the %s at %s", victim, step)
	revive := k.kill(victim, p)
	<-time.After(time.Duration(k.random.Int64N(int64(time.Second))))
	revive()
	k.until("the run to end", func() bool { return k.runs()[before].State.Ended() })
	p.end()
	s := k.runs()[before]
	k.stands(k.t, map[cutover.Phase]string{cutover.Completed: atNew, cutover.RolledBack: atLegacy}[s.State.Phase])
	k.tradesOn()
	keptFaith(k.t, end())
	closed := k.closedFor(k.t)
	k.back(s.State.Phase)
	return s.State.Phase, closed
}

// kill returns what starts it again, where something does.
func (k *killing) kill(victim string, p *process) (revive func()) {
	k.t.Helper()
	switch victim {
	case "coordinator":
		if err := p.Process.Kill(); err != nil {
			k.t.Log(err) // it has ended
		}
		if soak() {
			return func() {}
		}
		return func() {
			rows(k.t, k.EventsDSN, "UPDATE crosscheck.lease SET expires_at = clock_timestamp() WHERE job = 'cutover'")
		}
	case "projector":
		if err := k.StopProjector(); err != nil {
			k.t.Error(err)
		}
		return k.StartProjector
	case "broker":
		k.broker.Down()
		return func() {
			if err := k.broker.Restart(deadline(k.t)); err != nil {
				k.t.Error(err)
			}
		}
	default:
		dsn := []string{k.LegacyDSN, k.EventsDSN}[k.random.IntN(2)]
		k.t.Logf("a session of %s", rows(k.t, dsn, `SELECT application_name, pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE datname = current_database() AND application_name LIKE 'crosscheck%' AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1`))
		return func() {}
	}
}

// back has the system at legacy again, with both sides equal.
func (k *killing) back(from cutover.Phase) {
	k.t.Helper()
	k.rest()
	if from == cutover.Completed {
		k.does(exitAgrees, "cutover", "unfence", "--yes")
		if err := k.CutBack(deadline(k.t)); err != nil {
			k.t.Fatal(err)
		}
	}
	k.stands(k.t, atLegacy)
	if found, err := k.Differences(deadline(k.t)); err != nil || len(found) > 0 {
		k.t.Errorf("legacy and projection differ in %v (%v)", found, err)
	}
	k.live()
}

// runs are all runs, the newest last. A ledger whose connection was just killed is asked again.
func (k *killing) runs() (all []cutoverrun.Status) {
	k.t.Helper()
	var err error
	for range 5 {
		if all, err = statuses(k.t.Context(), k.ledger); err == nil {
			return all
		}
	}
	k.t.Fatal(err)
	return nil
}

func (k *killing) until(what string, so func() bool) {
	k.t.Helper()
	ctx, tick := deadline(k.t), time.NewTicker(10*time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case <-ctx.Done():
			k.t.Fatalf("waited in vain for %s", what)
		case <-tick.C:
		}
	}
}
