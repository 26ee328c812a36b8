package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/board"
	"github.com/nordvarg/crosscheck/gate"
)

const (
	// clientTimeout is how long a sidecar may take to answer.
	clientTimeout = 40 * time.Second
	// maxAnswer is how long an answer may be.
	maxAnswer = 64 << 20
)

var (
	// ErrURL is returned for an address that cannot be that of a sidecar.
	ErrURL = errors.New("it is no address of a sidecar")
	// ErrAway is returned if the sidecar did not answer, or cannot at this time.
	ErrAway = errors.New("the sidecar does not answer")
	// ErrAnswer is returned if the sidecar refused, or if something else than a sidecar answered.
	ErrAnswer = errors.New("the sidecar refused")
)

// Client asks the API of a sidecar.
type Client struct {
	base     *url.URL
	password string
	http     *http.Client
}

// NewClient returns a client for a sidecar at an address such as https://alice@crosscheck.example.com. The password is for the user of
// the address, and may also stand in it.
func NewClient(address, password string) (*Client, error) {
	base, err := url.Parse(strings.TrimSuffix(address, "/"))
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" || base.RawQuery != "" || base.Fragment != "" {
		return nil, fmt.Errorf("%w; it begins with http:// or https://", ErrURL) // the address may hold a password
	}
	return &Client{base: base, password: password, http: &http.Client{
		Timeout:       clientTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // a login must not go elsewhere
	}}, nil
}

// Decision returns what the gate decides now.
func (c *Client) Decision(ctx context.Context) (d gate.Decision, err error) {
	return d, c.get(ctx, "/api/v1/decision", nil, &d)
}

// Status returns everything that the page shows.
func (c *Client) Status(ctx context.Context) (s Status, err error) {
	return s, c.get(ctx, "/api/v1/status", nil, &s)
}

// Divergences returns one page of divergences. An empty state means all; the fingerprint of the filter is that of the sidecar.
func (c *Client) Divergences(ctx context.Context, f board.Filter, cursor string, limit int) (page Divergences, err error) {
	q := query(f)
	q.Set("limit", strconv.Itoa(limit))
	if cursor != "" {
		q.Set("cursor", cursor)
	}
	return page, c.get(ctx, "/api/v1/divergences", q, &page)
}

// Counts counts divergences.
func (c *Client) Counts(ctx context.Context, f board.Filter) (counts Counted, err error) {
	return counts, c.get(ctx, "/api/v1/divergences/counts", query(f), &counts)
}

func query(f board.Filter) url.Values {
	q := url.Values{"state": {"all"}}
	for name, value := range map[string]string{
		"state": string(f.State), "order_id": string(f.Key), "hop": string(f.Hop), "kind": f.Kind, "cause": f.Cause, "field": f.Field,
	} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return q
}

// get asks for one path, and reads the answer into a value.
func (c *Client) get(ctx context.Context, path string, q url.Values, into any) error {
	address := *c.base
	address.Path, address.RawQuery, address.User = address.Path+path, q.Encode(), nil
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrURL, err)
	}
	r.Header.Set("Accept", "application/json")
	if u := c.base.User; u != nil {
		password, ok := u.Password()
		if !ok {
			password = c.password
		}
		r.SetBasicAuth(u.Username(), password)
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrAway, err)
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	if err := errors.Join(err, answer.Body.Close()); err != nil {
		return fmt.Errorf("%w: reading its answer: %w", ErrAway, err)
	}
	if answer.StatusCode != http.StatusOK {
		return refusal(answer, text)
	}
	if len(text) > maxAnswer {
		return fmt.Errorf("%w: its answer is longer than %d bytes", ErrAnswer, maxAnswer)
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%w: its answer is not that of this program's version: %w", ErrAnswer, err)
	}
	return nil
}

// refusal is the error of an answer that is not what was asked for.
func refusal(answer *http.Response, text []byte) error {
	var said failure
	if json.Unmarshal(text, &said) != nil || said.Error == "" {
		said.Error, _, _ = strings.Cut(strings.TrimSpace(string(text)), "\n")
	}
	if answer.StatusCode >= http.StatusInternalServerError {
		return fmt.Errorf("%w: %s: %s", ErrAway, answer.Status, short(said.Error))
	}
	return fmt.Errorf("%w: %s: %s", ErrAnswer, answer.Status, short(said.Error))
}

// UnmarshalJSON tells values that are NULL from those that are not known.
func (f *Field) UnmarshalJSON(text []byte) error {
	var of struct {
		Name               string
		Hidden             bool
		Legacy, Projection *string
		Events             json.RawMessage // absent if not known
	}
	if err := json.Unmarshal(text, &of); err != nil {
		return err
	}
	if *f = (Field{Name: of.Name, Hidden: of.Hidden}); f.Hidden {
		return nil
	}
	f.Values = &Values{Legacy: of.Legacy, Projection: of.Projection}
	if len(of.Events) == 0 {
		return nil
	}
	var known *string
	if err := json.Unmarshal(of.Events, &known); err != nil {
		return err
	}
	f.Events = known
	return nil
}
