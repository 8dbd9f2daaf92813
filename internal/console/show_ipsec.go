package console

import (
	"net/netip"
	"time"

	"qmidle/internal/ike"
	"qmidle/internal/ipsec"
	"qmidle/internal/isakmp"
	"qmidle/internal/policy"
)

// IPsecSAs is show crypto ipsec sa.
type IPsecSAs struct {
	Interfaces []IPsecInterface `json:"interfaces"`
}

// IPsecInterface is the crypto map of one interface. Interface is "" for SAs
// whose crypto map is gone.
type IPsecInterface struct {
	Interface string       `json:"interface"`
	CryptoMap string       `json:"crypto_map"`
	LocalAddr netip.Addr   `json:"local_addr"`
	Idents    []IPsecIdent `json:"idents"`
}

// IPsecIdent is the traffic of one access list line, or a part of it that a
// peer has asked for by itself, with the SAs that protect it. Counters are
// those of the line since it was configured, or of the part's present SAs.
type IPsecIdent struct {
	Local       Selector      `json:"local_ident"`
	Remote      Selector      `json:"remote_ident"`
	FromACL     bool          `json:"origin_is_acl"`
	LocalAddr   netip.Addr    `json:"local_endpoint"`
	Peer        netip.Addr    `json:"current_peer"`
	PeerHost    string        `json:"current_peer_host,omitempty"` // of a peer that has no address yet
	PeerPort    uint16        `json:"peer_port"`
	Counters    IPsecCounters `json:"counters"`
	PathMTU     int           `json:"path_mtu"`
	OutboundSPI uint32        `json:"current_outbound_spi"` // 0: none
	Inbound     []ESPSA       `json:"inbound_esp_sas"`
	Outbound    []ESPSA       `json:"outbound_esp_sas"`
}

// IPsecCounters count packets, and bytes of inner packets. SendDrops and
// RecvDrops have the reasons that happened; all but dummy packets are errors.
// ReplayDrops and AuthDrops are parts of RecvErrors.
type IPsecCounters struct {
	EncapsPackets uint64 `json:"encaps_packets"`
	EncapsBytes   uint64 `json:"encaps_bytes"`
	DecapsPackets uint64 `json:"decaps_packets"`
	DecapsBytes   uint64 `json:"decaps_bytes"`
	SendErrors    uint64 `json:"send_errors"`
	RecvErrors    uint64 `json:"recv_errors"`
	ReplayDrops   uint64 `json:"replay_drops"`
	AuthDrops     uint64 `json:"auth_drops"`
	SendDrops     Drops  `json:"send_drops,omitempty"`
	RecvDrops     Drops  `json:"recv_drops,omitempty"`
}

// ESPSA is one ESP SA.
type ESPSA struct {
	SPI       uint32 `json:"spi"`
	Transform string `json:"transform"`
	Mode      string `json:"mode"` // Tunnel or Transport, with UDP-Encaps behind a NAT
	ConnID    uint32 `json:"conn_id"`
	FlowID    uint32 `json:"flow_id"`
	CryptoMap string `json:"crypto_map"`
	// KilobytesLeft and SecondsLeft are absent where the SA has no such limit.
	KilobytesLeft *uint64 `json:"kilobytes_left,omitempty"`
	SecondsLeft   *uint64 `json:"seconds_left,omitempty"`
	IVSize        int     `json:"iv_size"` // bytes
	Replay        bool    `json:"replay_detection"`
	ReplayWindow  int     `json:"replay_window,omitempty"` // packets
	PFSGroup      uint16  `json:"pfs_group,omitempty"`
	Status        string  `json:"status"`
}

// defaultPathMTU is shown where the path's is not known.
const defaultPathMTU = 1500

func ipsecSAs(r Router) IPsecSAs { return ipsecSAsOf(r, r.IPsecSAs()) }

// ipsecSAsOf is of pairs that the router has listed already.
func ipsecSAsOf(r Router, sas []ike.IPsecSA) IPsecSAs {
	view := IPsecSAs{Interfaces: []IPsecInterface{}}
	shown := make([]bool, len(sas))
	of := make(map[uint32][]int) // of sas, by their connection
	for i, sa := range sas {
		of[sa.Connection] = append(of[sa.Connection], i)
	}
	for _, c := range r.Connections() {
		if c.Dynamic {
			continue
		}
		block := view.block(c.Interface, c.Map, c.Local)
		for line, entry := range c.ACL {
			if !entry.Permit {
				continue
			}
			block.Idents = append(block.Idents, lineIdents(r, c, line, sas, of[c.Tag], shown)...)
		}
		for _, i := range of[c.Tag] {
			if !shown[i] {
				shown[i] = true
				block.add(r, c, sas[i])
			}
		}
	}
	view.addInstances(r, sas, of, shown)
	for i, sa := range sas {
		if !shown[i] {
			view.block("", "", sa.Local.Addr()).add(r, &ike.Connection{}, sa)
		}
	}
	view.repeat(r.Connections())
	return view
}

// addInstances adds an ident for each instance of a dynamic crypto map.
func (v *IPsecSAs) addInstances(r Router, sas []ike.IPsecSA, of map[uint32][]int, shown []bool) {
	for _, c := range r.Instances() {
		d := newIdent(c, c.ACL[0].Local, c.ACL[0].Remote)
		d.FromACL, d.PeerPort = false, c.Remote.Port()
		d.count(r.PolicyCounters(c.Tag, 0))
		for _, i := range of[c.Tag] {
			shown[i] = true
			d.addPair(r, c, sas[i])
		}
		block := v.block(c.Interface, c.Map, c.Local)
		block.Idents = append(block.Idents, d)
	}
}

// repeat shows a block for each further interface of a crypto map whose
// interfaces share their SAs, with the same idents, as IOS does.
func (v *IPsecSAs) repeat(connections []*ike.Connection) {
	for _, c := range connections {
		first := *v.block(c.Interface, c.Map, c.Local)
		for _, name := range c.MoreInterfaces {
			*v.block(name, c.Map, c.Local) = IPsecInterface{name, first.CryptoMap, first.LocalAddr, first.Idents}
		}
	}
}

// block returns the block of an interface, made if need be.
func (v *IPsecSAs) block(name, cryptoMap string, local netip.Addr) *IPsecInterface {
	for i := range v.Interfaces {
		b := &v.Interfaces[i]
		if b.Interface == name && b.CryptoMap == cryptoMap && b.LocalAddr == local {
			return b
		}
	}
	v.Interfaces = append(v.Interfaces, IPsecInterface{
		Interface: name, CryptoMap: cryptoMap, LocalAddr: local, Idents: []IPsecIdent{},
	})
	return &v.Interfaces[len(v.Interfaces)-1]
}

// lineIdents is the ident of an access list line, then those of the parts of
// it that SAs were negotiated for; own are those of the connection.
func lineIdents(r Router, c *ike.Connection, line int, sas []ike.IPsecSA, own []int, shown []bool) []IPsecIdent {
	acl := c.ACL[line]
	whole := newIdent(c, acl.Local, acl.Remote)
	whole.count(r.PolicyCounters(c.Tag, line))
	if names := unresolved(r, c); len(c.Peers) == 0 && len(names) > 0 {
		whole.PeerHost = names[0]
	}
	parts := IPsecInterface{}
	for _, i := range own {
		sa := sas[i]
		if sa.Line != line || shown[i] {
			continue
		}
		shown[i] = true
		if policy.SameProxy(sa.LocalProxy, acl.Local) && policy.SameProxy(sa.RemoteProxy, acl.Remote) {
			whole.addPair(r, c, sa)
			continue
		}
		parts.add(r, c, sa)
	}
	return append([]IPsecIdent{whole}, parts.Idents...)
}

func newIdent(c *ike.Connection, local, remote policy.Proxy) IPsecIdent {
	d := IPsecIdent{
		Local: selector(local), Remote: selector(remote), FromACL: true, LocalAddr: c.Local,
		PeerPort: isakmp.PortIKE, PathMTU: defaultPathMTU, Inbound: []ESPSA{}, Outbound: []ESPSA{},
	}
	if len(c.Peers) > 0 {
		d.Peer = c.Peers[0]
	}
	return d
}

// add puts a pair of SAs into the ident of its own selectors.
func (b *IPsecInterface) add(r Router, c *ike.Connection, sa ike.IPsecSA) {
	local, remote := selector(sa.LocalProxy), selector(sa.RemoteProxy)
	at := -1
	for i, d := range b.Idents {
		if !d.FromACL && d.Local == local && d.Remote == remote {
			at = i
		}
	}
	if at < 0 {
		d := newIdent(c, sa.LocalProxy, sa.RemoteProxy)
		d.FromACL = false
		b.Idents = append(b.Idents, d)
		at = len(b.Idents) - 1
	}
	b.Idents[at].count(r.SACounters(sa.InSPI, sa.OutSPI))
	b.Idents[at].addPair(r, c, sa)
}

// count adds counters to the ident's.
func (d *IPsecIdent) count(n Counters) {
	c := &d.Counters
	c.EncapsPackets += n.EncapsPackets
	c.EncapsBytes += n.EncapsBytes
	c.DecapsPackets += n.DecapsPackets
	c.DecapsBytes += n.DecapsBytes
	c.SendErrors += n.SendDrops.Errors()
	c.RecvErrors += n.RecvDrops.Errors()
	c.ReplayDrops += n.RecvDrops[ipsec.DropReplayOld] + n.RecvDrops[ipsec.DropReplayDuplicate]
	c.AuthDrops += n.RecvDrops[ipsec.DropAuthFailed]
	c.SendDrops.add(n.SendDrops)
	c.RecvDrops.add(n.RecvDrops)
	if n.PathMTU > 0 {
		d.PathMTU = n.PathMTU
	}
}

// addPair adds a pair of SAs, which is younger than those before it. The
// outbound one is there once the peer has confirmed the exchange.
func (d *IPsecIdent) addPair(r Router, c *ike.Connection, sa ike.IPsecSA) {
	d.LocalAddr, d.Peer, d.PeerPort = sa.Local.Addr(), sa.Remote.Addr(), sa.Remote.Port()
	used := r.SACounters(sa.InSPI, sa.OutSPI)
	in := espSA(r.Now(), c, sa, used.DecapsBytes)
	in.SPI, in.ConnID, in.FlowID = sa.InSPI, sa.InConn, flowID(sa.InConn)
	d.Inbound = append(d.Inbound, in)
	if !sa.OutboundReady {
		return
	}
	out := espSA(r.Now(), c, sa, used.EncapsBytes)
	out.SPI, out.ConnID, out.FlowID = sa.OutSPI, sa.OutConn, flowID(sa.OutConn)
	d.Outbound = append(d.Outbound, out)
	d.OutboundSPI = sa.OutSPI
}

// espSA is what both SAs of a pair have in common.
func espSA(now time.Time, c *ike.Connection, sa ike.IPsecSA, usedBytes uint64) ESPSA {
	e := ESPSA{
		Transform: transformText(sa.Suite), Mode: settingsText(sa.Suite.Encap), CryptoMap: c.Map,
		IVSize: ivSize(sa.Suite.Transform), PFSGroup: uint16(sa.PFS), Status: "ACTIVE",
		Replay: sa.ReplayWindow >= 0 && authenticated(sa),
	}
	if e.Replay {
		if e.ReplayWindow = sa.ReplayWindow; e.ReplayWindow == 0 {
			e.ReplayWindow = ipsec.DefaultReplayWindow
		}
	}
	if sa.Lives.Kilobytes != 0 {
		left := uint64(sa.Lives.Kilobytes) - min(usedBytes/1024, uint64(sa.Lives.Kilobytes))
		e.KilobytesLeft = &left
	}
	if !sa.Expires.IsZero() {
		left := uint64(max(0, sa.Expires.Sub(now)/time.Second))
		e.SecondsLeft = &left
	}
	return e
}

// authenticated says whether packets of the SA carry an ICV, without which
// there is no replay detection (RFC 4303 section 3.4.3).
func authenticated(sa ike.IPsecSA) bool {
	switch sa.Suite.Transform {
	case isakmp.ESPAESGCM8, isakmp.ESPAESGCM12, isakmp.ESPAESGCM16, isakmp.ESPAESGMAC:
		return true
	}
	return sa.Suite.Auth != isakmp.AuthAlgNone
}

// flowID numbers flows from 1: IOS counts the conn-ids of IPsec from 2001.
func flowID(conn uint32) uint32 {
	if conn > 2000 {
		return conn - 2000
	}
	return conn
}
