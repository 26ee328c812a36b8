// Package registrytest has a fake of a schema registry: the one request of Confluent's REST API that crosscheck makes.
package registrytest

import (
	"encoding/binary"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// Fake answers GET /schemas/ids/{id}, as Confluent's registry is documented to. It is no registry.
type Fake struct {
	URL string
	// Down makes it answer 503. Asked counts requests.
	Down  atomic.Bool
	Asked atomic.Int64
}

// New starts a fake with schemas by their ids. Each is the JSON of an answer. A user, where given, must log in.
func New(t testing.TB, user, password string, schemas map[int]string) *Fake {
	t.Helper()
	f := &Fake{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.Asked.Add(1)
		var id int
		_, _ = fmt.Sscanf(strings.TrimPrefix(r.URL.Path, "/schemas/ids/"), "%d", &id)
		name, word, _ := r.BasicAuth()
		w.Header().Set("Content-Type", "application/vnd.schemaregistry.v1+json")
		switch schema, ok := schemas[id]; {
		case f.Down.Load():
			http.Error(w, `{"error_code":50302,"message":"down"}`, http.StatusServiceUnavailable)
		case user != "" && (name != user || word != password):
			http.Error(w, `{"error_code":40101,"message":"Unauthorized"}`, http.StatusUnauthorized)
		case !ok:
			http.Error(w, `{"error_code":40403,"message":"Schema not found"}`, http.StatusNotFound)
		default:
			_, _ = fmt.Fprint(w, schema)
		}
	}))
	t.Cleanup(server.Close)
	f.URL = server.URL
	return f
}

// Framed puts a schema's id before a value.
func Framed(id uint32, value []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0}, id), value...)
}
