package alerts_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/alerts"
	"github.com/nordvarg/crosscheck/alerts/slacktest"
	"github.com/nordvarg/crosscheck/incident"
)

// api is a Slack whose next call goes wrong in a way.
func api(t *testing.T, fault slacktest.Fault) (*slacktest.Server, string) {
	t.Helper()
	s := slacktest.New("xoxb-1", "C1", "#cutover")
	s.Fault = func(string) slacktest.Fault { return fault }
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return s, server.URL
}

func parent(headline string) incident.Delivery {
	return incident.Delivery{ID: 1, Marker: "m1", Op: incident.Parent, Body: incident.Body{Headline: headline}, AttemptedAt: time.Now()}
}

func TestWhatIsKnownAfterAnError(t *testing.T) {
	for fault, want := range map[slacktest.Fault]string{
		slacktest.Limited: "wait 7s", slacktest.Down: "unknown", slacktest.DownAfter: "unknown",
		slacktest.HangUp: "unknown", slacktest.HangUpAfter: "unknown", slacktest.MissingScope: "wait 0s",
	} {
		_, url := api(t, fault)
		_, err := alerts.NewSlack("xoxb-1", "C1", url).Send(t.Context(), parent("x"))
		if got := known(err); got != want {
			t.Errorf("fault %d: %s (%v), want %s", fault, got, err, want)
		}
	}
	_, url := api(t, slacktest.None)
	if _, err := alerts.NewSlack("xoxb-2", "C1", url).Send(t.Context(), parent("x")); known(err) != "wait 0s" {
		t.Errorf("a wrong token: %s (%v)", known(err), err)
	}
	edit := incident.Delivery{Op: incident.Edit, Channel: "C1", TS: "1.000000"}
	if _, err := alerts.NewSlack("xoxb-1", "C1", url).Send(t.Context(), edit); known(err) != "refused" {
		t.Errorf("the edit of a message that is gone: %s (%v)", known(err), err)
	}
}

func known(err error) string {
	wait, waits := errors.AsType[*alerts.WaitError](err)
	switch {
	case err == nil:
		return "sent"
	case errors.Is(err, alerts.ErrRefused):
		return "refused"
	case waits:
		return "wait " + wait.After.String()
	}
	return "unknown"
}

// TestAMessageIsFoundAgain turns pages: others have posted since.
func TestAMessageIsFoundAgain(t *testing.T) {
	server, url := api(t, slacktest.None)
	byName, byID := alerts.NewSlack("xoxb-1", "#cutover", url), alerts.NewSlack("xoxb-1", "C1", url)
	at, err := byName.Send(t.Context(), parent("ours"))
	if err != nil || at.Channel != "C1" {
		t.Fatalf("sent to %v, error %v", at, err)
	}
	reply := incident.Delivery{Marker: "m2", Op: incident.Reply, Channel: at.Channel, TS: at.TS, Body: incident.Body{Headline: "r"}, AttemptedAt: time.Now()}
	replied, err := byID.Send(t.Context(), reply)
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		other := parent("another")
		other.Marker = "other"
		if _, err := byID.Send(t.Context(), other); err != nil {
			t.Fatal(err)
		}
	}
	if found, ok, err := byID.Find(t.Context(), parent("ours")); !ok || err != nil || found != at {
		t.Errorf("parent found at %v, %v, error %v; it is at %v", found, ok, err, at)
	}
	if found, ok, err := byID.Find(t.Context(), reply); !ok || err != nil || found != replied {
		t.Errorf("reply found at %v, %v, error %v; it is at %v", found, ok, err, replied)
	}
	unsent := parent("ours")
	unsent.Marker = "m3"
	if found, ok, err := byID.Find(t.Context(), unsent); ok || err != nil {
		t.Errorf("a message that was never sent found at %v, error %v", found, err)
	}
	if _, _, err := byName.Find(t.Context(), unsent); !errors.Is(err, alerts.ErrBlind) {
		t.Errorf("a name has no history before anything was sent, error %v", err)
	}
	unsent.LastChannel = "C1"
	if _, ok, err := byName.Find(t.Context(), unsent); ok || err != nil {
		t.Errorf("by the ID that is known from before: %v, error %v", ok, err)
	}
	if len(server.Messages()) != 7 {
		t.Errorf("looking has posted: %d messages", len(server.Messages()))
	}
}

func TestWithoutTheScopeItIsSentAgain(t *testing.T) {
	_, url := api(t, slacktest.MissingScope)
	if _, _, err := alerts.NewSlack("xoxb-1", "C1", url).Find(t.Context(), parent("x")); !errors.Is(err, alerts.ErrBlind) {
		t.Errorf("looking without channels:history: %v", err)
	}
}

// TestTextIsNeverMarkup sends what an order's key or a value could hold.
func TestTextIsNeverMarkup(t *testing.T) {
	server, url := api(t, slacktest.None)
	d := parent("a->b <!channel> & <@U1>")
	d.Body.Lines = []string{"<!here> & <https://evil|click>", strings.Repeat("&", 5000)}
	d.Body.Context, d.Body.Link, d.Body.System = []string{"<#C1>"}, "https://x", "orders, <!here>"
	at, err := alerts.NewSlack("xoxb-1", "C1", url).Send(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(server.Blocks(at.TS))
	if !strings.Contains(blocks, "<https://x|status page>") || !strings.Contains(blocks, "&lt;!here&gt; &amp; ") || !strings.Contains(blocks, "[orders, !here] a→b") ||
		!strings.Contains(server.Messages()[0].Text, "[orders, ") {
		t.Errorf("blocks: %s", blocks)
	}
	for _, bad := range []string{"<!", "<@", "<#", "<https://evil"} {
		if strings.Contains(blocks, bad) || strings.Contains(server.Messages()[0].Text, bad) {
			t.Errorf("%q has come through: %s %s", bad, blocks, server.Messages()[0].Text)
		}
	}
	if len(blocks) > 5000 {
		t.Errorf("blocks of %d bytes", len(blocks))
	}
}

// TestNamesAreLinks of the sidecar's pages, where their address is known.
func TestNamesAreLinks(t *testing.T) {
	server, url := api(t, slacktest.None)
	sent := func(b incident.Body) string {
		d := parent("2 orders diverged")
		d.Body = b
		at, err := alerts.NewSlack("xoxb-1", "C1", url).Send(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		return strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(server.Blocks(at.TS))
	}
	body := incident.Body{
		Headline: "2 orders diverged", Link: "https://x/", Page: "/divergences?cause=none&hop=events-%3Eprojection", Docs: "https://x/docs",
		Context: []string{"docs/runbooks/CrosscheckOpenDivergences.md", "docs/causes/stale_projection.md"}, Orders: []string{"4711", "a/b|<c>", ""},
	}
	blocks := sent(body)
	for _, want := range []string{
		"<https://x/divergences?cause=none&amp;hop=events-%3Eprojection|status page>", "<https://x/docs/runbooks/CrosscheckOpenDivergences|runbooks/CrosscheckOpenDivergences>",
		"<https://x/docs/causes/stale_projection|causes/stale_projection>", "<https://x/orders/4711|order 4711>", "<https://x/orders/a%2Fb%7C%3Cc%3E|order a/b|&lt;c&gt;>",
	} {
		if !strings.Contains(blocks, want) {
			t.Errorf("no %s in %s", want, blocks)
		}
	}
	if n := strings.Count(blocks, "/orders/"); n != 2 {
		t.Errorf("%d orders have links", n)
	}
	body.Link, body.Docs = "", ""
	if blocks = sent(body); strings.Contains(blocks, "https://") || !strings.Contains(blocks, "docs/causes/stale_projection.md") {
		t.Errorf("links that lead nowhere: %s", blocks)
	}
	for range 20 {
		body.Context = append(body.Context, "more")
	}
	if blocks = sent(body); strings.Count(blocks, `"more"`) != maxContext-2 {
		t.Errorf("Slack takes %d elements: %s", maxContext, blocks)
	}
}

const maxContext = 10 // of Slack

func TestAWebhookHasNoThreads(t *testing.T) {
	server, url := api(t, slacktest.None)
	hook := alerts.NewWebhook(url + "/webhook")
	for _, op := range []incident.Op{incident.Parent, incident.Edit, incident.Reply} {
		if at, err := hook.Send(t.Context(), incident.Delivery{Op: op, Body: incident.Body{Headline: string(op) + " <!here>"}}); err != nil || at.TS != "" {
			t.Errorf("%s: at %v, error %v", op, at, err)
		}
	}
	if m := server.Messages(); len(m) != 2 || m[0].Text != "parent &lt;!here&gt;" || m[1].Text != "reply &lt;!here&gt;" {
		t.Errorf("messages: %+v", m)
	}
	if _, _, err := hook.Find(t.Context(), incident.Delivery{}); !errors.Is(err, alerts.ErrBlind) {
		t.Errorf("looking through a webhook: %v", err)
	}
	for fault, want := range map[slacktest.Fault]string{slacktest.Limited: "wait 7s", slacktest.Down: "unknown", slacktest.HangUp: "unknown"} {
		_, url := api(t, fault)
		_, err := alerts.NewWebhook(url+"/webhook").Send(t.Context(), parent("x"))
		if known(err) != want || strings.Contains(err.Error(), "/webhook") {
			t.Errorf("fault %d: %s (%v), want %s", fault, known(err), err, want)
		}
	}
}

func TestACallEndsWithItsContext(t *testing.T) {
	_, url := api(t, slacktest.None)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := alerts.NewSlack("xoxb-1", "C1", url).Send(ctx, parent("x")); known(err) != "unknown" {
		t.Errorf("cancelled: %s (%v)", known(err), err)
	}
}
