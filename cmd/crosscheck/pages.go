package main

import (
	"net/url"
	"regexp"
	"strings"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/web"
)

// orderPage is the address of an order's page; empty if no address of the pages is known.
func orderPage(c *config.Config, key order.Key) string {
	if c.Web.URL == "" || key == "" {
		return ""
	}
	return pagesAt(c) + "/orders/" + url.PathEscape(string(key))
}

// pagesAt is the address of the pages, which are those of a pair where there are several; empty if none is known.
func pagesAt(c *config.Config) string {
	if c.Web.URL == "" {
		return ""
	}
	return strings.TrimRight(c.Web.URL, "/") + web.PairBase(c.Pair)
}

// docsAt are the pages of the sidecar at an address, without the user in it; empty if it is none.
func docsAt(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	u.User = nil
	return strings.TrimRight(ofPairs.ReplaceAllString(u.String(), ""), "/") + "/docs"
}

// ofPairs is the end of the address of a pair's pages. The documentation is beside them.
var ofPairs = regexp.MustCompile(`/pairs(/[a-z0-9_]+)?/?$`)

var pageNamed = regexp.MustCompile(`\bdocs/([a-zA-Z0-9_/-]+)\.md\b`)

// withPages gives the pages of the documentation that a text names their addresses; without an address they stay the names of files.
func withPages(text, docs string) string {
	if docs == "" {
		return text
	}
	return pageNamed.ReplaceAllStringFunc(text, func(name string) string {
		return docs + "/" + pageNamed.FindStringSubmatch(name)[1]
	})
}

// criteriaPages lists the pages of the criteria that do not pass; empty without an address.
func criteriaPages(d gate.Decision, docs string) string {
	if docs == "" || d.Fingerprint == "" { // nothing was judged
		return ""
	}
	var b strings.Builder
	for _, c := range d.Criteria {
		if c.Verdict == gate.Passes {
			continue
		}
		page := "  " + docs + "/criteria/" + c.Name[strings.IndexByte(c.Name, '/')+1:] + "\n" // without the pair's name
		if !strings.Contains(b.String(), page) {
			b.WriteString(page)
		}
	}
	if b.Len() == 0 {
		return ""
	}
	return "\nAbout what does not pass:\n" + b.String()
}
