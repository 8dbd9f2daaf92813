//go:build interop

package interop

import "time"

const (
	noKey = "crypto isakmp key an-example-key address 192.1.1.42\n"
)

// charonFaults are tried one by one.
var charonFaults = []faulty{
	{name: "nothing is wrong, we call", after: up(nothing)},
	{name: "nothing is wrong, charon calls", theyCall: true, after: up(nothing)},

	{name: "phase 1 hash, we call", ours: []string{" hash " + usual.hash.ios, " hash sha512"}, truth: []string{"phase1-policy-mismatch"}},
	{name: "phase 1 hash, charon calls", ours: []string{" hash " + usual.hash.ios, " hash sha512"}, theyCall: true, truth: []string{"phase1-policy-mismatch"}},
	{name: "phase 1 group, we call", ours: []string{" group " + usual.group.ios, " group 16"}, truth: []string{"phase1-policy-mismatch"}},
	{name: "phase 1 group, charon calls", ours: []string{" group " + usual.group.ios, " group 16"}, theyCall: true, truth: []string{"phase1-policy-mismatch"}},
	{name: "phase 1 key length, charon calls", ours: []string{"encryption " + usual.cipher.ios, "encryption aes 192"}, theyCall: true, truth: []string{"phase1-policy-mismatch"}},
	{name: "phase 1 cipher, charon calls", ours: []string{"encryption " + usual.cipher.ios, "encryption 3des"}, theyCall: true, truth: []string{"phase1-policy-mismatch"}},

	{name: "IKEv2, charon calls", theirs: []string{"version = 1", "version = 2"}, theyCall: true, truth: []string{"ikev1-vs-ikev2-mismatch"}},
	{name: "IKEv2, we call", theirs: []string{"version = 1", "version = 2"}, truth: []string{"ikev1-vs-ikev2-mismatch"}, behind: true, there: []string{"connection-not-matched"}},
	{name: "aggressive mode, charon calls", with: setup{ios: "crypto isakmp aggressive-mode disable\n"}, theirs: []string{"version = 1", "version = 1\n    aggressive = yes"}, theyCall: true, truth: []string{"aggressive-vs-main-mismatch"}, there: []string{"peer-unreachable-or-udp500-blocked"}},

	{name: "keys differ, we call", with: setup{key: "another-key"}, truth: []string{"psk-mismatch"}, behind: true, within: 25 * time.Second},
	{name: "keys differ, charon calls", with: setup{key: "another-key"}, theyCall: true, truth: []string{"psk-mismatch"}},
	{name: "no key here, charon calls", ours: []string{noKey, ""}, theyCall: true, truth: []string{"no-psk-for-peer"}, certain: true},
	{name: "no key here, we call", ours: []string{noKey, ""}, offWire: true, truth: []string{"no-psk-for-peer"}, certain: true, unseen: true},
	{name: "no key at charon, we call", theirs: []string{"id-1 = 192.1.1.42\n    id-2 = 192.1.1.40\n    id-3 = 192.1.1.40", "id-1 = 192.1.1.50\n    id-2 = 192.1.1.51"},
		truth: []string{"no-psk-for-peer"}, behind: true, within: 25 * time.Second},
	{name: "charon wants another identity, we call", theirs: []string{"    remote {\n", "    remote {\n      id = hub.example.net\n"},
		truth: []string{"identity-mismatch"}, behind: true, within: 25 * time.Second},
	{name: "charon has another identity, charon calls", with: names{"%any", "spoke.example.org", "address", "host domain example.net"}.with(), theyCall: true,
		truth: []string{"identity-mismatch"}, certain: true},
	{name: "charon has another identity, we call", with: names{"%any", "spoke.example.org", "address", "host domain example.net"}.with(),
		truth: []string{"identity-mismatch"}, certain: true},
	{name: "charon knows no such peer", theirs: []string{"remote_addrs = 192.1.1.40", "remote_addrs = 192.1.1.50"}, truth: []string{"connection-not-matched"}, behind: true},

	{name: "phase 2 integrity, we call", ours: []string{"TSET " + usual.esp(), "TSET esp-aes esp-sha512-hmac"}, truth: []string{"phase2-transform-mismatch"}, behind: true},
	{name: "phase 2 integrity, charon calls", ours: []string{"TSET " + usual.esp(), "TSET esp-aes esp-sha512-hmac"}, theyCall: true,
		truth: []string{"phase2-transform-mismatch"}, certain: true},
	{name: "phase 2 mode, charon calls", with: setup{transport: true}, ours: []string{" mode transport\n", ""}, theyCall: true, truth: []string{"phase2-transform-mismatch"}},
	{name: "PFS here only, charon calls", ours: []string{" match address 101", " set pfs group14\n match address 101"}, theyCall: true, truth: []string{"pfs-mismatch"}, certain: true},
	{name: "PFS at charon only, we call", theirs: []string{"esp_proposals = " + usual.charonESP(), "esp_proposals = " + usual.charonESP() + "-modp2048"},
		truth: []string{"pfs-mismatch"}, behind: true},
	{name: "networks differ, we call", theirs: []string{"local_ts  = 192.168.3.0/24", "local_ts  = 192.168.33.0/24"}, truth: []string{"proxy-identity-mismatch"}},
	{name: "networks differ, charon calls", theirs: []string{"local_ts  = 192.168.3.0/24", "local_ts  = 192.168.33.0/24"}, theyCall: true,
		truth: []string{"proxy-identity-mismatch"}, certain: true},

	{name: "no crypto map here, charon calls", ours: []string{" crypto map CMAP\n", ""}, theyCall: true, truth: []string{"crypto-map-not-applied"}, certain: true},
	{name: "charon is not there", before: charonDies, truth: []string{"peer-unreachable-or-udp500-blocked"}, within: 25 * time.Second, unseen: true},
	{name: "UDP 500 is blocked", before: drop("udp dport 500"), truth: []string{"peer-unreachable-or-udp500-blocked"}, within: 25 * time.Second, unseen: true},
	{name: "UDP 4500 is blocked, we call", before: drop("udp dport 4500"), truth: []string{"natt-udp4500-blocked"}, within: 25 * time.Second},
	{name: "UDP 4500 is blocked, charon calls", before: drop("udp dport 4500"), theyCall: true, truth: []string{"natt-udp4500-blocked"}, within: 45 * time.Second, there: []string{"local-firewall-or-nat-state"}},
	{name: "UDP 4500 is blocked under the tunnel", after: up(both(drop("udp dport 4500"), keepSending)), truth: []string{"natt-udp4500-blocked", "esp-blocked-one-way"}, behind: true,
		within: time.Minute, unseen: true, offWire: true},
	{name: "the far host is silent", before: farHostSilent, after: keepSending, truth: []string{"routing-missing"}, behind: true, unseen: true},
	{name: "charon is dead and questioned", with: setup{ios: "crypto isakmp keepalive 10 2 periodic\n"}, after: up(charonDies), truth: []string{"dpd-timeout"}, wire: "peer-unreachable-or-udp500-blocked", within: 45 * time.Second, unseen: true},
	{name: "charon has forgotten", after: up(both(charonReturns, keepSending)), truth: []string{"stale-sa-or-invalid-spi"}, behind: true, within: time.Minute, unseen: true},
	{name: "we have forgotten", after: up(weRestart), offWire: true, truth: []string{"stale-sa-or-invalid-spi"}, unseen: true},
}
