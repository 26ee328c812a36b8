package alerts_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/nordvarg/crosscheck/alerts"
	"github.com/nordvarg/crosscheck/alerts/slacktest"
)

// TestATLSErrorIsCalledOne posts to a server that nobody trusts, and to one without TLS.
func TestATLSErrorIsCalledOne(t *testing.T) {
	encrypted := httptest.NewTLSServer(slacktest.New("xoxb-1", "C1", "#cutover"))
	t.Cleanup(encrypted.Close)
	_, plain := api(t, slacktest.None)
	for url, want := range map[string]string{
		encrypted.URL: "the authority of the server's TLS certificate is not trusted here",
		strings.Replace(plain, "http:", "https:", 1): "the server answers without TLS",
	} {
		_, bot := alerts.NewSlack("xoxb-1", "C1", url).Send(t.Context(), parent("x"))
		_, hook := alerts.NewWebhook(url+"/webhook").Send(t.Context(), parent("x"))
		for _, err := range []error{bot, hook} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %q", err, want)
			}
		}
		if strings.Contains(hook.Error(), "/webhook") {
			t.Errorf("the address is in %v", hook)
		}
	}
}
