package isakmp

import "encoding/binary"

// ConfigType is the type of an attributes payload (draft-dukes-ike-mode-cfg-02
// section 3.3).
type ConfigType uint8

// Attributes payload types.
const (
	ConfigRequest ConfigType = 1
	ConfigReply   ConfigType = 2
	ConfigSet     ConfigType = 3
	ConfigAck     ConfigType = 4
)

// Mode config attributes (draft-dukes-ike-mode-cfg-02 section 3.4), those of
// XAUTH (draft-beaulieu-ike-xauth-02 section 6.2) and Cisco Unity's.
const (
	ConfigIP4Address    AttributeType = 1
	ConfigIP4Netmask    AttributeType = 2
	ConfigIP4DNS        AttributeType = 3
	ConfigIP4NBNS       AttributeType = 4
	ConfigAddressExpiry AttributeType = 5
	ConfigIP4DHCP       AttributeType = 6
	ConfigApplication   AttributeType = 7
	ConfigIP6Address    AttributeType = 8
	ConfigIP6Netmask    AttributeType = 9
	ConfigIP6DNS        AttributeType = 10
	ConfigIP6NBNS       AttributeType = 11
	ConfigIP6DHCP       AttributeType = 12
	ConfigIP4Subnet     AttributeType = 13
	ConfigSupported     AttributeType = 14
	ConfigIP6Subnet     AttributeType = 15
	XAUTHType           AttributeType = 16520
	XAUTHUserName       AttributeType = 16521
	XAUTHUserPassword   AttributeType = 16522
	XAUTHPasscode       AttributeType = 16523
	XAUTHMessage        AttributeType = 16524
	XAUTHChallenge      AttributeType = 16525
	XAUTHDomain         AttributeType = 16526
	XAUTHStatus         AttributeType = 16527
	XAUTHNextPIN        AttributeType = 16528
	XAUTHAnswer         AttributeType = 16529
	UnityBanner         AttributeType = 28672
	UnitySavePassword   AttributeType = 28673
	UnityDefaultDomain  AttributeType = 28674
	UnitySplitDNS       AttributeType = 28675
	UnitySplitInclude   AttributeType = 28676
	UnityNATTPort       AttributeType = 28677
	UnityLocalLAN       AttributeType = 28678
	UnityPFS            AttributeType = 28679
	UnityFirewallType   AttributeType = 28680
	UnityBackupServers  AttributeType = 28681
	UnityDDNSHostname   AttributeType = 28682
)

// Values of the XAUTH-TYPE attribute (draft-beaulieu-ike-xauth-02 section 6.3).
const (
	XAUTHGeneric    uint16 = 0
	XAUTHRadiusCHAP uint16 = 1
	XAUTHOTP        uint16 = 2
	XAUTHSKey       uint16 = 3
)

// Values of the XAUTH-STATUS attribute (draft-beaulieu-ike-xauth-02 section 6.2).
const (
	XAUTHFail uint16 = 0
	XAUTHOK   uint16 = 1
)

// Attributes is the body of an attributes payload, which carries mode config
// and XAUTH (draft-dukes-ike-mode-cfg-02 section 3.2).
type Attributes struct {
	Type       ConfigType
	Identifier uint16
	Attributes []Attribute // in the order of the wire; those of a request may be empty
}

// ParseAttributes reads an attributes payload, whose values are views. The
// error is an *Error.
func ParseAttributes(p Payload) (Attributes, error) {
	if len(p.Body) < 4 {
		return Attributes{}, truncated(p.Type, FieldBody, p.bodyOffset(), len(p.Body), 4)
	}
	if p.Body[1] != 0 {
		return Attributes{}, &Error{Kind: KindReserved, Payload: p.Type, Field: FieldReserved, Offset: p.bodyOffset() + 1,
			Got: uint64(p.Body[1])}
	}
	attributes, err := parseAttributes(p.Type, p.Body[4:], p.bodyOffset()+4)
	if err != nil {
		return Attributes{}, err
	}
	return Attributes{
		Type:       ConfigType(p.Body[0]),
		Identifier: binary.BigEndian.Uint16(p.Body[2:]),
		Attributes: attributes,
	}, nil
}

// AppendAttributes appends the body of an attributes payload to dst, without
// its generic header.
func AppendAttributes(dst []byte, a Attributes) []byte {
	dst = append(dst, byte(a.Type), 0)
	dst = binary.BigEndian.AppendUint16(dst, a.Identifier)
	return AppendAttributeList(dst, a.Attributes)
}
