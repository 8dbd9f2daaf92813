package dataplane

import (
	"fmt"
	"math"
	"time"

	"qmidle/internal/dataplane/xfrm"
	"qmidle/internal/ipsec"
	"qmidle/internal/isakmp"
	"qmidle/internal/secret"
)

// reqidFirst is the first of the numbers that join our policies and states. Crypto
// map entries and instances get theirs in the order in which they come.
const (
	reqidFirst = 0x17010000
	reqidEnd   = 0x18000000
)

// defaultGrace is how long the kernel keeps a state behind the end that its owner
// has set: a gateway that is killed leaves no keys in use.
const defaultGrace = time.Minute

// kernelSA is an SA with what is known of it besides the kernel.
type kernelSA struct {
	*ipsec.SA
	seen  xfrm.Status // at the last look
	ended bool        // it has carried its kilobytes: the kernel has it no more
}

// stateID is what the kernel finds an SA by.
func (sa *kernelSA) stateID() xfrm.ID {
	p := sa.Params()
	if p.Direction == ipsec.Inbound {
		return xfrm.ID{SPI: p.SPI, Destination: p.Local}
	}
	return xfrm.ID{SPI: p.SPI, Destination: p.Remote}
}

// stateOf is an SA in the kernel's terms.
func stateOf(p ipsec.SAParams, sa *ipsec.SA, grace time.Duration, o ipsec.OuterPolicy, reqid, ifID uint32) (xfrm.State, error) {
	s := xfrm.State{ID: xfrm.ID{SPI: p.SPI, Destination: p.Remote}, Source: p.Local, Mode: modeOf(p.Mode), Reqid: reqid, Interface: ifID,
		Selector: stateSelector(p), Limits: limitsOf(p, sa, grace), FragmentAfter: o.DF == ipsec.DFClear}
	sport, dport := p.LocalPort, p.RemotePort
	if p.Direction == ipsec.Inbound {
		s.Destination, s.Source, sport, dport = p.Local, p.Remote, dport, sport
		s.ReplayWindow = uint32(max(0, sa.Params().ReplayWindow))
	} else {
		s.Mark = Mark
	}
	if p.UDPEncap {
		s.Encapsulation = xfrm.Encapsulation{Source: sport, Destination: dport}
	}
	return s, setTransforms(&s, p)
}

func modeOf(m ipsec.Mode) xfrm.Mode {
	if m == ipsec.Transport {
		return xfrm.Transport
	}
	return xfrm.Tunnel
}

// limitsOf has the volume's end where packets are refused, and the time's end
// behind that of the owner, who has the clock and renews in time. His clock may stand still
// while the host sleeps, and the kernel's goes on: then it is the kernel that asks for a
// successor when the time is over.
func limitsOf(p ipsec.SAParams, sa *ipsec.SA, grace time.Duration) (l xfrm.Limits) {
	if soft, _, refuse := sa.Volumes(); refuse != math.MaxUint64 {
		l.SoftBytes, l.HardBytes = soft, refuse
	}
	if p.Direction == ipsec.Outbound {
		l.SoftPackets, l.HardPackets = ipsec.SoftSequence, math.MaxUint32-1
	}
	if p.LifeSeconds > 0 {
		l.SoftSeconds, l.HardSeconds = uint64(p.LifeSeconds), uint64(p.LifeSeconds)+uint64(grace/time.Second)
	}
	return l
}

// The kernel's names of transforms.
var (
	kernelCiphers = map[isakmp.ESPTransform]string{
		isakmp.ESPNull: "ecb(cipher_null)", isakmp.ESPDES: "cbc(des)", isakmp.ESP3DES: "cbc(des3_ede)", isakmp.ESPAES: "cbc(aes)",
	}
	kernelHashes = map[isakmp.AuthAlgorithm]xfrm.Algorithm{
		isakmp.AuthAlgHMACMD5: {Name: "hmac(md5)", Bits: 96}, isakmp.AuthAlgHMACSHA1: {Name: "hmac(sha1)", Bits: 96},
		isakmp.AuthAlgHMACSHA256: {Name: "hmac(sha256)", Bits: 128}, isakmp.AuthAlgHMACSHA384: {Name: "hmac(sha384)", Bits: 192},
		isakmp.AuthAlgHMACSHA512: {Name: "hmac(sha512)", Bits: 256},
	}
)

const gcmBits = 128

func setTransforms(s *xfrm.State, p ipsec.SAParams) error {
	if p.Transform == isakmp.ESPAESGCM16 {
		s.AEAD = xfrm.Algorithm{Name: "rfc4106(gcm(aes))", Key: p.EncKey, Bits: gcmBits}
		return nil
	}
	name := kernelCiphers[p.Transform]
	if name == "" {
		return &ipsec.ParamError{Field: "Transform", Reason: fmt.Sprintf("%d is not one of the kernel's", p.Transform)}
	}
	s.Cipher = xfrm.Algorithm{Name: name, Key: p.EncKey}
	if p.Auth == isakmp.AuthAlgNone {
		return nil
	}
	s.Integrity = kernelHashes[p.Auth]
	s.Integrity.Key = p.AuthKey
	return nil
}

// forgetKeys replaces keys by zeros of their length.
func forgetKeys(p ipsec.SAParams) ipsec.SAParams {
	zeros := func(s secret.Secret) secret.Secret { return secret.New(make([]byte, len(s.Reveal()))) }
	p.EncKey, p.AuthKey = zeros(p.EncKey), zeros(p.AuthKey)
	return p
}
