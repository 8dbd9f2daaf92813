package scep

import "errors"

var errMalformed = errors.New("the message is malformed")

const (
	maxNesting = 24
	// MaxMessage is how long a message may be: a CRL may be in it.
	MaxMessage = 16 << 20
)

// toDER gives definite lengths to what BER leaves open, and makes one string of
// those in parts: old CAs write so (X.690 section 8.1.3.6 and 8.7.3).
func toDER(ber []byte) ([]byte, error) {
	if len(ber) > MaxMessage {
		return nil, errMalformed
	}
	out, rest, err := element(ber, 0)
	if err != nil || len(rest) > 0 {
		return nil, errMalformed
	}
	return out, nil
}

const tagOctets = 0x04

func element(in []byte, depth int) (der, rest []byte, err error) {
	tag, body, rest, open, err := header(in)
	if err != nil || depth > maxNesting {
		return nil, nil, errMalformed
	}
	if tag&0x20 == 0 {
		if open {
			return nil, nil, errMalformed
		}
		return appendElement(nil, tag, body), rest, nil
	}
	var inner []byte
	for {
		if open && len(body) >= 2 && body[0] == 0 && body[1] == 0 {
			rest = body[2:]
			break
		}
		if !open && len(body) == 0 {
			break
		}
		var one []byte
		if one, body, err = element(body, depth+1); err != nil {
			return nil, nil, err
		}
		if tag == tagOctets|0x20 {
			if one, err = octets(one); err != nil {
				return nil, nil, err
			}
		}
		inner = append(inner, one...)
	}
	if tag == tagOctets|0x20 {
		tag = tagOctets
	}
	return appendElement(nil, tag, inner), rest, nil
}

// octets is the contents of an OCTET STRING in DER.
func octets(der []byte) ([]byte, error) {
	tag, body, rest, open, err := header(der)
	if err != nil || open || tag != tagOctets || len(rest) > 0 {
		return nil, errMalformed
	}
	return body, nil
}

// header splits an element from what follows. With an open length, body has
// all that follows.
func header(in []byte) (tag byte, body, rest []byte, open bool, err error) {
	if len(in) < 2 || in[0]&0x1f == 0x1f {
		return 0, nil, nil, false, errMalformed
	}
	tag, in = in[0], in[1:]
	n := int(in[0])
	in = in[1:]
	switch {
	case n == 0x80:
		return tag, in, nil, true, nil
	case n > 0x84:
		return 0, nil, nil, false, errMalformed
	case n > 0x80:
		count := n & 0x7f
		if len(in) < count {
			return 0, nil, nil, false, errMalformed
		}
		n = 0
		for _, b := range in[:count] {
			n = n<<8 | int(b)
		}
		in = in[count:]
	}
	if n > len(in) {
		return 0, nil, nil, false, errMalformed
	}
	return tag, in[:n], in[n:], false, nil
}

func appendElement(b []byte, tag byte, body []byte) []byte {
	b = append(b, tag)
	n := len(body)
	switch {
	case n < 0x80:
		b = append(b, byte(n))
	case n < 0x100:
		b = append(b, 0x81, byte(n))
	case n < 0x10000:
		b = append(b, 0x82, byte(n>>8), byte(n))
	case n < 0x1000000:
		b = append(b, 0x83, byte(n>>16), byte(n>>8), byte(n))
	default:
		b = append(b, 0x84, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
	return append(b, body...)
}
