package isakmp

import "encoding/binary"

// MaxDeleteSPIs bounds the SPIs of one delete payload. Peers send one payload
// for each SA or a few SAs in one.
const MaxDeleteSPIs = 1024

// Notify is the body of a notification payload (RFC 2408 section 3.14).
type Notify struct {
	DOI      uint32
	Protocol ProtocolID
	SPI      []byte // a pair of cookies for ISAKMP, though many peers leave it empty
	Type     NotifyType
	Data     []byte
}

// ParseNotify reads a notification payload; SPI and Data are views. The error
// is an *Error. A notification may be about an SA that never came to be, so
// the SPI's size is only bounded, not tied to the protocol.
func ParseNotify(p Payload) (Notify, error) {
	if len(p.Body) < 8 {
		return Notify{}, truncated(p.Type, FieldBody, p.bodyOffset(), len(p.Body), 8)
	}
	n := Notify{
		DOI:      binary.BigEndian.Uint32(p.Body),
		Protocol: ProtocolID(p.Body[4]),
		Type:     NotifyType(binary.BigEndian.Uint16(p.Body[6:])),
	}
	if err := checkDOI(p, n.DOI); err != nil {
		return Notify{}, err
	}
	spiLen := int(p.Body[5])
	if spiLen > maxSPILen {
		return Notify{}, &Error{Kind: KindOversized, Payload: p.Type, Field: FieldSPISize, Offset: p.bodyOffset() + 5,
			Got: uint64(spiLen), Want: maxSPILen}
	}
	rest := p.Body[8:]
	if spiLen > len(rest) {
		return Notify{}, truncated(p.Type, FieldSPI, p.bodyOffset()+8, len(rest), spiLen)
	}
	n.SPI = rest[:spiLen:spiLen]
	n.Data = rest[spiLen:]
	return n, nil
}

// checkDOI checks the DOI at the start of a notification or delete payload:
// IPsec's, or ISAKMP's own that some peers use for phase 1.
func checkDOI(p Payload, doi uint32) *Error {
	if doi == DOIIPsec || doi == DOIISAKMP {
		return nil
	}
	return &Error{Kind: KindUnsupported, Payload: p.Type, Field: FieldDOI, Offset: p.bodyOffset(), Got: uint64(doi)}
}

// AppendNotify appends the body of a notification payload to dst, without its
// generic header.
func AppendNotify(dst []byte, n Notify) []byte {
	dst = binary.BigEndian.AppendUint32(dst, n.DOI)
	dst = append(dst, byte(n.Protocol), byte(len(n.SPI)))
	dst = binary.BigEndian.AppendUint16(dst, uint16(n.Type))
	dst = append(dst, n.SPI...)
	return append(dst, n.Data...)
}

// Delete is the body of a delete payload (RFC 2408 section 3.15). All SPIs
// have the same length: 16 bytes, the two cookies, for ISAKMP, four for AH and
// ESP, two or four for IPCOMP.
type Delete struct {
	DOI      uint32
	Protocol ProtocolID
	SPIs     [][]byte
}

// ParseDelete reads a delete payload, whose SPIs are views. The error is an
// *Error; a payload without any SPI is one too.
func ParseDelete(p Payload) (Delete, error) {
	if len(p.Body) < 8 {
		return Delete{}, truncated(p.Type, FieldBody, p.bodyOffset(), len(p.Body), 8)
	}
	d := Delete{DOI: binary.BigEndian.Uint32(p.Body), Protocol: ProtocolID(p.Body[4])}
	if err := checkDOI(p, d.DOI); err != nil {
		return Delete{}, err
	}
	spiLen, count := int(p.Body[5]), int(binary.BigEndian.Uint16(p.Body[6:]))
	if err := checkDeleteSPILen(p, d.Protocol, spiLen); err != nil {
		return Delete{}, err
	}
	if count > MaxDeleteSPIs {
		return Delete{}, tooMany(p.Type, FieldSPI, p.bodyOffset()+6, MaxDeleteSPIs)
	}
	spis := p.Body[8:]
	if rest := len(spis) % spiLen; rest != 0 {
		return Delete{}, trailing(p.Type, FieldSPI, p.bodyOffset()+len(p.Body)-rest, rest)
	}
	if count == 0 || count != len(spis)/spiLen {
		return Delete{}, &Error{Kind: KindCount, Payload: p.Type, Field: FieldSPICount, Offset: p.bodyOffset() + 6,
			Got: uint64(count), Want: uint64(len(spis) / spiLen)}
	}
	d.SPIs = make([][]byte, 0, count)
	for ; len(spis) > 0; spis = spis[spiLen:] {
		d.SPIs = append(d.SPIs, spis[:spiLen:spiLen])
	}
	return d, nil
}

// checkDeleteSPILen is checkSPILen, except that a deleted ISAKMP SA must be
// named by both cookies and nothing can be named by no bytes.
func checkDeleteSPILen(p Payload, protocol ProtocolID, length int) *Error {
	offset := p.bodyOffset() + 5
	if protocol == ProtocolISAKMP && length != maxSPILen {
		return &Error{Kind: KindLength, Payload: p.Type, Field: FieldSPISize, Offset: offset, Got: uint64(length), Want: maxSPILen}
	}
	if length == 0 {
		return &Error{Kind: KindUndersized, Payload: p.Type, Field: FieldSPISize, Offset: offset, Want: 1}
	}
	return checkSPILen(p.Type, protocol, length, offset)
}

// AppendDelete appends the body of a delete payload to dst, without its
// generic header. The SPIs must have the same length.
func AppendDelete(dst []byte, d Delete) []byte {
	spiLen := 0
	if len(d.SPIs) > 0 {
		spiLen = len(d.SPIs[0])
	}
	dst = binary.BigEndian.AppendUint32(dst, d.DOI)
	dst = append(dst, byte(d.Protocol), byte(spiLen))
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(d.SPIs)))
	for _, spi := range d.SPIs {
		dst = append(dst, spi...)
	}
	return dst
}
