package topictest_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

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
	certificate, file := selfSigned(t)
	_, c := embedded(t, broker.Options{
		TLS:   &tls.Config{Certificates: []tls.Certificate{certificate}},
		Login: &broker.Login{Mechanism: "SCRAM-SHA-512", User: "u", Password: "p"},
	})
	name := topicFor(t)
	c.create(t, name, 1, nil)
	if err := c.admin.Write(t.Context(), name, 0, nil, []byte("x")); err != nil {
		t.Fatal(err)
	}
	config := c.config(t, name)
	config.SASL = &topic.SASL{Mechanism: "scram-sha-512", User: "u", Password: "p"}
	config.TLS = &topic.TLS{CAFile: file}
	s, err := topic.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	if r := readAll(t, s, nil); r.count() != 1 {
		t.Errorf("%d messages, want 1", r.count())
	}
	for name, test := range map[string]struct {
		tls  *topic.TLS
		want error
	}{
		"unknown authority": {&topic.TLS{}, topic.ErrLogin},
		"wrong name":        {&topic.TLS{CAFile: file, ServerName: "other.example"}, topic.ErrLogin},
		"no encryption":     {nil, topic.ErrUnreachable},
	} {
		config.TLS = test.tls
		if _, err := topic.Open(t.Context(), config); !errors.Is(err, test.want) {
			t.Errorf("%s: error %v is not %v", name, err, test.want)
		}
	}
}

func TestMistakesInTheConfiguration(t *testing.T) {
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

// selfSigned makes a certificate for 127.0.0.1, and a file with it for those who shall trust it.
func selfSigned(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "broker"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}
