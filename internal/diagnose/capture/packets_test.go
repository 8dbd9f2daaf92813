package capture

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"qmidle/internal/diagnose"
	"qmidle/internal/isakmp"
	"qmidle/test/pcap"
)

var (
	left  = netip.MustParseAddr("192.0.2.1")
	right = netip.MustParseAddr("192.0.2.2")
	left6 = netip.MustParseAddr("2001:db8::1")
	other = netip.MustParseAddr("2001:db8::2")
	start = time.Date(2005, time.March, 1, 5, 0, 0, 0, time.UTC)
)

// ip is an IPv4 or IPv6 packet.
func ip(src, dst netip.Addr, protocol uint8, payload []byte) []byte {
	if src.Is4() {
		b := []byte{0x45, 0, 0, 0, 0, 7, 0, 0, 64, protocol, 0, 0}
		binary.BigEndian.PutUint16(b[2:], uint16(20+len(payload)))
		return append(append(append(b, src.AsSlice()...), dst.AsSlice()...), payload...)
	}
	b := []byte{0x60, 0, 0, 0, 0, 0, protocol, 64}
	binary.BigEndian.PutUint16(b[4:], uint16(len(payload)))
	return append(append(append(b, src.AsSlice()...), dst.AsSlice()...), payload...)
}

func udpOf(src, dst uint16, data []byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, src)
	b = binary.BigEndian.AppendUint16(b, dst)
	b = binary.BigEndian.AppendUint16(b, uint16(8+len(data)))
	return append(append(b, 0, 0), data...)
}

func ike500(src, dst netip.Addr, data []byte) []byte {
	return ip(src, dst, protoUDP, udpOf(500, 500, data))
}

func ike4500(src, dst netip.Addr, data []byte) []byte {
	return ip(src, dst, protoUDP, udpOf(4500, 4500, append(make([]byte, 4), data...)))
}

func espOf(spi, seq uint32, size int) []byte {
	b := binary.BigEndian.AppendUint32(nil, spi)
	return append(binary.BigEndian.AppendUint32(b, seq), make([]byte, size)...)
}

// fragmented cuts an IPv4 packet.
func fragmented(p []byte, size int) (all [][]byte) {
	payload := p[20:]
	for at := 0; at < len(payload); at += size {
		end := min(len(payload), at+size)
		f := append(bytes.Clone(p[:20]), payload[at:end]...)
		binary.BigEndian.PutUint16(f[2:], uint16(len(f)))
		flags := uint16(at / 8)
		if end < len(payload) {
			flags |= 0x2000
		}
		binary.BigEndian.PutUint16(f[6:], flags)
		all = append(all, f)
	}
	return all
}

var (
	cookieI = isakmp.Cookie{1, 2, 3, 4, 5, 6, 7, 8}
	cookieR = isakmp.Cookie{8, 7, 6, 5, 4, 3, 2, 1}
)

func header(x isakmp.ExchangeType, responder bool, flags uint8, id uint32) isakmp.Header {
	h := isakmp.Header{Initiator: cookieI, Version: isakmp.Version1, Exchange: x, Flags: flags, MessageID: id}
	if responder {
		h.Responder = cookieR
	}
	return h
}

// body is a payload to be put into a message.
type body struct {
	kind isakmp.PayloadType
	data []byte
}

func clear(h isakmp.Header, all ...body) []byte {
	b := isakmp.NewBuilder(nil, h)
	for _, x := range all {
		b.Add(x.kind, x.data)
	}
	return b.Bytes(0)
}

// sealed is a message whose content cannot be read.
func sealed(h isakmp.Header, next isakmp.PayloadType, size int, fill byte) []byte {
	h.Flags |= isakmp.FlagEncryption
	h.NextPayload = next
	h.Length = uint32(isakmp.HeaderLen + size)
	return append(h.AppendTo(nil), bytes.Repeat([]byte{fill}, size)...)
}

func suiteOf(encr isakmp.EncryptionAlgorithm, bits uint16, hash isakmp.HashAlgorithm, group isakmp.Group) isakmp.Transform {
	t := isakmp.Transform{Number: 1, ID: isakmp.TransformKeyIKE, Attributes: []isakmp.Attribute{
		isakmp.BasicAttribute(isakmp.AttrEncryption, uint16(encr)), isakmp.BasicAttribute(isakmp.AttrHash, uint16(hash)),
		isakmp.BasicAttribute(isakmp.AttrGroup, uint16(group)), isakmp.BasicAttribute(isakmp.AttrAuthMethod, uint16(isakmp.AuthPSK))}}
	if bits > 0 {
		t.Attributes = append(t.Attributes, isakmp.BasicAttribute(isakmp.AttrKeyLength, bits))
	}
	return t
}

var aes256 = suiteOf(isakmp.EncrAESCBC, 256, isakmp.HashSHA256, isakmp.GroupMODP2048)

func offerOf(all ...isakmp.Transform) body {
	return body{isakmp.PayloadSA, isakmp.AppendSA(nil, isakmp.SA{DOI: isakmp.DOIIPsec, Situation: isakmp.SituationIdentityOnly,
		Proposals: []isakmp.Proposal{{Number: 1, Protocol: isakmp.ProtocolISAKMP, Transforms: all}}})}
}

func notifyOf(t isakmp.NotifyType) body {
	return body{isakmp.PayloadNotify, isakmp.AppendNotify(nil, isakmp.Notify{DOI: isakmp.DOIIPsec, Protocol: isakmp.ProtocolISAKMP, Type: t})}
}

func filled(k isakmp.PayloadType, n int, fill byte) body {
	return body{k, bytes.Repeat([]byte{fill}, n)}
}

func message1(t ...isakmp.Transform) []byte {
	return clear(header(isakmp.ExchangeIdentity, false, 0, 0), offerOf(t...))
}

func message2(t isakmp.Transform) []byte {
	return clear(header(isakmp.ExchangeIdentity, true, 0, 0), offerOf(t))
}

func keyExchange(fill byte) []byte {
	return clear(header(isakmp.ExchangeIdentity, true, 0, 0), filled(isakmp.PayloadKE, 256, fill), filled(isakmp.PayloadNonce, 20, fill))
}

func proofOf(fill byte) []byte {
	return sealed(header(isakmp.ExchangeIdentity, true, 0, 0), isakmp.PayloadID, 64, fill)
}

func quickOf(id uint32, fill byte) []byte {
	return sealed(header(isakmp.ExchangeQuick, true, 0, id), isakmp.PayloadHash, 128, fill)
}

// mainMode is one that succeeds, of the raw packets with ports 500.
func mainMode() [][]byte {
	return [][]byte{ike500(left, right, message1(aes256)), ike500(right, left, message2(aes256)), ike500(left, right, keyExchange(3)),
		ike500(right, left, keyExchange(4)), ike500(left, right, proofOf(5)), ike500(right, left, proofOf(6))}
}

func quickMode(id uint32) [][]byte {
	return [][]byte{ike500(left, right, quickOf(id, 1)), ike500(right, left, quickOf(id, 2)), ike500(left, right, quickOf(id, 3))}
}

// rawCapture is a pcap of raw IP, a packet each second.
func rawCapture(packets ...[]byte) []byte {
	f := pcap.New(pcap.Raw, 0)
	for i, p := range packets {
		f.Packet(start.Add(time.Duration(i)*time.Second), p)
	}
	return f.Bytes()
}

func readAll(t *testing.T, file []byte, o Options) *Result {
	t.Helper()
	r, err := Read(bytes.NewReader(file), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// top is the first finding, "" for none.
func top(r *Result) (diagnose.Cause, diagnose.Certainty) {
	report := diagnose.Judge(r.Observations)
	if len(report.Findings) == 0 {
		return "", 0
	}
	return report.Findings[0].Cause, report.Findings[0].Certainty
}

func repeat(p []byte, n int) (all [][]byte) {
	for range n {
		all = append(all, p)
	}
	return all
}

func join(parts ...[][]byte) (all [][]byte) {
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}
