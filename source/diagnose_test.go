package source_test

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/doctor"
	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source"
)

// patient is a pair with a system that nothing is wrong with: a table each, and a role that may read it.
type patient struct {
	*pair
	role string
}

var roles atomic.Int64 // makes role names unique in the server

func newPatient(t *testing.T) *patient {
	role := newRole(t)
	p := &patient{pair: newPair(t, []source.Field{field("status", order.Text), field("price", order.Numeric)}), role: role}
	for i, c := range []*pgx.Conn{p.legacy, p.projection} {
		p.exec(c, `CREATE TABLE public.orders (order_id bigint PRIMARY KEY, status text, price numeric(18,4), updated_at timestamptz);
			CREATE INDEX ON public.orders (updated_at);
			INSERT INTO public.orders VALUES (1, 'OPEN', 1.5, now()); GRANT SELECT ON public.orders TO `+role)
		p.config[i].DSN = as(t, p.config[i].DSN, url.User(role))
		p.config[i].ChangedAt = "updated_at"
	}
	return p
}

// newRole makes a role that is dropped with the test. It must come before the databases in which it is granted
// anything, for they must be dropped before it.
func newRole(t *testing.T) string {
	t.Helper()
	role := fmt.Sprintf("reader%d", roles.Add(1))
	conn, err := pgx.Connect(t.Context(), pgtest.Server(t).DSN("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "CREATE ROLE "+role+" LOGIN"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		defer conn.Close(ctx)
		if _, err := conn.Exec(ctx, "DROP ROLE "+role); err != nil {
			t.Error(err)
		}
	})
	return role
}

// as is a dsn for another user.
func as(t *testing.T, dsn string, user *url.Userinfo) string {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	u.User = user
	return u.String()
}

func (p *patient) diagnose() []doctor.Finding {
	return source.Diagnose(p.t.Context(), p.config[0], p.config[1], time.Now)
}

// expectation is part of a finding.
type expectation struct {
	side, check string
	level       doctor.Level
	message     string
	hint        string
}

func (w expectation) metBy(f doctor.Finding) bool {
	return f.Side == w.side && f.Check == w.check && f.Level == w.level &&
		strings.Contains(f.Message, w.message) && strings.Contains(f.Hint, w.hint)
}

func problem(side, check, message, hint string) expectation {
	return expectation{side, check, doctor.Error, message, hint}
}

func warning(side, check, message, hint string) expectation {
	return expectation{side, check, doctor.Warning, message, hint}
}

func info(side, check, message, hint string) expectation {
	return expectation{side, check, doctor.Info, message, hint}
}

func (p *patient) expect(want ...expectation) {
	p.t.Helper()
	expect(p.t, p.role, p.diagnose(), want)
}

// expect wants these findings, each with a hint, and nothing else that is not ok. ROLE stands for the role.
func expect(t *testing.T, role string, got []doctor.Finding, want []expectation) {
	t.Helper()
	for i := range want {
		want[i].message = strings.ReplaceAll(want[i].message, "ROLE", role)
		want[i].hint = strings.ReplaceAll(want[i].hint, "ROLE", role)
	}
	for _, w := range want {
		if !slices.ContainsFunc(got, w.metBy) {
			t.Errorf("not found: %+v", w)
		}
	}
	for _, f := range got {
		if f.Level == doctor.OK {
			continue
		}
		if !slices.ContainsFunc(want, func(w expectation) bool { return w.metBy(f) }) {
			t.Errorf("not expected: %+v", f)
		}
		if f.Hint == "" {
			t.Errorf("no hint: %+v", f)
		}
	}
}

func TestDiagnoseOfAHealthySystemIsAllOK(t *testing.T) {
	p := newPatient(t)
	p.expect()
	checks := map[string]int{}
	for _, f := range p.diagnose() {
		checks[f.Check]++
	}
	for _, c := range []string{
		source.CheckServer, source.CheckEncoding, source.CheckClock, source.CheckRole, source.CheckTable, source.CheckRows,
		source.CheckKey, source.CheckKeyIndex, source.CheckUniqueKey, source.CheckField, source.CheckChangedAt,
	} {
		if checks[c] < 2 {
			t.Errorf("check %s was done %d times, not on both sides", c, checks[c])
		}
	}
	if checks[source.CheckIdentity] != 1 || checks[source.CheckHash] != 1 {
		t.Errorf("identity and hash were checked %d and %d times", checks[source.CheckIdentity], checks[source.CheckHash])
	}
}
