package slacktest

import (
	"fmt"
	"slices"
	"strings"
)

// Messages returns all messages that were taken, in order.
func (s *Server) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Message, len(s.messages))
	for i, m := range s.messages {
		out[i] = *m
		out[i].Edits = slices.Clone(m.Edits)
	}
	return out
}

// Calls returns the methods that were called, including failed calls.
func (s *Server) Calls() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// Blocks returns the blocks of a message, as JSON.
func (s *Server) Blocks(ts string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.find(ts); m != nil {
		return m.blocks
	}
	return ""
}

// Doubled returns the texts that were posted more than once with the same marker.
func (s *Server) Doubled() []string {
	seen := map[string]bool{}
	var twice []string
	for _, m := range s.Messages() {
		if m.Marker != "" && seen[m.Marker] {
			twice = append(twice, m.Text)
		}
		seen[m.Marker] = true
	}
	return twice
}

// Threads returns the parents with their replies, as people see them now: one line per message, replies indented.
func (s *Server) Threads() string {
	var out strings.Builder
	all := s.Messages()
	for _, parent := range all {
		if parent.Thread != "" {
			continue
		}
		fmt.Fprintln(&out, first(parent.Current()))
		for _, m := range all {
			if m.Thread == parent.TS {
				fmt.Fprintln(&out, "    "+first(m.Current()))
			}
		}
	}
	return out.String()
}

func first(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}
