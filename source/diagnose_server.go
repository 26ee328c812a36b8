package source

import (
	"context"
	"fmt"
	"time"

	"github.com/nordvarg/crosscheck/doctor"
	"github.com/nordvarg/crosscheck/verify"
)

// server is what a server says about itself and about the session. Its zero value is a server that was not asked.
type server struct {
	version   string
	number    int // server_version_num
	database  string
	role      string
	superuser bool
	encoding  string
	at        verify.Position
	skew      time.Duration // the server's clock minus ours; positive if it is ahead
	precision time.Duration // half a round trip: the skew is not known better than this
}

func (e *examination) examineServer(ctx context.Context) {
	var s server
	var clock time.Time
	before := e.now()
	err := e.pool.QueryRow(ctx, `SELECT clock_timestamp(), current_setting('server_version'), current_setting('server_version_num')::int,
			current_database()::text, current_user::text, coalesce((SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user), false),
			current_setting('server_encoding')`).
		Scan(&clock, &s.version, &s.number, &s.database, &s.role, &s.superuser, &s.encoding)
	if err != nil {
		e.failed(CheckServer, "asking the server about itself", err)
		return
	}
	s.skew, s.precision = Skew(clock, before, e.now())
	if s.at, err = e.Position(ctx); err != nil {
		e.failed(CheckReplica, "asking the server for its position", err)
		return
	}
	e.server = s
	name := e.side()
	e.findings = append(e.findings, versionFinding(name, s), encodingFinding(name, s.encoding), ClockFinding(name, s.skew, s.precision))
	if s.at.Standby {
		e.findings = append(e.findings, replicaFinding(name, s.at))
	}
}

// Versions below minVersion are in no test. Versions below fastVersion cannot address rows by ranges and cannot bin
// timestamps.
const (
	minVersion  = 130000
	fastVersion = 140000
)

func versionFinding(side string, s server) doctor.Finding {
	f := doctor.Finding{Side: side, Check: CheckServer, Level: doctor.OK, Message: fmt.Sprintf("PostgreSQL %s, database %s, as %s", s.version, s.database, s.role)}
	switch {
	case s.number < minVersion:
		f.Level, f.Hint = doctor.Error, "PostgreSQL 13 or later is needed; you can use a replica or a logical copy on a newer server"
	case s.number < fastVersion:
		f.Level, f.Hint = doctor.Info, "use PostgreSQL 14 or later; it reads faster and draws samples from row addresses"
	}
	return f
}

func encodingFinding(side, encoding string) doctor.Finding {
	f := doctor.Finding{Side: side, Check: CheckEncoding, Level: doctor.OK, Message: "the database's encoding is " + encoding}
	if encoding != "UTF8" {
		f.Level = doctor.Info
		f.Hint = "text is compared as UTF-8, and invalid text as bytes; full verification reads orders with text beyond ASCII by value, which takes longer than digests"
	}
	return f
}

func replicaFinding(side string, at verify.Position) doctor.Finding {
	f := doctor.Finding{
		Side: side, Check: CheckReplica, Level: doctor.Info,
		Message: "the server is " + at.String(),
		Hint:    "set settle.window to more than the replay lag; " + conflictHint,
	}
	if at.Stopped != "" {
		f.Level = doctor.Warning
		f.Hint = "let the standby follow its primary again; a pass ends unverified if the standby is farther behind than settle.max_lag"
	}
	return f
}

// maxSkew is how far a server's clock may be from ours.
const maxSkew = time.Second

// Skew returns how far a clock that was read between two moments of ours is ahead of ours, and the uncertainty of that.
func Skew(clock, before, after time.Time) (skew, precision time.Duration) {
	precision = after.Sub(before) / 2
	return clock.Sub(before.Add(precision)), precision
}

// ClockFinding judges the skew of a server's clock.
func ClockFinding(side string, skew, precision time.Duration) doctor.Finding {
	f := doctor.Finding{Side: side, Check: CheckClock, Level: doctor.OK, Message: "the server's clock agrees with ours within a second"}
	if skew.Abs() > maxSkew+precision {
		direction := "ahead of"
		if skew < 0 {
			direction = "behind"
		}
		f.Level = doctor.Warning
		f.Message = fmt.Sprintf("the server's clock is %s %s ours", skew.Abs().Round(time.Millisecond), direction)
		f.Hint = "synchronise both machines with NTP, because ages and lag are computed from both clocks"
	}
	return f
}
