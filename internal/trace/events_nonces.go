package trace

import (
	"net/netip"

	"qmidle/internal/isakmp"
)

// NonceDecrypted says whether the peer's identity and nonce could be decrypted with
// our RSA key. Where not, the exchange goes on with random ones and fails later: the
// peer is not told.
type NonceDecrypted struct{ OK bool }

// PeerKeyMissing says that no RSA public key is known of a peer that authenticates by
// encrypted nonces, nor of the identity that it presents.
type PeerKeyMissing struct {
	Peer netip.Addr
	ID   isakmp.IDType
	Name []byte
}

func (*NonceDecrypted) Code() Code { return CodeNonceDecrypted }
func (*PeerKeyMissing) Code() Code { return CodePeerKeyMissing }

func (e *NonceDecrypted) Fields(f *Fields) { f.Bool("ok", &e.OK) }
func (e *PeerKeyMissing) Fields(f *Fields) {
	f.Addr("peer", &e.Peer)
	Enum(f, "id_type", &e.ID)
	f.Bytes("name", &e.Name)
}

// writeNonces prints what encrypted nonces alone have. IOS's words are not known, so
// these are this project's. It is false for an event of another kind.
func (w *iosWriter) writeNonces(event Event) bool {
	switch e := event.(type) {
	case *NonceDecrypted:
		if !e.OK {
			w.sa(" the peer's identity and nonce are not encrypted for the RSA key of this end")
		}
	case *PeerKeyMissing:
		w.sa(" no RSA public key for %s, nor for %s", e.Peer, printable(e.Name))
	default:
		return false
	}
	return true
}
