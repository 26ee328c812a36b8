package main

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/nordvarg/crosscheck/alerts/slacktest"
)

// alertConfig needs no database: a test message goes past the ledger.
func alertConfig(t *testing.T, alerts string) string {
	t.Helper()
	const nowhere = "postgres://nobody@127.0.0.1:1/none"
	return writeConfig(t, "alerts", fmt.Sprintf(`
legacy: {dsn: %q}
projection: {dsn: %q}
ledger: {dsn: %q}
compare: {fields: [{name: status, type: text}]}
%s`, nowhere, nowhere, nowhere, alerts))
}

func TestAlertsTestSendsOneMessage(t *testing.T) {
	t.Parallel()
	slack := slacktest.New("xoxb-1", "C1", "#cutover")
	api := httptest.NewServer(slack)
	t.Cleanup(api.Close)
	for _, c := range []struct {
		why, alerts, stdout, stderr string
		code                        int
	}{
		{"a bot", `alerts: {slack: {token: xoxb-1, channel: "#cutover", api_url: ` + api.URL + `}}`, "sent to channel C1 as message ", "", exitAgrees},
		{"a webhook", `alerts: {slack: {webhook: ` + api.URL + `/webhook}}`, "sent through the webhook", "", exitAgrees},
		{"a wrong token", `alerts: {slack: {token: xoxb-hunter2, channel: C1, api_url: ` + api.URL + `}}`, "", "invalid_auth\ncrosscheck: hint: ", exitError},
		{"a wrong channel", `alerts: {slack: {token: xoxb-1, channel: C2, api_url: ` + api.URL + `}}`, "", "channel_not_found\ncrosscheck: hint: ", exitError},
		{"no alerts", "", "", "no alerts are configured\ncrosscheck: hint: add a section", exitError},
	} {
		p := start(t, "alerts", "test", "--config", alertConfig(t, c.alerts))
		code := p.end()
		stdout, stderr := p.stdout.String(), p.stderr.String()
		if code != c.code || !strings.HasPrefix(stdout, c.stdout) || !strings.Contains(stderr, c.stderr) || strings.Contains(stderr, "hunter2") {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q", c.why, code, stdout, stderr)
		}
	}
	if m := slack.Messages(); len(m) != 2 {
		t.Errorf("%d messages have arrived, not two", len(m))
	}
}
