package radius

import (
	"crypto/md5"
	"crypto/subtle"
	"encoding/binary"

	"qmidle/internal/secret"
)

// A Tunnel-Password is a tag, a salt, and the password hidden by both with the
// request's authenticator (RFC 2868 section 3.5).
const tunnelHead = 3

// TunnelSecret is the Tunnel-Password of an answer to a request, empty where there
// is none that can be read.
func (p *Packet) TunnelSecret(request *Packet, key secret.Secret) secret.Secret {
	v, ok := p.First(TunnelPassword)
	if !ok || len(v) < tunnelHead+md5.Size || (len(v)-tunnelHead)%md5.Size != 0 {
		return secret.Secret{}
	}
	clear := unhide(v[tunnelHead:], key, join(request.Authenticator[:], v[1:tunnelHead]))
	if n := int(clear[0]); n < len(clear) {
		return secret.New(clear[1 : 1+n])
	}
	return secret.Secret{} // another key, or no password
}

// AddTunnelSecret adds a Tunnel-Password to the answer to a request, for tests and
// for the lab.
func (p *Packet) AddTunnelSecret(password secret.Secret, salt uint16, request *Packet, key secret.Secret) {
	clear := append([]byte{byte(len(password.Reveal()))}, password.Reveal()...)
	head := binary.BigEndian.AppendUint16([]byte{0}, salt|1<<15)
	p.Add(TunnelPassword, append(head, hide(clear, key, join(request.Authenticator[:], head[1:]))...))
}

// unhide is the reverse of hide: what is hidden masks the next block.
func unhide(hidden []byte, key secret.Secret, authenticator []byte) []byte {
	out := make([]byte, len(hidden))
	before := authenticator
	for i := 0; i < len(hidden); i += md5.Size {
		mask := md5.Sum(join(key.Reveal(), before))
		before = hidden[i : i+md5.Size]
		subtle.XORBytes(out[i:], before, mask[:])
	}
	return out
}
