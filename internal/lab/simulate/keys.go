package simulate

import (
	"crypto/sha256"
	"encoding/binary"

	"qmidle/internal/ike"
	"qmidle/internal/ipsec"
	"qmidle/internal/isakmp"
)

// keys holds that no key protects twice: each SA of a run has keys of its own,
// which its peer has too; no sequence number and no IV repeats under them; and
// no two IKE messages begin with the same block of ciphertext, as they would
// under one IV.
type keys struct {
	r        *run
	inbound  map[digest]uint32 // keys to SPI
	outbound map[digest]uint32
	sending  map[outboundSA]*sending
	ivs      map[iv]bool
	first    map[firstBlock]digest // to the whole message
	messages map[exchange]map[digest]bool
}

type digest [16]byte

func digestOf(parts ...[]byte) (d digest) {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
	}
	copy(d[:], h.Sum(nil))
	return d
}

type outboundSA struct {
	gateway string
	spi     uint32
}

// sending is an outbound SA.
type sending struct {
	keys  digest
	ivLen int
	last  uint32 // sequence number
}

type iv struct {
	keys digest
	iv   [16]byte
}

// firstBlock is the cookies of an SA and the first octets of a ciphertext.
type firstBlock [24]byte

// exchange is what one end sends under a message ID.
type exchange struct {
	gateway string
	cookies [16]byte
	id      uint32
}

func newKeys(r *run) keys {
	return keys{r, make(map[digest]uint32), make(map[digest]uint32), make(map[outboundSA]*sending), make(map[iv]bool),
		make(map[firstBlock]digest), make(map[exchange]map[digest]bool)}
}

func (k *keys) installed(gateway string, sa ipsec.SAParams) {
	d := digestOf(sa.EncKey.Reveal(), []byte{0}, sa.AuthKey.Reveal())
	table := k.inbound
	if sa.Direction == ipsec.Outbound {
		table = k.outbound
	}
	if spi, used := table[d]; used {
		k.r.fail("no traffic key reused", "%s installs %v SA %#x with the keys of %#x", gateway, sa.Direction, sa.SPI, spi)
		return
	}
	table[d] = sa.SPI
	if sa.Direction == ipsec.Inbound {
		return
	}
	if spi, has := k.inbound[d]; !has || spi != sa.SPI {
		k.r.fail("both ends agree", "%s installs outbound SA %#x with keys that its peer has not", gateway, sa.SPI)
	}
	k.sending[outboundSA{gateway, sa.SPI}] = &sending{keys: d, ivLen: ivLen(sa.Transform)}
}

func ivLen(t isakmp.ESPTransform) int {
	switch t {
	case isakmp.ESPNull:
		return 0
	case isakmp.ESPAES:
		return 16
	}
	return 8 // DES, 3DES, and GCM's explicit part
}

func (k *keys) removed(gateway string, sa ike.RemovedSA) {
	if sa.Direction == ipsec.Outbound {
		delete(k.sending, outboundSA{gateway, sa.SPI})
	}
}

func (k *keys) sentESP(gateway string, esp []byte) {
	spi, seq := binary.BigEndian.Uint32(esp), binary.BigEndian.Uint32(esp[4:])
	s := k.sending[outboundSA{gateway, spi}]
	if s == nil {
		k.r.fail("both ends agree", "%s sends in SA %#x, which it has not", gateway, spi)
		return
	}
	if seq <= s.last {
		k.r.fail("no traffic key reused", "%s sends number %d in SA %#x after %d", gateway, seq, spi, s.last)
	}
	s.last = seq
	if s.ivLen == 0 {
		return
	}
	x := iv{keys: s.keys}
	copy(x.iv[:], esp[8:8+s.ivLen])
	if k.ivs[x] {
		k.r.fail("no traffic key reused", "%s uses an IV of SA %#x a second time", gateway, spi)
	}
	k.ivs[x] = true
}

// sentIKE looks at encrypted messages. A retransmission is the same message
// again, whole.
func (k *keys) sentIKE(gateway string, message []byte) {
	h, err := isakmp.ParseHeader(message)
	if err != nil || h.Flags&isakmp.FlagEncryption == 0 || len(message) < isakmp.HeaderLen+8 {
		return
	}
	d := digestOf(message)
	var f firstBlock
	copy(f[:], message[:16])
	copy(f[16:], message[isakmp.HeaderLen:])
	if other, used := k.first[f]; used && other != d {
		k.r.fail("no IV reused", "%s sends two messages that begin with the same ciphertext, the second %v, message ID %#x", gateway, h.Exchange, h.MessageID)
	}
	k.first[f] = d
	x := exchange{gateway: gateway, cookies: [16]byte(message), id: h.MessageID}
	if k.messages[x] == nil {
		k.messages[x] = make(map[digest]bool)
	}
	k.messages[x][d] = true
	limit := 1
	if h.Exchange == isakmp.ExchangeQuick {
		limit = 2 // the initiator's messages 1 and 3
	}
	if n := len(k.messages[x]); n > limit {
		k.r.fail("no IV reused", "%s sends %d messages of %v under message ID %#x", gateway, n, h.Exchange, h.MessageID)
	}
}
