package isakmp

import (
	"errors"
	"strings"
	"testing"
)

// header is a header of a clear message with the given next payload, and a
// length that fits n bytes after it.
func header(next PayloadType, n int) []byte {
	return Header{NextPayload: next, Version: Version1, Exchange: ExchangeIdentity, Length: uint32(HeaderLen + n)}.AppendTo(nil)
}

// parseOne parses a payload body that starts at datagram offset 32.
func parseOne[T any](pt PayloadType, parse func(Payload) (T, error)) func([]byte) error {
	return func(body []byte) error {
		_, err := parse(at(pt, HeaderLen, body))
		return err
	}
}

func parseHeader(b []byte) error { _, err := ParseHeader(b); return err }

func parseChain(first PayloadType) func([]byte) error {
	return func(b []byte) error { _, _, err := ParsePayloads(first, b, false, nil); return err }
}

const (
	saHead       = "00000001 00000001 "
	oneTransform = "00000008 01 01 0000"
)

// malformed has an input for every check of this package. Offsets are from the
// start of the datagram: the header has 28 bytes, a first body starts at 32.
var malformed = []struct {
	name  string
	parse func([]byte) error
	input string
	want  Error
	text  string // of the error, where the table states it
}{
	{"short header", parseHeader, "0102", Error{KindTruncated, PayloadNone, FieldHeader, 0, 2, 28},
		"ISAKMP message, offset 0: header needs 28 bytes, 2 left"},
	{"IKEv2", parseHeader, strings.Repeat("00", 16) + "21 20 22 08 00000000 0000001c",
		Error{KindVersion, PayloadNone, FieldVersion, 17, 0x20, 1}, "ISAKMP message, offset 17: version is 2.0, must be 1.x"},
	{"header length", parseHeader, strings.Repeat("00", 16) + "01 10 02 00 00000000 0000001d",
		Error{KindLength, PayloadNone, FieldLength, 24, 29, 28}, "ISAKMP message, offset 24: length is 29, must be 28"},
	{"bytes after the message", parseHeader, strings.Repeat("00", 16) + "01 10 02 00 00000000 0000001c 00",
		Error{KindLength, PayloadNone, FieldLength, 24, 28, 29}, ""},

	{"chain into nothing", parseChain(PayloadKE), "0a000005 01", Error{KindTruncated, PayloadNonce, FieldPayload, 33, 0, 4},
		"NONCE payload, offset 33: payload needs 4 bytes, 0 left"},
	{"reserved byte", parseChain(PayloadID), "00010004", Error{KindReserved, PayloadID, FieldReserved, 29, 1, 0}, ""},
	{"length below header", parseChain(PayloadID), "00000003", Error{KindUndersized, PayloadID, FieldLength, 30, 3, 4},
		"ID payload, offset 30: length is 3, must be at least 4"},
	{"length past the end", parseChain(PayloadID), "00000009 01020304", Error{KindOverrun, PayloadID, FieldLength, 30, 9, 8},
		"ID payload, offset 30: length is 9, only 8 bytes left"},
	{"bytes after the last payload", parseChain(PayloadKE), "00000005 01 0001",
		Error{KindTrailing, PayloadNone, FieldPayload, 33, 2, 0}, "ISAKMP message, offset 33: 2 bytes follow the last payload"},
	{"more than padding after the last payload", parseChain(PayloadKE), "00000005 01 00000000",
		Error{KindTrailing, PayloadNone, FieldPayload, 33, 4, 0}, ""},
	{"body without payloads", parseChain(PayloadNone), "01", Error{KindTrailing, PayloadNone, FieldPayload, 28, 1, 0}, ""},
	{"proposal outside an SA", parseChain(PayloadProposal), "00000004",
		Error{KindMisplaced, PayloadProposal, FieldNextPayload, 28, 2, 0},
		"PROPOSAL payload, offset 28: PROPOSAL payload (2) where it may not stand"},
	{"transform outside an SA", parseChain(PayloadKE), "03000004 00000004",
		Error{KindMisplaced, PayloadTransform, FieldNextPayload, 32, 3, 0}, ""},
	{"too many payloads", parseChain(PayloadVendorID), strings.Repeat("0d000004", MaxPayloads+1),
		Error{KindTooMany, PayloadNone, FieldPayload, 28 + 4*MaxPayloads, MaxPayloads + 1, MaxPayloads},
		"ISAKMP message, offset 540: more than 128 payloads"},
	{"empty KE", parseOne(PayloadKE, ParseOpaque), "", Error{KindTruncated, PayloadKE, FieldBody, 32, 0, 1}, ""},
	{"short nonce", parseOne(PayloadNonce, ParseNonce), "01020304050607", Error{KindUndersized, PayloadNonce, FieldBody, 32, 7, 8}, ""},
	{"long nonce", parseOne(PayloadNonce, ParseNonce), strings.Repeat("00", 257),
		Error{KindOversized, PayloadNonce, FieldBody, 32, 257, 256}, "NONCE payload, offset 32: body is 257, must be at most 256"},

	{"short SA", parseSA, "00000001 000000", Error{KindTruncated, PayloadSA, FieldSituation, 32, 7, 8}, ""},
	{"SA of another DOI", parseSA, "00000002 00000001", Error{KindUnsupported, PayloadSA, FieldDOI, 32, 2, 0},
		"SA payload, offset 32: DOI 2 is not supported"},
	{"SA with secrecy", parseSA, "00000001 00000003", Error{KindUnsupported, PayloadSA, FieldSituation, 36, 3, 0}, ""},
	{"SA without proposals", parseSA, saHead, Error{KindTruncated, PayloadProposal, FieldPayload, 40, 0, 4}, ""},
	{"proposal's reserved byte", parseSA, saHead + "00070010 01010001" + oneTransform,
		Error{KindReserved, PayloadProposal, FieldReserved, 41, 7, 0}, ""},
	{"short proposal", parseSA, saHead + "00000006 0101", Error{KindTruncated, PayloadProposal, FieldProposal, 44, 2, 4}, ""},
	{"ESP SPI of 3 bytes", parseSA, saHead + "00000013 01030301 000001" + oneTransform,
		Error{KindLength, PayloadProposal, FieldSPISize, 46, 3, 4}, "PROPOSAL payload, offset 46: SPI size is 3, must be 4"},
	{"IPCOMP SPI of 3 bytes", parseSA, saHead + "00000013 01040301 000001" + oneTransform,
		Error{KindLength, PayloadProposal, FieldSPISize, 46, 3, 2}, ""},
	{"ISAKMP SPI of 17 bytes", parseSA, saHead + "00000021 01011101" + strings.Repeat("00", 17) + oneTransform,
		Error{KindOversized, PayloadProposal, FieldSPISize, 46, 17, 16}, ""},
	{"SPI past the end", parseSA, saHead + "0000000a 01030401 0000", Error{KindTruncated, PayloadProposal, FieldSPI, 48, 2, 4}, ""},
	{"proposal after a transform", parseSA, saHead + "00000018 01010002 02000008 01010000" + oneTransform,
		Error{KindMisplaced, PayloadTransform, FieldNextPayload, 56, 2, 3}, ""},
	{"KE after a proposal", parseSA, saHead + "04000010 01010001" + oneTransform,
		Error{KindMisplaced, PayloadProposal, FieldNextPayload, 56, 4, 2}, ""},
	{"fewer transforms than said", parseSA, saHead + "00000010 01010002" + oneTransform,
		Error{KindCount, PayloadProposal, FieldTransformCount, 47, 2, 1},
		"PROPOSAL payload, offset 47: number of transforms is 2, there are 1"},
	{"more transforms than said", parseSA, saHead + "00000018 01010001 03000008 01010000" + oneTransform,
		Error{KindCount, PayloadProposal, FieldTransformCount, 47, 1, 2}, ""},
	{"no transforms", parseSA, saHead + "00000008 01010000", Error{KindTruncated, PayloadTransform, FieldPayload, 48, 0, 4}, ""},
	{"bytes after the transforms", parseSA, saHead + "00000011 01010001" + oneTransform + "ff",
		Error{KindTrailing, PayloadTransform, FieldTransform, 56, 1, 0}, ""},
	{"bytes after the proposals", parseSA, saHead + "00000010 01010001" + oneTransform + "ff",
		Error{KindTrailing, PayloadProposal, FieldProposal, 56, 1, 0}, ""},
	{"too many proposals", parseSA, saHead + strings.Repeat("02000010 01010001"+oneTransform, MaxProposals+1),
		Error{KindTooMany, PayloadProposal, FieldProposal, 40 + 16*MaxProposals, MaxProposals + 1, MaxProposals}, ""},
	{"too many transforms", parseSA, saHead + strings.Repeat("02000408 01010080"+strings.Repeat("03000008 01010000", 127)+oneTransform, 5),
		Error{KindTooMany, PayloadTransform, FieldTransform, 40 + 4*0x408 + 8, MaxTransforms + 1, MaxTransforms}, ""},
	{"short transform", parseSA, saHead + "0000000e 01010001 00000006 0101",
		Error{KindTruncated, PayloadTransform, FieldTransform, 52, 2, 4}, ""},
	{"transform's reserved field", parseSA, saHead + "00000010 01010001 00000008 01010100",
		Error{KindReserved, PayloadTransform, FieldReserved, 54, 0x100, 0}, ""},
	{"half an attribute", parseSA, saHead + "00000012 01010001 0000000a 01010000 8001",
		Error{KindTruncated, PayloadTransform, FieldAttribute, 56, 2, 4}, ""},
	{"attribute past the end", parseSA, saHead + "00000016 01010001 0000000e 01010000 000c0004 0001",
		Error{KindOverrun, PayloadTransform, FieldLength, 58, 4, 2}, ""},
	{"too many attributes", parseSA, saHead + "00000214 01010001 0000020c 01010000" + strings.Repeat("80010001", MaxAttributes+1),
		Error{KindTooMany, PayloadTransform, FieldAttribute, 56 + 4*MaxAttributes, MaxAttributes + 1, MaxAttributes}, ""},

	{"short ID", parseOne(PayloadID, ParseID), "010000", Error{KindTruncated, PayloadID, FieldBody, 32, 3, 4}, ""},
	{"IPv4 ID of 5 bytes", parseOne(PayloadID, ParseID), "01000000 0102030405", Error{KindLength, PayloadID, FieldIDData, 36, 5, 4}, ""},
	{"IPv6 range ID of 16 bytes", parseOne(PayloadID, ParseID), "08000000" + strings.Repeat("00", 16),
		Error{KindLength, PayloadID, FieldIDData, 36, 16, 32}, ""},
	{"empty FQDN", parseOne(PayloadID, ParseID), "02000000", Error{KindTruncated, PayloadID, FieldIDData, 36, 0, 1}, ""},

	{"short notification", parseOne(PayloadNotify, ParseNotify), "00000001 0100", Error{KindTruncated, PayloadNotify, FieldBody, 32, 6, 8}, ""},
	{"notification of another DOI", parseOne(PayloadNotify, ParseNotify), "00000005 0100000e",
		Error{KindUnsupported, PayloadNotify, FieldDOI, 32, 5, 0}, ""},
	{"notification's SPI size", parseOne(PayloadNotify, ParseNotify), "00000001 0111000e",
		Error{KindOversized, PayloadNotify, FieldSPISize, 37, 17, 16}, ""},
	{"notification's SPI", parseOne(PayloadNotify, ParseNotify), "00000001 0304000e 0102",
		Error{KindTruncated, PayloadNotify, FieldSPI, 40, 2, 4}, ""},

	{"half an attribute in a notification's data", func(b []byte) error {
		_, err := ParseAttributeList(PayloadNotify, b, 40)
		return err
	}, "80010001 8002", Error{KindTruncated, PayloadNotify, FieldAttribute, 44, 2, 4}, ""},

	{"short delete", parseOne(PayloadDelete, ParseDelete), "00000001 03", Error{KindTruncated, PayloadDelete, FieldBody, 32, 5, 8}, ""},
	{"delete of another DOI", parseOne(PayloadDelete, ParseDelete), "00000002 03040001 01020304",
		Error{KindUnsupported, PayloadDelete, FieldDOI, 32, 2, 0}, ""},
	{"delete of nothing", parseOne(PayloadDelete, ParseDelete), "00000001 03040000", Error{KindCount, PayloadDelete, FieldSPICount, 38, 0, 0}, ""},
	{"delete of fewer SPIs than said", parseOne(PayloadDelete, ParseDelete), "00000001 03040002 01020304",
		Error{KindCount, PayloadDelete, FieldSPICount, 38, 2, 1}, ""},
	{"delete with half an SPI", parseOne(PayloadDelete, ParseDelete), "00000001 03040001 010203040506",
		Error{KindTrailing, PayloadDelete, FieldSPI, 44, 2, 0}, ""},
	{"delete of ISAKMP by one cookie", parseOne(PayloadDelete, ParseDelete), "00000001 01080001 0102030405060708",
		Error{KindLength, PayloadDelete, FieldSPISize, 37, 8, 16}, ""},
	{"delete by SPIs of no bytes", parseOne(PayloadDelete, ParseDelete), "00000001 09000001",
		Error{KindUndersized, PayloadDelete, FieldSPISize, 37, 0, 1}, ""},
	{"delete of ESP by 8 bytes", parseOne(PayloadDelete, ParseDelete), "00000001 03080001 0102030405060708",
		Error{KindLength, PayloadDelete, FieldSPISize, 37, 8, 4}, ""},
	{"delete of too many", parseOne(PayloadDelete, ParseDelete), "00000001 03040401" + strings.Repeat("01020304", 1025),
		Error{KindTooMany, PayloadDelete, FieldSPI, 38, 1025, 1024},
		"DELETE payload, offset 38: more than 1024 SPIs"},

	{"empty certificate", parseOne(PayloadCert, ParseCert), "04", Error{KindTruncated, PayloadCert, FieldCertificate, 32, 1, 2}, ""},
	{"empty certificate request", parseOne(PayloadCertRequest, ParseCertRequest), "",
		Error{KindTruncated, PayloadCertRequest, FieldBody, 32, 0, 1}, ""},

	{"short NAT-OA", parseOne(PayloadNATOA, ParseNATOA), "010000", Error{KindTruncated, PayloadNATOA, FieldBody, 32, 3, 4}, ""},
	{"NAT-OA of a subnet", parseOne(PayloadNATOA, ParseNATOA), "04000000 0102030405060708",
		Error{KindUnsupported, PayloadNATOA, FieldAddressType, 32, 4, 0}, ""},
	{"NAT-OA's reserved bytes", parseOne(PayloadNATOA, ParseNATOA), "01000900 01020304",
		Error{KindReserved, PayloadNATOA, FieldReserved, 34, 9, 0}, ""},
	{"NAT-OA's last reserved byte", parseOne(PayloadNATOA, ParseNATOA), "01000001 01020304",
		Error{KindReserved, PayloadNATOA, FieldReserved, 35, 1, 0}, ""},
	{"NAT-OA's address", parseOne(PayloadNATOA, ParseNATOA), "05000000 01020304", Error{KindLength, PayloadNATOA, FieldAddress, 36, 4, 16}, ""},

	{"short attributes payload", parseOne(PayloadAttributes, ParseAttributes), "0100", Error{KindTruncated, PayloadAttributes, FieldBody, 32, 2, 4}, ""},
	{"attributes payload's reserved byte", parseOne(PayloadAttributes, ParseAttributes), "01020000",
		Error{KindReserved, PayloadAttributes, FieldReserved, 33, 2, 0}, ""},
	{"thousands of attributes of mode config", parseOne(PayloadAttributes, ParseAttributes), "01000000" + strings.Repeat("40890000", 4000),
		Error{KindTooMany, PayloadAttributes, FieldAttribute, 36 + 4*MaxAttributes, MaxAttributes + 1, MaxAttributes}, ""},
	{"half an attribute of mode config", parseOne(PayloadAttributes, ParseAttributes), "01000000 4089",
		Error{KindTruncated, PayloadAttributes, FieldAttribute, 36, 2, 4}, ""},
	{"attributes payload's attribute", parseOne(PayloadAttributes, ParseAttributes), "01000000 00010004",
		Error{KindOverrun, PayloadAttributes, FieldLength, 38, 4, 0}, ""},

	{"fragment without data", parseOne(PayloadFragment, ParseFragment), "00010100", Error{KindTruncated, PayloadFragment, FieldBody, 32, 4, 5}, ""},
	{"fragment number 0", parseOne(PayloadFragment, ParseFragment), "00010000 aa",
		Error{KindUnsupported, PayloadFragment, FieldFragmentNumber, 34, 0, 0}, ""},
}

func parseSA(b []byte) error { return parseOne(PayloadSA, ParseSA)(b) }

func TestMalformed(t *testing.T) {
	reached := map[ErrorKind]bool{}
	for _, tc := range malformed {
		err := tc.parse(unhex(t, tc.input))
		var got *Error
		if !errors.As(err, &got) {
			t.Errorf("%s: error %v", tc.name, err)
			continue
		}
		if *got != tc.want {
			t.Errorf("%s: %+v, want %+v", tc.name, *got, tc.want)
		}
		if tc.text != "" && got.Error() != tc.text {
			t.Errorf("%s: %q, want %q", tc.name, got.Error(), tc.text)
		}
		reached[got.Kind] = true
	}
	for k := KindTruncated; k <= KindUnsupported; k++ {
		if !reached[k] {
			t.Errorf("no input is %s", k)
		}
	}
}

func TestErrorTextIsWhole(t *testing.T) {
	for _, tc := range malformed {
		if text := tc.want.Error(); strings.Contains(text, "%!") || strings.Contains(text, "error kind") {
			t.Errorf("%s: %q", tc.name, text)
		}
	}
}

func TestErrorNotify(t *testing.T) {
	for _, tc := range []struct {
		name string
		want NotifyType
	}{
		{"short header", NotifyPayloadMalformed}, {"IKEv2", NotifyInvalidMajor}, {"header length", NotifyUnequalPayloadLength},
		{"reserved byte", NotifyPayloadMalformed}, {"proposal outside an SA", NotifyInvalidPayloadType},
		{"SA of another DOI", NotifyDOINotSupported}, {"SA with secrecy", NotifySituationUnsupported},
		{"ESP SPI of 3 bytes", NotifyInvalidSPI}, {"fewer transforms than said", NotifyBadProposalSyntax},
		{"half an attribute", NotifyBadProposalSyntax}, {"IPv4 ID of 5 bytes", NotifyInvalidIDInfo},
		{"notification's SPI", NotifyInvalidSPI}, {"short NAT-OA", NotifyPayloadMalformed},
	} {
		found := false
		for _, m := range malformed {
			if m.name != tc.name {
				continue
			}
			found = true
			if got := m.want.Notify(); got != tc.want {
				t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
			}
		}
		if !found {
			t.Errorf("no case named %q", tc.name)
		}
	}
}

func TestErrorNames(t *testing.T) {
	for k := KindTruncated; k <= KindUnsupported; k++ {
		if s := k.String(); s == "" || strings.HasPrefix(s, "error kind") {
			t.Errorf("kind %d is %q", k, s)
		}
	}
	for f := FieldHeader; f <= FieldFragmentNumber; f++ {
		if s := f.String(); s == "" || strings.HasPrefix(s, "field ") {
			t.Errorf("field %d is %q", f, s)
		}
	}
	if ErrorKind(0).String() != "error kind 0" || Field(200).String() != "field 200" {
		t.Errorf("%q, %q", ErrorKind(0), Field(200))
	}
}
