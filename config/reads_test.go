package config_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/config"
)

// TestTheReadsOfTheShippedFileAreRead without their comment signs.
func TestTheReadsOfTheShippedFileAreRead(t *testing.T) {
	src, err := os.ReadFile("../config.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(src), "\n# reads:")
	section, _, _ = strings.Cut("# reads:"+section, "\n# alerts:")
	section = regexp.MustCompile("(?m)^# ?").ReplaceAllString(section, "")
	c, err := parse(t, complete+section)
	if err != nil {
		t.Fatal(render(t, err))
	}
	r := c.Reads
	if r.Rate != 5 || r.Size != 500 || r.Timeout != 10*time.Second || !r.Schedule.Off() || len(r.Queries) != 1 {
		t.Fatalf("%+v", r)
	}
	q := r.Queries[0]
	if q.Name != "order" || !strings.HasSuffix(q.Legacy.SQL, "order_id = $1") || q.Projection.HTTP.Reveal() != "http://localhost:9000/orders/{key}" || q.Ordered || q.Ignore[0] != "$.etag" {
		t.Errorf("%+v", q)
	}
	if c.Gate.Criteria.ReadParity.Basis != r.Digest() || r.Digest() == (config.Reads{}).Digest() {
		t.Errorf("the criterion judges %q", c.Gate.Criteria.ReadParity.Basis)
	}
	if _, parts := c.Basis(); strings.Contains(parts[0].Text, "reads") {
		t.Error("a query of reads voids other evidence")
	}
}

func TestTheOrderOfRowsIsAskedFor(t *testing.T) {
	for sql, ordered := range map[string]bool{
		"select 1": false,
		"select * from t where a = $1 ORDER  BY b":                     true,
		"select row_number() over (order by b) from t":                 false,
		"select * from (select * from t order by b) as x":              false,
		"select 'order by' as \"order by\" /* order by */ -- order by": false,
		"select (1) from t order by (b)":                               true,
	} {
		c, err := parse(t, complete+"reads: {queries: [{name: q, legacy: {sql: '"+strings.ReplaceAll(sql, "'", "''")+"'}, projection: {http: \"http://a/{key}\"}}]}\n")
		if err != nil {
			t.Fatal(render(t, err))
		}
		if got := c.Reads.Queries[0].Ordered; got != ordered {
			t.Errorf("%s: %v", sql, got)
		}
	}
}

func TestTheOrderMayBeSaid(t *testing.T) {
	c, err := parse(t, complete+`reads: {queries: [{name: q, legacy: {sql: select 1}, projection: {sql: select 1}, ordered: true}, {name: p, legacy: {sql: select 1 order by 1}, projection: {sql: select 1}, ordered: false}]}`)
	if err != nil {
		t.Fatal(render(t, err))
	}
	if !c.Reads.Queries[0].Ordered || c.Reads.Queries[1].Ordered {
		t.Errorf("%+v", c.Reads.Queries)
	}
}

func TestHeadersOfReadPathsAreMasked(t *testing.T) {
	c, err := parse(t, complete+`reads: {queries: [{name: q, legacy: {sql: select 1}, projection: {http: "https://u:hunter2@a/{key}", headers: {Authorization: "Bearer ${WORD}"}}}]}`)
	if err != nil {
		t.Fatal(render(t, err))
	}
	if masked := c.Mask("refused hunter2"); strings.Contains(masked, "hunter2") {
		t.Error(masked)
	}
}
