package isakmp

import "encoding/binary"

// fragmentLast is the flag of the last fragment of a message.
const fragmentLast = 1 << 0

// Fragment is the body of Cisco's fragment payload. A fragmented message is
// cut, header and all, into the Data of datagrams that hold one fragment
// payload each and nothing else, unencrypted by themselves.
type Fragment struct {
	ID     uint16 // the same in all fragments of a message
	Number uint8  // from 1
	Last   bool
	Data   []byte
}

// ParseFragment reads a fragment payload; Data is a view and not empty. The
// error is an *Error. Flags other than the last fragment's mean nothing and
// are ignored.
func ParseFragment(p Payload) (Fragment, error) {
	if len(p.Body) < 5 {
		return Fragment{}, truncated(p.Type, FieldBody, p.bodyOffset(), len(p.Body), 5)
	}
	f := Fragment{
		ID:     binary.BigEndian.Uint16(p.Body),
		Number: p.Body[2],
		Last:   p.Body[3]&fragmentLast != 0,
		Data:   p.Body[4:],
	}
	if f.Number == 0 {
		return Fragment{}, &Error{Kind: KindUnsupported, Payload: p.Type, Field: FieldFragmentNumber, Offset: p.bodyOffset() + 2}
	}
	return f, nil
}

// AppendFragment appends the body of a fragment payload to dst, without its
// generic header.
func AppendFragment(dst []byte, f Fragment) []byte {
	var flags byte
	if f.Last {
		flags = fragmentLast
	}
	dst = binary.BigEndian.AppendUint16(dst, f.ID)
	dst = append(dst, f.Number, flags)
	return append(dst, f.Data...)
}
