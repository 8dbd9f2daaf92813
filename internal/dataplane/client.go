package dataplane

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"qmidle/internal/ipsec"
)

// ClientNetwork is what a VPN server has given to this host: an address, which the
// TUN device has, and what is reached by it. Packets of the networks inside, to
// Remote, leave by Address too: the kernel translates their source.
type ClientNetwork struct {
	Address netip.Addr
	Inside  []netip.Prefix
	Remote  []ipsec.Range
}

// SetClients replaces what servers have given. The addresses hold at once; what is
// translated, and the source of the host's own packets, with the next SetRules. All
// of it goes with the TUN device, or at the next start.
func (h *Host) SetClients(tun string, clients []ClientNetwork) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clients = clients
	return h.setAddresses(tun)
}

// setAddresses gives the device the clients' addresses, and takes all others.
func (h *Host) setAddresses(tun string) error {
	link, err := h.netlink.LinkByName(tun)
	if err != nil {
		return fmt.Errorf("device %s: %w", tun, err)
	}
	there, err := h.netlink.AddrList(link, netlink.FAMILY_V4)
	if err != nil {
		return fmt.Errorf("addresses of %s: %w", tun, err)
	}
	var errs []error
	for _, c := range h.clients {
		a := &netlink.Addr{IPNet: &net.IPNet{IP: c.Address.AsSlice(), Mask: net.CIDRMask(32, 32)}}
		if err := h.netlink.AddrAdd(link, a); err != nil && !errors.Is(err, unix.EEXIST) {
			errs = append(errs, fmt.Errorf("address %s on %s: %w", c.Address, tun, err))
		}
	}
	gone := false
	for _, a := range there {
		addr, _ := netip.AddrFromSlice(a.IP.To4())
		if !slices.ContainsFunc(h.clients, func(c ClientNetwork) bool { return c.Address == addr }) {
			errs = append(errs, h.netlink.AddrDel(link, &a))
			gone = true
		}
	}
	if h.leads() && (gone || h.unled) {
		// With a device's last address the kernel takes all routes into it.
		errs = append(errs, h.leadInto(link))
	}
	return errors.Join(errs...)
}

// leads says whether rules lead packets into the device. Where the kernel's policies find
// packets wherever they leave, only those of clients are led: it is the device that gives
// them the client's address, and they leave by no other way should a policy be missing.
func (h *Host) leads() bool { return !h.unled || len(h.clients) > 0 }

// ledEntries are those of a policy whose packets are led.
func (h *Host) ledEntries(entries []ipsec.PolicyEntry) (led []ipsec.PolicyEntry) {
	if !h.unled {
		return entries
	}
	for _, e := range entries {
		if slices.ContainsFunc(h.clients, func(c ClientNetwork) bool { return e.Selector.LocalNet == ipsec.HostRange(c.Address) }) {
			led = append(led, e)
		}
	}
	return led
}

// client adds the rules that lead packets of the networks inside into the device.
func (p *rulePlan) client(c ClientNetwork) {
	for _, inside := range c.Inside {
		for _, r := range c.Remote {
			for _, to := range r.Prefixes() {
				rule := match(inside, to, 0)
				rule.Table = RouteTable
				p.add(rule)
			}
		}
	}
}

// translateChain gives packets of the networks inside the address from the server.
const translateChain = "translate"

// writeClients writes it. What leaves by the device and has the address already
// passes as it is.
func (p *guardPlan) writeClients(clients []ClientNetwork) {
	if !slices.ContainsFunc(clients, func(c ClientNetwork) bool { return len(c.Inside) > 0 }) {
		return
	}
	p.nft.AddChain(&nftables.Chain{Table: p.table, Name: translateChain, Type: nftables.ChainTypeNAT,
		Hooknum: nftables.ChainHookPostrouting, Priority: nftables.ChainPriorityNATSource})
	for _, c := range clients {
		for _, inside := range c.Inside {
			p.rule(translateChain, deviceIs(expr.MetaKeyOIFNAME, p.device), ipv4Only(), addressWithin(offsetSource, ipsec.RangeOf(inside)), translateTo(c.Address))
		}
	}
}

func ipv4Only() []expr.Any {
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: register},
		&expr.Cmp{Op: expr.CmpOpEq, Register: register, Data: []byte{unix.NFPROTO_IPV4}}}
}

func translateTo(a netip.Addr) []expr.Any {
	return []expr.Any{&expr.Immediate{Register: register, Data: a.AsSlice()},
		&expr.NAT{Type: expr.NATTypeSourceNAT, Family: unix.NFPROTO_IPV4, RegAddrMin: register}}
}
