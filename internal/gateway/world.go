package gateway

import (
	"context"
	"crypto/rand"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"

	"qmidle/internal/config"
	"qmidle/internal/dataplane"
	"qmidle/internal/ipsec"
	"qmidle/internal/isakmp"
)

// plane is the data plane with its routes.
type plane interface {
	dataplane.Backend
	// ReceiveUDP takes what came to the NAT-T port and is not IKE.
	ReceiveUDP(from, to netip.AddrPort, tos uint8, datagrams [][]byte)
	SetStaticRoutes([]dataplane.StaticRoute) error
	AddRoute(dataplane.ReverseRoute) error
	RemoveRoute(dataplane.ReverseRoute) error
	SetOuterPolicy(ipsec.OuterPolicy) error
	SetMSSClamps([]dataplane.MSSClamp) error
	SetClients([]dataplane.ClientNetwork) error
	RouteTo(to netip.Addr) (dataplane.StaticRoute, bool)
}

// udpSocket is a dataplane.UDPSocket.
type udpSocket interface {
	Send(to netip.AddrPort, datagrams ...[]byte) error
	SendESP(to netip.AddrPort, outer ipsec.OuterHeader, packets ...[]byte) error
	Receive(handle func(from netip.AddrPort, tos uint8, datagrams [][]byte)) error
	Outlast() error
	LeaveToKernel(esp bool) error
	Close() error
}

// world is what of the machine a gateway touches. Tests have one of their own.
type world struct {
	ports      ports
	workers    int
	rand       io.Reader
	interfaces func() ([]hostInterface, error)
	forwards   func() bool // whether the host forwards packets between its interfaces
	linkUp     func(name string) bool
	lookup     func(ctx context.Context, name string, servers []netip.Addr) ([]netip.Addr, error)
	listen     func(netip.AddrPort) (udpSocket, error)
	userSpace  bool         // by environment, where the configuration leaves the choice
	kernelESP  func() error // says why the kernel does no ESP; nil where it does
	openPlane  func(planeKind, dataplane.SendUDP, dataplane.Events) (plane, error)
	release    func() error // lets pass what the data plane has left blocked
}

func thisHost(cores int) world {
	return world{
		ports:      ports{isakmp.PortIKE, isakmp.PortNATT},
		workers:    cores,
		rand:       rand.Reader,
		interfaces: hostInterfaces,
		forwards:   hostForwards,
		linkUp:     hostLinkUp,
		lookup:     hostLookup,
		listen:     func(local netip.AddrPort) (udpSocket, error) { return dataplane.ListenUDP(local) },
		userSpace:  os.Getenv(dataPlaneVariable) == config.DataPlane{Kind: config.DataPlaneUserSpace}.String(),
		kernelESP:  dataplane.HasKernelESP,
		openPlane: func(kind planeKind, send dataplane.SendUDP, events dataplane.Events) (plane, error) {
			return openPlane(kind, cores, send, events)
		},
		release: func() error { return Release(DefaultState) },
	}
}

// hostForwards says no only where the kernel does.
func hostForwards() bool {
	b, err := os.ReadFile("/proc/sys/net/ipv4/ip_forward")
	return err != nil || strings.TrimSpace(string(b)) != "0"
}

// hostLinkUp says whether an interface is up and has a carrier.
func hostLinkUp(name string) bool {
	i, err := net.InterfaceByName(name)
	return err == nil && i.Flags&net.FlagRunning != 0
}

// hostInterface is a network interface of this host with its IPv4 addresses.
type hostInterface struct {
	name      string
	addresses []netip.Addr
}

func hostInterfaces() ([]hostInterface, error) {
	list, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	var out []hostInterface
	for _, i := range list {
		h := hostInterface{name: i.Name}
		addrs, err := i.Addrs()
		if err != nil {
			continue // it went away since
		}
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Is4() {
				h.addresses = append(h.addresses, p.Addr())
			}
		}
		out = append(out, h)
	}
	return out, nil
}

// ports are the UDP ports in use. The router always sees IKE's own; tests,
// which may not have those, use others on the wire.
type ports struct{ ike, natt uint16 }

// toWire returns the port in use for one that the router named.
func (p ports) toWire(a netip.AddrPort) netip.AddrPort {
	switch a.Port() {
	case isakmp.PortIKE:
		return netip.AddrPortFrom(a.Addr(), p.ike)
	case isakmp.PortNATT:
		return netip.AddrPortFrom(a.Addr(), p.natt)
	}
	return a
}

// fromWire is the reverse of toWire.
func (p ports) fromWire(a netip.AddrPort) netip.AddrPort {
	switch a.Port() {
	case p.ike:
		return netip.AddrPortFrom(a.Addr(), isakmp.PortIKE)
	case p.natt:
		return netip.AddrPortFrom(a.Addr(), isakmp.PortNATT)
	}
	return a
}
