package capture

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"qmidle/internal/diagnose"
	"qmidle/internal/isakmp"
	"qmidle/test/pcap"
)

// What passes the wire, and what is said of it. The certainty is the greatest
// that is right.
func TestWhatTheWireSays(t *testing.T) {
	inf := func(responder bool, n isakmp.NotifyType) []byte {
		return clear(header(isakmp.ExchangeInformational, responder, 0, 0x1234), notifyOf(n))
	}
	first, second := ike500(left, right, message1(aes256)), ike500(right, left, message2(aes256))
	third, fourth := ike500(left, right, keyExchange(3)), ike500(right, left, keyExchange(4))
	fifth := ike500(left, right, proofOf(5))
	esp := func(n int) (out [][]byte) {
		for i := range n {
			out = append(out, ip(left, right, protoESP, espOf(0x1111, uint32(i+1), 40)))
		}
		return out
	}
	back := func(n int) (out [][]byte) {
		for i := range n {
			out = append(out, ip(right, left, protoESP, espOf(0x2222, uint32(i+1), 40)))
		}
		return out
	}
	v2 := sealed(header(34, false, 0, 0), 33, 100, 0)
	v2[17] = 0x20
	for name, c := range map[string]struct {
		packets   [][]byte
		want      diagnose.Cause // "" for no finding
		certainty diagnose.Certainty
	}{
		"a tunnel that works":                   {join(mainMode(), quickMode(7), esp(5), back(5)), "", 0},
		"nothing but ESP, both ways":            {join(esp(5), back(5)), "", 0},
		"no answer":                             {repeat(first, 4), diagnose.PeerUnreachable, diagnose.Possible},
		"a single message":                      {repeat(first, 1), "", 0},
		"no answer, and the port is closed":     {join(repeat(first, 1), [][]byte{ip(right, left, protoICMP, append([]byte{3, 3, 0, 0, 0, 0, 0, 0}, first...))}), diagnose.PeerUnreachable, diagnose.Likely},
		"the offer is refused":                  {[][]byte{first, ike500(right, left, inf(true, isakmp.NotifyNoProposalChosen))}, diagnose.Phase1PolicyMismatch, diagnose.Likely},
		"the version is refused":                {[][]byte{first, ike500(right, left, inf(true, isakmp.NotifyInvalidMajor))}, diagnose.IKEVersionMismatch, diagnose.Likely},
		"an offer, and a choice of another":     {[][]byte{first, ike500(right, left, message2(suiteOf(isakmp.Encr3DESCBC, 0, isakmp.HashSHA1, isakmp.GroupMODP1024)))}, diagnose.MalformedOrCorrupt, diagnose.Likely},
		"the answer does not arrive":            {join([][]byte{first, second, first, second, first, second}), diagnose.PeerUnreachable, diagnose.Likely},
		"the key exchange is not answered":      {join([][]byte{first, second}, repeat(third, 3)), diagnose.FragmentationMTU, diagnose.Possible},
		"the proof is not answered":             {join([][]byte{first, second, third, fourth}, repeat(fifth, 3)), diagnose.PSKMismatch, diagnose.Likely},
		"the proof is refused unread":           {[][]byte{first, second, third, fourth, fifth, ike500(right, left, sealed(header(isakmp.ExchangeInformational, true, 0, 9), isakmp.PayloadHash, 64, 7))}, diagnose.PSKMismatch, diagnose.Possible},
		"the proof is refused in clear":         {[][]byte{first, second, third, fourth, fifth, ike500(right, left, inf(true, isakmp.NotifyPayloadMalformed))}, diagnose.PSKMismatch, diagnose.Likely},
		"UDP 4500 is not answered":              {join([][]byte{first, second, third, fourth}, repeat(ike4500(left, right, proofOf(5)), 3)), diagnose.NATT4500Blocked, diagnose.Possible},
		"quick mode is not answered":            {join(mainMode(), repeat(ike500(left, right, quickOf(7, 1)), 3)), diagnose.ProxyIdentityMismatch, diagnose.Possible},
		"quick mode is answered by a notify":    {join(mainMode(), [][]byte{ike500(left, right, quickOf(7, 1)), ike500(right, left, sealed(header(isakmp.ExchangeInformational, true, 0, 9), isakmp.PayloadHash, 64, 7))}), diagnose.ProxyIdentityMismatch, diagnose.Possible},
		"quick mode is not confirmed":           {join(mainMode(), quickMode(7)[:2], repeat(quickMode(7)[1], 3)), diagnose.PeerUnreachable, diagnose.Possible},
		"ESP one way":                           {join(mainMode(), quickMode(7), esp(5)), diagnose.ESPBlocked, diagnose.Possible},
		"ESP one way at last":                   {join(mainMode(), quickMode(7), esp(3), back(5), esp(14)[3:]), diagnose.StaleSA, diagnose.Possible},
		"an SPI that the peer does not know":    {join(esp(3), [][]byte{ike500(right, left, inf(true, isakmp.NotifyInvalidSPI))}), diagnose.StaleSA, diagnose.Likely},
		"sequence numbers twice":                {join(esp(20), back(20), esp(20)), diagnose.ReplayErrors, diagnose.Likely},
		"sequence numbers out of order":         {[][]byte{esp(1)[0], ip(left, right, protoESP, espOf(0x1111, 3, 40)), ip(left, right, protoESP, espOf(0x1111, 2, 40)), back(1)[0]}, "", 0},
		"IKEv2 where IKEv1 is spoken":           {[][]byte{ike500(right, left, v2), ike500(left, right, message1(aes256)), ike500(right, left, v2)}, diagnose.IKEVersionMismatch, diagnose.Likely},
		"IKEv2 without an answer":               {repeat(ike500(left, right, v2), 3), diagnose.PeerUnreachable, diagnose.Possible},
		"questions without an answer":           {join(mainMode(), quickMode(7), questionsOf(4)), diagnose.DPDTimeout, diagnose.Possible},
		"fragments that are lost":               {join([][]byte{first, second}, lossy(third, 1), lossy(third, 2), lossy(third, 3)), diagnose.FragmentationMTU, diagnose.Likely},
		"packets that are too big for the path": {join(mainMode(), quickMode(7), esp(3), back(3), [][]byte{ip(right, left, protoICMP, append([]byte{3, 4, 0, 0, 0, 0, 5, 0x64}, esp(1)[0]...))}), diagnose.FragmentationMTU, diagnose.Likely},
		"a mistake in clear":                    {repeat(ike500(left, right, broken()), 1), "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := readAll(t, rawCapture(c.packets...), Options{})
			if cause, certainty := top(r); cause != c.want || certainty != c.certainty {
				t.Errorf("%s, %s:\n%s", cause, certainty, diagnose.Judge(r.Observations).Text())
			}
		})
	}
}

// questionsOf are encrypted messages of one size, each with an ID of its own.
func questionsOf(n int) (all [][]byte) {
	for i := range n {
		all = append(all, ike500(left, right, sealed(header(isakmp.ExchangeInformational, true, 0, uint32(i+100)), isakmp.PayloadHash, 80, byte(i))))
	}
	return all
}

// lossy is a packet in fragments without the first one.
func lossy(p []byte, id uint16) [][]byte {
	p = bytes.Clone(p)
	binary.BigEndian.PutUint16(p[4:], id)
	return fragmented(p, 104)[1:]
}

// broken is a first message with a payload that is longer than itself.
func broken() []byte {
	b := message1(aes256)
	b[isakmp.HeaderLen+2] = 0xff
	return b
}

// An end that calls both ways shows what it would accept: the difference has a
// name.
func TestOffersOfBothEndsAreCompared(t *testing.T) {
	mine := ike500(left, right, message1(aes256, suiteOf(isakmp.Encr3DESCBC, 0, isakmp.HashSHA1, isakmp.GroupMODP1024)))
	h := header(isakmp.ExchangeIdentity, false, 0, 0)
	h.Initiator = isakmp.Cookie{9, 9}
	theirs := ike500(right, left, clear(h, offerOf(suiteOf(isakmp.EncrAESCBC, 256, isakmp.HashSHA1, isakmp.GroupMODP2048))))
	r := readAll(t, rawCapture(join(repeat(mine, 3), repeat(theirs, 3))...), Options{})
	report := diagnose.Judge(r.Observations)
	if len(report.Findings) == 0 || report.Findings[0].Cause != diagnose.Phase1PolicyMismatch || !strings.Contains(report.Findings[0].Summary, "the hash sha for phase 1, and 192.0.2.1, in the offer that comes closest, sha256") {
		t.Errorf("%s", report.Text())
	}
}

// The same conversation is read out of every container and link layer.
func TestContainersAndLinkLayers(t *testing.T) {
	packets := join(mainMode(), quickMode(7), repeat(ike500(left, right, quickOf(8, 1)), 3))
	want := readAll(t, rawCapture(packets...), Options{})
	ether := func(tags ...byte) []byte {
		return append(append(make([]byte, 12), tags...), 8, 0)
	}
	for name, c := range map[string]struct {
		file *pcap.File
		head []byte
		tail []byte
	}{
		"Ethernet":             {pcap.New(pcap.Ethernet, 0), ether(), make([]byte, 6)},
		"VLAN":                 {pcap.New(pcap.Ethernet, 0), ether(0x81, 0, 0, 5), nil},
		"QinQ":                 {pcap.New(pcap.Ethernet, 0), ether(0x88, 0xa8, 0, 5, 0x81, 0, 0, 6), nil},
		"PPPoE":                {pcap.New(pcap.Ethernet, 0), append(make([]byte, 12), 0x88, 0x64, 0x11, 0, 0, 1, 0, 9, 0, 0x21), nil},
		"Linux cooked":         {pcap.New(pcap.SLL, 0), append(make([]byte, 14), 8, 0), nil},
		"Linux cooked 2":       {pcap.New(pcap.SLL2, 0), append([]byte{8, 0}, make([]byte, 18)...), nil},
		"loopback":             {pcap.New(pcap.Null, 0), []byte{2, 0, 0, 0}, nil},
		"pcapng":               {pcap.NewNG(binary.LittleEndian, pcap.Ethernet), ether(), nil},
		"pcapng, big endian":   {pcap.NewNG(binary.BigEndian, pcap.SLL2), append([]byte{8, 0}, make([]byte, 18)...), nil},
		"cut to 100 octets":    {pcap.New(pcap.Raw, 100), nil, nil},
		"raw, as it stands":    {pcap.New(pcap.Raw, 0), nil, nil},
		"gzip of Ethernet":     {pcap.New(pcap.Ethernet, 0), ether(), nil},
		"BSD's loopback, 2001": {pcap.New(108, 0), []byte{0, 0, 0, 2}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			for i, p := range packets {
				c.file.Packet(start.Add(time.Duration(i)*time.Second), append(append(bytes.Clone(c.head), p...), c.tail...))
			}
			file := c.file.Bytes()
			if strings.HasPrefix(name, "gzip") {
				var b bytes.Buffer
				z := gzip.NewWriter(&b)
				z.Write(file)
				z.Close()
				file = b.Bytes()
			}
			r := readAll(t, file, Options{})
			if r.IKE != want.IKE || r.Ends != 1 || r.Damage != nil {
				t.Fatalf("IKE %d, ends %d, damage %v", r.IKE, r.Ends, r.Damage)
			}
			if a, b := kinds(r), kinds(want); a != b {
				t.Errorf("got\n%s\nwant\n%s", a, b)
			}
			if !r.First.Equal(start) {
				t.Errorf("it begins at %s", r.First)
			}
		})
	}
}

// kinds are the observations of a result without what a cut takes away.
func kinds(r *Result) string {
	var b strings.Builder
	for _, o := range r.Observations {
		if o.Kind != diagnose.PolicyHere {
			fmt.Fprintf(&b, "%d %s %s>%s m%d %s\n", o.Kind, o.Phase, o.Local, o.Peer, o.Message, o.Detail)
		}
	}
	return b.String()
}

// Fragments in any order, of IPv4 and IPv6, make the message that was cut.
func TestFragmentsArePutTogether(t *testing.T) {
	third := ike500(left, right, keyExchange(3))
	pieces := fragmented(third, 104)
	pieces[0], pieces[2] = pieces[2], pieces[0]
	packets := join([][]byte{ike500(left, right, message1(aes256)), ike500(right, left, message2(aes256))}, pieces, repeat(pieces[1], 2))
	r := readAll(t, rawCapture(packets...), Options{})
	if got := evidence(r); !strings.Contains(got, "message 3: KE NONCE") {
		t.Errorf("got:\n%s", got)
	}

	whole := udpOf(500, 500, keyExchange(3))
	six := func(offset int, more bool, part []byte) []byte {
		at := uint16(offset)
		if more {
			at |= 1
		}
		h := []byte{protoUDP, 0, byte(at >> 8), byte(at), 0, 0, 0, 9}
		return ip(left6, other, protoFragment, append(h, part...))
	}
	packets = [][]byte{ip(left6, other, protoUDP, udpOf(500, 500, message1(aes256))), ip(other, left6, protoUDP, udpOf(500, 500, message2(aes256))),
		six(96, false, whole[96:]), six(0, true, whole[:96])}
	r = readAll(t, rawCapture(packets...), Options{})
	if got := evidence(r); !strings.Contains(got, "[2001:db8::1]:500 > [2001:db8::2]:500, main mode, message 3: KE NONCE") {
		t.Errorf("got:\n%s", got)
	}
}

func evidence(r *Result) string {
	var b strings.Builder
	for _, o := range r.Observations {
		fmt.Fprintf(&b, "%d: %s\n", o.Evidence.Line, o.Evidence.Text)
	}
	return b.String()
}

// A message in fragments of IKE's own is read when all are there.
func TestIKEFragments(t *testing.T) {
	whole := keyExchange(3)
	piece := func(n uint8, last bool, part []byte) []byte {
		return ike500(left, right, clear(header(isakmp.ExchangeIdentity, true, 0, 0), body{isakmp.PayloadFragment, isakmp.AppendFragment(nil, isakmp.Fragment{ID: 1, Number: n, Last: last, Data: part})}))
	}
	packets := [][]byte{ike500(left, right, message1(aes256)), ike500(right, left, message2(aes256)), piece(2, true, whole[150:]), piece(1, false, whole[:150])}
	if got := evidence(readAll(t, rawCapture(packets...), Options{})); !strings.Contains(got, "message 3: KE NONCE") {
		t.Errorf("got:\n%s", got)
	}
}

// A router's capture on all interfaces has each packet twice.
func TestPacketsSeenAtTwoPlacesAreOne(t *testing.T) {
	f := pcap.NewNG(binary.LittleEndian, pcap.Raw, pcap.Raw)
	for i := range 10 {
		at := start.Add(time.Duration(i) * time.Second)
		p := ip(left, right, protoESP, espOf(1, uint32(i+1), 40))
		q := ip(right, left, protoESP, espOf(2, uint32(i+1), 40))
		for iface := range uint32(2) {
			p[8], q[8] = 64-byte(iface), 64-byte(iface)
			f.On(iface, at, p)
			f.On(iface, at, q)
		}
	}
	if cause, _ := top(readAll(t, f.Bytes(), Options{})); cause != "" {
		t.Errorf("it is %s", cause)
	}
}

// Bad files yield what came before, or an error that says what is wrong.
func TestBadFiles(t *testing.T) {
	good := rawCapture(mainMode()...)
	ng := pcap.NewNG(binary.LittleEndian, pcap.Raw)
	for i, p := range mainMode() {
		ng.Packet(start.Add(time.Duration(i)*time.Second), p)
	}
	patched := func(b []byte, at int, v uint32) []byte {
		b = bytes.Clone(b)
		binary.LittleEndian.PutUint32(b[at:], v)
		return b
	}
	var zip bytes.Buffer
	z := gzip.NewWriter(&zip)
	z.Write(good)
	z.Close()
	for name, c := range map[string]struct {
		file    []byte
		packets uint64
		want    string // in the error or the damage
	}{
		"empty":                                    {nil, 0, "it is empty"},
		"a few octets":                             {[]byte{1, 2, 3}, 0, "neither pcap nor pcapng"},
		"text":                                     {[]byte("Mar  1 05:00:00 hub: %CRYPTO-6-ISAKMP_ON_OFF"), 0, "neither pcap nor pcapng"},
		"a header cut short":                       {good[:20], 0, "in the middle of a record"},
		"another version":                          {patched(good, 4, 7), 0, "version 7"},
		"a record cut short":                       {good[:len(good)-3], 5, "in the middle of a record"},
		"a record's head cut short":                {good[:24+16+4], 0, "in the middle of a record"},
		"a record of four gigabytes":               {patched(good, 24+8, 0xffffffff), 0, "4294967295 octets, which no packet has"},
		"a record of 300000 octets":                {patched(good, 24+8, 300000), 0, "300000 octets, which no packet has"},
		"a record that is longer than the file":    {patched(good, 24+8, 200000), 0, "in the middle of a record"},
		"pcapng without a section":                 {append([]byte{0x0a, 0x0d, 0x0d, 0x0a}, make([]byte, 40)...), 0, "without a byte order"},
		"pcapng, a block of nothing":               {patched(ng.Bytes(), 28+4, 0), 0, "0 octets"},
		"pcapng, a huge block":                     {patched(ng.Bytes(), 28+4, 0x7ffffff0), 0, "in the middle of a record"},
		"pcapng, a block of a packet that is huge": {patched(ng.Bytes(), 28+32+4, 0x7ffffff0), 0, "in the middle of a record"},
		"pcapng, lengths that differ":              {patched(ng.Bytes(), len(ng.Bytes())-4, 64), 5, "the two lengths of a block differ"},
		"pcapng, a packet longer than its block":   {patched(ng.Bytes(), 28+32+20, 0x10000), 0, "a packet of 65536 octets in a block of"},
		"gzip cut short":                           {zip.Bytes()[:zip.Len()-20], 0, ""},
		"gzip of nothing":                          {[]byte{0x1f, 0x8b, 1}, 0, "is none"},
		"zstd":                                     {[]byte("\x28\xb5\x2f\xfd aaaaaaaaaa"), 0, "decompress it first"},
		"snoop":                                    {[]byte("snoop\x00\x00\x00aaaaaaaaa"), 0, "snoop"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := Read(bytes.NewReader(c.file), Options{})
			if err == nil {
				err = r.Damage
			}
			var d *DamageError
			if !errors.As(err, &d) || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v, want %q", err, c.want)
			}
			if c.packets > 0 && (r == nil || r.Packets < c.packets) {
				t.Errorf("result %+v", r)
			}
		})
	}
}

// Odd packets among good ones do no harm and are said.
func TestOddPackets(t *testing.T) {
	f := pcap.New(pcap.Raw, 0)
	odd := [][]byte{nil, {0x45}, {0x60, 0}, bytes.Repeat([]byte{0xff}, 60), ip(left, right, protoUDP, nil), ip(left, right, protoESP, []byte{1}),
		ip(left, right, protoUDP, udpOf(500, 500, nil)), ip(left, right, protoUDP, udpOf(4500, 4500, []byte{0xff})), ip(left, right, protoICMP, []byte{3, 1})}
	for i, p := range append(odd, mainMode()...) {
		f.Packet(start.Add(-time.Duration(i)*time.Second), p)
	}
	r := readAll(t, f.Bytes(), Options{})
	if r.Packets != uint64(len(odd)+6) || r.IKE != 6 {
		t.Errorf("packets %d, IKE %d", r.Packets, r.IKE)
	}
	if !strings.Contains(strings.Join(r.Remarks, "\n"), "the time goes backwards at 14 packets") {
		t.Errorf("remarks %q", r.Remarks)
	}
	if cause, _ := top(r); cause != "" {
		t.Errorf("it is %s", cause)
	}

	f = pcap.New(195, 0)
	f.Packet(start, []byte("something else"))
	r = readAll(t, f.Bytes(), Options{})
	if got := strings.Join(r.Remarks, "\n"); !strings.Contains(got, "link layer (type 195)") || !strings.Contains(got, "none of the 1 packets is IKE") {
		t.Errorf("remarks %q", got)
	}
}

// What is remembered does not grow with the input.
func TestMemoryIsBounded(t *testing.T) {
	r := newReader(Options{})
	var d datagram
	flood := func(i int) {
		p := ip(right, left, protoUDP, udpOf(500, 500, message1(aes256)))
		binary.BigEndian.PutUint32(p[12:], uint32(i)|0x0a000000) // another source
		binary.BigEndian.PutUint32(p[28:], uint32(i)+1)          // another cookie
		r.result.Packets++
		r.at = place{r.result.Packets, start.Add(time.Duration(i) * time.Millisecond)}
		if !parseIP(p, &d) {
			t.Fatal("no IP")
		}
		r.datagram(&d)
		e := ip(left, right, protoESP, espOf(uint32(i), 1, 8))
		parseIP(e, &d)
		r.datagram(&d)
		parseIP(fragmented(ip(left, right, protoUDP, udpOf(500, 500, make([]byte, 600))), 104)[i%5], &d)
		d.id = uint32(i)
		r.datagram(&d)
	}
	for i := range 60_000 {
		flood(i)
	}
	if len(r.pairs) > maxPairs || len(r.live) > maxLiveSessions || len(r.flows) > maxFlows || len(r.fragments.list) > maxPartials {
		t.Errorf("%d pairs, %d sessions, %d flows, %d fragments", len(r.pairs), len(r.live), len(r.flows), len(r.fragments.list))
	}
	result := r.finish()
	if n := len(result.Observations); n > maxToldOfAll+maxPairs {
		t.Errorf("%d observations", n)
	}
	if !strings.Contains(strings.Join(result.Remarks, "\n"), "only 8192 pairs are followed") {
		t.Errorf("remarks %q", result.Remarks)
	}
}
