// Package registry reads values that a schema registry's serializers have written.
//
// Invariant: a value whose schema the registry does not have is never read. A registry that does not answer is an error, and
// says nothing about any value.
package registry

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/nordvarg/crosscheck/order"
)

// Config says where the registry is.
type Config struct {
	URL string
	// User and Password are for HTTP's basic authentication. Empty for none.
	User, Password string
}

// ErrUnavailable is returned when the registry does not answer, or refuses to. It proves nothing.
var ErrUnavailable = errors.New("the schema registry is not available")

const (
	// askTimeout is for one request.
	askTimeout = 10 * time.Second
	// mostAnswer is how much of an answer is read.
	mostAnswer = 4 << 20
	// head is the zero byte and the schema's id before a value.
	head = 5
	// notFound is the registry's code for an id that it does not have.
	notFound = 40403
)

// Client asks a registry, once for each schema. It is safe for concurrent use.
type Client struct {
	config Config
	http   *http.Client

	mu    sync.Mutex
	known map[uint32]string // schema's id → its type: AVRO, JSON or PROTOBUF
}

// New returns a client. It asks nothing yet.
func New(c Config) *Client {
	return &Client{config: c, http: &http.Client{Timeout: askTimeout}, known: map[uint32]string{}}
}

// JSON takes the frame off a record with a JSON value. The record says why its value cannot be read. The error wraps
// [ErrUnavailable].
func (c *Client) JSON(ctx context.Context, r order.Record) (order.Record, error) {
	if len(r.Value) == 0 {
		return r, nil
	}
	if len(r.Value) < head || r.Value[0] != 0 {
		r.Unread = errors.New("the value has no schema's id before it")
		return r, nil
	}
	id := binary.BigEndian.Uint32(r.Value[1:])
	kind, err := c.kind(ctx, id)
	switch {
	case errors.Is(err, errNoSchema):
		r.Unread = fmt.Errorf("the registry has no schema %d", id)
		return r, nil
	case err != nil:
		return r, err
	case kind != "JSON":
		r.Unread = fmt.Errorf("schema %d is of type %.20s, and stream.value says registry-json", id, kind)
		return r, nil
	}
	r.Value = r.Value[head:]
	return r, nil
}

// errNoSchema means that the registry has answered that it does not have the schema.
var errNoSchema = errors.New("no such schema")

// kind is the type of a schema. An id never gets another schema; one that is missing may be there later.
func (c *Client) kind(ctx context.Context, id uint32) (string, error) {
	c.mu.Lock()
	kind, ok := c.known[id]
	c.mu.Unlock()
	if ok {
		return kind, nil
	}
	kind, err := c.ask(ctx, id)
	if err == nil {
		c.mu.Lock()
		c.known[id] = kind
		c.mu.Unlock()
	}
	return kind, err
}

func (c *Client) ask(ctx context.Context, id uint32) (kind string, err error) {
	unavailable := func(err error) error { return fmt.Errorf("%w: asking for schema %d: %w", ErrUnavailable, id, err) }
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s/schemas/ids/%d", strings.TrimSuffix(c.config.URL, "/"), id), nil)
	if err != nil {
		return "", unavailable(err)
	}
	if c.config.User != "" {
		request.SetBasicAuth(c.config.User, c.config.Password)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return "", unavailable(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, mostAnswer))
	if err != nil {
		return "", unavailable(err)
	}
	var answer struct {
		SchemaType string `json:"schemaType"` //nolint:tagliatelle // the registry's name
		Code       int    `json:"error_code"`
	}
	err = json.Unmarshal(body, &answer)
	switch {
	case response.StatusCode == http.StatusNotFound && err == nil && answer.Code == notFound:
		return "", errNoSchema
	case response.StatusCode != http.StatusOK:
		return "", unavailable(fmt.Errorf("it answers %s", response.Status))
	case err != nil:
		return "", unavailable(fmt.Errorf("reading its answer: %w", err))
	case answer.SchemaType == "": // the registry leaves out its default
		return "AVRO", nil
	}
	return answer.SchemaType, nil
}
