package console

import (
	"fmt"
	"net/netip"
	"strings"

	"qmidle/internal/config"
)

// LinkStates is what a Router may have besides: whether the links of its
// interfaces are up. Without it they are taken to be.
type LinkStates interface {
	// LinkUp says whether the link of the interface of this long name is up.
	LinkUp(name string) bool
}

// InterfaceAddresses is what a Router may have besides: the addresses that its
// interfaces have now, whatever is configured.
type InterfaceAddresses interface {
	// InterfaceAddress returns that of the interface of this long name; false
	// is that it has none.
	InterfaceAddress(name string) (netip.Addr, bool)
}

// Interfaces is show ip interface brief.
type Interfaces struct {
	Interfaces []InterfaceBrief `json:"interfaces"`
}

// InterfaceBrief is one configured interface.
type InterfaceBrief struct {
	Name     string     `json:"interface"`
	Address  netip.Addr `json:"ip_address,omitzero"`
	Method   string     `json:"method"` // NVRAM, DHCP, IPCP or unset
	Status   string     `json:"status"`
	Protocol string     `json:"line_protocol"`
}

func interfaces(r Router) Interfaces {
	view := Interfaces{Interfaces: []InterfaceBrief{}}
	links, known := r.(LinkStates)
	for _, i := range r.Config().Interfaces {
		row := InterfaceBrief{Name: i.Name, Address: addressOf(r, i), Method: methodText(i), Status: "up", Protocol: "up"}
		if known && !links.LinkUp(i.Name) {
			row.Status, row.Protocol = "down", "down"
		}
		if i.Shutdown {
			row.Status, row.Protocol = "administratively down", "down"
		}
		view.Interfaces = append(view.Interfaces, row)
	}
	return view
}

// addressOf is the configured address of an interface, or the one that it has
// learned; invalid for none.
func addressOf(r Router, i *config.Interface) netip.Addr {
	if len(i.Addresses) > 0 {
		return i.Addresses[0].Addr()
	}
	if host, ok := r.(InterfaceAddresses); ok {
		a, _ := host.InterfaceAddress(i.Name)
		return a
	}
	return netip.Addr{}
}

// methodText says where an interface has its address from.
func methodText(i *config.Interface) string {
	switch {
	case i.Learned == config.AddressDHCP:
		return "DHCP"
	case i.Learned == config.AddressNegotiated:
		return "IPCP"
	case len(i.Addresses) > 0:
		return "NVRAM"
	}
	return "unset"
}

// Text is IOS's table. The blanks at the ends of lines are IOS's.
func (v Interfaces) Text() string {
	var b strings.Builder
	row := func(name, addr, ok, method, status, protocol string) {
		fmt.Fprintf(&b, "%-26s %-15s %-3s %-6s %-21s %-8s\n", name, addr, ok, method, status, protocol)
	}
	row("Interface", "IP-Address", "OK?", "Method", "Status", "Protocol")
	for _, i := range v.Interfaces {
		addr := "unassigned"
		if i.Address.IsValid() {
			addr = i.Address.String()
		}
		row(i.Name, addr, "YES", i.Method, i.Status, i.Protocol)
	}
	return b.String()
}
