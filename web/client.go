package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

var (
	// ErrUnavailable is returned by the client when the sidecar answers that it knows nothing at present.
	ErrUnavailable = errors.New("sidecar has no status")

	// ErrUnexpected is returned when what answers is not a crosscheck sidecar that this version understands.
	ErrUnexpected = errors.New("unexpected answer")
)

// Client reads the API of a running sidecar. It is a [Source], so that one sidecar's page can be shown elsewhere.
type Client struct {
	// BaseURL is the sidecar's address, such as "http://localhost:8080".
	BaseURL string
	// HTTP is the client to use; nil is one with a timeout of 10 s.
	HTTP *http.Client
}

var _ Source = (*Client)(nil)

// maxAnswer bounds what is read of an answer.
const maxAnswer = 16 << 20

// Status reads /api/status. The error is ErrUnavailable when the sidecar is there and cannot read its ledger.
func (c *Client) Status(ctx context.Context) (Status, error) {
	var s Status
	code, body, err := c.get(ctx, "/api/status")
	if err != nil {
		return s, err
	}
	switch code {
	case http.StatusOK:
		if err := json.Unmarshal(body, &s); err != nil {
			return Status{}, fmt.Errorf("reading the status: %w: %w", ErrUnexpected, err)
		}
		return s, nil
	case http.StatusServiceUnavailable:
		var f failure
		if err := json.Unmarshal(body, &f); err != nil || f.Error == "" {
			return s, fmt.Errorf("reading the status: %w with code %d", ErrUnexpected, code)
		}
		return s, fmt.Errorf("%w: %s", ErrUnavailable, f.Error)
	default:
		return s, fmt.Errorf("reading the status: %w with code %d", ErrUnexpected, code)
	}
}

// Ready reads /readyz.
func (c *Client) Ready(ctx context.Context) (Readiness, error) {
	var r Readiness
	code, body, err := c.get(ctx, "/readyz")
	if err != nil {
		return r, err
	}
	if code != http.StatusOK && code != http.StatusServiceUnavailable {
		return r, fmt.Errorf("reading readiness: %w with code %d", ErrUnexpected, code)
	}
	if err := json.Unmarshal(body, &r); err != nil {
		return Readiness{}, fmt.Errorf("reading readiness: %w: %w", ErrUnexpected, err)
	}
	r.Ready = r.Ready && code == http.StatusOK
	return r, nil
}

func (c *Client) get(ctx context.Context, path string) (code int, body []byte, err error) {
	client := c.HTTP
	if client == nil {
		client = &http.Client{Timeout: 10 * time.Second}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(c.BaseURL, "/")+path, nil)
	if err != nil {
		return 0, nil, fmt.Errorf("asking the sidecar: %w", err)
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, nil, fmt.Errorf("asking the sidecar: %w", err)
	}
	defer func() { _ = response.Body.Close() }() // it was read to its end, or is not wanted
	body, err = io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return 0, nil, fmt.Errorf("reading the sidecar's answer: %w", err)
	}
	return response.StatusCode, body, nil
}
