package console

import (
	"fmt"
	"net/netip"
	"strings"
)

// Text is IOS's listing: a block for each interface, in it one for each
// access list line.
func (v IPsecSAs) Text() string { return v.text(false) }

func (v IPsecSAs) text(detail bool) string {
	if len(v.Interfaces) == 0 {
		return "\nNo SAs found\n"
	}
	var b strings.Builder
	for _, i := range v.Interfaces {
		fmt.Fprintf(&b, "\ninterface: %s\n", orNone(i.Interface))
		fmt.Fprintf(&b, "    Crypto map tag: %s, local addr %s\n", orNone(i.CryptoMap), addressText(i.LocalAddr))
		for _, d := range i.Idents {
			d.write(&b, detail)
		}
	}
	return b.String()
}

func orNone(s string) string {
	if s == "" {
		return "(none)"
	}
	return s
}

// addressText is 0.0.0.0 where there is no address.
func addressText(a netip.Addr) string {
	if !a.IsValid() {
		a = netip.IPv4Unspecified()
	}
	return a.String()
}

func (d IPsecIdent) write(b *strings.Builder, detail bool) {
	flags := ""
	if d.FromACL {
		flags = "origin_is_acl,"
	}
	b.WriteString("\n   protected vrf: (none)\n")
	fmt.Fprintf(b, "   local  ident (addr/mask/prot/port): %s\n", d.Local.ident())
	fmt.Fprintf(b, "   remote ident (addr/mask/prot/port): %s\n", d.Remote.ident())
	fmt.Fprintf(b, "   current_peer %s port %d\n", peerNamed(d.Peer, d.PeerHost), d.PeerPort)
	fmt.Fprintf(b, "     PERMIT, flags={%s}\n", flags)
	d.Counters.write(b, detail)
	fmt.Fprintf(b, "\n     local crypto endpt.: %s, remote crypto endpt.: %s\n", addressText(d.LocalAddr), addressText(d.Peer))
	fmt.Fprintf(b, "     path mtu %d, ip mtu %d\n", d.PathMTU, d.PathMTU)
	fmt.Fprintf(b, "     current outbound spi: 0x%X(%d)\n", d.OutboundSPI, d.OutboundSPI)
	writeSAs(b, "inbound", d.Inbound, detail)
	writeSAs(b, "outbound", d.Outbound, detail)
}

func (c IPsecCounters) write(b *strings.Builder, detail bool) {
	fmt.Fprintf(b, "    #pkts encaps: %d, #pkts encrypt: %d, #pkts digest: %d\n", c.EncapsPackets, c.EncapsPackets, c.EncapsPackets)
	fmt.Fprintf(b, "    #pkts decaps: %d, #pkts decrypt: %d, #pkts verify: %d\n", c.DecapsPackets, c.DecapsPackets, c.DecapsPackets)
	b.WriteString("    #pkts compressed: 0, #pkts decompressed: 0\n")
	b.WriteString("    #pkts not compressed: 0, #pkts compr. failed: 0\n")
	b.WriteString("    #pkts not decompressed: 0, #pkts decompress failed: 0\n")
	if detail {
		c.writeDetail(b)
		return
	}
	fmt.Fprintf(b, "    #send errors %d, #recv errors %d\n", c.SendErrors, c.RecvErrors)
}

func writeSAs(b *strings.Builder, direction string, sas []ESPSA, detail bool) {
	fmt.Fprintf(b, "\n     %s esp sas:\n", direction)
	for _, sa := range sas {
		sa.write(b, detail)
	}
	fmt.Fprintf(b, "\n     %s ah sas:\n\n     %s pcp sas:\n", direction, direction)
}

func (s ESPSA) write(b *strings.Builder, detail bool) {
	replay := "N"
	if s.Replay {
		replay = "Y"
		if detail {
			replay = fmt.Sprintf("Y  replay window size: %d", s.ReplayWindow)
		}
	}
	fmt.Fprintf(b, "      spi: 0x%X(%d)\n", s.SPI, s.SPI)
	fmt.Fprintf(b, "        transform: %s ,\n", s.Transform)
	fmt.Fprintf(b, "        in use settings ={%s, }\n", s.Mode)
	fmt.Fprintf(b, "        conn id: %d, flow_id: %d, crypto map: %s\n", s.ConnID, s.FlowID, orNone(s.CryptoMap))
	fmt.Fprintf(b, "        sa timing: remaining key lifetime %s\n", s.lifetime())
	fmt.Fprintf(b, "        IV size: %d bytes\n", s.IVSize)
	fmt.Fprintf(b, "        replay detection support: %s\n", replay)
	fmt.Fprintf(b, "        Status: %s\n", s.Status)
}

func (s ESPSA) lifetime() string {
	switch {
	case s.KilobytesLeft != nil && s.SecondsLeft != nil:
		return fmt.Sprintf("(k/sec): (%d/%d)", *s.KilobytesLeft, *s.SecondsLeft)
	case s.SecondsLeft != nil:
		return fmt.Sprintf("(sec): %d", *s.SecondsLeft)
	case s.KilobytesLeft != nil:
		return fmt.Sprintf("(k): %d", *s.KilobytesLeft)
	}
	return "(none)"
}
