package trace

import (
	"net/netip"

	"qmidle/internal/isakmp"
)

// families has the records of each golden file.
func families() map[string][]Record {
	return map[string][]Record{
		"tunnel":             tunnel(true),
		"initiator":          initiator(),
		"transforms":         transforms(),
		"refusals":           refusals(),
		"vendors":            vendors(),
		"nat":                natTraversal(),
		"identities":         identities(),
		"malformed":          malformed(),
		"retransmission":     retransmission(),
		"informational":      informational(),
		"dead-peer":          deadPeer(),
		"no-key":             noKey(),
		"profiles":           profiles(),
		"quick-mode-refused": quickModeRefused(),
		"ipsec":              ipsecMessages(),
		"engine":             engineMessages(),
		"system":             systemMessages(),
		"xauth-server":       client(),
		"xauth-client":       clientEnd(),
		"pki-authenticate":   pkiAuthenticate(),
		"pki-enroll":         pkiEnroll(),
		"pki-troubles":       pkiTroubles(),
		"signatures":         signatures(),
		"aaa":                aaaMessages(),
	}
}

func exampleSuite() IPsecSuite {
	return IPsecSuite{isakmp.ESPAES, 128, isakmp.AuthAlgHMACSHA1, isakmp.EncapTunnel}
}

func initiator() []Record {
	const node = 0xCAFE4554 // -889305772 when signed
	local, remote := netip.MustParseAddr("192.1.1.40"), bookPeer
	west, east := subnet("192.168.2.0/24"), subnet("192.168.3.0/24")
	s := newScript()
	s.add(&IPsecSARequested{local, remote, west, east, exampleSuite(), 3600, 4608000, 0x5E39E570}, &PeerCreated{})
	s.established(RoleInitiator, MMNoState)
	s.ctx.Conn = 0
	s.add(&PeerLocked{RefIKE, 1, ForInitiator}, &SAInserted{}, &AggressiveNotPossible{}, &KeyLookup{Peer: remote, Found: true},
		&NATTVendorConstructed{NATTRFC3947}, &NATTVendorConstructed{NATTDraft07}, &NATTVendorConstructed{NATTDraft03},
		&NATTVendorConstructed{NATTDraft02n}, &NATTVendorConstructed{NATTDraft02},
		step(FromIPsec, InputSARequestMM, StateReady, StateIMM1), &MainModeBegun{}, &PacketSent{}, &RequestAttached{})
	s.established(RoleInitiator, MMKeyExch)
	s.add(&InitialContactSent{}, &AuthenticatingAs{isakmp.AuthRSASig, isakmp.IDFQDN}, &PacketSent{})
	s.established(RoleInitiator, QMIdle)
	s.add(step(Internal, InputProcessComplete, StateIMM6, StateP1Complete),
		&QuickModeBegun{node}, &InitiatorGetsSPI{0x5E39E570}, &PacketSent{MessageID: node},
		&Transition{node, Internal, InputInitQM, StateQMReady, StateQMIQM1}, &QuickModeImmediate{},
		&IPsecSAsCreated{InboundSPI: 0x5E39E570, OutboundSPI: 235339588, LocalProxy: west, RemoteProxy: east,
			LifeSeconds: 3600, PFS: isakmp.GroupMODP1024, InboundConn: 2000, OutboundConn: 2001},
		&NodeDeleted{Node: node}, &Transition{node, FromPeer, InputQMExch, StateQMIQM1, StateQMPhase2Complete},
		&NodePurged{node})
	s.ctx.SA = 2
	s.add(&SAInserted{Duplicate: true})
	s.ctx.Role = RoleResponder
	s.add(&SAInserted{Duplicate: true})
	return s.records
}

// transforms has every word of an attribute, known and unknown.
func transforms() []Record {
	s := newScript()
	s.established(RoleResponder, MMNoState)
	ike := func(parts ...[]byte) { s.add(&IKETransformOffered{1, 10, join(parts...)}) }
	for e := isakmp.EncrDESCBC; e <= isakmp.EncrCamelliaCBC; e++ {
		ike(basic(isakmp.AttrEncryption, uint16(e)))
	}
	for h := isakmp.HashMD5; h <= isakmp.HashSHA512; h++ {
		ike(basic(isakmp.AttrHash, uint16(h)))
	}
	for _, a := range []isakmp.AuthMethod{isakmp.AuthPSK, isakmp.AuthDSS, isakmp.AuthRSASig, isakmp.AuthRSAEnc,
		isakmp.AuthHybridInitRSA, isakmp.AuthHybridRespRSA, isakmp.AuthXAUTHInitPSK, isakmp.AuthXAUTHRespPSK,
		isakmp.AuthXAUTHInitRSA, isakmp.AuthXAUTHRespRSA} {
		ike(basic(isakmp.AttrAuthMethod, uint16(a)))
	}
	ike(basic(isakmp.AttrGroup, 14), basic(isakmp.AttrLifeType, 2), basic(isakmp.AttrLifeDuration, 3600),
		basic(isakmp.AttrLifeType, 3), variable(isakmp.AttrKeyLength, 1, 0), basic(isakmp.AttrFieldSize, 5),
		variable(isakmp.AttrGroupPrime, 1, 2, 3, 4, 5, 6, 7, 8, 9), basic(99, 1), []byte{0x80})
	esp := func(id isakmp.ESPTransform, parts ...[]byte) {
		s.add(&IPsecTransformOffered{1, isakmp.ProtocolESP, id, join(parts...)})
	}
	for _, id := range []isakmp.ESPTransform{isakmp.ESPDES, isakmp.ESP3DES, isakmp.ESPNull, isakmp.ESPAESGCM16, isakmp.ESPCAST} {
		esp(id)
	}
	s.add(&IPsecTransformOffered{2, isakmp.ProtocolAH, 3, basic(isakmp.IPsecAttrAuth, uint16(isakmp.AuthAlgHMACSHA1))},
		&IPsecTransformOffered{3, isakmp.ProtocolAH, 9, nil})
	for a := isakmp.AuthAlgHMACMD5; a <= isakmp.AuthAlgHMACSHA512; a++ {
		esp(isakmp.ESPAES, basic(isakmp.IPsecAttrAuth, uint16(a)))
	}
	for _, e := range []isakmp.Encapsulation{1, 2, 3, 4, isakmp.EncapUDPTunnelDraft, isakmp.EncapUDPTransportDraft, 9} {
		esp(isakmp.ESPAES, basic(isakmp.IPsecAttrEncapsulation, uint16(e)))
	}
	esp(isakmp.ESPAES, basic(isakmp.IPsecAttrGroup, 2), basic(isakmp.IPsecAttrKeyRounds, 8),
		variable(isakmp.IPsecAttrKeyLength, 1, 2, 3), variable(isakmp.IPsecAttrLifeDuration, 0, 0x20, 0xC4, 0x9B))
	return s.records
}

func refusals() []Record {
	s := newScript()
	s.established(RoleResponder, MMNoState)
	s.ctx.Conn = 0
	for a := IKEAttrEncryption; a <= IKEAttrUnknown; a++ {
		s.add(&IKETransformRefused{1, 10, a, uint32(isakmp.AuthRSASig), uint32(isakmp.AuthPSK)})
	}
	s.add(&IKETransformRefused{1, 10, IKEAttrAuth, uint32(isakmp.AuthPSK), uint32(isakmp.AuthRSASig)},
		&IKETransformRefused{1, 10, IKEAttrAuth, uint32(isakmp.AuthXAUTHInitPSK), uint32(isakmp.AuthPSK)},
		&IKETransformJudged{Next: 3}, &Phase1PolicyRefused{DefaultWouldMatch: true})
	return s.records
}

func vendors() []Record {
	s := newScript()
	s.established(RoleResponder, MMSASetup)
	majorTooHigh := []byte(isakmp.VIDDPD)
	majorTooHigh[14] = 2
	for _, vid := range [][]byte{[]byte(isakmp.VIDUnity), []byte(isakmp.VIDDPD), []byte(isakmp.VIDXAUTH),
		[]byte(isakmp.VIDFragmentation), []byte(isakmp.VIDRFC3947), []byte(isakmp.VIDNATT07), []byte(isakmp.VIDNATT03),
		[]byte(isakmp.VIDNATT02n), []byte(isakmp.VIDNATT02), majorTooHigh, []byte("0123456789abcd\x01f")} {
		s.add(&VendorIDReceived{isakmp.LookupVendorID(vid), vid})
	}
	s.add(&IOSVendorIDReceived{[]byte("another IOS box.")})
	return s.records
}

func natTraversal() []Record {
	s := newScript()
	s.established(RoleResponder, MMKeyExch)
	s.add(&InternalPayload{20}, &NATDetected{}, &NATDetected{true, false}, &NATDetected{false, true}, &NATDetected{true, true})
	s.ctx.Local = netip.MustParseAddrPort("192.1.1.40:4500")
	s.ctx.Remote = netip.MustParseAddrPort("192.1.1.42:4501")
	s.add(&PacketReceived{}, &PortsFloated{4500, 4501}, &PeerInserted{})
	s.ctx.Role = RoleInitiator
	s.add(&PortsFloated{4500, 4501}, &PacketSent{})
	return s.records
}

func identities() []Record {
	s := newScript()
	s.established(RoleResponder, MMKeyExch)
	id := func(t isakmp.IDType, data []byte) {
		s.add(&IDPayload{Next: isakmp.PayloadHash, Type: t, Protocol: 17, Port: 500, Length: uint16(8 + len(data)), Data: data})
	}
	v6 := netip.MustParseAddr("2001:db8::1").AsSlice()
	id(isakmp.IDIPv4Addr, []byte{192, 1, 1, 42})
	id(isakmp.IDIPv6Addr, v6)
	id(isakmp.IDFQDN, []byte("r1.example.com"))
	id(isakmp.IDUserFQDN, []byte("admin@example.com"))
	id(isakmp.IDKeyID, []byte("admin"))
	id(isakmp.IDIPv4AddrSubnet, []byte{10, 0, 0, 0, 255, 0, 0, 0})
	// CN=r1
	id(isakmp.IDDERASN1DN, []byte("\x30\x0d\x31\x0b\x30\x09\x06\x03\x55\x04\x03\x0c\x02r1"))
	id(isakmp.IDDERASN1DN, []byte{0x30})
	id(isakmp.IDIPv4Addr, []byte{1, 2, 3})
	id(99, nil)
	s.add(&IDPayloadLength{12}, &ProfileMatched{"branch"}, &AuthenticatingAs{isakmp.AuthXAUTHInitPSK, isakmp.IDKeyID},
		&AuthenticatingAs{isakmp.AuthRSAEnc, isakmp.IDIPv4Addr}, &AuthenticationFailed{isakmp.AuthPSK})
	return s.records
}

func malformed() []Record {
	s := newScript()
	s.established(RoleResponder, MMKeyExch)
	for kind := isakmp.KindTruncated; kind <= isakmp.KindUnsupported; kind++ {
		s.add(&PayloadMalformed{Payload: isakmp.PayloadID, Kind: kind, Offset: 29})
	}
	s.add(&PayloadMalformed{Payload: isakmp.PayloadVendorID, Kind: isakmp.KindReserved, Offset: 29})
	return s.records
}

func retransmission() []Record {
	s := newScript()
	s.established(RoleInitiator, MMNoState)
	s.ctx.Conn = 0
	s.add(&PacketSent{}, &Retransmitting{0, 1, 5}, &ErrorCounted{What: ErrorRetransmitPhase1, Attempt: 1, Max: 5}, &PacketSent{},
		&DuplicateReceived{}, &RetransmissionSkipped{0, 40}, &NotParanoid{}, &SADeleting{ReasonRetransmission},
		&PeerUnlocked{RefIKE, 0, ForMarkSADeleted}, &PeerDeleted{},
		step(Internal, InputPhase1Delete, StateIMM1, StateDestSA), &SAPurged{})
	s.established(RoleInitiator, QMIdle)
	const node = 482536716
	s.add(&Retransmitting{node, 1, 5}, &ErrorCounted{What: ErrorRetransmitPhase2, Attempt: 1, Max: 5, Node: node},
		&DuplicateReceived{node}, &RetransmissionSkipped{node, 0}, &NodeDeleted{node, true, NodeRetransmission})
	s.ctx.State = ConfXauth
	s.add(&Retransmitting{node, 1, 5}, &NodeCreated{node})
	return s.records
}

func informational() []Record {
	const node = 0xC1E2F2C4
	s := newScript()
	s.established(RoleInitiator, QMIdle)
	s.add(&PacketReceived{MessageID: node}, &NodeCreated{node}, &PayloadProcessed{isakmp.PayloadHash, node},
		&PayloadProcessed{isakmp.PayloadDelete, node}, &DeleteReceived{isakmp.ProtocolISAKMP, 0, true}, &NotParanoid{},
		&SADeleting{ReasonNone}, &NodeDeleted{Node: node, Reason: NodeInformational}, &DeleteSending{isakmp.ProtocolISAKMP, 0, node})
	for _, t := range []isakmp.NotifyType{isakmp.NotifyNoProposalChosen, isakmp.NotifyResponderLifetime,
		isakmp.NotifyInvalidIDInfo, isakmp.NotifyPayloadMalformed, isakmp.NotifyRUThere, 9999} {
		s.add(&NotifyReceived{t, isakmp.ProtocolESP, 0x705B8268, node, true})
	}
	s.add(&NotifySending{isakmp.NotifyNoProposalChosen, isakmp.ProtocolESP, 0x705B8268, node},
		&NotifySending{isakmp.NotifyResponderLifetime, isakmp.ProtocolISAKMP, 0, node}, &PayloadProcessed{isakmp.PayloadVendorID, node},
		&ResponderLifetime{Sent: true, Seconds: 3600}, &ResponderLifetime{Sent: true, Phase2: true, Seconds: 600},
		&ResponderLifetime{Seconds: 3600}, &ResponderLifetime{Phase2: true, Seconds: 600, Kilobytes: 2560})
	return s.records
}

func deadPeer() []Record {
	const node = 635424021
	s := newScript()
	s.established(RoleInitiator, QMIdle)
	s.add(&NodeCreated{node}, &DPDSending{false, 0x3C6B0F8D, node}, &PacketSent{MessageID: node},
		step(FromTimer, InputTimerIMAlive, StateP1Complete, StateP1Complete),
		&DPDReceived{true, 0x3C6B0F8D}, &DPDReceived{false, 0x3C6B0F8E}, &DPDSending{true, 0x3C6B0F8E, node},
		&DPDUnanswered{1, 5}, &PeerDead{}, &NotParanoid{}, &SADeleting{ReasonPeerDead},
		step(FromTimer, InputTimerPeersAlive, StateP1Complete, StateDestSA))
	return s.records
}

func noKey() []Record {
	s := newScript()
	s.established(RoleInitiator, MMNoState)
	s.ctx.Conn = 0
	name := []byte("spoke1.example.com")
	s.add(&AggressiveModeBegun{}, &XAUTHPossible{}, &NamedKeyLookup{isakmp.IDFQDN, name, false, ""}, &NamedKeyLookup{isakmp.IDFQDN, name, true, "RING"},
		&NamedKeyLookup{isakmp.IDKeyID, []byte("admin"), false, ""}, &NamedKeyLookup{isakmp.IDKeyID, []byte("admin"), true, ""})
	s.add(&AggressiveNotPossible{}, &KeyLookup{Peer: bookPeer, Found: false}, &RequestFailed{ReasonNoKey}, &RequestFailed{ReasonInternal})
	s.add(&NameResolved{"hub.example.com", "192.1.1.40 192.1.1.41"},
		&NameNotResolved{Name: "hub.example.com", Unknown: true, RetrySeconds: 5},
		&NameNotResolved{Name: "hub.example.com", Problem: "no answer", RetrySeconds: 10})
	return s.records
}

func profiles() []Record {
	s := newScript()
	s.established(RoleInitiator, MMNoState)
	s.ctx.Conn = 0
	s.add(&ProfileRequested{"BRANCH"}, &KeyLookup{Peer: bookPeer, Found: true, Keyring: "KEYS"}, &ProfilesScanned{"BRANCH HEAD"})
	s.established(RoleInitiator, MMKeyExch)
	s.add(&ProfileMatched{"BRANCH"}, &ProfileKeyFound{"KEYS", true}, &ProfileMatched{"HEAD"}, &ProfileKeyFound{},
		&ProfileMatched{}, &ProfileRefused{"BRANCH"})
	return s.records
}

func quickModeRefused() []Record {
	const node, notify = 570535495, 1148084868
	west, east := subnet("192.168.2.0/24"), subnet("192.168.3.0/24")
	s := newScript()
	s.established(RoleResponder, QMIdle)
	s.add(&IPsecTransformRefused{IPsecAttrKeyLength, 128, 256}, &IPsecTransformJudged{true})
	for _, number := range []uint16{8, 32, 64, 256, 1} {
		s.add(&IPsecProposalInvalidated{number, IPsecAttrProxy, west, east})
	}
	s.add(&IPsecTransformJudged{false}, &Phase2PolicyRefused{}, &NodeCreated{notify},
		&NotifySending{isakmp.NotifyNoProposalChosen, isakmp.ProtocolESP, 0x705B8268, notify}, &PacketSent{MessageID: notify},
		&NodePurged{notify}, &NodeDeleted{node, true, NodeQMRejected},
		&Transition{node, FromPeer, InputQMExch, StateQMReady, StateQMReady}, &ModeFailure{isakmp.ExchangeQuick})
	return s.records
}

func ipsecMessages() []Record {
	local, remote := netip.MustParseAddr("192.1.1.40"), bookPeer
	west, east := subnet("192.168.2.0/24"), subnet("192.168.3.0/24")
	host := Proxy{Type: isakmp.IDIPv4Addr, Lo: bookPeer, Hi: bookPeer, Protocol: 17, Port: 1701}
	spread := Proxy{Type: isakmp.IDIPv4AddrRange, Lo: local, Hi: remote}
	six := Proxy{Type: isakmp.IDIPv6AddrSubnet, Lo: netip.MustParseAddr("2001:db8::"), Hi: netip.MustParseAddr("2001:db8::ffff")}
	s := newScript()
	s.established(RoleInitiator, QMIdle)
	s.add(&KeyEngineEvent{1})
	for _, suite := range []IPsecSuite{
		exampleSuite(),
		{isakmp.ESPDES, 0, isakmp.AuthAlgHMACMD5, isakmp.EncapTransport},
		{isakmp.ESP3DES, 0, isakmp.AuthAlgHMACSHA256, isakmp.EncapUDPTunnel},
		{isakmp.ESPAES, 256, isakmp.AuthAlgHMACSHA512, isakmp.EncapUDPTransport},
		{isakmp.ESPAESGCM16, 192, isakmp.AuthAlgNone, isakmp.EncapTunnel},
		{isakmp.ESPAESGMAC, 128, isakmp.AuthAlgNone, isakmp.EncapTunnel},
		{isakmp.ESPNull, 0, isakmp.AuthAlgHMACSHA1, isakmp.EncapTunnel},
	} {
		s.add(&IPsecProposalValidating{local, remote, west, east, suite})
	}
	s.add(&IPsecSACreated{true, local, 0x5E39E570, exampleSuite(), 2000, 3600, 4608000, west, east},
		&IPsecSACreated{false, remote, 235339588, exampleSuite(), 2001, 3600, 4608000, west, east},
		&IPsecDeleteNotified{}, &IPsecSADeleted{true, local, 0x5E39E570, exampleSuite(), 2000, ReasonUserCommand},
		&DynamicEntryCreated{"VPN", 65536, "SPOKES", 10, west, east},
		&ReverseRouteChanged{true, east.Lo, east.Hi, remote, 1, 0}, &ReverseRouteChanged{false, east.Lo, east.Hi, remote, 20, 7},
		&DynamicEntryDeleted{"VPN", 65536, "SPOKES", 10}, &DynamicEntryRefused{"VPN", "SPOKES", 64},
		&RequestTimerFired{1, local, remote, host, spread}, &RequestTimerFired{2, local, remote, six, Proxy{Lo: local}})
	return s.records
}

func engineMessages() []Record {
	s := newScript()
	s.add(&ISAKMPOnOff{On: true})
	for _, op := range []CryptoOp{CryptoGenerateParameter, CryptoDHPhase1, CryptoGenerateParameter} {
		s.add(&CryptoOperation{Op: op})
	}
	s.add(&CryptoOperation{CryptoCreateSKEYID, 14}, &CryptoOperation{CryptoHMACContext, 14}, &CryptoOperation{CryptoClearDH, 1})
	for _, op := range []CryptoOp{CryptoValidateProposal, CryptoValidateProposalRequest, CryptoAllocateFlow} {
		s.add(&CryptoOperation{Op: op})
	}
	return s.records
}

// systemMessages has every reason for a drop, first within an SA, then without.
func systemMessages() []Record {
	s := newScript()
	s.established(RoleResponder, MMKeyExch)
	drops := func() {
		for reason := range NumDrops {
			s.add(&PacketDropped{Reason: reason, Exchange: isakmp.ExchangeQuick})
		}
	}
	drops()
	s.ctx = newScript().ctx
	drops()
	for _, t := range []isakmp.ExchangeType{2, 4, 5, 6} {
		s.add(&ModeFailure{t})
	}
	s.add(&ClearTextReceived{netip.MustParseAddr("192.168.3.10"), netip.MustParseAddr("192.168.2.10"), 47}, &MessagesLost{990})
	s.add(&LocalAddressChanged{Interface: "GigabitEthernet0/0", To: netip.MustParseAddr("192.1.1.41")})
	s.add(&MessageFragmented{Sent: true, Count: 3, Size: 1400}, &FragmentsMissing{Have: 2, Count: 3})
	s.add(&InvalidSPIReceived{Source: bookPeer, Destination: netip.MustParseAddr("192.1.1.40"), SPI: 0x3EA71AED})
	s.add(&PayloadMalformed{Payload: isakmp.PayloadSA, Kind: isakmp.KindUnsupported, Field: isakmp.FieldDOI, Offset: 32, Got: 7},
		&PayloadMalformed{Payload: isakmp.PayloadNotify, Kind: isakmp.KindUnsupported, Field: isakmp.FieldDOI, Offset: 32, Got: 7},
		&PayloadMalformed{Kind: isakmp.KindLength, Field: isakmp.FieldLength, Offset: 24, Got: 2000, Want: 168},
		&PayloadMalformed{Kind: isakmp.KindLength, Field: isakmp.FieldLength, Offset: 24, Got: 100, Want: 168},
		&AnswerNotOffered{Attr: IKEAttrHash},
		&SessionChanged{Up: true, Identity: "branch.example.com"}, &SessionChanged{})
	s.add(&ISAKMPOnOff{On: false})
	s.add(&EasyVPNPending{"office"}, &EasyVPNChanged{true, "office", "alice", "staff", netip.MustParseAddr("192.168.0.222")}, &EasyVPNChanged{Name: "branch", Group: "staff"})
	return s.records
}

func aaaMessages() []Record {
	server, address := netip.MustParseAddrPort("192.0.2.50:1812"), netip.MustParseAddr("192.168.0.222")
	s := newScript()
	s.add(&AAAListPicked{Session: 1, List: "USERS", Exists: true}, &AAAListPicked{Session: 1, List: "GONE"},
		&AAAListPicked{Session: 1, List: "GROUPS", Authorization: true, Exists: true},
		&RADIUSSent{1, server, "Access-Request", 7, 85, 1, "User-Name           [1]   7   \"alice\"\nUser-Password       [2]   18  *\n"},
		&RADIUSSent{1, server, "Access-Request", 7, 85, 2, "User-Name           [1]   7   \"alice\"\n"},
		&RADIUSReplyDropped{server, 7, RADIUSUnsigned}, &RADIUSReplyDropped{Server: server, Problem: RADIUSNoRequest},
		&RADIUSReceived{1, server, "Access-Accept", 7, 26, "Framed-IP-Address   [8]   6   192.168.0.222\n"},
		&RADIUSServerChanged{server, 1813, true}, &RADIUSServerChanged{server, 1813, false})
	for v := AAAPass; v <= AAAChallenge; v++ {
		s.add(&AAAAuthentication{1, "alice", "group radius", v, RefusalNone}, &AAAAuthorization{1, "admin", "local", v, RefusalNone})
	}
	s.add(&AAAAuthentication{1, "alice", "", AAAFail, RefusalNoList}, &AAAAuthorization{1, "admin", "local", AAAFail, RefusalMaxLogins},
		&AddressLeased{1, "VPNPOOL", address, "alice"}, &AddressFreed{1, "VPNPOOL", address}, &AddressRefused{1, "VPNPOOL", RefusalPoolEmpty},
		&AccountingLost{1, "alice"})
	return s.records
}
