package load

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"qmidle/internal/ike"
	"qmidle/internal/ipsec"
	"qmidle/internal/isakmp"
	"qmidle/internal/policy"
	"qmidle/internal/secret"
)

// wireless carries datagrams and ESP between a crowd and a hub in memory.
type wireless struct {
	t       *testing.T
	now     time.Time
	crowd   *Crowd
	hub     *ike.Engine
	in, out map[uint32]*ipsec.SA // the hub's, by SPI; all of its sites have SPIs of one engine
	newest  map[uint32]uint32    // outbound SPI by tag
}

func (w *wireless) toHub(list []ike.Datagram) {
	for _, d := range list {
		var fx ike.Effects
		w.hub.Datagram(w.now, d.Remote, d.Local, append([]byte(nil), d.Data...), &fx)
		w.install(&fx)
		w.toCrowd(fx.Send)
	}
}

// install gives the hub's data plane what its engine wants.
func (w *wireless) install(fx *ike.Effects) {
	for _, p := range fx.Install {
		sa, err := ipsec.NewSA(p, rand.NewChaCha8([32]byte{3}))
		switch {
		case err != nil:
			w.t.Fatal(err)
		case p.Direction == ipsec.Inbound:
			w.in[p.SPI] = sa
		default:
			w.out[p.SPI], w.newest[p.Tag] = sa, p.SPI
		}
	}
	for _, x := range fx.Remove {
		delete(w.in, x.SPI)
		delete(w.out, x.SPI)
	}
}

// answer opens a packet of a site as the hub does, has the host behind it answer, and
// returns that as the hub seals it.
func (w *wireless) answer(x ESP) []byte {
	sa := w.in[ipsec.SPIOf(x.Data)]
	if sa == nil {
		w.t.Fatalf("the hub has no SA with SPI %#x", ipsec.SPIOf(x.Data))
	}
	p, err := sa.Open(nil, x.Data)
	if err != nil {
		w.t.Fatal(err)
	}
	from, to := [4]byte(p[12:]), [4]byte(p[16:])
	copy(p[12:], to[:])
	copy(p[16:], from[:])
	p[ipHeaderLen], p[ipHeaderLen+2], p[ipHeaderLen+3] = typeAnswer, 0, 0
	binary.BigEndian.PutUint16(p[ipHeaderLen+2:], checksum(p[ipHeaderLen:]))
	sealed, err := w.out[w.newest[sa.Params().Tag]].Seal(nil, p)
	if err != nil {
		w.t.Fatal(err)
	}
	return sealed
}

func (w *wireless) toCrowd(list []ike.Datagram) {
	for _, d := range list {
		// What the crowd returns holds until its next call, which toHub may make.
		out := w.crowd.Datagram(w.now, d.Remote, d.Local, append([]byte(nil), d.Data...))
		w.toHub(append([]ike.Datagram(nil), out...))
	}
}

// pass lets time go by, in steps to the next deadline of either end.
func (w *wireless) pass(d time.Duration) {
	for end := w.now.Add(d); ; {
		next := end
		for _, deadline := range []func() (time.Time, bool){w.crowd.NextDeadline, w.hub.NextDeadline} {
			if at, ok := deadline(); ok && at.Before(next) {
				next = at
			}
		}
		if !next.Before(end) {
			w.now = end
			return
		}
		w.now = next
		w.toHub(append([]ike.Datagram(nil), w.crowd.Timeout(w.now)...))
		var fx ike.Effects
		w.hub.Timeout(w.now, &fx)
		w.install(&fx)
		w.toCrowd(fx.Send)
	}
}

func newHub(key secret.Secret, addr netip.Addr) *ike.Engine {
	return ike.New(ike.Config{
		Policies: []policy.IKE{{Priority: 1, Encryption: isakmp.EncrAESCBC, KeyBits: 128, Hash: isakmp.HashSHA1, Auth: isakmp.AuthPSK,
			Group: isakmp.GroupECP256, Lifetime: policy.DefaultLifetime}},
		Connections: []*ike.Connection{{Tag: 1, Map: "CMAP", Seq: 10, Local: addr, Dynamic: true, DynamicMap: "DYN", DynamicSeq: 10,
			TransformSets: []policy.TransformSet{{Name: "TSET", Cipher: isakmp.ESPAES, KeyBits: 128, Auth: isakmp.AuthAlgHMACSHA1}},
			Lives:         policy.Lives{Seconds: policy.DefaultIPsecSeconds, Kilobytes: policy.DefaultIPsecKilobytes}}},
		Keys: oneKey{key}, Rand: rand.NewChaCha8([32]byte{1}),
	})
}

func newWireless(t *testing.T, change func(*Config)) *wireless {
	key, addr := secret.FromString("an-example-key"), netip.MustParseAddr("192.0.2.1")
	w := &wireless{t: t, now: time.Unix(1000, 0), in: make(map[uint32]*ipsec.SA), out: make(map[uint32]*ipsec.SA), newest: make(map[uint32]uint32)}
	w.hub = newHub(key, addr)
	cfg := Config{Hub: addr, Net: netip.MustParsePrefix("192.168.2.0/24"), First: netip.MustParseAddr("10.0.0.250"), Inner: netip.MustParseAddr("11.0.0.0"),
		Sites: 40, Key: key, Group: isakmp.GroupECP256, Window: 8, Phase2Life: 120, Rand: rand.NewChaCha8([32]byte{2})}
	if change != nil {
		change(&cfg)
	}
	w.crowd = New(cfg, w.now)
	w.toHub(append([]ike.Datagram(nil), w.crowd.Begin(w.now)...))
	return w
}

// TestCrowd has the sites come up through a window, renew, and come back when the hub
// has deleted their tunnels.
func TestCrowd(t *testing.T) {
	const sites = 40
	w := newWireless(t, nil)
	if s := w.crowd.Stats(); s.Up != sites || s.Underway != 0 || len(w.hub.IPsecSAs()) != sites {
		t.Fatalf("%+v, and %d pairs at the hub", s, len(w.hub.IPsecSAs()))
	}
	w.pass(126 * time.Second) // until the old pairs have ended, and before the next renewals
	if s := w.crowd.Stats(); s.Up != sites || s.Renewed != sites || s.Lost != 0 {
		t.Errorf("after the renewals: %+v", s)
	}
	var fx ike.Effects
	w.hub.Shutdown(w.now, &fx)
	w.toCrowd(fx.Send)
	if s := w.crowd.Stats(); s.Up != 0 || s.Lost != sites {
		t.Errorf("after the hub's end: %+v", s)
	}
	w.pass(5 * time.Second)
	if s := w.crowd.Stats(); s.Up != sites || s.Established != 2*sites {
		t.Errorf("after they came back: %+v", s)
	}
}

// TestTraffic has every site send each second, over several renewals: all is answered
// but what was lost, and what comes twice, from elsewhere or altered is noticed.
func TestTraffic(t *testing.T) {
	w := newWireless(t, func(cfg *Config) { cfg.Rate, cfg.Echo = 40, netip.MustParseAddr("192.168.2.10") })
	number, lost := 0, uint64(0)
	second := func(through func(number int, x ESP)) {
		for _, x := range w.crowd.Send(40) {
			number++
			through(number, ESP{x.Local, x.Remote, append([]byte(nil), x.Data...)})
		}
		w.pass(time.Second)
	}
	for range 300 {
		second(func(n int, x ESP) {
			if n%10 == 0 {
				lost++
				return
			}
			w.crowd.Take(w.answer(x))
		})
	}
	s := w.crowd.Stats()
	if p := s.Packets; p.Sent != 300*40 || p.Answered != p.Sent-lost || p.Twice+p.Strange+p.Idle != 0 || p.Refused != [ipsec.DropCount]uint64{} {
		t.Errorf("%d lost: %+v", lost, p)
	}
	if s.Renewed < 2*40 || s.Lost != 0 {
		t.Errorf("%+v", s)
	}
	second(func(n int, x ESP) {
		answer := w.answer(x)
		w.crowd.Take(append([]byte(nil), answer...))
		w.crowd.Take(answer)
	})
	second(func(n int, x ESP) {
		answer := w.answer(x)
		answer[len(answer)-1] ^= 1
		w.crowd.Take(answer)
	})
	p := w.crowd.Stats().Packets
	if p.Refused[ipsec.DropReplayDuplicate] != 40 || p.Refused[ipsec.DropAuthFailed] != 40 || p.Answered != s.Packets.Answered+40 {
		t.Errorf("%+v", p)
	}
	request := echoRequest(netip.MustParseAddr("11.0.0.1"), netip.MustParseAddr("192.168.2.10"), 7)
	if _, ok := echoAnswer(request, netip.MustParseAddr("11.0.0.1"), netip.MustParseAddr("192.168.2.10")); ok {
		t.Error("a request is taken for an answer")
	}
}

// TestRest ends renewals by the sites.
func TestRest(t *testing.T) {
	w := newWireless(t, nil)
	w.crowd.Rest()
	w.pass(110 * time.Second)
	if s := w.crowd.Stats(); s.Renewed != 0 || s.Up != 40 {
		t.Errorf("%+v", s)
	}
}

// TestPacer keeps the rate over moments without a turn, and bounds bursts.
func TestPacer(t *testing.T) {
	now := time.Unix(1000, 0)
	p := pacer{rate: 1000, last: now}
	sent := 0
	for i := range 1000 {
		now = now.Add(pace)
		if i%100 >= 30 && i%100 < 60 {
			continue // the processor is another's
		}
		n := p.due(now)
		if n > catchUp*10 {
			t.Fatalf("%d at a time", n)
		}
		sent += n
	}
	if sent < 9990 || sent > 10000 {
		t.Errorf("%d in ten seconds", sent)
	}
}
