package trace

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"unicode/utf8"

	"qmidle/internal/isakmp"
)

// MaxFieldBytes bounds one field of octets or text in the recorder's form and
// in JSON. What a peer sent beyond it is cut off, so that no identity or
// attribute list can fill the flight recorder.
const MaxFieldBytes = 256

type fieldMode uint8

const (
	encodeFields fieldMode = iota
	decodeFields
	jsonFields
	describeFields
	parseFields
)

// FieldDoc is one field of an event as the documentation shows it.
type FieldDoc struct {
	Name string
	Kind string // "number", "boolean", "name", "address", "address and port", "octets", "text", "names" or "attributes"
}

// Fields visits the fields of one event, in the order of that event's Fields
// method, to encode, decode, print, parse or describe them. It is a concrete type
// without callbacks, so that a visit allocates nothing.
type Fields struct {
	mode fieldMode
	// buf takes what is encoded or printed.
	buf []byte
	// in is what is left to decode; broken says that it ended too early.
	in     []byte
	broken bool
	docs   []FieldDoc
	from   *jsonSource // what is parsed
}

// U8 visits a number of one octet.
func (f *Fields) U8(name string, v *uint8) {
	n := uint64(*v)
	f.number(name, &n, math.MaxUint8)
	*v = uint8(n)
}

// U16 visits a number of two octets.
func (f *Fields) U16(name string, v *uint16) {
	n := uint64(*v)
	f.number(name, &n, math.MaxUint16)
	*v = uint16(n)
}

// U32 visits a number of four octets.
func (f *Fields) U32(name string, v *uint32) {
	n := uint64(*v)
	f.number(name, &n, math.MaxUint32)
	*v = uint32(n)
}

// U64 visits a number of eight octets.
func (f *Fields) U64(name string, v *uint64) { f.number(name, v, math.MaxUint64) }

func (f *Fields) number(name string, v *uint64, most uint64) {
	switch f.mode {
	case encodeFields:
		f.buf = binary.AppendUvarint(f.buf, *v)
	case decodeFields:
		*v = f.uvarint()
	case jsonFields:
		f.key(name)
		f.buf = strconv.AppendUint(f.buf, *v, 10)
	case describeFields:
		f.describe(name, "number")
	case parseFields:
		*v = f.from.number(name, most)
	}
}

// Bool visits a truth value.
func (f *Fields) Bool(name string, v *bool) {
	switch f.mode {
	case encodeFields:
		if *v {
			f.buf = append(f.buf, 1)
			return
		}
		f.buf = append(f.buf, 0)
	case decodeFields:
		*v = f.uvarint() != 0
	case jsonFields:
		f.key(name)
		f.buf = strconv.AppendBool(f.buf, *v)
	case describeFields:
		f.describe(name, "boolean")
	case parseFields:
		*v = false
		f.from.read(name, v)
	}
}

// Enum visits a number that has names; JSON shows the name.
func Enum[E interface {
	~uint8 | ~uint16
	String() string
}](f *Fields, name string, e *E) {
	switch f.mode {
	case encodeFields:
		f.buf = binary.AppendUvarint(f.buf, uint64(*e))
	case decodeFields:
		*e = E(f.uvarint())
	case jsonFields:
		f.key(name)
		f.buf = appendJSONString(f.buf, (*e).String())
	case describeFields:
		f.describe(name, "name")
	case parseFields:
		word := f.from.text(name)
		var ok bool
		if *e, ok = named[E](word); !ok && word != "" {
			f.from.fail(name, fmt.Errorf("there is no %q", word))
		}
	}
}

// Addr visits an address without a zone; in JSON the invalid one is "".
func (f *Fields) Addr(name string, v *netip.Addr) {
	switch f.mode {
	case encodeFields:
		f.buf = appendAddr(f.buf, *v)
	case decodeFields:
		*v = f.addr()
	case jsonFields:
		f.key(name)
		f.buf = append(f.buf, '"')
		if v.IsValid() {
			f.buf = v.AppendTo(f.buf)
		}
		f.buf = append(f.buf, '"')
	case describeFields:
		f.describe(name, "address")
	case parseFields:
		*v = f.from.addr(name)
	}
}

// AddrPort visits an address with a UDP port; in JSON the invalid one is "".
func (f *Fields) AddrPort(name string, v *netip.AddrPort) {
	switch f.mode {
	case encodeFields:
		f.buf = appendAddr(f.buf, v.Addr())
		f.buf = binary.AppendUvarint(f.buf, uint64(v.Port()))
	case decodeFields:
		addr := f.addr()
		*v = netip.AddrPortFrom(addr, uint16(f.uvarint()))
	case jsonFields:
		f.key(name)
		f.buf = append(f.buf, '"')
		if v.IsValid() {
			f.buf = v.AppendTo(f.buf)
		}
		f.buf = append(f.buf, '"')
	case describeFields:
		f.describe(name, "address and port")
	case parseFields:
		*v = f.from.addrPort(name)
	}
}

// Bytes visits octets; JSON shows them in hexadecimal. A decoded value is a
// copy.
func (f *Fields) Bytes(name string, v *[]byte) {
	switch f.mode {
	case encodeFields:
		f.buf = appendBounded(f.buf, *v)
	case decodeFields:
		*v = f.octets()
	case jsonFields:
		f.key(name)
		f.buf = append(f.buf, '"')
		f.buf = hex.AppendEncode(f.buf, bounded(*v))
		f.buf = append(f.buf, '"')
	case describeFields:
		f.describe(name, "octets")
	case parseFields:
		*v = f.from.octets(name)
	}
}

// vendorID visits the octets of a vendor ID. The recorder leaves out those that
// its kind implies: a peer sends half a dozen, each time the same.
func (f *Fields) vendorID(name string, kind isakmp.VendorID, v *[]byte) {
	implied := kind.Bytes()
	switch f.mode {
	case encodeFields:
		if n := len(implied); n > 0 && len(*v) >= n && string((*v)[:n]) == implied {
			f.buf = appendBounded(append(f.buf, 1), (*v)[n:])
			return
		}
		f.buf = appendBounded(append(f.buf, 0), *v)
	case decodeFields:
		whole := f.uvarint() == 0
		if *v = f.octets(); !whole {
			*v = append([]byte(implied), *v...)
		}
	default:
		f.Bytes(name, v)
	}
}

// Str visits text.
func (f *Fields) Str(name string, v *string) {
	switch f.mode {
	case encodeFields:
		s := bounded(*v)
		f.buf = binary.AppendUvarint(f.buf, uint64(len(s)))
		f.buf = append(f.buf, s...)
	case decodeFields:
		*v = string(f.octets())
	case jsonFields:
		f.key(name)
		f.buf = appendJSONString(f.buf, bounded(*v))
	case describeFields:
		f.describe(name, "text")
	case parseFields:
		*v = f.from.text(name)
	}
}

// IKEAttributes visits phase 1 data attributes in wire form (RFC 2408 section
// 3.3, RFC 2409 appendix A).
func (f *Fields) IKEAttributes(name string, v *[]byte) {
	if f.mode == parseFields {
		*v = f.from.attributes(name, ikeAttributeNames, ikeValue)
		return
	}
	f.attributes(name, v, appendIKEAttributeJSON)
}

// IPsecAttributes visits phase 2 data attributes in wire form (RFC 2408
// section 3.3, RFC 2407 section 4.5).
func (f *Fields) IPsecAttributes(name string, v *[]byte) {
	if f.mode == parseFields {
		*v = f.from.attributes(name, ipsecAttributeNames, ipsecValue)
		return
	}
	f.attributes(name, v, appendIPsecAttributeJSON)
}

func (f *Fields) attributes(name string, v *[]byte, print func([]byte, wireAttribute) []byte) {
	switch f.mode {
	case encodeFields:
		f.buf = appendBounded(f.buf, *v)
	case decodeFields:
		*v = f.octets()
	case jsonFields:
		f.key(name)
		f.buf = append(f.buf, '[')
		first := true
		for a := range wireAttributes(bounded(*v)) {
			if !first {
				f.buf = append(f.buf, ',')
			}
			first = false
			f.buf = print(f.buf, a)
		}
		f.buf = append(f.buf, ']')
	case describeFields:
		f.describe(name, "attributes")
	}
}

func (f *Fields) describe(name, kind string) { f.docs = append(f.docs, FieldDoc{name, kind}) }

func (f *Fields) key(name string) {
	if last := f.buf[len(f.buf)-1]; last != '{' {
		f.buf = append(f.buf, ',')
	}
	f.buf = append(f.buf, '"')
	f.buf = append(f.buf, name...)
	f.buf = append(f.buf, '"', ':')
}

func (f *Fields) uvarint() uint64 {
	v, n := binary.Uvarint(f.in)
	if n <= 0 {
		f.broken, f.in = true, nil
		return 0
	}
	f.in = f.in[n:]
	return v
}

// take returns the next n octets, which alias the input.
func (f *Fields) take(n uint64) []byte {
	if n > uint64(len(f.in)) {
		f.broken, f.in = true, nil
		return nil
	}
	b := f.in[:n]
	f.in = f.in[n:]
	return b
}

func (f *Fields) octets() []byte {
	b := f.take(f.uvarint())
	if len(b) == 0 {
		return nil
	}
	return append([]byte(nil), b...)
}

func (f *Fields) addr() netip.Addr {
	addr, ok := netip.AddrFromSlice(f.take(f.uvarint()))
	if !ok {
		return netip.Addr{}
	}
	return addr
}

// appendAddr appends a length of 0, 4 or 16 and the address.
func appendAddr(dst []byte, a netip.Addr) []byte {
	switch {
	case a.Is4():
		b := a.As4()
		return append(append(dst, 4), b[:]...)
	case a.Is6():
		b := a.As16()
		return append(append(dst, 16), b[:]...)
	}
	return append(dst, 0)
}

func appendBounded(dst, b []byte) []byte {
	b = bounded(b)
	dst = binary.AppendUvarint(dst, uint64(len(b)))
	return append(dst, b...)
}

func bounded[T ~[]byte | ~string](b T) T { return b[:min(len(b), MaxFieldBytes)] }

// appendJSONString appends s quoted, its control characters escaped. What is not
// UTF-8 becomes U+FFFD, as in encoding/json.
func appendJSONString(dst []byte, s string) []byte {
	const digits = "0123456789abcdef"
	dst = append(dst, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r < ' ' || r >= 0x7f && r < 0xa0:
			dst = append(dst, '\\', 'u', '0', '0', digits[r>>4], digits[r&15])
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return append(dst, '"')
}
