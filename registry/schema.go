package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/hamba/avro/v2"
)

const (
	// mostAnswer is how much of an answer is read.
	mostAnswer = 4 << 20
	// mostReferences is how many schemas one may refer to, with those that they refer to.
	mostReferences = 100
)

// notFound are the registry's codes for a subject, a version and an id that it does not have.
var notFound = map[int]bool{40401: true, 40402: true, 40403: true}

// errNoSchema means that the registry has answered that it does not have the schema.
var errNoSchema = errors.New("no such schema")

// answer is what the registry says of a schema.
type answer struct {
	Kind       string      `json:"schemaType"` //nolint:tagliatelle // the registry's name
	Schema     string      `json:"schema"`
	References []reference `json:"references"`
	Code       int         `json:"error_code"`
}

// reference is a schema that another one names.
type reference struct {
	Subject string `json:"subject"`
	Version int    `json:"version"`
}

// fetch asks for a schema, and for all that it refers to.
func (c *Client) fetch(ctx context.Context, id uint32) (schema, error) {
	a, err := c.ask(ctx, fmt.Sprintf("schemas/ids/%d", id))
	if err != nil || a.Kind != "AVRO" {
		return schema{kind: a.Kind}, err
	}
	named := &avro.SchemaCache{}
	bad, err := c.refer(ctx, a.References, named, map[reference]bool{})
	if err != nil {
		return schema{}, err
	}
	s := schema{kind: a.Kind, bad: bad}
	if bad == nil {
		s.avro, s.bad = parse(a.Schema, named)
	}
	return s, nil
}

// refer reads referenced schemas into named. bad is why they cannot be used.
func (c *Client) refer(ctx context.Context, to []reference, named *avro.SchemaCache, seen map[reference]bool) (bad, err error) {
	for _, r := range to {
		if seen[r] {
			continue
		}
		if seen[r] = true; len(seen) > mostReferences {
			return fmt.Errorf("it refers to more than %d schemas", mostReferences), nil
		}
		a, err := c.ask(ctx, fmt.Sprintf("subjects/%s/versions/%d", url.PathEscape(r.Subject), r.Version))
		if err != nil {
			return nil, fmt.Errorf("%.60s, version %d, to which it refers: %w", r.Subject, r.Version, err)
		}
		if bad, err := c.refer(ctx, a.References, named, seen); bad != nil || err != nil {
			return bad, err
		}
		if _, bad := parse(a.Schema, named); bad != nil {
			return fmt.Errorf("%.60s, version %d, to which it refers: %w", r.Subject, r.Version, bad), nil
		}
	}
	return nil, nil
}

func parse(text string, named *avro.SchemaCache) (avro.Schema, error) {
	s, err := avro.ParseWithCache(text, "", named)
	if err != nil {
		return nil, fmt.Errorf("it is no schema in Avro: %.200s", strings.TrimPrefix(err.Error(), "avro: "))
	}
	return s, nil
}

// ask makes one request. The error is errNoSchema, or why there is no answer.
func (c *Client) ask(ctx context.Context, path string) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(c.config.URL, "/")+"/"+path, nil)
	if err != nil {
		return answer{}, err
	}
	request.Header.Set("Accept", "application/vnd.schemaregistry.v1+json")
	if c.config.User != "" {
		request.SetBasicAuth(c.config.User, c.config.Password)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, mostAnswer))
	if err != nil {
		return answer{}, err
	}
	var a answer
	err = json.Unmarshal(body, &a)
	switch {
	case response.StatusCode == http.StatusNotFound && err == nil && notFound[a.Code]:
		return answer{}, errNoSchema
	case response.StatusCode != http.StatusOK:
		return answer{}, fmt.Errorf("it answers %s", response.Status)
	case err != nil:
		return answer{}, fmt.Errorf("reading its answer: %w", err)
	case a.Schema == "":
		return answer{}, errors.New("its answer has no schema")
	case a.Kind == "": // the registry leaves out its default
		a.Kind = "AVRO"
	}
	return a, nil
}
