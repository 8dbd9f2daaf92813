package isakmp

// VendorID is a vendor ID that this package knows (RFC 2408 section 3.16).
type VendorID uint8

// Vendor IDs. Cisco IOS's own is not among them: its bytes differ from peer to
// peer and no part of them is published.
const (
	VendorUnknown VendorID = iota
	VendorXAUTH
	VendorDPD
	VendorUnity
	VendorFragmentation
	VendorRFC3947
	VendorNATT00
	VendorNATT01
	VendorNATT02
	VendorNATT02n
	VendorNATT03
	VendorNATT04
	VendorNATT05
	VendorNATT06
	VendorNATT07
	VendorNATT08
	VendorStenberg01
	VendorStenberg02
	VendorHuttunen00
	VendorCiscoVPN3000
	VendorStrongSwan
	VendorRacoon
	VendorMSNT5
	VendorMSNegotiationDiscovery
	VendorMSInitialContact
	VendorMSCGA
	VendorGSSAPI
	VendorHeartbeatNotify
	VendorOpenPGP
	VendorTimestep
	VendorCheckPoint
	VendorGateway // this implementation's own
)

// The bytes of the vendor IDs that this implementation sends.
const (
	VIDXAUTH         = "\x09\x00\x26\x89\xdf\xd6\xb7\x12"                                 // draft-beaulieu-ike-xauth-02 section 4
	VIDDPD           = "\xaf\xca\xd7\x13\x68\xa1\xf1\xc9\x6b\x86\x96\xfc\x77\x57\x01\x00" // RFC 3706 section 5.1, version 1.0
	VIDUnity         = "\x12\xf5\xf2\x8c\x45\x71\x68\xa9\x70\x2d\x9f\xe2\x74\xcc\x01\x00" // Cisco Unity, version 1.0
	VIDFragmentation = "\x40\x48\xb7\xd5\x6e\xbc\xe8\x85\x25\xe7\xde\x7f\x00\xd6\xc2\xd3" // MD5 of "FRAGMENTATION"
	VIDRFC3947       = "\x4a\x13\x1c\x81\x07\x03\x58\x45\x5c\x57\x28\xf2\x0e\x95\x45\x2f" // RFC 3947 section 3.1, MD5 of "RFC 3947"
	VIDNATT07        = "\x43\x9b\x59\xf8\xba\x67\x6c\x4c\x77\x37\xae\x22\xea\xb8\xf5\x82" // the drafts' are the MD5 of their names
	VIDNATT03        = "\x7d\x94\x19\xa6\x53\x10\xca\x6f\x2c\x17\x9d\x92\x15\x52\x9d\x56"
	VIDNATT02        = "\xcd\x60\x46\x43\x35\xdf\x21\xf8\x7c\xfd\xb2\xfc\x68\xb6\xa4\x48"
	VIDNATT02n       = "\x90\xcb\x80\x91\x3e\xbb\x69\x6e\x08\x63\x81\xb5\xec\x42\x7b\x1f" // with the newline that many peers hash too
)

// VIDGateway is this implementation's own vendor ID: the first 16 octets of
// SHA-256 of "qmidle IKEv1".
const VIDGateway = "\xc7\x8c\xf3\x9a\x41\xa6\xce\xd4\x1e\xcb\x70\x7a\x2a\x74\x36\x30"

// vendorIDs has the name and the bytes of each vendor ID. prefix marks those
// that a version or flags may follow.
var vendorIDs = [...]struct {
	name   string
	bytes  string
	prefix bool
}{
	VendorUnknown:                {name: "unknown"},
	VendorXAUTH:                  {"XAUTH", VIDXAUTH, false},
	VendorDPD:                    {"DPD", VIDDPD[:14], true},
	VendorUnity:                  {"Cisco Unity", VIDUnity[:14], true},
	VendorFragmentation:          {"FRAGMENTATION", VIDFragmentation, true},
	VendorRFC3947:                {"RFC 3947", VIDRFC3947, false},
	VendorNATT00:                 {"draft-ietf-ipsec-nat-t-ike-00", "\x44\x85\x15\x2d\x18\xb6\xbb\xcd\x0b\xe8\xa8\x46\x95\x79\xdd\xcc", false},
	VendorNATT01:                 {"draft-ietf-ipsec-nat-t-ike-01", "\x16\xf6\xca\x16\xe4\xa4\x06\x6d\x83\x82\x1a\x0f\x0a\xea\xa8\x62", false},
	VendorNATT02:                 {"draft-ietf-ipsec-nat-t-ike-02", VIDNATT02, false},
	VendorNATT02n:                {"draft-ietf-ipsec-nat-t-ike-02\\n", VIDNATT02n, false},
	VendorNATT03:                 {"draft-ietf-ipsec-nat-t-ike-03", VIDNATT03, false},
	VendorNATT04:                 {"draft-ietf-ipsec-nat-t-ike-04", "\x99\x09\xb6\x4e\xed\x93\x7c\x65\x73\xde\x52\xac\xe9\x52\xfa\x6b", false},
	VendorNATT05:                 {"draft-ietf-ipsec-nat-t-ike-05", "\x80\xd0\xbb\x3d\xef\x54\x56\x5e\xe8\x46\x45\xd4\xc8\x5c\xe3\xee", false},
	VendorNATT06:                 {"draft-ietf-ipsec-nat-t-ike-06", "\x4d\x1e\x0e\x13\x6d\xea\xfa\x34\xc4\xf3\xea\x9f\x02\xec\x72\x85", false},
	VendorNATT07:                 {"draft-ietf-ipsec-nat-t-ike-07", VIDNATT07, false},
	VendorNATT08:                 {"draft-ietf-ipsec-nat-t-ike-08", "\x8f\x8d\x83\x82\x6d\x24\x6b\x6f\xc7\xa8\xa6\xa4\x28\xc1\x1d\xe8", false},
	VendorStenberg01:             {"draft-stenberg-ipsec-nat-traversal-01", "\x27\xba\xb5\xdc\x01\xea\x07\x60\xea\x4e\x31\x90\xac\x27\xc0\xd0", false},
	VendorStenberg02:             {"draft-stenberg-ipsec-nat-traversal-02", "\x61\x05\xc4\x22\xe7\x68\x47\xe4\x3f\x96\x84\x80\x12\x92\xae\xcd", false},
	VendorHuttunen00:             {"draft-huttunen-ipsec-esp-in-udp-00", "\x6a\x74\x34\xc1\x9d\x7e\x36\x34\x80\x90\xa0\x23\x34\xc9\xc8\x05", false},
	VendorCiscoVPN3000:           {"Cisco VPN 3000", "\x1f\x07\xf7\x0e\xaa\x65\x14\xd3\xb0\xfa\x96\x54\x2a\x50", true},
	VendorStrongSwan:             {"strongSwan", "\x88\x2f\xe5\x6d\x6f\xd2\x0d\xbc\x22\x51\x61\x3b\x2e\xbe\x5b\xeb", false},
	VendorRacoon:                 {"KAME/racoon", "\x70\x03\xcb\xc1\x09\x7d\xbe\x9c\x26\x00\xba\x69\x83\xbc\x8b\x35", false},
	VendorMSNT5:                  {"MS NT5 ISAKMPOAKLEY", "\x1e\x2b\x51\x69\x05\x99\x1c\x7d\x7c\x96\xfc\xbf\xb5\x87\xe4\x61", true},
	VendorMSNegotiationDiscovery: {"MS-Negotiation Discovery Capable", "\xfb\x1d\xe3\xcd\xf3\x41\xb7\xea\x16\xb7\xe5\xbe\x08\x55\xf1\x20", false},
	VendorMSInitialContact:       {"Vid-Initial-Contact", "\x26\x24\x4d\x38\xed\xdb\x61\xb3\x17\x2a\x36\xe3\xd0\xcf\xb8\x19", false},
	VendorMSCGA:                  {"IKE CGA version 1", "\xe3\xa5\x96\x6a\x76\x37\x9f\xe7\x07\x22\x82\x31\xe5\xce\x86\x52", false},
	VendorGSSAPI:                 {"GSSAPI", "\x62\x1b\x04\xbb\x09\x88\x2a\xc1\xe1\x59\x35\xfe\xfa\x24\xae\xee", false},
	VendorHeartbeatNotify:        {"HeartBeat_Notify", "HeartBeat_Notify", true},
	VendorOpenPGP:                {"OpenPGP10171", "OpenPGP10171", false},
	VendorTimestep:               {"TIMESTEP", "TIMESTEP", true},
	VendorCheckPoint:             {"Check Point", "\xf4\xed\x19\xe0\xc1\x14\xeb\x51\x6f\xaa\xac\x0e\xe3\x7d\xaf\x28\x07\xb4\x38\x1f", true},
	VendorGateway:                {"qmidle", VIDGateway, false},
}

// LookupVendorID recognises the body of a vendor ID payload.
func LookupVendorID(b []byte) VendorID {
	for id := VendorUnknown + 1; int(id) < len(vendorIDs); id++ {
		known := &vendorIDs[id]
		if len(b) < len(known.bytes) || (len(b) > len(known.bytes) && !known.prefix) {
			continue
		}
		if string(b[:len(known.bytes)]) == known.bytes {
			return id
		}
	}
	return VendorUnknown
}

// Bytes is what a vendor ID of this kind is, or begins with; "" for one that is
// not known.
func (v VendorID) Bytes() string {
	if int(v) < len(vendorIDs) {
		return vendorIDs[v].bytes
	}
	return ""
}

// String is the vendor ID's usual name.
func (v VendorID) String() string {
	if int(v) < len(vendorIDs) {
		return vendorIDs[v].name
	}
	return vendorIDs[VendorUnknown].name
}
