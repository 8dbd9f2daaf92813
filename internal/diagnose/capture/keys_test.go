package capture

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"qmidle/internal/diagnose"
	"qmidle/internal/isakmp"
	"qmidle/internal/keymat"
	"qmidle/internal/secret"
)

// charonLog is how charon dumps a key at level 4.
const charonLog = `Mar  1 05:00:00 13[IKE] SKEYID_e => 32 bytes @ 0x7f2c
Mar  1 05:00:00 13[IKE]    0: 00 01 02 03 04 05 06 07 08 09 0A 0B 0C 0D 0E 0F  ................
Mar  1 05:00:00 13[IKE]   16: 10 11 12 13 14 15 16 17 18 19 1A 1B 1C 1D 1E 1F  ................
Mar  1 05:00:00 13[IKE] encryption key Ka => 32 bytes @ 0x7f2c
Mar  1 05:00:00 13[IKE]    0: 6B 65 79 6B 65 79 6B 65 79 6B 65 79 6B 65 79 6B  keykeykeykeykeyk
Mar  1 05:00:00 13[IKE]   16: 65 79 6B 65 79 6B 65 79 6B 65 79 6B 65 79 6B 65  eykeykeykeykeyke
Mar  1 05:00:00 13[IKE] initial IV => 16 bytes @ 0x7f2c
`

var ka = []byte("keykeykeykeykeykeykeykeykeykeyke")

func TestReadKeys(t *testing.T) {
	hexKey := fmt.Sprintf("%x", ka)
	for name, c := range map[string]struct {
		file         string
		named, loose int
		want         string // in the error
	}{
		"a table":                    {"0102030405060708," + hexKey + "\n", 1, 0, ""},
		"quoted, with comments":      {"# ikev1_decryption_table\n\"0102030405060708\",\"" + hexKey + "\"\r\n\n", 1, 0, ""},
		"two of them, with colons":   {"01:02:03:04:05:06:07:08, " + hexKey + "\n0x1102030405060708,0x" + hexKey[:32], 2, 0, ""},
		"charon's log":               {charonLog, 0, 1, ""},
		"nothing":                    {"", 0, 0, "it has no key"},
		"a log without keys":         {"Mar  1 05:00:00 hub charon: 13[IKE] nothing\n", 0, 0, "line 1: it is not an initiator's cookie and a key"},
		"a cookie that is too short": {"01020304," + hexKey, 0, 0, "line 1: the initiator's cookie is 16"},
		"a key of no length":         {"\n0102030405060708,0102\n", 0, 0, "line 2: the key is 16"},
		"a long line":                {strings.Repeat("a", 100_000), 0, 0, "too long"},
	} {
		t.Run(name, func(t *testing.T) {
			k, err := ReadKeys(strings.NewReader(c.file))
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("error %v, want %q", err, c.want)
				}
				return
			}
			if err != nil || len(k.byCookie) != c.named || len(k.loose) != c.loose {
				t.Errorf("%+v, %v", k, err)
			}
			if out := fmt.Sprintf("%v %+v %#v", k, k, k); strings.Contains(out, "keykey") || strings.Contains(out, hexKey) {
				t.Errorf("it prints %s", out)
			}
		})
	}
}

func TestReadPSKs(t *testing.T) {
	keys, err := ReadPSKs(strings.NewReader("one key\r\n\n# is a key too\n"))
	if err != nil || len(keys) != 2 || string(keys[0].Key.Reveal()) != "one key" || keys[1].Name != "line 3" {
		t.Errorf("%v, %v", keys, err)
	}
	for file, want := range map[string]string{"\n\n": "it has no key", strings.Repeat("k", 10_000): "too long", strings.Repeat("k\n", 5000): "more than 4096"} {
		if _, err := ReadPSKs(strings.NewReader(file)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

// encrypted is a main mode and what follows it, as two ends that hold ka write
// it.
type encrypted struct {
	cipher *keymat.Cipher
	iv     keymat.IV
}

func newEncrypted(t *testing.T) *encrypted {
	t.Helper()
	c, err := keymat.NewCipher(isakmp.EncrAESCBC, ka)
	if err != nil {
		t.Fatal(err)
	}
	return &encrypted{c, keymat.Phase1IV(isakmp.HashSHA256, bytes.Repeat([]byte{3}, 256), bytes.Repeat([]byte{4}, 256), 16)}
}

// seal encrypts a message and takes the IV on.
func (e *encrypted) seal(h isakmp.Header, iv *keymat.IV, all ...body) []byte {
	h.Flags |= isakmp.FlagEncryption
	b := isakmp.NewBuilder(nil, h)
	for _, x := range all {
		b.Add(x.kind, x.data)
	}
	out := b.Bytes(16)
	e.cipher.Encrypt(iv.Bytes(), out[isakmp.HeaderLen:])
	iv.Advance(out[isakmp.HeaderLen:])
	return out
}

func idOf(id isakmp.ID) body { return body{isakmp.PayloadID, isakmp.AppendID(nil, id)} }

// mainMode is one whose proofs can be read.
func (e *encrypted) mainMode() [][]byte {
	h, hash := header(isakmp.ExchangeIdentity, true, 0, 0), filled(isakmp.PayloadHash, 32, 9)
	return append(mainMode()[:4],
		ike500(left, right, e.seal(h, &e.iv, idOf(isakmp.AddrID(left)), hash)),
		ike500(right, left, e.seal(h, &e.iv, idOf(isakmp.ID{Type: isakmp.IDFQDN, Data: []byte("hub\x1b[2J")}), hash)))
}

func (e *encrypted) later(x isakmp.ExchangeType, id uint32, all ...body) []byte {
	iv := e.iv.ForMessage(isakmp.HashSHA256, id, 16)
	return e.seal(header(x, true, 0, id), &iv, append([]body{filled(isakmp.PayloadHash, 32, 9)}, all...)...)
}

func keysOf(t *testing.T, file string) *Keys {
	t.Helper()
	k, err := ReadKeys(strings.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// With the key of phase 1 the capture says what was refused, and what for.
func TestKeysDecrypt(t *testing.T) {
	e := newEncrypted(t)
	mine, theirs := isakmp.PrefixID(netip.MustParsePrefix("10.1.0.0/16")), isakmp.PrefixID(netip.MustParsePrefix("10.2.0.0/16"))
	packets := append(e.mainMode(),
		ike500(left, right, e.later(isakmp.ExchangeQuick, 7, idOf(mine), idOf(theirs))),
		ike500(right, left, e.later(isakmp.ExchangeInformational, 8, notifyOf(isakmp.NotifyInvalidIDInfo))),
		ike500(right, left, e.later(isakmp.ExchangeInformational, 9, body{isakmp.PayloadDelete, isakmp.AppendDelete(nil, isakmp.Delete{DOI: isakmp.DOIIPsec, Protocol: isakmp.ProtocolESP, SPIs: [][]byte{{1, 2, 3, 4}}})})))
	file := rawCapture(packets...)
	for name, keys := range map[string]string{"Wireshark's table": fmt.Sprintf("%s,%x\n", cookieI, ka), "charon's log": charonLog} {
		t.Run(name, func(t *testing.T) {
			r := readAll(t, file, Options{Keys: keysOf(t, keys)})
			if r.Decrypted != 5 || len(r.Remarks) > 0 {
				t.Errorf("%d decrypted, remarks %q", r.Decrypted, r.Remarks)
			}
			report := diagnose.Judge(r.Observations)
			if len(report.Findings) != 1 || report.Findings[0].Cause != diagnose.ProxyIdentityMismatch || report.Findings[0].Certainty != diagnose.Likely ||
				!strings.Contains(report.Findings[0].Summary, "10.1.0.0/16 - 10.2.0.0/16") {
				t.Errorf("findings:\n%s", report.Text())
			}
			got := evidence(r)
			for _, want := range []string{`identity "hub\x1b[2J"`, "notify INVALID-ID-INFORMATION", "delete of 1 ESP SAs"} {
				if !strings.Contains(got, want) {
					t.Errorf("%q is missing in:\n%s", want, got)
				}
			}
		})
	}
	wrong := fmt.Sprintf("%s,%x\n", cookieI, bytes.Repeat([]byte{1}, 32))
	if r := readAll(t, file, Options{Keys: keysOf(t, wrong)}); r.Decrypted != 0 || !strings.Contains(strings.Join(r.Remarks, "\n"), "1 keys of the key file decrypt nothing") {
		t.Errorf("%d decrypted, remarks %q", r.Decrypted, r.Remarks)
	}
	right := fmt.Sprintf("%s,%x\n", cookieI, ka)
	if r := readAll(t, rawCapture(packets[4:]...), Options{Keys: keysOf(t, right)}); r.Decrypted != 0 || !strings.Contains(strings.Join(r.Remarks, "\n"), "lacks their messages 1 to 4") {
		t.Errorf("%d decrypted, remarks %q", r.Decrypted, r.Remarks)
	}
}

// What is refused in the protected notifies of phase 2 is named.
func TestKeysTellRefusals(t *testing.T) {
	for n, want := range map[isakmp.NotifyType]diagnose.Cause{
		isakmp.NotifyNoProposalChosen: diagnose.Phase2TransformMismatch, isakmp.NotifyInvalidKeyInfo: diagnose.PFSMismatch, isakmp.NotifyAttrsNotSupported: diagnose.Phase2TransformMismatch,
	} {
		e := newEncrypted(t)
		packets := append(e.mainMode(), ike500(left, right, e.later(isakmp.ExchangeQuick, 7)), ike500(right, left, e.later(isakmp.ExchangeInformational, 8, notifyOf(n))))
		r := readAll(t, rawCapture(packets...), Options{Keys: keysOf(t, fmt.Sprintf("%s,%x\n", cookieI, ka))})
		if cause, _ := top(r); cause != want {
			t.Errorf("%s: %s\n%s", n, cause, diagnose.Judge(r.Observations).Text())
		}
	}
}

// aggressiveMode is one whose responder has a pre-shared key; the initiator
// confirms or repeats itself.
func aggressiveMode(psk string, confirmed bool) [][]byte {
	h := header(isakmp.ExchangeAggressive, false, 0, 0)
	sa := offerOf(aes256)
	gxi, gxr, ni, nr := filled(isakmp.PayloadKE, 256, 3), filled(isakmp.PayloadKE, 256, 4), filled(isakmp.PayloadNonce, 20, 5), filled(isakmp.PayloadNonce, 20, 6)
	id := idOf(isakmp.AddrID(right))
	skeyid := keymat.SkeyidPSK(isakmp.HashSHA256, []byte(psk), ni.data, nr.data)
	hash := keymat.HashR(isakmp.HashSHA256, skeyid, gxi.data, gxr.data, cookieI, cookieR, sa.data, id.data)
	first := ike500(left, right, clear(h, sa, gxi, ni, idOf(isakmp.AddrID(left))))
	second := ike500(right, left, clear(header(isakmp.ExchangeAggressive, true, 0, 0), sa, gxr, nr, id, body{isakmp.PayloadHash, hash}))
	if !confirmed {
		return [][]byte{first, second, first, second, first, second}
	}
	return [][]byte{first, second, ike500(left, right, sealed(header(isakmp.ExchangeAggressive, true, 0, 0), isakmp.PayloadHash, 48, 1))}
}

// A pre-shared key is held against the hash of aggressive mode, which settles the
// matter.
func TestPSKsAgainstAggressiveMode(t *testing.T) {
	psks := func(all ...string) (out []PSK) {
		for i, k := range all {
			out = append(out, PSK{secret.FromString(k), fmt.Sprintf("line %d", i+1)})
		}
		return out
	}
	for name, c := range map[string]struct {
		packets   [][]byte
		psks      []PSK
		want      diagnose.Cause
		certainty diagnose.Certainty
		says      string
	}{
		"no key is given":           {aggressiveMode("right", false), nil, diagnose.PSKMismatch, diagnose.Possible, "does not confirm"},
		"another key":               {aggressiveMode("right", false), psks("wrong"), diagnose.PSKMismatch, diagnose.Certain, "another pre-shared key than the key that was given"},
		"two other keys":            {aggressiveMode("right", false), psks("wrong", "worse"), diagnose.PSKMismatch, diagnose.Certain, "any of the 2 keys"},
		"the key":                   {aggressiveMode("right", false), psks("wrong", "right"), diagnose.PSKMismatch, diagnose.Likely, "uses the pre-shared key that was given (line 2)"},
		"another key, and it works": {join(aggressiveMode("right", true), quickMode(7)), psks("wrong"), "", 0, ""},
		"the key, and it works":     {join(aggressiveMode("right", true), quickMode(7)), psks("right"), "", 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := readAll(t, rawCapture(c.packets...), Options{PSKs: c.psks})
			report := diagnose.Judge(r.Observations)
			if cause, certainty := top(r); cause != c.want || certainty != c.certainty || !strings.Contains(strings.Join(strings.Fields(report.Text()), " "), c.says) {
				t.Errorf("%s, %s:\n%s", cause, certainty, report.Text())
			}
			if strings.Contains(report.Text()+evidence(r), "right") || strings.Contains(report.Text()+evidence(r), "wrong") {
				t.Errorf("a key is shown:\n%s", report.Text())
			}
		})
	}
	r := readAll(t, rawCapture(mainMode()...), Options{PSKs: psks("a key")})
	if got := strings.Join(r.Remarks, "\n"); !strings.Contains(got, "in main mode a pre-shared key alone tells nothing") {
		t.Errorf("remarks %q", got)
	}
}

// Both ends' offers of phase 2 are compared, once they can be read.
func TestKeysCompareQuickOffers(t *testing.T) {
	esp := func(id isakmp.ESPTransform, bits, auth, group uint16) body {
		t := isakmp.Transform{Number: 1, ID: uint8(id), Attributes: []isakmp.Attribute{isakmp.BasicAttribute(isakmp.IPsecAttrEncapsulation, 1), isakmp.BasicAttribute(isakmp.IPsecAttrAuth, auth)}}
		if bits > 0 {
			t.Attributes = append(t.Attributes, isakmp.BasicAttribute(isakmp.IPsecAttrKeyLength, bits))
		}
		if group > 0 {
			t.Attributes = append(t.Attributes, isakmp.BasicAttribute(isakmp.IPsecAttrGroup, group))
		}
		sa := isakmp.SA{DOI: isakmp.DOIIPsec, Situation: isakmp.SituationIdentityOnly, Proposals: []isakmp.Proposal{{Number: 1, Protocol: isakmp.ProtocolESP, SPI: []byte{1, 2, 3, 4}, Transforms: []isakmp.Transform{t}}}}
		return body{isakmp.PayloadSA, isakmp.AppendSA(nil, sa)}
	}
	mine, theirs := isakmp.PrefixID(netip.MustParsePrefix("10.1.0.0/16")), isakmp.PrefixID(netip.MustParsePrefix("10.2.0.0/16"))
	narrow := isakmp.PrefixID(netip.MustParsePrefix("10.2.7.0/24"))
	aes := esp(isakmp.ESPAES, 256, uint16(isakmp.AuthAlgHMACSHA1), 14)
	for name, c := range map[string]struct {
		offer, answer body
		asks          isakmp.ID
		cause         diagnose.Cause
		words         string
	}{
		"a key length": {aes, esp(isakmp.ESPAES, 128, uint16(isakmp.AuthAlgHMACSHA1), 14), theirs, diagnose.Phase2TransformMismatch, "esp-aes 128"},
		"an integrity": {aes, esp(isakmp.ESPAES, 256, uint16(isakmp.AuthAlgHMACMD5), 14), theirs, diagnose.Phase2TransformMismatch, "esp-md5-hmac"},
		"a group":      {aes, esp(isakmp.ESPAES, 256, uint16(isakmp.AuthAlgHMACSHA1), 0), theirs, diagnose.PFSMismatch, "no group"},
		"networks":     {aes, aes, narrow, diagnose.ProxyIdentityMismatch, "10.2.7.0/24 - 10.1.0.0/16"},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEncrypted(t)
			packets := append(e.mainMode(),
				ike500(left, right, e.later(isakmp.ExchangeQuick, 7, c.offer, idOf(mine), idOf(theirs))),
				ike500(right, left, e.later(isakmp.ExchangeInformational, 8, notifyOf(isakmp.NotifyNoProposalChosen))),
				ike500(right, left, e.later(isakmp.ExchangeQuick, 9, c.answer, idOf(c.asks), idOf(mine))),
				ike500(left, right, e.later(isakmp.ExchangeInformational, 10, notifyOf(isakmp.NotifyNoProposalChosen))))
			r := readAll(t, rawCapture(packets...), Options{Keys: keysOf(t, fmt.Sprintf("%s,%x\n", cookieI, ka))})
			report := diagnose.Judge(r.Observations)
			if len(report.Findings) == 0 || report.Findings[0].Cause != c.cause || report.Findings[0].Certainty != diagnose.Likely || !strings.Contains(report.Findings[0].Summary, c.words) {
				t.Errorf("%s", report.Text())
			}
		})
	}
}
