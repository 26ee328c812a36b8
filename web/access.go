package web

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"

	toolkit "github.com/prometheus/exporter-toolkit/web"
)

// closedText is the answer to whoever may not see the page.
const closedText = `crosscheck does not show this page: web.listen can be reached from other machines, and nobody has to log in.
Set one of these in config.yaml, and restart crosscheck:
  web: {listen: "127.0.0.1:8080"}   for this machine only
  web: {auth: web.yml}              a web configuration file with basic_auth_users, or with client certificates
  web: {proxy: {header: X-Forwarded-User, from: [10.0.0.0/8]}}   behind a reverse proxy that asks for the login
  web: {open: true}                 for everybody who can reach the address
/metrics, /healthz and /readyz are served in any case.
`

// access says who sees the page and the API at one address, and who may change something.
type access struct {
	anyone bool   // only this machine reaches the address, or it is meant to be open
	auth   string // path of the web configuration file; "" for none
	proxy  Proxy
	roles  map[string]Role // user → role; all others may look
}

func (s *Server) access(address net.Addr) access {
	tcp, ok := address.(*net.TCPAddr)
	return access{anyone: s.Open || ok && tcp.IP.IsLoopback(), auth: s.Auth, proxy: s.Proxy, roles: s.Roles}
}

// open reports whether everybody whose requests come this far may see the page. The file is read for each request, as the
// toolkit does, so a user list that is emptied later closes the page.
func (a access) open() bool { return a.anyone || a.auth != "" && login(a.auth) }

// sees reports whether the sender of a request may see the page.
func (a access) sees(r *http.Request) bool { return a.open() || a.proxy.user(r) != "" }

// login reports whether everybody who gets past the web configuration file has proven who they are.
func login(file string) bool {
	c, err := webFileOf(file)
	return err == nil && (len(c.Users) > 0 || certain(c))
}

// guard shows a page only if the address allows it.
func (a access) guard(page http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if a.sees(r) {
			page(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(closedText)) // the visitor has left: nothing to do
	}
}

// serve serves until the server is shut down, behind the web configuration file if there is one.
func (s *Server) serve(ctx context.Context, server *http.Server, listener net.Listener, a access) error {
	if !a.open() && a.proxy.Header == "" {
		s.log().WarnContext(ctx, "the status page is not served, only /metrics, /healthz and /readyz: web.listen can be reached from other machines and nobody has to log in; set web.auth with users, web.proxy, or web.open",
			slog.String("address", listener.Addr().String()))
	}
	if a.auth == "" {
		return server.Serve(listener)
	}
	if err := toolkit.Validate(a.auth); err != nil {
		return fmt.Errorf("reading web.auth: %w", err)
	}
	quiet := slog.New(slog.DiscardHandler) // Serve says the address already
	return toolkit.Serve(listener, server, &toolkit.FlagConfig{WebConfigFile: &a.auth}, quiet)
}
