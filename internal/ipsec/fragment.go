package ipsec

import "encoding/binary"

const (
	moreFragments  = 0x2000
	fragmentOffset = 0x1fff
	optionCopied   = 0x80
	optionEnd      = 0
	optionNop      = 1
)

// Fragments cuts an IPv4 packet, itself perhaps a fragment, into fragments of
// at most mtu octets each (RFC 791 section 3.2). It returns nil for what is no
// IPv4 packet or leaves no room for data.
func Fragments(packet []byte, mtu int) [][]byte {
	h, drop := parseIP(packet)
	if drop != DropNone || packet[0]>>4 != 4 {
		return nil
	}
	first, data := packet[:h.payload], packet[h.payload:h.total]
	later := laterHeader(first)
	field := binary.BigEndian.Uint16(packet[6:])
	var out [][]byte
	header := first
	for at := 0; at < len(data); {
		n := (mtu - len(header)) &^ 7
		more := uint16(moreFragments)
		if len(header)+len(data)-at <= mtu {
			n, more = len(data)-at, field&moreFragments
		}
		if n <= 0 {
			return nil
		}
		piece := append(append(make([]byte, 0, len(header)+n), header...), data[at:at+n]...)
		binary.BigEndian.PutUint16(piece[2:], uint16(len(piece)))
		binary.BigEndian.PutUint16(piece[6:], field&^(moreFragments|fragmentOffset)|more|(field&fragmentOffset+uint16(at/8)))
		putChecksum(piece[:len(header)])
		out = append(out, piece)
		at, header = at+n, later
	}
	return out
}

// laterHeader is the header of the fragments after the first: with those
// options only that are to be copied (RFC 791 section 3.1).
func laterHeader(header []byte) []byte {
	out := append([]byte(nil), header[:20]...)
	for options := header[20:]; len(options) > 0 && options[0] != optionEnd; {
		if options[0] == optionNop {
			options = options[1:]
			continue
		}
		if len(options) < 2 || int(options[1]) < 2 || int(options[1]) > len(options) {
			break
		}
		n := int(options[1])
		if options[0]&optionCopied != 0 {
			out = append(out, options[:n]...)
		}
		options = options[n:]
	}
	for len(out)%4 != 0 {
		out = append(out, optionEnd)
	}
	out[0] = out[0]&0xf0 | uint8(len(out)/4)
	return out
}

// putChecksum computes an IPv4 header's checksum anew.
func putChecksum(header []byte) {
	header[10], header[11] = 0, 0
	binary.BigEndian.PutUint16(header[10:], ^fold(sum(0, header)))
}
