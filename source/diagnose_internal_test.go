package source

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/nordvarg/crosscheck/doctor"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// What takes another server, a standby or a stopped one to see is judged from values here.

func TestVersionFinding(t *testing.T) {
	for number, want := range map[int]doctor.Level{110022: doctor.Error, 120022: doctor.Error, 130011: doctor.Info, 140000: doctor.OK, 180001: doctor.OK} {
		f := versionFinding("legacy", server{version: "v", number: number, database: "d", role: "r"})
		if f.Level != want || (f.Hint == "") != (want == doctor.OK) {
			t.Errorf("version %d: %+v, want %s", number, f, want)
		}
	}
}

func TestReplicaFinding(t *testing.T) {
	lag := 2.5
	f := replicaFinding("legacy", verify.Position{Standby: true, LSN: "0/3000060", Lag: &lag})
	if f.Level != doctor.Info || !strings.Contains(f.Message, "a standby at 0/3000060, up to 2.5s behind") || !strings.Contains(f.Hint, "settle.window") {
		t.Errorf("%+v", f)
	}
	f = replicaFinding("legacy", verify.Position{Standby: true, Stopped: "replay is paused"})
	if f.Level != doctor.Warning || !strings.Contains(f.Message, "an unknown time behind its primary: replay is paused") {
		t.Errorf("%+v", f)
	}
}

func TestClockFindingAllowsForTheRoundTrip(t *testing.T) {
	before := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, c := range []struct {
		trip, ahead time.Duration
		want        doctor.Level
	}{
		{0, 0, doctor.OK},
		{0, 900 * time.Millisecond, doctor.OK},
		{0, 1100 * time.Millisecond, doctor.Warning},
		{0, -1100 * time.Millisecond, doctor.Warning},
		{10 * time.Second, 5 * time.Second, doctor.OK}, // the answer took long, and may have been given at any moment of it
		{10 * time.Second, 11500 * time.Millisecond, doctor.Warning},
	} {
		skew, precision := Skew(before.Add(c.ahead), before, before.Add(c.trip))
		if f := ClockFinding("legacy", skew, precision); f.Level != c.want {
			t.Errorf("trip %v, clock %v ahead of its start: %+v", c.trip, c.ahead, f)
		}
	}
}

func TestJudgeHash(t *testing.T) {
	for _, c := range []struct {
		native, portable bool
		err              error
		want             doctor.Level
		message          string
	}{
		{true, false, nil, doctor.OK, "the same digests"},
		{false, true, nil, doctor.Warning, "portable digests"},
		{false, false, nil, doctor.Error, "full verification is impossible"},
		{false, false, errors.New("no such function"), doctor.Error, "no such function"},
	} {
		f := judgeHash(c.native, c.portable, c.err)
		if f.Level != c.want || !strings.Contains(f.Message, c.message) || (f.Hint == "") != (c.want == doctor.OK) {
			t.Errorf("%+v: %+v", c, f)
		}
	}
}

func TestConnectionFailed(t *testing.T) {
	const dsn = "postgres://reader:hunter2@db.example:5433/orders?sslmode=disable"
	for _, c := range []struct {
		err                  error
		check, message, hint string
	}{
		{&pgconn.PgError{Code: "28P01", Message: `password authentication failed for user "reader"`}, doctor.Login, "password authentication failed", "password"},
		{&pgconn.PgError{Code: "28000", Message: "no pg_hba.conf entry"}, doctor.Login, "no pg_hba.conf entry", "pg_hba.conf"},
		{&pgconn.PgError{Code: "57P03", Message: "the database system is starting up"}, doctor.Connection, "starting up (db.example:5433)", "try again"},
		{&pgconn.PgError{Code: "53300", Message: "sorry, too many clients already"}, doctor.Connection, "too many clients", "raise max_connections"},
		{context.DeadlineExceeded, doctor.Connection, "no answer from db.example:5433", "firewall"},
		{errors.New("something with hunter2\nin it"), doctor.Connection, "something with <secret> in it", "server is running"},
	} {
		f := ConnectionFailed("legacy", dsn, fmt.Errorf("connecting: %w", c.err))
		if f.Side != "legacy" || f.Check != c.check || f.Level != doctor.Error || !strings.Contains(f.Message, c.message) || !strings.Contains(f.Hint, c.hint) {
			t.Errorf("%v: %+v", c.err, f)
		}
		if strings.Contains(f.Message+f.Hint, "hunter2") {
			t.Errorf("the password is in %+v", f)
		}
	}
}

func TestTypesFinding(t *testing.T) {
	number := func(precision, scale int32) native {
		return native{oid: pgtype.NumericOID, modifier: (precision<<16 | scale) + 4, name: fmt.Sprintf("numeric(%d,%d)", precision, scale), category: "N"}
	}
	anyNumber := native{oid: pgtype.NumericOID, modifier: -1, name: "numeric", category: "N"}
	bigint := native{oid: pgtype.Int8OID, modifier: -1, name: "bigint", category: "N"}
	integer := native{oid: pgtype.Int4OID, modifier: -1, name: "integer", category: "N"}
	text := native{oid: pgtype.TextOID, modifier: -1, name: "text", category: "S"}
	char := native{oid: pgtype.BPCharOID, modifier: 8, name: "character(4)", category: "S"}
	varchar := native{oid: pgtype.VarcharOID, modifier: 8, name: "character varying(4)", category: "S"}
	enum := native{oid: 99999, modifier: -1, name: "state", category: "E"}
	uuid := native{oid: pgtype.UUIDOID, modifier: -1, name: "uuid", category: "U"}
	micros := native{oid: pgtype.TimestamptzOID, modifier: -1, name: "timestamp with time zone", category: "D"}
	millis := native{oid: pgtype.TimestamptzOID, modifier: 3, name: "timestamp(3) with time zone", category: "D"}
	for _, c := range []struct {
		as                 order.FieldType
		legacy, projection native
		want               doctor.Level
	}{
		{order.Numeric, number(18, 4), number(18, 4), doctor.OK},
		{order.Numeric, number(18, 4), number(18, 2), doctor.Warning},
		{order.Numeric, number(18, 2), number(18, 4), doctor.Warning}, // two digits less before the point
		{order.Numeric, number(18, 2), number(20, 4), doctor.OK},
		{order.Numeric, anyNumber, number(18, 4), doctor.Warning},
		{order.Numeric, number(18, 4), anyNumber, doctor.OK},
		{order.Numeric, number(10, 0), bigint, doctor.OK},
		{order.Numeric, number(10, 2), bigint, doctor.Warning},
		{order.Integer, bigint, integer, doctor.Warning},
		{order.Integer, integer, bigint, doctor.OK},
		{order.Text, text, varchar, doctor.Warning},
		{order.Text, varchar, text, doctor.OK},
		{order.Text, enum, text, doctor.OK},
		{order.Text, varchar, char, doctor.Info},
		{order.Text, varchar, integer, doctor.Error},
		{order.Text, uuid, text, doctor.Warning},
		{order.Timestamptz, micros, millis, doctor.Warning},
		{order.Timestamptz, millis, micros, doctor.OK},
	} {
		f, found := typesFinding("x", c.as, c.legacy, c.projection)
		if !found {
			f.Level = doctor.OK
		}
		if f.Level != c.want || found && f.Hint == "" {
			t.Errorf("%s and %s as %s: %+v, want %s", c.legacy.name, c.projection.name, c.as, f, c.want)
		}
	}
}

func TestLevelsAreOrdered(t *testing.T) {
	if !doctor.Error.Worse(doctor.Warning) || !doctor.Warning.Worse(doctor.Info) || !doctor.Info.Worse(doctor.OK) || doctor.OK.Worse(doctor.OK) || doctor.Info.Worse(doctor.Error) {
		t.Error("levels are not ordered")
	}
}

func TestALostConnectionIsOneFinding(t *testing.T) {
	e := &examination{Side: &Side{config: Config{Representation: order.Legacy, DSN: "postgres://reader@db.example:5433/orders"}}}
	stopped := &pgconn.PgError{Code: "57P01", Message: "terminating connection due to administrator command"}
	e.failed(CheckRows, "looking for a first row", stopped)
	e.column(CheckField, "status", stopped)
	e.failed(CheckKeyIndex, "looking for an index on the key", &pgconn.PgError{Code: "42501", Message: "permission denied"})
	if len(e.findings) != 2 || e.findings[0].Check != doctor.Connection || e.findings[1].Check != CheckKeyIndex {
		t.Errorf("%+v", e.findings)
	}
}
