package ios

import (
	"net/netip"

	"qmidle/internal/diagnose"
	"qmidle/internal/diagnose/read"
)

// keys are pre-shared keys, proofs and identities.
var keys = read.Join([]read.Phrase{
	does("No pre-shared key with {peer}", noKey),
	does("no pre-shared key based on {address|hostname} {peer}", func(x *read.Context, _ *read.Match) { saOf(x.Session).keyless = x.Quote() }),
	does("local preshared key found", func(x *read.Context, _ *read.Match) { saOf(x.Session).keyless = diagnose.Evidence{} }),
	does("pre-shared key for remote peer at {peer} is missing", noKey),
	does("No Cert or pre-shared address key", noKey),
	does("Looking for a matching key for {peer} in default : no", noKey),
	does("could not find pre-shared key", noKey),
	does("No cert, and no keys (public or pre-shared) with remote peer {peer}", noKey),
	does("No valid group key", noKey),
	does("reserved not zero on payload {payload}", garbage),
	does("malformed payload", func(x *read.Context, match *read.Match) {
		if x.Session != nil && !x.Session.Up && (x.Session.Sent >= 4 || x.Session.Received >= 3) {
			undecryptable(x, netip.Addr{})
		}
	}),
	does("error, msg not encrypted", func(x *read.Context, _ *read.Match) {
		x.Tell(diagnose.Observation{Kind: diagnose.NotEncrypted, Phase: diagnose.Phase1})
	}),
	does("found peer pre-shared key {match|matching} {peer}", foundKey),
	does("Looking for a matching key for {peer} in default : success", foundKey),
	does("reserved {not zero|no zero} on {payload} payload", garbage),
	does("IKE message from {peer} failed its sanity check or is malformed", badMessage),
	does("incrementing error counter on sa{}PAYLOAD_MALFORMED", garbageCounted),
	does("Authentication method {n} failed with host {peer}", hashWrong),
	does("hash payload {is incorrect|mismatch}", hashWrong),
	does("Hash {mismatch|verification failed}", hashWrong),
	does("SA authentication status: {not authenticated|failed}", hashWrong),
	does("SA has been authenticated with {peer}", authenticated),
	does("IKE packet from {peer} was not encrypted and it should've been", func(x *read.Context, match *read.Match) {
		remember(x).ends(netip.Addr{}, match.Addr("peer"))
		x.TellApart(diagnose.Observation{Kind: diagnose.NotEncrypted, Phase: diagnose.Phase1, Peer: match.Addr("peer")})
	}),
	does("IKE (connection id {n}) unable to decrypt", garbageCounted),
	does("unable to decrypt {IKE|ISAKMP} {message|packet}", garbageCounted),
	does("Remote peer {peer} responded with attribute {detail} not offered or changed", func(x *read.Context, match *read.Match) {
		x.TellApart(diagnose.Observation{Kind: diagnose.AllOffersRefused, Phase: diagnose.Phase1, Message: 2, Role: diagnose.Initiator, Peer: match.Addr("peer"), Detail: match.Hole("detail")})
	}),
	says("ID payload refused", diagnose.IdentityRefused, 5),
	says("peer {does not match|not matching} the ISAKMP profile", diagnose.IdentityRefused, 5),
	says("profile has no keyring for the peer", diagnose.KeyMissing, 5),
	does("received peer's identity {} does not match", func(x *read.Context, _ *read.Match) {
		x.Tell(diagnose.Observation{Kind: diagnose.IdentityRefused, Phase: diagnose.Phase1, Message: 5})
	}),
	does("Unable to initiate or respond to Aggressive Mode while disabled", func(x *read.Context, _ *read.Match) {
		x.Tell(diagnose.Observation{Kind: diagnose.AggressiveMode, Phase: diagnose.Phase1, Message: 1})
	}),
}, read.Known("processing CERT", "processing SIG payload", "SA authentication status", "peer wants cert issued by", "Choosing trustpoint",
	"processing a CT_X509_SIGNATURE cert", "peer's pubkey isn't cached", "using the {} trustpoint's keypair to sign", "constructing CERT payload"))

func noKey(x *read.Context, match *read.Match) {
	peer := match.Addr("peer")
	remember(x).about(x, peer, netip.Addr{})
	x.Tell(diagnose.Observation{Kind: diagnose.KeyMissing, Phase: diagnose.Phase1, Message: 1})
}

func foundKey(x *read.Context, match *read.Match) {
	peer := match.Addr("peer")
	remember(x).about(x, peer, netip.Addr{})
	x.Tell(diagnose.Observation{Kind: diagnose.KeyFound, Phase: diagnose.Phase1})
}

// garbage is a payload whose reserved byte is not zero: what was decrypted with
// another key. Before encryption begins it is a damaged message.
func garbage(x *read.Context, match *read.Match) {
	s := x.Session
	if s != nil && s.Received+s.Sent > 0 && s.Received < 3 && s.Sent < 3 && !s.Up {
		x.Tell(diagnose.Observation{Kind: diagnose.Malformed, Phase: diagnose.Phase1, Detail: "reserved not zero on " + match.Hole("payload") + " payload"})
		return
	}
	undecryptable(x, netip.Addr{})
}

func badMessage(x *read.Context, match *read.Match) {
	remember(x).ends(netip.Addr{}, match.Addr("peer"))
	undecryptable(x, match.Addr("peer"))
}

// undecryptable leaves the role open: whoever cannot decrypt has another key.
func undecryptable(x *read.Context, peer netip.Addr) {
	o := diagnose.Observation{Kind: diagnose.Undecryptable, Phase: diagnose.Phase1, Message: 5, Peer: peer}
	if s := x.Session; s != nil && (!peer.IsValid() || s.Peer == peer) {
		if s.Up {
			return // of quick mode, or of an SA that was lost
		}
		o.Peer, o.Local, o.Session = s.Peer, s.Local, s.ID()
		s.Received = max(s.Received, 5)
	}
	x.TellApart(o)
}

func garbageCounted(x *read.Context, _ *read.Match) { undecryptable(x, netip.Addr{}) }

func hashWrong(x *read.Context, match *read.Match) {
	remember(x).about(x, match.Addr("peer"), netip.Addr{})
	x.Tell(diagnose.Observation{Kind: diagnose.HashMismatch, Phase: diagnose.Phase1, Message: 5})
}

func authenticated(x *read.Context, match *read.Match) {
	remember(x).about(x, match.Addr("peer"), netip.Addr{})
	x.Tell(diagnose.Observation{Kind: diagnose.PeerAuthentic, Phase: diagnose.Phase1})
	if x.Session != nil && x.Session.Role == diagnose.Initiator {
		up(x)
	}
}
