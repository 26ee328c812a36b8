package web

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/nordvarg/crosscheck/board"
	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

func client(t *testing.T, address string) *Client {
	t.Helper()
	c, err := NewClient(address, "open sesame")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestTheClientAsksTheSidecar for everything that it can ask for.
func TestTheClientAsksTheSidecar(t *testing.T) {
	s := &stored{}
	server := httptest.NewServer(whole(s).Handler())
	defer server.Close()
	c := client(t, server.URL+"/")
	if d, err := c.Decision(t.Context()); err != nil || d.Decision != gate.NoGo || len(d.Criteria) != 5 {
		t.Errorf("the decision is %+v, %v", d, err)
	}
	if is, err := c.Status(t.Context()); err != nil || is.Open != 3 || is.Divergences[1].Fields[0].Values == nil {
		t.Errorf("the status is %+v, %v", is, err)
	}
	f := board.Filter{State: verify.Resolved, Hop: order.EventsToProjection, Field: "status", Cause: board.NoCause}
	page, err := c.Divergences(t.Context(), f, "", 1)
	if f.Fingerprint = noGo().Decision.Fingerprint; err != nil || len(page.Divergences) != 1 || page.Next == "" || s.filter != f {
		t.Errorf("the divergences are %+v, %v; the filter was %+v", page, err, s.filter)
	}
	if counts, err := c.Counts(t.Context(), board.Filter{}); err != nil || counts.Count != 5 || s.filter.State != "" {
		t.Errorf("the counts are %+v, %v; the filter was %+v", counts, err, s.filter)
	}
	s.err = errors.New("the ledger is away")
	if _, err := c.Counts(t.Context(), board.Filter{}); !errors.Is(err, ErrAway) || !strings.Contains(err.Error(), "The ledger cannot be read") {
		t.Errorf("without a ledger: %v", err)
	}
	if _, err := c.Divergences(t.Context(), board.Filter{Hop: "a->b"}, "", 1); !errors.Is(err, ErrAnswer) || !strings.Contains(err.Error(), "hop must be one of") {
		t.Errorf("a hop that is none: %v", err)
	}
	server.Close()
	if _, err := c.Decision(t.Context()); !errors.Is(err, ErrAway) || strings.Contains(err.Error(), "sesame") {
		t.Errorf("nobody there: %v", err)
	}
}

// TestTheClientLogsIn at the address alone, and follows nobody elsewhere.
func TestTheClientLogsIn(t *testing.T) {
	port, _ := serving(t, "127.0.0.1:0", Server{Auth: webFile(t, alice)})
	host := "127.0.0.1:" + port
	for address, want := range map[string]error{"http://alice@" + host: nil, "http://alice:wrong@" + host: ErrAnswer, "http://" + host: ErrAnswer} {
		if _, err := client(t, address).Decision(t.Context()); !errors.Is(err, want) || want == nil && err != nil {
			t.Errorf("%s: %v, want %v", address, err, want)
		}
	}
	asked := false
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	defer other.Close()
	away := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusFound))
	defer away.Close()
	if _, err := client(t, away.URL).Decision(t.Context()); !errors.Is(err, ErrAnswer) || asked {
		t.Errorf("a redirect: %v, asked is %v", err, asked)
	}
	for _, address := range []string{"", "crosscheck:8080", "ftp://host", "http://", "http://host?x=y", "://alice:secret@x"} {
		if _, err := NewClient(address, ""); !errors.Is(err, ErrURL) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", address, err)
		}
	}
}
