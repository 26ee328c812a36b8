// Package readpath asks a read path over HTTP.
//
// Invariant: only GET requests are sent, and only to the configured host. An answer that is neither JSON nor "not found" is an
// error, and never an answer.
package readpath

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/reads"
)

var (
	// ErrAnswer is returned for an answer that cannot be compared.
	ErrAnswer = errors.New("not an answer that can be compared")
	errAway   = errors.New("redirected to another host")
)

const (
	// mostAnswer is how many bytes an answer may have.
	mostAnswer    = 4 << 20
	mostRedirects = 5
	// idle is how many connections are kept for each host, so that a latency is not that of connecting.
	idle = 64
)

// Client sends the requests of all queries.
type Client struct{ http http.Client }

// NewClient returns a client, which opens connections when it asks.
func NewClient() *Client {
	return &Client{http.Client{
		Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: idle, IdleConnTimeout: time.Minute},
		CheckRedirect: func(to *http.Request, via []*http.Request) error {
			switch {
			case to.URL.Host != via[0].URL.Host || to.URL.Scheme != via[0].URL.Scheme:
				return errAway
			case len(via) >= mostRedirects:
				return http.ErrUseLastResponse
			}
			return nil
		},
	}}
}

// Close closes connections that wait.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Query is one query. In the template {key} and {1} are the first parameter of a question, {2} the second.
func (c *Client) Query(template string, headers map[string]string) reads.Asker {
	return query{c, template, headers}
}

type query struct {
	client   *Client
	template string
	headers  map[string]string
}

// Ask implements [reads.Asker].
func (q query) Ask(ctx context.Context, params []string) (a reads.Answer, err error) {
	address, err := fill(q.template, params)
	if err != nil {
		return a, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return a, fmt.Errorf("%w: the URL is not one with these parameters", ErrAnswer) // the library's error quotes it
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", "crosscheck")
	for name, value := range q.headers {
		request.Header.Set(name, value)
	}
	began := time.Now()
	answer, err := q.client.http.Do(request)
	if err != nil {
		if cause, ok := errors.AsType[*url.Error](err); ok {
			err = cause.Err
		}
		return a, err
	}
	defer answer.Body.Close() //nolint:errcheck // it was read as far as it is needed
	body, err := io.ReadAll(io.LimitReader(answer.Body, mostAnswer+1))
	a.Took = time.Since(began)
	if err != nil {
		return a, fmt.Errorf("reading the answer: %w", err)
	}
	a.Value, err = read(answer, body)
	return a, err
}

// read makes a value of an answer. What is not found is no value.
func read(answer *http.Response, body []byte) (reads.Value, error) {
	switch {
	case len(body) > mostAnswer:
		return reads.Value{}, fmt.Errorf("%w: it has more than %d MiB", ErrAnswer, mostAnswer>>20)
	case answer.StatusCode == http.StatusNotFound || answer.StatusCode == http.StatusGone:
		return reads.Value{}, nil
	case answer.StatusCode < 200 || answer.StatusCode > 299:
		return reads.Value{}, fmt.Errorf("%w: its status is %s", ErrAnswer, answer.Status)
	case len(strings.TrimSpace(string(body))) == 0:
		return reads.Value{}, nil
	}
	v, err := reads.ParseJSON(body)
	if err != nil {
		return v, fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	return v, nil
}

var placeholder = regexp.MustCompile(`\{(key|[0-9]{1,2})\}`)

// fill writes the parameters into a template, escaped for where they stand.
func fill(template string, params []string) (address string, err error) {
	path, search, searched := strings.Cut(template, "?")
	into := func(text string, escape func(string) string) string {
		return placeholder.ReplaceAllStringFunc(text, func(m string) string {
			n := 1
			if m != "{key}" {
				n, _ = strconv.Atoi(strings.Trim(m, "{}")) // digits
			}
			if n < 1 || n > len(params) {
				err = fmt.Errorf("%w: the template has %s, and the question has %d parameters", ErrAnswer, m, len(params))
				return m
			}
			return escape(params[n-1])
		})
	}
	address = into(path, url.PathEscape)
	if searched {
		address += "?" + into(search, url.QueryEscape)
	}
	return address, err
}
