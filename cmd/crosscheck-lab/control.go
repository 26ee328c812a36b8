package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/nordvarg/crosscheck/lab"
)

const (
	dialTimeout    = time.Second
	controlTimeout = 5 * time.Minute // planting refreshes a view that may be big
	drainTimeout   = 10 * time.Second
)

var errLabRuns = errors.New("a lab is running already")

// control is a Unix socket on which other processes of the same user plant faults and repair them.
type control struct {
	server *http.Server
	failed chan error // gets an error if the server ends by itself
	done   chan struct{}
}

// request is what a client sends, reply is what the lab answers; both as JSON.
type request struct {
	Fault  string `json:"fault,omitempty"`
	Orders int    `json:"orders,omitempty"`
	PID    int    `json:"pid,omitempty"` // the process that drives a cutover
}

type reply struct {
	Planted []lab.Planted `json:"planted,omitempty"`
	Error   string        `json:"error,omitempty"`
}

func listen(ctx context.Context, socket string, l *lab.Lab) (*control, error) {
	dialer := net.Dialer{Timeout: dialTimeout}
	if conn, err := dialer.DialContext(ctx, "unix", socket); err == nil {
		_ = conn.Close()
		return nil, withHint(fmt.Errorf("opening %s: %w", socket, errLabRuns), "choose another one with --socket")
	}
	_ = os.Remove(socket) // left by a killed lab; if it cannot be removed, listening fails with an error
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "unix", socket)
	if err != nil {
		return nil, fmt.Errorf("opening the control socket: %w", err)
	}
	if err := os.Chmod(socket, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("closing the control socket to others: %w", err), listener.Close())
	}
	c := &control{
		server: &http.Server{Handler: controlHandler(l), ReadHeaderTimeout: dialTimeout},
		failed: make(chan error, 1),
		done:   make(chan struct{}),
	}
	go func() {
		defer close(c.done)
		if err := c.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			c.failed <- fmt.Errorf("serving the control socket: %w", err)
		}
	}()
	return c, nil
}

// close waits for a running plant or repair, even if the context has ended, because that is why the lab shuts down.
func (c *control) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	err := c.server.Shutdown(ctx)
	<-c.done
	return err
}

func controlHandler(l *lab.Lab) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /fault", func(w http.ResponseWriter, r *http.Request) {
		var o request
		if err := json.NewDecoder(r.Body).Decode(&o); err != nil {
			answer(w, http.StatusBadRequest, reply{Error: err.Error()})
			return
		}
		planted, err := l.Plant(r.Context(), o.Fault, o.Orders)
		if err != nil {
			answer(w, http.StatusUnprocessableEntity, reply{Error: err.Error()})
			return
		}
		answer(w, http.StatusOK, reply{Planted: planted})
	})
	mux.HandleFunc("POST /disturb", func(w http.ResponseWriter, r *http.Request) {
		var o request
		if err := json.NewDecoder(r.Body).Decode(&o); err != nil {
			answer(w, http.StatusBadRequest, reply{Error: err.Error()})
			return
		}
		if _, err := l.DisturbNext(r.Context(), o.Fault, killer(o.PID)); err != nil {
			answer(w, http.StatusUnprocessableEntity, reply{Error: err.Error()})
			return
		}
		answer(w, http.StatusOK, reply{})
	})
	mux.HandleFunc("POST /repair", func(w http.ResponseWriter, r *http.Request) {
		repaired := l.Planted()
		if err := l.Repair(r.Context()); err != nil {
			answer(w, http.StatusInternalServerError, reply{Error: err.Error()})
			return
		}
		answer(w, http.StatusOK, reply{Planted: repaired})
	})
	return mux
}

func answer(w http.ResponseWriter, code int, r reply) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(r) // the client is gone, so there is no one to tell
}

// ask sends an order to the running lab.
func ask(ctx context.Context, socket, path string, o request) ([]lab.Planted, error) {
	ctx, cancel := context.WithTimeout(ctx, controlTimeout)
	defer cancel()
	body, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("encoding: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://lab"+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("asking the lab: %w", err)
	}
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, "unix", socket)
	}}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return nil, withHint(fmt.Errorf("asking the lab: %w", err), "start one with crosscheck-lab up")
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end
	var r reply
	if err := json.NewDecoder(io.LimitReader(resp.Body, 64<<20)).Decode(&r); err != nil {
		return nil, fmt.Errorf("reading the lab's answer: %w", err)
	}
	if r.Error != "" {
		return nil, errors.New(r.Error)
	}
	return r.Planted, nil
}
