package source_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source"
	"github.com/nordvarg/crosscheck/throttle"
)

// TestLoadCountsOthersOnly: active sessions, not idle ones and not our own.
func TestLoadCountsOthersOnly(t *testing.T) {
	server := pgtest.Version(t, 15) // nobody else uses it
	dsn := server.DSN("postgres")
	conn, err := pgx.Connect(t.Context(), dsn) // idle
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	if _, err := conn.Exec(t.Context(), "CREATE TABLE orders (order_id bigint PRIMARY KEY, status text)"); err != nil {
		t.Fatal(err)
	}
	side := openLoaded(t, dsn)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for i, name := range []string{"trading", "reports", "crosscheck"} {
		busy, err := pgx.Connect(ctx, dsn+"&application_name="+name)
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() { defer close(done); _, _ = busy.Exec(ctx, "SELECT pg_sleep(600)") }()
		defer func() { cancel(); <-done; _ = busy.Close(context.WithoutCancel(ctx)) }()
		want := min(int64(i+1), 2)
		until(t, fmt.Sprintf("%d sessions", want), func() bool {
			load, err := side.Load(t.Context(), throttle.Limits{MaxSessions: 1})
			return err == nil && load.Sessions == want
		})
	}
	if load, err := side.Load(t.Context(), throttle.Limits{MaxReplicaLag: 1}); err != nil || load.Replica != "" || load.ReplicaLag != 0 {
		t.Errorf("without a standby: %+v, %v", load, err)
	}
	laggard(t, dsn)
	until(t, "the standby's lag", func() bool {
		if _, err := conn.Exec(t.Context(), "INSERT INTO orders SELECT 1 + coalesce(max(order_id), 0) FROM orders"); err != nil {
			t.Fatal(err)
		}
		load, err := side.Load(t.Context(), throttle.Limits{MaxReplicaLag: 1})
		return err == nil && load.Replica == "laggard" && load.ReplicaLag >= 50*time.Millisecond
	})
}

func openLoaded(t *testing.T, dsn string) *source.Side {
	t.Helper()
	side, err := source.Open(t.Context(), source.Config{
		Representation: order.Legacy, DSN: dsn, Table: "public.orders", Key: "order_id", Fields: []source.Field{field("status", order.Text)},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(side.Close)
	return side
}

func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for deadline := time.Now().Add(time.Minute); !is(); <-look.C {
		if time.Now().After(deadline) {
			t.Fatal("never:", what)
		}
	}
}

// laggard speaks the protocol of a standby. It says at once that it has what it got, and later that it has replayed that.
func laggard(t *testing.T, dsn string) {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("replication", "true")
	q.Set("application_name", "laggard")
	u.RawQuery = q.Encode()
	ctx, cancel := context.WithCancel(t.Context())
	conn, err := pgconn.Connect(ctx, u.String())
	if err != nil {
		t.Fatal(err)
	}
	system, err := conn.Exec(ctx, "IDENTIFY_SYSTEM").ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	conn.Frontend().Send(&pgproto3.Query{String: "START_REPLICATION PHYSICAL " + string(system[0].Rows[0][2])})
	if err := conn.Frontend().Flush(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- replay(ctx, conn) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("the standby: %v", err)
		}
		_ = conn.Close(context.WithoutCancel(ctx))
	})
}

func replay(ctx context.Context, conn *pgconn.PgConn) error {
	var received, replayed uint64
	for ctx.Err() == nil {
		waiting, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		msg, err := conn.ReceiveMessage(waiting)
		cancel()
		if err != nil && !pgconn.Timeout(err) {
			return errors.Join(err, ctx.Err())
		}
		if data, ok := msg.(*pgproto3.CopyData); ok && data.Data[0] == 'w' {
			received = binary.BigEndian.Uint64(data.Data[1:]) + uint64(len(data.Data)-25)
			continue // and say so when there is nothing more for a while
		}
		status := []byte{'r'}
		for _, position := range []uint64{received, received, replayed, 0} {
			status = binary.BigEndian.AppendUint64(status, position)
		}
		replayed = received
		conn.Frontend().Send(&pgproto3.CopyData{Data: append(status, 0)})
		if err := conn.Frontend().Flush(); err != nil {
			return errors.Join(err, ctx.Err())
		}
	}
	return ctx.Err()
}
