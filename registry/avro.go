package registry

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hamba/avro/v2"
)

// Limits of what is read, far beyond any event. They stop a wrong schema from taking much time and memory.
const (
	// mostJSON is how large a value may get.
	mostJSON = 4 << 20
	// deepest is how deep values may be nested.
	deepest = 100
	// mostBytes is how long a decimal may be, in bytes and in digits after the point.
	mostBytes = 1000
)

var (
	errEnds  = errors.New("the value ends too early")
	errLeft  = errors.New("bytes are left over after the value")
	errLarge = fmt.Errorf("the value has more than %d bytes of JSON", mostJSON)
	errDeep  = fmt.Errorf("the value is nested deeper than %d levels", deepest)
)

// toJSON reads a value in Avro with its writer's schema. Decimals are numbers with all their digits; times with a zone are
// text in RFC 3339. A member of a union is written as it is, without its type.
func toJSON(s avro.Schema, data []byte) ([]byte, error) {
	r := reader{in: avro.NewReader(nil, 0).Reset(data), out: make([]byte, 0, 2*len(data))}
	if err := r.value(s, 0); err != nil {
		return nil, err
	}
	if r.in.Peek(); r.in.Error == nil {
		return nil, errLeft
	}
	return r.out, nil
}

// reader reads one value.
type reader struct {
	in  *avro.Reader
	out []byte
}

func (r *reader) value(s avro.Schema, depth int) error {
	switch {
	case depth > deepest:
		return errDeep
	case len(r.out) > mostJSON:
		return errLarge
	}
	switch s := s.(type) {
	case *avro.RefSchema:
		return r.value(s.Schema(), depth)
	case *avro.RecordSchema:
		return r.record(s, depth)
	case *avro.UnionSchema:
		i := r.in.ReadLong()
		if r.in.Error == nil && (i < 0 || i >= int64(len(s.Types()))) {
			return fmt.Errorf("a union has no type %d", i)
		}
		if r.in.Error != nil {
			return r.read()
		}
		return r.value(s.Types()[i], depth)
	case *avro.ArraySchema:
		return r.blocks('[', ']', func() error { return r.value(s.Items(), depth+1) })
	case *avro.MapSchema:
		return r.blocks('{', '}', func() error {
			if err := r.quoted(r.in.ReadString()); err != nil {
				return err
			}
			r.out = append(r.out, ':')
			return r.value(s.Values(), depth+1)
		})
	case *avro.EnumSchema:
		i := r.in.ReadInt()
		symbol, ok := s.Symbol(int(i))
		if r.in.Error == nil && !ok {
			return fmt.Errorf("the enum %.60s has no symbol %d", s.FullName(), i)
		}
		return r.quoted(symbol)
	case *avro.FixedSchema:
		data := make([]byte, min(s.Size(), mostJSON))
		if r.in.Read(data); len(data) < s.Size() {
			return errLarge
		}
		return r.bytes(data, s.Logical(), s.Prop("logicalType"))
	case *avro.PrimitiveSchema:
		return r.primitive(s)
	default:
		r.out = append(r.out, "null"...)
		return nil
	}
}

// read is the error of what was read last.
func (r *reader) read() error {
	if err := r.in.Error; errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errEnds
	} else if err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), "avro: "))
	}
	return nil
}

func (r *reader) record(s *avro.RecordSchema, depth int) error {
	r.out = append(r.out, '{')
	for i, f := range s.Fields() {
		if i > 0 {
			r.out = append(r.out, ',')
		}
		r.out = append(append(append(r.out, '"'), f.Name()...), `":`...) // names are letters, digits and _
		if err := r.value(f.Type(), depth+1); err != nil {
			return fmt.Errorf("%.60s: %w", f.Name(), err)
		}
	}
	r.out = append(r.out, '}')
	return nil
}

// blocks reads the items of an array or a map.
func (r *reader) blocks(open, end byte, item func() error) error {
	r.out = append(r.out, open)
	for first := true; ; {
		n, _ := r.in.ReadBlockHeader()
		if r.in.Error != nil || n < 0 {
			return errors.Join(r.read(), errEnds)
		}
		if n == 0 {
			break
		}
		for ; n > 0; n-- {
			if !first {
				r.out = append(r.out, ',')
			}
			first = false
			if err := item(); err != nil {
				return err
			}
		}
	}
	r.out = append(r.out, end)
	return nil
}

// The texts of times, to the unit that they have.
const (
	dateText   = "2006-01-02"
	millisText = "15:04:05.000"
	microsText = "15:04:05.000000"
	nanosText  = "15:04:05.000000000"
)

func (r *reader) primitive(s *avro.PrimitiveSchema) error {
	logical := avro.LogicalType("")
	if l := s.Logical(); l != nil {
		logical = l.Type()
	} else if s.Prop("logicalType") == string(timestampNanos) { // which the library does not know
		logical = timestampNanos
	}
	switch s.Type() { //nolint:exhaustive // the others are no primitives
	case avro.String:
		return r.quoted(r.in.ReadString())
	case avro.Bytes:
		return r.bytes(r.in.ReadBytes(), s.Logical(), nil)
	case avro.Boolean:
		r.out = strconv.AppendBool(r.out, r.in.ReadBool())
		return r.read()
	case avro.Float:
		return r.float(float64(r.in.ReadFloat()), 32)
	case avro.Double:
		return r.float(r.in.ReadDouble(), 64)
	case avro.Int:
		return r.whole(int64(r.in.ReadInt()), logical)
	default:
		return r.whole(r.in.ReadLong(), logical)
	}
}

const timestampNanos avro.LogicalType = "timestamp-nanos"

// times are the logical types that become text: the moment that a number means, and how it is written.
var times = map[avro.LogicalType]struct {
	of   func(int64) time.Time
	text string
}{
	avro.Date:            {func(n int64) time.Time { return time.Unix(n*24*60*60, 0) }, dateText},
	avro.TimeMillis:      {time.UnixMilli, millisText},
	avro.TimeMicros:      {time.UnixMicro, microsText},
	avro.TimestampMillis: {time.UnixMilli, dateText + "T" + millisText + "Z"},
	avro.TimestampMicros: {time.UnixMicro, dateText + "T" + microsText + "Z"},
	timestampNanos:       {func(n int64) time.Time { return time.Unix(0, n) }, dateText + "T" + nanosText + "Z"},
}

// whole writes an integer, or the time that it means.
func (r *reader) whole(n int64, logical avro.LogicalType) error {
	if t, ok := times[logical]; ok {
		return r.quoted(t.of(n).UTC().Format(t.text))
	}
	r.out = strconv.AppendInt(r.out, n, 10)
	return r.read()
}

// float writes the shortest number that is this one. What is no number is a text.
func (r *reader) float(f float64, bits int) error {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return r.quoted(strconv.FormatFloat(f, 'g', -1, bits))
	}
	r.out = strconv.AppendFloat(r.out, f, 'g', -1, bits)
	return r.read()
}

// quoted writes a text.
func (r *reader) quoted(text string) error {
	if r.in.Error != nil {
		return r.read()
	}
	if !utf8.ValidString(text) {
		return errors.New("a text is not valid UTF-8")
	}
	out, err := json.Marshal(text)
	r.out = append(r.out, out...)
	return err
}

// bytes writes a decimal, a uuid, a text that is in bytes, or base64.
func (r *reader) bytes(data []byte, logical avro.LogicalSchema, unknown any) error {
	if r.in.Error != nil {
		return r.read()
	}
	if d, ok := logical.(*avro.DecimalLogicalSchema); ok {
		if len(data) > mostBytes || d.Scale() > mostBytes {
			return fmt.Errorf("a decimal has more than %d bytes or digits after the point", mostBytes)
		}
		r.out = append(r.out, decimal(data, d.Scale())...)
		return nil
	}
	const uuidSize = 16
	switch {
	case unknown == "uuid" && len(data) == uuidSize:
		h := hex.EncodeToString(data)
		return r.quoted(h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:])
	case utf8.Valid(data) && bytes.IndexByte(data, 0) < 0:
		return r.quoted(string(data))
	}
	return r.quoted(base64.StdEncoding.EncodeToString(data))
}

// decimal is a big-endian number in two's complement, with its last digits after the point.
func decimal(data []byte, scale int) string {
	n := new(big.Int).SetBytes(data)
	if len(data) > 0 && data[0]&0x80 != 0 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(len(data))*8))
	}
	digits := new(big.Int).Abs(n).String()
	if missing := scale + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	if scale > 0 {
		digits = digits[:len(digits)-scale] + "." + digits[len(digits)-scale:]
	}
	if n.Sign() < 0 {
		return "-" + digits
	}
	return digits
}
