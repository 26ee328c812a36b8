package follow

import (
	"testing"

	"github.com/nordvarg/crosscheck/order"
)

// TestWhatIsNoMessageIsCalledSo: a tombstone is not broken JSON.
func TestWhatIsNoMessageIsCalledSo(t *testing.T) {
	for value, want := range map[string]string{
		"": "it has no value (a tombstone)", "plain text": "not valid JSON",
		"\x00\x00\x00\x00\x07avro": "it is not JSON: its first byte is 0, as in Avro or Protobuf messages of a schema registry",
	} {
		if _, err := decodeMessage(Message{Value: []byte(value)}, order.Defaults(), order.KeyInteger, ""); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", value, err, want)
		}
	}
}
