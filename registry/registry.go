// Package registry reads values that a schema registry's serializers have written.
//
// Invariant: a value whose schema the registry does not have is never read. A registry that does not answer is an error, and
// says nothing about any value.
package registry

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/hamba/avro/v2"

	"github.com/nordvarg/crosscheck/order"
)

// Config says where the registry is, and what it is asked for.
type Config struct {
	URL string
	// User and Password are for HTTP's basic authentication. Empty for none.
	User, Password string
	// CAFile holds the PEM certificates of the authorities to trust. Empty for the system's.
	CAFile string
	// Avro says that values are in Avro, and not in JSON.
	Avro bool
	// Keys says that records' keys are read too, if they are framed. Text never is.
	Keys bool
}

// ErrUnavailable is returned when the registry does not answer, or refuses to. It proves nothing.
var ErrUnavailable = errors.New("the schema registry is not available")

const (
	// askTimeout is for one request.
	askTimeout = 10 * time.Second
	// head is the zero byte and the schema's id before a value.
	head = 5
)

// Client asks a registry, once for each schema. It is safe for concurrent use.
type Client struct {
	config Config
	http   *http.Client

	mu    sync.Mutex
	known map[uint32]schema // by id
	away  error             // of the last request; nil if it was answered
}

// schema is what the registry has by an id.
type schema struct {
	kind string // AVRO, JSON or PROTOBUF
	avro avro.Schema
	bad  error // why it cannot be used
}

// New returns a client. It asks nothing yet.
func New(c Config) (*Client, error) {
	client := &http.Client{Timeout: askTimeout}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("reading the authorities of the schema registry: %w", err)
		}
		trusted := x509.NewCertPool()
		if !trusted.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("reading the authorities of the schema registry: %s holds none in PEM", c.CAFile)
		}
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.TLSClientConfig = &tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS12}
		client.Transport = transport
	}
	return &Client{config: c, http: client, known: map[uint32]schema{}}, nil
}

// Read returns a record with its value in JSON. The record says why its value cannot be read. The error wraps
// [ErrUnavailable].
func (c *Client) Read(ctx context.Context, r order.Record) (order.Record, error) {
	if len(r.Value) == 0 {
		return r, nil
	}
	value, unread, err := c.read(ctx, r.Value)
	if err != nil {
		return r, err
	}
	if r.Unread = unread; unread == nil {
		r.Value, r.Converted = value, c.config.Avro
	}
	if !c.config.Keys || len(r.Key) < head || r.Key[0] != 0 {
		return r, nil
	}
	key, unread, err := c.read(ctx, r.Key)
	if err == nil && unread == nil { // otherwise it stays what it is: no text
		r.Key = key
	}
	return r, err
}

// read takes the frame off, and turns Avro into JSON. unread is why it cannot.
func (c *Client) read(ctx context.Context, framed []byte) (value []byte, unread, err error) {
	if len(framed) < head || framed[0] != 0 {
		return nil, errors.New("the value has no schema's id before it"), nil
	}
	id := binary.BigEndian.Uint32(framed[1:])
	s, err := c.schema(ctx, id)
	want := "JSON"
	if c.config.Avro {
		want = "AVRO"
	}
	switch body := framed[head:]; {
	case errors.Is(err, errNoSchema):
		return nil, fmt.Errorf("the registry has no schema %d", id), nil
	case err != nil:
		return nil, nil, err
	case s.bad != nil:
		return nil, fmt.Errorf("schema %d: %w", id, s.bad), nil
	case s.kind != want:
		return nil, fmt.Errorf("schema %d is of type %.20s, which stream.value does not say", id, s.kind), nil
	case c.config.Avro:
		if value, err = toJSON(s.avro, body); err != nil {
			return nil, fmt.Errorf("read with schema %d, %w", id, err), nil
		}
		return value, nil, nil
	default:
		return body, nil, nil
	}
}

// schema is what the registry has by an id, which never gets another schema. One that is missing may be there later.
func (c *Client) schema(ctx context.Context, id uint32) (schema, error) {
	c.mu.Lock()
	s, ok := c.known[id]
	c.mu.Unlock()
	if ok {
		return s, nil
	}
	s, err := c.fetch(ctx, id)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch c.away = nil; {
	case err == nil:
		c.known[id] = s
	case !errors.Is(err, errNoSchema):
		err = fmt.Errorf("%w: asking for schema %d: %w", ErrUnavailable, id, err)
		c.away = err
	}
	return s, err
}

// Away is why the registry did not answer the last request; nil if it did, or was never asked.
func (c *Client) Away() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.away
}
