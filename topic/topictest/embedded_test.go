package topictest_test

import (
	"context"
	"crypto/tls"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/doctor/tlstest"
	"github.com/nordvarg/crosscheck/follow"
	"github.com/nordvarg/crosscheck/lab/broker"
	"github.com/nordvarg/crosscheck/topic"
)

// These need what only the embedded broker does on demand.

func embedded(t *testing.T, o broker.Options) (*broker.Broker, cluster) {
	t.Helper()
	b, err := broker.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Stop(); err != nil {
			t.Error(err)
		}
	})
	admin, err := broker.Connect(b.Brokers(), o.Login, trusting(o.TLS))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(admin.Close)
	return b, cluster{brokers: b.Brokers(), admin: admin, crash: func() error { b.Down(); return nil }, revive: b.Restart}
}

// trusting is for clients that are not what is tested.
func trusting(server *tls.Config) *tls.Config {
	if server == nil {
		return nil
	}
	return &tls.Config{InsecureSkipVerify: true} //nolint:gosec // see above
}

// TestPassingErrors fails fetches with what a cluster says while leaders move, and with noise.
func TestPassingErrors(t *testing.T) {
	t.Parallel()
	b, c := embedded(t, broker.Options{})
	for name, code := range map[string]int16{
		"unknown server error": -1, "corrupt message": 2, "unknown topic": 3, "leader not available": 5, "not leader": 6, "timed out": 7,
		"offset out of range, which is not true": 1, "fenced leader epoch": 74, "offset not available": 78,
	} {
		t.Run(name, func(t *testing.T) {
			name := topicFor(t)
			c.create(t, name, 1, nil)
			c.write(t, name, 1, 0, 10)
			b.FailFetches(name, code, 2)
			r := readAll(t, c.open(t, name), nil)
			r.numbered(0, 0, 10)
			r.wantGaps()
		})
	}
}

// TestLastingErrors ends a Read for good, some kinds at once and others when patience has run out.
func TestLastingErrors(t *testing.T) {
	t.Parallel()
	b, c := embedded(t, broker.Options{})
	for _, test := range []struct {
		name     string
		code     int16
		patience time.Duration
		want     error
	}{
		{"topic gone", 3, 300 * time.Millisecond, topic.ErrUnknown},
		{"no leader", 6, 300 * time.Millisecond, topic.ErrUnreachable},
		{"denied", 29, time.Hour, topic.ErrDenied},
	} {
		t.Run(test.name, func(t *testing.T) {
			name := topicFor(t)
			c.create(t, name, 1, nil)
			config := c.config(t, name)
			config.Patience = test.patience
			s, err := topic.Open(t.Context(), config)
			if err != nil {
				t.Fatal(err)
			}
			b.FailFetches(name, test.code, -1)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			err = s.Read(ctx, follow.Range{}, newReceived(t).deliver)
			if !errors.Is(err, test.want) || topic.Hint(err) == "" {
				t.Errorf("Read ended with %v, which is not %v, or has no hint", err, test.want)
			}
		})
	}
}

// TestEndFallsBack reads to an end that the broker does not reach any more: that must be no success.
func TestEndFallsBack(t *testing.T) {
	t.Parallel()
	_, c := embedded(t, broker.Options{})
	name := topicFor(t)
	c.create(t, name, 1, nil)
	c.write(t, name, 1, 0, 10)
	config := c.config(t, name)
	config.Patience = time.Second
	s, err := topic.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	r := newReceived(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	err = s.Read(ctx, follow.Range{To: map[int]int64{0: 15}}, r.deliver)
	if err == nil || !strings.Contains(err.Error(), "ends early: at offset 10, due up to 15") {
		t.Errorf("Read ended with %v", err)
	}
	r.numbered(0, 0, 10)
}

func TestReadEndsWithItsContext(t *testing.T) {
	t.Parallel()
	b, c := embedded(t, broker.Options{})
	name := topicFor(t)
	c.create(t, name, 3, nil)
	s := c.open(t, name)
	for name, prepare := range map[string]func(){"idle": func() {}, "broker down": b.Down} {
		t.Run(name, func(t *testing.T) {
			prepare()
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			began := time.Now()
			if err := s.Read(ctx, follow.Range{}, newReceived(t).deliver); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Read ended with %v", err)
			}
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("Read took %s to end", took)
			}
			if err := b.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	certificate := tlstest.New(t, "broker.example", time.Now().Add(time.Hour))
	_, c := embedded(t, broker.Options{
		TLS:   &tls.Config{Certificates: []tls.Certificate{certificate.Certificate}},
		Login: &broker.Login{Mechanism: "SCRAM-SHA-512", User: "u", Password: "p"},
	})
	name := topicFor(t)
	c.create(t, name, 1, nil)
	if err := c.admin.Write(t.Context(), name, 0, nil, []byte("x")); err != nil {
		t.Fatal(err)
	}
	config := c.config(t, name)
	config.SASL = &topic.SASL{Mechanism: "scram-sha-512", User: "u", Password: "p"}
	config.TLS = &topic.TLS{CAFile: certificate.File, ServerName: "broker.example"}
	s, err := topic.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	if r := readAll(t, s, nil); r.count() != 1 {
		t.Errorf("%d messages, want 1", r.count())
	}
	for name, test := range map[string]struct {
		tls     *topic.TLS
		want    error
		message string
		hint    string
	}{
		"unknown authority": {&topic.TLS{ServerName: "broker.example"}, topic.ErrTLS, "unknown authority", "stream.tls.ca_file"},
		"wrong name":        {&topic.TLS{CAFile: certificate.File}, topic.ErrTLS, "127.0.0.1", "stream.tls.server_name"},
		"no encryption":     {nil, topic.ErrUnreachable, "", "expects TLS"},
	} {
		config.TLS = test.tls
		refuses(t, name, config, test.want, test.message, test.hint)
	}
}

// TestTLSWithABadCertificate: one that has expired, and a broker that wants one of ours.
func TestTLSWithABadCertificate(t *testing.T) {
	t.Parallel()
	expired := tlstest.New(t, "broker.example", time.Now().Add(-time.Minute))
	for name, test := range map[string]struct {
		server        *tls.Config
		message, hint string
	}{
		"expired": {&tls.Config{}, "expired", "renew the certificate"},
		// Under TLS 1.3 the client may write into the closed connection before it reads the alert.
		"our own": {&tls.Config{ClientAuth: tls.RequireAnyClientCert, MaxVersion: tls.VersionTLS12}, "tls: handshake failure", "stream.tls.cert_file"},
	} {
		certificate := expired
		if name == "our own" {
			certificate = tlstest.New(t, "broker.example", time.Now().Add(time.Hour))
		}
		test.server.Certificates = []tls.Certificate{certificate.Certificate}
		b, err := broker.Start(t.Context(), broker.Options{TLS: test.server})
		if err != nil {
			t.Fatal(err)
		}
		refuses(t, name, topic.Config{Brokers: b.Brokers(), Topic: "orders", TLS: &topic.TLS{CAFile: certificate.File, ServerName: "broker.example"}},
			topic.ErrTLS, test.message, test.hint)
		if err := b.Stop(); err != nil {
			t.Error(err)
		}
	}
}

// refuses holds what Open says of a topic that cannot be read.
func refuses(t *testing.T, name string, c topic.Config, want error, message, hint string) {
	t.Helper()
	_, err := topic.Open(t.Context(), c)
	if !errors.Is(err, want) || errors.Is(err, topic.ErrLogin) || !strings.Contains(err.Error(), message) || !strings.Contains(topic.Hint(err), hint) {
		t.Errorf("%s: error %v, hint %q; want %v, %q and hint %q", name, err, topic.Hint(err), want, message, hint)
	}
}

func TestMistakesInTheConfiguration(t *testing.T) {
	t.Parallel()
	_, c := embedded(t, broker.Options{})
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*topic.Config){
		"needs brokers and a topic": func(s *topic.Config) { s.Brokers = nil },
		"brokers and a topic":       func(s *topic.Config) { s.Topic = "" },
		`mechanism "gssapi"`:        func(s *topic.Config) { s.SASL = &topic.SASL{Mechanism: "gssapi"} },
		"no such file":              func(s *topic.Config) { s.TLS = &topic.TLS{CAFile: empty + "x"} },
		"holds none in PEM":         func(s *topic.Config) { s.TLS = &topic.TLS{CAFile: empty} },
		"our own certificate":       func(s *topic.Config) { s.TLS = &topic.TLS{CertFile: empty, KeyFile: empty} },
		"topic is unknown":          func(s *topic.Config) { s.Topic = "no such topic!" },
		"broker is unreachable":     func(s *topic.Config) { s.Brokers = []string{"127.0.0.1:1"} },
	} {
		config := c.config(t, topicFor(t))
		change(&config)
		if _, err := topic.Open(t.Context(), config); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not say %q", err, want)
		}
	}
}
