// Package broker runs a Kafka-protocol broker inside this process, for the lab and the tests. It also administers other
// brokers, such as Apache Kafka.
//
// Invariant: after Stop nothing of the broker is left, except the data directory that the caller named. A broker that
// is started on the directory of an earlier one has its messages, even after kill -9.
package broker

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// ErrStopped is returned by Restart after Stop.
var ErrStopped = errors.New("broker is stopped for good")

// Options says how to run a broker. The zero value is an empty one on a random port.
type Options struct {
	// Dir keeps topics and messages over restarts of this process. Empty: a temporary one, removed by Stop.
	Dir string
	// Port on 127.0.0.1. Zero: a random one.
	Port int
	// Login is what clients must log in with; nil means no login.
	Login *Login
	// TLS encrypts with these certificates; nil means no encryption.
	TLS *tls.Config
	// Advertise returns the address that clients are told to connect to, given the one on which the broker listens; nil
	// means that one. A broker with it cannot Restart.
	Advertise func(listens string) (string, error)
	// Settings are the broker's settings, such as message.max.bytes.
	Settings map[string]string
}

// Login is a user of the broker.
type Login struct {
	Mechanism      string // PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512
	User, Password string
}

// Broker is a broker in this process. Its methods are safe for concurrent use.
type Broker struct {
	options   Options
	temporary bool

	mu      sync.Mutex
	cluster *kfake.Cluster // nil while down
	stopped bool
}

// Start starts a broker, which accepts connections at once.
func Start(ctx context.Context, o Options) (*Broker, error) {
	b := &Broker{options: o}
	if o.Dir == "" {
		dir, err := os.MkdirTemp(os.TempDir(), "crosscheck-broker-")
		if err != nil {
			return nil, fmt.Errorf("creating a folder for the broker: %w", err)
		}
		b.temporary, b.options.Dir = true, dir
	}
	if err := b.startLocked(ctx); err != nil {
		return nil, errors.Join(err, b.cleanUp())
	}
	return b, nil
}

// Brokers returns the addresses that clients connect to. They stay the same over Restart.
func (b *Broker) Brokers() []string {
	return []string{net.JoinHostPort("127.0.0.1", strconv.Itoa(b.options.Port))}
}

// Login returns what clients must log in with; nil means no login.
func (b *Broker) Login() *Login { return b.options.Login }

// Down cuts all connections and refuses new ones. Restart brings the broker back.
func (b *Broker) Down() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.downLocked()
}

// Restart takes the broker down if it is up, and starts it again with the same port and messages.
func (b *Broker) Restart(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stopped {
		return ErrStopped
	}
	b.downLocked()
	return b.startLocked(ctx)
}

// Stop takes the broker down for good. Further calls do nothing.
func (b *Broker) Stop() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stopped {
		return nil
	}
	b.stopped = true
	b.downLocked()
	return b.cleanUp()
}

// FailFetches answers the next n fetches of a topic with the error of that code, such as 6 (not leader for partition).
func (b *Broker) FailFetches(topic string, code int16, n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.cluster == nil {
		return
	}
	failure, ok := errors.AsType[*kerr.Error](kerr.ErrorForCode(code))
	if !ok {
		return // 0: no failure
	}
	b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Topic: topic, Err: failure, Count: n})
}

// DenyGroup answers requests about a consumer group as it answers users without a right to it.
func (b *Broker) DenyGroup(group string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.cluster != nil {
		b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Heartbeat, kmsg.JoinGroup}, Group: group, TopLevel: true, Err: kerr.GroupAuthorizationFailed, Count: -1})
	}
}

// IgnoreFetches answers no fetch any more.
func (b *Broker) IgnoreFetches() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.cluster != nil {
		b.cluster.ControlKey(int16(kmsg.Fetch), func(kmsg.Request) (kmsg.Response, error, bool) {
			b.cluster.KeepControl()
			return nil, nil, true
		})
	}
}

// Compact compacts the topics whose cleanup.policy says so, at once.
func (b *Broker) Compact() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.cluster != nil {
		b.cluster.Compact()
	}
}

func (b *Broker) downLocked() {
	if b.cluster != nil {
		b.cluster.Close()
		b.cluster = nil
	}
}

// startLocked opens the port. The port may be busy for a moment after its connections were cut.
func (b *Broker) startLocked(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	retry := time.NewTicker(20 * time.Millisecond)
	defer retry.Stop()
	for {
		cluster, err := kfake.NewCluster(b.settings()...)
		if err == nil {
			b.cluster = cluster
			return b.rememberPort(cluster)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("starting the broker: %w", err)
		case <-retry.C:
		}
	}
}

const startTimeout = 10 * time.Second

func (b *Broker) rememberPort(cluster *kfake.Cluster) error {
	_, port, err := net.SplitHostPort(cluster.ListenAddrs()[0])
	if err == nil {
		b.options.Port, err = strconv.Atoi(port)
	}
	if err != nil {
		return fmt.Errorf("reading the broker's port: %w", err)
	}
	return nil
}

func (b *Broker) settings() []kfake.Opt {
	o := b.options
	settings := []kfake.Opt{kfake.NumBrokers(1), kfake.DataDir(o.Dir), kfake.BrokerConfigs(o.Settings)}
	if o.Port != 0 {
		settings = append(settings, kfake.Ports(o.Port))
	}
	if o.Advertise != nil {
		settings = append(settings, kfake.ListenFn(o.listen))
	}
	if o.Login != nil {
		settings = append(settings, kfake.EnableSASL(), kfake.Superuser(o.Login.Mechanism, o.Login.User, o.Login.Password))
	}
	if o.TLS != nil {
		settings = append(settings, kfake.TLS(o.TLS))
	}
	return settings
}

// listen opens a port, and says that it is another one.
func (o Options) listen(network, address string) (net.Listener, error) {
	l, err := net.Listen(network, address) //nolint:noctx // the broker gives none
	if err != nil {
		return nil, err
	}
	advertised, err := o.Advertise(l.Addr().String())
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	a, err := net.ResolveTCPAddr(network, advertised)
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return elsewhere{l, a}, nil
}

type elsewhere struct {
	net.Listener
	addr net.Addr
}

func (e elsewhere) Addr() net.Addr { return e.addr }

func (b *Broker) cleanUp() error {
	if !b.temporary {
		return nil
	}
	if err := os.RemoveAll(b.options.Dir); err != nil {
		return fmt.Errorf("removing the broker's folder: %w", err)
	}
	return nil
}
