package source

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/nordvarg/crosscheck/doctor"
	"github.com/nordvarg/crosscheck/source/session"
)

// Unreachable returns true for the errors of a database that is down, starting, stopping or full, or that does not
// answer. Nothing is proven, and the next attempt may succeed.
func Unreachable(err error) bool {
	_, answered := errors.AsType[*pgconn.PgError](err)
	return Lost(err) || !answered && !errors.Is(err, session.ErrShared) && errors.Is(err, context.DeadlineExceeded)
}

// Lost returns true for the same errors, but not for a read that was not answered in time: each attempt may need too long.
func Lost(err error) bool {
	if errors.Is(err, session.ErrShared) {
		return false
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return strings.HasPrefix(pg.Code, "08") || slices.Contains([]string{"53300", "57P01", "57P02", "57P03"}, pg.Code)
	}
	op, broken := errors.AsType[*net.OpError](err)
	return connecting(err) || broken && op.Op != "listen" || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, session.ErrLost)
}

// connecting returns true for an error of the attempt to connect. Nothing of the configuration but the dsn was used then.
func connecting(err error) bool {
	_, is := errors.AsType[*pgconn.ConnectError](err)
	return is
}

// Passes returns true for errors that may pass without a change of the configuration. Besides those of [Unreachable], they
// are of a lock that others hold, of a statement that was canceled, and of a server without resources.
func Passes(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return Unreachable(err) || ok && (strings.HasPrefix(pg.Code, "53") ||
		slices.Contains([]string{"55P03", "57014", "40001", "40P01", "25P03", "25P04", "57P05", "72000"}, pg.Code))
}

// hints are by PostgreSQL's error code.
var hints = map[string]string{
	"28P01": "check the user name and the password in the dsn",
	"28000": "check the user, sslmode and certificate (sslcert, sslkey) in the dsn, and pg_hba.conf on the server",
	"3D000": "check the database name in the dsn",
	"3F000": "check the schema in the table's name",
	"42P01": "check the table; search_path is empty, so write schema.table; a name with capitals needs double quotes",
	"42703": "check the column names in compare.fields, key and changed_at; a name with capitals needs double quotes",
	"42501": "the role needs SELECT on the table and USAGE on its schema",
	"42883": "check function and argument types; search_path is empty, so write schema.function in expressions",
	"42704": "the server has no type, collation or setting of that name; search_path is empty, so write schema.type in expressions",
	"42601": "check the SQL of the expression in config.yaml",
	"55000": "fill it with REFRESH MATERIALIZED VIEW",
	"57014": "a query ran into a timeout, or was cancelled on the server; see whether the server is overloaded",
	"55P03": "another session holds a lock on the table; see pg_stat_activity and pg_locks",
	"53300": "free connections on the server, or raise max_connections: " + sessionsNeeded,
	"57P01": "the server was stopped or the session ended by an administrator; try again",
	"57P02": "the server crashed; see its log",
	"57P03": "the server is starting, stopping or recovering; try again in a moment",
}

// connectHints are for errors of the attempt to connect whose code has another meaning later.
var connectHints = map[string]string{
	"42501": settingsHint, "42601": settingsHint, "42602": settingsHint, "42704": settingsHint, "22023": settingsHint, "55P02": settingsHint,
	"55000": "the database accepts no connections; check its name in the dsn",
}

const settingsHint = "the dsn sets this in the session, in options= or as a parameter of its own; correct it there"

// sessionsNeeded is for limits of connections. A pool has at most five.
const sessionsNeeded = "each of legacy, projection and events uses up to 5 connections in a command, a full verification with events up to 5 more " +
	"for legacy and for events, and run as many for each pass that is running, for the follower and for the status page"

// tlsSettings are in the dsn.
var tlsSettings = doctor.TLSSettings{
	Use: "sslmode in the dsn", Authority: "sslrootcert in the dsn", Name: "host in the dsn", Own: "sslcert and sslkey in the dsn",
}

// PoolerHint is the hint for a pooler that shares sessions.
const PoolerHint = "connect to the server directly, or through a pooler in session mode"

// rowSecurityHint says how to repair it. A policy that shows all rows does not help, because no session can verify it.
const rowSecurityHint = "rows that the role cannot see would not be compared. Use ALTER ROLE … BYPASSRLS for the role that reads the table " +
	"(for a view: its owner), or name a view that the table's owner owns"

// hidesRows returns true for PostgreSQL's refusal to hide rows silently. Its code is the general one for missing
// rights, and its message may be in any language. Only the name of the function that raises it is certain.
func hidesRows(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pg.Code == "42501" && pg.Routine == "check_enable_rls"
}

// Hint returns the user's next step after an error of a database; empty if none is known.
func Hint(err error) string {
	switch {
	case hidesRows(err):
		return rowSecurityHint
	case errors.Is(err, session.ErrShared):
		return PoolerHint
	case errors.Is(err, errGroups):
		return "set compare.group_by to a field with few values, such as a status"
	case Conflict(err):
		return conflictHint
	case errors.Is(err, session.ErrLost):
		return "the network drops packets silently, or the server's machine is down; the next pass connects again"
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch hint := hints[pg.Code]; {
		case connecting(err):
			return connectHint(pg)
		case pg.Where != "" && slices.Contains([]string{"3F000", "42P01", "42883", "42704"}, pg.Code):
			return withinFunction(pg)
		case hint != "" || !rowFault(pg):
			return hint
		}
		return faultHint
	}
	_, hint, _ := doctor.TLSFault(err, tlsSettings)
	return hint
}

// withinFunction is the hint for a name that a function of the database did not find. The function that the view or the
// expression calls is the last that the server names.
func withinFunction(pg *pgconn.PgError) string {
	called := strings.Split(strings.TrimSuffix(strings.TrimSpace(pg.Where), "\nparallel worker"), "\n")
	return fmt.Sprintf("in %s: search_path is empty, so the function must name schemas, or have its own path: ALTER FUNCTION … SET search_path = …",
		doctor.OneLine(called[len(called)-1]))
}

// connectHint is the hint for a server that refuses to begin a session.
func connectHint(pg *pgconn.PgError) string {
	switch {
	case pg.Code == "42501" && pg.Routine == "CheckMyDatabase":
		return "the role needs CONNECT on the database"
	case strings.HasPrefix(pg.Code, "22"):
		return settingsHint
	}
	return cmp.Or(connectHints[pg.Code], hints[pg.Code])
}

// nextStep returns a hint for every error.
func nextStep(err error) string {
	if hint := Hint(err); hint != "" {
		return hint
	}
	return "the server's log may say more"
}

// saidBy returns an error on one line: the server's message, without codes and prefixes.
func saidBy(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return doctor.OneLine(pg.Message)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer in time"
	}
	return doctor.OneLine(err.Error())
}

// ConnectionFailed returns the finding for a database that cannot be connected to, for any adapter. It contains neither
// the dsn nor its password.
func ConnectionFailed(side, dsn string, err error) doctor.Finding {
	f := doctor.Finding{Side: side, Check: doctor.Connection, Level: doctor.Error}
	c, parsing := pgconn.ParseConfig(dsn)
	if parsing != nil {
		// The error quotes the text that could not be read, which may be a password.
		f.Check, f.Message = CheckDSN, "the dsn cannot be read"
		f.Hint = session.DSNHint + "; files that it names must be readable"
		return f
	}
	if errors.Is(err, session.ErrShared) {
		f.Check, f.Message, f.Hint = CheckPooler, session.ErrShared.Error()+" ("+addresses(c)+")", PoolerHint
		return f
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		f.Check, f.Message, f.Hint = refused(c, pg, err)
		if pg.Code == "42501" && pg.Routine == "CheckMyDatabase" {
			f.Fixes = []doctor.Fix{{As: "the owner of the database", SQL: []string{f.Hint}}}
		}
		return f
	}
	f.Message, f.Hint = unanswered(c, err)
	return f
}

// UserOf is the user of a dsn.
func UserOf(dsn string) string {
	c, err := pgconn.ParseConfig(dsn)
	if err != nil {
		return ""
	}
	return c.User
}

// FoundAt is where a dsn leads to.
func FoundAt(dsn string) doctor.Place {
	c, err := pgconn.ParseConfig(dsn)
	if err != nil {
		return doctor.Place{}
	}
	return doctor.Place{Server: addresses(c), Database: c.Database}
}

// refused is for a server that answered with a refusal.
func refused(c *pgconn.Config, pg *pgconn.PgError, err error) (check, message, hint string) {
	check, message, hint = doctor.Login, doctor.OneLine(pg.Message)+" ("+addresses(c)+")", nextStep(err)
	switch {
	case Unreachable(err):
		check = doctor.Connection
	case Passes(err):
		check = doctor.Busy
	case pg.Code == "42501" && pg.Routine == "CheckMyDatabase":
		hint = fmt.Sprintf("GRANT CONNECT ON DATABASE %s TO %s", quoted(c.Database), quoted(c.User))
	}
	return check, message, hint
}

// unanswered is for a server that was not found, or did not answer as expected.
func unanswered(c *pgconn.Config, err error) (message, hint string) {
	var (
		dns     *net.DNSError
		record  tls.RecordHeaderError
		timeout net.Error
	)
	at := addresses(c)
	fault, repair, tlsFault := doctor.TLSFault(err, tlsSettings)
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return fmt.Sprintf("unknown host %s", dns.Name), "check the host in the dsn"
	case errors.As(err, &dns):
		return fmt.Sprintf("the name service does not answer for %s", dns.Name), "check the name service of this machine"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused by " + at, "check host and port in the dsn, and that the server is running and listens there"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "no route to " + at, "check the network between here and the server"
	case errors.Is(err, os.ErrNotExist) && strings.HasPrefix(c.Host, "/"):
		return "no server at the socket in " + c.Host, "check the folder and the port of the socket, and that the server is running"
	case strings.Contains(err.Error(), "server refused TLS connection"):
		return at + " does not offer TLS, and the dsn asks for it", "check sslmode in the dsn, and ssl on the server"
	case errors.As(err, &record), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
		return at + " does not speak PostgreSQL's protocol, or closed the connection", "check host and port in the dsn, and which program listens there"
	case tlsFault:
		return at + ": " + fault, repair
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "no answer from " + at + " in time", "check host and port in the dsn; a firewall that drops packets looks like this too, and a pooler in session mode without a free connection: " + sessionsNeeded
	}
	return scrubbed(c, err), "check host and port in the dsn, and that the server is running"
}

// scrubbed returns an unknown error without the password, in case the error contains it.
func scrubbed(c *pgconn.Config, err error) string {
	text := doctor.OneLine(err.Error())
	if c.Password != "" {
		text = strings.ReplaceAll(text, c.Password, "<secret>")
	}
	return text
}

// addresses returns the hosts of a dsn, each once. Drivers try each with and without TLS.
func addresses(c *pgconn.Config) string {
	list := []string{address(c.Host, c.Port)}
	for _, f := range c.Fallbacks {
		if a := address(f.Host, f.Port); !slices.Contains(list, a) {
			list = append(list, a)
		}
	}
	return strings.Join(list, ", ")
}

func address(host string, port uint16) string {
	if strings.HasPrefix(host, "/") {
		return fmt.Sprintf("%s/.s.PGSQL.%d", host, port)
	}
	return net.JoinHostPort(host, strconv.Itoa(int(port)))
}

// quoted returns a name as SQL reads it.
func quoted(names ...string) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = `"` + strings.ReplaceAll(n, `"`, `""`) + `"`
	}
	return strings.Join(out, ".")
}
