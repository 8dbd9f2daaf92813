package ike

import (
	"net/netip"
	"slices"
	"strings"

	"qmidle/internal/isakmp"
	"qmidle/internal/policy"
	"qmidle/internal/trace"
)

// Mode config at the client's end (draft-dukes-ike-mode-cfg-02 section 4.1).

// EasyVPN makes a connection a client's: its proxy is the address that the server
// gives, and its requests wait until it has one.
type EasyVPN struct {
	// Network keeps the proxies of the access list: nothing is asked for
	// (network-extension mode).
	Network bool
	// Version is what we tell the server of ourselves; "" for nothing.
	Version string
}

// ClientConfig is what a server gave to a client of ours: an effect. An invalid
// address means that nothing holds any more.
type ClientConfig struct {
	Connection    uint32 // Connection.Tag
	Server        netip.AddrPort
	Address       netip.Addr
	Netmask       netip.Addr // invalid when it was not sent
	DNS, WINS     []netip.Addr
	Domain        string
	Split         []SplitNetwork
	SplitDNS      []string
	Banner        string
	BackupServers []netip.Addr
	SavePassword  bool
	LocalLAN      bool
	PFS           bool
	Expiry        uint32 // seconds; 0 when it was not sent
}

// easyVPN is the connection of ours with s's server that is a client's; nil for
// none.
func (s *sa) easyVPN() *Connection {
	for _, c := range s.e.conns.byEnds[s.pair()] {
		if c.EasyVPN != nil && s.serves(c) {
			return c
		}
	}
	return nil
}

// needsConfig says whether an address is to be asked for. Under the successor of
// an ISAKMP SA the one that we have holds on.
func (s *sa) needsConfig() bool {
	c := s.easyVPN()
	if c == nil || c.EasyVPN.Network {
		return false
	}
	_, have := s.e.configured[c.Tag]
	return !have
}

// asked are the attributes that a client asks for.
var requested = []isakmp.AttributeType{isakmp.ConfigIP4Address, isakmp.ConfigIP4Netmask, isakmp.ConfigIP4DNS, isakmp.ConfigIP4NBNS,
	isakmp.ConfigAddressExpiry, isakmp.UnityBanner, isakmp.UnitySavePassword, isakmp.UnityDefaultDomain, isakmp.UnitySplitInclude,
	isakmp.UnitySplitDNS, isakmp.UnityPFS, isakmp.UnityLocalLAN, isakmp.UnityBackupServers}

// requestConfig asks the server for an address and what goes with it.
func (s *sa) requestConfig() {
	x := s.remoteAccess()
	x.asked = true
	conn := s.easyVPN()
	s.emit(&trace.ConfigNeeded{})
	s.show = trace.ConfAddr
	var list []isakmp.Attribute
	for _, t := range requested {
		list = append(list, isakmp.Attribute{Type: t})
	}
	n := s.begunTransaction()
	if v := conn.EasyVPN.Version; v != "" {
		list = append(list, s.text(isakmp.ConfigApplication, v)...)
	}
	x.configID = uint16(n.id)
	n.sendConfig(isakmp.Attributes{Type: isakmp.ConfigRequest, Identifier: x.configID, Attributes: list})
	s.move(trace.Internal, trace.InputPhase1Complete, trace.StateConfigRequestSent)
}

// configReply takes what the server gives.
func (m *message) configReply() {
	s, x := m.s, m.s.access
	a, ok := m.takeConfig(isakmp.ConfigReply)
	if !ok {
		return
	}
	c, ok := readConfig(a.Attributes)
	if !ok || !c.Address.IsValid() {
		m.badAttributes()
		return
	}
	m.take(a)
	s.emit(&trace.ConfigReplied{})
	x.node = nil
	s.endNode(m.n, false, trace.NodeTransactionDone)
	s.move(trace.FromPeer, trace.InputConfigReply, trace.StateP1Complete)
	s.show = trace.QMIdle
	s.adopt(c)
}

// configSet takes what the server sets unasked, and acknowledges it.
func (m *message) configSet(a isakmp.Attributes) {
	s, n := m.s, m.n
	c, ok := readConfig(a.Attributes)
	if !ok || !c.Address.IsValid() {
		m.badAttributes()
		return
	}
	s.remoteAccess()
	s.show = trace.ConfAddr
	m.take(a)
	s.dropRequest()
	s.emit(&trace.ConfigChecked{Set: true})
	ack := isakmp.Attributes{Type: isakmp.ConfigAck, Identifier: n.identifier}
	for _, one := range a.Attributes {
		s.emit(&trace.ConfigAttributeSeen{Attr: trace.ConfigAttr(one.Type)})
		ack.Attributes = append(ack.Attributes, isakmp.Attribute{Type: one.Type})
	}
	n.sendConfig(ack)
	s.endNode(n, false, trace.NodeNoError)
	s.move(trace.FromPeer, trace.InputConfigSet, trace.StateP1Complete)
	s.show = trace.QMIdle
	s.adopt(c)
}

// adopt makes what the server gave the connection's, tells it, and begins what
// waited for it.
func (s *sa) adopt(c ClientConfig) {
	e, conn := s.e, s.easyVPN()
	if conn == nil {
		return
	}
	c.Connection, c.Server = conn.Tag, s.remote
	if old, have := e.configured[conn.Tag]; have && old.Address != c.Address {
		s.endPairs(conn)
	}
	e.configured[conn.Tag] = c
	e.fx.Configured = append(e.fx.Configured, c)
	s.emit(c.event())
	for i := range s.waiting {
		e.ownProxy(&s.waiting[i])
	}
	s.startWaiting()
	s.same(trace.Internal, trace.InputPhase1Complete)
}

// ownProxy gives a request of a client's connection the address that the server
// gave as its proxy.
func (e *Engine) ownProxy(r *request) {
	if c, ok := e.configured[r.Connection]; ok {
		r.localProxy = hostProxy(c.Address)
	}
}

// allowing is a connection's line that allows what a peer asks for. A client's
// server may renew what the client has: its proxy here is the address that it gave.
func (e *Engine) allowing(conn *Connection, local, remote policy.Proxy) (line int, ok bool) {
	if conn.EasyVPN == nil || conn.EasyVPN.Network {
		return conn.allowing(local, remote)
	}
	c, have := e.configured[conn.Tag]
	if !have || len(conn.ACL) == 0 || !policy.SameProxy(local, hostProxy(c.Address)) {
		return -1, false
	}
	return conn.allowing(conn.ACL[0].Local, remote)
}

// readConfig reads a reply or a set. What a client has no use for is passed over;
// values of a wrong length are refused.
func readConfig(list []isakmp.Attribute) (c ClientConfig, ok bool) {
	for _, a := range list {
		if !c.read(a) {
			return ClientConfig{}, false
		}
	}
	return c, true
}

func (c *ClientConfig) read(a isakmp.Attribute) bool {
	switch a.Type {
	case isakmp.ConfigIP4Address:
		return readAddress(&c.Address, a.Value)
	case isakmp.ConfigIP4Netmask:
		return readAddress(&c.Netmask, a.Value)
	case isakmp.ConfigIP4DNS:
		return readAddresses(&c.DNS, a.Value)
	case isakmp.ConfigIP4NBNS:
		return readAddresses(&c.WINS, a.Value)
	case isakmp.UnityBackupServers:
		return readAddresses(&c.BackupServers, a.Value)
	case isakmp.ConfigAddressExpiry:
		v, ok := a.Uint()
		c.Expiry = uint32(min(v, 1<<32-1))
		return ok || len(a.Value) == 0
	case isakmp.UnityBanner:
		c.Banner = printable(a.Value)
	case isakmp.UnityDefaultDomain:
		c.Domain = printable(a.Value)
	case isakmp.UnitySplitDNS:
		c.SplitDNS = append(c.SplitDNS, strings.FieldsFunc(printable(a.Value), func(r rune) bool { return r == ',' || r == ' ' })...)
	case isakmp.UnitySplitInclude:
		return c.readSplit(a.Value)
	case isakmp.UnitySavePassword:
		c.SavePassword = isSet(a)
	case isakmp.UnityLocalLAN:
		c.LocalLAN = isSet(a)
	case isakmp.UnityPFS:
		c.PFS = isSet(a)
	default:
		return !isXAUTH(a.Type)
	}
	return true
}

func isSet(a isakmp.Attribute) bool {
	v, _ := a.Uint()
	return v != 0
}

// readAddress reads one address; an empty value is an attribute that the server
// has nothing for.
func readAddress(to *netip.Addr, value []byte) bool {
	if len(value) == 0 {
		return true
	}
	a, ok := netip.AddrFromSlice(value)
	if !ok || !a.Is4() || a.IsUnspecified() || a.IsMulticast() {
		return false
	}
	*to = a
	return true
}

func readAddresses(to *[]netip.Addr, value []byte) bool {
	if len(value)%4 != 0 || len(value) > 4*maxSplit {
		return false
	}
	for ; len(value) > 0; value = value[4:] {
		*to = append(*to, netip.AddrFrom4([4]byte(value)))
	}
	return true
}

// readSplit reads networks. One whose mask has holes is refused.
func (c *ClientConfig) readSplit(value []byte) bool {
	if len(value)%splitLen != 0 || len(c.Split)+len(value)/splitLen > maxSplit {
		return false
	}
	for ; len(value) > 0; value = value[splitLen:] {
		bits, ok := isakmp.MaskBits(value[4:8])
		if !ok {
			return false
		}
		c.Split = append(c.Split, SplitNetwork{Network: netip.PrefixFrom(netip.AddrFrom4([4]byte(value)), bits).Masked(), Protocol: value[9],
			SourcePort: uint16(value[10])<<8 | uint16(value[11]), DstPort: uint16(value[12])<<8 | uint16(value[13])})
	}
	return true
}

// event tells what a client has got.
func (c *ClientConfig) event() *trace.ClientConfigured {
	split := make([]string, 0, len(c.Split))
	for _, n := range c.Split {
		split = append(split, n.Network.String())
	}
	return &trace.ClientConfigured{Address: c.Address, Mask: c.Netmask, DNS: joined(c.DNS), WINS: joined(c.WINS), Domain: c.Domain,
		Split: strings.Join(split, " "), Banner: c.Banner}
}

func joined(list []netip.Addr) string {
	words := make([]string, 0, len(list))
	for _, a := range list {
		words = append(words, a.String())
	}
	return strings.Join(words, " ")
}

// unconfigure takes the address of a client's connection back, if it has one, whose
// last tie with the server has ended. Its pairs end too: at the server they have.
func (s *sa) unconfigure() {
	e, conn := s.e, s.easyVPN()
	if conn == nil || s.role != trace.RoleInitiator {
		return
	}
	if slices.ContainsFunc(e.byAddrs[s.pair()], func(o *sa) bool { return o != s && o.complete() && o.passed() }) {
		return
	}
	s.endPairs(conn)
	if _, have := e.configured[conn.Tag]; !have {
		return
	}
	delete(e.configured, conn.Tag)
	e.fx.Configured = append(e.fx.Configured, ClientConfig{Connection: conn.Tag, Server: s.remote})
}

// endPairs ends what a client's connection has under an address that is its own no more.
func (s *sa) endPairs(conn *Connection) {
	for _, c := range cloneList(s.e.byEnds[s.pair()]) {
		if c.conn == conn.Tag {
			s.e.expireChild(c, trace.ReasonLoginEnded)
		}
	}
}

// doubtAddress asks for a client's address anew where the server has refused a quick
// mode and the address is of an ISAKMP SA before this one: a server that has lost its
// leases may have given it to another. It asks once for each ISAKMP SA.
func (s *sa) doubtAddress(refused *Connection) {
	conn := s.easyVPN()
	if !s.up() || s.role != trace.RoleInitiator || conn == nil || refused != conn || conn.EasyVPN.Network || s.remoteAccess().asked {
		return
	}
	s.requestConfig()
}
