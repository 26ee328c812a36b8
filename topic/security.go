package topic

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"
)

// TLS says how connections to the brokers are encrypted. The zero value trusts the system's authorities.
type TLS struct {
	// CAFile holds the PEM certificates of the authorities to trust; empty means the system's.
	CAFile string
	// CertFile and KeyFile are crosscheck's own certificate, if the brokers ask for one; both or neither.
	CertFile, KeyFile string
	// ServerName is the name that the brokers' certificates must have; empty means each broker's own host name.
	ServerName string
}

// SASL is how crosscheck logs in.
type SASL struct {
	// Mechanism is one of SASLMechanisms.
	Mechanism      string
	User, Password string
}

// SASLMechanisms lists the ways to log in, as config.yaml writes them.
func SASLMechanisms() []string { return []string{"plain", "scram-sha-256", "scram-sha-512"} }

// Deadlines for connecting. dialTimeout is for all of it, including encryption and login.
const (
	dialTimeout = 5 * time.Second
	keepAlive   = 15 * time.Second
	idleTimeout = 30 * time.Second
	topologyTTL = 2 * time.Second // how old the information about partition leaders may be
	minimumTLS  = tls.VersionTLS12
	maxRefusals = 3 // after this many answers, an offset beyond the end is not just a recovering broker
)

// connecting reads certificates and credentials once, and returns what opens connections with them: for requests, and as a
// member of a group.
func (c Config) connecting() (func() *kafka.Transport, *kafka.Dialer, error) {
	encryption, err := c.TLS.load()
	if err != nil {
		return nil, nil, err
	}
	login, err := c.SASL.mechanism()
	if err != nil {
		return nil, nil, err
	}
	member := &kafka.Dialer{ClientID: clientID, Timeout: dialTimeout, KeepAlive: keepAlive, DualStack: true, TLS: encryption, SASLMechanism: login}
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: keepAlive}
	return func() *kafka.Transport {
		return &kafka.Transport{
			Dial:           dialer.DialContext,
			DialTimeout:    dialTimeout,
			IdleTimeout:    idleTimeout,
			MetadataTTL:    topologyTTL,
			MetadataTopics: []string{c.Topic}, // a cluster may have thousands of others
			ClientID:       clientID,
			TLS:            encryption,
			SASL:           login,
		}
	}, member, nil
}

func (t *TLS) load() (*tls.Config, error) {
	if t == nil {
		return nil, nil
	}
	c := &tls.Config{MinVersion: minimumTLS, ServerName: t.ServerName}
	if t.CAFile != "" {
		pem, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, fmt.Errorf("reading the certificates of the authorities: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("reading the certificates of the authorities: %s holds none in PEM", t.CAFile)
		}
	}
	if t.CertFile != "" || t.KeyFile != "" {
		own, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("reading our own certificate: %w", err)
		}
		c.Certificates = []tls.Certificate{own}
	}
	return c, nil
}

func (l *SASL) mechanism() (sasl.Mechanism, error) {
	if l == nil {
		return nil, nil
	}
	switch l.Mechanism {
	case "plain":
		return plain.Mechanism{Username: l.User, Password: l.Password}, nil
	case "scram-sha-256":
		return scram.Mechanism(scram.SHA256, l.User, l.Password)
	case "scram-sha-512":
		return scram.Mechanism(scram.SHA512, l.User, l.Password)
	}
	return nil, fmt.Errorf("SASL mechanism %q is none of %v", l.Mechanism, SASLMechanisms())
}

// address is all configured brokers. The first one that answers names the others.
func (t *Topic) address() net.Addr { return kafka.TCP(t.config.Brokers...) }
