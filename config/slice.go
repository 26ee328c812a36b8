package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Sliced says how a row of the new side tells to which slice it belongs; see docs/cutover.md. A row of legacy tells by [Fence.Slice].
type Sliced struct {
	// Projection is SQL over the columns of projection.table. Default the column cutover.fence.slice.
	Projection string
	// Events is SQL over the columns of events.table, which is called t. Required for a cutover by slice, if there are events.
	Events string
}

var (
	// ErrNoSlices is wrapped if the configuration names no column of slices.
	ErrNoSlices = errors.New("cutover.fence.slice names no column, so there are no slices")
	// ErrSlice is wrapped if a text names no slice.
	ErrSlice = errors.New("a slice is written as COLUMN=VALUE")
	// ErrSliceless is wrapped if events do not tell to which slice they belong.
	ErrSliceless = errors.New("cutover.slice.events does not say to which slice an event belongs")
)

func readSliced(o *object, t *Cutover) {
	if o == nil {
		return
	}
	if t.Fence.Slice == "" {
		o.at(o.node, o.path, "needs cutover.fence.slice, the column of legacy's tables by whose values orders are cut over", "")
	}
	for name, into := range map[string]*string{"projection": &t.Sliced.Projection, "events": &t.Sliced.Events} {
		o.sql(name, into)
		if n := o.values[name]; n != nil {
			if message := unclosed(*into); message != "" {
				o.at(target(n), join(o.path, name), message, "write one expression, such as t.payload->>'symbol'")
			}
		}
	}
	o.done()
}

// SliceValue is the value in a text such as "symbol=ACME". The empty value is that of rows whose column is NULL or empty.
func (c *Config) SliceValue(text string) (string, error) {
	column := c.Cutover.Fence.Slice
	if column == "" {
		return "", ErrNoSlices
	}
	value, ok := strings.CutPrefix(text, column+"=")
	switch {
	case !ok:
		return "", fmt.Errorf("%w, and the column is %s: %q", ErrSlice, column, text)
	case strings.ContainsRune(value, 0) || strings.ToValidUTF8(value, "") != value:
		return "", fmt.Errorf("%w, and %q is no text of a database", ErrSlice, value)
	case c.Events.Given() && c.Cutover.Sliced.Events == "":
		return "", ErrSliceless
	}
	return value, nil
}

// SliceName is the text for a value.
func (c *Config) SliceName(value string) string { return c.Cutover.Fence.Slice + "=" + value }

// Only is the configuration for the orders of one slice.
func (c *Config) Only(value string) *Config {
	return c.restricted(func(expression string) string { return expression + " = " + quoted(value) })
}

// Without is the configuration for the orders of all other slices.
func (c *Config) Without(values []string) *Config {
	if len(values) == 0 {
		return c
	}
	list := make([]string, len(values))
	for i, value := range slices.Sorted(slices.Values(values)) { // in one order, for the fingerprint
		list[i] = quoted(value)
	}
	rest := c.restricted(func(expression string) string { return expression + " NOT IN (" + strings.Join(list, ", ") + ")" })
	rest.leftOut = slices.Sorted(slices.Values(values))
	return rest
}

// LeftOut are the slices that [Config.Without] has left out.
func (c *Config) LeftOut() []string { return c.leftOut }

func (c *Config) restricted(condition func(expression string) string) *Config {
	only := *c
	only.Legacy.Where = both(c.Legacy.Where, condition(c.SliceOfLegacy()))
	only.Projection.Where = both(c.Projection.Where, condition(c.SliceOfProjection()))
	if c.Events.Given() {
		only.Events.Where = both(c.Events.Where, condition(sliceText(c.Cutover.Sliced.Events)))
	}
	return &only
}

// MayBeOf is the condition for an event that is of a slice, or does not tell.
func (c *Config) MayBeOf(value string) string {
	return "coalesce((\n" + c.Cutover.Sliced.Events + "\n)::text, " + quoted(value) + ") = " + quoted(value)
}

// MayBeOfOthers is the condition for an event that is of none of these slices, or does not tell.
func (c *Config) MayBeOfOthers(values []string) string {
	list := make([]string, len(values))
	for i, value := range values {
		list[i] = quoted(value)
	}
	return "((\n" + c.Cutover.Sliced.Events + "\n)::text IN (" + strings.Join(list, ", ") + ")) IS NOT TRUE"
}

// OfOtherProjections is the condition for a row that is of none of these slices.
func (c *Config) OfOtherProjections(values []string) string {
	return (&Config{Cutover: c.Cutover}).Without(values).Projection.Where
}

// OfOtherLegacy is the condition for a row of legacy that is of none of these slices; empty if there are none.
func (c *Config) OfOtherLegacy(values []string) string {
	return (&Config{Cutover: c.Cutover}).Without(values).Legacy.Where
}

// OfLegacy and OfProjection are the conditions for a row that is of a slice.
func (c *Config) OfLegacy(value string) string {
	return (&Config{Cutover: c.Cutover}).Only(value).Legacy.Where
}

// OfProjection is as [Config.OfLegacy].
func (c *Config) OfProjection(value string) string {
	return (&Config{Cutover: c.Cutover}).Only(value).Projection.Where
}

// SliceOfLegacy and SliceOfProjection are SQL of the slice of a row, as text.
func (c *Config) SliceOfLegacy() string { return sliceText(c.sliceColumn()) }

// SliceOfProjection is as [Config.SliceOfLegacy].
func (c *Config) SliceOfProjection() string {
	return sliceText(cmp.Or(c.Cutover.Sliced.Projection, c.sliceColumn()))
}

func (c *Config) sliceColumn() string {
	return `"` + strings.ReplaceAll(c.Cutover.Fence.Slice, `"`, `""`) + `"`
}

// sliceText is the slice of a row as text, as the fence knows it.
func sliceText(expression string) string { return "coalesce((\n" + expression + "\n)::text, '')" }

func both(where, and string) string {
	if where == "" {
		return and
	}
	return "(\n" + where + "\n) AND " + and
}

// quoted is a text in SQL, whatever the server takes backslashes for.
func quoted(text string) string {
	text = strings.ReplaceAll(text, "'", "''")
	if strings.Contains(text, `\`) {
		return "E'" + strings.ReplaceAll(text, `\`, `\\`) + "'"
	}
	return "'" + text + "'"
}
