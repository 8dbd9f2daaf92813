package diagnose

import "net/netip"

// fixer writes the fixes of one finding.
type fixer struct {
	c    *Case
	f    *Finding
	o    *Observation // whose values are at fault; never nil
	out  []Fix
	peer string // the peer's address, or PEER
	here string // ours, or LOCAL
}

// fixes are what to do about each cause. A label without fixes is one where only
// the evidence says what to do.
var fixes = map[Cause]func(*fixer){
	Phase1PolicyMismatch: fixPolicy, Phase2TransformMismatch: fixTransform, PFSMismatch: fixPFS,
	ProxyIdentityMismatch: fixProxies, PSKMismatch: fixKey, NoPSKForPeer: fixKey, PublicKeyMismatch: fixPublicKey, IdentityMismatch: fixIdentity,
	AggressiveVsMain: fixMode, IKEVersionMismatch: fixVersion, ConnectionNotMatched: fixConnection,
	CryptoMapNotApplied: fixMap, NoInterestingTraffic: fixNothingAsked, ACLOrNATExemption: fixACL, RoutingMissing: fixRoute,
	ESPBlocked: fixESP, PeerUnreachable: fixUDP500, NATT4500Blocked: fixUDP4500, LocalFirewall: fixFirewall,
	StaleSA: fixStale, DPDTimeout: fixDead, FragmentationMTU: fixMTU, ReplayErrors: fixReplay,
	XauthFailed: fixUser, XauthNotExpected: fixXAUTH, GroupUnknown: fixGroup, PoolExhausted: fixPool,
	CertExpired: fixExpired, CertNotYetValid: fixEarly, CertRevoked: fixRevoked, CRLUnreachable: fixCRL, CAUnknown: fixCA, Other: fixCertificate,
	MalformedOrCorrupt: fixCapture, PeerQuirk: fixCapture, HardwareOrMemory: fixLimits, Flood: fixFlood,
}

func fixesOf(c *Case, f *Finding) []Fix {
	write := fixes[f.Cause]
	if write == nil {
		return nil
	}
	x := &fixer{c: c, f: f, o: f.about, peer: "PEER", here: "LOCAL"}
	if x.o == nil {
		x.o = &Observation{}
	}
	if c.Peer.IsValid() {
		x.peer = c.Peer.String()
	}
	if a := c.local(); a.IsValid() {
		x.here = a.String()
	}
	if f.onPath {
		x.peer, x.here = f.Peer.String(), f.Local.String()
	}
	write(x)
	return x.out
}

// local is this end's address in the dealings with the peer.
func (c *Case) local() netip.Addr {
	for _, o := range append(c.configured(), c.All...) {
		if o.Local.IsValid() && o.Peer == c.Peer {
			return o.Local
		}
	}
	return netip.Addr{}
}

func (x *fixer) say(w Where, s System, text string, commands ...string) {
	x.out = append(x.out, Fix{w, s, text, commands})
}

func (x *fixer) ios(text string, commands ...string) { x.say(Here, IOS, text, commands...) }

// everywhere writes the peer's end in the words of each system.
func (x *fixer) everywhere(ios, asa, strongswan, libreswan []string) {
	for _, s := range []struct {
		system   System
		commands []string
	}{{IOS, ios}, {ASA, asa}, {StrongSwan, strongswan}, {Libreswan, libreswan}} {
		if len(s.commands) > 0 {
			x.say(AtPeer, s.system, "", s.commands...)
		}
	}
}

// mapName is the crypto map entry that the finding is about, or a stand-in.
func (x *fixer) entry() string {
	if lines := x.c.configured(); len(lines) > 0 {
		return lines.Last().Place
	}
	return "crypto map NAME 10"
}
