package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/nordvarg/crosscheck/doctor"
	"github.com/nordvarg/crosscheck/switches/fence"
)

// fedBy is what cutover fence says of the reverse feed.
type fedBy struct {
	Role     string   `json:"role"`
	Passes   bool     `json:"passes"` // now
	Sessions int      `json:"sessions"`
	Doubts   []string `json:"doubts,omitempty"`
}

// feedOf returns nil without a reverse feed.
func feedOf(ctx context.Context, f *fence.Fence, sealed bool) (*fedBy, error) {
	feed, err := f.Feed(ctx)
	if err != nil || feed.Role == "" {
		return nil, err
	}
	return &fedBy{Role: feed.Role, Passes: sealed, Sessions: feed.Sessions, Doubts: append(feed.Faults(), feed.Doubts()...)}, nil
}

func (r *fedBy) text() string {
	if r == nil {
		return ""
	}
	var b strings.Builder
	does := "is refused as long as the fence is not permanent"
	if r.Passes {
		does = "passes"
	}
	fmt.Fprintf(&b, "  The reverse feed: who logs in as %s %s; %d sessions have\n", printable(r.Role), does, r.Sessions)
	for _, doubt := range r.Doubts {
		fmt.Fprintf(&b, "  Beware: %s\n", printable(doubt))
	}
	return b.String()
}

// diagnoseReverse says whether the role of the reverse feed can feed, and whether it could do more.
func diagnoseReverse(ctx context.Context, f *fence.Fence) (found []doctor.Finding) {
	of := func(level doctor.Level, hint, message string) {
		found = append(found, doctor.Finding{Side: "cutover", Check: "reverse", Level: level, Message: doctor.OneLine(message), Hint: hint})
	}
	feed, err := f.Feed(ctx)
	if err != nil {
		of(doctor.Error, "correct cutover.reverse", err.Error())
		return found
	}
	for _, fault := range feed.Faults() {
		of(doctor.Error, "create a role for the feed alone, with INSERT, UPDATE and DELETE on the fenced tables", fault)
	}
	for _, doubt := range feed.Doubts() {
		of(doctor.Warning, "give the feed a role of its own that owns nothing", doubt)
	}
	if feed.Role != "" && len(found) == 0 {
		of(doctor.OK, "", fmt.Sprintf("the role %s feeds legacy once the fence is permanent", feed.Role))
	}
	return found
}
