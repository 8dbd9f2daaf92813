package ipsec

import "net/netip"

// addresses are an SA's two addresses, those of IPv4 in the least memory.
type addresses struct {
	local4, remote4 uint32
	wide            *[2]netip.Addr // of IPv6, instead of both
}

func addressesOf(local, remote netip.Addr) addresses {
	if local.Is4() && remote.Is4() {
		return addresses{local4: number4(local), remote4: number4(remote)}
	}
	return addresses{wide: &[2]netip.Addr{local, remote}}
}

func (a *addresses) local() netip.Addr {
	if a.wide != nil {
		return a.wide[0]
	}
	return addr4(a.local4)
}

func (a *addresses) remote() netip.Addr {
	if a.wide != nil {
		return a.wide[1]
	}
	return addr4(a.remote4)
}

// setParams is for makeSA.
func (sa *SA) setParams(p *SAParams) {
	sa.direction, sa.mode, sa.udpEncap = p.Direction, p.Mode, p.UDPEncap
	sa.localPort, sa.remotePort = p.LocalPort, p.RemotePort
	sa.spi, sa.tag, sa.id = p.SPI, p.Tag, p.ID
	sa.window = int16(windowOf(p, sa.suite))
	sa.lifeSeconds, sa.lifeKilobytes = p.LifeSeconds, p.LifeKilobytes
	sa.addresses, sa.traffic = addressesOf(p.Local, p.Remote), trafficOf(p.Selector)
}

// Params returns what the SA was made of, without the keys, and with the replay window
// that holds.
func (sa *SA) Params() SAParams {
	return SAParams{SPI: sa.spi, Direction: sa.direction, Local: sa.addresses.local(), Remote: sa.addresses.remote(), UDPEncap: sa.udpEncap,
		LocalPort: sa.localPort, RemotePort: sa.remotePort, Mode: sa.mode, Transform: sa.transform, KeyBits: sa.keyBits, Auth: sa.auth,
		Selector: sa.traffic.selector(), ReplayWindow: int(sa.window), LifeSeconds: sa.lifeSeconds, LifeKilobytes: sa.lifeKilobytes, Tag: sa.tag, ID: sa.id}
}

// Direction is that of Params.
func (sa *SA) Direction() Direction { return sa.direction }

// Source is where the SA's packets leave from: Params's Local and LocalPort. The port
// is 0 without UDP encapsulation.
func (sa *SA) Source() netip.AddrPort {
	if !sa.udpEncap {
		return netip.AddrPortFrom(sa.addresses.local(), 0)
	}
	return netip.AddrPortFrom(sa.addresses.local(), sa.localPort)
}
