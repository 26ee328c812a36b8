package web

import (
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"unicode"

	toolkit "github.com/prometheus/exporter-toolkit/web"
	"go.yaml.in/yaml/v2"
)

// Role says what a user may do. Each later role may do what those before it may.
type Role string

// The roles.
const (
	Nobody   Role = ""         // somebody without a name
	Viewer   Role = "viewer"   // looks
	Operator Role = "operator" // accepts, withdraws, rechecks
	Approver Role = "approver" // approves a cutover
)

// may reports whether the role includes another.
func (r Role) may(needed Role) bool {
	order := []Role{Nobody, Viewer, Operator, Approver}
	return slices.Index(order, r) >= slices.Index(order, needed)
}

// Proxy is a reverse proxy that asks users to log in. Its header counts only if the request comes from one of its addresses.
type Proxy struct {
	Header string // empty for no proxy
	From   []netip.Prefix
}

// user returns the name that the proxy gives; empty if the request does not come from it. Two names are none.
func (p Proxy) user(r *http.Request) string {
	names := r.Header.Values(p.Header)
	if p.Header == "" || len(names) != 1 || !p.trusts(r.RemoteAddr) {
		return ""
	}
	return userName(names[0])
}

func (p Proxy) trusts(remote string) bool {
	from, err := netip.ParseAddrPort(remote)
	if err != nil {
		return false
	}
	address := from.Addr().Unmap().WithZone("")
	return slices.ContainsFunc(p.From, func(of netip.Prefix) bool { return of.Contains(address) })
}

// userName returns a name that can be written down; empty if it is none.
func userName(name string) string {
	const most = 200
	name = strings.TrimSpace(name)
	if len(name) > most || strings.ToValidUTF8(name, "") != name || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return ""
	}
	return name
}

// User is somebody who looks or acts.
type User struct {
	Name string `json:"user"` // empty for somebody who has not logged in
	Role Role   `json:"role"` // empty for the same
}

// user says who sent a request. The toolkit has checked password and certificate already.
func (a access) user(r *http.Request) User {
	name := a.proxy.user(r)
	if name == "" && a.auth != "" {
		name = loggedIn(a.auth, r)
	}
	switch role := a.roles[name]; {
	case name == "":
		return User{}
	case role.may(Viewer):
		return User{name, role}
	default:
		return User{name, Viewer}
	}
}

// loggedIn is the user whom the web configuration file has let in: by password, or by certificate.
func loggedIn(file string, r *http.Request) string {
	c, err := webFileOf(file)
	if err != nil {
		return ""
	}
	if name, _, ok := r.BasicAuth(); ok && len(c.Users) > 0 {
		if _, known := c.Users[name]; known {
			return userName(name)
		}
		return ""
	}
	if certain(c) && r.TLS != nil && len(r.TLS.VerifiedChains) > 0 {
		return userName(r.TLS.PeerCertificates[0].Subject.CommonName)
	}
	return ""
}

// webFileOf reads the web configuration file.
func webFileOf(file string) (c toolkit.Config, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return c, err
	}
	return c, yaml.Unmarshal(text, &c)
}

// certain reports whether everybody has to show a certificate that is checked.
func certain(c toolkit.Config) bool { return c.TLSConfig.ClientAuth == "RequireAndVerifyClientCert" }
