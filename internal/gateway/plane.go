package gateway

import (
	"errors"
	"fmt"
	"net/netip"

	"qmidle/internal/config"
	"qmidle/internal/dataplane"
	"qmidle/internal/ipsec"
	"qmidle/internal/isakmp"
)

// planeKind says who does ESP.
type planeKind struct {
	kernel bool
	ifID   uint32 // of the kernel's xfrm interface; 0 is none
}

// dataPlaneVariable is an environment variable that takes the kernel out of the
// automatic choice: tests of the data plane in user space are to have it also where the
// kernel has ESP.
const dataPlaneVariable = "QMIDLE_DATA_PLANE"

// choosePlane takes the kernel where it does ESP, unless the configuration forces
// another choice.
func (g *Gateway) choosePlane(c *config.Config) (planeKind, error) {
	kind := planeKind{true, c.DataPlane.InterfaceID}
	switch {
	case c.DataPlane.Kind == config.DataPlaneUserSpace:
		return planeKind{}, nil
	case c.DataPlane.Kind == config.DataPlaneAutomatic && (g.world.userSpace || g.world.kernelESP() != nil):
		return planeKind{}, nil
	case c.DataPlane.Kind == config.DataPlaneAutomatic:
		return kind, nil
	}
	if err := g.world.kernelESP(); err != nil {
		return kind, &OperatorError{fmt.Sprintf("qmidle data-plane kernel: the kernel does no ESP: %s", plainly(err)),
			"`modprobe esp4` loads it, where the kernel was built with it; `no qmidle data-plane` chooses by itself"}
	}
	return kind, nil
}

// prepareSocket gives a socket the part that it has in the kernel's ESP: none of its
// own packets goes by a policy, and ESP in UDP stays in the kernel.
func (g *Gateway) prepareSocket(local netip.AddrPort, s udpSocket) error {
	if !g.kind.kernel {
		return nil
	}
	return s.LeaveToKernel(local.Port() != isakmp.PortIKE)
}

// hostPlane is a data plane together with the host's tables.
type hostPlane struct {
	backend
	host *dataplane.Host
}

// backend is what Userspace and Kernel share beside dataplane.Backend.
type backend interface {
	dataplane.Backend
	ReceiveUDP(from, to netip.AddrPort, tos uint8, datagrams [][]byte)
	SetOuterPolicy(ipsec.OuterPolicy) error
	SetMSSClamps([]dataplane.MSSClamp) error
	SetClients([]dataplane.ClientNetwork) error
}

func openPlane(kind planeKind, cores int, send dataplane.SendUDP, events dataplane.Events) (plane, error) {
	host, err := dataplane.OpenHost()
	if err != nil {
		return nil, err
	}
	var b backend
	if kind.kernel {
		b, err = dataplane.OpenKernel(host, dataplane.KernelConfig{Events: events, InterfaceID: kind.ifID})
	} else {
		b, err = dataplane.OpenUserspace(host, dataplane.UserspaceConfig{SendUDP: send, Events: events, Cores: cores})
	}
	if err != nil {
		return nil, errors.Join(err, host.Close())
	}
	return &hostPlane{b, host}, nil
}

func (k *hostPlane) SetStaticRoutes(routes []dataplane.StaticRoute) error {
	return k.host.SetStaticRoutes(routes)
}

func (k *hostPlane) AddRoute(r dataplane.ReverseRoute) error { return k.host.AddRoute(r) }

func (k *hostPlane) RemoveRoute(r dataplane.ReverseRoute) error { return k.host.RemoveRoute(r) }

// RouteTo is the host's own route to an address.
func (k *hostPlane) RouteTo(to netip.Addr) (dataplane.StaticRoute, bool) { return k.host.RouteTo(to) }

// Close removes all from the kernel but what blocks protected traffic.
func (k *hostPlane) Close() error { return errors.Join(k.backend.Close(), k.host.Close()) }
