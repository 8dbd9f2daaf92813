package diagnose

import (
	"fmt"
	"net/netip"

	"qmidle/internal/isakmp"
	"qmidle/internal/pki"
	"qmidle/internal/trace"
)

// readPhase1 reads what is said of offers, keys and identities. It is false for
// an event of another kind.
func (r *eventReader) readPhase1(event trace.Event) bool {
	switch e := event.(type) {
	case *trace.IKETransformOffered:
		r.session().offered = SuiteOf(e.Attributes)
	case *trace.IKETransformRefused:
		r.offerRefused(e)
	case *trace.IKETransformJudged:
		if e.Accepted {
			r.add(Accepted(r.session().offered))
		}
	case *trace.Phase1PolicyRefused:
		r.add(Observation{Kind: AllOffersRefused, Phase: Phase1, Message: 1})
	case *trace.KeyLookup:
		if !e.Found {
			r.add(Observation{Kind: KeyMissing, Phase: Phase1, Detail: r.session().name})
		}
	case *trace.NamedKeyLookup:
		r.namedKey(e)
	case *trace.RequestFailed:
		if e.Reason == trace.ReasonPolicyNotAccepted {
			r.add(Observation{Kind: NoUsablePolicy, Phase: Phase1})
		}
	case *trace.IDPayload:
		if !e.Sent && plausible(e) {
			r.add(Observation{Kind: IdentitySeen, Phase: Phase1, Offered: identityWords(e)})
		}
	case *trace.AuthenticationFailed:
		if bySignature(e.Method) {
			break // the signature's own event says more
		}
		o := Observation{Kind: HashMismatch, Phase: Phase1, Message: r.lastSent() + 1}
		if e.Method == isakmp.AuthXAUTHInitPSK && r.rec.Role == trace.RoleInitiator {
			o.Attr = AttrGroupName
		}
		r.add(o)
	case *trace.Authenticated:
		r.add(Observation{Kind: PeerAuthentic, Phase: Phase1, Authentic: true})
	case *trace.NATDetected:
		r.nat(e)
	case *trace.FragmentsMissing:
		r.add(Observation{Kind: FragmentLost, Phase: Phase1, Message: r.lastSent() + 1})
	case *trace.PortsFloated:
		if e.LocalPort == isakmp.PortNATT {
			r.add(Observation{Kind: PortsFloated, Phase: Phase1})
		}
	case *trace.NonceDecrypted:
		o := Observation{Kind: NonceUnreadable, Phase: Phase1, Message: r.lastSent() + 1}
		if e.OK {
			o.Kind = NonceRead
		}
		r.add(o)
	case *trace.PeerKeyMissing:
		r.add(Observation{Kind: PublicKeyMissing, Phase: Phase1, Message: 3, Detail: e.ID.String()})
	default:
		return r.readCertificates(event)
	}
	return true
}

// Accepted is an offer that was chosen, with how the ends prove themselves where
// that is not by a pre-shared key.
func Accepted(offer string) Observation {
	o := Observation{Kind: OfferAccepted, Phase: Phase1}
	switch s, _ := readSuite(offer); s.auth {
	case Nonces:
		o.Attr, o.Offered = AttrAuth, Nonces
	case Signatures, isakmp.AuthECDSA256.String(), isakmp.AuthECDSA384.String(), isakmp.AuthECDSA521.String():
		o.Attr, o.Offered = AttrAuth, Signatures
	}
	return o
}

// namedKey is the search for the key of a group, or of a name, which goes on with the
// address.
func (r *eventReader) namedKey(e *trace.NamedKeyLookup) {
	switch {
	case e.Found:
	case e.ID == isakmp.IDKeyID:
		o := Observation{Kind: GroupMissing, Phase: Phase1, Message: 1, Detail: unquoted(fmt.Sprintf("%q", e.Name))}
		if r.session().asked {
			o.Place, o.Detail = placeAAA, o.Detail+", which AAA does not know, or has no key for"
		}
		r.add(o)
	default:
		r.session().name = fmt.Sprintf("nor for the name %q that it presents", e.Name)
	}
}

func (r *eventReader) nat(e *trace.NATDetected) {
	detail := ""
	switch {
	case e.LocalBehindNAT && e.RemoteBehindNAT:
		detail = "both"
	case e.LocalBehindNAT:
		detail = "here"
	case e.RemoteBehindNAT:
		detail = "peer"
	default:
		return
	}
	r.add(Observation{Kind: NATFound, Phase: Phase1, Detail: detail})
}

func (r *eventReader) offerRefused(e *trace.IKETransformRefused) {
	o := Observation{Kind: OfferRefused, Phase: Phase1, Message: 1, Place: fmt.Sprintf("policy %d", e.Priority), Detail: r.session().offered}
	if r.rec.Role == trace.RoleInitiator {
		o.Message = 2
	}
	offered, wanted := e.Offered, e.Wanted
	switch e.Attr {
	case trace.IKEAttrEncryption:
		o.Attr, o.Offered, o.Wanted = AttrEncryption, encryptionWord(offered), encryptionWord(wanted)
	case trace.IKEAttrKeyLength:
		o.Attr, o.Offered, o.Wanted = AttrKeyLength, bitsWord(offered), bitsWord(wanted)
	case trace.IKEAttrHash:
		o.Attr, o.Offered, o.Wanted = AttrHash, hashWord(isakmp.HashAlgorithm(offered)), hashWord(isakmp.HashAlgorithm(wanted))
	case trace.IKEAttrGroup:
		o.Attr, o.Offered, o.Wanted = AttrGroup, groupWord(offered), groupWord(wanted)
	case trace.IKEAttrAuth:
		o.Attr, o.Offered = AttrAuth, authWord(isakmp.AuthMethod(offered))
		if wanted != 0 {
			o.Wanted = authWord(isakmp.AuthMethod(wanted))
		}
	default:
		o.Attr = AttrUnknown
	}
	r.add(o)
}

// plausible says whether an identity payload is one: what a wrong key makes of
// it is not.
func plausible(e *trace.IDPayload) bool {
	switch e.Type {
	case isakmp.IDIPv4Addr:
		return len(e.Data) == 4
	case isakmp.IDIPv6Addr:
		return len(e.Data) == 16
	case isakmp.IDFQDN, isakmp.IDUserFQDN, isakmp.IDKeyID, isakmp.IDDERASN1DN:
		return len(e.Data) > 0
	}
	return false
}

func identityWords(e *trace.IDPayload) string {
	if a, ok := netip.AddrFromSlice(e.Data); ok && (e.Type == isakmp.IDIPv4Addr || e.Type == isakmp.IDIPv6Addr) {
		return a.String()
	}
	if name := pki.RawName(e.Data); e.Type == isakmp.IDDERASN1DN && name != "" {
		return fmt.Sprintf("%q", name)
	}
	return fmt.Sprintf("%q", e.Data)
}

// malformed is a payload that does not parse. Under encryption this is what a
// wrong key looks like.
func (r *eventReader) malformed(e *trace.PayloadMalformed) {
	r.garbage(fmt.Sprintf("%s on the %s payload", e.Kind, e.Payload))
}

// garbage sorts what cannot be read by where phase 1 stands.
func (r *eventReader) garbage(detail string) {
	next := r.lastSent() + 1
	switch {
	case r.rec.SA == 0:
		r.add(Observation{Kind: Malformed, Phase: Phase1, Message: 1, Detail: detail})
	case r.session().up:
		r.add(Observation{Kind: Malformed, Phase: Phase2, Detail: detail})
	case next == 5 || next == 6, next == 3 && r.aggressive():
		r.add(Observation{Kind: Undecryptable, Phase: Phase1, Message: next, Detail: detail})
	default:
		r.add(Observation{Kind: Malformed, Phase: Phase1, Message: next, Detail: detail})
	}
}

// dropped is a datagram that was not used. Some drops follow an event that says
// more.
func (r *eventReader) dropped(e *trace.PacketDropped) {
	detail := e.Reason.String()
	switch e.Reason {
	case trace.DropHeader, trace.DropUnexpectedPayload, trace.DropMissingPayload, trace.DropBlockSize:
		r.garbage(detail)
	case trace.DropMalformed:
		if e.Payload == isakmp.PayloadProposal {
			r.garbage(detail)
		}
	case trace.DropTruncated, trace.DropTooLarge:
		if r.rec.SA != 0 {
			r.garbage(detail)
		}
	case trace.DropBadHash:
		if e.Exchange != isakmp.ExchangeIdentity && e.Exchange != isakmp.ExchangeAggressive {
			r.add(Observation{Kind: Malformed, Phase: Phase2, Detail: detail})
		}
	case trace.DropPublicValue, trace.DropNonce:
		r.garbage(detail)
	case trace.DropNotEncrypted, trace.DropEncrypted:
		if !r.session().up {
			r.add(Observation{Kind: Malformed, Phase: Phase1, Message: r.lastSent() + 1, Detail: detail})
		}
	default:
		r.doorClosed(e, detail)
	}
}

// doorClosed is a datagram that came to where nothing waits for it.
func (r *eventReader) doorClosed(e *trace.PacketDropped, detail string) {
	switch e.Reason {
	case trace.DropNoSA:
		r.add(Observation{Kind: NoSAForMessage, Phase: phaseOfExchange(e.Exchange), Detail: e.Exchange.String()})
	case trace.DropWrongAddress:
		r.wrongAddress(detail)
	case trace.DropExchange:
		r.add(Observation{Kind: Malformed, Phase: Phase1, Message: 1, Detail: e.Exchange.String()})
	case trace.DropAggressiveMode:
		r.add(Observation{Kind: AggressiveMode, Phase: Phase1, Message: 1, Detail: e.Exchange.String()})
	case trace.DropVersion:
		r.add(Observation{Kind: OtherIKEVersion, Phase: Phase1, Message: 1, Detail: detail})
	case trace.DropState:
		r.outOfTurn(e)
	case trace.DropNoClients:
		r.add(Observation{Kind: XauthUnexpected, Phase: PhaseConfig, Detail: "the peer begins XAUTH or mode config, and none is configured here"})
	case trace.DropUserUnknown:
		r.add(Observation{Kind: XauthUnexpected, Phase: PhaseConfig, Detail: "the peer begins " + e.Exchange.String() + " and its user has not logged in"})
	case trace.DropLimit:
		r.add(Observation{Kind: AdmissionLimit, Phase: Phase1, Detail: detail})
	case trace.DropIdentity:
		r.identity(e)
	case trace.DropNotEnabled:
		r.add(Observation{Kind: NotEnabled, Phase: Phase1, Message: 1})
	case trace.DropFragment:
		r.add(Observation{Kind: Malformed, Phase: Phase1, Detail: detail})
	}
}

// wrongAddress is a message from another port than the SA's. Before phase 1 is
// up it is a peer that repeats its last message from the port that this end has
// left for UDP 4500.
func (r *eventReader) wrongAddress(detail string) {
	if !r.session().up && r.rec.Local.Port() == isakmp.PortIKE && r.lastSent() > 1 {
		r.add(Observation{Kind: DuplicateSeen, Phase: Phase1, Message: r.lastSent() - 1})
		return
	}
	r.add(Observation{Kind: WrongAddress, Phase: PhaseLife, Detail: detail})
}

func (r *eventReader) identity(e *trace.PacketDropped) {
	if e.Exchange == isakmp.ExchangeIdentity {
		r.add(Observation{Kind: IdentityRefused, Phase: Phase1, Message: r.lastSent() + 1, Authentic: true})
		return
	}
	r.add(Observation{Kind: ProxyRefused, Phase: Phase2, Attr: AttrProxy, Authentic: true})
}

// phaseOfExchange says to which phase a message without an SA would belong.
func phaseOfExchange(x isakmp.ExchangeType) Phase {
	switch x {
	case isakmp.ExchangeIdentity, isakmp.ExchangeAggressive:
		return Phase1
	}
	return PhaseLife
}

// outOfTurn is a valid message at the wrong time.
func (r *eventReader) outOfTurn(e *trace.PacketDropped) {
	switch {
	case e.Exchange == isakmp.ExchangeIdentity && r.session().gaveUp:
		r.add(Observation{Kind: Late, Phase: Phase1, Message: r.lastSent() + 1})
	case e.Exchange == isakmp.ExchangeIdentity && r.lastSent() == 2:
		// The first message of a peer that we have refused, or are answering,
		// with another content than before.
		r.add(Observation{Kind: Differs, Phase: Phase1, Message: 1})
	case e.Exchange == isakmp.ExchangeIdentity && r.session().up && r.rec.Role == trace.RoleResponder:
		r.add(Observation{Kind: Differs, Phase: Phase1, Message: 5})
	case e.Exchange == isakmp.ExchangeInformational && !r.session().up && (r.lastSent() == 5 || r.lastSent() == 2 && r.aggressive()):
		r.add(Observation{Kind: RefusedUnread, Phase: Phase1, Message: r.lastSent()})
	case e.Exchange == isakmp.ExchangeQuick && !r.session().up && !r.aggressive():
		r.add(Observation{Kind: StrayQuickMode, Phase: PhaseLife})
	}
}
