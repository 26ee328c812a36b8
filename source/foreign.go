package source

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// foreignTable is a table of another server, with the options that say where it is. The options of user mappings, which
// hold passwords, are never read.
type foreignTable struct {
	Schema, Table string // of the foreign table
	Server        string
	Postgres      bool // read by postgres_fdw
	Wrapper       string
	ServerOptions []string // name=value
	TableOptions  []string
}

func (f foreignTable) name() string { return f.Schema + "." + f.Table }

// foreignTables asks for those among relations.
func foreignTables(ctx context.Context, q querier, among []relationName) ([]foreignTable, error) {
	var oids []uint32
	for _, n := range among {
		if n.Kind == "f" {
			oids = append(oids, n.OID)
		}
	}
	if len(oids) == 0 {
		return nil, nil
	}
	rows, err := q.Query(ctx, `SELECT n.nspname::text, c.relname::text, s.srvname::text, coalesce(p.proname = 'postgres_fdw_handler', false),
			w.fdwname::text, coalesce(s.srvoptions, '{}'), coalesce(t.ftoptions, '{}')
		FROM pg_catalog.pg_foreign_table t JOIN pg_catalog.pg_class c ON c.oid = t.ftrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
			JOIN pg_catalog.pg_foreign_server s ON s.oid = t.ftserver JOIN pg_catalog.pg_foreign_data_wrapper w ON w.oid = s.srvfdw
			LEFT JOIN pg_catalog.pg_proc p ON p.oid = w.fdwhandler
		WHERE t.ftrelid = ANY($1::oid[]) ORDER BY 1, 2`, oids)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[foreignTable])
}

// options splits name=value.
func options(all []string) map[string]string {
	out := map[string]string{}
	for _, o := range all {
		name, value, _ := strings.Cut(o, "=")
		out[name] = value
	}
	return out
}

// remote is the relation that is read on the other server.
func (f foreignTable) remote() (schema, table string) {
	o := options(f.TableOptions)
	return cmp.Or(o["schema_name"], f.Schema), cmp.Or(o["table_name"], f.Table)
}

// relation is how the relation on the other server is known. Other wrappers have other options.
func (f foreignTable) relation() string {
	if schema, table := f.remote(); f.Postgres {
		return schema + "." + table
	}
	if len(f.TableOptions) == 0 {
		return f.name()
	}
	return strings.Join(slices.Sorted(slices.Values(f.TableOptions)), ", ")
}

// String names the table and its server, without options that a wrapper may keep secrets in.
func (f foreignTable) String() string {
	server := "server " + f.Server
	if o := options(f.ServerOptions); f.Postgres {
		server += fmt.Sprintf(", host %s, port %s, database %s", cmp.Or(o["host"], o["hostaddr"], "local"), cmp.Or(o["port"], "5432"), cmp.Or(o["dbname"], "not named"))
	}
	return fmt.Sprintf("%s (%s)", f.name(), server)
}

// location is where a database is. A machine has several names, and a server may be reached through several ports.
type location struct {
	system   string // of the cluster; empty if it is not known
	machines []string
	ports    []string
	database string
}

// same returns true only if two locations are known to be one.
func (l location) same(other location) bool {
	if l.database == "" || l.database != other.database {
		return false
	}
	if l.system != "" && other.system != "" {
		return l.system == other.system
	}
	return meet(l.machines, other.machines) && meet(l.ports, other.ports)
}

func meet(a, b []string) bool {
	return slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}

// ownMachine is the machine that crosscheck runs on.
const ownMachine = "this machine"

// local returns true for the names that every machine has for itself.
func local(host string) bool {
	ip := net.ParseIP(host)
	return host == "" || strings.HasPrefix(host, "/") || strings.HasPrefix(host, "@") || strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// locate finds the server of a foreign table, as seen from the server that has the foreign table.
func (f foreignTable) locate(from location) location {
	o := options(f.ServerOptions)
	if !f.Postgres {
		return f.locateOther(o, from)
	}
	if o["service"] != "" { // a file on that server says where
		return location{}
	}
	l := location{database: o["dbname"], ports: strings.Split(cmp.Or(o["port"], "5432"), ",")}
	for host := range strings.SplitSeq(cmp.Or(o["hostaddr"], o["host"]), ",") {
		host = strings.ToLower(host)
		if !local(host) && !slices.Contains(from.machines, host) {
			l.machines = append(l.machines, host)
			continue
		}
		l.machines = append(l.machines, from.machines...)
		if meet(l.ports, from.ports[:1]) && len(l.ports) == 1 {
			l.system = from.system
		}
	}
	return l
}

// locateOther is for other wrappers: the same options lead to the same place. If none names a machine, it is a place of
// the machine that has the foreign table.
func (f foreignTable) locateOther(o map[string]string, from location) location {
	l := location{database: f.Wrapper + " " + strings.Join(slices.Sorted(slices.Values(f.ServerOptions)), ", "), machines: from.machines, ports: []string{""}}
	for _, name := range []string{"host", "hostname", "servername", "server", "dbserver", "address"} {
		if host := strings.TrimPrefix(o[name], "//"); !local(host) {
			l.machines = []string{strings.ToLower(host)}
		}
	}
	return l
}

// home is the database of a side.
type home struct {
	side     *Side
	identity Identity
	at       location
}

func (h home) database() string { return h.identity.System + "/" + h.identity.Database }

// home asks the server where it is.
func (s *Side) home(ctx context.Context) (home, error) {
	h := home{side: s}
	var err error
	if h.identity, err = s.Identity(ctx); err != nil {
		return h, err
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	var address, port string
	const q = "SELECT current_database()::text, coalesce(pg_catalog.host(pg_catalog.inet_server_addr()), ''), current_setting('port')"
	if err := s.pool.QueryRow(ctx, q).Scan(&h.at.database, &address, &port); err != nil {
		return h, fmt.Errorf("asking %s for its address: %w", s.config.Representation, err)
	}
	h.at.system = h.identity.System
	h.at.ports = []string{port}
	if h.at.system != "" {
		h.at.machines = append(h.at.machines, "system "+h.at.system)
	}
	if !local(address) {
		h.at.machines = append(h.at.machines, address)
	}
	for _, e := range endpoints(s.pool.Config()) {
		host, reached, err := net.SplitHostPort(e)
		switch {
		case err != nil:
		case !local(host):
			h.at.machines, h.at.ports = append(h.at.machines, host), append(h.at.ports, reached)
		case local(address) && reached == port: // else a tunnel
			h.at.machines = append(h.at.machines, ownMachine)
		}
	}
	return h, nil
}

// foreignHops is how many foreign tables that lead from one side's database to the other's are followed.
const foreignHops = 4

// bases follows a reading to the tables of the two sides' databases. What leads elsewhere is kept in strangers.
func (h home) bases(ctx context.Context, r *reading, other home, hops int) []base {
	var out []base
	for _, t := range r.tables {
		out = append(out, base{database: h.database(), relation: t})
	}
	for _, f := range r.foreign {
		at := f.locate(h.at)
		switch {
		case at.same(h.at):
			out = append(out, h.behind(ctx, f, r, other, hops-1)...)
		case at.same(other.at):
			out = append(out, other.behind(ctx, f, r, h, hops-1)...)
		default:
			out = append(out, base{at: at, relation: f.relation()})
			r.strangers = append(r.strangers, f)
		}
	}
	return out
}

// behind returns what a foreign table reads in this database.
func (h home) behind(ctx context.Context, f foreignTable, r *reading, other home, hops int) []base {
	schema, table := f.remote()
	itself := []base{{database: h.database(), relation: schema + "." + table}}
	if hops == 0 {
		return itself
	}
	name := quoted(schema, table)
	below, err := h.side.readBy(ctx, "SELECT * FROM "+name)
	if err != nil { // the role may have no rights on it
		below, err = h.side.catalogued(ctx, name, false)
	}
	if err != nil {
		return itself
	}
	found := h.bases(ctx, &below, other, hops)
	r.functions, r.strangers = append(r.functions, below.functions...), append(r.strangers, below.strangers...)
	if len(found) == 0 {
		return itself
	}
	return found
}

// filled returns the bases with the materialized views replaced by what they are filled from.
func (h home) filled(ctx context.Context, r reading, other home) []base {
	from := reading{foreign: r.foreign}
	for _, t := range r.tables {
		if !slices.ContainsFunc(r.kept, func(n relationName) bool { return n.String() == t }) {
			from.tables = append(from.tables, t)
		}
	}
	for _, n := range r.kept {
		below, err := h.side.catalogued(ctx, quoted(n.Schema, n.Name), true)
		if err != nil {
			continue // it was dropped in the meantime
		}
		from.tables, from.foreign = append(from.tables, below.tables...), append(from.foreign, below.foreign...)
	}
	return h.bases(ctx, &from, other, foreignHops)
}
