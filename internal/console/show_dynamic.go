package console

import (
	"fmt"
	"net/netip"
	"strings"

	"qmidle/internal/config"
	"qmidle/internal/ike"
	"qmidle/internal/policy"
)

// DynamicMaps is show crypto dynamic-map.
type DynamicMaps struct {
	Maps []DynamicMap `json:"dynamic_maps"`
}

// DynamicMap is the templates of one name.
type DynamicMap struct {
	Name    string          `json:"name"`
	Entries []CryptoMapLine `json:"entries"`
}

func dynamicMaps(r Router, a config.Args) (View, error) {
	view := DynamicMaps{Maps: []DynamicMap{}}
	for _, d := range r.Config().DynamicMaps {
		if a.Has("tag") && d.Name != a.Text("tag") {
			continue
		}
		shown := DynamicMap{Name: d.Name, Entries: []CryptoMapLine{}}
		for _, e := range d.Entries {
			line := entryLine(r.Config(), e)
			line.resolve(r)
			line.Complete, line.template = e.TemplateComplete(), true
			line.CurrentPeer = netip.IPv4Unspecified().String()
			shown.Entries = append(shown.Entries, line)
		}
		view.Maps = append(view.Maps, shown)
	}
	return view, nil
}

// Text is IOS's listing, without a blank after Template. It is recalled, and so
// are the words where there is none.
func (v DynamicMaps) Text() string {
	if len(v.Maps) == 0 {
		return "No crypto map templates found.\n"
	}
	var b strings.Builder
	for _, d := range v.Maps {
		for _, e := range d.Entries {
			fmt.Fprintf(&b, "Crypto Map Template\"%s\" %d\n", d.Name, e.Sequence)
			e.write(&b)
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// instanceLine is the entry that was made of a template for a peer.
func instanceLine(cfg *config.Config, c *ike.Connection) CryptoMapLine {
	line := CryptoMapLine{Sequence: c.Seq, Complete: true, Peers: []string{c.Remote.Addr().String()}, PeerHosts: []PeerHost{}, PeerPort: c.Remote.Port(),
		AccessListLines: []string{"access-list  " + proxiesText(c.ACL[0].Local, c.ACL[0].Remote)}, CurrentPeer: c.Remote.Addr().String(),
		CreatedFrom:       fmt.Sprintf("%s/%d", c.DynamicMap, c.DynamicSeq),
		LifetimeKilobytes: c.Lives.Kilobytes, LifetimeSeconds: c.Lives.Seconds, IdleSeconds: int(c.IdleTime.Seconds()),
		PFSGroup: uint16(c.PFS), TransformSets: []string{}}
	for _, set := range c.TransformSets {
		line.TransformSets = append(line.TransformSets, set.Name)
	}
	if e := cfg.DynamicMap(c.DynamicMap).Entry(c.DynamicSeq); e != nil {
		line.Description, line.ReverseRoute = e.Description, e.ReverseRoute.On
	}
	return line
}

// proxiesText is the line of an access list for a pair of proxies.
func proxiesText(local, remote policy.Proxy) string {
	x := config.ACLEntry{Permit: true, Protocol: max(local.Protocol, remote.Protocol), SrcPort: portMatch(local.Port), DstPort: portMatch(remote.Port)}
	src, okSrc := addrMatch(local)
	dst, okDst := addrMatch(remote)
	if !okSrc || !okDst {
		return fmt.Sprintf("permit %s %s-%s %s-%s", protocolText(x.Protocol), local.Lo, local.Hi, remote.Lo, remote.Hi)
	}
	x.Src, x.Dst = src, dst
	return x.String()
}

func portMatch(port uint16) config.PortMatch {
	if port == 0 {
		return config.PortMatch{}
	}
	return config.PortMatch{Op: config.PortEq, Lo: port}
}

// addrMatch is false for a range that is no prefix.
func addrMatch(p policy.Proxy) (config.AddrMatch, bool) {
	mask, ok := policy.Mask(p)
	if !ok || !mask.Is4() {
		return config.AddrMatch{}, false
	}
	wildcard := mask.As4()
	for i := range wildcard {
		wildcard[i] = ^wildcard[i]
	}
	return config.AddrMatch{Addr: p.Lo, Wildcard: netip.AddrFrom4(wildcard)}, true
}
