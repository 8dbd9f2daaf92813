package policy

import "net/netip"

// End is one of the two gateways of an SA, by the address that it is seen with.
// Behind a NAT it may call itself by another.
type End struct {
	Addr netip.Addr
	NAT  bool
}

// Is says whether p stands for the end itself, with whatever protocol and port.
func (e End) Is(p Proxy) bool {
	return p.Lo == p.Hi && (p.Lo == e.Addr || e.NAT)
}

// InForce returns the transform sets as they hold for a pair of proxies. Transport
// mode of a set is for packets of the two gateways themselves; for all others the
// set is one of tunnel mode (Cisco IOS Security Command Reference, "mode (IPSec)").
func InForce(sets []TransformSet, local, remote End, localProxy, remoteProxy Proxy) []TransformSet {
	if local.Is(localProxy) && remote.Is(remoteProxy) {
		return sets
	}
	tunnel := make([]TransformSet, len(sets))
	for i, ts := range sets {
		ts.Transport = false
		tunnel[i] = ts
	}
	return tunnel
}

// Answers returns what may be answered by sets in force: a set of transport mode
// takes tunnel mode too, one of tunnel mode that alone (the same source).
func Answers(sets []TransformSet) []TransformSet {
	all := make([]TransformSet, 0, 2*len(sets))
	for _, ts := range sets {
		all = append(all, ts)
		if ts.Transport {
			ts.Transport = false
			all = append(all, ts)
		}
	}
	return all
}
