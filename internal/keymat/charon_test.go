package keymat

import (
	"bufio"
	"bytes"
	"crypto"
	"crypto/rsa"
	"encoding/binary"
	"encoding/hex"
	"math/big"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"qmidle/internal/isakmp"
)

// The files testdata/charon-*.txt are exchanges between two strongSwan charons:
// every datagram, and the secrets that charon logged. They are replayed here as
// an observer would who was given the pre-shared key and g^xy only.

// datagram is an ISAKMP message and who sent it.
type datagram struct {
	byInitiator bool
	octets      []byte
}

func (d datagram) exchange() isakmp.ExchangeType { return isakmp.ExchangeType(d.octets[18]) }
func (d datagram) encrypted() bool               { return d.octets[19]&isakmp.FlagEncryption != 0 }
func (d datagram) messageID() uint32             { return binary.BigEndian.Uint32(d.octets[20:]) }

// capture is one file: its keys, each with one value or several.
type capture struct {
	values    map[string][]string
	datagrams []datagram
	children  []*capture
}

func readCapture(t *testing.T, name string) *capture {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	top := &capture{values: map[string][]string{}}
	current := top
	for lines := bufio.NewScanner(f); lines.Scan(); {
		key, value, _ := strings.Cut(lines.Text(), " ")
		switch key {
		case "", "#":
		case "initiator", "responder":
			top.datagrams = append(top.datagrams, datagram{key == "initiator", unhex(t, value)})
		case "child":
			current = &capture{values: map[string][]string{}}
			top.children = append(top.children, current)
			fallthrough
		default:
			current.values[key] = append(current.values[key], value)
		}
	}
	if len(top.datagrams) < 8 || len(top.children) != 2 {
		t.Fatalf("%s has %d datagrams and %d children", name, len(top.datagrams), len(top.children))
	}
	return top
}

func (c *capture) has(key string) bool { return len(c.values[key]) == 1 }

func (c *capture) text(t *testing.T, key string) string {
	t.Helper()
	if !c.has(key) {
		t.Fatalf("%d values of %s", len(c.values[key]), key)
	}
	return c.values[key][0]
}

func (c *capture) bytes(t *testing.T, key string) []byte {
	t.Helper()
	if text := c.text(t, key); text != "-" {
		return unhex(t, text)
	}
	return nil
}

func (c *capture) number(t *testing.T, key string) uint16 {
	t.Helper()
	n, err := strconv.ParseUint(c.text(t, key), 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	return uint16(n)
}

// payload is a payload of a message: its body, and where it starts and ends
// with its header.
type payload struct {
	kind       isakmp.PayloadType
	body       []byte
	start, end int
}

// payloads walks the chain of a message whose payloads are clear.
func payloads(t *testing.T, first byte, msg []byte) []payload {
	t.Helper()
	var out []payload
	at := 0
	for next := first; next != 0; {
		n := int(binary.BigEndian.Uint16(msg[at+2:]))
		if n < 4 || at+n > len(msg) {
			t.Fatalf("payload %d of %d octets at %d of %d: not decrypted?", next, n, at, len(msg))
		}
		out = append(out, payload{isakmp.PayloadType(next), msg[at+4 : at+n], at, at + n})
		next, at = msg[at], at+n
	}
	return out
}

func find(t *testing.T, ps []payload, kind isakmp.PayloadType) []byte {
	t.Helper()
	if b := findAny(ps, kind); b != nil {
		return b
	}
	t.Fatalf("no payload %d", kind)
	return nil
}

func findAny(ps []payload, kind isakmp.PayloadType) []byte {
	for _, p := range ps {
		if p.kind == kind {
			return p.body
		}
	}
	return nil
}

// observer follows one capture.
type observer struct {
	t          *testing.T
	c          *capture
	h          isakmp.HashAlgorithm
	ckyI, ckyR [8]byte
	skeyid     Skeyid
	cipher     *Cipher
	phase1     IV
	chains     map[uint32]*IV
	used       map[uint32][]string // the IVs of each message ID in order

	sai, gxi, gxr, ni, nr []byte // of phase 1
	idi, idr              []byte
	quick                 map[uint32]*quickMode
	proven                map[string]int
}

// quickMode is what an observer keeps of one quick mode.
type quickMode struct {
	messages   int
	ni, nr     []byte
	spiI, spiR [4]byte
	gxi, gxr   []byte
}

const headerLen = 28

func newObserver(t *testing.T, c *capture) *observer {
	return &observer{
		t: t, c: c, h: isakmp.HashAlgorithm(c.number(t, "hash")),
		chains: map[uint32]*IV{}, used: map[uint32][]string{},
		quick: map[uint32]*quickMode{}, proven: map[string]int{},
	}
}

// clear reads a message of phase 1 that is not encrypted.
func (o *observer) clear(d datagram) {
	ps := payloads(o.t, d.octets[16], d.octets[headerLen:])
	copy(o.ckyI[:], d.octets[:8])
	copy(o.ckyR[:], d.octets[8:16])
	if sa := findAny(ps, isakmp.PayloadSA); d.byInitiator && sa != nil {
		o.sai = sa
	}
	if ke := findAny(ps, isakmp.PayloadKE); ke != nil {
		nonce := find(o.t, ps, isakmp.PayloadNonce)
		if d.byInitiator {
			o.gxi, o.ni = ke, nonce
		} else {
			o.gxr, o.nr = ke, nonce
			o.deriveKeys()
		}
	}
	if d.exchange() == isakmp.ExchangeAggressive {
		o.phase1Identity(d, ps)
	}
}

func (o *observer) deriveKeys() {
	t, c := o.t, o.c
	t.Helper()
	g := isakmp.Group(c.number(t, "group"))
	for _, pub := range [][]byte{o.gxi, o.gxr} {
		if err := ValidatePublic(g, pub); err != nil {
			t.Error(err)
		}
	}
	gxy := c.bytes(t, "g^xy")
	var base []byte
	if c.has("psk") {
		base = SkeyidPSK(o.h, c.bytes(t, "psk"), o.ni, o.nr)
	} else {
		base = SkeyidSignatures(o.h, o.ni, o.nr, gxy)
	}
	o.skeyid = DeriveSkeyid(o.h, base, gxy, o.ckyI, o.ckyR)
	checkBytes(t, "SKEYID", o.skeyid.Base, c.bytes(t, "SKEYID"))
	checkBytes(t, "SKEYID_d", o.skeyid.D, c.bytes(t, "SKEYID_d"))
	checkBytes(t, "SKEYID_a", o.skeyid.A, c.bytes(t, "SKEYID_a"))
	checkBytes(t, "SKEYID_e", o.skeyid.E, c.bytes(t, "SKEYID_e"))

	e := isakmp.EncryptionAlgorithm(c.number(t, "encryption"))
	n, ok := CipherKeyLen(e, c.number(t, "keybits"))
	if !ok {
		t.Fatal("cipher not supported")
	}
	key := EncryptionKey(o.h, e, n, o.skeyid.E)
	checkBytes(t, "Ka", key, c.bytes(t, "Ka"))
	var err error
	if o.cipher, err = NewCipher(e, key); err != nil {
		t.Fatal(err)
	}
	o.phase1 = Phase1IV(o.h, o.gxi, o.gxr, o.cipher.BlockSize())
	checkBytes(t, "initial IV", o.phase1.Bytes(), c.bytes(t, "initial-iv"))
}

// decrypt returns the payloads of an encrypted message and moves its chain on.
func (o *observer) decrypt(d datagram) (ps []payload, clear []byte) {
	id := d.messageID()
	iv := &o.phase1
	if id != 0 {
		if o.chains[id] == nil {
			first := o.phase1.ForMessage(o.h, id, o.cipher.BlockSize())
			o.chains[id] = &first
			o.used[id] = append(o.used[id], hex.EncodeToString(first.Bytes()))
		}
		iv = o.chains[id]
	}
	body := append([]byte(nil), d.octets[headerLen:]...)
	o.cipher.Decrypt(iv.Bytes(), body)
	iv.Advance(d.octets)
	o.used[id] = append(o.used[id], hex.EncodeToString(iv.Bytes()))
	return payloads(o.t, d.octets[16], body), body
}

// phase1Identity takes the identity that a message has, and checks the proof
// that comes with it or after it.
func (o *observer) phase1Identity(d datagram, ps []payload) {
	t := o.t
	if id := findAny(ps, isakmp.PayloadID); id != nil {
		if d.byInitiator {
			o.idi = id
		} else {
			o.idr = id
		}
	}
	want := HashI(o.h, o.skeyid.Base, o.gxi, o.gxr, o.ckyI, o.ckyR, o.sai, o.idi)
	name := "initiator"
	if !d.byInitiator {
		want = HashR(o.h, o.skeyid.Base, o.gxi, o.gxr, o.ckyI, o.ckyR, o.sai, o.idr)
		name = "responder"
	}
	if hash := findAny(ps, isakmp.PayloadHash); hash != nil {
		checkBytes(t, "HASH of the "+name, hash, want)
		o.proven[name]++
	}
	if sig := findAny(ps, isakmp.PayloadSignature); sig != nil {
		key := &rsa.PublicKey{N: new(big.Int).SetBytes(o.c.bytes(t, name+"-rsa-modulus")), E: 65537}
		// RFC 2409 section 5.1: the hash is signed bare, without an object ID.
		if err := rsa.VerifyPKCS1v15(key, crypto.Hash(0), want, sig); err != nil {
			t.Errorf("signature of the %s: %v", name, err)
		}
		o.proven[name]++
	}
}

func (o *observer) quickMessage(d datagram) {
	ps, clear := o.decrypt(d)
	id := d.messageID()
	q := o.quick[id]
	if q == nil {
		q = &quickMode{}
		o.quick[id] = q
	}
	q.messages++
	if ps[0].kind != isakmp.PayloadHash {
		o.t.Fatalf("quick mode starts with payload %d", ps[0].kind)
	}
	rest := clear[ps[0].end:ps[len(ps)-1].end]
	var want []byte
	switch q.messages {
	case 1:
		q.ni, q.spiI, q.gxi = find(o.t, ps, isakmp.PayloadNonce), o.spi(ps), findAny(ps, isakmp.PayloadKE)
		want = QuickHash1(o.h, o.skeyid.A, id, rest)
	case 2:
		q.nr, q.spiR, q.gxr = find(o.t, ps, isakmp.PayloadNonce), o.spi(ps), findAny(ps, isakmp.PayloadKE)
		want = QuickHash2(o.h, o.skeyid.A, id, q.ni, rest)
	case 3:
		want = QuickHash3(o.h, o.skeyid.A, id, q.ni, q.nr)
	}
	checkBytes(o.t, "HASH("+strconv.Itoa(q.messages)+")", ps[0].body, want)
	o.proven["quick"]++
}

// spi reads the SPI of the first proposal: DOI and situation, the payload
// header, then number, protocol, SPI length and transforms.
func (o *observer) spi(ps []payload) (spi [4]byte) {
	proposal := find(o.t, ps, isakmp.PayloadSA)[8:]
	if isakmp.ProtocolID(proposal[5]) != isakmp.ProtocolESP || proposal[6] != 4 {
		o.t.Fatalf("proposal %x is not ESP with an SPI", proposal[:8])
	}
	copy(spi[:], proposal[8:])
	return spi
}

func (o *observer) informational(d datagram) {
	ps, clear := o.decrypt(d)
	want := InfoHash(o.h, o.skeyid.A, d.messageID(), clear[ps[0].end:ps[len(ps)-1].end])
	checkBytes(o.t, "HASH of an informational", ps[0].body, want)
	o.proven["informational"]++
}

func (o *observer) follow(d datagram) {
	switch {
	case !d.encrypted():
		o.clear(d)
	case d.exchange() == isakmp.ExchangeQuick:
		o.quickMessage(d)
	case d.exchange() == isakmp.ExchangeInformational:
		o.informational(d)
	default:
		ps, _ := o.decrypt(d)
		o.phase1Identity(d, ps)
	}
}

// checkChild derives the keys of both directions of one quick mode.
func (o *observer) checkChild(c *capture) {
	t := o.t
	id, err := strconv.ParseUint(c.text(t, "child"), 16, 32)
	if err != nil {
		t.Fatal(err)
	}
	q := o.quick[uint32(id)]
	var gxy []byte
	if c.has("pfs-group") {
		gxy = c.bytes(t, "g(qm)^xy")
		for _, pub := range [][]byte{q.gxi, q.gxr} {
			if err := ValidatePublic(isakmp.Group(c.number(t, "pfs-group")), pub); err != nil {
				t.Error(err)
			}
		}
	} else if q.gxi != nil {
		t.Error("a KE payload without PFS")
	}
	enc, auth, ok := ESPKeyLens(isakmp.ESPTransform(c.number(t, "esp")), c.number(t, "esp-keybits"),
		isakmp.AuthAlgorithm(c.number(t, "esp-auth")))
	if !ok {
		t.Fatal("ESP transform not supported")
	}
	for name, spi := range map[string][4]byte{"initiator": q.spiR, "responder": q.spiI} { // by the sender
		k := KEYMAT(o.h, o.skeyid.D, gxy, isakmp.ProtocolESP, spi, q.ni, q.nr, enc+auth)
		checkBytes(t, "encryption key of the "+name, k[:enc], c.bytes(t, "encryption-"+name))
		checkBytes(t, "integrity key of the "+name, k[enc:], c.bytes(t, "integrity-"+name))
	}
}

// checkIVs compares the IVs that charon logged with those that were used.
func (o *observer) checkIVs() {
	logged := map[uint32][]string{}
	for _, line := range o.c.values["iv"] {
		id, iv, _ := strings.Cut(line, " ")
		n, err := strconv.ParseUint(id, 16, 32)
		if err != nil {
			o.t.Fatal(err)
		}
		logged[uint32(n)] = append(logged[uint32(n)], iv)
	}
	for id, ivs := range logged {
		if len(ivs) > len(o.used[id]) {
			o.t.Errorf("message ID %08x: %d IVs, charon had %d", id, len(o.used[id]), len(ivs))
			continue
		}
		if got, want := strings.Join(o.used[id][:len(ivs)], "\n"), strings.Join(ivs, "\n"); got != want {
			o.t.Errorf("IVs of message ID %08x:\n%s\nwant\n%s", id, got, want)
		}
	}
	if len(logged) < 3 {
		o.t.Errorf("only %d message IDs have IVs", len(logged))
	}
}

func TestCharonExchanges(t *testing.T) {
	files, err := filepath.Glob("testdata/charon-*.txt")
	if err != nil || len(files) != 11 {
		t.Fatalf("%d captures, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			o := newObserver(t, readCapture(t, file))
			for _, d := range o.c.datagrams {
				o.follow(d)
			}
			for _, child := range o.c.children {
				o.checkChild(child)
			}
			o.checkIVs()
			if o.proven["initiator"] != 1 || o.proven["responder"] != 1 || o.proven["quick"] != 6 || o.proven["informational"] == 0 {
				t.Errorf("proven: %v", o.proven)
			}
		})
	}
}

// TestCharonWrongKey shows that a wrong pre-shared key is seen: what charon sent
// does not decrypt to payloads.
func TestCharonWrongKey(t *testing.T) {
	c := readCapture(t, "testdata/charon-aes128-sha1-group2.txt")
	o := newObserver(t, c)
	for _, d := range c.datagrams[:4] {
		o.follow(d)
	}
	base := SkeyidPSK(o.h, []byte("mekmitasdigoaT"), o.ni, o.nr)
	wrong := DeriveSkeyid(o.h, base, c.bytes(t, "g^xy"), o.ckyI, o.ckyR)
	cipher, err := NewCipher(isakmp.EncrAESCBC, EncryptionKey(o.h, isakmp.EncrAESCBC, 16, wrong.E))
	if err != nil {
		t.Fatal(err)
	}
	sent := c.datagrams[4].octets[headerLen:]
	good, bad := append([]byte(nil), sent...), append([]byte(nil), sent...)
	o.cipher.Decrypt(o.phase1.Bytes(), good)
	cipher.Decrypt(o.phase1.Bytes(), bad)
	if bytes.Equal(good[:4], bad[:4]) || good[1] != 0 {
		t.Errorf("right key %x, wrong key %x", good[:4], bad[:4])
	}
}
