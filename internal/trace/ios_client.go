package trace

import (
	"strings"

	"qmidle/internal/isakmp"
)

// writeClient prints XAUTH and mode config. It is false for an event of another
// kind. What Example 19-5 has is the book's; the client's end and the list of
// what a request asks for are recalled.
func (w *iosWriter) writeClient(event Event) bool {
	switch e := event.(type) {
	case *UserNeeded:
		w.sa("Need XAUTH")
	case *XAUTHAttribute:
		w.module("ISAKMP/xauth: %s attribute %s", either(e.Reply, "reply", "request"), configWord(e.Attr))
	case *ConfigSending:
		w.sa(" %s. ID = %d", either(e.Answer, "responding to peer config from ", "initiating peer config to ")+w.remote().String(), messageID(e.Node))
	case *ConfigReceived:
		w.sa("processing transaction payload from %s. message ID = %d", w.remote(), messageID(e.Node))
		w.module("ISAKMP: Config payload %s", strings.TrimPrefix(e.Type.String(), "ISAKMP-CFG-"))
	case *XAUTHAcknowledged:
		w.sa("       (blank) XAUTH ACK Processed")
	case *UnityClient:
		w.sa("Talking to a Unity Client")
	case *ConfigChecked:
		w.sa("checking %s:", either(e.Set, "SET", "request"))
	case *ConfigAttributeSeen:
		w.module("ISAKMP:    %s", seenWord(e.Attr))
	case *GroupRequested:
		w.module("ISAKMP/author: Author request for group %s successfully sent to AAA", printable([]byte(e.Group)))
	case *AddressAllocated:
		w.sa("allocating address %s", e.Address)
	case *ConfigAttributeSent:
		w.configSent(e)
	case *ConfigAttributeUnknown:
		w.configUnknown(e)
	default:
		return w.writeClientEnd(event)
	}
	return true
}

// writeClientEnd prints the same at the client's end.
func (w *iosWriter) writeClientEnd(event Event) bool {
	switch e := event.(type) {
	case *CredentialsAsked:
		w.sa("Xauth process request")
	case *XAUTHUnknown:
		w.sa("Xauth type %d is not supported", e.Type)
	case *CredentialsSent:
		if e.User != "" {
			w.more("        username: %s", printable([]byte(e.User)))
		}
		if e.Secret {
			w.more("        password: <omitted>")
		}
	case *XAUTHStatusReceived:
		w.sa("Xauth process set, status = %s", either(e.OK, "1", "0"))
		w.sa("checking SET:")
		w.module("ISAKMP:    XAUTH_STATUS_V2 %s", either(e.OK, "XAUTH-OK", "XAUTH-FAIL"))
		w.sa("attributes sent in message:")
		w.more("        Status: %s", either(e.OK, "1", "0"))
	case *ConfigNeeded:
		w.sa("Need config/address")
	case *ConfigReplied:
		w.timestamp(w.ios.DebugTime)
		w.more("ISAKMP(0:%d) process config reply", w.rec.Conn)
	default:
		return false
	}
	return true
}

// configSent prints an attribute in IOS's words. Those that Example 19-5 does
// not have are recalled, where IOS has any.
func (w *iosWriter) configSent(e *ConfigAttributeSent) {
	const sending = "ISAKMP: Sending "
	switch isakmp.AttributeType(e.Attr) {
	case isakmp.ConfigIP4Address:
		w.module(sending+"private address: %s", e.Address)
	case isakmp.ConfigIP4Netmask:
		w.module(sending+"subnet mask: %s", e.Address)
	case isakmp.ConfigIP4DNS:
		w.module(sending+"IP4_DNS server address: %s", e.Address)
	case isakmp.ConfigIP4NBNS:
		w.module(sending+"IP4_NBNS server address: %s", e.Address)
	case isakmp.ConfigAddressExpiry:
		w.module(sending+"ADDRESS_EXPIRY seconds left to use the address: %d", e.Number)
	case isakmp.ConfigApplication:
		w.module(sending+"APPLICATION_VERSION string: %s", printable([]byte(e.Text)))
	case isakmp.UnitySavePassword:
		w.module(sending+"save password reply value %d", e.Number)
	case isakmp.UnityDefaultDomain:
		w.module(sending+"DEFAULT_DOMAIN default domain name: %s", printable([]byte(e.Text)))
	case isakmp.UnitySplitInclude:
		w.module(sending+"split include name %s network %s mask %s protocol %d, src port %d, dst port %d",
			printable([]byte(e.Text)), e.Address, e.Mask, e.Protocol, e.SourcePort, e.Destination)
	case isakmp.UnitySplitDNS:
		w.module(sending+"SPLIT_DNS domain name: %s", printable([]byte(e.Text)))
	case isakmp.UnityBackupServers:
		w.module(sending+"backup gateway: %s", e.Address)
	case isakmp.UnityBanner:
		w.module(sending+"%s: %s", configWord(e.Attr), printable([]byte(e.Text)))
	default:
		w.module(sending+"%s: %d", configWord(e.Attr), e.Number)
	}
}

// configUnknown prints the line that IOS has for an attribute without a value,
// whose prefix has a slash where others have a colon.
func (w *iosWriter) configUnknown(e *ConfigAttributeUnknown) {
	w.timestamp(w.ios.DebugTime)
	w.more("ISAKMP (0/%d): Unknown Attr: %s (0x%X)", w.rec.Conn|softwareEngine, unknownWord(e.Attr), uint16(e.Attr))
}

// unknownWord is UNKNOWN for what 12.3(14)T has no name for: of Unity's
// attributes that is the banner.
func unknownWord(a ConfigAttr) string {
	if word, ok := configWords[isakmp.AttributeType(a)]; ok && isakmp.AttributeType(a) != isakmp.UnityBanner {
		return word
	}
	return "UNKNOWN"
}

// seenWord is how 12.3(14)T lists an attribute of a request.
func seenWord(a ConfigAttr) string {
	if word := unknownWord(a); word != "UNKNOWN" {
		return word
	}
	return "UNKNOWN Unknown Attr: 0x" + strings.ToUpper(hex16(uint16(a)))
}

func hex16(v uint16) string {
	const digits = "0123456789abcdef"
	b := []byte{digits[v>>12], digits[v>>8&15], digits[v>>4&15], digits[v&15]}
	return string(b)
}

// configWords are IOS's names; those of the XAUTH attributes that Example 19-5
// does not have, and of Unity's, are recalled.
var configWords = map[isakmp.AttributeType]string{
	isakmp.XAUTHType: "XAUTH_TYPE_V2", isakmp.XAUTHUserName: "XAUTH_USER_NAME_V2", isakmp.XAUTHUserPassword: "XAUTH_USER_PASSWORD_V2",
	isakmp.XAUTHPasscode: "XAUTH_PASSCODE_V2", isakmp.XAUTHMessage: "XAUTH_MESSAGE_V2", isakmp.XAUTHChallenge: "XAUTH_CHALLENGE_V2",
	isakmp.XAUTHDomain: "XAUTH_DOMAIN_V2", isakmp.XAUTHStatus: "XAUTH_STATUS_V2", isakmp.XAUTHNextPIN: "XAUTH_NEXT_PIN_V2",
	isakmp.XAUTHAnswer:      "XAUTH_ANSWER_V2",
	isakmp.ConfigIP4Address: "IP4_ADDRESS", isakmp.ConfigIP4Netmask: "IP4_NETMASK", isakmp.ConfigIP4DNS: "IP4_DNS",
	isakmp.ConfigIP4NBNS: "IP4_NBNS", isakmp.ConfigAddressExpiry: "ADDRESS_EXPIRY", isakmp.ConfigApplication: "APPLICATION_VERSION",
	isakmp.UnityBanner: "MODECFG_BANNER", isakmp.UnitySavePassword: "MODECFG_SAVEPWD", isakmp.UnityDefaultDomain: "DEFAULT_DOMAIN",
	isakmp.UnitySplitInclude: "SPLIT_INCLUDE", isakmp.UnitySplitDNS: "SPLIT_DNS", isakmp.UnityPFS: "PFS",
	isakmp.UnityLocalLAN: "INCLUDE_LOCAL_LAN", isakmp.UnityBackupServers: "BACKUP_SERVER", isakmp.UnityFirewallType: "FW_RECORD",
	isakmp.UnityDDNSHostname: "MODECFG_HOSTNAME", isakmp.UnityNATTPort: "UDP_NATT_PORT",
}

func configWord(a ConfigAttr) string {
	if word, ok := configWords[isakmp.AttributeType(a)]; ok {
		return word
	}
	return "UNKNOWN"
}

func either(is bool, yes, no string) string {
	if is {
		return yes
	}
	return no
}
