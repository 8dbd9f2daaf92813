package diagnose

import "net/netip"

// Details that readers of logs share with the rules.
const (
	DeletedByPeer = deletedByPeer
	// QuickTimedOut is the Detail of a quick mode that ended without an answer.
	QuickTimedOut = quickTimedOut
	// Signatures is what an OfferAccepted of AttrAuth offers where certificates
	// or public keys prove the ends.
	Signatures = "rsa-sig"
	// Nonces is what it offers where encrypted nonces do.
	Nonces = "rsa-encr"
	// UnnamedError is the Detail of an error that the peer tells, and the log
	// does not name.
	UnnamedError = "an error that the log does not name"
	// LogEnds is the Detail of a negotiation behind whose last message the log
	// ends: it may have gone on.
	LogEnds = "the log ends here"
)

// ToPeer is the Detail of a route to the peer itself.
func ToPeer(peer netip.Addr) string {
	if !peer.IsValid() {
		return peerWord + "(its address is not in the log)"
	}
	return peerWord + peer.String()
}
