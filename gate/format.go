package gate

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/nordvarg/crosscheck/human"
)

// passName names a pass without a time.
func passName(p Pass) string {
	if p.Kind == "full" {
		return fmt.Sprintf("Full verification %d", p.ID)
	}
	return fmt.Sprintf("%s pass %d", strings.ToUpper(p.Kind[:min(1, len(p.Kind))])+p.Kind[min(1, len(p.Kind)):], p.ID)
}

// passWhen names a pass and says when it started.
func passWhen(p Pass, now time.Time) string {
	return fmt.Sprintf("%s started at %s, %s ago", passName(p), human.Instant(p.StartedAt), human.Duration(now.Sub(p.StartedAt)))
}

// because appends a reason that came from another place, without its full stop.
func because(reason string) string {
	if reason == "" {
		return ""
	}
	return " (" + strings.TrimRight(plain(reason), ". ") + ")"
}

// plain makes a text from a database safe to print: control characters could drive a terminal.
func plain(s string) string {
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return strconv.Quote(s)
		}
	}
	return s
}
