package session

import (
	"context"
	"crypto/tls"
	"net"
	"sync/atomic"
	"time"
)

// The kernel gives up a connection whose other end has gone after about half a minute, whether it waits for an answer to what
// was sent or only listens.
const (
	keepAliveIdle     = 15 * time.Second
	keepAliveInterval = 5 * time.Second
	keepAliveCount    = 4
	userTimeout       = 30 * time.Second
)

// dial connects, and counts what comes in.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := net.Dialer{
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: keepAliveIdle, Interval: keepAliveInterval, Count: keepAliveCount},
		Control:         limitUnacknowledged,
	}
	conn, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &wire{Conn: conn}, nil
}

// wire is a network connection that knows whether anything comes in.
type wire struct {
	net.Conn
	received atomic.Int64
	waiting  atomic.Bool // somebody reads, and nothing is there
}

func (w *wire) Read(p []byte) (int, error) {
	w.waiting.Store(true)
	n, err := w.Conn.Read(p)
	w.waiting.Store(false)
	w.received.Add(int64(n))
	return n, err
}

// wireOf is what dial has made, under TLS too. Of anything else nothing is known: it never waits.
func wireOf(conn net.Conn) *wire {
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	if w, ok := conn.(*wire); ok {
		return w
	}
	return &wire{Conn: conn}
}
