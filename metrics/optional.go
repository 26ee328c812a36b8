package metrics

import (
	"cmp"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Optional is what a snapshot says of parts that may not be configured. Nil means absent and is never 0: an unknown lag
// is not the same as no lag.
type Optional struct {
	// ProjectionLagSeconds is how long the projection is behind the events; ProjectionLagEvents is by how many events.
	ProjectionLagSeconds, ProjectionLagEvents *float64
	StreamLag                                 []StreamLag
	StreamLastLook                            *time.Time // when the follower last recorded a look; zero time if it never did
	StreamWaiting                             *float64   // seconds
	StreamBeforeStore                         *int64     // messages
	Completeness                              []Completeness
	ChangeCompleteness                        []Completeness // completeness of the changes that legacy recorded; the field above is that of its orders
	Coverage                                  []Coverage
	AlertsPending                             *int64 // messages in the outbox that are not delivered yet
	CutoverStep                               []CutoverStep
	Throttled                                 []Throttled
	VerifiedThrough                           *time.Time // nil if nothing has been verified completely
	Slots                                     []Slot
}

// Throttled says whether running passes do not read a side at full speed because of a limit. List each limit that is
// configured, so that a change is a step of the series and not a gap.
type Throttled struct {
	Side, Reason string
	Now          bool
}

// Slot is a replication slot of the event store's server whose WAL has a limit.
type Slot struct {
	Name, Status string
	Safe         int64 // bytes that can be written before it loses WAL; 0 if it has
}

// StreamLag is the number of messages of one partition that are not yet matched.
type StreamLag struct {
	Partition string
	Messages  int64
}

// Completeness is the share of what should have crossed a hop that did cross it.
type Completeness struct {
	Hop   string
	Ratio float64
}

// Coverage is the share of the orders of one status and age that the newest full verification judged.
type Coverage struct {
	Status, Age string
	Ratio       float64
}

// CutoverStep says whether a step of the foremost run of the cutover is in a state now. List each state that the step can have, so
// that a change is a step of the series and not a gap.
type CutoverStep struct {
	Step, State string
	Now         bool
}

var (
	projectionLagSeconds = gauge("projection_lag_seconds", "How long the projection is behind the events.")
	projectionLagEvents  = gauge("projection_lag_events", "Events that the projection has not applied yet.")
	streamLag            = gauge("stream_lag_messages", "Messages of a partition of the stream that are not matched with the event store yet.", "partition")
	streamLastLook       = gauge("stream_last_look_timestamp_seconds", "When crosscheck last read the stream, with or without new messages; 0 if the stream is configured but was never read.")
	streamWaiting        = gauge("stream_waiting_seconds", "How long the search for missing messages has waited for an open transaction, of the event store's database or of a producer of the topic; 0 while that is not longer than max_lag.")
	streamBeforeStore    = gauge("stream_before_store_messages", "Messages that were not judged when the topic was first read, because they are from before the event store begins, or their orders were archived.")
	completeness         = gauge("completeness_ratio", "Share of the orders or events at the start of a hop that have reached its end.", "hop")
	changeCompleteness   = gauge("change_completeness_ratio", "Share of legacy's recorded changes of sampled orders that have reached the end of a hop.", "hop")
	coverageByAge        = gauge("coverage_ratio", "Share of the orders of one status and age that the newest full verification judged.", "status", "age")
	alertsPending        = gauge("alerts_pending", "Messages to Slack in the outbox that are not delivered yet.")
	throttleWaiting      = gauge("throttle_waiting", "1 while a running pass does not read a side at full speed because of that limit, else 0.", "side", "reason")
	verifiedThrough      = gauge("verified_through_timestamp_seconds", "The watermark: everything up to this time has been verified by a full pass and the delta passes since.")
	passInterval         = gauge("pass_interval_seconds", "Time between two scheduled passes; absent where a pass has no schedule.", "pass")
	slotSafe             = gauge("replication_slot_safe_wal_bytes", "WAL that can be written on the event store's server before a replication slot loses what its consumer has not read; 0 if it has lost some. Only with backfill.enabled, and for slots with a limit.", "slot", "wal_status")
	cutoverStep          = gauge("cutover_step", "1 for the current state of a step of the foremost run of the cutover, 0 for the other states. Foremost is the run that has not ended, else the newest completed one, else the newest that closed legacy.", "step", "state")
)

func describeOptional(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{projectionLagSeconds, projectionLagEvents, streamLag, streamLastLook, streamWaiting, streamBeforeStore, completeness, changeCompleteness, coverageByAge, alertsPending, throttleWaiting, verifiedThrough, passInterval, slotSafe, cutoverStep} {
		ch <- d
	}
}

func (e *emitter) optional(o Optional) {
	if o.ProjectionLagSeconds != nil {
		e.add(projectionLagSeconds, *o.ProjectionLagSeconds)
	}
	if o.ProjectionLagEvents != nil {
		e.add(projectionLagEvents, *o.ProjectionLagEvents)
	}
	for _, l := range o.StreamLag {
		e.add(streamLag, float64(l.Messages), l.Partition)
	}
	if at := o.StreamLastLook; at != nil {
		e.add(streamLastLook, max(0, float64(at.UnixMilli())/1000))
	}
	if o.StreamWaiting != nil {
		e.add(streamWaiting, *o.StreamWaiting)
	}
	if o.StreamBeforeStore != nil {
		e.add(streamBeforeStore, float64(*o.StreamBeforeStore))
	}
	for _, c := range o.Completeness {
		e.add(completeness, c.Ratio, c.Hop)
	}
	for _, c := range o.ChangeCompleteness {
		e.add(changeCompleteness, c.Ratio, c.Hop)
	}
	e.coverage(o.Coverage)
	if o.AlertsPending != nil {
		e.add(alertsPending, float64(*o.AlertsPending))
	}
	for _, t := range o.Throttled {
		e.add(throttleWaiting, truth(t.Now), t.Side, t.Reason)
	}
	if at := o.VerifiedThrough; at != nil {
		e.add(verifiedThrough, float64(at.UnixMilli())/1000)
	}
	for _, s := range o.Slots {
		e.add(slotSafe, float64(s.Safe), s.Name, s.Status)
	}
	for _, s := range o.CutoverStep {
		e.add(cutoverStep, truth(s.Now), s.Step, s.State)
	}
}

// coverage emits the shares. It leaves out statuses beyond the limit, because shares do not add up.
func (e *emitter) coverage(list []Coverage) {
	statuses := map[string]bool{}
	for _, c := range list {
		if statuses[c.Status] = true; len(statuses) > maxStatuses {
			return
		}
		e.add(coverageByAge, c.Ratio, cmp.Or(c.Status, "(none)"), c.Age)
	}
}
