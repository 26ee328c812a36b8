// Package slacktest is a local HTTP server that behaves like the part of Slack's API that crosscheck uses. It checks
// the token, posts, edits, threads and remembers, and it fails in the ways in which Slack fails.
//
// Invariant: it records every message that it takes, whatever it answers. So it knows what was posted twice.
package slacktest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Fault is how a call goes wrong.
type Fault int

// The faults.
const (
	None         Fault = iota
	Limited            // 429 with Retry-After, nothing taken
	Down               // 500, nothing taken
	DownAfter          // 500, but the message was taken
	HangUp             // the connection ends before anything was taken
	HangUpAfter        // the connection ends without an answer, but the message was taken
	MissingScope       // ok: false, the token may not do that
)

// RetryAfter is the time that Limited asks for.
const RetryAfter = 7 * time.Second

// Message is one message that the server has taken.
type Message struct {
	Channel, TS, Thread string
	Marker              string // from the metadata
	Text                string // as posted
	Edits               []string
	At                  time.Time
	blocks              string
	metadata            json.RawMessage
}

// Current is the text after the last edit.
func (m Message) Current() string {
	if n := len(m.Edits); n > 0 {
		return m.Edits[n-1]
	}
	return m.Text
}

// Server is the API for one token and one channel. It is safe for concurrent use.
type Server struct {
	Token         string
	Channel, Name string // "C0123", "#cutover"
	// Fault says how the next call fails; nil means never.
	Fault func(method string) Fault
	// Now gives the time of messages.
	Now func() time.Time

	mu       sync.Mutex
	messages []*Message
	calls    []string
	last     int64 // microseconds of the newest ts, which are unique
}

// New returns a server without faults.
func New(token, channel, name string) *Server {
	return &Server{Token: token, Channel: channel, Name: name, Now: time.Now}
}

// ServeHTTP answers one call of the API, or of a webhook at /webhook.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	method := strings.TrimPrefix(r.URL.Path, "/")
	s.mu.Lock()
	defer s.mu.Unlock()
	fault := None
	if s.Fault != nil {
		fault = s.Fault(method)
	}
	s.calls = append(s.calls, method)
	switch fault {
	case Limited:
		w.Header().Set("Retry-After", strconv.Itoa(int(RetryAfter.Seconds())))
		w.WriteHeader(http.StatusTooManyRequests)
		return
	case Down:
		w.WriteHeader(http.StatusInternalServerError)
		return
	case HangUp:
		panic(http.ErrAbortHandler)
	case MissingScope:
		answer(w, map[string]any{"ok": false, "error": "missing_scope", "needed": "channels:history", "provided": "chat:write"})
		return
	case None, DownAfter, HangUpAfter:
	}
	if err := r.ParseForm(); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	reply := s.call(method, r)
	switch fault {
	case DownAfter:
		w.WriteHeader(http.StatusInternalServerError)
	case HangUpAfter:
		panic(http.ErrAbortHandler)
	default:
		if method == "webhook" {
			fmt.Fprint(w, "ok")
			return
		}
		answer(w, reply)
	}
}

func answer(w http.ResponseWriter, reply map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(reply); err != nil {
		panic(http.ErrAbortHandler)
	}
}

func refuse(why string) map[string]any { return map[string]any{"ok": false, "error": why} }

func (s *Server) call(method string, r *http.Request) map[string]any {
	if method == "webhook" {
		var body struct{ Text string }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			return refuse("invalid_payload")
		}
		s.add(&Message{Channel: s.Channel, Text: body.Text})
		return nil
	}
	token := r.Form.Get("token")
	if token == "" {
		token = strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	}
	channel := r.Form.Get("channel")
	switch {
	case token != s.Token:
		return refuse("invalid_auth")
	case channel != s.Channel && (channel != s.Name || method != "chat.postMessage"):
		return refuse("channel_not_found")
	}
	switch method {
	case "chat.postMessage":
		return s.post(r)
	case "chat.update":
		return s.update(r)
	case "conversations.history":
		return s.list(r, func(m *Message) bool { return m.Thread == "" })
	case "conversations.replies":
		thread := r.Form.Get("ts")
		return s.list(r, func(m *Message) bool { return m.Thread == thread || m.TS == thread })
	}
	return refuse("unknown_method")
}

func (s *Server) post(r *http.Request) map[string]any {
	m := &Message{Channel: s.Channel, Thread: r.Form.Get("thread_ts"), Text: r.Form.Get("text"), blocks: r.Form.Get("blocks")}
	if m.Thread != "" && s.find(m.Thread) == nil {
		return refuse("thread_not_found")
	}
	if text := r.Form.Get("metadata"); text != "" {
		var metadata struct {
			EventPayload map[string]string `json:"event_payload"`
		}
		if err := json.Unmarshal([]byte(text), &metadata); err != nil {
			return refuse("invalid_metadata_format")
		}
		m.metadata, m.Marker = json.RawMessage(text), metadata.EventPayload["marker"]
	}
	s.add(m)
	return map[string]any{"ok": true, "channel": m.Channel, "ts": m.TS, "message": map[string]any{"text": m.Text, "ts": m.TS}}
}

func (s *Server) add(m *Message) {
	m.At = s.Now()
	s.last = max(s.last+1, m.At.UnixMicro())
	m.TS = fmt.Sprintf("%d.%06d", s.last/1e6, s.last%1e6)
	s.messages = append(s.messages, m)
}

// Delete removes a message with its thread, as a person does.
func (s *Server) Delete(ts string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.messages = slices.DeleteFunc(s.messages, func(m *Message) bool { return m.TS == ts || m.Thread == ts })
}

func (s *Server) find(ts string) *Message {
	i := slices.IndexFunc(s.messages, func(m *Message) bool { return m.TS == ts })
	if i < 0 {
		return nil
	}
	return s.messages[i]
}

func (s *Server) update(r *http.Request) map[string]any {
	m := s.find(r.Form.Get("ts"))
	if m == nil {
		return refuse("message_not_found")
	}
	m.Edits, m.blocks = append(m.Edits, r.Form.Get("text")), r.Form.Get("blocks")
	return map[string]any{"ok": true, "channel": m.Channel, "ts": m.TS, "text": m.Current()}
}

// list answers newest first, in pages of two, so that clients must turn pages.
func (s *Server) list(r *http.Request, in func(*Message) bool) map[string]any {
	const page = 2
	var all []map[string]any
	for _, m := range slices.Backward(s.messages) {
		if !in(m) || r.Form.Get("oldest") > m.TS {
			continue
		}
		shown := map[string]any{"type": "message", "ts": m.TS, "text": m.Current()}
		if m.metadata != nil && r.Form.Get("include_all_metadata") == "1" {
			shown["metadata"] = m.metadata
		}
		all = append(all, shown)
	}
	from, err := strconv.Atoi(r.Form.Get("cursor"))
	if err != nil {
		from = 0
	}
	next := ""
	if from+page < len(all) {
		next = strconv.Itoa(from + page)
	}
	return map[string]any{
		"ok": true, "messages": all[min(from, len(all)):min(from+page, len(all))], "has_more": next != "",
		"response_metadata": map[string]string{"next_cursor": next},
	}
}
