package repair

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"github.com/nordvarg/crosscheck/human"
	"github.com/nordvarg/crosscheck/order"
)

// Table is one that statements write to, as the catalogue has it.
type Table struct {
	Name    string // as the configuration writes it
	Kind    string // pg_class.relkind; empty if it is no relation
	Columns []Column
}

// Column is a column of a table.
type Column struct {
	Name, Type string // format_type without the modifier
	// NotNull needs a value, Default has one by itself, and Generated takes none.
	NotNull, Default, Generated bool
}

func (c Column) needed() bool { return c.NotNull && !c.Default && !c.Generated }

// Writable is true for a table, and false for what only shows one.
func (t *Table) Writable() bool { return t.Kind == "r" || t.Kind == "p" }

func (t *Table) column(name string) (Column, bool) {
	for _, c := range t.Columns {
		if c.Name == name {
			return c, true
		}
	}
	return Column{}, false
}

var (
	plainName  = regexp.MustCompile(`^(?:t\.)?([a-z_][a-z0-9_$]*)$`)
	quotedName = regexp.MustCompile(`^(?:t\.)?"((?:[^"]|"")+)"$`)
)

// Name is the column that SQL names; empty if it is another expression.
func Name(sql string) string { return name(sql) }

func name(sql string) string {
	sql = strings.TrimSpace(sql)
	if m := plainName.FindStringSubmatch(sql); m != nil {
		return m[1]
	}
	if m := quotedName.FindStringSubmatch(sql); m != nil {
		return strings.ReplaceAll(m[1], `""`, `"`)
	}
	return ""
}

func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// literal is a text as SQL, whatever standard_conforming_strings is.
func literal(text string) string {
	text = strings.ReplaceAll(text, "'", "''")
	if strings.Contains(text, `\`) {
		return " E'" + strings.ReplaceAll(text, `\`, `\\`) + "'"
	}
	return "'" + text + "'"
}

func value(v order.Value) string {
	if v.Null {
		return "NULL"
	}
	return literal(v.Text)
}

func exists(from string) string { return "EXISTS (SELECT 1 " + from + ")" }

// check is a condition, and what is wrong if it does not hold.
type check struct{ holds, wrong string }

// steps are those of one statement.
type steps struct {
	already string // true if the change was made before
	seen    []check
	change  []string
	after   []check
	done    string
}

// block is one statement: it changes the state that was seen into the one that is planned, or nothing.
func block(key order.Key, s steps) string {
	var b strings.Builder
	message := func(text string) string { return "USING MESSAGE = " + literal("order "+line(string(key))+": "+text) }
	raise := func(c check) {
		if c.holds != "" {
			fmt.Fprintf(&b, "  IF (%s) IS NOT TRUE THEN\n    RAISE EXCEPTION %s;\n  END IF;\n", c.holds, message(c.wrong+"; nothing is changed"))
		}
	}
	fmt.Fprintf(&b, "BEGIN\n  IF %s THEN\n    RAISE NOTICE %s;\n    RETURN;\n  END IF;\n", s.already, message("repaired already; nothing is changed"))
	for _, c := range s.seen {
		raise(c)
	}
	for _, change := range s.change {
		b.WriteString("  " + change + ";\n")
	}
	for _, c := range s.after {
		raise(c)
	}
	fmt.Fprintf(&b, "  RAISE NOTICE %s;\nEND", message(s.done))
	return do(b.String())
}

// do is a statement that runs a body.
func do(body string) string {
	tag := "$crosscheck$"
	for n := 1; strings.Contains(body, tag); n++ {
		tag = "$crosscheck" + strconv.Itoa(n) + "$"
	}
	return "DO " + tag + "\n" + body + "\n" + tag
}

// alone waits for others that apply a plan of the order. What they have committed is then seen.
func alone(key order.Key) string {
	return do("BEGIN PERFORM pg_advisory_xact_lock(hashtextextended(" + literal("crosscheck repair "+string(key)) + ", 0)); END")
}

// line makes one printable line of a text, so that it cannot leave its comment.
func line(text string) string {
	var b strings.Builder
	for _, r := range text {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		escaped := strconv.QuoteRune(r)
		b.WriteString(escaped[1 : len(escaped)-1])
	}
	return human.Clipped(b.String(), 400)
}

func shown(v order.Value) string {
	if v.Null {
		return "NULL"
	}
	return human.Clipped(v.Text, 120)
}

func quantity(n int, one string) string { return human.Quantity(int64(n), one, one+"s") }
