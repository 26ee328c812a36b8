package config

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Proxy is a reverse proxy that asks users to log in, and tells the sidecar who they are.
type Proxy struct {
	// Header has the user's name, such as X-Forwarded-User; empty for no proxy.
	Header string
	// From are the addresses of the proxy. The header of any other address counts for nothing.
	From []netip.Prefix
}

// Given returns true if there is a proxy.
func (p Proxy) Given() bool { return p.Header != "" }

// webRoles are the roles of users. Each later one may do what those before it may.
func webRoles() []string { return []string{"viewer", "operator", "approver"} }

// headerName is what a header may be called.
var headerName = regexp.MustCompile(`^[A-Za-z0-9-]+$`)

// readRoles reads the mapping of users to roles.
func readRoles(o *object) map[string]string {
	if o == nil {
		return nil
	}
	roles := map[string]string{}
	for _, key := range o.keys {
		s, role, ok := o.filledScalar(key.Value)
		if ok && slices.Contains(webRoles(), role) {
			roles[key.Value] = role
		} else if ok {
			o.wrong(s, "must be one of "+strings.Join(webRoles(), ", ")+", found "+s.shown(), "")
		}
	}
	return roles
}

func readProxy(o *object, p *Proxy) {
	if o == nil {
		return
	}
	o.require("header", "such as X-Forwarded-User")
	o.require("from", "such as [10.0.0.0/8]: the addresses of the proxy")
	if s, text, ok := o.filledScalar("header"); ok && headerName.MatchString(text) {
		p.Header = text
	} else if ok {
		o.wrong(s, "must be the name of a header, found "+s.shown(), "such as X-Forwarded-User")
	}
	o.list("from", func(n *yaml.Node, path string) {
		s, ok := o.value(n, path)
		if !ok {
			return
		}
		from, ok := addresses(s.text)
		if !ok {
			o.wrong(s, "must be an address or a range of addresses, found "+s.shown(), `such as 127.0.0.1 or "10.0.0.0/8"`)
			return
		}
		p.From = append(p.From, from)
	})
	o.done()
}

// addresses reads one address, or a range of them.
func addresses(text string) (netip.Prefix, bool) {
	text = strings.TrimSpace(text)
	if prefix, err := netip.ParsePrefix(text); err == nil {
		return prefix.Masked(), true
	}
	address, err := netip.ParseAddr(text)
	if err != nil || address.Zone() != "" {
		return netip.Prefix{}, false
	}
	address = address.Unmap()
	return netip.PrefixFrom(address, address.BitLen()), true
}
