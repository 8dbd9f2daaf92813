package isakmp

import "fmt"

// ErrorKind says in which way a datagram is malformed. It decides what Got and
// Want of an Error count.
type ErrorKind uint8

// Kinds of error.
const (
	KindTruncated   ErrorKind = iota + 1 // Got bytes are left where Want are needed
	KindOverrun                          // a length field says Got where only Want bytes are left
	KindUndersized                       // a length is Got and must be at least Want
	KindOversized                        // a length is Got and may be at most Want
	KindLength                           // a length is Got and must be Want
	KindReserved                         // a reserved field holds Got instead of zero
	KindVersion                          // the version is Got, its major number must be Want
	KindTrailing                         // Got bytes follow the end of what should be all
	KindCount                            // a count field says Got, Want are there
	KindTooMany                          // Got of something, over the bound Want of this package
	KindMisplaced                        // payload type Got where only Want may stand
	KindUnsupported                      // the value Got is well formed but not known here
)

var errorKindNames = [...]string{
	KindTruncated: "truncated", KindOverrun: "length past the end", KindUndersized: "too short",
	KindOversized: "too long", KindLength: "wrong length", KindReserved: "reserved not zero",
	KindVersion: "wrong version", KindTrailing: "trailing bytes", KindCount: "wrong count",
	KindTooMany: "too many", KindMisplaced: "misplaced payload", KindUnsupported: "unsupported value",
}

// String names the kind in a few plain words.
func (k ErrorKind) String() string {
	if int(k) < len(errorKindNames) && errorKindNames[k] != "" {
		return errorKindNames[k]
	}
	return fmt.Sprintf("error kind %d", uint8(k))
}

// Field is the part of a header or payload that an Error is about.
type Field uint8

// Fields.
const (
	FieldHeader Field = iota + 1
	FieldVersion
	FieldLength
	FieldPayload
	FieldNextPayload
	FieldReserved
	FieldBody
	FieldDOI
	FieldSituation
	FieldProposal
	FieldTransform
	FieldTransformCount
	FieldAttribute
	FieldSPISize
	FieldSPI
	FieldSPICount
	FieldIDData
	FieldAddressType
	FieldAddress
	FieldCertificate
	FieldFragmentNumber
)

var fieldNames = [...]string{
	FieldHeader: "header", FieldVersion: "version", FieldLength: "length", FieldPayload: "payload",
	FieldNextPayload: "next payload", FieldReserved: "reserved field", FieldBody: "body", FieldDOI: "DOI",
	FieldSituation: "situation", FieldProposal: "proposal", FieldTransform: "transform",
	FieldTransformCount: "number of transforms", FieldAttribute: "attribute", FieldSPISize: "SPI size",
	FieldSPI: "SPI", FieldSPICount: "number of SPIs", FieldIDData: "identification data",
	FieldAddressType: "address type", FieldAddress: "address", FieldCertificate: "certificate data",
	FieldFragmentNumber: "fragment number",
}

// String names the field as the RFCs do.
func (f Field) String() string {
	if int(f) < len(fieldNames) && fieldNames[f] != "" {
		return fieldNames[f]
	}
	return fmt.Sprintf("field %d", uint8(f))
}

// Error is what every parser of this package returns for a malformed datagram.
type Error struct {
	Kind    ErrorKind
	Payload PayloadType // PayloadNone for the ISAKMP header and for what follows the last payload
	Field   Field
	Offset  int // of the field, in bytes from the start of the datagram
	Got     uint64
	Want    uint64
}

// Error says which payload is malformed, where and how.
func (e *Error) Error() string {
	where := "ISAKMP message"
	if e.Payload != PayloadNone {
		where = e.Payload.String() + " payload"
	}
	return fmt.Sprintf("%s, offset %d: %s", where, e.Offset, e.detail())
}

func (e *Error) detail() string {
	switch e.Kind {
	case KindTruncated:
		return fmt.Sprintf("%s needs %d bytes, %d left", e.Field, e.Want, e.Got)
	case KindOverrun:
		return fmt.Sprintf("%s is %d, only %d bytes left", e.Field, e.Got, e.Want)
	case KindUndersized:
		return fmt.Sprintf("%s is %d, must be at least %d", e.Field, e.Got, e.Want)
	case KindOversized:
		return fmt.Sprintf("%s is %d, must be at most %d", e.Field, e.Got, e.Want)
	case KindLength:
		return fmt.Sprintf("%s is %d, must be %d", e.Field, e.Got, e.Want)
	case KindReserved:
		return fmt.Sprintf("%s is %d, must be zero", e.Field, e.Got)
	case KindVersion:
		return fmt.Sprintf("%s is %d.%d, must be %d.x", e.Field, e.Got>>4, e.Got&0x0f, e.Want)
	case KindTrailing:
		return fmt.Sprintf("%d bytes follow the last %s", e.Got, e.Field)
	case KindCount:
		return fmt.Sprintf("%s is %d, there are %d", e.Field, e.Got, e.Want)
	case KindTooMany:
		return fmt.Sprintf("more than %d %ss", e.Want, e.Field)
	case KindMisplaced:
		return fmt.Sprintf("%s payload (%d) where it may not stand", PayloadType(e.Got), e.Got)
	default:
		return fmt.Sprintf("%s %d is not supported", e.Field, e.Got)
	}
}

// Notify is the notify message type that RFC 2408 sections 5.1 to 5.15 give
// for the error, for a peer that may be told.
func (e *Error) Notify() NotifyType {
	switch {
	case e.Kind == KindVersion:
		return NotifyInvalidMajor
	case e.Kind == KindMisplaced:
		return NotifyInvalidPayloadType
	case e.Kind == KindUnsupported && e.Field == FieldDOI:
		return NotifyDOINotSupported
	case e.Kind == KindUnsupported && e.Field == FieldSituation:
		return NotifySituationUnsupported
	case e.Field == FieldSPISize || e.Field == FieldSPI:
		return NotifyInvalidSPI
	case e.Payload == PayloadNone && e.Field == FieldLength:
		return NotifyUnequalPayloadLength
	case e.Payload == PayloadProposal || e.Payload == PayloadTransform:
		return NotifyBadProposalSyntax
	case e.Payload == PayloadID && e.Field == FieldIDData:
		return NotifyInvalidIDInfo
	}
	return NotifyPayloadMalformed
}

func truncated(p PayloadType, f Field, offset, got, want int) *Error {
	return &Error{Kind: KindTruncated, Payload: p, Field: f, Offset: offset, Got: uint64(got), Want: uint64(want)}
}

func trailing(p PayloadType, f Field, offset, got int) *Error {
	return &Error{Kind: KindTrailing, Payload: p, Field: f, Offset: offset, Got: uint64(got)}
}

func tooMany(p PayloadType, f Field, offset, bound int) *Error {
	return &Error{Kind: KindTooMany, Payload: p, Field: f, Offset: offset, Got: uint64(bound) + 1, Want: uint64(bound)}
}
