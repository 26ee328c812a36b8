// Package registrytest has a fake of a schema registry, and a real one. Both are asked by Confluent's REST API.
package registrytest

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// Fake answers the requests that crosscheck makes, as a registry does. It is no registry.
type Fake struct {
	URL string
	// Server is for its certificate, if it speaks TLS.
	Server *httptest.Server
	// Down makes it answer 503. Asked counts requests for schemas.
	Down  atomic.Bool
	Asked atomic.Int64

	user, password string
	mu             sync.Mutex
	ids            []json.RawMessage            // answers by id, from 1 on
	versions       map[string][]json.RawMessage // answers by subject, from version 1 on
}

// New starts a fake. A user, where given, must log in.
func New(t testing.TB, user, password string) *Fake {
	t.Helper()
	return serve(t, user, password, (*httptest.Server).Start)
}

// NewTLS starts a fake that speaks TLS.
func NewTLS(t testing.TB) *Fake {
	t.Helper()
	return serve(t, "", "", (*httptest.Server).StartTLS)
}

func serve(t testing.TB, user, password string, start func(*httptest.Server)) *Fake {
	f := &Fake{user: user, password: password, versions: map[string][]json.RawMessage{}}
	f.Server = httptest.NewUnstartedServer(http.HandlerFunc(f.answer))
	start(f.Server)
	t.Cleanup(f.Server.Close)
	f.URL = f.Server.URL
	return f
}

func (f *Fake) answer(w http.ResponseWriter, r *http.Request) {
	name, word, _ := r.BasicAuth()
	w.Header().Set("Content-Type", "application/vnd.schemaregistry.v1+json")
	path := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case r.Method == http.MethodPost && path[0] == "subjects":
		var body json.RawMessage
		_ = json.NewDecoder(r.Body).Decode(&body)
		f.ids = append(f.ids, body)
		f.versions[path[1]] = append(f.versions[path[1]], body)
		_, _ = fmt.Fprintf(w, `{"id":%d}`, len(f.ids))
		return
	case f.Down.Load():
		f.Asked.Add(1)
		http.Error(w, `{"error_code":50302,"message":"down"}`, http.StatusServiceUnavailable)
		return
	case f.user != "" && (name != f.user || word != f.password):
		http.Error(w, `{"error_code":40101,"message":"Unauthorized"}`, http.StatusUnauthorized)
		return
	}
	f.Asked.Add(1)
	if path[0] != "subjects" && path[0] != "schemas" {
		http.NotFound(w, r)
		return
	}
	code, n, answers := 40403, 0, f.ids
	_, _ = fmt.Sscan(path[len(path)-1], &n)
	if path[0] == "subjects" {
		if code, answers = 40401, f.versions[path[1]]; answers != nil {
			code = 40402
		}
	}
	if n < 1 || n > len(answers) {
		http.Error(w, fmt.Sprintf(`{"error_code":%d,"message":"not found"}`, code), http.StatusNotFound)
		return
	}
	_, _ = w.Write(answers[n-1])
}

// Schema is the body of a request that registers a schema.
type Schema struct {
	Kind       string      `json:"schemaType,omitempty"` //nolint:tagliatelle // the registry's name
	Schema     string      `json:"schema"`
	References []Reference `json:"references,omitempty"`
}

// Reference names a schema of another subject.
type Reference struct {
	Name    string `json:"name"`
	Subject string `json:"subject"`
	Version int    `json:"version"`
}

// Register stores a schema at a registry, and returns its id.
func Register(t testing.TB, url, subject string, s Schema) uint32 {
	t.Helper()
	body, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/subjects/"+subject+"/versions", strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/vnd.schemaregistry.v1+json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var answer struct {
		ID      uint32 `json:"id"`
		Message string `json:"message"`
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || answer.ID == 0 {
		t.Fatalf("registering %s: %s, %s, %v", subject, response.Status, answer.Message, err)
	}
	return answer.ID
}

// Framed puts a schema's id before a value.
func Framed(id uint32, value []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0}, id), value...)
}
