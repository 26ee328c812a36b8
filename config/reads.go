package config

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/nordvarg/crosscheck/gate"
)

// Reads says what is asked of both read paths.
type Reads struct {
	// Queries are asked once of each side, about each drawn order. Required.
	Queries []ReadQuery
	// Rate is how many questions are asked in a second, from 1 to 1000. Each asks legacy twice and the projection once. Default 5.
	Rate int
	// Size is about how many orders a pass asks, from 1 to 100,000. Default 500.
	Size int
	// Timeout is how long an answer may take, from 1ms. Default 10s.
	Timeout time.Duration
	// Schedule is when the sidecar asks. Default off.
	Schedule Schedule

	// Written is the list of queries as it stands in the file.
	Written string
}

// ReadQuery is one query of both read paths.
type ReadQuery struct {
	// Name is that of the query: 1 to 40 of a-z, 0-9, _ and -. Required, and unique.
	Name string
	// Legacy and Projection say how each side is asked. Required.
	Legacy, Projection ReadPath
	// Ordered is true if rows must come in the same order. Default true if the SQL of a side ends with ORDER BY outside of
	// parentheses, otherwise false.
	Ordered bool
	// Ignore are the paths of answers that are not compared. Default none.
	Ignore []string
}

// ReadPath is how one side is asked: by SQL or by HTTP.
type ReadPath struct {
	// SQL is one query in the side's database; $1 is the key of the order. Tables need their schema.
	SQL string
	// HTTP is the URL of a GET request; {key} is the key of the order, {2} the second parameter of a recorded request.
	HTTP Secret
	// Headers are those of the request.
	Headers map[string]Secret
}

// Given reports whether there is something to ask.
func (r Reads) Given() bool { return len(r.Queries) > 0 }

// Digest names the queries as they are written; answers to others are no evidence. Variables are not replaced in it.
func (r Reads) Digest() string {
	sum := sha256.Sum256([]byte(r.Written))
	return hex.EncodeToString(sum[:8])
}

var readName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,39}$`)

// readReads reads the optional section.
func readReads(o *object, c *Config) {
	if o == nil {
		return
	}
	defer o.remember()()
	r := &c.Reads
	*r = Reads{Rate: 5, Size: 500, Timeout: 10 * time.Second}
	rate, size := int64(r.Rate), int64(r.Size)
	o.whole("rate", &rate, 1, 1000)
	o.whole("size", &size, 1, 100_000)
	r.Rate, r.Size = int(rate), int(size)
	o.duration("timeout", &r.Timeout, time.Millisecond)
	o.schedule("schedule", &r.Schedule)
	o.require("queries", "what is asked, such as - {name: order, legacy: {sql: \"select … where order_id = $1\"}, projection: {http: \"http://…/orders/{key}\"}}")
	o.list("queries", func(n *yaml.Node, path string) {
		if q, ok := o.readQuery(n, path); ok {
			if slices.ContainsFunc(r.Queries, func(other ReadQuery) bool { return other.Name == q.Name }) {
				o.at(target(n), join(path, "name"), fmt.Sprintf("query %q appears twice", q.Name), "")
				return
			}
			r.Queries = append(r.Queries, q)
		}
	})
	if n := o.values["queries"]; n != nil {
		r.Written = asWritten(target(n))
	}
	o.done()
	c.Gate.Criteria.ReadParity.Basis, c.Gate.Criteria.ReadLatency.Basis = r.Digest(), r.Digest()
}

func (r *reader) readQuery(n *yaml.Node, path string) (q ReadQuery, ok bool) {
	o := r.mapping(n, path)
	if o == nil {
		return q, false
	}
	o.require("name", "such as name: order")
	o.require("legacy", `such as legacy: {sql: "select … where order_id = $1"}`)
	o.require("projection", `such as projection: {http: "http://…/orders/{key}"}`)
	s, text, ok := o.filledScalar("name")
	if q.Name = text; ok && !readName.MatchString(text) {
		o.wrong(s, "must be 1 to 40 of a-z, 0-9, _ and -, found "+s.shown(), "")
		ok = false
	}
	readPath(o.object("legacy"), &q.Legacy)
	readPath(o.object("projection"), &q.Projection)
	q.Ordered = asksForOrder(q.Legacy.SQL) || asksForOrder(q.Projection.SQL)
	o.boolean("ordered", &q.Ordered)
	o.list("ignore", func(n *yaml.Node, path string) {
		s, ok := o.value(n, path)
		if !ok {
			return
		}
		if text, ok := o.filled(s); ok && !jsonPath.MatchString(text) {
			o.wrong(s, "is not a path of an answer: "+s.shown(), "such as $.etag, $.meta.at or $.fills[*].id")
		} else if ok {
			q.Ignore = append(q.Ignore, text)
		}
	})
	o.done()
	return q, ok
}

var jsonPath = regexp.MustCompile(`^\$(\.[^.\[\]\s]+(\[\*\])*)+$`)

func readPath(o *object, p *ReadPath) {
	if o == nil {
		return
	}
	const forms = `sql: "select … where order_id = $1", or http: "http://localhost:9000/orders/{key}"`
	o.sql("sql", &p.SQL)
	o.secret("http", &p.HTTP)
	switch has := [2]bool{o.values["sql"] != nil, o.values["http"] != nil}; {
	case has[0] && has[1]:
		o.at(o.node, o.path, "a side is asked by sql or by http, and this one has both", "remove one of them")
	case !has[0] && !has[1]:
		o.at(o.node, o.path, "does not say how the side is asked", forms)
	}
	if u, err := url.Parse(strings.NewReplacer("{", "", "}", "").Replace(p.HTTP.Reveal())); !p.HTTP.Empty() && (err != nil || !strings.HasPrefix(u.Scheme, "http") || u.Host == "") {
		o.at(target(o.values["http"]), join(o.path, "http"), "must be a URL of http or https", forms)
	}
	if headers := o.object("headers"); headers != nil {
		if p.HTTP.Empty() {
			o.at(headers.node, headers.path, "headers are for http", "")
		}
		p.Headers = map[string]Secret{}
		for _, key := range headers.keys {
			var value Secret
			headers.secret(key.Value, &value)
			p.Headers[key.Value] = value
		}
	}
	o.done()
}

// asksForOrder returns true if a query has ORDER BY outside of parentheses, texts and comments.
func asksForOrder(sql string) bool {
	depth, plain := 0, strings.Builder{}
	for _, part := range sqlParts.FindAllString(sql, -1) {
		switch {
		case part == "(":
			depth++
		case part == ")":
			depth--
		case depth == 0 && len(part) == 1:
			plain.WriteString(part)
		case depth == 0:
			plain.WriteByte(' ')
		}
	}
	return orderBy.MatchString(plain.String())
}

var (
	sqlParts = regexp.MustCompile(`(?s)'(?:[^']|'')*'|"[^"]*"|--[^\n]*|/\*.*?\*/|.`)
	orderBy  = regexp.MustCompile(`(?i)\border\s+by\b`)
)

// secrets are what must not be shown of the read paths.
func (r Reads) secrets() (found []string) {
	for _, q := range r.Queries {
		for _, p := range []ReadPath{q.Legacy, q.Projection} {
			if u, err := url.Parse(p.HTTP.Reveal()); err == nil {
				if password, ok := u.User.Password(); ok {
					found = append(found, password, url.PathEscape(password))
				}
			}
			for _, header := range p.Headers {
				found = append(found, header.Reveal(), strings.TrimPrefix(header.Reveal(), "Bearer "))
			}
		}
	}
	return found
}

// warnOfReads finds a criterion that judges read paths where none is asked.
func (c *Config) warnOfReads(o *object) {
	for name, enabled := range map[string]bool{gate.ReadParityCriterion{}.Name(): c.Gate.Criteria.ReadParity.Enabled, gate.ReadLatencyCriterion{}.Name(): c.Gate.Criteria.ReadLatency.Enabled} {
		if enabled && !c.Reads.Given() {
			o.warnOfCriterion(name, "no read path is asked without the section reads", "reads")
		}
	}
}
