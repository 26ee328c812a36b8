package doctor

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Place is where a statement or a command is to run.
type Place struct {
	Server   string // host and port, or brokers
	Database string // empty for brokers
	Standby  bool   // the server takes no writes: its primary does
}

// Step orders the statements of a place.
type Step int

// The steps of a script.
const (
	Access Step = iota // roles, schemas and rights
	Change             // tables and sequences
	Build              // indexes and constraints, which take long
)

// Fix is what a person may run to mend a finding. Each statement is quoted, and without its semicolon.
type Fix struct {
	As      string // who may run it, such as "the owner of public.orders, app"
	SQL     []string
	Command string // of a shell, instead of SQL
	Note    string // what to know first; empty if nothing
	Step    Step
	Index   *Index // what the statements build, if that is an index
	// Optional is for what is not missing: it is printed as a comment.
	Optional bool
}

// Index is an index that a fix builds.
type Index struct {
	Table   string
	Columns []string
	Unique  bool
}

// serves returns true if one index can do what another is asked to do.
func (x *Index) serves(other *Index) bool {
	if x.Table != other.Table || len(x.Columns) < len(other.Columns) || !slices.Equal(x.Columns[:len(other.Columns)], other.Columns) {
		return false
	}
	return !other.Unique || x.Unique && len(x.Columns) == len(other.Columns)
}

// located is a fix with its finding.
type located struct {
	Fix

	at  Place
	why []string
}

// Script returns the fixes of findings as SQL, grouped by place, with comments that say where to run each and as whom. It is empty if
// nothing is missing. Commands and options are comments.
func Script(findings []Finding, place func(side string) Place) string {
	all := collected(findings, place)
	if !slices.ContainsFunc(all, func(f located) bool { return !f.Optional }) {
		return ""
	}
	var places []Place
	for _, f := range all {
		if !slices.Contains(places, f.at) {
			places = append(places, f.at)
		}
	}
	var b strings.Builder
	b.WriteString("-- What crosscheck doctor misses. Review it, and run each part where its comment says.\n")
	for _, at := range places {
		part := slices.DeleteFunc(slices.Clone(all), func(f located) bool { return f.at != at })
		slices.SortStableFunc(part, func(a, b located) int { return int(a.Step - b.Step) })
		writeHead(&b, at, part)
		for _, f := range part {
			writeFix(&b, f)
		}
	}
	b.WriteString("\n-- Then run crosscheck doctor --fix-sql again: what could not be asked before may miss more.\n")
	return b.String()
}

// collected are the fixes, each once, without indexes whose work another does.
func collected(findings []Finding, place func(side string) Place) (all []located) {
	for _, f := range findings {
		for _, fix := range f.Fixes {
			why := fmt.Sprintf("%s, %s: %s", f.Side, f.Check, f.Message)
			same := func(other located) bool {
				return other.at == place(f.Side) && slices.Equal(other.SQL, fix.SQL) && other.Command == fix.Command
			}
			if i := slices.IndexFunc(all, same); i >= 0 {
				all[i].why, all[i].Optional = append(all[i].why, why), all[i].Optional && fix.Optional
				continue
			}
			all = append(all, located{fix, place(f.Side), []string{why}})
		}
	}
	var kept []located
	for i, f := range all {
		better := func(other located) bool {
			return f.Index != nil && other.Index != nil && other.at == f.at && other.Index.serves(f.Index) && !f.Index.serves(other.Index)
		}
		if !slices.ContainsFunc(all[:i], better) && !slices.ContainsFunc(all[i+1:], better) {
			kept = append(kept, f)
		}
	}
	return kept
}

func writeHead(b *strings.Builder, at Place, part []located) {
	if at.Database == "" {
		fmt.Fprintf(b, "\n-- Brokers %s: commands for a shell.\n", plain(at.Server))
		return
	}
	fmt.Fprintf(b, "\n-- Server %s, database %s.\n", plain(at.Server), plain(at.Database))
	if at.Standby {
		b.WriteString("-- It is a standby, which takes no writes: run this on its primary.\n")
	}
	if slices.ContainsFunc(part, func(f located) bool { return strings.Contains(strings.Join(f.SQL, " "), " CONCURRENTLY ") }) {
		b.WriteString("-- CREATE INDEX CONCURRENTLY runs in no transaction: use psql without -1, and statement by statement elsewhere.\n" +
			"-- It waits for transactions that are open. If it fails it leaves an invalid index: drop that first.\n")
	}
}

func writeFix(b *strings.Builder, f located) {
	b.WriteByte('\n')
	for _, why := range f.why {
		fmt.Fprintf(b, "-- %s\n", plain(why))
	}
	if f.Note != "" {
		fmt.Fprintf(b, "-- %s\n", plain(f.Note))
	}
	if f.Command != "" {
		fmt.Fprintf(b, "--   %s\n", plain(f.Command))
		return
	}
	as, before := "Run as "+f.As+".", ""
	if f.Optional {
		as, before = "Optional. To use it, uncomment it. "+as, "-- "
	}
	fmt.Fprintf(b, "-- %s\n", plain(as))
	for _, sql := range f.SQL {
		if f.Optional {
			sql = plain(sql)
		}
		fmt.Fprintf(b, "%s%s;\n", before, sql)
	}
}

// plain is a text that cannot end a comment or steer a terminal.
func plain(text string) string {
	return OneLine(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp, unicode.Cf) {
			return ' '
		}
		return r
	}, text))
}
