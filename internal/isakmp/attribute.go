package isakmp

import "encoding/binary"

// MaxAttributes bounds the attributes of one transform or of one attributes
// payload. Some twenty types are defined for either, and a mode config reply
// may repeat one of them for every split network.
const MaxAttributes = 128

// attributeFormat is the AF bit: set for a basic attribute (RFC 2408 section 3.3).
const attributeFormat = 0x8000

// Attribute is a data attribute (RFC 2408 section 3.3).
type Attribute struct {
	Type  AttributeType
	Basic bool   // the value stands where a variable attribute has its length
	Value []byte // two bytes if Basic
}

// BasicAttribute returns an attribute of the two-byte form.
func BasicAttribute(t AttributeType, v uint16) Attribute {
	return Attribute{Type: t, Basic: true, Value: binary.BigEndian.AppendUint16(nil, v)}
}

// VariableAttribute returns an attribute of the variable form whose value is
// the number v in width bytes; bits of v that do not fit are lost.
func VariableAttribute(t AttributeType, v uint64, width int) Attribute {
	value := make([]byte, width)
	for i := width - 1; i >= 0; i-- {
		value[i] = byte(v)
		v >>= 8
	}
	return Attribute{Type: t, Value: value}
}

// Uint is the value as a number. It is false for an empty value and for one
// longer than 8 bytes.
func (a Attribute) Uint() (uint64, bool) {
	if len(a.Value) == 0 || len(a.Value) > 8 {
		return 0, false
	}
	var v uint64
	for _, b := range a.Value {
		v = v<<8 | uint64(b)
	}
	return v, true
}

// ParseAttributeList reads the attributes that fill b, such as the data of a
// RESPONDER-LIFETIME notification (RFC 2407 section 4.6.3.1); the values are
// views. t is the type of the payload that holds b and offset where b starts in
// the datagram, both for the error, which is an *Error.
func ParseAttributeList(t PayloadType, b []byte, offset int) ([]Attribute, error) {
	attributes, err := parseAttributes(t, b, offset)
	if err != nil {
		return nil, err
	}
	return attributes, nil
}

// parseAttributes reads the attributes that fill b, which starts at offset in
// the datagram, inside a payload of type t.
func parseAttributes(t PayloadType, b []byte, offset int) ([]Attribute, *Error) {
	count, err := countAttributes(t, b, offset)
	if err != nil {
		return nil, err
	}
	if count == 0 {
		return nil, nil
	}
	attributes := make([]Attribute, 0, count)
	for len(b) > 0 {
		a, length := nextAttribute(b)
		attributes = append(attributes, a)
		b = b[length:]
	}
	return attributes, nil
}

// countAttributes checks that whole attributes fill b and counts them, so that
// their slice is allocated once and never for a malformed list.
func countAttributes(t PayloadType, b []byte, offset int) (int, *Error) {
	count := 0
	for ; len(b) > 0; count++ {
		if count == MaxAttributes {
			return 0, tooMany(t, FieldAttribute, offset, MaxAttributes)
		}
		if len(b) < 4 {
			return 0, truncated(t, FieldAttribute, offset, len(b), 4)
		}
		length := attributeLen(b)
		if length > len(b) {
			return 0, &Error{Kind: KindOverrun, Payload: t, Field: FieldLength, Offset: offset + 2,
				Got: uint64(length - 4), Want: uint64(len(b) - 4)}
		}
		b = b[length:]
		offset += length
	}
	return count, nil
}

// attributeLen is the length of the attribute at the start of b, of which the
// first four bytes must be there.
func attributeLen(b []byte) int {
	if b[0]&(attributeFormat>>8) != 0 {
		return 4
	}
	return 4 + int(binary.BigEndian.Uint16(b[2:]))
}

// nextAttribute returns the attribute at the start of b, which must be whole,
// and its length on the wire.
func nextAttribute(b []byte) (Attribute, int) {
	t := binary.BigEndian.Uint16(b)
	length := attributeLen(b)
	a := Attribute{Type: AttributeType(t &^ attributeFormat), Basic: t&attributeFormat != 0}
	if a.Basic {
		a.Value = b[2:4:4]
	} else {
		a.Value = b[4:length:length]
	}
	return a, length
}

// attributesLen is the length of attributes on the wire.
func attributesLen(attributes []Attribute) int {
	n := 0
	for _, a := range attributes {
		n += 4
		if !a.Basic {
			n += len(a.Value)
		}
	}
	return n
}

// AppendAttributeList appends attributes in wire form to dst, as they stand in
// a transform. Of a basic attribute's value the last two bytes count.
func AppendAttributeList(dst []byte, attributes []Attribute) []byte {
	for _, a := range attributes {
		t := uint16(a.Type) &^ attributeFormat
		if a.Basic {
			v, _ := a.Uint()
			dst = binary.BigEndian.AppendUint16(dst, t|attributeFormat)
			dst = binary.BigEndian.AppendUint16(dst, uint16(v))
			continue
		}
		dst = binary.BigEndian.AppendUint16(dst, t)
		dst = binary.BigEndian.AppendUint16(dst, uint16(len(a.Value)))
		dst = append(dst, a.Value...)
	}
	return dst
}
