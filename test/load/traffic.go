package load

import (
	"encoding/binary"
	"net/netip"
	"time"

	"qmidle/internal/ipsec"
)

// ESP is a packet of IP protocol 50, from SPI to ICV.
type ESP struct {
	Local, Remote netip.Addr
	Data          []byte
}

// Packets counts the echo requests that went through the tunnels, and what came.
type Packets struct {
	Sent     uint64
	Answered uint64 // requests with an answer
	Twice    uint64 // answers to what had one
	Strange  uint64 // what was opened and answers nothing that this site has sent
	Refused  [ipsec.DropCount]uint64
	Idle     uint64 // turns of sites without a tunnel
}

// traffic is what goes through the tunnels: each site in turn sends an echo request
// with a number of its own by the newest of its SAs, and takes what comes by any that
// is not deleted.
type traffic struct {
	to      netip.Addr
	sites   []siteTraffic
	inbound map[uint32]*ipsec.SA
	turn    int
	counts  Packets
	out     []ESP
	buffer  []byte // behind the packets of out
}

// siteTraffic is a site's outbound SAs, the newest last, and what it has sent by them.
type siteTraffic struct {
	out      []*ipsec.SA
	sent     uint32
	answered []uint64 // a bit for each
}

func newTraffic(cfg *Config) *traffic {
	return &traffic{to: cfg.Echo, sites: make([]siteTraffic, cfg.Sites), inbound: make(map[uint32]*ipsec.SA)}
}

func (t *traffic) install(c *Crowd, p ipsec.SAParams) {
	sa, err := ipsec.NewSA(p, c.cfg.Rand)
	switch {
	case err != nil: // its packets will be missed
	case p.Direction == ipsec.Inbound:
		t.inbound[p.SPI] = sa
	default:
		site := &t.sites[p.Tag-1]
		site.out = append(site.out, sa)
	}
}

func (t *traffic) removeInbound(spi uint32) { delete(t.inbound, spi) }

func (t *traffic) removeOutbound(site int, spi uint32) {
	s := &t.sites[site]
	for i, sa := range s.out {
		if sa.SPI() == spi {
			s.out = append(s.out[:i], s.out[i+1:]...)
			return
		}
	}
}

// Send has the next n sites send an echo request each. What it returns holds until
// the next call.
func (c *Crowd) Send(n int) []ESP {
	t := c.traffic
	t.out, t.buffer = t.out[:0], t.buffer[:0]
	for range n {
		t.send(c, t.turn)
		t.turn = (t.turn + 1) % len(t.sites)
	}
	return t.out
}

func (t *traffic) send(c *Crowd, number int) {
	site := &t.sites[number]
	if len(site.out) == 0 {
		t.counts.Idle++
		return
	}
	sa := site.out[len(site.out)-1]
	start := len(t.buffer)
	sealed, err := sa.Seal(t.buffer, echoRequest(c.innerHost(number), t.to, site.sent))
	if err != nil {
		t.counts.Idle++
		return
	}
	t.buffer = sealed
	t.out = append(t.out, ESP{sa.Params().Local, sa.Params().Remote, sealed[start:]})
	if site.sent%64 == 0 {
		site.answered = append(site.answered, 0)
	}
	site.sent++
	t.counts.Sent++
}

// Take takes an ESP packet that came.
func (c *Crowd) Take(esp []byte) {
	t := c.traffic
	sa := t.inbound[ipsec.SPIOf(esp)]
	if sa == nil {
		t.counts.Refused[ipsec.DropUnknownSPI]++
		return
	}
	packet, err := sa.Open(nil, esp)
	if err != nil {
		drop, _ := err.(ipsec.Drop)
		t.counts.Refused[drop]++
		return
	}
	number := int(sa.Params().Tag) - 1
	site := &t.sites[number]
	n, ok := echoAnswer(packet, t.to, c.innerHost(number))
	switch {
	case !ok || n >= site.sent:
		t.counts.Strange++
	case site.answered[n/64]&(1<<(n%64)) != 0:
		t.counts.Twice++
	default:
		site.answered[n/64] |= 1 << (n % 64)
		t.counts.Answered++
	}
}

// innerHost is the first host of a site's network.
func (c *Crowd) innerHost(site int) netip.Addr { return plus(c.cfg.Inner, uint32(site)*32+1) }

// Rest has the sites begin no renewal of a pair any more, and is told by who no longer
// calls Send. ISAKMP SAs are renewed on.
func (c *Crowd) Rest() { c.cfg.Idle = true }

// Of echo requests and answers (RFC 791 section 3.1, RFC 792).
const (
	ipHeaderLen = 20
	echoLen     = ipHeaderLen + 8 + 56
	numberAt    = ipHeaderLen + 8
	typeRequest = 8
	typeAnswer  = 0
)

// echoRequest is one of 84 octets, with its number in the identifier and sequence
// number's place, and in its data.
func echoRequest(from, to netip.Addr, number uint32) []byte {
	p := make([]byte, echoLen)
	p[0], p[8], p[9] = 0x45, 64, 1
	binary.BigEndian.PutUint16(p[2:], echoLen)
	copy(p[12:], from.AsSlice())
	copy(p[16:], to.AsSlice())
	binary.BigEndian.PutUint16(p[10:], checksum(p[:ipHeaderLen]))
	p[ipHeaderLen] = typeRequest
	binary.BigEndian.PutUint32(p[numberAt-4:], number)
	binary.BigEndian.PutUint32(p[numberAt:], number)
	for i := numberAt + 4; i < len(p); i++ {
		p[i] = byte(i)
	}
	binary.BigEndian.PutUint16(p[ipHeaderLen+2:], checksum(p[ipHeaderLen:]))
	return p
}

// echoAnswer is the number of what a packet answers, and false if it is no whole
// answer to a request of ours.
func echoAnswer(p []byte, from, to netip.Addr) (uint32, bool) {
	if len(p) != echoLen || p[9] != 1 || p[ipHeaderLen] != typeAnswer || checksum(p[:ipHeaderLen]) != 0 || checksum(p[ipHeaderLen:]) != 0 {
		return 0, false
	}
	number := binary.BigEndian.Uint32(p[numberAt:])
	same := binary.BigEndian.Uint32(p[numberAt-4:]) == number
	return number, same && netip.AddrFrom4([4]byte(p[12:])) == from && netip.AddrFrom4([4]byte(p[16:])) == to
}

// checksum is that of IP and ICMP (RFC 1071).
func checksum(p []byte) uint16 {
	sum := uint32(0)
	for ; len(p) > 1; p = p[2:] {
		sum += uint32(binary.BigEndian.Uint16(p))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// pace is how often sites send, some at a time.
const pace = 10 * time.Millisecond

// catchUp is how many turns' packets go at a time at most: what the processor had no
// time for is sent soon after, and not in one burst.
const catchUp = 5

// pacer says how many packets are due.
type pacer struct {
	rate int // packets a second
	last time.Time
	owed float64
}

func (p *pacer) due(now time.Time) int {
	turn := float64(p.rate) * pace.Seconds()
	p.owed = min(p.owed+float64(p.rate)*now.Sub(p.last).Seconds(), float64(p.rate)) // a second's at most
	p.last = now
	n := int(min(p.owed, catchUp*turn))
	p.owed -= float64(n)
	return n
}
