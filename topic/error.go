package topic

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

var (
	// ErrUnreachable is returned when no broker can be reached, or the broker of a partition could not be reached for
	// the whole patience. It proves nothing.
	ErrUnreachable = errors.New("broker is unreachable")
	// ErrUnknown is returned when the brokers do not have the topic, or do not show it to the user.
	ErrUnknown = errors.New("topic is unknown")
	// ErrLogin is returned when the brokers refuse user, password or certificate.
	ErrLogin = errors.New("broker refused the login")
	// ErrDenied is returned when the user may not read the topic.
	ErrDenied = errors.New("broker denied access")
	// ErrCompacted is returned for a compacted topic. The broker deletes messages of it, so a missing message proves
	// nothing.
	ErrCompacted = errors.New("topic is compacted")
)

// classify adds the sentinel for what an error of the library proves.
func classify(err error) error {
	for _, class := range []struct {
		means error
		when  func(error) bool
	}{
		{ErrUnknown, unknownTopic},
		{ErrDenied, isAny(kafka.TopicAuthorizationFailed, kafka.ClusterAuthorizationFailed)},
		{ErrLogin, refusedLogin},
		{ErrUnreachable, unreachable},
	} {
		if errors.Is(err, class.means) {
			return err
		}
		if class.when(err) {
			return fmt.Errorf("%w: %w", class.means, err)
		}
	}
	return err
}

func isAny(targets ...error) func(error) bool {
	return func(err error) bool {
		for _, target := range targets {
			if errors.Is(err, target) {
				return true
			}
		}
		return false
	}
}

func unknownTopic(err error) bool {
	return isAny(kafka.UnknownTopicOrPartition, kafka.InvalidTopic, protocol.ErrNoTopic, protocol.ErrNoPartition)(err)
}

func refusedLogin(err error) bool {
	if isAny(kafka.SASLAuthenticationFailed, kafka.UnsupportedSASLMechanism, kafka.IllegalSASLState)(err) {
		return true
	}
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
	_, unsigned := errors.AsType[x509.UnknownAuthorityError](err)
	_, plaintext := errors.AsType[tls.RecordHeaderError](err)
	return untrusted || unsigned || plaintext
}

func unreachable(err error) bool {
	_, network := errors.AsType[net.Error](err)
	return network || leaderless(err) ||
		isAny(io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe, net.ErrClosed, context.DeadlineExceeded)(err)
}

// unanswered is true if there was a connection, or an attempt, and no answer in time.
func unanswered(err error) bool {
	network, ok := errors.AsType[net.Error](err)
	return errors.Is(err, context.DeadlineExceeded) || ok && network.Timeout()
}

// leaderless is true while no broker leads a partition, but brokers answer.
func leaderless(err error) bool {
	return isAny(protocol.ErrNoLeader, kafka.LeaderNotAvailable, kafka.BrokerNotAvailable, kafka.NotLeaderForPartition,
		kafka.ReplicaNotAvailable, kafka.OffsetNotAvailable)(err)
}

// final is true for an error that another attempt cannot fix.
func final(err error) bool {
	return errors.Is(err, ErrLogin) || errors.Is(err, ErrDenied)
}

// hints are by what an error proves.
var hints = []struct {
	means error
	hint  string
}{
	{ErrUnknown, "check the topic's name in stream.topic; a user without DESCRIBE on the topic does not see it"},
	{ErrDenied, "the user needs READ and DESCRIBE on the topic"},
	{ErrLogin, "check user, password, mechanism and certificates of the stream, and whether its listener expects TLS"},
	{ErrUnreachable, "check host and port in stream.brokers, and advertised.listeners on the brokers: crosscheck must be able to reach the advertised addresses; a broker also closes the connection if it expects TLS or a login and gets none"},
	{ErrCompacted, "follow a topic with cleanup.policy=delete; crosscheck cannot tell a compacted message from a lost one"},
}

// Hint returns the user's next step after an error of the stream; empty if none is known.
func Hint(err error) string {
	for _, h := range hints {
		if errors.Is(err, h.means) {
			return h.hint
		}
	}
	return ""
}
