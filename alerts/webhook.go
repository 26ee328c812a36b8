package alerts

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/slack-go/slack"

	"github.com/nordvarg/crosscheck/incident"
)

// Webhook posts through an incoming webhook. It cannot edit or thread, because Slack does not say where a message went.
// It cannot look for a message either, so a message that may have arrived is sent again.
type Webhook struct {
	url    string
	client *http.Client
}

var _ Sender = (*Webhook)(nil)

// NewWebhook posts to the address, which is a secret.
func NewWebhook(url string) *Webhook {
	return &Webhook{url, &http.Client{Timeout: sendTimeout}}
}

// Send implements [Sender]. It leaves out edits: a reply says the same if it matters.
func (w *Webhook) Send(ctx context.Context, d incident.Delivery) (Place, error) {
	if d.Op == incident.Edit {
		return Place{}, nil
	}
	err := slack.PostWebhookCustomHTTPContext(ctx, w.url, w.client, &slack.WebhookMessage{
		Text: escaped(fallback(d.Body)), Blocks: &slack.Blocks{BlockSet: blocks(d.Body)},
	})
	var limited *slack.RateLimitedError
	var status slack.StatusCodeError
	switch {
	case err == nil:
		return Place{}, nil
	case errors.As(err, &limited):
		return Place{}, &WaitError{limited.RetryAfter, errors.New("the webhook limits the rate of messages")}
	case errors.As(err, &status) && status.Code < 500:
		return Place{}, &WaitError{0, fmt.Errorf("the webhook answers %s", status.Status)}
	case errors.As(err, &status):
		return Place{}, fmt.Errorf("the webhook answers %s", status.Status)
	}
	if fault := tlsFault(err); fault != "" {
		return Place{}, errors.New("the webhook cannot be reached: " + fault)
	}
	return Place{}, errors.New("the webhook cannot be reached") // not the error itself, which holds the address
}

// Find implements [Sender].
func (w *Webhook) Find(context.Context, incident.Delivery) (Place, bool, error) {
	return Place{}, false, fmt.Errorf("%w: a webhook cannot read", ErrBlind)
}
