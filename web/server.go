package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/nordvarg/crosscheck/board"
	"github.com/nordvarg/crosscheck/explain"
)

const (
	// readTimeout limits the reading of the status or the readiness from the ledger and the sides.
	readTimeout = 8 * time.Second
	// cacheFor is how long one reading serves all requests.
	cacheFor = 2 * time.Second
	// drainTimeout is how long requests may take to end after the server was told to stop.
	drainTimeout = 5 * time.Second
)

// ErrListen is returned by Run if it cannot listen at its address.
var ErrListen = errors.New("listening for web.listen")

// Server serves page, API, health and metrics until its context ends.
type Server struct {
	// Listen is the address, such as "127.0.0.1:8080".
	Listen string
	// Auth is the path of a web configuration file as Prometheus exporters have it, with TLS and users; "" for none.
	// Without a login, page and API are served on loopback only, unless Open is set.
	Auth string
	Open bool
	// Proxy names users in front of the server.
	Proxy Proxy
	// Roles says what each user may do. All others may look.
	Roles map[string]Role
	// URL is the address at which people reach the page; empty if it is that of their requests.
	URL string
	// FormKey returns the secret by which all servers behind one address know their forms; at least 32 bytes. If it is nil, a form
	// is good for the server that has shown it.
	FormKey func(context.Context) ([]byte, error)
	// API is what the JSON API reads and changes.
	API API
	// HideValues leaves out the values of orders that Source does not know of.
	HideValues bool
	// System is named on the page and in the API.
	System System
	// Compared is named on each page.
	Compared Compared
	// Pairs are those of a server of several pairs of tables. It has no Source and no API of its own.
	Pairs []Pair
	// Source is read for the page and the API.
	Source Source
	// Ready says which parts can be reached. It must return when its context ends. If it is nil, crosscheck is never
	// ready.
	Ready func(context.Context) []Part
	// Metrics serves /metrics; nil is 404.
	Metrics http.Handler
	// Now is the time at which a part changes its state; nil means the clock.
	Now func() time.Time
	// Log gets failures that a visitor is not told in full; nil discards them.
	Log *slog.Logger
}

// Run listens and serves until the context ends, then lets running requests finish. It returns nil after an orderly
// stop, and only when all its goroutines have ended.
func (s *Server) Run(ctx context.Context) error {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", s.Listen)
	if ctx.Err() != nil {
		if listener != nil {
			return listener.Close()
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrListen, err)
	}
	return s.Serve(ctx, listener)
}

// Serve is Run on an existing listener. It closes the listener.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	may := s.access(listener.Addr())
	closing := make(chan struct{}) // closed when viewers have to leave
	site := s.site(may, closing)
	defer site.plan.end() // after the requests, which ask
	for _, p := range site.pairs {
		defer p.plan.end()
	}
	server := &http.Server{
		Handler:           s.handle(site),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(s.log().Handler(), slog.LevelWarn),
	}
	s.log().InfoContext(ctx, "serving", slog.String("address", listener.Addr().String()))
	ended := make(chan error, 1) // gets what Serve returned, once
	go func() { ended <- s.serve(ctx, server, listener, may) }()
	select {
	case err := <-ended:
		_ = listener.Close() // it may not have served at all
		return fmt.Errorf("serving %s: %w", listener.Addr(), err)
	case <-ctx.Done():
	}
	close(closing)
	// The context has ended, and running requests need a little more time: their own deadline.
	draining, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	err := server.Shutdown(draining)
	if err != nil {
		err = errors.Join(fmt.Errorf("draining requests: %w", err), server.Close())
	}
	if stopped := <-ended; !errors.Is(stopped, http.ErrServerClosed) {
		err = errors.Join(err, fmt.Errorf("serving %s: %w", listener.Addr(), stopped))
	}
	return err
}

func (s *Server) log() *slog.Logger {
	if s.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return s.Log
}

// Handler serves all paths to everybody.
func (s *Server) Handler() http.Handler { return s.handler(access{anyone: true}, nil) }

func (s *Server) handler(may access, closing <-chan struct{}) http.Handler {
	return s.handle(s.site(may, closing))
}

func (s *Server) handle(site *site) http.Handler {
	mux := http.NewServeMux()
	if len(s.Pairs) > 0 {
		site.servePairs(mux)
	} else {
		site.serve(mux)
		for _, r := range site.routes() {
			mux.HandleFunc(r.method+" "+r.path, site.access.guard(r.serve))
		}
	}
	mux.HandleFunc("GET /readyz", site.readyz)
	mux.HandleFunc("GET /healthz", healthz)
	if s.Metrics != nil {
		mux.Handle("GET /metrics", s.Metrics)
	}
	return guarded(mux)
}

// site answers requests until closing is closed.
func (s *Server) site(may access, closing <-chan struct{}) *site {
	status := newShared(s.read)
	of := &site{
		log: s.log(), system: s.System, compared: s.Compared, status: status, ready: s.sharedReadiness(), access: may, api: s.API, hide: s.HideValues, now: s.now,
		summary: sharedSummary(status), viewers: make(turns, maxViewers), reading: make(turns, readers), explaining: make(turns, explainers),
		found: keyed[found]{keep: cacheFor}, looks: keyed[explain.Report]{keep: lookFor}, changes: keyed[[]board.Change]{keep: cacheFor},
		closing: closing, tokens: newTokens(s.now, s.FormKey), origins: http.NewCrossOriginProtection(),
	}
	of.chain.keep = cacheFor
	of.cutting = newShared(of.readCutover)
	of.cutting.keep = time.Second
	of.plan.ask, of.plan.keep, of.plan.wait, of.plan.most, of.plan.closing = of.readPlan, planFor, planWait, planMost, closing
	if s.URL != "" {
		if u, err := url.Parse(s.URL); err == nil {
			_ = of.origins.AddTrustedOrigin(u.Scheme + "://" + u.Host) // the configuration has checked it
		}
	}
	if len(s.Pairs) > 0 {
		s.addPairs(of, closing)
	}
	return of
}

// read reads the status. No list in it is longer than promised, and none is null.
func (s *Server) read(ctx context.Context) (Status, error) {
	status, err := s.Source.Status(ctx)
	if err != nil {
		return Status{}, err
	}
	status.System = s.System
	status.Divergences = append([]Divergence{}, status.Divergences[:min(len(status.Divergences), MaxDivergences)]...)
	for i := range status.Divergences {
		if status.Divergences[i].Fields == nil {
			status.Divergences[i].Fields = []Field{}
		}
	}
	status.Passes = append([]Pass{}, status.Passes...)
	status.Schedule = append([]Schedule{}, status.Schedule...)
	return status, nil
}

// sharedReadiness remembers since when each part is in its state. Only one reading runs at a time.
func (s *Server) sharedReadiness() *shared[Readiness] {
	last := map[string]Part{} // by name
	since := func(p Part) time.Time {
		if before, known := last[p.Name]; !known || before.OK != p.OK {
			p.Since = s.now()
			last[p.Name] = p
		}
		return last[p.Name].Since
	}
	return newShared(func(ctx context.Context) (Readiness, error) { return s.readiness(ctx, since) })
}

func (s *Server) now() time.Time {
	if s.Now == nil {
		return time.Now().UTC().Truncate(time.Second)
	}
	return s.Now()
}

// readiness is ready only if at least one part was asked and all answered.
func (s *Server) readiness(ctx context.Context, since func(Part) time.Time) (Readiness, error) {
	r := Readiness{Parts: []Part{}}
	if s.Ready == nil {
		return r, nil
	}
	r.Parts = append(r.Parts, s.Ready(ctx)...)
	r.Ready = len(r.Parts) > 0
	for i, p := range r.Parts {
		r.Ready = r.Ready && p.OK
		r.Parts[i].Since = since(p)
	}
	return r, nil
}

// guarded sets the headers that keep a browser from doing anything except showing the page.
func guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentSecurityPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin") // without one, browsers send no origin with forms
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}
