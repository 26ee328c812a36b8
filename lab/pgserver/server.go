// Package pgserver runs a real PostgreSQL server as a child process, for the lab, the tests and the benchmarks.
//
// Invariant: no server outlives the process that started it, and a server without its own directory leaves no file
// behind after Stop. It also works for root: PostgreSQL refuses to run as root, so the server then runs as user
// postgres or nobody. Durability is switched off, so never keep valuable data in it.
package pgserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/nordvarg/crosscheck/lab/child"
)

var (
	// ErrNoBinaries is returned when there is no server on this machine and none could be downloaded.
	ErrNoBinaries = errors.New("no PostgreSQL server binaries")
	// ErrNoStandby is returned by Succeed of a server that is a standby of nobody.
	ErrNoStandby = errors.New("the server is no standby")
)

const (
	superuser    = "postgres"
	startTimeout = 3 * time.Minute // initdb takes more than one on a machine that does much else
)

// Options says how to run a server. The zero value is a fresh server on a random port.
type Options struct {
	// Dir is the data directory. It is initialised if it is empty and kept by Stop. Empty: a temporary one.
	Dir string
	// Bin is the folder of initdb and postgres; empty: the newest that this machine has.
	Bin string
	// SharedBuffers is PostgreSQL's shared_buffers; empty: 128MB.
	SharedBuffers string
	// Primary is the server of which this one becomes a physical standby; nil for none. It has the primary's programs.
	Primary *Server
	// Settings are further server settings; they override the defaults of this package.
	Settings map[string]string
}

// Server is a running PostgreSQL. Its methods are safe for concurrent use. [child.Server] starts and stops it. Kill
// makes no checkpoint.
type Server struct {
	*child.Server

	bin      string // folder of initdb and postgres
	account  account
	primary  *Server // nil for none
	settings map[string]string
	run      string // temporary folder: sockets, log, and data if Options.Dir is empty
	data     string
	port     int
}

// Start starts a server and waits until it accepts connections.
func Start(ctx context.Context, o Options) (*Server, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	bin := o.Bin
	if o.Primary != nil {
		bin = o.Primary.bin
	}
	if bin == "" {
		var err error
		if bin, err = binaries(ctx); err != nil {
			return nil, err
		}
	}
	acc, err := unprivileged()
	if err != nil {
		return nil, err
	}
	s := &Server{bin: bin, account: acc, primary: o.Primary, settings: settings(o)}
	if err := s.makeFolders(o.Dir); err != nil {
		return nil, errors.Join(err, s.cleanUp())
	}
	if err := s.init(ctx); err != nil {
		return nil, errors.Join(err, s.cleanUp())
	}
	s.Server, err = child.Serve(ctx, child.Life{
		Name: "postgres", Timeout: startTimeout, Command: s.command, Ready: s.ready, Log: s.logFile, CleanUp: s.cleanUp,
		Quit: syscall.SIGINT, Crash: syscall.SIGQUIT, End: syscall.SIGINT,
	}, func(ctx context.Context) (err error) {
		s.port, err = freePort(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// DSN returns a connection URL for a database of the server, as superuser.
func (s *Server) DSN(database string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.User(superuser),
		Host:     net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)),
		Path:     "/" + database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Port returns the TCP port on 127.0.0.1; it stays the same over Restart.
func (s *Server) Port() int { return s.port }

// Bin returns the folder with the server's programs.
func (s *Server) Bin() string { return s.bin }

// ready opens a connection.
func (s *Server) ready(ctx context.Context) error {
	conn, err := pgconn.Connect(ctx, s.DSN("postgres"))
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

func (s *Server) logFile() string { return filepath.Join(s.run, "postgres.log") }

func freePort(ctx context.Context) (int, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("finding a free port: %w", err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	return port, l.Close()
}
