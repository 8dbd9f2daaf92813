package lab

import (
	"net/netip"
	"testing"

	"qmidle/internal/diagnose"
	"qmidle/internal/isakmp"
)

func init() { faultSuite = append(append(faultSuite, lifeFaults...), moreFaults...) }

const (
	callSpoke = "hub# ping 192.168.3.1 source 192.168.2.1\n"
	dpd       = "crypto isakmp keepalive 10 3 periodic\ncrypto isakmp policy 10"
)

var withDPD = []string{"crypto isakmp policy 10", dpd}

// lifeFaults are those of single messages, of peers that restart or die, of data,
// and of strangers.
var lifeFaults = []fault{
	// One message lost or damaged is sent again: nothing is wrong afterwards.
	{family: "messages", name: "message 1 lost", script: "drop main-mode 1\n" + callHub + "tick 30s\n" + callHub, initiator: unseen, responder: unseen, both: unseen},
	{family: "messages", name: "message 2 lost", script: "drop main-mode 2\n" + callHub + "tick 30s\n" + callHub, initiator: unseen, responder: unseen, both: unseen},
	{family: "messages", name: "message 5 lost", script: "drop main-mode 5\n" + callHub + "tick 30s\n" + callHub, initiator: unseen, responder: unseen, both: unseen},
	{family: "messages", name: "message 6 lost", script: "drop main-mode 6\n" + callHub + "tick 30s\n" + callHub, initiator: unseen, responder: unseen, both: unseen},
	{family: "messages", name: "a quick mode message lost", script: "drop quick-mode 2\n" + callHub + "tick 30s\n" + callHub, initiator: unseen, responder: unseen, both: unseen},
	{family: "messages", name: "every message twice", script: "duplicate message 1-9\n" + callHub + "tick 30s\n" + callHub, initiator: unseen, responder: unseen, both: unseen},
	{family: "messages", name: "message 2 damaged", script: "corrupt main-mode 2\n" + callHub + "tick 30s\n" + callHub, initiator: unseen, responder: unseen, both: unseen},
	{family: "messages", name: "message 5 damaged", before: damage(5, 30, 1), script: callHub + "tick 30s\n" + callHub, initiator: unseen, responder: unseen, both: unseen},
	// The hash of message 5 does not cover its notify, of which the key stream of
	// message 6 depends.
	{family: "messages", name: "the notify of message 5 damaged", before: damage(5, 94, 1), script: callHub + "tick 30s\n",
		truth: diagnose.MalformedOrCorrupt, initiator: named, responder: named, both: named},
	{family: "messages", name: "message 6 damaged", before: damage(6, 40, 1), script: callHub + "tick 30s\n" + callHub, initiator: unseen, responder: unseen, both: unseen},
	{family: "messages", name: "a quick mode message damaged", script: "corrupt quick-mode 1\n" + callHub + "tick 30s\n" + callHub, initiator: unseen, responder: unseen, both: unseen},
	// The offer in message 1 is damaged and refused, and stays refused until the
	// next attempt.
	{family: "messages", name: "the offer of message 1 damaged", before: damage(1, 67, 6), script: callHub + "tick 15s\n",
		truth: diagnose.MalformedOrCorrupt, initiator: among, responder: among, both: among},
	// A damaged public value makes keys that differ: a wrong key looks the same.
	{family: "messages", name: "the value of message 3 damaged", before: damage(3, 60, 1), script: callHub + "tick 15s\n",
		truth: diagnose.MalformedOrCorrupt, initiator: among, responder: among, both: among},
	{family: "messages", name: "the value of message 4 damaged", before: damage(4, 60, 1), script: callHub + "tick 15s\n",
		truth: diagnose.MalformedOrCorrupt, initiator: among, responder: among, both: among},
	{family: "messages", name: "the value of message 4 damaged, and the next attempt succeeds", before: damage(4, 60, 1), script: callHub + "tick 2m\n" + callHub, initiator: unseen, responder: unseen, both: unseen},
	{family: "messages", name: "message 3 never arrives", script: "drop main-mode 2-40 from spoke\n" + callHub + "tick 1m\n",
		truth: diagnose.PeerUnreachable, others: []diagnose.Cause{diagnose.FragmentationMTU}, initiator: among, responder: among, both: among},
	{family: "messages", name: "message 4 never arrives", script: "drop main-mode 2-40 from hub\n" + callHub + "tick 1m\n",
		truth: diagnose.PeerUnreachable, others: []diagnose.Cause{diagnose.FragmentationMTU}, initiator: among, responder: among, both: among},
	{family: "messages", name: "message 5 never arrives", script: "drop main-mode 3-40 from spoke\n" + callHub + "tick 1m\n",
		truth: diagnose.PeerUnreachable, others: []diagnose.Cause{diagnose.FragmentationMTU}, initiator: among, responder: among, both: among},
	{family: "messages", name: "message 6 never arrives", script: "drop main-mode 3-40 from hub\n" + callHub + "tick 1m\n",
		truth: diagnose.PeerUnreachable, others: []diagnose.Cause{diagnose.FragmentationMTU}, initiator: among, responder: among, both: among},
	{family: "messages", name: "quick mode never arrives", script: "drop quick-mode 1-40\n" + callHub + "tick 1m\n",
		truth: diagnose.PeerUnreachable, others: []diagnose.Cause{diagnose.FragmentationMTU}, initiator: among, responder: unseen, both: among},
	{family: "messages", name: "answers to quick mode never arrive", script: "drop quick-mode 1-40 from hub\n" + callHub + "tick 1m\n",
		truth: diagnose.PeerUnreachable, others: []diagnose.Cause{diagnose.FragmentationMTU}, initiator: among, responder: among, both: among},
	{family: "messages", name: "fragments of IKE never arrive", hub: []string{"crypto isakmp policy 10", "crypto isakmp fragmentation mtu 256\ncrypto isakmp policy 10"}, spoke: []string{"crypto isakmp policy 10", "crypto isakmp fragmentation mtu 256\ncrypto isakmp policy 10"},
		script: "drop fragment 2-90\n" + callHub + "tick 1m\n",
		truth:  diagnose.FragmentationMTU, initiator: among, responder: among, both: among},

	// Restarts, clears, deaths.
	{family: "life", name: "the responder was restarted", script: callHub + "restart hub\n" + callHub + "tick 40s\n",
		truth: diagnose.StaleSA, initiator: among, responder: named, both: named},
	{family: "life", name: "the responder was restarted, with dead peer detection", hub: withDPD, spoke: withDPD, script: callHub + "restart hub\ntick 1m\n" + callHub,
		initiator: unseen, responder: unseen, both: unseen},
	{family: "life", name: "the responder was restarted, with recovery", hub: []string{"crypto isakmp policy 10", "crypto isakmp invalid-spi-recovery\ncrypto isakmp policy 10"}, script: callHub + "restart hub\n" + callHub + "tick 10s\n" + callHub,
		initiator: unseen, responder: unseen, both: unseen},
	{family: "life", name: "the initiator was restarted", script: callHub + "restart spoke\n" + callHub, initiator: unseen, responder: unseen, both: unseen},
	{family: "life", name: "the initiator was restarted, and the responder sends", script: callHub + "restart spoke\n" + callSpoke + "tick 40s\n",
		truth: diagnose.StaleSA, initiator: named, responder: among, both: named},
	{family: "life", name: "the responder was shut down in order", script: callHub + "restart hub graceful\n" + callHub, initiator: unseen, responder: unseen, both: unseen},
	{family: "life", name: "SAs were cleared", script: callHub + "hub# clear crypto session\n" + callHub, initiator: unseen, responder: unseen, both: unseen},
	{family: "life", name: "IPsec SAs were cleared while cut off", script: callHub + "partition hub\nhub# clear crypto sa\ntick 1s\nheal hub\n" + callHub + "tick 40s\n",
		initiator: unseen, responder: unseen, both: unseen},
	{family: "life", name: "everything was cleared while cut off", script: callHub + "partition hub\nhub# clear crypto session\ntick 1s\nheal hub\n" + callHub + "tick 40s\n",
		truth: diagnose.StaleSA, initiator: among, responder: named, both: named},
	{family: "life", name: "the peer is dead", hub: withDPD, spoke: withDPD, script: callHub + "partition hub\ntick 1m\n",
		truth: diagnose.DPDTimeout, others: []diagnose.Cause{diagnose.PeerUnreachable}, initiator: named, responder: named, both: named},
	{family: "life", name: "the peer is dead, and traffic goes on", hub: withDPD, spoke: withDPD, script: callHub + "partition hub\ntick 1m\n" + callHub + "tick 1m\n",
		truth: diagnose.DPDTimeout, others: []diagnose.Cause{diagnose.PeerUnreachable}, initiator: named, responder: named, both: named},
	{family: "life", name: "the peer was dead and is back", hub: withDPD, spoke: withDPD, script: callHub + "partition hub\ntick 1m\nheal hub\n" + callHub, initiator: unseen, responder: unseen, both: unseen},
	{family: "life", name: "both call at once", script: "block udp 500\n" + callHub + callSpoke + "unblock\ntick 1m\n" + callHub, initiator: unseen, responder: unseen, both: unseen},
	{family: "life", name: "a day of silence", script: callHub + "tick 26h\n", initiator: unseen, responder: unseen, both: unseen},
	{family: "life", name: "a NAT forgets", hub: []string{"192.1.1.42", "192.1.1.99"}, script: "nat spoke 192.1.1.99\n" + callHub + "nat spoke rebind\n" + callHub, initiator: unseen, responder: unseen, both: unseen},
	{family: "life", name: "a fault that was mended", hub: []string{" hash sha256\n", " hash sha\n"}, script: callHub + "tick 2m\nhub# configure terminal\nhub# crypto isakmp policy 10\nhub# hash sha256\nhub# end\n" + callHub, initiator: unseen, responder: unseen, both: unseen},
	{family: "life", name: "access lists that were mended", hub: []string{"0.0.0.255 192.168.3.0", "0.0.0.255 192.168.33.0"}, script: callHub + "tick 1m\nhub# configure terminal\nhub# no access-list 101\nhub# access-list 101 permit ip 192.168.2.0 0.0.0.255 192.168.3.0 0.0.0.255\nhub# end\n" + callHub, initiator: unseen, responder: unseen, both: unseen},

	// Data.
	{family: "data", name: "ESP packets twice", script: callHub + "duplicate esp 1-40 from spoke\n" + callHub + callHub,
		truth: diagnose.ReplayErrors, others: []diagnose.Cause{diagnose.DuplicateRetransmit}, initiator: unseen, responder: named, both: named},
	{family: "data", name: "ESP packets damaged", script: callHub + "corrupt esp 1-40 from spoke\n" + callHub + callHub,
		truth: diagnose.MalformedOrCorrupt, initiator: unseen, responder: named, both: named},

	// Strangers, and peers that speak otherwise.
	{family: "other", name: "IKEv2 is spoken at the responder", script: "tick 1s\n", inject: speaks(ikev2Init, 3),
		truth: diagnose.IKEVersionMismatch, initiator: unseen, responder: named, both: named},
	{family: "other", name: "aggressive mode is spoken at the responder", hub: []string{"crypto isakmp key", "crypto isakmp aggressive-mode disable\ncrypto isakmp key"}, script: "tick 1s\n", inject: speaks(aggressiveInit, 3),
		truth: diagnose.AggressiveVsMain, initiator: unseen, responder: named, both: named},
	{family: "other", name: "the peer takes IKEv2 only", script: "block udp 500 from spoke\n" + callHub + "tick 30s\n", inject: answers(isakmp.NotifyInvalidMajor),
		truth: diagnose.IKEVersionMismatch, initiator: named},
	{family: "other", name: "the peer takes aggressive mode only", script: "block udp 500 from spoke\n" + callHub + "tick 30s\n", inject: answers(isakmp.NotifyUnsupportedExchange),
		truth: diagnose.AggressiveVsMain, initiator: named},
	{family: "other", name: "a scan beside a tunnel", script: callHub, inject: speaks(ikev2Init, 1), initiator: unseen, responder: unseen, both: unseen},
	{family: "other", name: "a forged refusal beside a tunnel", script: callHub, inject: answers(isakmp.NotifyNoProposalChosen), initiator: unseen, responder: unseen, both: unseen},
}

// damage changes an octet of the n-th message of main mode, once.
func damage(n, offset int, by byte) func(*lab) {
	return func(l *lab) {
		left := n
		l.net.links[0].tap = func(p packet) {
			if _, _, message, ok := p.udp(); ok && len(message) > isakmp.HeaderLen && message[18] == byte(isakmp.ExchangeIdentity) {
				if left--; left == 0 {
					message[offset] ^= by
				}
			}
		}
	}
}

// speaks sends a datagram from the spoke's address to the hub, some times.
func speaks(message []byte, times int) func(*testing.T, *lab) {
	return func(_ *testing.T, l *lab) {
		for i := range times {
			m := append([]byte(nil), message...)
			m[0] = byte(i + 1)
			l.deliverUDP("spoke", "192.1.1.42:500", "192.1.1.40:500", m)
		}
	}
}

// deliverUDP puts a datagram on the wire.
func (l *lab) deliverUDP(from, source, target string, data []byte) {
	l.host(from).output(newUDP(netip.MustParseAddrPort(source), netip.MustParseAddrPort(target), data))
	l.run(typing, never)
}

// ikev2Init is the header of an IKE_SA_INIT request (RFC 7296 section 3.1).
var ikev2Init = []byte{1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0, 33, 0x20, 34, 0x08, 0, 0, 0, 0, 0, 0, 0, 28}

// aggressiveInit is the header of a first message of aggressive mode.
var aggressiveInit = []byte{1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x10, 4, 0, 0, 0, 0, 0, 0, 0, 0, 28}

// answers sends a notify in clear to the spoke, as an answer to its first
// message, whose cookie it takes from the SA.
func answers(t isakmp.NotifyType) func(*testing.T, *lab) {
	return func(test *testing.T, l *lab) {
		sas := l.host("spoke").router.ISAKMPSAs()
		if len(sas) == 0 {
			test.Fatal("the spoke has no SA to answer")
		}
		b := isakmp.NewBuilder(nil, isakmp.Header{Initiator: sas[0].InitiatorCookie, Responder: isakmp.Cookie{9}, Version: 0x10,
			Exchange: isakmp.ExchangeInformational, MessageID: 77})
		b.Add(isakmp.PayloadNotify, isakmp.AppendNotify(nil, isakmp.Notify{DOI: isakmp.DOIIPsec, Protocol: isakmp.ProtocolISAKMP, Type: t}))
		l.deliverUDP("hub", "192.1.1.40:500", "192.1.1.42:500", b.Bytes(1))
	}
}
