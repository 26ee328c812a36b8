package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"

	"github.com/nordvarg/crosscheck/lab"
)

// readAPI serves what clients of the lab read.
type readAPI struct {
	url    string
	server *http.Server
	failed chan error // gets an error if the server ends by itself
	done   chan struct{}
}

func serveReads(ctx context.Context, address string, l *lab.Lab) (*readAPI, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, withHint(fmt.Errorf("opening the read API: %w", err), "choose another address with --api")
	}
	a := &readAPI{
		url:    "http://" + listener.Addr().String(),
		server: &http.Server{Handler: l.ReadAPI, ReadHeaderTimeout: dialTimeout},
		failed: make(chan error, 1), done: make(chan struct{}),
	}
	go func() {
		defer close(a.done)
		if err := a.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			a.failed <- fmt.Errorf("serving the read API: %w", err)
		}
	}()
	return a, nil
}

func (a *readAPI) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	err := a.server.Shutdown(ctx)
	<-a.done
	return err
}

// section is that of a configuration which asks it, once a minute.
func (a *readAPI) section() string {
	return fmt.Sprintf(`reads:
  rate: 50
  schedule: "30 * * * * *"
  queries:
    - {name: order, legacy: {http: "%[1]s/legacy/orders/{key}"}, projection: {http: "%[1]s/new/orders/{key}"}, ignore: [$.etag]}
    - {name: page, legacy: {http: "%[1]s/legacy/orders?from={key}"}, projection: {http: "%[1]s/new/orders?from={key}"}, ordered: true}
`, a.url)
}
