package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/config"
)

// FuzzParse looks for text that makes the reader panic, and for errors without a place.
func FuzzParse(f *testing.F) {
	paths, err := filepath.Glob("testdata/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range paths {
		src, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(src)
	}
	f.Add([]byte(withFold + everyForm))
	f.Add([]byte("a: &a [*a, *a]\n? {b: c}\n: !!binary x\n"))
	f.Fuzz(func(t *testing.T, src []byte) {
		c, err := config.Parse("f", src, environment)
		if err == nil {
			if len(c.Compare.Fields) == 0 || c.Legacy.DSN.Empty() || len(c.Fingerprint()) != 64 {
				t.Errorf("accepted, but not complete: %+v", c)
			}
			return
		}
		mistakes, ok := errors.AsType[config.Errors](err)
		if !ok || len(mistakes) == 0 {
			t.Fatalf("%T is not config.Errors", err)
		}
		for _, m := range mistakes {
			if m.Line < 1 || m.Column < 1 || m.Message == "" || m.File != "f" {
				t.Errorf("a mistake without a place: %#v", m)
			}
		}
	})
}

// FuzzSchedule looks for cron lines that make the library panic or hang.
func FuzzSchedule(f *testing.F) {
	for _, expr := range []string{"0 * * * *", "TZ=UTC", "CRON_TZ=Europe/Oslo 0 2 * * *", "@hourly", "*/0 * * * *", "1-70000000000 * * * *", "0 0 29 2 1"} {
		f.Add(expr)
	}
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, expr string) {
		s, err := config.ParseSchedule(expr)
		if err == nil && !s.Off() && !s.Next(now).After(now) {
			t.Errorf("%q comes next at %v, not after %v", expr, s.Next(now), now)
		}
	})
}
