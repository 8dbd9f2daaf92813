package simulate

import "net/netip"

// Phase 1 policies but for their lifetimes. Their groups are cheap ones: a run
// has hundreds of exchanges.
var phase1 = []string{
	"encr aes\n hash sha\n group 2",
	"encr aes 256\n hash sha256\n group 19",
	"encr aes 192\n hash sha384\n group 1",
	"encr aes 256\n hash sha512\n group 5",
	"encr 3des\n hash md5\n group 19",
	"encr des\n hash sha\n group 2",
}

// Phase 2's suites. All have integrity: without it a packet may be altered and
// delivered, as the operator has chosen.
var phase2 = []string{
	"esp-aes esp-sha-hmac",
	"esp-aes 192 esp-sha384-hmac",
	"esp-aes 256 esp-sha256-hmac",
	"esp-gcm",
	"esp-gcm 256",
	"esp-3des esp-md5-hmac",
	"esp-des esp-sha512-hmac",
	"esp-null esp-sha-hmac",
}

var pfsGroups = []string{"", "", "group1", "group2", "group19", "group19"}

// The shortest lifetimes that can be configured come most often, so that many
// SAs of both phases are renewed.
var (
	phase1Lives = []int{60, 60, 90, 120, 180, 300, 600}
	phase2Lives = []int{120, 120, 120, 150, 180, 240, 600, 600}
)

var retransmissions = []retransmission{{10, 5}, {2, 3}, {2, 3}, {5, 4}, {1, 5}}

// knobs draws algorithms, lifetimes and everything else that can be configured,
// so that any two ends of a tunnel match.
func (d *draw) knobs() {
	kinds, suites := phase1, phase2
	if d.plan.accessible() {
		kinds, suites = clientPhase1, clientPhase2
	}
	policies := shuffled(d, kinds)[:d.between(1, 2)]
	for _, s := range d.plan.sites {
		s.policies = shuffled(d, policies)
		s.policyLife = pick(d, phase1Lives)
		s.keepalive = d.keepalive()
		s.retransmit = pick(d, retransmissions)
		s.recovery = d.oneIn(2)
		s.hostname = d.oneIn(6)
		s.replay = pick(d, []int{64, 64, 64, 128, 1024, 0})
		if d.oneIn(3) {
			s.fragments = d.between(300, 600)
		}
		if d.oneIn(2) {
			s.natKeepalive = d.between(5, 30)
		}
		if d.plan.accessible() {
			s.keepalive = d.steady()
		}
	}
	for _, t := range d.plan.tunnels {
		t.sets = shuffled(d, suites)[:d.between(1, 2)]
		if !t.access() {
			t.pfs = pick(d, pfsGroups)
			d.aggressive(t)
		}
		d.entries(t)
	}
}

// keepalive draws dead peer detection: none in one of three.
func (d *draw) keepalive() *keepalive {
	if d.oneIn(3) {
		return nil
	}
	return &keepalive{interval: d.between(10, 20), retry: d.between(2, 4), periodic: d.oneIn(2)}
}

// aggressive has one end of a tunnel, or both, begin in aggressive mode. It shows
// who an end is, so that a name may say it.
func (d *draw) aggressive(t *tunnel) {
	if !d.oneIn(4) {
		return
	}
	t.aggressive = make(map[*site]bool)
	for _, s := range t.ends() {
		t.aggressive[s] = d.IntN(3) > 0
	}
}

// entries makes the crypto map entries of a tunnel's ends, each the mirror of
// the other.
func (d *draw) entries(t *tunnel) {
	lines := d.accessList(t)
	volume := 0
	if d.oneIn(4) && !t.access() {
		volume = 2560
	}
	near := &entry{tunnel: t, peers: t.far, lines: lines, life: pick(d, phase2Lives), kilobytes: volume}
	t.near.add(near)
	for _, far := range t.far {
		e := &entry{tunnel: t, peers: []*site{t.near}, life: pick(d, phase2Lives), kilobytes: volume}
		for _, l := range lines {
			e.lines = append(e.lines, acl{l.remote, l.local})
		}
		far.add(e)
	}
}

func (s *site) add(e *entry) {
	s.peers = append(s.peers, e)
	e.seq = 10 * len(s.peers)
}

// accessList draws the lines of a tunnel as its near end has them.
func (d *draw) accessList(t *tunnel) []acl {
	near, far := t.near, t.far[0]
	if t.transport {
		return []acl{{host(near.addr), host(far.addr)}}
	}
	if t.hub {
		all := netip.MustParsePrefix("10.0.0.0/8")
		return []acl{{netip.PrefixFrom(near.nets[0].Addr(), 16).Masked(), all}}
	}
	if near.alone {
		return []acl{{clientPool, far.nets[0]}}
	}
	lines := []acl{{near.nets[0], far.nets[0]}}
	if d.oneIn(3) && !t.access() {
		lines = append(lines, acl{near.nets[1], far.nets[0]})
	}
	return lines
}

func host(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, 32) }
