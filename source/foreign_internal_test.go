package source

import "testing"

// TestWhereAForeignTableLeads: an address that may be another server's is not taken for the side's.
func TestWhereAForeignTableLeads(t *testing.T) {
	legacy := location{system: "1", machines: []string{"system 1", "10.0.0.1", "legacy.example"}, ports: []string{"5432"}, database: "shop"}
	tunnelled := location{system: "1", machines: []string{"system 1"}, ports: []string{"5432"}, database: "shop"}
	here := location{system: "1", machines: []string{"system 1", ownMachine}, ports: []string{"5432"}, database: "shop"}
	projection := location{system: "2", machines: []string{"system 2", "10.0.0.2"}, ports: []string{"5432"}, database: "read"}
	besides := location{system: "2", machines: []string{"system 2", ownMachine}, ports: []string{"5433"}, database: "read"}
	unknown := location{machines: []string{"10.0.0.1"}, ports: []string{"5432"}, database: "shop"}
	for name, test := range map[string]struct {
		options []string
		from    location
		to      location
		want    bool
	}{
		"its name":                      {[]string{"host=Legacy.example", "dbname=shop"}, projection, legacy, true},
		"its address":                   {[]string{"hostaddr=10.0.0.1", "host=x", "port=5432", "dbname=shop"}, projection, legacy, true},
		"one of several hosts":          {[]string{"host=a,10.0.0.1", "port=5432,5432", "dbname=shop"}, projection, legacy, true},
		"another database":              {[]string{"host=10.0.0.1", "dbname=archive"}, projection, legacy, false},
		"another port":                  {[]string{"host=10.0.0.1", "port=5440", "dbname=shop"}, projection, legacy, false},
		"another machine":               {[]string{"host=10.0.0.9", "dbname=shop"}, projection, legacy, false},
		"no database named":             {[]string{"host=10.0.0.1"}, projection, legacy, false},
		"a service":                     {[]string{"service=shop", "host=10.0.0.1", "dbname=shop"}, projection, legacy, false},
		"its own cluster":               {[]string{"host=localhost", "dbname=shop"}, location{system: "1", machines: []string{"system 1"}, ports: []string{"5432"}, database: "read"}, tunnelled, true},
		"its own cluster by socket":     {[]string{"host=/tmp", "dbname=shop"}, location{system: "1", machines: []string{"system 1"}, ports: []string{"5432"}, database: "read"}, tunnelled, true},
		"its own cluster, not the same": {[]string{"host=127.0.0.1", "dbname=shop"}, projection, legacy, false},
		"beside it on one machine":      {[]string{"port=5432", "dbname=shop"}, besides, here, true},
		"beside it on its own machine":  {[]string{"host=localhost", "port=5432", "dbname=shop"}, besides, tunnelled, false},
		"of a server without a name":    {[]string{"host=10.0.0.1", "dbname=shop"}, projection, unknown, true},
	} {
		f := foreignTable{Postgres: true, ServerOptions: test.options}
		if got := f.locate(test.from).same(test.to); got != test.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// TestOtherWrappersLeadToTheSamePlaceWithTheSameOptions only.
func TestOtherWrappersLeadToTheSamePlaceWithTheSameOptions(t *testing.T) {
	one := location{machines: []string{"10.0.0.1"}}
	two := location{machines: []string{"10.0.0.2"}}
	oracle := foreignTable{Wrapper: "oracle_fdw", ServerOptions: []string{"dbserver=//ora:1521/SHOP"}}
	file := foreignTable{Wrapper: "file_fdw"}
	if !oracle.locate(one).same(oracle.locate(two)) {
		t.Error("the same server by its name is another one")
	}
	if !file.locate(one).same(file.locate(one)) || file.locate(one).same(file.locate(two)) {
		t.Error("a file is not told apart by its machine")
	}
	if (foreignTable{Wrapper: "mysql_fdw"}).locate(one).same(file.locate(one)) {
		t.Error("another wrapper leads to the same place")
	}
}
