package web

import (
	"fmt"
	"html/template"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/human"
)

// orderPath is the page of an order. A path cannot hold some keys.
func orderPath(key string) string {
	switch key {
	case "", ".", "..":
		return "/orders/?id=" + url.QueryEscape(key)
	default:
		return "/orders/" + url.PathEscape(key)
	}
}

// orderNamed is a key as people see it.
func orderNamed(key string) string { return human.Shown(short(key)) }

// orderLink names an order, and leads to its page.
func orderLink(key string) template.HTML {
	return template.HTML(fmt.Sprintf(`<a href="%s">%s</a>`, template.HTMLEscapeString(orderPath(key)), template.HTMLEscapeString(orderNamed(key)))) //nolint:gosec // both are escaped
}

// hopLink names a hop, and leads to what can be wrong there.
func hopLink(hop string) template.HTML {
	return template.HTML(fmt.Sprintf(`<a class="hopname" href="/docs/causes">%s</a>`, template.HTMLEscapeString(short(hop)))) //nolint:gosec // escaped
}

func kindsOfMismatch() []compare.Kind { return compare.Kinds() }

func causeNames() (names []compare.Cause) {
	for _, c := range compare.Causes() {
		names = append(names, c.Cause)
	}
	return names
}

// sentence begins with a capital and ends with a full stop. A name at its beginning stays as it is.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	if word, _, _ := strings.Cut(text, " "); strings.ContainsAny(word, "_:") {
		return strings.TrimSuffix(text, ".") + "."
	}
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + strings.TrimSuffix(text[size:], ".") + "."
}
