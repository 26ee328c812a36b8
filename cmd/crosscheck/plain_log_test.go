package main

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"slices"
	"testing"
)

func TestWarningsOfOneOffCommandsAreSentences(t *testing.T) {
	var out bytes.Buffer
	log := (&program{stderr: &out}).log().With(slog.String("pass", "full"))
	log.Warn("hashes disagree", slog.Any("error", errors.New("bad\x1b[2J")))
	log.Info("not shown")
	if want := "crosscheck: warning: hashes disagree (pass: full, error: bad\\x1b[2J)\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestNegativeKeysAreNoFlags(t *testing.T) {
	parser, err := newParser(&cli{}, io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range [][2][]string{
		{{"accept", "-5", "--why", "x"}, {"accept", "--why", "x", "--", "-5"}},
		{{"accept", "--why", "-1 of 2", "-5"}, {"accept", "--why=-1 of 2", "--", "-5"}},
		{{"verify", "--json", "--keys", "-5,-7", "--keys", "-9"}, {"verify", "--json", "--keys=-5,-7", "--keys=-9"}},
		{{"explain", "-5"}, {"explain", "--", "-5"}},
		{{"accept", "--", "-5"}, {"accept", "--", "-5"}},
		{{"verify", "-5"}, {"verify", "-5"}},
	} {
		if got := withNegativeKey(parser.Model.Node, c[0]); !slices.Equal(got, c[1]) {
			t.Errorf("%q: got %q, want %q", c[0], got, c[1])
		}
	}
}

// TestNoKeyIsNotEveryOrder: an empty variable of a shell must not begin a full verification.
func TestNoKeyIsNotEveryOrder(t *testing.T) {
	for _, c := range []struct {
		args []string
		want []string // nil if it is refused
	}{
		{[]string{"verify", "--keys", ""}, nil},
		{[]string{"verify", "--keys="}, nil},
		{[]string{"verify", "--keys", "7", "--keys="}, nil},
		{[]string{"verify", "--keys", `7,a\,b`, "--keys=9"}, []string{"7", "a,b", "9"}},
	} {
		var parsed cli
		parser, err := newParser(&parsed, io.Discard, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = parser.Parse(c.args); (err != nil) != (c.want == nil) || err == nil && !slices.Equal(parsed.Verify.Keys, c.want) {
			t.Errorf("%q: %v, %v", c.args, parsed.Verify.Keys, err)
		}
	}
}
