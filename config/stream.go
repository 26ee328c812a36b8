package config

import (
	"strings"
	"unicode"

	"go.yaml.in/yaml/v4"

	"github.com/nordvarg/crosscheck/order"
)

// Stream is the Kafka topic that events are published to, in addition to the event store.
type Stream struct {
	// Brokers are host:port of some of the cluster's brokers. At least one.
	Brokers []string
	// Topic is read as a whole, by partition. Required.
	Topic string
	// Group is the consumer group in which sidecars share the partitions. Default "": one sidecar reads them all.
	Group string
	// IgnoreTypes are types of messages that are passed over, beside those that events.fold ignores. Default none.
	IgnoreTypes []string
	// Types are the types of messages that belong here, if the topic carries others too: all that change orders, by the
	// names that the topic has, and perhaps more. Messages of other types are passed over. Default none: all belong here.
	Types []string
	// Registry is where the schemas of values are; the zero value if values are plain JSON.
	Registry Registry
	// Envelope says where a message has the parts of its event, and what becomes of tombstones. Default
	// order.UsualEnvelope.
	Envelope order.Envelope
	// TLS is how connections are encrypted. Default none: not encrypted.
	TLS StreamTLS
	// SASL is how crosscheck logs in. Default none: no login.
	SASL StreamSASL
}

// Registry is a schema registry. Values are framed by its serializers.
type Registry struct {
	// Avro says that values are in Avro. Otherwise they are in JSON.
	Avro bool
	// URL is required.
	URL string
	// User and Password are for basic authentication; both or neither.
	User     string
	Password Secret
	// CAFile has the authorities to trust, in PEM. Default "", the system's.
	CAFile string
}

// StreamTLS encrypts the connections to the brokers. An empty section, tls: {}, trusts the system's authorities.
type StreamTLS struct {
	// Enabled reports whether the configuration has the section.
	Enabled bool
	// CAFile has the authorities to trust, in PEM. Default "", the system's.
	CAFile string
	// CertFile and KeyFile are crosscheck's own certificate, in PEM; both or neither. Default "", none.
	CertFile, KeyFile string
	// ServerName is the name that the brokers' certificates must have. Default "", each broker's host.
	ServerName string
}

// StreamSASL is a login at the brokers.
type StreamSASL struct {
	// Mechanism is one of StreamMechanisms. Required.
	Mechanism string
	// User is required.
	User string
	// Password is required.
	Password Secret
}

// StreamMechanisms lists the ways to log in at a broker.
func StreamMechanisms() []string { return []string{"plain", "scram-sha-256", "scram-sha-512"} }

// Given reports whether the configuration has the section.
func (s Stream) Given() bool { return s.Topic != "" }

// readStream returns the zero value if the section is absent.
func readStream(o *object, events Events) Stream {
	if o == nil {
		return Stream{}
	}
	var s Stream
	if events.PerOrder {
		o.at(o.node, o.path, "cannot be followed where events.position counts within one order", "name a position that grows over all orders, or remove the section stream")
	}
	o.require("brokers", `such as brokers: ["localhost:9092"]`)
	o.require("topic", "such as topic: orders")
	o.list("brokers", func(n *yaml.Node, path string) {
		v, ok := o.value(n, path)
		if !ok {
			return
		}
		text, ok := o.filled(v)
		if ok && !listenable(text) {
			o.wrong(v, "must be host:port, found "+v.shown(), "")
			return
		}
		s.Brokers = append(s.Brokers, text)
	})
	o.text("topic", &s.Topic)
	o.group("group", &s.Group)
	readRegistry(o, &s.Registry)
	s.Envelope = readEnvelope(o, events)
	o.ignoredTypes(events.Fold, &s.IgnoreTypes)
	o.ownTypes(events.Fold, &s.Types)
	readStreamTLS(o.object("tls"), &s.TLS)
	readStreamSASL(o.object("sasl"), &s.SASL)
	o.done()
	return s
}

// group reads the name of a consumer group.
func (o *object) group(key string, into *string) {
	const most = 249 // as of a topic
	v, text, ok := o.filledScalar(key)
	if !ok {
		return
	}
	if len(text) > most || strings.TrimSpace(text) != text || strings.ContainsFunc(text, unicode.IsControl) {
		o.wrong(v, "must be one line of at most 249 bytes without spaces around it", "such as group: crosscheck")
		return
	}
	*into = text
}

func readStreamTLS(o *object, t *StreamTLS) {
	if o == nil {
		return
	}
	t.Enabled = true
	o.text("ca_file", &t.CAFile)
	o.text("cert_file", &t.CertFile)
	o.text("key_file", &t.KeyFile)
	o.text("server_name", &t.ServerName)
	for _, pair := range [][2]string{{"cert_file", "key_file"}, {"key_file", "cert_file"}} {
		if o.values[pair[0]] != nil {
			o.require(pair[1], "a certificate needs its key, and a key its certificate")
		}
	}
	o.done()
}

func readStreamSASL(o *object, s *StreamSASL) {
	if o == nil {
		return
	}
	o.require("mechanism", "one of plain, scram-sha-256, scram-sha-512")
	o.require("user", "")
	o.require("password", `such as password: "${KAFKA_PASSWORD}"`)
	o.oneOf("mechanism", &s.Mechanism, StreamMechanisms())
	o.text("user", &s.User)
	o.secret("password", &s.Password)
	o.done()
}
