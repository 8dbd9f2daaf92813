package ike

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/keymat"
	"qmidle/internal/pki/pkitest"
	"qmidle/internal/policy"
	"qmidle/internal/trace"
)

var hubKey, spokeKey, strangeKey = pkitest.NewRSAKey(2048), pkitest.NewRSAKey(2048), pkitest.NewRSAKey(1024)

func public(k any) *rsa.PublicKey { return &k.(*rsa.PrivateKey).PublicKey }

// withNonces has both ends prove themselves by encrypted nonces.
func withNonces(hub, spoke *Config) {
	for c, x := range map[*Config]struct {
		own  any
		peer PeerKey
	}{hub: {hubKey, PeerKey{Address: spokeAddr, Key: public(spokeKey)}}, spoke: {spokeKey, PeerKey{Address: hubAddr, Key: public(hubKey)}}} {
		c.Policies[0].Auth, c.Keys = isakmp.AuthRSAEnc, keys{}
		c.NonceKeys = &NonceKeys{Own: x.own.(*rsa.PrivateKey), Peers: []PeerKey{x.peer}}
	}
}

func TestMainModeWithEncryptedNonces(t *testing.T) {
	for _, later := range []bool{false, true} {
		p := newPair(t, func(hub, spoke *Config) {
			withNonces(hub, spoke)
			hub.DeferDH, spoke.DeferDH = later, later
		})
		p.connect()
		p.advance(time.Second)
		p.checkUp()
		if p.sent != tunnelDatagrams {
			t.Errorf("%d datagrams, want %d", p.sent, tunnelDatagrams)
		}
	}
}

// A responder may know a peer by the name that it presents.
func TestNamedKeyOfEncryptedNonces(t *testing.T) {
	name := policy.FQDNIdentity("spoke.example.com")
	p := newPair(t, func(hub, spoke *Config) {
		withNonces(hub, spoke)
		spoke.Identity = name
		hub.NonceKeys.Peers = []PeerKey{{Identity: name, Key: public(spokeKey)}, {Address: netip.MustParseAddr("192.0.2.99"), Key: public(strangeKey)}}
	})
	p.connect()
	p.advance(time.Second)
	p.checkUp()
}

// What cannot be decrypted is answered as what can be: by a message of the same
// payloads and lengths, at the same time; the exchange ends where one with a wrong
// key does. Neither end learns from the other which of its octets were at fault.
func TestNoncesAreNoOracle(t *testing.T) {
	type answer struct {
		size  int
		types string
		after time.Duration
	}
	run := func(t *testing.T, change func(hub, spoke *Config)) (p *pair, seen answer) {
		p = newPair(t, func(hub, spoke *Config) {
			withNonces(hub, spoke)
			change(hub, spoke)
		})
		p.connect()
		began := p.now
		p.lose = func(_ int, d Datagram) bool {
			if h, err := isakmp.ParseHeader(d.Data); err == nil && h.Exchange == isakmp.ExchangeIdentity && !h.Encrypted() && d.Local.Addr() == hubAddr {
				list, _, _ := isakmp.ParsePayloads(h.NextPayload, d.Data[isakmp.HeaderLen:], false, nil)
				seen = answer{size: len(d.Data), after: p.now.Sub(began)}
				for _, x := range list {
					seen.types += x.Type.String() + " " + strconv.Itoa(len(x.Body)) + ";"
				}
			}
			return false
		}
		p.advance(5 * time.Second)
		return p, seen
	}
	p, good := run(t, func(_, _ *Config) {})
	p.checkUp()
	if good.size == 0 || good.after != nonceReplyDelay {
		t.Fatalf("%+v", good)
	}
	for name, change := range map[string]func(hub, spoke *Config){
		"the initiator has another key of the responder": func(_, spoke *Config) { spoke.NonceKeys.Peers[0].Key = public(pkitest.NewRSAKey(2048)) },
		"the responder has another key of the initiator": func(hub, _ *Config) { hub.NonceKeys.Peers[0].Key = public(pkitest.NewRSAKey(2048)) },
		"the initiator is not known":                     func(hub, _ *Config) { hub.NonceKeys.Peers[0].Address = netip.MustParseAddr("192.0.2.99") },
	} {
		t.Run(name, func(t *testing.T) {
			p, got := run(t, change)
			if got != good {
				t.Errorf("answered by %+v, want %+v", got, good)
			}
			for _, s := range []*side{p.hub, p.spoke} {
				for _, x := range s.engine.ISAKMPSAs() {
					if x.Show != trace.MMKeyExch {
						t.Errorf("%s is in %s", s.name, x.Show)
					}
				}
				if got := protected(s); len(got) > 0 {
					t.Errorf("%s is told %v", s.name, got)
				}
			}
		})
	}
}

// Ciphertexts of every kind in message 3 are answered alike: those that do not
// decrypt, those whose padding is right and whose contents are not, and true ones
// of another exchange.
func TestBadNoncesAreNoOracle(t *testing.T) {
	seal := func(message []byte) []byte {
		c, err := keymat.EncryptPKCS1(public(hubKey), rand.Reader, message)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	identity := isakmp.AppendID(nil, isakmp.AddrID(spokeAddr))
	size := public(hubKey).Size()
	fill := func(b byte) []byte { return bytes.Repeat([]byte{b}, size) }
	nonce := bytes.Repeat([]byte{7}, nonceLen)
	for name, c := range map[string]struct{ id, nonce []byte }{
		"zeros":                    {fill(0), fill(0)},
		"greater than the modulus": {fill(0xff), fill(0xff)},
		"one":                      {append(fill(0)[1:], 1), append(fill(0)[1:], 1)},
		"an identity only":         {seal(identity), fill(3)},
		"a nonce only":             {fill(3), seal(nonce)},
		"an identity that is none": {seal([]byte("x")), seal(nonce)},
		"nobody's identity":        {seal(isakmp.AppendID(nil, isakmp.AddrID(netip.MustParseAddr("203.0.113.77")))), seal(nonce)},
		"an empty nonce":           {seal(identity), seal(nil)},
		"a short nonce":            {seal(identity), seal(nonce[:7])},
		"another's, well made":     {seal(identity), seal(nonce)},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t, withNonces)
			answered := time.Duration(-1)
			began := p.now
			p.rewrite = func(_ int, d *Datagram) {
				h, err := isakmp.ParseHeader(d.Data)
				if err != nil || h.Encrypted() || h.Exchange != isakmp.ExchangeIdentity {
					return
				}
				list, _, _ := isakmp.ParsePayloads(h.NextPayload, d.Data[isakmp.HeaderLen:], false, nil)
				if len(list) < 3 || list[1].Type != isakmp.PayloadID {
					return
				}
				if d.Local.Addr() == hubAddr {
					answered = p.now.Sub(began)
					return
				}
				b := isakmp.NewBuilder(nil, h)
				for _, x := range list {
					switch x.Type {
					case isakmp.PayloadID:
						x.Body = c.id
					case isakmp.PayloadNonce:
						x.Body = c.nonce
					}
					b.Add(x.Type, x.Body)
				}
				d.Data = b.Bytes(1)
			}
			p.connect()
			p.advance(5 * time.Second)
			if answered != nonceReplyDelay {
				t.Errorf("answered after %v", answered)
			}
			for _, x := range p.hub.engine.ISAKMPSAs() {
				if x.Show != trace.MMKeyExch {
					t.Errorf("the hub is in %s", x.Show)
				}
			}
			p.advance(5 * time.Minute)
			p.hub.engine.checkQuiet(t)
		})
	}
	p := newPair(t, withNonces)
	p.rewrite = func(_ int, d *Datagram) {
		if h, _ := isakmp.ParseHeader(d.Data); h.NextPayload == isakmp.PayloadKE && d.Local.Addr() != hubAddr {
			b := isakmp.NewBuilder(nil, h)
			list, _, _ := isakmp.ParsePayloads(h.NextPayload, d.Data[isakmp.HeaderLen:], false, nil)
			for _, x := range list {
				if x.Type == isakmp.PayloadNonce {
					x.Body = x.Body[1:]
				}
				b.Add(x.Type, x.Body)
			}
			d.Data = b.Bytes(1)
		}
	}
	p.connect()
	if n := p.hub.engine.Statistics().Dropped[trace.DropNonce]; n != 1 {
		t.Errorf("%d messages with a ciphertext of another length are dropped", n)
	}
}
