package radius

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Type is an attribute's number.
type Type uint8

// Attributes (RFC 2865 section 5, RFC 2866 section 5, RFC 2869 section 5).
const (
	UserName             Type = 1
	UserPassword         Type = 2
	CHAPPassword         Type = 3
	NASIPAddress         Type = 4
	NASPort              Type = 5
	ServiceType          Type = 6
	FramedProtocol       Type = 7
	FramedIPAddress      Type = 8
	FramedIPNetmask      Type = 9
	ReplyMessage         Type = 18
	State                Type = 24
	Class                Type = 25
	VendorSpecific       Type = 26
	SessionTimeout       Type = 27
	IdleTimeout          Type = 28
	CalledStationID      Type = 30
	CallingStationID     Type = 31
	NASIdentifier        Type = 32
	ProxyState           Type = 33
	AcctStatusType       Type = 40
	AcctDelayTime        Type = 41
	AcctInputOctets      Type = 42
	AcctOutputOctets     Type = 43
	AcctSessionID        Type = 44
	AcctAuthentic        Type = 45
	AcctSessionTime      Type = 46
	AcctInputPackets     Type = 47
	AcctOutputPackets    Type = 48
	AcctTerminateCause   Type = 49
	AcctInputGigawords   Type = 52
	AcctOutputGigawords  Type = 53
	EventTimestamp       Type = 55
	CHAPChallenge        Type = 60
	NASPortType          Type = 61
	TunnelPassword       Type = 69
	MessageAuthenticator Type = 80
	AcctInterimInterval  Type = 85
)

// kind is how a value is shown.
type kind uint8

const (
	kindOctets kind = iota
	kindText
	kindNumber
	kindAddress
	kindHidden // never shown
)

// known are the names and forms that debug radius has.
var known = map[Type]struct {
	name string
	kind kind
}{
	UserName:             {"User-Name", kindText},
	UserPassword:         {"User-Password", kindHidden},
	CHAPPassword:         {"CHAP-Password", kindHidden},
	NASIPAddress:         {"NAS-IP-Address", kindAddress},
	NASPort:              {"NAS-Port", kindNumber},
	ServiceType:          {"Service-Type", kindNumber},
	FramedProtocol:       {"Framed-Protocol", kindNumber},
	FramedIPAddress:      {"Framed-IP-Address", kindAddress},
	FramedIPNetmask:      {"Framed-IP-Netmask", kindAddress},
	ReplyMessage:         {"Reply-Message", kindText},
	State:                {"State", kindOctets},
	Class:                {"Class", kindOctets},
	VendorSpecific:       {"Vendor, Cisco", kindOctets},
	SessionTimeout:       {"Session-Timeout", kindNumber},
	IdleTimeout:          {"Idle-Timeout", kindNumber},
	CalledStationID:      {"Called-Station-Id", kindText},
	CallingStationID:     {"Calling-Station-Id", kindText},
	NASIdentifier:        {"Nas-Identifier", kindText},
	ProxyState:           {"Proxy-State", kindOctets},
	AcctStatusType:       {"Acct-Status-Type", kindNumber},
	AcctDelayTime:        {"Acct-Delay-Time", kindNumber},
	AcctInputOctets:      {"Acct-Input-Octets", kindNumber},
	AcctOutputOctets:     {"Acct-Output-Octets", kindNumber},
	AcctSessionID:        {"Acct-Session-Id", kindText},
	AcctAuthentic:        {"Acct-Authentic", kindNumber},
	AcctSessionTime:      {"Acct-Session-Time", kindNumber},
	AcctInputPackets:     {"Acct-Input-Packets", kindNumber},
	AcctOutputPackets:    {"Acct-Output-Packets", kindNumber},
	AcctTerminateCause:   {"Acct-Terminate-Cause", kindNumber},
	AcctInputGigawords:   {"Acct-Input-Giga-Word", kindNumber},
	AcctOutputGigawords:  {"Acct-Output-Giga-Wor", kindNumber},
	EventTimestamp:       {"Event-Timestamp", kindNumber},
	CHAPChallenge:        {"CHAP-Challenge", kindHidden},
	NASPortType:          {"NAS-Port-Type", kindNumber},
	TunnelPassword:       {"Tunnel-Password", kindHidden},
	MessageAuthenticator: {"Message-Authenticato", kindOctets},
	AcctInterimInterval:  {"Acct-Interim-Interva", kindNumber},
}

// String is the name that `debug radius` prints, which IOS cuts at twenty
// characters.
func (t Type) String() string {
	if k, ok := known[t]; ok {
		return k.name
	}
	return "unsupported"
}

// secretPairs are Cisco's attribute pairs whose value is never shown.
var secretPairs = []string{"tunnel-password", "password", "pre-shared-key"}

// Shown is the attribute as a debug shows it: passwords are a star.
func (a Attribute) Shown() string {
	head := fmt.Sprintf("%-20s[%d]", a.Type, a.Type)
	head = fmt.Sprintf("%-25s %-3d ", head, 2+len(a.Value))
	return head + a.value()
}

func (a Attribute) value() string {
	switch k := known[a.Type].kind; {
	case k == kindHidden:
		return "*"
	case a.Type == VendorSpecific:
		return a.pairs()
	case k == kindText:
		return strconv.Quote(string(a.Value))
	case k == kindNumber && len(a.Value) == 4:
		return strconv.FormatUint(uint64(binary.BigEndian.Uint32(a.Value)), 10)
	case k == kindAddress && len(a.Value) == 4:
		return netip.AddrFrom4([4]byte(a.Value)).String()
	}
	const most = 16
	if len(a.Value) > most {
		return fmt.Sprintf("% X...", a.Value[:most])
	}
	return fmt.Sprintf("% X", a.Value)
}

// pairs shows Cisco's pairs without the values that are secret. What is of
// another vendor may be a key, and is not shown.
func (a Attribute) pairs() string {
	p := Packet{Attributes: []Attribute{a}}
	var all []string
	for _, pair := range p.Cisco() {
		name, _, _ := strings.Cut(strings.ToLower(pair), "=")
		for _, s := range secretPairs {
			if strings.HasSuffix(name, s) {
				pair = pair[:min(len(name)+1, len(pair))] + "*"
			}
		}
		all = append(all, strconv.Quote(pair))
	}
	if len(all) == 0 {
		return "*"
	}
	return strings.Join(all, " ")
}
