package order

import "bytes"

// usualOpener opens records of the usual form.
var usualOpener = func() *Opener {
	o, err := NewOpener(UsualEnvelope())
	if err != nil {
		panic(err) // of a constant
	}
	return o
}()

// FromConnect opens a value of the usual form to which Kafka Connect has added something: its schema around the value, or
// quotes around the payload, as it has a column of JSON. It is false for any other value, which needs no opening.
func FromConnect(value []byte) (o Opened, is bool) {
	if !bytes.HasPrefix(value, []byte(`{"schema"`)) && !textPayload(value) {
		return o, false
	}
	return usualOpener.Open(Record{Value: value, Converted: true}), true
}

// textPayload is true for a value whose first key "payload" has a text.
func textPayload(value []byte) bool {
	_, rest, _ := bytes.Cut(value, []byte(`"payload"`))
	return bytes.HasPrefix(bytes.TrimLeft(rest, ": \t\r\n"), []byte(`"`))
}
