package topic

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"github.com/nordvarg/crosscheck/follow"
)

var _ follow.Identified = (*Topic)(nil)

// Identity is the number that the brokers gave the topic when it was created; empty if they are older than Kafka 2.8, or if they do
// not tell. A topic that is created again under the same name has another one.
func (t *Topic) Identity(ctx context.Context) (string, error) {
	var id string
	err := t.ask(ctx, "identity", func(ctx context.Context, c *kafka.Client) error {
		found, err := c.Transport.RoundTrip(ctx, t.address(), &identityRequest{topic: t.config.Topic})
		if answer, ok := found.(*identityAnswer); ok {
			id = answer.id
		}
		return err
	})
	if errors.Is(err, errAnswer) { // all else can be asked of such a broker
		t.config.Log.InfoContext(ctx, "the brokers do not tell the topic from another of its name", slog.Any("error", err))
		return "", nil
	}
	return id, err
}

// identityRequest asks for metadata in a version that the library does not know. It writes and reads by itself.
type identityRequest struct{ topic string }

type identityAnswer struct {
	identityRequest
	id string
}

// ApiKey is the kind of request.
func (*identityRequest) ApiKey() protocol.ApiKey { return protocol.Metadata } //nolint:revive,staticcheck // the library's name

// Required is always true.
func (*identityRequest) Required(map[protocol.ApiKey]int16) bool { return true }

// withTopicID is the first version of the answer that has it.
const withTopicID = 10

// RawExchange asks which versions the broker knows, and then for the topic.
func (r *identityRequest) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	answer := &identityAnswer{identityRequest: *r}
	versions, err := exchange(rw, protocol.ApiVersions, 0, nil)
	if err != nil {
		return nil, err
	}
	known, err := metadataVersion(versions)
	if err != nil || known < withTopicID {
		return answer, err
	}
	body := []byte{0, 2} // no tags of the header; one topic
	body = append(body, make([]byte, 16)...)
	body = append(binary.AppendUvarint(body, uint64(len(r.topic)+1)), r.topic...)
	body = append(body, 0, 0, 0, 0, 0) // no tags; does not create it; no rights are asked for; no tags
	metadata, err := exchange(rw, protocol.Metadata, withTopicID, body)
	if err != nil {
		return nil, err
	}
	answer.id, err = topicID(metadata)
	return answer, err
}

// exchange writes a request with its header, and returns the answer without the number by which the two belong together.
func exchange(rw io.ReadWriter, key protocol.ApiKey, version int16, body []byte) (reader, error) {
	const number = 1 << 30 // the library counts its own from 1
	var out []byte
	out = binary.BigEndian.AppendUint16(out, uint16(key))     //nolint:gosec // a small number
	out = binary.BigEndian.AppendUint16(out, uint16(version)) //nolint:gosec // a small number
	out = binary.BigEndian.AppendUint32(out, number)
	out = append(binary.BigEndian.AppendUint16(out, uint16(len(clientID))), clientID...)
	out = append(out, body...)
	if _, err := rw.Write(slices.Concat(binary.BigEndian.AppendUint32(nil, uint32(len(out))), out)); err != nil { //nolint:gosec // a topic's name has at most 249 bytes
		return reader{}, fmt.Errorf("asking for the topic's identity: %w", err)
	}
	var head [4]byte
	if _, err := io.ReadFull(rw, head[:]); err != nil {
		return reader{}, fmt.Errorf("reading the topic's identity: %w", err)
	}
	size := binary.BigEndian.Uint32(head[:])
	if size < 4 || size > mostStored {
		return reader{}, fmt.Errorf("%w: it has %d bytes", errAnswer, size)
	}
	in := make([]byte, size)
	if _, err := io.ReadFull(rw, in); err != nil {
		return reader{}, fmt.Errorf("reading the topic's identity: %w", err)
	}
	if binary.BigEndian.Uint32(in) != number {
		return reader{}, fmt.Errorf("%w: it is that to another request", errAnswer)
	}
	return reader{rest: in[4:]}, nil
}

// errAnswer is returned for an answer that is not in the protocol's form.
var errAnswer = errors.New("a broker's answer cannot be read")

// metadataVersion is the newest version of requests for metadata that a broker knows.
func metadataVersion(r reader) (newest int16, err error) {
	code := int16(r.number(2))
	for n := int32(r.number(4)); n > 0 && !r.cut; n-- {
		key := int16(r.number(2))
		r.number(2)
		if most := int16(r.number(2)); protocol.ApiKey(key) == protocol.Metadata {
			newest = most
		}
	}
	if code != 0 {
		return 0, kafka.Error(code)
	}
	return newest, r.err()
}

// topicID reads the beginning of an answer with metadata, up to the first topic's number.
func topicID(r reader) (string, error) {
	r.tags()
	r.number(4) // how long the broker has us wait
	for n := r.length(); n > 0 && !r.cut; n-- {
		r.number(4)
		r.text() // host
		r.number(4)
		r.text() // rack
		r.tags()
	}
	r.text() // the cluster
	r.number(4)
	topics, code := r.length(), int16(r.number(2))
	r.text() // its name
	id := r.take(16)
	switch {
	case topics < 1 || r.cut:
		return "", fmt.Errorf("%w: it names no topic", errAnswer)
	case code != 0:
		return "", kafka.Error(code)
	case slices.Max(id) == 0: // the cluster gives none
		return "", nil
	}
	return hex.EncodeToString(id), nil
}

// reader takes an answer apart. Once there is too little, everything is zero.
type reader struct {
	rest []byte
	cut  bool
}

func (r *reader) err() error {
	if r.cut {
		return fmt.Errorf("%w: it ends too early", errAnswer)
	}
	return nil
}

func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.rest) {
		r.cut, r.rest = true, nil
		return make([]byte, min(max(n, 0), 16))
	}
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	return taken
}

// number reads a number of 2 or 4 bytes.
func (r *reader) number(bytes int) (n uint32) {
	for _, b := range r.take(bytes) {
		n = n<<8 | uint32(b)
	}
	return n
}

// small reads a number of which small ones take one byte.
func (r *reader) small() int {
	n, size := binary.Uvarint(r.rest)
	if size <= 0 || n > mostStored {
		r.cut, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[size:]
	return int(n)
}

// length reads the length of a list or a text; 0 for one that is null.
func (r *reader) length() int { return max(r.small()-1, 0) }

func (r *reader) text() { r.take(r.length()) }

// tags passes over what later versions may have added.
func (r *reader) tags() {
	for n := r.small(); n > 0 && !r.cut; n-- {
		r.small()
		r.take(r.small())
	}
}
