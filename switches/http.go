package switches

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Request is one request of HTTP.
type Request struct {
	Method  string // POST if it is empty, GET of a check
	URL     string
	Body    string
	Headers map[string]string
}

// HTTP switches by requests. An answer other than 2xx is an error, and no redirect is followed. A request has the headers
// X-Crosscheck-Run, and of one slice X-Crosscheck-Slice and X-Crosscheck-Slice-Column; and X-Crosscheck-Nonce at a barrier.
type HTTP struct {
	Do, Undo, Asks Request
	// On and Off are texts of which the answer to a check must have exactly one.
	On, Off string
}

var _ Action = HTTP{}

// Run implements [Action].
func (h HTTP) Run(ctx context.Context, step Step, run Run) (string, error) {
	r := h.Do
	if step == Undo {
		r = h.Undo
	}
	if r.Method == "" {
		r.Method = http.MethodPost
	}
	return r.send(ctx, run)
}

// Check implements [Action].
func (h HTTP) Check(ctx context.Context, run Run) (bool, error) {
	r := h.Asks
	if r.Method == "" {
		r.Method = http.MethodGet
	}
	body, err := r.send(ctx, run)
	if err != nil {
		return false, err
	}
	return h.read(body)
}

// read finds the side in an answer.
func (h HTTP) read(body string) (bool, error) {
	on, off := strings.Contains(body, h.On), strings.Contains(body, h.Off)
	if on == off {
		return false, fmt.Errorf("the answer has both or neither of %q and %q: %s", h.On, h.Off, bounded(body))
	}
	return on, nil
}

// mostAnswer is how much of an answer is read.
const mostAnswer = 1 << 20

func (r Request) send(ctx context.Context, run Run) (string, error) {
	request, err := http.NewRequestWithContext(ctx, r.Method, r.URL, strings.NewReader(r.Body))
	if err != nil {
		return "", errors.New("the request cannot be made: is its URL right?") // the library's error quotes the URL
	}
	for name, value := range r.Headers {
		request.Header.Set(name, value)
	}
	request.Header.Set("X-Crosscheck-Run", run.Name)
	if run.One {
		request.Header.Set("X-Crosscheck-Slice", url.QueryEscape(run.Slice))
		request.Header.Set("X-Crosscheck-Slice-Column", url.QueryEscape(run.Column))
	}
	if run.Nonce != "" {
		request.Header.Set("X-Crosscheck-Nonce", run.Nonce)
	}
	client := http.Client{
		Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	answer, err := client.Do(request)
	if err != nil {
		if cause, ok := errors.AsType[*url.Error](err); ok {
			err = cause.Err
		}
		return "", err
	}
	defer answer.Body.Close() //nolint:errcheck // it was read as far as it is needed
	body, err := io.ReadAll(io.LimitReader(answer.Body, mostAnswer))
	if err != nil {
		return string(body), fmt.Errorf("reading the answer: %w", err)
	}
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		var err error = &statusError{answer.Status, string(body)}
		if answer.StatusCode/100 == 4 && answer.StatusCode != http.StatusRequestTimeout { // 5xx may be of a proxy that has handed the request on
			err = &RefusedError{err}
		}
		return string(body), err
	}
	return string(body), nil
}

// statusError is an answer other than 2xx.
type statusError struct{ status, body string }

// Error implements error.
func (s *statusError) Error() string {
	return fmt.Sprintf("the answer is %s: %s", s.status, bounded(s.body))
}
