package config

import (
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Web is the HTTP endpoint of the sidecar: status page, /metrics, /healthz and /readyz.
type Web struct {
	// Listen is host:port. An empty host means every address of the machine. Default 127.0.0.1:8080.
	Listen string
	// URL is the address at which people reach the page, for links in alerts; empty for none.
	URL string
	// Auth is the path of a web configuration file as Prometheus exporters have it: TLS, and users with their passwords.
	// A relative path begins at the folder of config.yaml. Default "", no TLS and no login.
	Auth string
	// Open serves the page to everybody who can reach Listen, without a login. Default false: beyond loopback the page
	// needs Auth.
	Open bool
	// ShowValues shows the values of orders on the page, in the API and in the report. Default true.
	ShowValues bool
	// Roles is what each user may do: viewer, operator or approver. Default: all users may look, and change nothing.
	Roles map[string]string
	// Proxy names the users in front of the sidecar. Default: none.
	Proxy Proxy
}

// Docs is the section docs.
type Docs struct {
	// URL is the address of a copy of the documentation, without a slash at its end. Default: the pages under web.url.
	URL string
}

// DocsURL is where people find the page of a cause, a criterion or a runbook; empty if no address is known.
func (c *Config) DocsURL() string {
	switch {
	case c.Docs.URL != "":
		return strings.TrimRight(c.Docs.URL, "/")
	case c.Web.URL != "":
		return strings.TrimRight(c.Web.URL, "/") + "/docs"
	}
	return ""
}

func readWeb(o *object, w *Web) {
	if o == nil {
		return
	}
	if s, text, ok := o.filledScalar("listen"); ok && listenable(text) {
		w.Listen = text
	} else if ok {
		o.wrong(s, "must be host:port, found "+s.shown(), `such as ":8080" or "127.0.0.1:8080"`)
	}
	readURL(o, "url", &w.URL)
	o.text("auth", &w.Auth)
	if w.Auth != "" && !filepath.IsAbs(w.Auth) {
		w.Auth = filepath.Join(filepath.Dir(o.file), w.Auth)
	}
	o.boolean("open", &w.Open)
	o.boolean("show_values", &w.ShowValues)
	w.Roles = readRoles(o.object("roles"))
	readProxy(o.object("proxy"), &w.Proxy)
	o.done()
}

func listenable(address string) bool {
	host, port, err := net.SplitHostPort(address)
	if err != nil || strings.ContainsAny(host, " \t/@") {
		return false
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && strconv.FormatUint(n, 10) == port
}

// label reads a short text that is shown to people and is the label of a metric.
func (o *object) label(key string, into *string) {
	s, text, ok := o.filledScalar(key)
	if !ok {
		return
	}
	const most = 60
	text = strings.TrimSpace(text)
	if utf8.RuneCountInString(text) > most || strings.ContainsFunc(text, unicode.IsControl) {
		o.wrong(s, "must be one line of at most 60 characters", "")
		return
	}
	*into = text
}
