package source_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/source"
)

// TestOriginTellsPlacesApartAndNotWaysIn: evidence is of one place, whoever logs in there and how.
func TestOriginTellsPlacesApartAndNotWaysIn(t *testing.T) {
	c := eventStore(t, "CREATE TABLE other_store AS TABLE event_store", "CREATE ROLE origin_reader LOGIN SUPERUSER")
	original := origin(t, c)
	if again := origin(t, c); again != original {
		t.Errorf("the origin is %s, then %s", original, again)
	}
	dsn, err := url.Parse(c.DSN)
	if err != nil {
		t.Fatal(err)
	}
	reader := *dsn
	reader.User = url.UserPassword("origin_reader", "secret")
	reader.RawQuery += "&connect_timeout=9"
	asReader := c
	asReader.DSN = reader.String()
	if got := origin(t, asReader); got != original {
		t.Errorf("another role and other options make the origin %s, was %s", got, original)
	}
	elsewhere := c
	elsewhere.DSN = strings.Replace(c.DSN, dsn.Hostname(), "localhost", 1)
	if got := origin(t, elsewhere); got == original {
		t.Errorf("a physical copy under another address would have the origin %s, too", got)
	}
	other := c
	other.Table = "public.other_store"
	if got := origin(t, other); got == original {
		t.Errorf("another table has the origin %s, too", got)
	}
}

// TestOriginSeesThatATableWasReplaced by another one of the same name.
func TestOriginSeesThatATableWasReplaced(t *testing.T) {
	c := eventStore(t)
	before := origin(t, c)
	conn, err := pgx.Connect(t.Context(), c.DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), "CREATE TABLE copy (LIKE event_store); DROP TABLE event_store; ALTER TABLE copy RENAME TO event_store"); err != nil {
		t.Fatal(err)
	}
	if after := origin(t, c); after == before {
		t.Errorf("a table of the same name has the origin %s, too", after)
	}
}

func origin(t *testing.T, c source.EventsConfig) string {
	t.Helper()
	events := openEvents(t, c)
	o, err := events.Origin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return o.String()
}
