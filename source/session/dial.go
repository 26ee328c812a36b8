package session

import (
	"context"
	"crypto/tls"
	"net"
	"sync/atomic"
	"time"
)

// The kernel gives up a connection about half a minute after its other end has gone, whether it waits for an answer or
// only listens.
const (
	keepAliveIdle     = 15 * time.Second
	keepAliveInterval = 5 * time.Second
	keepAliveCount    = 4
	userTimeout       = 30 * time.Second
)

// dial connects, and counts incoming data.
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

// wire is a network connection that knows whether data comes in.
type wire struct {
	net.Conn
	received atomic.Int64
	waiting  atomic.Bool // a read is waiting for data
}

func (w *wire) Read(p []byte) (int, error) {
	w.waiting.Store(true)
	n, err := w.Conn.Read(p)
	w.waiting.Store(false)
	w.received.Add(int64(n))
	return n, err
}

// wireOf returns the connection that dial has made, also under TLS. For any other connection nothing is known: it never
// waits.
func wireOf(conn net.Conn) *wire {
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	if w, ok := conn.(*wire); ok {
		return w
	}
	return &wire{Conn: conn}
}
