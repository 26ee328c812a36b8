package follow

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
)

// Parcel is a batch whose messages were read and compared with the store, as one process hands it to another.
type Parcel struct {
	Partition int
	Number    int64 // in its partition; the ledger counts
	From      int64 // the offset that was expected; the batch may begin with a gap
	Next, End int64 // as of a Batch
	Content   []byte
}

// parcelForm is the first byte of a parcel's content. A process does not read another form.
const parcelForm = 1

// errParcel is why a parcel cannot be read: another version of crosscheck has written it.
var errParcel = errors.New("a parcel of messages is not in the form that this version writes")

// What is said of a message, as bits. One that agrees with its event has no more than that, and is a few bytes long.
const (
	saidStored  = 1 << iota // its event is stored, under the same order's key
	saidOutside             // of an order outside of the slice
	saidKeyed               // it has a key
	saidEmpty               // and that is empty
	saidTimed               // it has a time
	saidMore                // the rest follows as JSON
)

// said is the rest of a message that does not simply agree with its event.
type said struct {
	Value     []byte                    `json:"value,omitempty"`
	Drift     string                    `json:"drift,omitempty"`
	Stored    bool                      `json:"stored,omitempty"`
	StoredKey order.Key                 `json:"stored_key,omitempty"`
	Differs   []compare.FieldDifference `json:"differs,omitempty"`
	Twins     []twin                    `json:"twins,omitempty"`
}

// twin is a place in JSON.
type twin struct {
	Position order.Position `json:"position"`
	Key      order.Key      `json:"key,omitempty"`
}

// pack writes a batch that was compared. What is ignored is left out.
func (b *readBatch) pack() ([]byte, error) {
	gap, err := json.Marshal(b.Gap)
	if err != nil {
		return nil, fmt.Errorf("packing a gap: %w", err)
	}
	out := appendBytes([]byte{parcelForm}, gap)
	var last arrival
	for i := range b.arrivals {
		a := &b.arrivals[i]
		if a.ignored {
			continue
		}
		bits, more, err := a.said()
		if err != nil {
			return nil, fmt.Errorf("packing the message at offset %d: %w", a.Offset, err)
		}
		out = append(out, bits)
		out = binary.AppendVarint(out, a.Offset-last.Offset)
		out = binary.AppendVarint(out, int64(a.position-last.position))
		if bits&saidTimed != 0 {
			out = binary.AppendVarint(out, a.Time.UnixMilli()-last.Time.UnixMilli())
			last.Time = a.Time
		}
		out = appendBytes(appendBytes(out, []byte(a.id)), []byte(a.key))
		if bits&saidMore != 0 {
			out = appendBytes(out, more)
		}
		last.Offset, last.position = a.Offset, a.position
	}
	return out, nil
}

func appendBytes(out, b []byte) []byte {
	return append(binary.AppendUvarint(out, uint64(len(b))), b...)
}

// said returns the bits of a message, and the rest if there is any.
func (a *arrival) said() (bits byte, more []byte, err error) {
	set := func(bit byte, is bool) {
		if is {
			bits |= bit
		}
	}
	set(saidStored, a.stored)
	set(saidOutside, a.outside)
	set(saidKeyed, a.Key != nil)
	set(saidEmpty, a.Key != nil && len(a.Key) == 0)
	set(saidTimed, !a.Time.IsZero())
	if a.outside || a.stored && a.storedKey == a.key && a.drift == nil && len(a.differs) == 0 && len(a.twins) == 0 {
		return bits, nil, nil
	}
	rest := said{Stored: a.stored, StoredKey: a.storedKey, Differs: a.differs}
	if !a.stored && !a.anonymous() && a.key != "" {
		rest.Value = a.kept()
	}
	if a.drift != nil {
		rest.Drift = a.drift.Error()
	}
	for _, t := range a.twins {
		rest.Twins = append(rest.Twins, twin{t.position, t.key})
	}
	more, err = json.Marshal(rest)
	return bits | saidMore, more, err
}

// unpack reads what pack has written.
func (p *Parcel) unpack() (readBatch, error) {
	b := readBatch{Batch: Batch{Partition: p.Partition, Next: p.Next, End: p.End}, number: p.Number}
	r := parcelReader{rest: p.Content}
	if form := r.byte(); form != parcelForm {
		return b, fmt.Errorf("%w: form %d", errParcel, form)
	}
	if err := json.Unmarshal([]byte(r.text()), &b.Gap); err != nil && !r.bad {
		return b, fmt.Errorf("%w: %w", errParcel, err)
	}
	var offset, position int64
	at := time.Time{}.UnixMilli()
	for len(r.rest) > 0 && !r.bad {
		a := arrival{next: -1}
		bits := r.byte()
		offset, position = offset+r.number(), position+r.number()
		if bits&saidTimed != 0 {
			at += r.number()
			a.Time = time.UnixMilli(at).UTC()
		}
		a.Partition, a.Offset, a.position = p.Partition, offset, order.Position(position)
		a.id, a.key = order.ID(r.text()), order.Key(r.text())
		a.is(bits)
		if bits&saidMore != 0 {
			if err := a.unfold(r.text()); err != nil && !r.bad {
				return b, err
			}
		}
		b.arrivals = append(b.arrivals, a)
	}
	if r.bad {
		return b, errParcel
	}
	return b, nil
}

// keyed stands for any key of a message: only whether there is one matters.
var keyed = []byte("k")

func (a *arrival) is(bits byte) {
	a.outside = bits&saidOutside != 0
	if a.stored = bits&saidStored != 0; a.stored {
		a.storedKey = a.key
	}
	switch {
	case bits&saidEmpty != 0:
		a.Key = []byte{}
	case bits&saidKeyed != 0:
		a.Key = keyed
	}
}

func (a *arrival) unfold(text string) error {
	var rest said
	if err := json.Unmarshal([]byte(text), &rest); err != nil {
		return fmt.Errorf("%w: %w", errParcel, err)
	}
	a.Value, a.stored, a.storedKey, a.differs = rest.Value, rest.Stored, rest.StoredKey, rest.Differs
	if rest.Drift != "" {
		a.drift = errors.New(rest.Drift)
	}
	for _, t := range rest.Twins {
		a.twins = append(a.twins, place{t.Position, t.Key})
	}
	return nil
}

// parcelReader reads a parcel from its beginning. After the first mistake it reads nothing but zeros.
type parcelReader struct {
	rest []byte
	bad  bool
}

func (r *parcelReader) byte() (b byte) {
	if len(r.rest) == 0 {
		r.bad = true
		return 0
	}
	b, r.rest = r.rest[0], r.rest[1:]
	return b
}

// skip passes over what a number took; not above zero is a mistake.
func (r *parcelReader) skip(n int) {
	if n <= 0 {
		r.bad, r.rest = true, nil
		return
	}
	r.rest = r.rest[n:]
}

func (r *parcelReader) number() int64 {
	v, n := binary.Varint(r.rest)
	r.skip(n)
	return v
}

func (r *parcelReader) text() string {
	length, n := binary.Uvarint(r.rest)
	if r.skip(n); length > uint64(len(r.rest)) {
		r.bad, r.rest = true, nil
		return ""
	}
	text := string(r.rest[:length])
	r.rest = r.rest[length:]
	return text
}
