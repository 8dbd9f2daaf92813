package trace

import (
	"fmt"
	"math/bits"
	"net/netip"
	"strconv"
	"strings"

	"qmidle/internal/isakmp"
)

// Numbers of IPsecProposalInvalidated.Error.
const (
	invalidLocalAddress = 8
	invalidProxies      = 32
	invalidGroup        = 64
	invalidTransform    = 256
)

// writeIPsec prints what `debug crypto ipsec` has for an event.
func (w *iosWriter) writeIPsec(event Event) {
	switch e := event.(type) {
	case *IPsecSARequested:
		w.module("IPSEC(sa_request): ,")
		w.keyMessage("OUTBOUND", keyMessage{e.Local, e.Remote, e.LocalProxy, e.RemoteProxy, e.Suite,
			e.LifeSeconds, e.LifeKB, e.SPI, 0, requestFlags})
	case *IPsecProposalValidating:
		w.module("IPSEC(validate_proposal_request): proposal part #1,")
		w.keyMessage("INBOUND", keyMessage{e.Local, e.Remote, e.LocalProxy, e.RemoteProxy, e.Suite, 0, 0, 0, 0, flagSA})
	case *IPsecProposalInvalidated:
		w.proposalInvalidated(e)
	case *KeyEngineEvent:
		w.module("IPSEC(key_engine): got a queue event...")
	case *IPsecSACreated:
		w.ipsecSACreated(e)
	case *IPsecSADeleted:
		w.module("IPSEC(delete_sa): deleting SA,")
		w.databaseSA(e.Destination, e.SPI, e.Suite, e.Conn)
	case *ReverseRouteChanged:
		w.reverseRoute(e)
	case *IPsecDeleteNotified:
		w.module("IPSEC(key_engine_delete_sas): rec'd delete notify from ISAKMP")
	case *RequestTimerFired:
		w.module("IPSEC(key_engine): request timer fired: count = %d,", e.Count)
		w.more("  (identity) local= %s, remote= %s, ", e.Local, e.Remote)
		w.more("    local_proxy= %s, ", proxyWords(e.LocalProxy))
		w.more("    remote_proxy= %s", proxyWords(e.RemoteProxy))
	}
}

// requestFlags are those of a request for SAs in published traces.
const requestFlags = 0x400B

// keyMessage is a message between IPsec and IKE.
type keyMessage struct {
	local, remote           netip.Addr
	localProxy, remoteProxy Proxy
	suite                   IPsecSuite
	seconds, kilobytes      uint32
	spi, conn               uint32
	flags                   int
}

func (w *iosWriter) keyMessage(direction string, m keyMessage) {
	w.more("  (key eng. msg.) %s local= %s, remote= %s, ", direction, m.local, m.remote)
	w.more("    local_proxy= %s, ", proxyWords(m.localProxy))
	w.more("    remote_proxy= %s,", proxyWords(m.remoteProxy))
	w.more("    protocol= ESP, transform= %s (%s), ", suiteWords(m.suite), wordOf(encapsulationWords, m.suite.Encap))
	w.more("    lifedur= %ds and %dkb, ", m.seconds, m.kilobytes)
	w.more("    spi= 0x%X(%[1]d), conn_id= %d, keysize= %d, flags= 0x%X", m.spi, m.conn, m.suite.KeyBits, m.flags)
}

// proposalInvalidated prints the words for a number; those for 64 and for
// another number are this project's.
func (w *iosWriter) proposalInvalidated(e *IPsecProposalInvalidated) {
	const transform = "IPSEC(validate_transform_proposal): "
	switch e.Error {
	case invalidLocalAddress:
		w.module("IPSEC(validate_proposal): invalid local address %s", w.local())
	case invalidProxies:
		w.module(transform + "proxy identities not supported")
	case invalidGroup:
		w.module(transform + "PFS group not supported")
	case invalidTransform:
		w.module(transform + "transform proposal not supported for identity:")
	default:
		w.module(transform+"%s not supported", e.Attr)
	}
}

// ipsecSACreated prints the key message and the entry of the database.
func (w *iosWriter) ipsecSACreated(e *IPsecSACreated) {
	direction := "OUTBOUND"
	if e.Inbound {
		direction = "INBOUND"
	}
	w.module("IPSEC(initialize_sas): ,")
	w.keyMessage(direction, keyMessage{w.local(), w.remote(), e.Local, e.Remote, e.Suite,
		e.LifeSeconds, e.LifeKB, e.SPI, e.Conn, saFlags(!e.Inbound, false, e.Conn)})
	w.module("IPSEC(create_sa): sa created,")
	w.databaseSA(e.Destination, e.SPI, e.Suite, e.Conn)
}

func (w *iosWriter) databaseSA(destination netip.Addr, spi uint32, suite IPsecSuite, conn uint32) {
	w.more("  (sa) sa_dest= %s, sa_prot= 50, ", destination)
	w.more("    sa_spi= 0x%X(%[1]d), ", spi)
	w.more("    sa_trans= %s, sa_conn_id= %d", suiteWords(suite), conn)
}

// suiteWords are the transforms of a transform set, each with a blank after it.
func suiteWords(s IPsecSuite) string {
	words := cipherWord(s) + " "
	switch s.Auth {
	case isakmp.AuthAlgNone:
		return words
	case isakmp.AuthAlgHMACSHA1:
		return words + "esp-sha-hmac "
	}
	// HMAC-MD5 becomes esp-md5-hmac.
	hash := strings.TrimPrefix(wordOf(authenticatorWords, s.Auth), "HMAC-")
	return words + "esp-" + strings.ToLower(hash) + "-hmac "
}

// cipherWord names AES with its key length unless that is 128, as IOS does.
func cipherWord(s IPsecSuite) string {
	switch s.Transform {
	case isakmp.ESPDES:
		return "esp-des"
	case isakmp.ESP3DES:
		return "esp-3des"
	case isakmp.ESPNull:
		return "esp-null"
	case isakmp.ESPAES:
		return "esp-" + keyBitsWord(s.KeyBits) + "aes"
	case isakmp.ESPAESGCM8, isakmp.ESPAESGCM12, isakmp.ESPAESGCM16:
		return "esp-" + keyBitsWord(s.KeyBits) + "gcm"
	case isakmp.ESPAESGMAC:
		return "esp-" + keyBitsWord(s.KeyBits) + "gmac"
	}
	return strings.ToLower(s.Transform.String())
}

func keyBitsWord(bits uint16) string {
	if bits == 0 || bits == 128 {
		return ""
	}
	return fmt.Sprintf("%d-", bits)
}

// proxyWords is address/mask/protocol/port (type=n) of a proxy. A range that is
// no subnet has its last address for a mask.
func proxyWords(p Proxy) string {
	mask := p.Hi.String()
	switch {
	case !p.Hi.IsValid():
		mask = hostMask(p.Lo)
	case p.Type != isakmp.IDIPv4AddrRange && p.Type != isakmp.IDIPv6AddrRange:
		mask = maskBetween(p.Lo, p.Hi)
	}
	return fmt.Sprintf("%s/%s/%d/%d (type=%d)", p.Lo, mask, p.Protocol, p.Port, p.Type)
}

func hostMask(a netip.Addr) string { return maskBetween(a, a) }

// maskBetween is the netmask of a subnet with these first and last addresses,
// the prefix length for IPv6.
func maskBetween(lo, hi netip.Addr) string {
	first, last := lo.AsSlice(), hi.AsSlice()
	if len(first) != len(last) {
		return hi.String()
	}
	length := 0
	for i := range first {
		first[i] = ^(first[i] ^ last[i])
		length += bits.LeadingZeros8(^first[i])
	}
	if lo.Is6() {
		return strconv.Itoa(length)
	}
	mask, _ := netip.AddrFromSlice(first)
	return mask.String()
}
