package config

import "time"

// Share asks for a part of a whole: shadow_write_completeness, stream_completeness and history_accuracy.
type Share struct {
	Criterion
	// Min is the smallest share that passes, above 0 and at most 1. Default 1.0.
	Min float64
	// MaxAge is how old the evidence may be. Default 26h; 1h for stream_completeness, 168h for history_accuracy.
	MaxAge time.Duration
}

// Most limits a number: event_gaps and stream_lag.
type Most struct {
	Criterion
	// Max is the largest number that passes. Default 0 for event_gaps, 1000 messages for stream_lag.
	Max int64
	// MaxAge is how old the evidence may be. Default 26h for event_gaps, 10m for stream_lag.
	MaxAge time.Duration
}

// Lag limits how far the projection may be behind the event store.
type Lag struct {
	Criterion
	// Max is how old the oldest event may be that is not applied yet. Default 1m.
	Max time.Duration
	// MaxAge is how old the evidence may be. Default 10m.
	MaxAge time.Duration
}

// CleanStreak asks for passes that matched in a row.
type CleanStreak struct {
	Criterion
	// Passes is how many, at least 1. Default 24.
	Passes int64
	// Duration is over which time at least. Default 24h.
	Duration time.Duration
	// MaxAge is how old the newest of them may be. Default 26h.
	MaxAge time.Duration
}

// Rehearsals asks for rehearsals that succeeded: of the cutover, and of the rollback.
type Rehearsals struct {
	Criterion
	// Count is how many in a row, at least 1. Default 3, and 1 of the rollback.
	Count int64
	// MaxDuration is how long each may have taken. Default 5m, and 2m of the rollback.
	MaxDuration time.Duration
	// MaxAge is how old each may be. Default 336h.
	MaxAge time.Duration
}

// readOptional reads what all criteria have; one that the file names is in force.
func readOptional(o *object, c *Criterion, maxAge *time.Duration) {
	c.Enabled = true
	readCriterion(o, c)
	readMaxAge(o, maxAge)
}

func (s *Share) read(o *object) {
	readOptional(o, &s.Criterion, &s.MaxAge)
	o.ratio("min", &s.Min, between{low: 0, high: 1, withHigh: true})
}

func (m *Most) read(o *object) {
	readOptional(o, &m.Criterion, &m.MaxAge)
	o.whole("max", &m.Max, 0, maxWhole)
}

func (l *Lag) read(o *object) {
	readOptional(o, &l.Criterion, &l.MaxAge)
	o.duration("max", &l.Max, 0)
}

func (s *CleanStreak) read(o *object) {
	readOptional(o, &s.Criterion, &s.MaxAge)
	o.whole("passes", &s.Passes, 1, maxWhole)
	o.duration("duration", &s.Duration, 0)
}

func (r *Rehearsals) read(o *object) {
	const most = 1000
	readOptional(o, &r.Criterion, &r.MaxAge)
	o.whole("count", &r.Count, 1, most)
	o.duration("max_duration", &r.MaxDuration, time.Second)
}
