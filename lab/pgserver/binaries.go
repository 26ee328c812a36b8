package pgserver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
)

// The folders in which distributions keep the server's programs. PG_BIN comes before them, and PATH after them.
var homes = []string{
	"/usr/lib/postgresql/*/bin",                                                          // Debian, Ubuntu
	"/usr/pgsql-*/bin",                                                                   // Red Hat, PGDG
	"/opt/homebrew/opt/postgresql@*/bin",                                                 // Homebrew on ARM
	"/usr/local/opt/postgresql@*/bin",                                                    // Homebrew on Intel
	"/Applications/Postgres.app/Contents/Versions/*/bin",                                 // Postgres.app
	"/usr/local/pgsql/bin", "/usr/libexec/postgresql*", "/opt/local/lib/postgresql*/bin", // source, Alpine, MacPorts
}

// binaries returns a folder that holds initdb and postgres. If there is none, it downloads them.
func binaries(ctx context.Context) (string, error) {
	if dir := os.Getenv("PG_BIN"); dir != "" {
		if !complete(dir) {
			return "", fmt.Errorf("%w: PG_BIN=%s holds no initdb and postgres", ErrNoBinaries, dir)
		}
		return dir, nil
	}
	if dir := installed(homes); dir != "" {
		return dir, nil
	}
	if path, err := exec.LookPath("postgres"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil && complete(filepath.Dir(path)) {
			return filepath.Dir(path), nil
		}
	}
	dir, err := download(ctx)
	if err != nil {
		return "", errors.Join(fmt.Errorf("%w on this machine, and downloading them failed", ErrNoBinaries), err)
	}
	return dir, nil
}

// installed returns the complete folder with the highest version that one of the patterns matches.
func installed(patterns []string) string {
	for _, pattern := range patterns {
		dirs, err := filepath.Glob(pattern)
		if err != nil {
			continue // the pattern is a constant; its test would fail
		}
		slices.SortFunc(dirs, func(a, b string) int { return version(b) - version(a) })
		for _, dir := range dirs {
			if complete(dir) {
				return dir
			}
		}
	}
	return ""
}

var lastNumber = regexp.MustCompile(`(\d+)(?:\.(\d+))?\D*$`)

// version is the last number in a path times a hundred, plus the one after its dot, so that 9.6 sorts below 15.
func version(path string) int {
	m := lastNumber.FindStringSubmatch(path)
	if m == nil {
		return 0
	}
	major, _ := strconv.Atoi(m[1])
	minor, _ := strconv.Atoi(m[2]) // "" is 0
	return major*100 + minor
}

func complete(dir string) bool {
	for _, program := range []string{"initdb", "postgres"} {
		if runtime.GOOS == "windows" {
			program += ".exe"
		}
		if info, err := os.Stat(filepath.Join(dir, program)); err != nil || info.IsDir() {
			return false
		}
	}
	return true
}

// OfVersion returns the folder of initdb and postgres of a major version, where scripts/postgres-versions put them.
func OfVersion(major int) (string, error) {
	dir := os.Getenv("CROSSCHECK_POSTGRES_VERSIONS")
	if dir == "" {
		home, err := cache()
		if err != nil {
			return "", err
		}
		dir = filepath.Join(home, "postgresql-versions")
	}
	bin := filepath.Join(dir, strconv.Itoa(major), "bin")
	if !complete(bin) {
		return "", fmt.Errorf("%w of version %d in %s", ErrNoBinaries, major, dir)
	}
	return bin, nil
}
