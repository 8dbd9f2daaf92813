package load

import (
	"encoding/binary"
	"io"
	"net/netip"
	"time"

	"qmidle/internal/ike"
	"qmidle/internal/ipsec"
	"qmidle/internal/isakmp"
	"qmidle/internal/policy"
	"qmidle/internal/secret"
	"qmidle/internal/trace"
)

// Config says who the sites are, and what they negotiate: AES-128 and SHA-1 in both
// phases, with a pre-shared key.
type Config struct {
	Hub   netip.Addr
	Net   netip.Prefix // behind the hub
	First netip.Addr   // the first site's address; the others' follow it
	Inner netip.Addr   // the first site's network, a /28; the others' follow it, each with a gap before it
	Sites int
	Key   secret.Secret
	Group isakmp.Group
	PFS   isakmp.Group // GroupNone for none
	// Window is how many negotiations are under way at a time; 0 for all.
	Window int
	// Phase1Life and Phase2Life are in seconds; 0 is IOS's default.
	Phase1Life, Phase2Life uint32
	Keepalive              *ike.Keepalive // nil only answers
	Retransmit             time.Duration  // 0 is IOS's 10 s
	Idle                   bool           // pairs carry nothing, so that none is renewed by the sites
	// Rate is how many echo requests the sites send in a second, all together, and Echo
	// the host behind the hub that answers them; 0 for none.
	Rate int
	Echo netip.Addr
	Rand io.Reader
}

// comeBack is how long a site waits that has lost its tunnel, or could not get it.
const comeBack = time.Second

// Crowd is the sites. It is not safe for concurrent use.
type Crowd struct {
	cfg    Config
	engine *ike.Engine
	fx     ike.Effects
	conns  []*ike.Connection
	began  time.Time

	up       []int // outbound SAs of each site
	begun    map[int]bool
	waiting  []int // sites to begin, in order
	back     []returning
	standing bool // begin no more
	traffic  *traffic
	stats    Stats
}

// returning is a site that begins again at a time.
type returning struct {
	site int
	at   time.Time
}

// Stats is how the crowd stands. Up is the sites with a tunnel, Established the
// tunnels that came up, Renewed the pairs that replaced another.
type Stats struct {
	Sites, Up, Underway          int
	Established, Renewed, Failed uint64
	Lost                         uint64 // tunnels that were deleted with no successor
	Engine                       ike.Statistics
	Packets                      Packets
}

// New makes the sites; nothing is negotiated before Begin.
func New(cfg Config, now time.Time) *Crowd {
	c := &Crowd{cfg: cfg, began: now, up: make([]int, cfg.Sites), begun: make(map[int]bool), traffic: newTraffic(&cfg)}
	for i := range cfg.Sites {
		c.conns = append(c.conns, c.connection(i))
	}
	c.engine = ike.New(ike.Config{
		Policies: []policy.IKE{{Priority: 1, Encryption: isakmp.EncrAESCBC, KeyBits: 128, Hash: isakmp.HashSHA1,
			Auth: isakmp.AuthPSK, Group: cfg.Group, Lifetime: orDefault(cfg.Phase1Life, policy.DefaultLifetime)}},
		Connections: c.conns, Keys: oneKey{cfg.Key}, Rand: cfg.Rand, Traffic: c, Keepalive: cfg.Keepalive, RetransmitInterval: cfg.Retransmit,
		NATT: []trace.NATTVersion{trace.NATTRFC3947, trace.NATTDraft02n},
	})
	return c
}

// connection is a site's; its tag is one more than its number.
func (c *Crowd) connection(site int) *ike.Connection {
	inner := netip.PrefixFrom(plus(c.cfg.Inner, uint32(site)*32), 28)
	return &ike.Connection{Tag: uint32(site) + 1, Map: "CMAP", Seq: 10, Local: plus(c.cfg.First, uint32(site)), Peers: []netip.Addr{c.cfg.Hub},
		TransformSets: []policy.TransformSet{{Name: "TSET", Cipher: isakmp.ESPAES, KeyBits: 128, Auth: isakmp.AuthAlgHMACSHA1}}, PFS: c.cfg.PFS,
		Lives: policy.Lives{Seconds: orDefault(c.cfg.Phase2Life, policy.DefaultIPsecSeconds), Kilobytes: policy.DefaultIPsecKilobytes},
		ACL:   []policy.ACLEntry{{Permit: true, Local: policy.ProxyFromPrefix(inner, 0, 0), Remote: policy.ProxyFromPrefix(c.cfg.Net, 0, 0)}}}
}

func orDefault(x, usual uint32) uint32 {
	if x == 0 {
		return usual
	}
	return x
}

func plus(a netip.Addr, n uint32) netip.Addr {
	b := a.As4()
	return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, binary.BigEndian.Uint32(b[:])+n)))
}

// oneKey is everybody's.
type oneKey struct{ secret secret.Secret }

// PresharedKey implements ike.KeyStore.
func (k oneKey) PresharedKey(ike.KeyQuery) (ike.Key, bool) { return ike.Key{Secret: k.secret}, true }

// LastPackets implements ike.Traffic: every pair has carried something, so that it
// is renewed, and long ago, so that dead peer detection asks.
func (c *Crowd) LastPackets(uint32) (in, out time.Time) {
	if c.cfg.Idle {
		return in, out
	}
	return c.began, c.began
}

// Begin has every site negotiate that has no tunnel. The datagrams of this and the
// other methods are to be sent; they hold until the next call.
func (c *Crowd) Begin(now time.Time) []ike.Datagram {
	c.standing = false
	c.waiting = c.waiting[:0]
	for i := range c.up {
		if c.up[i] == 0 && !c.begun[i] {
			c.waiting = append(c.waiting, i)
		}
	}
	c.fx.Reset()
	return c.settle(now)
}

// Datagram takes an IKE message, without its marker.
func (c *Crowd) Datagram(now time.Time, local, remote netip.AddrPort, data []byte) []ike.Datagram {
	c.fx.Reset()
	c.engine.Datagram(now, local, remote, data, &c.fx)
	return c.settle(now)
}

// Timeout does what is due.
func (c *Crowd) Timeout(now time.Time) []ike.Datagram {
	c.fx.Reset()
	c.engine.Timeout(now, &c.fx)
	for len(c.back) > 0 && !c.back[0].at.After(now) {
		c.waiting = append(c.waiting, c.back[0].site)
		c.back = c.back[1:]
	}
	return c.settle(now)
}

// End deletes all SAs and tells the hub.
func (c *Crowd) End(now time.Time) []ike.Datagram {
	c.standing = true
	c.fx.Reset()
	c.engine.Shutdown(now, &c.fx)
	return c.fx.Send
}

// NextDeadline is when Timeout must be called.
func (c *Crowd) NextDeadline() (at time.Time, ok bool) {
	at, ok = c.engine.NextDeadline()
	if len(c.back) > 0 && (!ok || c.back[0].at.Before(at)) {
		return c.back[0].at, true
	}
	return at, ok
}

// Stats returns how the crowd stands.
func (c *Crowd) Stats() Stats {
	s := c.stats
	s.Sites, s.Underway, s.Engine = c.cfg.Sites, len(c.begun), c.engine.Statistics()
	s.Packets = c.traffic.counts
	return s
}

// settle notes what an input has caused and begins what the window has room for.
func (c *Crowd) settle(now time.Time) []ike.Datagram {
	c.note(now)
	for !c.standing && len(c.waiting) > 0 && (c.cfg.Window == 0 || len(c.begun) < c.cfg.Window) {
		site := c.waiting[0]
		c.waiting = c.waiting[1:]
		if c.up[site] > 0 || c.begun[site] {
			continue
		}
		c.begun[site] = true
		c.engine.Acquire(now, ike.Acquire{Connection: c.conns[site].Tag}, &c.fx)
		c.note(now)
	}
	return c.fx.Send
}

// note counts the SAs that come and go, and takes them off the effects.
func (c *Crowd) note(now time.Time) {
	for _, p := range c.fx.Install {
		if c.cfg.Rate > 0 {
			c.traffic.install(c, p)
		}
		if p.Direction == ipsec.Outbound {
			c.installed(int(p.Tag) - 1)
		}
	}
	for _, x := range c.fx.Remove {
		if x.Direction == ipsec.Inbound {
			c.traffic.removeInbound(x.SPI)
			continue
		}
		c.traffic.removeOutbound(int(x.Connection)-1, x.SPI)
		c.removed(int(x.Connection)-1, now)
	}
	for _, f := range c.fx.Failed {
		site := int(f.Connection) - 1
		c.stats.Failed++
		delete(c.begun, site)
		c.again(site, now)
	}
	c.fx.Install, c.fx.Remove, c.fx.Failed = c.fx.Install[:0], c.fx.Remove[:0], c.fx.Failed[:0]
}

func (c *Crowd) installed(site int) {
	delete(c.begun, site)
	c.up[site]++
	if c.up[site] > 1 {
		c.stats.Renewed++
		return
	}
	c.stats.Up++
	c.stats.Established++
}

func (c *Crowd) removed(site int, now time.Time) {
	c.up[site]--
	if c.up[site] > 0 {
		return
	}
	c.stats.Up--
	c.stats.Lost++
	c.again(site, now)
}

func (c *Crowd) again(site int, now time.Time) {
	c.back = append(c.back, returning{site, now.Add(comeBack)})
}
