package diagnose

import (
	"net/netip"
	"slices"
	"testing"
	"time"
)

var (
	self  = netip.MustParseAddr("192.0.2.1")
	other = netip.MustParseAddr("192.0.2.2")
)

// log makes observations with one peer, a second apart.
func log(all ...Observation) []Observation {
	start := time.Date(2005, time.March, 1, 5, 0, 0, 0, time.UTC)
	for i := range all {
		o := &all[i]
		if !o.Peer.IsValid() {
			o.Peer, o.Local = other, self
		}
		if o.Time.IsZero() {
			o.Time = start.Add(time.Duration(i) * time.Second)
		}
		if o.Evidence.Text == "" {
			o.Evidence.Text = "a line"
		}
	}
	return all
}

func p1(k Kind, message int) Observation {
	return Observation{Kind: k, Phase: Phase1, Message: message}
}

func as(r Role, all ...Observation) []Observation {
	for i := range all {
		all[i].Role, all[i].Session = r, 1
	}
	return all
}

func state(s string, r Role) Observation {
	return Observation{Kind: StateSeen, Phase: Phase1, Detail: s, Role: r, Session: 7}
}

func told1(what string) Observation {
	return Observation{Kind: NotifyReceived, Phase: Phase1, Detail: what}
}

func told2(what string) Observation {
	return Observation{Kind: NotifyReceived, Phase: Phase2, Detail: what, Authentic: true}
}

// upTo is an initiator's main mode that stops after message n.
func upTo(n int) []Observation {
	var all []Observation
	for i := 1; i <= n; i++ {
		kind := MessageSent
		if i%2 == 0 {
			kind = MessageReceived
		}
		all = append(all, p1(kind, i))
	}
	return as(Initiator, append(all, p1(Retransmitted, n-1+n%2), p1(GaveUp, n))...)
}

// sessions gives each log a session of its own.
func attempts(logs ...[]Observation) (all []Observation) {
	for i, l := range logs {
		for _, o := range l {
			o.Session = uint64(i + 1)
			all = append(all, o)
		}
	}
	return all
}

var (
	refusedHash = Observation{Kind: OfferRefused, Phase: Phase1, Message: 1, Role: Responder, Session: 1, Attr: AttrHash, Offered: "sha", Wanted: "md5", Place: "policy 10"}
	noOffer     = Observation{Kind: AllOffersRefused, Phase: Phase1, Message: 1, Role: Responder, Session: 1}
	up1         = Observation{Kind: Phase1Up, Phase: Phase1, Session: 1}
	up2         = Observation{Kind: Phase2Up, Phase: Phase2, Pair: "10.1.0.0/16 - 10.2.0.0/16"}
)

// Each case is what one log, of whatever system, says. The certainty is the
// greatest that is right.
func TestJudge(t *testing.T) {
	for name, c := range map[string]struct {
		seen      []Observation
		want      Cause // "" for no finding
		certainty Certainty
		among     []Cause // that must be left open
	}{
		"a refused hash, seen once":              {log(refusedHash, noOffer), Phase1PolicyMismatch, Likely, []Cause{MalformedOrCorrupt}},
		"a refused hash, repeated by the peer":   {log(refusedHash, noOffer, Observation{Kind: DuplicateSeen, Phase: Phase1, Message: 1, Session: 1}), Phase1PolicyMismatch, Certain, nil},
		"a refused hash in two attempts":         {log(attempts([]Observation{refusedHash, noOffer}, []Observation{refusedHash, noOffer})...), Phase1PolicyMismatch, Certain, nil},
		"a refusal without its attribute":        {log(noOffer), Phase1PolicyMismatch, Likely, nil},
		"a refused transform, another accepted":  {log(refusedHash, Observation{Kind: OfferAccepted, Phase: Phase1, Session: 1}, up1), "", 0, nil},
		"a notify that nothing was chosen":       {log(told1("NO-PROPOSAL-CHOSEN")), Phase1PolicyMismatch, Likely, []Cause{NoPSKForPeer, ConnectionNotMatched, IKEVersionMismatch}},
		"the same after a lone first message":    {log(append(upTo(1), told1("NO-PROPOSAL-CHOSEN"))...), Phase1PolicyMismatch, Likely, []Cause{NoPSKForPeer}},
		"a bad message alone":                    {log(Observation{Kind: Undecryptable, Phase: Phase1}), PSKMismatch, Likely, []Cause{MalformedOrCorrupt}},
		"no key":                                 {log(p1(KeyMissing, 1)), NoPSKForPeer, Certain, nil},
		"the other version":                      {log(p1(OtherIKEVersion, 1)), IKEVersionMismatch, Likely, nil},
		"a refused version":                      {log(told1("INVALID-MAJOR-VERSION")), IKEVersionMismatch, Likely, nil},
		"an identity that is not wanted":         {log(Observation{Kind: IdentityRefused, Phase: Phase1, Offered: "10.0.0.1"}), IdentityMismatch, Likely, []Cause{PSKMismatch}},
		"no connection for the addresses":        {log(p1(NoConnection, 1)), ConnectionNotMatched, Likely, []Cause{IKEVersionMismatch}},
		"no crypto map on the interface":         {log(p1(NotEnabled, 1)), CryptoMapNotApplied, Likely, []Cause{ConnectionNotMatched}},
		"no answer to the first message":         {log(upTo(1)...), PeerUnreachable, Possible, []Cause{CryptoMapNotApplied}},
		"one retransmission and no more":         {log(as(Initiator, p1(Retransmitted, 1))...), PeerUnreachable, Possible, nil},
		"no answer, after a success":             {log(attempts([]Observation{up1}, upTo(1))...), PeerUnreachable, Likely, []Cause{CryptoMapNotApplied}},
		"no answer to the key exchange":          {log(upTo(3)...), FragmentationMTU, Possible, []Cause{PeerUnreachable}},
		"no answer to the proof":                 {log(upTo(5)...), PSKMismatch, Likely, []Cause{IdentityMismatch}},
		"the same on UDP 4500":                   {log(append(upTo(5), as(Initiator, p1(PortsFloated, 0))...)...), NATT4500Blocked, Possible, []Cause{PSKMismatch}},
		"no key for the public value":            {log(append(upTo(3), told1("INVALID-KEY-INFORMATION"))...), NoPSKForPeer, Likely, []Cause{Phase1PolicyMismatch, MalformedOrCorrupt}},
		"a failure notify to the proof":          {log(append(upTo(5), told1("AUTHENTICATION-FAILED"))...), PSKMismatch, Likely, []Cause{IdentityMismatch}},
		"an unread notify to the proof":          {log(append(upTo(5), p1(RefusedUnread, 5))...), PSKMismatch, Possible, []Cause{IdentityMismatch}},
		"a proof that cannot be checked":         {log(Observation{Kind: HashMismatch, Phase: Phase1}), PSKMismatch, Likely, nil},
		"an identity, and a hash that differs":   {log(Observation{Kind: IdentitySeen, Phase: Phase1, Offered: "10.0.0.1"}, Observation{Kind: HashMismatch, Phase: Phase1}), MalformedOrCorrupt, Likely, []Cause{PSKMismatch}},
		"MM_KEY_EXCH in a table":                 {log(state("MM_KEY_EXCH", RoleUnknown)), PSKMismatch, Likely, nil},
		"MM_NO_STATE in a table":                 {log(state("MM_NO_STATE", RoleUnknown)), PeerUnreachable, Possible, []Cause{Phase1PolicyMismatch, CryptoMapNotApplied}},
		"QM_IDLE in a table":                     {log(state("QM_IDLE", RoleUnknown)), "", 0, nil},
		"QM_IDLE, and packets that find no SA":   {log(state("QM_IDLE", RoleUnknown), Observation{Kind: DataDropped, Phase: PhaseData, Detail: "no SA", Count: 4}), Phase2TransformMismatch, Possible, []Cause{ProxyIdentityMismatch, PFSMismatch}},
		"proxies that fit nothing":               {log(Observation{Kind: ProxyRefused, Phase: Phase2}), ProxyIdentityMismatch, Likely, []Cause{ConnectionNotMatched}},
		"a transform that fits nothing":          {log(Observation{Kind: TransformRefused, Phase: Phase2, Attr: AttrTransform}), Phase2TransformMismatch, Certain, nil},
		"a transform, and the verdict":           {log(Observation{Kind: TransformRefused, Phase: Phase2, Attr: AttrKeyLength}, Observation{Kind: Phase2OfferRefused, Phase: Phase2}), Phase2TransformMismatch, Certain, nil},
		"the verdict alone":                      {log(Observation{Kind: Phase2OfferRefused, Phase: Phase2}), Phase2TransformMismatch, Likely, []Cause{PFSMismatch, ProxyIdentityMismatch}},
		"a group that fits nothing":              {log(Observation{Kind: PFSRefused, Phase: Phase2, Attr: AttrGroup}), PFSMismatch, Certain, nil},
		"told that the proxies do not fit":       {log(up1, told2("INVALID-ID-INFORMATION")), ProxyIdentityMismatch, Likely, nil},
		"told that nothing fits in phase 2":      {log(up1, told2("NO-PROPOSAL-CHOSEN")), Phase2TransformMismatch, Possible, []Cause{ProxyIdentityMismatch, PFSMismatch}},
		"quick mode without an answer":           {log(up1, Observation{Kind: Retransmitted, Phase: Phase2, Message: 1, Session: 1, Role: Initiator}), ProxyIdentityMismatch, Possible, []Cause{StaleSA, Phase2TransformMismatch}},
		"ESP for no SA":                          {log(Observation{Kind: InvalidSPI, Phase: PhaseLife}), StaleSA, Likely, nil},
		"ESP for no SA, and a new tunnel":        {log(Observation{Kind: InvalidSPI, Phase: PhaseLife}, up1, up2), "", 0, nil},
		"quick mode under an SA that is lost":    {log(Observation{Kind: StrayQuickMode, Phase: PhaseLife}, Observation{Kind: StrayQuickMode, Phase: PhaseLife}), StaleSA, Likely, nil},
		"a peer that is dead":                    {log(up1, Observation{Kind: PeerDead, Phase: PhaseLife}), DPDTimeout, Likely, []Cause{PeerUnreachable}},
		"a peer that was dead":                   {log(up1, Observation{Kind: PeerDead, Phase: PhaseLife}, Observation{Kind: Phase1Up, Phase: Phase1, Session: 2}), "", 0, nil},
		"sent, and nothing came":                 {log(Observation{Kind: Encapsulated, Phase: PhaseData, Count: 9}, Observation{Kind: Decapsulated, Phase: PhaseData}), ESPBlocked, Possible, []Cause{RoutingMissing}},
		"sent in UDP, and nothing came":          {log(Observation{Kind: Encapsulated, Phase: PhaseData, Count: 9, Detail: OverUDP}, Observation{Kind: Decapsulated, Phase: PhaseData, Detail: OverUDP}), RoutingMissing, Possible, []Cause{ESPBlocked}},
		"came, and nothing was sent":             {log(Observation{Kind: Decapsulated, Phase: PhaseData, Count: 9}, Observation{Kind: Encapsulated, Phase: PhaseData}), RoutingMissing, Possible, []Cause{ACLOrNATExemption}},
		"sent and came":                          {log(Observation{Kind: Encapsulated, Phase: PhaseData, Count: 9}, Observation{Kind: Decapsulated, Phase: PhaseData, Count: 8}), "", 0, nil},
		"clear text":                             {log(Observation{Kind: ClearTextSeen, Phase: PhaseData, Count: 1}), CryptoMapNotApplied, Likely, []Cause{ACLOrNATExemption}},
		"no route":                               {log(Observation{Kind: NoRoute, Detail: "10.2.0.0/16"}), RoutingMissing, Likely, nil},
		"the host refuses to send":               {log(p1(SendRefused, 1)), LocalFirewall, Likely, []Cause{RoutingMissing}},
		"the network says unreachable":           {log(p1(Unreachable, 1)), PeerUnreachable, Likely, nil},
		"a user who is refused":                  {log(Observation{Kind: XauthRejected, Phase: PhaseConfig}), XauthFailed, Certain, nil},
		"no address left":                        {log(Observation{Kind: PoolEmpty, Phase: PhaseConfig}), PoolExhausted, Certain, nil},
		"a certificate that has expired":         {log(p1(CertificateExpired, 5)), CertExpired, Likely, []Cause{CertNotYetValid}},
		"no list of revoked certificates":        {log(p1(CRLMissing, 5)), CRLUnreachable, Likely, nil},
		"a limit of the hardware":                {log(Observation{Kind: PlatformLimit}), HardwareOrMemory, Likely, nil},
		"a flood of first messages":              {log(Observation{Kind: Flooded, Place: "first messages", Count: 30000, Detail: "it goes on"}), Flood, Likely, []Cause{NoFault}},
		"an overlay that is down":                {log(Observation{Kind: OverlayDown}), OverlayMisconfig, Likely, nil},
		"a harmless message":                     {log(Observation{Kind: Harmless, Detail: "a message of no account"}), "", 0, nil},
		"nothing at all":                         {nil, "", 0, nil},
		"a failure, and then a tunnel":           {log(attempts(upTo(5), []Observation{up1, up2})...), "", 0, nil},
		"a tunnel, and then a wrong key":         {log(attempts([]Observation{up1, up2}, upTo(5))...), PSKMismatch, Possible, nil},
		"a slow failure beside a success":        {log(append(append(attempts(upTo(5)[:4]), Observation{Kind: Phase1Up, Phase: Phase1, Session: 2}), as(Initiator, p1(GaveUp, 5))...)...), "", 0, nil},
		"a refused pair, and another that is up": {log(up1, Observation{Kind: ProxyRefused, Phase: Phase2, Pair: "10.8.0.0/16 - 10.9.0.0/16"}, up2), ProxyIdentityMismatch, Likely, nil},
		"a refused pair that was mended":         {log(up1, Observation{Kind: ProxyRefused, Phase: Phase2, Pair: "10.1.0.0/16 - 10.2.3.0/24"}, up2), "", 0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			r := Judge(c.seen)
			if c.want == "" {
				if len(r.Findings) > 0 {
					t.Fatalf("findings:\n%s", r.Text())
				}
				return
			}
			if len(r.Findings) == 0 || r.Findings[0].Cause != c.want || r.Findings[0].Certainty != c.certainty {
				t.Fatalf("want %s, %s:\n%s", c.want, c.certainty, r.Text())
			}
			for _, a := range c.among {
				if !slices.Contains(r.Findings[0].Alternatives, a) {
					t.Errorf("%s is not left open: %v", a, r.Findings[0].Alternatives)
				}
			}
		})
	}
}

// A certain finding leaves nothing open, any other does and says what would tell;
// each quotes what it stands on.
func TestFindingsAreWhole(t *testing.T) {
	for _, r := range rules {
		var all []Observation
		for _, k := range r.needs {
			all = append(all, Observation{Kind: k, Phase: Phase1, Detail: "NO-PROPOSAL-CHOSEN", Count: 5, Attr: AttrHash, Session: 1, Role: Responder})
		}
		for _, f := range Judge(log(all...)).Findings {
			open := len(f.Alternatives) > 0 && f.Tell != ""
			if f.Certainty == Certain && (len(f.Alternatives) > 0 || f.Tell != "") || f.Certainty != Certain && !open && f.rule != "platform-limit" && f.rule != "support-missing" {
				t.Errorf("rule %s, %s: alternatives %v, tell %q", f.rule, f.Certainty, f.Alternatives, f.Tell)
			}
			if f.Summary == "" || len(f.Evidence) == 0 || f.Peer != other {
				t.Errorf("rule %s: %+v", f.rule, f)
			}
		}
	}
}

func TestCasesAreByPeer(t *testing.T) {
	third := netip.MustParseAddr("192.0.2.3")
	r := Judge([]Observation{
		{Kind: KeyMissing, Phase: Phase1, Peer: other}, {Kind: Undecryptable, Phase: Phase1, Peer: third}, {Kind: Surveyed},
		{Kind: Configured, Peer: other}, {Kind: Configured, Peer: third},
	})
	if len(r.Findings) != 2 || r.Of(other).Findings[0].Cause != NoPSKForPeer || r.Of(third).Findings[0].Cause != PSKMismatch {
		t.Errorf("findings:\n%s", r.Text())
	}
}
