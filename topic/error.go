package topic

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"github.com/nordvarg/crosscheck/doctor"
)

var (
	// ErrUnreachable is returned when no broker can be reached, or the broker of a partition could not be reached for
	// the whole patience. It proves nothing.
	ErrUnreachable = errors.New("broker is unreachable")
	// ErrUnknown is returned when the brokers do not have the topic, or do not show it to the user.
	ErrUnknown = errors.New("topic is unknown")
	// ErrTLS is returned when a broker and crosscheck do not agree on encryption or certificates.
	ErrTLS = errors.New("no TLS connection to the broker")
	// ErrLogin is returned when the brokers refuse user or password.
	ErrLogin = errors.New("broker refused the login")
	// ErrDenied is returned when the user may not read the topic.
	ErrDenied = errors.New("broker denied access")
	// ErrUnopened is returned when it cannot be known now what a message says, because its schema could not be asked for. It
	// proves nothing.
	ErrUnopened = errors.New("messages cannot be read now")
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
		{ErrUnopened, func(error) bool { return false }},
		{ErrUnknown, unknownTopic},
		{ErrGroup, isAny(kafka.GroupAuthorizationFailed)},
		{ErrDenied, isAny(kafka.TopicAuthorizationFailed, kafka.ClusterAuthorizationFailed)},
		{ErrTLS, refusedTLS},
		{ErrLogin, isAny(kafka.SASLAuthenticationFailed, kafka.UnsupportedSASLMechanism, kafka.IllegalSASLState)},
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

func refusedTLS(err error) bool {
	_, _, found := doctor.TLSFault(err, tlsSettings)
	return found
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

// leaderless is true while no broker leads a partition or coordinates a group, but brokers answer.
func leaderless(err error) bool {
	return isAny(protocol.ErrNoLeader, kafka.LeaderNotAvailable, kafka.BrokerNotAvailable, kafka.NotLeaderForPartition,
		kafka.ReplicaNotAvailable, kafka.OffsetNotAvailable,
		kafka.GroupCoordinatorNotAvailable, kafka.NotCoordinatorForGroup, kafka.GroupLoadInProgress)(err)
}

// final is true for an error that another attempt cannot fix.
func final(err error) bool {
	return errors.Is(err, ErrTLS) || errors.Is(err, ErrLogin) || errors.Is(err, ErrDenied) || errors.Is(err, ErrGroup)
}

var tlsSettings = doctor.TLSSettings{
	Use: "whether stream.tls belongs in the configuration", Authority: "stream.tls.ca_file", Name: "stream.tls.server_name",
	Own: "stream.tls.cert_file and stream.tls.key_file",
}

// hints are by what an error proves.
var hints = []struct {
	means error
	hint  string
}{
	{ErrUnopened, "check that the schema registry answers, and url, user, password and ca_file in stream.registry"},
	{ErrUnknown, "check the topic's name in stream.topic; a user without DESCRIBE on the topic does not see it"},
	{ErrDenied, "the user needs READ and DESCRIBE on the topic"},
	{ErrForeign, "name in stream.group a group that no other consumer uses; without one, one sidecar follows all partitions"},
	{ErrGroup, "the user needs READ on the group of stream.group; without it one sidecar follows all partitions"},
	{ErrLogin, "check user, password and mechanism in stream.sasl"},
	{ErrUnreachable, "check host and port in stream.brokers, and advertised.listeners on the brokers: crosscheck must be able to reach the advertised addresses; a broker also closes the connection if it expects TLS or a login and gets none, or gets TLS and expects none"},
	{ErrCompacted, "follow a topic with cleanup.policy=delete; crosscheck cannot tell a compacted message from a lost one"},
}

var registrySettings = doctor.TLSSettings{
	Use: "whether stream.registry.url begins with https", Authority: "stream.registry.ca_file", Name: "the host in stream.registry.url",
	Own: "whether the registry takes a login, with user and password in stream.registry, instead",
}

// Hint returns the user's next step after an error of the stream; empty if none is known.
func Hint(err error) string {
	settings := tlsSettings
	if errors.Is(err, ErrUnopened) {
		settings = registrySettings
	}
	if _, hint, found := doctor.TLSFault(err, settings); found {
		return hint
	}
	for _, h := range hints {
		if errors.Is(err, h.means) {
			return h.hint
		}
	}
	return ""
}
