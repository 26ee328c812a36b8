package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"testing"

	"github.com/nordvarg/crosscheck/lab"
	"github.com/nordvarg/crosscheck/web"
)

// apiUser is a user of a sidecar's API, whom a proxy has let in.
type apiUser struct {
	t      *testing.T
	url    string
	name   string
	token  string
	client *http.Client
}

func (u *apiUser) do(want int, method, path, body string, into any) {
	u.t.Helper()
	r, err := http.NewRequestWithContext(deadline(u.t), method, u.url+path, strings.NewReader(body))
	if err != nil {
		u.t.Fatal(err)
	}
	r.Header.Set("X-User", u.name)
	r.Header.Set("X-CSRF-Token", u.token)
	r.Header.Set("Content-Type", "application/json")
	answer, err := u.client.Do(r)
	if err != nil {
		u.t.Fatal(err)
	}
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.Body.Close() != nil || answer.StatusCode != want {
		u.t.Fatalf("%s %s: %d, want %d: %s, %v", method, path, answer.StatusCode, want, text, err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		u.t.Fatalf("%s %s: %v in %s", method, path, err, text)
	}
}

// TestAUserAnswersForAnOrder finds it by the API, looks at it, accepts it, and looks again when it is mended.
func TestAUserAnswersForAnOrder(t *testing.T) {
	t.Parallel()
	s := newSystem(t, lab.Options{History: lab.History{Orders: 20}})
	if err := s.Refresh(deadline(t)); err != nil {
		t.Fatal(err)
	}
	planted, err := s.Plant(deadline(t), "phantom_order", 2)
	if err != nil {
		t.Fatal(err)
	}
	address := freeAddress(t)
	p := &sidecarProcess{start(t, "run", "--config", s.config("crosscheck", labWindow, `
sampler: {schedule: "0 0 31 12 *", size: 1000, full: "0 0 31 12 *"}
web: {listen: "`+address+`", proxy: {header: X-User, from: [127.0.0.1]}, roles: {olga: operator}}`)), "http://" + address}
	p.shows("/api/v1/passes?verdict=diverged", http.StatusOK, `"pass":"sample"`)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	u := &apiUser{t: t, url: p.url, name: "olga", client: &http.Client{Jar: jar}}
	var me struct {
		Token string `json:"csrf_token"`
	}
	u.do(http.StatusOK, http.MethodGet, "/api/v1/me", "", &me)
	u.token = me.Token

	key := fmt.Sprint(planted[0].OrderID)
	var page web.Divergences
	u.do(http.StatusOK, http.MethodGet, "/api/v1/divergences?order_id=00"+key, "", &page)
	var order struct{ Verdict string }
	u.do(http.StatusOK, http.MethodGet, "/api/v1/orders/"+key, "", &order)
	if len(page.Divergences) != 1 || order.Verdict != "diverged" {
		t.Errorf("order %s: %+v, %+v", key, page, order)
	}
	var answer web.Answer
	u.do(http.StatusOK, http.MethodPost, "/api/v1/acceptances", `{"orders":["00`+key+`","999999"],"why":"a test","until":"2999-01-01"}`, &answer)
	if len(answer.Groups) != 1 || answer.Groups[0].Count != 1 || len(answer.NotFound) != 1 || answer.Acceptance.Who != "olga" {
		t.Errorf("accepted: %+v", answer)
	}
	var refused struct{ Error string }
	u.do(http.StatusForbidden, http.MethodPost, "/api/v1/cutover/approvals", `{"ticket":"OPS-1"}`, &refused)
	u.do(http.StatusNotFound, http.MethodGet, "/api/v1/orders/999999", "", &refused)
	u.do(http.StatusBadRequest, http.MethodGet, "/api/v1/orders/none", "", &refused)
	u.do(http.StatusBadRequest, http.MethodGet, "/api/v1/divergences?order_id=none", "", &refused)

	var again web.Rechecked
	u.do(http.StatusOK, http.MethodPost, "/api/v1/orders/"+key+"/recheck", "{}", &again)
	if again.Pass == nil || again.Pass.Verdict != "diverged" || len(again.Divergences) != 1 || again.Divergences[0].State != "accepted" {
		t.Errorf("rechecked: %+v", again)
	}
	if err := s.Repair(deadline(t)); err != nil {
		t.Fatal(err)
	}
	u.do(http.StatusOK, http.MethodPost, "/api/v1/orders/"+key+"/recheck", "{}", &again)
	if again.Pass == nil || again.Pass.Verdict != "match" || len(again.Divergences) != 0 {
		t.Errorf("rechecked when it is mended: %+v", again)
	}
	// The other order was not looked at.
	u.do(http.StatusOK, http.MethodGet, "/api/v1/divergences", "", &page)
	if len(page.Divergences) != 1 || page.Divergences[0].OrderID != fmt.Sprint(planted[1].OrderID) {
		t.Errorf("still open: %+v", page)
	}
	var changes web.Changes
	u.do(http.StatusOK, http.MethodGet, "/api/v1/changes", "", &changes)
	var done []string
	for _, c := range changes.Changes {
		done = append(done, c.Who+" "+c.Action+" "+c.Outcome)
	}
	if got := strings.Join(done, ", "); got != "olga recheck done, olga recheck done, olga accept done" {
		t.Errorf("on record: %s", got)
	}
	p.drains()
}
