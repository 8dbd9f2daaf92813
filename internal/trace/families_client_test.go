package trace

import (
	"net/netip"

	"qmidle/internal/isakmp"
)

// client is Example 19-5 from XAUTH to the configuration, with what a request may
// ask for besides, and refusals.
func client() []Record {
	const ask, status, config = 0xD317174E, 147119650, 0x9B33DEED // -753458994, 147119650, -1691099411
	attr := func(t isakmp.AttributeType) ConfigAttr { return ConfigAttr(t) }
	s := newScript()
	s.established(RoleResponder, ConfXauth)
	s.add(&UserNeeded{}, &NodeCreated{ask}, &XAUTHAttribute{false, attr(isakmp.XAUTHUserName)}, &XAUTHAttribute{false, attr(isakmp.XAUTHUserPassword)},
		&ConfigSending{false, ask}, &PacketSent{MessageID: ask}, step(Internal, InputPhase1Complete, StateP1Complete, StateXAUTHRequestSent),
		&PacketReceived{MessageID: ask}, &ConfigReceived{ask, isakmp.ConfigReply},
		&XAUTHAttribute{true, attr(isakmp.XAUTHUserName)}, &XAUTHAttribute{true, attr(isakmp.XAUTHUserPassword)},
		&NodeDeleted{Node: ask, Reason: NodeXAUTHDone}, step(FromPeer, InputConfigReply, StateXAUTHRequestSent, StateXAUTHAAAAwait),
		&UserJudged{User: "joe", Group: "admin", Accepted: true, Try: 1, Max: 3},
		&NodeCreated{status}, &ConfigSending{false, status}, step(FromAAA, InputAAALogin, StateXAUTHAAAAwait, StateXAUTHSetSent),
		&ConfigReceived{status, isakmp.ConfigAck}, &XAUTHAcknowledged{}, &NodeDeleted{Node: status, Reason: NodeTransactionDone}, &UnityClient{},
		step(FromPeer, InputConfigAck, StateXAUTHSetSent, StateP1Complete))
	s.established(RoleResponder, QMIdle)
	s.add(&PacketReceived{MessageID: config}, &NodeCreated{config}, &ConfigReceived{config, isakmp.ConfigRequest}, &ConfigChecked{})
	for _, t := range []isakmp.AttributeType{isakmp.ConfigIP4Address, isakmp.UnityBanner, isakmp.UnitySavePassword, 0x7fff} {
		s.add(&ConfigAttributeSeen{attr(t)})
	}
	s.add(&GroupRequested{"admin", "joe"}, step(FromPeer, InputConfigRequest, StateP1Complete, StateConfigAAAAwait))
	address, mask := netip.MustParseAddr("192.168.0.222"), netip.MustParseAddr("255.255.255.0")
	s.add(&AddressAllocated{address},
		&ConfigAttributeSent{Attr: attr(isakmp.ConfigIP4Address), Address: address}, &ConfigAttributeSent{Attr: attr(isakmp.ConfigIP4Netmask), Address: mask},
		&ConfigAttributeSent{Attr: attr(isakmp.ConfigIP4DNS), Address: netip.MustParseAddr("192.168.0.10")},
		&ConfigAttributeSent{Attr: attr(isakmp.ConfigIP4NBNS), Address: netip.MustParseAddr("192.168.0.12")},
		&ConfigAttributeSent{Attr: attr(isakmp.ConfigAddressExpiry), Number: 86395},
		&ConfigAttributeUnknown{attr(isakmp.UnityBanner)}, &ConfigAttributeUnknown{attr(0x7fff)},
		&ConfigAttributeSent{Attr: attr(isakmp.UnitySavePassword)},
		&ConfigAttributeSent{Attr: attr(isakmp.UnityDefaultDomain), Text: "cisco.com"},
		&ConfigAttributeSent{Attr: attr(isakmp.UnitySplitInclude), Text: "splitremote", Address: netip.MustParseAddr("192.168.0.0"), Mask: mask},
		&ConfigAttributeSent{Attr: attr(isakmp.UnitySplitDNS), Text: "cisco.com"},
		&ConfigAttributeSent{Attr: attr(isakmp.ConfigApplication), Text: "qmidle"},
		&ConfigAttributeSent{Attr: attr(isakmp.UnityBanner), Text: "Welcome"},
		&ConfigAttributeSent{Attr: attr(isakmp.UnityBackupServers), Address: netip.MustParseAddr("192.1.1.50")},
		&ConfigAttributeSent{Attr: attr(isakmp.UnityPFS), Number: 1}, &ConfigAttributeSent{Attr: attr(isakmp.UnityLocalLAN), Number: 1},
		&ConfigSending{true, config}, &NodeDeleted{Node: config}, step(FromAAA, InputAAAGroup, StateConfigAAAAwait, StateP1Complete),
		&ClientSession{Begun: true, Session: 1, Group: "admin", User: "joe", Address: address})
	s.add(&UserJudged{User: "joe", Group: "admin", Challenged: true, Try: 1, Max: 3},
		&UserJudged{User: "joe", Group: "admin", Refusal: RefusalCredentials, Try: 3, Max: 3},
		&ClientRefused{"admin", "joe", RefusalPoolEmpty}, &SADeleting{ReasonNoClientAddress}, &SADeleting{ReasonXAUTHFailed},
		&ClientSession{Session: 1, Group: "admin", User: "joe", Address: address, Reason: ReasonPeerDeleted})
	return s.records
}

// clientEnd is the same login at the client's end.
func clientEnd() []Record {
	const ask, status, config = 0xD317174E, 147119650, 0x9B33DEED
	attr := func(t isakmp.AttributeType) ConfigAttr { return ConfigAttr(t) }
	s := newScript()
	s.established(RoleInitiator, ConfXauth)
	s.add(&NodeCreated{ask}, &ConfigReceived{ask, isakmp.ConfigRequest}, &ConfigChecked{}, &ConfigAttributeSeen{attr(isakmp.XAUTHUserName)},
		&ConfigAttributeSeen{attr(isakmp.XAUTHUserPassword)}, &CredentialsAsked{1}, &XAUTHUnknown{7}, step(FromPeer, InputConfigRequest, StateP1Complete, StateXAUTHReplyAwait),
		&CredentialsSent{"joe", true}, &ConfigSending{true, ask}, &NodeDeleted{Node: ask, Reason: NodeXAUTHDone},
		step(Internal, InputXAUTHReplyAttributes, StateXAUTHReplyAwait, StateXAUTHReplySent),
		&ConfigReceived{status, isakmp.ConfigSet}, &XAUTHStatusReceived{true}, step(FromPeer, InputConfigSet, StateXAUTHReplySent, StateP1Complete),
		&XAUTHStatusReceived{}, &CredentialsSent{})
	s.established(RoleInitiator, ConfAddr)
	s.add(&ConfigNeeded{}, &NodeCreated{config}, &ConfigSending{false, config}, step(Internal, InputPhase1Complete, StateP1Complete, StateConfigRequestSent),
		&ConfigReceived{config, isakmp.ConfigReply}, &ConfigReplied{}, step(FromPeer, InputConfigReply, StateConfigRequestSent, StateP1Complete),
		&ConfigChecked{Set: true},
		&ClientConfigured{Address: netip.MustParseAddr("192.168.0.222"), Mask: netip.MustParseAddr("255.255.255.0"), DNS: "192.168.0.10", WINS: "192.168.0.12",
			Domain: "cisco.com", Split: "192.168.0.0/24", Banner: "Welcome"})
	return s.records
}
