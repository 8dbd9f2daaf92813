package flood

import (
	"encoding/binary"
	"net"
	"net/netip"
)

// Offsets in a frame.
const (
	ipHeader  = 14
	udpHeader = ipHeader + 20
)

// numbering is what of a packet is another in each.
type numbering uint8

const (
	firstCookie numbering = iota
	bothCookies
	spiOnly
)

// frame is an Ethernet frame. What is numbered begins at an offset of it; fixed says
// that its source is not to change.
type frame struct {
	octets   []byte
	at       int
	numbered numbering
	fixed    bool
}

// content is what an IPv4 packet carries: to a UDP port, or as ESP for port 0.
type content struct {
	port     uint16
	data     []byte
	at       int // of data, where what is numbered begins
	numbered numbering
}

// frame wraps it, without a UDP checksum.
func (c content) frame(from, to net.HardwareAddr, dst netip.Addr) frame {
	b := make([]byte, udpHeader, udpHeader+8+len(c.data))
	copy(b, to)
	copy(b[6:], from)
	binary.BigEndian.PutUint16(b[12:], 0x0800)
	b[ipHeader], b[ipHeader+8], b[ipHeader+9] = 0x45, 64, 50
	d := dst.As4()
	copy(b[ipHeader+16:], d[:])
	if c.port != 0 {
		b[ipHeader+9] = 17
		b = binary.BigEndian.AppendUint16(b, c.port)
		b = binary.BigEndian.AppendUint16(b, c.port)
		b = binary.BigEndian.AppendUint16(b, uint16(8+len(c.data)))
		b = append(b, 0, 0)
	}
	at := len(b) + c.at
	b = append(b, c.data...)
	binary.BigEndian.PutUint16(b[ipHeader+2:], uint16(len(b)-ipHeader))
	return frame{octets: b, at: at, numbered: c.numbered}
}

// contentsOf are those of a kind, in the order in which they are sent.
func contentsOf(k Kind) []content {
	switch k {
	case FirstMessages:
		return firsts()
	case Marked:
		return behindMarker(firsts())
	case MadeUpCookies:
		return append(laters(), behindMarker(laters())...)
	case UnknownSPIs:
		return []content{{0, noise(120), 0, spiOnly}, {4500, noise(120), 0, spiOnly}}
	case Fragments:
		return []content{{500, fragment(), 0, firstCookie}, {500, fragment(), 0, bothCookies}}
	}
	return nil
}

// firsts are three of aggressive mode and seven of main mode.
func firsts() (list []content) {
	for j := range 10 {
		data := mainMode()
		if j < 3 {
			data = aggressiveMode()
		}
		list = append(list, content{500, data, 0, firstCookie})
	}
	return list
}

// behindMarker are the same on the port of NAT traversal.
func behindMarker(list []content) []content {
	for i, c := range list {
		list[i] = content{4500, append(make([]byte, 4), c.data...), c.at + 4, c.numbered}
	}
	return list
}

// Exchange types (RFC 2408 section 3.1, RFC 2409 section 5.5) and flags.
const (
	identity, aggressive, informational, transaction, quick = 2, 4, 5, 6, 32

	encrypted = 1
)

// laters are message 3 of main mode; message 5 of it, 3 of aggressive mode, and each
// exchange that is protected, with noise for ciphertext; and a delete in clear.
func laters() (list []content) {
	third := message(identity, payload{4, noise(128)}, payload{10, noise(20)}, payload{20, noise(20)}, payload{20, noise(20)})
	deletes := message(informational, payload{12, append([]byte{0, 0, 0, 1, 1, 16, 0, 1}, noise(16)...)})
	list = append(list, content{500, third, 0, bothCookies}, content{500, deletes, 0, bothCookies})
	for _, exchange := range []byte{identity, aggressive, informational, transaction, quick} {
		b := append(make([]byte, 28), noise(96)...)
		b[16], b[17], b[18], b[19] = 8, 0x10, exchange, encrypted
		if exchange != identity && exchange != aggressive {
			binary.BigEndian.PutUint32(b[20:], 0x6d657373)
		}
		binary.BigEndian.PutUint32(b[24:], uint32(len(b)))
		list = append(list, content{500, b, 0, bothCookies})
	}
	return list
}

// fragment is the first of a message, and not the last.
func fragment() []byte {
	return message(identity, payload{132, append([]byte{0, 1, 1, 0}, noise(500)...)})
}

func noise(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(7*i + 1)
	}
	return b
}

// checksum sets that of an IPv4 header.
func checksum(h []byte) {
	h[10], h[11] = 0, 0
	sum := uint32(0)
	for i := 0; i < len(h); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(h[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	binary.BigEndian.PutUint16(h[10:], ^uint16(sum))
}

// mainMode is message 1 of main mode: two transforms and the vendor IDs of NAT
// traversal and dead peer detection.
func mainMode() []byte {
	return message(identity, payload{1, offer()}, payload{13, natT}, payload{13, dpd})
}

// aggressiveMode is message 1 of aggressive mode, of a client of group "clients".
func aggressiveMode() []byte {
	public, nonce := noise(128), make([]byte, 20)
	id := append([]byte{11, 17, 1, 0xf4}, "clients"...)
	return message(aggressive, payload{1, offer()}, payload{4, public}, payload{10, nonce}, payload{5, id}, payload{13, natT}, payload{13, dpd})
}

var (
	natT = []byte{0x4a, 0x13, 0x1c, 0x81, 0x07, 0x03, 0x58, 0x45, 0x5c, 0x57, 0x28, 0xf2, 0x0e, 0x95, 0x45, 0x2f}
	dpd  = []byte{0xaf, 0xca, 0xd7, 0x13, 0x68, 0xa1, 0xf1, 0xc9, 0x6b, 0x86, 0x96, 0xfc, 0x77, 0x57, 0x01, 0x00}
)

type payload struct {
	kind byte
	body []byte
}

// message is an ISAKMP message of an exchange type (RFC 2408 section 3.1).
func message(exchange byte, payloads ...payload) []byte {
	b := make([]byte, 28)
	b[16], b[17], b[18] = payloads[0].kind, 0x10, exchange
	for i, p := range payloads {
		next := byte(0)
		if i+1 < len(payloads) {
			next = payloads[i+1].kind
		}
		b = append(b, next, 0)
		b = binary.BigEndian.AppendUint16(b, uint16(4+len(p.body)))
		b = append(b, p.body...)
	}
	binary.BigEndian.PutUint32(b[24:], uint32(len(b)))
	return b
}

// offer is an SA payload's body: AES-128 and SHA with group 2, and 3DES.
func offer() []byte {
	transforms := append(transform(1, 3, 7, 2), transform(2, 0, 5, 2)...)
	b := []byte{0, 0, 0, 1, 0, 0, 0, 1} // DOI and situation
	b = append(b, 0, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(8+len(transforms)))
	b = append(b, 1, 1, 0, 2) // proposal 1, ISAKMP, no SPI, two transforms
	return append(b, transforms...)
}

// transform is one with a pre-shared key, SHA and a lifetime of a day.
func transform(number, next, cipher, group byte) []byte {
	attributes := []byte{0x80, 1, 0, cipher, 0x80, 2, 0, 2, 0x80, 3, 0, 1, 0x80, 4, 0, group, 0x80, 11, 0, 1, 0, 12, 0, 4, 0, 1, 0x51, 0x80}
	if cipher == 7 {
		attributes = append(attributes, 0x80, 14, 0, 128)
	}
	b := []byte{next, 0}
	b = binary.BigEndian.AppendUint16(b, uint16(8+len(attributes)))
	return append(append(b, number, 1, 0, 0), attributes...)
}
