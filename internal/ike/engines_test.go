package ike

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/policy"
	"qmidle/internal/trace"
)

// company is a hub of several engines, and spokes whose messages come to it together.
type company struct {
	t      testing.TB
	now    time.Time
	hub    *Engines
	spokes map[netip.Addr]*side
	order  []netip.Addr
	wire   []Input // to the hub
	events map[netip.Addr][]trace.Code
	panics int           // which leave tables that do not agree
	spent  time.Duration // by the hub
}

// Record implements trace.Sink.
func (c *company) Record(r *trace.Record) {
	a := r.Remote.Addr()
	c.events[a] = append(c.events[a], r.Event.Code())
}

func newCompany(t testing.TB, n int, change func(*Config)) *company {
	c := &company{t: t, now: epoch, spokes: make(map[netip.Addr]*side), events: make(map[netip.Addr][]trace.Code)}
	cfg := configFor(hubAddr, spokeAddr, hubNet, spokeNet)
	cfg.Connections, cfg.Keys, cfg.Rand, cfg.Events = []*Connection{template()}, wildcard, rand.Reader, c
	if change != nil {
		change(&cfg)
	}
	c.hub = NewEngines(cfg, n)
	return c
}

// spoke adds one before a network.
func (c *company) spoke(addr netip.Addr, network netip.Prefix, g isakmp.Group) {
	cfg := configFor(addr, hubAddr, network, hubNet)
	cfg.Keys = wildcard
	for i := range cfg.Policies {
		cfg.Policies[i].Group = g
	}
	c.spokes[addr] = newSide(addr.String(), cfg, uint16(100+len(c.spokes)))
	c.order = append(c.order, addr)
}

func (c *company) many(n int) {
	for i := range n {
		c.spoke(netip.AddrFrom4([4]byte{198, 51, byte(i >> 8), byte(i)}), netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 0}), 24), isakmp.GroupMODP768)
	}
}

func (c *company) do(a netip.Addr, input func(*Engine, *Effects)) {
	var fx Effects
	input(c.spokes[a].engine, &fx)
	for _, d := range fx.Send {
		c.wire = append(c.wire, Input{Local: d.Remote, Remote: d.Local, Data: slices.Clone(d.Data)})
	}
}

// connect has spokes ask for their tunnels at the same time.
func (c *company) connect(spokes ...netip.Addr) {
	for _, a := range spokes {
		c.do(a, func(e *Engine, fx *Effects) { e.Acquire(c.now, Acquire{Connection: 1}, fx) })
	}
	c.settle()
}

// settle carries messages, all that are under way to the hub at the same time.
func (c *company) settle() {
	for len(c.wire) > 0 {
		batch := c.wire
		c.wire = nil
		for _, d := range c.atOnce(batch) {
			if c.spokes[d.Remote.Addr()] != nil && !d.Keepalive {
				data := slices.Clone(d.Data)
				c.do(d.Remote.Addr(), func(e *Engine, fx *Effects) { e.Datagram(c.now, d.Remote, d.Local, data, fx) })
			}
		}
	}
	if err := c.hub.Check(); err != nil && c.panics == 0 {
		c.t.Error(err)
	}
}

// atOnce has each engine of the hub on a goroutine of its own.
func (c *company) atOnce(batch []Input) []Datagram {
	var fx Effects
	var mates sync.WaitGroup
	var mu sync.Mutex
	began := time.Now()
	for _, s := range c.hub.Spread(c.now, batch) {
		mates.Go(func() {
			for more := true; more; {
				func() {
					defer func() {
						if recover() != nil {
							mu.Lock()
							c.panics++
							mu.Unlock()
						}
					}()
					more = s.Handle()
				}()
			}
		})
	}
	mates.Wait()
	c.hub.Gather(c.now, &fx)
	c.spent += time.Since(began)
	return fx.Send
}

// Peers that come together are served as with one engine, and each by one alone.
func TestEnginesAtOnce(t *testing.T) {
	const spokes = 48
	var events map[netip.Addr][]trace.Code
	for _, n := range []int{1, 2, 5} {
		c := newCompany(t, n, nil)
		c.many(spokes)
		c.connect(c.order...)
		pairs, sas := c.hub.IPsecSAs(), c.hub.ISAKMPSAs()
		if len(pairs) != spokes || len(sas) != spokes {
			t.Fatalf("%d engines: %d pairs and %d ISAKMP SAs of %d", n, len(pairs), len(sas), spokes)
		}
		spis, conns, tags := map[uint32]bool{}, map[uint32]bool{}, map[uint32]bool{}
		for i := range pairs {
			spis[pairs[i].InSPI], conns[sas[i].Conn], tags[pairs[i].Connection] = true, true, true
		}
		if len(spis) != spokes || len(conns) != spokes || len(tags) != spokes || !conns[1] || !conns[spokes] {
			t.Errorf("%d engines: %d SPIs, %d conn-ids, %d entries", n, len(spis), len(conns), len(tags))
		}
		var seqs []int
		for _, x := range c.hub.Instances() {
			seqs = append(seqs, x.Seq)
		}
		if slices.Sort(seqs); seqs[0] != firstInstanceSeq || seqs[spokes-1] != firstInstanceSeq+spokes-1 || len(slices.Compact(seqs)) != spokes {
			t.Errorf("%d engines: entries have the numbers %v", n, seqs)
		}
		for k, e := range c.hub.list {
			if len(e.children) == 0 {
				t.Errorf("engine %d of %d has no peer", k, n)
			}
		}
		if s := c.hub.Statistics(); s.Phase1Up != spokes || s.Phase2Up != spokes || s.DatagramsIn != 5*spokes {
			t.Errorf("%d engines: %+v", n, s)
		}
		if events == nil {
			events = c.events
			continue
		}
		for _, a := range c.order {
			if !slices.Equal(events[a], c.events[a]) {
				t.Errorf("%d engines: of %s is told %v, with one %v", n, a, c.events[a], events[a])
			}
		}
	}
}

// An answer goes to the engine that has asked, also at the same time as messages.
func TestEnginesGetTheirAnswers(t *testing.T) {
	c := newCompany(t, 3, func(cfg *Config) { cfg.DeferDH = true })
	c.many(30)
	for _, a := range c.order {
		c.do(a, func(e *Engine, fx *Effects) { e.Acquire(c.now, Acquire{Connection: 1}, fx) })
	}
	for len(c.wire) > 0 {
		batch := c.wire
		c.wire = nil
		for len(batch) > 0 {
			var fx Effects
			for _, s := range c.hub.Spread(c.now, batch) {
				for s.Handle() {
				}
			}
			c.hub.Gather(c.now, &fx)
			batch = nil
			for _, q := range fx.Questions {
				batch = append(batch, Input{Question: q.ID, Answer: q.Run()})
			}
			for _, d := range fx.Send {
				data := slices.Clone(d.Data)
				c.do(d.Remote.Addr(), func(e *Engine, fx *Effects) { e.Datagram(c.now, d.Remote, d.Local, data, fx) })
			}
		}
	}
	if n := len(c.hub.IPsecSAs()); n != 30 {
		t.Errorf("%d of 30 are up", n)
	}
	if h := c.hub.Holdings(); h.Questions != 0 {
		t.Errorf("%d questions are left", h.Questions)
	}
}

// The peers of one connection share an engine, over all connections that name one of
// them; and where their SAs are they stay.
func TestPeersOfOneConnection(t *testing.T) {
	addr := func(i byte) netip.Addr { return netip.AddrFrom4([4]byte{203, 0, 113, i}) }
	static := func(tag uint32, peers ...byte) *Connection {
		c := *configFor(hubAddr, spokeAddr, hubNet, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(tag), 0}), 24)).Connections[0]
		c.Tag, c.Peers = tag, nil
		for _, p := range peers {
			c.Peers = append(c.Peers, addr(p))
		}
		return &c
	}
	var cfg Config
	c := newCompany(t, 4, func(x *Config) {
		x.Connections = []*Connection{static(1, 1, 2), static(2, 3, 4), static(3, 4, 5, 2), static(4, 9)}
		cfg = *x
	})
	cfg.Events = c
	home := func(i byte) *Engine { return c.hub.at(hubAddr, addr(i)) }
	for _, i := range []byte{2, 3, 4, 5} {
		if home(i) != home(1) {
			t.Errorf("peer %d is not where the first is", i)
		}
	}
	if home(9) != c.hub.list[c.hub.hash(addr(9))] {
		t.Error("a peer that is alone is not where its hash has it")
	}
	old := home(2)
	c.spoke(addr(2), netip.MustParsePrefix("10.0.1.0/24"), isakmp.GroupMODP768)
	c.connect(addr(2))
	cfg.Connections = []*Connection{static(5, 2), static(6, 1, 3)}
	var fx Effects
	c.hub.Reconfigure(c.now, cfg, trace.ReasonReconfigured, &fx)
	if home(2) != old {
		t.Error("a peer with an SA has moved to another engine")
	}
	if home(1) != home(3) {
		t.Error("the peers of a new connection are apart")
	}
}

// Networks go to the peer that has come last, whichever engine it has.
func TestEnginesSupplant(t *testing.T) {
	network := netip.MustParsePrefix("192.168.3.0/24")
	for _, together := range []bool{false, true} {
		c := newCompany(t, 4, nil)
		for i := range byte(6) {
			c.spoke(netip.AddrFrom4([4]byte{203, 0, 113, i}), network, isakmp.GroupMODP768)
		}
		if together {
			c.connect(c.order...)
		}
		for _, a := range c.order {
			if !together {
				c.connect(a)
			}
		}
		pairs := c.hub.IPsecSAs()
		if len(pairs) != 1 || len(c.hub.Instances()) != 1 || !together && pairs[0].Remote.Addr() != c.order[5] {
			t.Errorf("together %t: %d pairs, %d entries: %+v", together, len(pairs), len(c.hub.Instances()), pairs)
		}
	}
}

// Clients of remote access, who share addresses and users, have one engine.
func TestClientsHaveOneEngine(t *testing.T) {
	c := newCompany(t, 4, func(cfg *Config) {
		cfg.Connections[0].Clients = &Clients{}
	})
	for i := range byte(50) {
		if c.hub.at(hubAddr, netip.AddrFrom4([4]byte{203, 0, 113, i})) != c.hub.list[0] {
			t.Fatal("a client has another engine than the first")
		}
	}
	if n := c.hub.list[0].maxHalfOpen(); n != DefaultMaxHalfOpen {
		t.Errorf("%d of them may be half open, want %d", n, DefaultMaxHalfOpen)
	}
	cfg := configFor(hubAddr, spokeAddr, hubNet, spokeNet)
	cfg.Events = c
	var fx Effects
	c.hub.Reconfigure(c.now, cfg, trace.ReasonReconfigured, &fx)
	if n := c.hub.list[0].maxHalfOpen(); n != DefaultMaxHalfOpen/4 {
		t.Errorf("without clients %d of an engine may be half open, want a quarter of %d", n, DefaultMaxHalfOpen)
	}
}

// What is answered in a second is so of all engines together.
func TestRatesOfEngines(t *testing.T) {
	c := newCompany(t, 4, func(cfg *Config) { cfg.MaxHalfOpen = 64 })
	c.many(1)
	c.do(c.order[0], func(e *Engine, fx *Effects) { e.Acquire(c.now, Acquire{Connection: 1}, fx) })
	first := c.wire[0]
	var flood []Input
	for i := range 10_000 {
		d := Input{Local: first.Local, Remote: netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, byte(i)}), isakmp.PortIKE), Data: slices.Clone(first.Data)}
		binary.BigEndian.PutUint32(d.Data, uint32(i+1)) // its cookie
		flood = append(flood, d)
	}
	if n := len(c.atOnce(flood)); n < perPrefix*9/10 || n > perPrefix+64 {
		t.Errorf("%d messages from one network are answered, want some %d", n, perPrefix)
	}
}

// panicking is a key store with a fault in it.
type panicking struct{ peer netip.Addr }

func (p panicking) PresharedKey(q KeyQuery) (Key, bool) {
	if q.Remote == p.peer {
		panic("a fault")
	}
	return wildcard.PresharedKey(q)
}

// A panic costs the input that it came by, and no other.
func TestPanicAmongEngines(t *testing.T) {
	bad := netip.MustParseAddr("198.51.0.3")
	c := newCompany(t, 3, func(cfg *Config) { cfg.Keys = panicking{bad} })
	c.many(20)
	c.connect(c.order...)
	if n := len(c.hub.IPsecSAs()); n != 19 || c.panics == 0 {
		t.Errorf("%d of 19 are up, %d panics", n, c.panics)
	}
}

// A message with the cookies of another peer's SA is told as such, whichever engine
// its sender would have.
func TestCookiesOfAnotherEngine(t *testing.T) {
	c := newCompany(t, 4, nil)
	c.many(1)
	c.connect(c.order...)
	sa := c.hub.ISAKMPSAs()[0]
	for i := range byte(20) {
		stranger := netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, i}), isakmp.PortIKE)
		data := make([]byte, isakmp.HeaderLen+64)
		copy(data, sa.InitiatorCookie[:])
		copy(data[8:], sa.ResponderCookie[:])
		data[16], data[17], data[18], data[19], data[27] = byte(isakmp.PayloadHash), 0x10, byte(isakmp.ExchangeInformational), isakmp.FlagEncryption, byte(len(data))
		c.atOnce([]Input{{Local: netip.AddrPortFrom(hubAddr, isakmp.PortIKE), Remote: stranger, Data: data}})
	}
	if s := c.hub.Statistics(); s.Dropped[trace.DropWrongAddress] != 20 {
		t.Errorf("%d of 20 were seen to come from elsewhere", s.Dropped[trace.DropWrongAddress])
	}
}

// Bounds are for all engines together.
func TestBoundsOfEngines(t *testing.T) {
	c := newCompany(t, 4, func(cfg *Config) { cfg.MaxSAs = 10 })
	c.many(30)
	for _, a := range c.order {
		c.connect(a)
	}
	if n := len(c.hub.IPsecSAs()); n != 10 {
		t.Errorf("%d are up, want 10", n)
	}
	c = newCompany(t, 4, func(cfg *Config) { cfg.MaxHalfOpen = 40 })
	c.many(400)
	for _, a := range c.order {
		c.do(a, func(e *Engine, fx *Effects) { e.Acquire(c.now, Acquire{Connection: 1}, fx) })
	}
	c.atOnce(c.wire)
	if h := c.hub.Holdings(); h.HalfOpen > 40 {
		t.Errorf("%d are half open, want 40 at most", h.HalfOpen)
	}
}

// What is counted is summed over all engines, whatever it is.
func TestSumsAreWhole(t *testing.T) {
	var counted, twice Statistics
	fill(reflect.ValueOf(&counted).Elem(), 1)
	fill(reflect.ValueOf(&twice).Elem(), 2)
	sum := counted
	if sum.add(&counted); sum != twice {
		t.Errorf("%+v is not twice %+v", sum, counted)
	}
	var held, both Holdings
	fill(reflect.ValueOf(&held).Elem(), 1)
	fill(reflect.ValueOf(&both).Elem(), 2)
	total := held
	if total.add(held); total != both {
		t.Errorf("%+v is not twice %+v", total, held)
	}
}

// fill sets all numbers of a value to n, and all times to one.
func fill(v reflect.Value, n int) {
	switch x := v.Addr().Interface().(type) {
	case *time.Time:
		*x = epoch
		return
	case *uint64:
		*x = uint64(n)
		return
	case *int:
		*x = n
		return
	}
	if v.Kind() == reflect.Array {
		for i := range v.Len() {
			fill(v.Index(i), n)
		}
		return
	}
	for i := range v.NumField() {
		fill(v.Field(i), n)
	}
}

// BenchmarkEngines is the hub's time for a tunnel when 64 peers come together, with an
// engine on each of n goroutines.
func BenchmarkEngines(b *testing.B) {
	for _, n := range []int{1, 2, 4} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var spent time.Duration
			tunnels := 0
			for b.Loop() {
				c := newCompany(b, n, func(cfg *Config) {
					cfg.Policies = append(cfg.Policies, policy.IKE{Priority: 2, Encryption: isakmp.EncrAESCBC, KeyBits: 128, Hash: isakmp.HashSHA1,
						Auth: isakmp.AuthPSK, Group: isakmp.GroupECP256, Lifetime: policy.DefaultLifetime})
				})
				for i := range 64 {
					c.spoke(netip.AddrFrom4([4]byte{198, 51, 100, byte(i)}), netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(i), 0}), 24), isakmp.GroupECP256)
				}
				c.connect(c.order...)
				spent += c.spent
				tunnels += len(c.hub.IPsecSAs())
			}
			b.ReportMetric(float64(spent.Microseconds())/float64(tunnels), "µs/tunnel")
		})
	}
}
