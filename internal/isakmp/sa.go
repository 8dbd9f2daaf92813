package isakmp

import "encoding/binary"

// Bounds of an SA payload. The transform count is a single byte and honest
// peers send a few dozen transforms; comparing each of theirs with each of
// ours is work that an unauthenticated peer must not be able to multiply.
const (
	MaxProposals  = 64  // in one SA payload
	MaxTransforms = 512 // in one SA payload, over all its proposals
)

// maxSPILen is the longest SPI: a pair of cookies (RFC 2408 section 3.5).
const maxSPILen = 16

// SA is the body of a security association payload (RFC 2408 section 3.4,
// RFC 2407 section 4.6.1).
type SA struct {
	DOI       uint32
	Situation uint32
	Proposals []Proposal
}

// Proposal is a proposal payload (RFC 2408 section 3.5). Proposals that follow
// each other with the same number are offered together.
type Proposal struct {
	Number     uint8
	Protocol   ProtocolID
	SPI        []byte // of the sender; empty in phase 1, four bytes for AH and ESP, two or four for IPCOMP
	Transforms []Transform
}

// Transform is a transform payload (RFC 2408 section 3.6). ID is one of the
// protocol's own numbering: KEY_IKE, an ESPTransform and so on.
type Transform struct {
	Number     uint8
	ID         uint8
	Attributes []Attribute // in the order of the wire
}

// ParseSA reads an SA payload. The SPIs and attribute values are views into
// the datagram. The error is an *Error; a DOI other than IPsec's and a
// situation other than SIT_IDENTITY_ONLY are KindUnsupported, since what
// follows them cannot be read.
func ParseSA(p Payload) (SA, error) {
	if len(p.Body) < 8 {
		return SA{}, truncated(p.Type, FieldSituation, p.bodyOffset(), len(p.Body), 8)
	}
	sa := SA{DOI: binary.BigEndian.Uint32(p.Body), Situation: binary.BigEndian.Uint32(p.Body[4:])}
	if sa.DOI != DOIIPsec {
		return SA{}, &Error{Kind: KindUnsupported, Payload: p.Type, Field: FieldDOI, Offset: p.bodyOffset(), Got: uint64(sa.DOI)}
	}
	if sa.Situation != SituationIdentityOnly {
		return SA{}, &Error{Kind: KindUnsupported, Payload: p.Type, Field: FieldSituation, Offset: p.bodyOffset() + 4,
			Got: uint64(sa.Situation)}
	}
	proposals, err := parseProposals(p.Body[8:], p.bodyOffset()+8)
	if err != nil {
		return SA{}, err
	}
	sa.Proposals = proposals
	return sa, nil
}

// parseProposals reads the chain of proposals that fills b.
func parseProposals(b []byte, offset int) ([]Proposal, *Error) {
	var proposals []Proposal
	transforms := 0
	for next := PayloadProposal; next != PayloadNone; {
		if next != PayloadProposal {
			return nil, misplaced(PayloadProposal, next, offset)
		}
		if len(proposals) == MaxProposals {
			return nil, tooMany(PayloadProposal, FieldProposal, offset, MaxProposals)
		}
		p, following, err := splitPayload(PayloadProposal, b, offset)
		if err != nil {
			return nil, err
		}
		proposal, err := parseProposal(p, MaxTransforms-transforms)
		if err != nil {
			return nil, err
		}
		proposals = append(proposals, proposal)
		transforms += len(proposal.Transforms)
		b = b[len(p.Raw):]
		offset += len(p.Raw)
		next = following
	}
	if len(b) > 0 {
		return nil, trailing(PayloadProposal, FieldProposal, offset, len(b))
	}
	return proposals, nil
}

// parseProposal reads one proposal, which may hold up to budget transforms.
func parseProposal(p Payload, budget int) (Proposal, *Error) {
	if len(p.Body) < 4 {
		return Proposal{}, truncated(p.Type, FieldProposal, p.bodyOffset(), len(p.Body), 4)
	}
	proposal := Proposal{Number: p.Body[0], Protocol: ProtocolID(p.Body[1])}
	spiLen, count := int(p.Body[2]), int(p.Body[3])
	if err := checkSPILen(p.Type, proposal.Protocol, spiLen, p.bodyOffset()+2); err != nil {
		return Proposal{}, err
	}
	b, offset := p.Body[4:], p.bodyOffset()+4
	if spiLen > len(b) {
		return Proposal{}, truncated(p.Type, FieldSPI, offset, len(b), spiLen)
	}
	proposal.SPI = b[:spiLen:spiLen]
	transforms, err := parseTransforms(b[spiLen:], offset+spiLen, count, budget)
	if err != nil {
		return Proposal{}, err
	}
	if len(transforms) != count {
		return Proposal{}, &Error{Kind: KindCount, Payload: p.Type, Field: FieldTransformCount, Offset: p.bodyOffset() + 3,
			Got: uint64(count), Want: uint64(len(transforms))}
	}
	proposal.Transforms = transforms
	return proposal, nil
}

// parseTransforms reads the chain of transforms that fills b: one at least,
// budget at most. count is how many the proposal says there are.
func parseTransforms(b []byte, offset, count, budget int) ([]Transform, *Error) {
	transforms := make([]Transform, 0, min(count, budget, len(b)/8))
	for next := PayloadTransform; next != PayloadNone; {
		if next != PayloadTransform {
			return nil, misplaced(PayloadTransform, next, offset)
		}
		if len(transforms) == budget {
			return nil, tooMany(PayloadTransform, FieldTransform, offset, MaxTransforms)
		}
		p, following, err := splitPayload(PayloadTransform, b, offset)
		if err != nil {
			return nil, err
		}
		transform, err := parseTransform(p)
		if err != nil {
			return nil, err
		}
		transforms = append(transforms, transform)
		b = b[len(p.Raw):]
		offset += len(p.Raw)
		next = following
	}
	if len(b) > 0 {
		return nil, trailing(PayloadTransform, FieldTransform, offset, len(b))
	}
	return transforms, nil
}

func parseTransform(p Payload) (Transform, *Error) {
	if len(p.Body) < 4 {
		return Transform{}, truncated(p.Type, FieldTransform, p.bodyOffset(), len(p.Body), 4)
	}
	if reserved := binary.BigEndian.Uint16(p.Body[2:]); reserved != 0 {
		return Transform{}, &Error{Kind: KindReserved, Payload: p.Type, Field: FieldReserved, Offset: p.bodyOffset() + 2,
			Got: uint64(reserved)}
	}
	attributes, err := parseAttributes(p.Type, p.Body[4:], p.bodyOffset()+4)
	if err != nil {
		return Transform{}, err
	}
	return Transform{Number: p.Body[0], ID: p.Body[1], Attributes: attributes}, nil
}

func misplaced(want, got PayloadType, offset int) *Error {
	return &Error{Kind: KindMisplaced, Payload: want, Field: FieldNextPayload, Offset: offset, Got: uint64(got), Want: uint64(want)}
}

// checkSPILen checks the SPI size of a proposal, at offset, against its
// protocol (RFC 2407 section 4.4, RFC 2408 section 3.5, RFC 3173 section 4.1).
func checkSPILen(p PayloadType, protocol ProtocolID, length, offset int) *Error {
	want := maxSPILen
	switch protocol {
	case ProtocolAH, ProtocolESP:
		want = 4
		if length == 4 {
			return nil
		}
	case ProtocolIPCOMP:
		want = 2
		if length == 2 || length == 4 {
			return nil
		}
	default:
		if length <= maxSPILen {
			return nil
		}
		return &Error{Kind: KindOversized, Payload: p, Field: FieldSPISize, Offset: offset, Got: uint64(length), Want: maxSPILen}
	}
	return &Error{Kind: KindLength, Payload: p, Field: FieldSPISize, Offset: offset, Got: uint64(length), Want: uint64(want)}
}

// AppendSA appends the body of an SA payload to dst, without its generic
// header. An SPI may have up to 255 bytes, a proposal up to 255 transforms.
func AppendSA(dst []byte, sa SA) []byte {
	dst = binary.BigEndian.AppendUint32(dst, sa.DOI)
	dst = binary.BigEndian.AppendUint32(dst, sa.Situation)
	for i, p := range sa.Proposals {
		next := PayloadProposal
		if i == len(sa.Proposals)-1 {
			next = PayloadNone
		}
		dst = appendProposal(dst, p, next)
	}
	return dst
}

func appendProposal(dst []byte, p Proposal, next PayloadType) []byte {
	length := 4 + len(p.SPI)
	for _, t := range p.Transforms {
		length += payloadHeaderLen + 4 + attributesLen(t.Attributes)
	}
	dst = appendPayloadHeader(dst, next, length)
	dst = append(dst, p.Number, byte(p.Protocol), byte(len(p.SPI)), byte(len(p.Transforms)))
	dst = append(dst, p.SPI...)
	for i, t := range p.Transforms {
		next := PayloadTransform
		if i == len(p.Transforms)-1 {
			next = PayloadNone
		}
		dst = appendPayloadHeader(dst, next, 4+attributesLen(t.Attributes))
		dst = append(dst, t.Number, t.ID, 0, 0)
		dst = AppendAttributeList(dst, t.Attributes)
	}
	return dst
}
