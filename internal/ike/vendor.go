package ike

import (
	"qmidle/internal/isakmp"
	"qmidle/internal/trace"
)

// nattVIDs are the NAT traversal vendor IDs that we send or take.
var nattVIDs = []struct {
	version trace.NATTVersion
	vendor  isakmp.VendorID
	bytes   string
}{
	{trace.NATTRFC3947, isakmp.VendorRFC3947, isakmp.VIDRFC3947},
	{trace.NATTDraft07, isakmp.VendorNATT07, isakmp.VIDNATT07},
	{trace.NATTDraft03, isakmp.VendorNATT03, isakmp.VIDNATT03},
	{trace.NATTDraft02n, isakmp.VendorNATT02n, isakmp.VIDNATT02n},
	{trace.NATTDraft02, isakmp.VendorNATT02, isakmp.VIDNATT02},
}

// numbers returns the payload types and modes of a NAT traversal version.
func numbers(v trace.NATTVersion) (isakmp.NATTNumbers, bool) {
	for _, n := range nattVIDs {
		if n.version == v {
			return n.vendor.NATT()
		}
	}
	return isakmp.NATTNumbers{}, false
}

func nattBytes(v trace.NATTVersion) []byte {
	for _, n := range nattVIDs {
		if n.version == v {
			return []byte(n.bytes)
		}
	}
	return nil
}

// takeVendorIDs reads a message's vendor IDs: those of NAT traversal choose the
// best version that both speak, DPD's enables it.
func (m *message) takeVendorIDs() [][]byte {
	var all [][]byte
	for _, p := range m.payloads {
		if p.Type != isakmp.PayloadVendorID {
			continue
		}
		all = append(all, p.Body)
		id := isakmp.LookupVendorID(p.Body)
		switch id {
		case isakmp.VendorDPD:
			m.s.peerDPD = true
		case isakmp.VendorUnity:
			m.s.peerUnity = true
		case isakmp.VendorFragmentation:
			m.s.peerFragments = m.s.takesFragments(p.Body)
		case isakmp.VendorGateway:
			m.s.peerGateway = true
		}
		for _, n := range nattVIDs {
			if n.vendor == id && n.version > m.s.natt && m.e.cfg.speaks(n.version) {
				m.s.natt = n.version
			}
		}
	}
	return all
}

func (c *Config) speaks(v trace.NATTVersion) bool {
	for _, x := range c.NATT {
		if x == v {
			return true
		}
	}
	return false
}

// tellVendorIDs emits one event for each vendor ID. IOS walks them twice in
// the first two messages.
func (s *sa) tellVendorIDs(ids [][]byte) {
	for _, b := range ids {
		id := isakmp.LookupVendorID(b)
		if id == isakmp.VendorGateway {
			s.emit(&trace.IOSVendorIDReceived{Bytes: b})
			continue
		}
		s.emit(&trace.VendorIDReceived{ID: id, Bytes: b})
	}
}

// addCapabilities adds the vendor IDs of main mode's messages 3 and 4, and of
// aggressive mode's 1 and 2.
func addCapabilities(b *isakmp.Builder) {
	b.Add(isakmp.PayloadVendorID, []byte(isakmp.VIDUnity))
	b.Add(isakmp.PayloadVendorID, []byte(isakmp.VIDDPD))
	b.Add(isakmp.PayloadVendorID, []byte(isakmp.VIDGateway))
}
