package lab

import (
	"net/netip"
	"testing"

	"qmidle/internal/diagnose"
	"qmidle/internal/isakmp"
	"qmidle/internal/policy"
)

// What makes the ends of the suite do aggressive mode, the hub knowing the spoke by
// its name.
const (
	nameKey  = "no ip domain lookup\ncrypto isakmp key lab-key-of-two hostname spoke.example.net\n"
	nameless = "no ip domain lookup\n"
	inName   = "crypto isakmp peer address 192.1.1.40\n set aggressive-mode password lab-key-of-two\n set aggressive-mode client-endpoint fqdn spoke.example.net\n"
)

func aggressiveHub(more ...string) []string   { return append([]string{hubKey, nameKey}, more...) }
func aggressiveSpoke(more ...string) []string { return append([]string{spokeKey, inName}, more...) }

func init() { faultSuite = append(faultSuite, aggressiveFaults...) }

// aggressiveFaults are those of aggressive mode.
var aggressiveFaults = []fault{
	{family: "aggressive", name: "the hub takes the spoke by its name", hub: aggressiveHub(), spoke: aggressiveSpoke(), initiator: unseen, responder: unseen, both: unseen},
	{family: "aggressive", name: "the spoke's key is another", hub: aggressiveHub(), spoke: aggressiveSpoke("password lab-key-of-two", "password another-key"),
		truth: diagnose.PSKMismatch, initiator: named, responder: named, both: named},
	{family: "aggressive", name: "the hub's key is another", hub: aggressiveHub("key lab-key-of-two", "key another-key"), spoke: aggressiveSpoke(),
		truth: diagnose.PSKMismatch, initiator: named, responder: named, both: named},
	{family: "aggressive", name: "the hub has no key for the name", hub: []string{hubKey, nameless}, spoke: aggressiveSpoke(),
		truth: diagnose.NoPSKForPeer, initiator: among, responder: named, both: named},
	{family: "aggressive", name: "the hub has a key for another name", hub: aggressiveHub("hostname spoke.", "hostname other."), spoke: aggressiveSpoke(),
		truth: diagnose.NoPSKForPeer, initiator: among, responder: named, both: named},
	{family: "aggressive", name: "a client's group is unknown", hub: aggressiveHub(), spoke: aggressiveSpoke(), script: "tick 1s\n", inject: asksForGroup("admin"),
		truth: diagnose.GroupUnknown, initiator: unseen, responder: named, both: named},
	{family: "aggressive", name: "the hub takes main mode only", hub: []string{hubKey, hubKey + "crypto isakmp aggressive-mode disable\n"}, spoke: aggressiveSpoke(),
		script: callHub + "tick 1m\n", truth: diagnose.AggressiveVsMain, initiator: among, responder: named, both: named},
	{family: "aggressive", name: "the spoke takes main mode, in which it has no name", hub: aggressiveHub(), script: callHub + "tick 1m\n",
		truth: diagnose.NoPSKForPeer, others: []diagnose.Cause{diagnose.AggressiveVsMain}, initiator: among, responder: named, both: named},
	{family: "aggressive", name: "Diffie-Hellman group", hub: aggressiveHub(" group 14", " group 5"), spoke: aggressiveSpoke(), script: callHub + "tick 30s\n",
		truth: diagnose.Phase1PolicyMismatch, initiator: named, responder: named, both: named},
	{family: "aggressive", name: "nobody answers", hub: aggressiveHub(), spoke: aggressiveSpoke(), script: "block udp 500\n" + callHub + "tick 1m\n",
		truth: diagnose.PeerUnreachable, initiator: named, responder: unseen, both: named},
	{family: "aggressive", name: "the answers are lost", hub: aggressiveHub(), spoke: aggressiveSpoke(), script: "block udp 500 from hub\n" + callHub + "tick 1m\n",
		truth: diagnose.PeerUnreachable, initiator: named, responder: among, both: named},
	{family: "aggressive", name: "transform", hub: aggressiveHub("SET esp-aes 256", "SET esp-aes"), spoke: aggressiveSpoke(),
		truth: diagnose.Phase2TransformMismatch, initiator: among, responder: named, both: named},
}

// asksForGroup sends the hub the first message of a client of a group.
func asksForGroup(group string) func(*testing.T, *lab) {
	return func(_ *testing.T, l *lab) {
		suite := policy.IKE{Encryption: isakmp.EncrAESCBC, KeyBits: 256, Hash: isakmp.HashSHA256, Auth: isakmp.AuthPSK, Group: isakmp.GroupMODP2048, Lifetime: 86400}
		public := make([]byte, 256)
		public[255] = 2
		b := isakmp.NewBuilder(nil, isakmp.Header{Initiator: isakmp.Cookie{7}, Version: isakmp.Version1, Exchange: isakmp.ExchangeAggressive})
		b.Add(isakmp.PayloadSA, isakmp.AppendSA(nil, isakmp.SA{DOI: isakmp.DOIIPsec, Situation: isakmp.SituationIdentityOnly,
			Proposals: []isakmp.Proposal{{Number: 1, Protocol: isakmp.ProtocolISAKMP, Transforms: []isakmp.Transform{suite.Transform(1)}}}}))
		b.Add(isakmp.PayloadKE, public)
		b.Add(isakmp.PayloadNonce, make([]byte, 20))
		b.Add(isakmp.PayloadID, isakmp.AppendID(nil, isakmp.ID{Type: isakmp.IDKeyID, Protocol: 17, Port: 500, Data: []byte(group)}))
		l.host("spoke").output(newUDP(netip.MustParseAddrPort("192.1.1.42:500"), netip.MustParseAddrPort("192.1.1.40:500"), b.Bytes(1)))
		l.run(typing, never)
	}
}
