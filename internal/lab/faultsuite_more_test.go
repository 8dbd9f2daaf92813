package lab

import "qmidle/internal/diagnose"

// What turns the hub of the suite into one with a dynamic map, and the ends into
// ones with an ISAKMP profile.
const (
	hubEntry  = "crypto map SITES 10 ipsec-isakmp\n set peer 192.1.1.42\n set transform-set SET\n match address 101\n"
	hubKey    = "crypto isakmp key lab-key-of-two address 192.1.1.42\n"
	anyKey    = "crypto isakmp key lab-key-of-two address 0.0.0.0 0.0.0.0\n"
	dynamic   = "crypto map SITES 10 ipsec-isakmp dynamic DYN\n"
	template  = "crypto dynamic-map DYN 10\n set transform-set SET\n"
	spokeKey  = "crypto isakmp key lab-key-of-two address 192.1.1.40\n"
	keyring   = "crypto keyring RING\n pre-shared-key address 192.1.1.42 key lab-key-of-two\n"
	profile   = "crypto isakmp profile SPOKES\n keyring RING\n match identity address 192.1.1.42 255.255.255.255\n"
	hubPeer   = " set peer 192.1.1.42\n"
	byName    = "set peer hub.example.com dynamic"
	inSetMode = " set transform-set SET\n"
)

// moreFaults are those of dynamic maps, profiles and names, of what changes under
// a tunnel, and of what was mended.
var moreFaults = []fault{
	{family: "dynamic", name: "the dynamic map takes the spoke", hub: []string{hubEntry, template + dynamic, hubKey, anyKey}, initiator: unseen, responder: unseen, both: unseen},
	{family: "dynamic", name: "key length", hub: []string{hubEntry, template + dynamic, hubKey, anyKey, "SET esp-aes 256", "SET esp-aes"},
		truth: diagnose.Phase2TransformMismatch, initiator: among, responder: named, both: named},
	{family: "dynamic", name: "its list has other networks", hub: []string{hubEntry, template + " match address 101\n" + dynamic, hubKey, anyKey, "0.0.0.255 192.168.3.0", "0.0.0.255 192.168.33.0"},
		truth: diagnose.ProxyIdentityMismatch, initiator: among, responder: named, both: named},
	{family: "dynamic", name: "it is for another peer", hub: []string{hubEntry, template + " set peer 192.1.1.77\n" + dynamic, hubKey, anyKey},
		truth: diagnose.ConnectionNotMatched, initiator: among, responder: named, both: named},
	{family: "dynamic", name: "no key for peers that nobody knows", hub: []string{hubEntry, template + dynamic, hubKey, ""},
		truth: diagnose.NoPSKForPeer, initiator: among, responder: named, both: named},
	{family: "dynamic", name: "keys differ", hub: []string{hubEntry, template + dynamic, hubKey, "crypto isakmp key other address 0.0.0.0 0.0.0.0\n"},
		truth: diagnose.PSKMismatch, initiator: named, responder: named, both: named},
	{family: "dynamic", name: "its entry has no transform set", hub: []string{hubEntry, "crypto dynamic-map DYN 10\n" + dynamic, hubKey, anyKey}, script: callHub + "tick 1m\n",
		truth: diagnose.CryptoMapNotApplied, initiator: among, responder: named, both: named},

	{family: "profile", name: "the profile wants another address", hub: []string{hubKey, keyring + "crypto isakmp profile SPOKES\n keyring RING\n match identity address 192.1.1.43 255.255.255.255\n", hubPeer, hubPeer + " set isakmp-profile SPOKES\n"},
		truth: diagnose.IdentityMismatch, initiator: among, responder: named, both: named},
	{family: "profile", name: "the profile wants a name", hub: []string{hubKey, keyring + "crypto isakmp profile SPOKES\n keyring RING\n match identity host spoke.example.com\n", hubPeer, hubPeer + " set isakmp-profile SPOKES\n"},
		truth: diagnose.IdentityMismatch, initiator: among, responder: named, both: named},
	{family: "profile", name: "the initiator's profile wants a name", spoke: []string{spokeKey, "crypto keyring RING\n pre-shared-key address 192.1.1.40 key lab-key-of-two\ncrypto isakmp profile HUB\n keyring RING\n match identity host hub.example.com\n", " set peer 192.1.1.40\n", " set peer 192.1.1.40\n set isakmp-profile HUB\n"},
		truth: diagnose.IdentityMismatch, initiator: named, responder: among, both: named},
	{family: "profile", name: "the keyring has another key", hub: []string{hubKey, keyring + profile, "key lab-key-of-two", "key other", hubPeer, hubPeer + " set isakmp-profile SPOKES\n"},
		truth: diagnose.PSKMismatch, initiator: named, responder: named, both: named},
	{family: "profile", name: "the keyring has no key for the peer", hub: []string{hubKey, "crypto keyring RING\n pre-shared-key address 192.1.1.43 key lab-key-of-two\n" + profile, hubPeer, hubPeer + " set isakmp-profile SPOKES\n"},
		truth: diagnose.NoPSKForPeer, initiator: among, responder: named, both: named},
	{family: "profile", name: "the profile takes the spoke", hub: []string{hubKey, keyring + profile, hubPeer, hubPeer + " set isakmp-profile SPOKES\n"}, initiator: unseen, responder: unseen, both: unseen},

	{family: "names", name: "the peer's name is unknown", spoke: []string{"set peer 192.1.1.40", byName}, script: callHub + "tick 1m\n",
		truth: diagnose.PeerUnreachable, initiator: named, responder: unseen, both: named},
	{family: "names", name: "DNS is silent", spoke: []string{"set peer 192.1.1.40", byName}, script: "dns silent\n" + callHub + "tick 1m\n",
		truth: diagnose.PeerUnreachable, initiator: named, responder: unseen, both: named},
	{family: "names", name: "the peer's name has a wrong address", spoke: []string{"set peer 192.1.1.40", byName, spokeKey, anyKey}, script: "dns hub.example.com 192.1.1.77\n" + callHub + "tick 1m\n",
		truth: diagnose.PeerUnreachable, others: []diagnose.Cause{diagnose.ConnectionNotMatched}, initiator: named, responder: unseen, both: named},
	{family: "names", name: "the peer's name has an address that the key is not for", spoke: []string{"set peer 192.1.1.40", byName}, script: "dns hub.example.com 192.1.1.77\n" + callHub + "tick 1m\n",
		truth: diagnose.NoPSKForPeer, others: []diagnose.Cause{diagnose.ConnectionNotMatched}, initiator: named, responder: unseen, both: named},

	// Addresses that are not those that the other end knows.
	{family: "addresses", name: "the responder was renumbered", script: typed("hub", "interface GigabitEthernet0/0", "ip address 192.1.1.41 255.255.255.0") + callHub + "tick 1m\n",
		truth: diagnose.ConnectionNotMatched, others: []diagnose.Cause{diagnose.PeerUnreachable}, initiator: among, responder: unseen, both: named},
	{family: "addresses", name: "the initiator was renumbered", script: callHub + typed("spoke", "interface GigabitEthernet0/0", "ip address 192.1.1.43 255.255.255.0") + callHub + "tick 1m\n",
		truth: diagnose.NoPSKForPeer, others: []diagnose.Cause{diagnose.ConnectionNotMatched}, initiator: among, responder: named, both: named},
	{family: "addresses", name: "the responder knows the address behind the NAT", script: "nat spoke 192.1.1.99\n" + callHub + "tick 1m\n",
		truth: diagnose.NoPSKForPeer, others: []diagnose.Cause{diagnose.ConnectionNotMatched}, initiator: among, responder: named, both: named},
	{family: "addresses", name: "the initiator calls from another of its addresses", spoke: []string{"crypto isakmp policy 10", "crypto map SITES local-address GigabitEthernet0/1\ncrypto isakmp policy 10"}, script: callHub + "tick 1m\n",
		truth: diagnose.NoPSKForPeer, others: []diagnose.Cause{diagnose.ConnectionNotMatched}, initiator: among, responder: named, both: named},
	{family: "addresses", name: "the first of two peers is not there", spoke: []string{"set peer 192.1.1.40", "set peer 192.1.1.41\n set peer 192.1.1.40", spokeKey, anyKey}, script: callHub + "tick 3m\n" + callHub,
		truth: diagnose.PeerUnreachable, initiator: named, responder: unseen, both: named},

	// Ways that are bad, not cut.
	{family: "quality", name: "every packet takes 40 seconds", script: "latency 192.1.1.0/24 40s\n" + callHub + "tick 3m\n",
		truth: diagnose.PeerUnreachable, initiator: named, responder: named, both: named},
	{family: "quality", name: "two of three packets are lost", script: "loss 66\n" + callHub + "tick 3m\n",
		truth: diagnose.PeerUnreachable, others: []diagnose.Cause{diagnose.FragmentationMTU}, initiator: among, responder: among, both: among},
	{family: "quality", name: "every packet is damaged", script: "noise 100\n" + callHub + "tick 2m\n",
		truth: diagnose.MalformedOrCorrupt, initiator: among, responder: named, both: named},
	{family: "quality", name: "packets are damaged once the tunnel is up", script: callHub + "noise 60\n" + callHub + callHub + callHub,
		truth: diagnose.MalformedOrCorrupt, initiator: named, responder: named, both: named},
	{family: "quality", name: "packets come twice once the tunnel is up", script: callHub + "repeat 100\n" + callHub + callHub,
		truth: diagnose.ReplayErrors, others: []diagnose.Cause{diagnose.DuplicateRetransmit}, initiator: named, responder: named, both: named},

	// What changes under a tunnel.
	{family: "changes", name: "UDP 500 is blocked when the SAs are to be renewed", hub: []string{"crypto isakmp policy 10", "crypto ipsec security-association lifetime seconds 120\ncrypto isakmp policy 10"},
		script: callHub + "block udp 500\ntick 3m\n" + callHub + "tick 1m\n", truth: diagnose.PeerUnreachable, initiator: named, responder: unseen, both: named},
	{family: "changes", name: "UDP 4500 is blocked under the tunnel", hub: []string{"192.1.1.42", "192.1.1.99"}, script: "nat spoke 192.1.1.99\n" + callHub + "block udp 4500\n" + callHub + "tick 1m\n",
		truth: diagnose.NATT4500Blocked, initiator: among, responder: unseen, both: named},
	{family: "changes", name: "the responder's transform set", script: callHub + typed("hub", "crypto ipsec transform-set SET esp-3des esp-md5-hmac") + "spoke# clear crypto session\n" + callHub + "tick 1m\n",
		truth: diagnose.Phase2TransformMismatch, initiator: among, responder: named, both: named},
	{family: "changes", name: "the responder's crypto map is taken off", script: callHub + typed("hub", "interface GigabitEthernet0/0", "no crypto map SITES") + callHub + "tick 1m\n",
		truth: diagnose.CryptoMapNotApplied, initiator: among, responder: named, both: named},
	{family: "changes", name: "the responder's interface is shut", script: callHub + typed("hub", "interface GigabitEthernet0/0", "shutdown") + callHub + "tick 1m\n",
		truth: diagnose.CryptoMapNotApplied, initiator: among, responder: named, both: named},
	{family: "changes", name: "the initiator's list", script: callHub + typed("spoke", "no access-list 101", "access-list 101 permit ip 192.168.33.0 0.0.0.255 192.168.2.0 0.0.0.255") + callHub + "tick 1m\n",
		truth: diagnose.ACLOrNATExemption, initiator: named, responder: named, both: named},
	{family: "changes", name: "the responder's list", script: callHub + typed("hub", "no access-list 101", "access-list 101 permit ip 192.168.2.0 0.0.0.255 192.168.33.0 0.0.0.255") + callHub + "tick 1m\n",
		truth: diagnose.ProxyIdentityMismatch, initiator: among, responder: named, both: named},
	{family: "changes", name: "the responder's route", script: callHub + typed("hub", "no ip route 192.168.3.0 255.255.255.0 192.1.1.42") + callHub + "tick 1m\n",
		truth: diagnose.RoutingMissing, initiator: among, responder: named, both: named},
	{family: "changes", name: "the initiator's perfect forward secrecy, before the SAs are renewed", hub: []string{inSetMode, inSetMode + " set pfs group14\n set security-association lifetime seconds 120\n"}, spoke: []string{inSetMode, inSetMode + " set pfs group14\n"},
		script: callHub + typed("spoke", "crypto map SITES 10 ipsec-isakmp", "no set pfs") + "tick 3m\n" + callHub + "tick 1m\n",
		truth:  diagnose.PFSMismatch, initiator: among, responder: named, both: named},
	{family: "changes", name: "the responder was restarted and is cut off", script: callHub + "restart hub\npartition hub\n" + callHub + "tick 2m\n",
		truth: diagnose.StaleSA, others: []diagnose.Cause{diagnose.PeerUnreachable}, initiator: named, responder: unseen, both: named},
	{family: "changes", name: "the network behind the responder is shut", hub: []string{"192.168.2.1 255.255.255.0\n", "192.168.2.1 255.255.255.0\n shutdown\n"},
		truth: diagnose.RoutingMissing, initiator: among, responder: named, both: named},

	// What was mended. The policy is right since, and the key is not.
	{family: "mended", name: "the policy, and the keys still differ", hub: []string{" hash sha256\n", " hash sha\n", "lab-key-of-two", "another-key"}, script: callHub + "tick 2m\n" + typed("hub", "crypto isakmp policy 10", "hash sha256") + callHub + "tick 1m\n",
		truth: diagnose.PSKMismatch, initiator: named, responder: named, both: named},
	{family: "mended", name: "the lists, and the transform sets still differ", hub: []string{"0.0.0.255 192.168.3.0", "0.0.0.255 192.168.33.0", "SET esp-aes 256", "SET esp-aes"},
		script: callHub + "tick 1m\n" + typed("hub", "no access-list 101", "access-list 101 permit ip 192.168.2.0 0.0.0.255 192.168.3.0 0.0.0.255") + callHub + "tick 1m\n",
		truth:  diagnose.Phase2TransformMismatch, initiator: among, responder: named, both: named},
	{family: "mended", name: "the policy, and nothing has tried again", hub: []string{" hash sha256\n", " hash sha\n"}, script: callHub + "tick 2m\n" + typed("hub", "crypto isakmp policy 10", "hash sha256"),
		truth: diagnose.NoFault, others: []diagnose.Cause{diagnose.Phase1PolicyMismatch}, initiator: among, responder: among, both: among},
	{family: "mended", name: "the list, and nothing has tried again", hub: []string{"0.0.0.255 192.168.3.0", "0.0.0.255 192.168.33.0"}, script: callHub + typed("hub", "no access-list 101", "access-list 101 permit ip 192.168.2.0 0.0.0.255 192.168.3.0 0.0.0.255"),
		truth: diagnose.NoFault, others: []diagnose.Cause{diagnose.ProxyIdentityMismatch}, initiator: among, responder: among, both: among},
	{family: "mended", name: "the missing key, and nothing has tried again", hub: []string{hubKey, ""}, script: callHub + "tick 1m\n" + typed("hub", "crypto isakmp key lab-key-of-two address 192.1.1.42"),
		truth: diagnose.NoFault, others: []diagnose.Cause{diagnose.NoPSKForPeer}, initiator: among, responder: among, both: among},

	// What looks odd and is right.
	{family: "odd", name: "the responder's list is for everything", hub: []string{"permit ip 192.168.2.0 0.0.0.255 192.168.3.0 0.0.0.255", "permit ip any any"}, initiator: unseen, responder: unseen, both: unseen},
	{family: "odd", name: "the networks lie within one", hub: []string{"permit ip 192.168.2.0 0.0.0.255 192.168.3.0 0.0.0.255", "permit ip 192.168.2.0 0.0.0.255 192.168.0.0 0.0.255.255"},
		spoke: []string{"permit ip 192.168.3.0 0.0.0.255 192.168.2.0 0.0.0.255", "permit ip 192.168.0.0 0.0.255.255 192.168.2.0 0.0.0.255"}, initiator: unseen, responder: unseen, both: unseen},
	{family: "odd", name: "UDP 4500 is blocked and there is no NAT", script: "block udp 4500\n" + callHub, initiator: unseen, responder: unseen, both: unseen},
	{family: "odd", name: "both are behind NATs", hub: []string{"192.1.1.42", "192.1.1.99"}, spoke: []string{"192.1.1.40", "192.1.1.98"}, script: "nat spoke 192.1.1.99\nnat hub 192.1.1.98\n" + callHub, initiator: unseen, responder: unseen, both: unseen},
	{family: "odd", name: "informational messages are lost", hub: withDPD, spoke: withDPD, script: callHub + "drop informational 1-40\ntick 3m\n" + callHub, initiator: unseen, responder: unseen, both: unseen},
}

// typed is a script in which an operator changes the configuration.
func typed(gateway string, lines ...string) string {
	text := gateway + "# configure terminal\n"
	for _, line := range append(lines, "end") {
		text += gateway + "# " + line + "\n"
	}
	return text
}
