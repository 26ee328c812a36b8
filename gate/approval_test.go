package gate

import (
	"strings"
	"testing"
	"time"
)

func TestWhatAnApprovalLacks(t *testing.T) {
	now := time.Date(2026, 11, 27, 3, 0, 0, 0, time.UTC)
	a := Approval{Seq: 2, Who: "bea@desk-1", Fingerprint: "f", Cutover: "c", Until: now.Add(time.Hour)}
	for name, test := range map[string]struct {
		of                             Approval
		fingerprint, cutover, executor string
		now                            time.Time
		want                           string
	}{
		"all":                     {a, "f", "c", "adam@desk-1", now, ""},
		"none":                    {Approval{}, "f", "c", "adam", now, "nobody"},
		"another comparison":      {a, "g", "c", "adam", now, "not what is configured"},
		"other switches":          {a, "f", "d", "adam", now, "section cutover"},
		"nobody executes":         {a, "f", "c", " @desk-2", now, "must have a name"},
		"a plan":                  {a, "f", "c", "", now, ""},
		"nobody has approved":     {Approval{Seq: 2, Who: " ", Fingerprint: "f", Cutover: "c", Until: a.Until}, "f", "c", "adam", now, "must have a name"},
		"the same person":         {a, "f", "c", "Bea@desk-2", now, "another person"},
		"it has ended":            {a, "f", "c", "adam", now.Add(time.Hour), "has ended"},
		"a moment before its end": {a, "f", "c", "adam", now.Add(time.Hour - 1), ""},
	} {
		got := test.of.Lacks(test.fingerprint, test.cutover, test.executor, test.now)
		if !strings.Contains(got, test.want) || (got == "") != (test.want == "") {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}
