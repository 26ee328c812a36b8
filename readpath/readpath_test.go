package readpath_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/nordvarg/crosscheck/readpath"
	"github.com/nordvarg/crosscheck/reads"
)

// serve answers as a read path does, and says what was asked.
func serve(t *testing.T) string {
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"away": true}`) }))
	t.Cleanup(other.Close)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/none":
			http.NotFound(w, r)
		case "/empty":
		case "/busy":
			http.Error(w, `{"busy": true}`, http.StatusServiceUnavailable)
		case "/html":
			fmt.Fprint(w, "<html>")
		case "/large":
			fmt.Fprintf(w, "%q", strings.Repeat("x", 5<<20))
		case "/near":
			http.Redirect(w, r, "/there", http.StatusFound)
		case "/away":
			http.Redirect(w, r, other.URL, http.StatusFound)
		case "/round":
			http.Redirect(w, r, "/round", http.StatusFound)
		default:
			fmt.Fprintf(w, `{"method": %q, "uri": %q, "token": %q}`, r.Method, r.URL.RequestURI(), r.Header.Get("Authorization"))
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func ask(t *testing.T, template string, params ...string) (reads.Answer, error) {
	t.Helper()
	c := readpath.NewClient()
	defer c.Close()
	return c.Query(template, map[string]string{"Authorization": "Bearer x"}).Ask(t.Context(), params)
}

func TestParametersAreEscapedForTheirPlace(t *testing.T) {
	a, err := ask(t, serve(t)+"/orders/{key}?of={2}&also={1}", "a/b?c", "d&e f")
	if err != nil || a.Took <= 0 || a.Rows {
		t.Fatalf("%+v, %v", a, err)
	}
	for name, want := range map[string]string{"method": "GET", "uri": "/orders/a%2Fb%3Fc?of=d%26e+f&also=a%2Fb%3Fc", "token": "Bearer x"} {
		if got := a.Members[name].Text; got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	if _, err := ask(t, serve(t)+"/{3}", "1"); !errors.Is(err, readpath.ErrAnswer) {
		t.Errorf("a parameter that is not there: %v", err)
	}
}

func TestAnswers(t *testing.T) {
	url := serve(t)
	for path, want := range map[string]reads.Kind{"/none": reads.Absent, "/empty": reads.Absent, "/near": reads.Object} {
		if a, err := ask(t, url+path, "1"); err != nil || a.Kind != want {
			t.Errorf("%s: %+v, %v", path, a, err)
		}
	}
	for path, says := range map[string]string{
		"/busy": "503", "/html": "decoding JSON", "/large": "more than 4 MiB", "/away": "redirected to another host", "/round": "302",
	} {
		if a, err := ask(t, url+path, "1"); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %+v, %v", path, a, err)
		}
	}
	if _, err := ask(t, "http://127.0.0.1:1/{key}?password=hunter2", "1"); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("nobody listens: %v", err)
	}
}
