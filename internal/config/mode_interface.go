package config

import (
	"net/netip"
	"slices"
	"strconv"
)

var interfaceMode = mode{name: "Interface", prompt: "config-if", open: true, nodes: []*node{
	{Text: "crypto", Help: "Encryption/Decryption commands", Next: []*node{
		{Text: "map", Help: "Assign a Crypto Map", No: noInterfaceMap, Next: []*node{
			{Kind: Word, Text: "WORD", Arg: "map", Help: "Crypto Map tag", Do: setInterfaceMap, Next: []*node{
				{Text: "redundancy", Help: "Redundancy for this crypto map", Unsupported: "redundancy of a crypto map", Scope: ScopeAlways},
			}},
		}},
		{Text: "engine", Help: "Crypto engine", Unsupported: "choosing a crypto engine"},
		{Text: "ipsec", Help: "IPsec settings of the interface", Next: []*node{
			{Text: "client", Help: "Configure a client", Next: interfaceEasyVPNNodes},
			{Text: "df-bit", Help: "Handling of encapsulated DF bit", Unsupported: "IPsec settings of an interface"},
			{Text: "fragmentation", Help: "Handling of fragmentation", Unsupported: "IPsec settings of an interface"},
			{Text: "security-association", Help: "Security association parameters", Unsupported: "IPsec settings of an interface"},
		}},
	}},
	{Text: "description", Help: "Interface specific description", Do: noDescription, No: noDescription, Next: []*node{
		{Kind: Rest, Text: "LINE", Arg: "description", Help: "Up to 240 characters describing this interface", Do: setDescription},
	}},
	{Text: "ip", Help: "Interface Internet Protocol config commands", Open: true, Next: []*node{
		{Text: "address", Help: "Set the IP address of an interface", No: noAddress, Next: []*node{
			{Kind: Address, Text: "A.B.C.D", Arg: "address", Help: "IP address", Next: []*node{
				{Kind: Netmask, Text: "A.B.C.D", Arg: "mask", Help: "IP subnet mask", Do: setAddress, Next: []*node{
					{Text: "secondary", Arg: "secondary", Help: "Make this IP address a secondary address", Do: setAddress},
				}},
			}},
			{Text: "dhcp", Help: "IP Address negotiated via DHCP", Do: setLearned(AddressDHCP)},
			{Text: "negotiated", Help: "IP Address negotiated over PPP", Do: setLearned(AddressNegotiated)},
		}},
		{Text: "tcp", Help: "TCP interface commands", Open: true, Next: []*node{
			{Text: "adjust-mss", Help: "Adjust the mss of transit packets", No: setAdjustMSS, Next: []*node{
				{Kind: Number, Lo: 500, Hi: 1460, Arg: "mss", Help: "Maximum segment size in bytes", Do: setAdjustMSS},
			}},
		}},
		{Text: "vrf", Help: "VRF forwarding", Unsupported: "an interface in a VRF", Scope: ScopeInterface},
	}},
	{Text: "shutdown", Help: "Shutdown the selected interface", Do: setShutdown(true), No: setShutdown(false)},
	{Text: "tunnel", Help: "Protocol-over-protocol tunneling", Next: []*node{
		{Text: "destination", Help: "Destination of tunnel", Unsupported: "a tunnel interface", Scope: ScopeInterface},
		{Text: "key", Help: "Security or selector key", Unsupported: "a tunnel interface", Scope: ScopeInterface},
		{Text: "mode", Help: "Tunnel encapsulation method", Unsupported: "a tunnel interface", Scope: ScopeInterface},
		{Text: "path-mtu-discovery", Help: "Enable Path MTU Discovery on tunnel", Unsupported: "a tunnel interface", Scope: ScopeInterface},
		{Text: "protection", Help: "Enable tunnel protection", Unsupported: "tunnel protection", Scope: ScopeAlways},
		{Text: "source", Help: "Source of tunnel packets", Unsupported: "a tunnel interface", Scope: ScopeInterface},
		{Text: "vrf", Help: "Set tunnel VRF membership", Unsupported: "an interface in a VRF", Scope: ScopeInterface},
	}},
	{Text: "vrf", Help: "VPN Routing/Forwarding parameters on the interface", Unsupported: "an interface in a VRF", Scope: ScopeInterface},
}}

// interfaceName reads `interface Gi0/1` and `interface Gi 0/1`.
func interfaceName(a Args) (long, short string, p *Problem) {
	long, short, ok := InterfaceName(a.Text("name") + a.Text("number"))
	if !ok {
		return "", "", &Problem{Code: CodeInvalid, Arg: "name", Message: "this is neither an IOS interface nor a name that Linux takes",
			Hint: "an IOS name has a type and a number, as GigabitEthernet0/1; a Linux name has at most 15 characters and no slash"}
	}
	return long, short, nil
}

func interfaceMark(name string) string { return "interface " + name }

func enterInterface(e *Editor, a Args) *Problem {
	long, short, p := interfaceName(a)
	if p != nil {
		return p
	}
	e.enter(&interfaceMode)
	e.iface = e.cfg.Interface(long)
	if e.iface == nil {
		e.iface = &Interface{Name: long, Short: short}
		e.cfg.Interfaces = append(e.cfg.Interfaces, e.iface)
		e.remember(interfaceMark(long), a, "name")
	}
	return nil
}

func noInterface(e *Editor, a Args) *Problem {
	long, _, p := interfaceName(a)
	if p != nil {
		return p
	}
	before := len(e.cfg.Interfaces)
	e.cfg.Interfaces = slices.DeleteFunc(e.cfg.Interfaces, func(i *Interface) bool { return i.Name == long })
	if len(e.cfg.Interfaces) == before {
		return &Problem{Code: CodeReference, Arg: "name", Message: "there is no such interface"}
	}
	e.enter(nil)
	return nil
}

func setInterfaceMap(e *Editor, a Args) *Problem {
	e.iface.CryptoMap = a.Text("map")
	e.remember(interfaceMark(e.iface.Name)+" map", a, "map")
	return nil
}

func noInterfaceMap(e *Editor, _ Args) *Problem {
	e.iface.CryptoMap = ""
	return nil
}

// setAdjustMSS reads `ip tcp adjust-mss`; without a number it is off.
func setAdjustMSS(e *Editor, a Args) *Problem {
	e.iface.AdjustMSS = uint16(a.Number("mss"))
	return nil
}

func setDescription(e *Editor, a Args) *Problem {
	e.iface.Description = a.Text("description")
	return nil
}

func noDescription(e *Editor, _ Args) *Problem {
	e.iface.Description = ""
	return nil
}

// setAddress reads `ip address`, which replaces the primary address.
func setAddress(e *Editor, a Args) *Problem {
	bits, _ := maskBits(a.Addr("mask"))
	addr := netip.PrefixFrom(a.Addr("address"), bits)
	if !unicast(addr.Addr()) || bits == 0 || bits < 31 && (addr.Addr() == addr.Masked().Addr() || broadcast(addr)) {
		return &Problem{Code: CodeValue, Arg: "mask", Message: "Bad mask /" + strconv.Itoa(bits) + " for address " + addr.Addr().String()}
	}
	e.remember(interfaceMark(e.iface.Name)+" address "+addr.Addr().String(), a, "address")
	i := e.iface
	i.Learned = AddressStatic
	if !a.Has("secondary") {
		if len(i.Addresses) == 0 {
			i.Addresses = []netip.Prefix{addr}
		}
		i.Addresses[0] = addr
		return nil
	}
	if len(i.Addresses) == 0 {
		return &Problem{Code: CodeValue, Arg: "secondary", Message: "the interface has no primary address yet"}
	}
	if !slices.Contains(i.Addresses, addr) {
		i.Addresses = append(i.Addresses, addr)
	}
	return nil
}

func broadcast(p netip.Prefix) bool {
	return uint4(p.Addr())|^uint4(mask(p.Bits())) == uint4(p.Addr())
}

func noAddress(e *Editor, a Args) *Problem {
	i := e.iface
	if !a.Has("mask") {
		i.Addresses, i.Learned = nil, AddressStatic
		return nil
	}
	bits, _ := maskBits(a.Addr("mask"))
	addr := netip.PrefixFrom(a.Addr("address"), bits)
	if !slices.Contains(i.Addresses, addr) {
		return &Problem{Code: CodeReference, Arg: "address", Message: "the interface does not have this address"}
	}
	if !a.Has("secondary") && len(i.Addresses) > 1 {
		return &Problem{Code: CodeValue, Arg: "address", Message: "Must delete secondary before deleting primary"}
	}
	i.Addresses = slices.DeleteFunc(i.Addresses, func(p netip.Prefix) bool { return p == addr })
	return nil
}

func setLearned(s AddressSource) Action[*Editor] {
	return func(e *Editor, a Args) *Problem {
		e.iface.Learned, e.iface.Addresses = s, nil
		e.remember(interfaceMark(e.iface.Name)+" learned", a, "")
		return nil
	}
}

func setShutdown(on bool) Action[*Editor] {
	return func(e *Editor, a Args) *Problem {
		e.iface.Shutdown = on
		e.remember(interfaceMark(e.iface.Name)+" shutdown", a, "")
		return nil
	}
}
