package lab

import "qmidle/internal/diagnose"

// What makes the spoke of the suite an Easy VPN client, and the hub its server.
const (
	server = `crypto isakmp client configuration group admin
 key lab-group-key
 pool POOL
 max-logins 1
crypto dynamic-map CLIENTS 10
 set transform-set SET
 reverse-route
crypto map SITES client authentication list USERS
crypto map SITES isakmp authorization list GROUPS
crypto map SITES client configuration address respond
crypto map SITES 10 ipsec-isakmp dynamic CLIENTS
ip local pool POOL 10.9.0.1
`
	serverAAA = "hostname hub\naaa new-model\naaa authentication login USERS local\naaa authorization network GROUPS local\nusername joe password lab-user-password\n"
	easyVPN   = `hostname spoke
crypto ipsec client ezvpn OFFICE
 connect manual
 group admin key lab-group-key
 mode client
 peer 192.1.1.40
 username joe password lab-user-password
 xauth userid mode local
`
	logIn = "spoke# crypto ipsec client ezvpn connect OFFICE\ntick 15s\nspoke# ping 192.168.2.1 source 192.168.3.1\n"
)

// clientHub and clientSpoke are the ends of a login, with more edits.
func clientHub(more ...string) []string {
	return append([]string{"hostname hub\n", serverAAA, " hash sha256\n", "", " group 14", " group 2", "esp-sha256-hmac", "esp-sha-hmac",
		"crypto isakmp key lab-key-of-two address 192.1.1.42\n", "", mapOf("192.1.1.42"), server}, more...)
}

func clientSpoke(more ...string) []string {
	return append([]string{"hostname spoke\n", easyVPN, mapOf("192.1.1.40"), "", "crypto isakmp key lab-key-of-two address 192.1.1.40\n", "",
		" crypto map SITES\n", " crypto ipsec client ezvpn OFFICE\n",
		" ip address 192.168.3.1 255.255.255.0\n", " ip address 192.168.3.1 255.255.255.0\n crypto ipsec client ezvpn OFFICE inside\n"}, more...)
}

func mapOf(peer string) string {
	return "crypto map SITES 10 ipsec-isakmp\n set peer " + peer + "\n set transform-set SET\n match address 101\n"
}

// deadRADIUS is a server that answers nobody.
const deadRADIUS = "radius-server host 192.0.2.9 timeout 1 retransmit 1 key lab-radius-key\n"

func init() { faultSuite = append(faultSuite, clientFaults...) }

// clientFaults are those of a client's way in.
var clientFaults = []fault{
	{family: "clients", name: "a client logs in", hub: clientHub(), spoke: clientSpoke(), script: logIn, initiator: unseen, responder: unseen, both: unseen},
	{family: "clients", name: "the client's group is unknown", hub: clientHub(), spoke: clientSpoke("group admin", "group admim"), script: logIn,
		truth: diagnose.GroupUnknown, initiator: among, responder: named, both: named},
	{family: "clients", name: "the group's key is another", hub: clientHub(), spoke: clientSpoke("key lab-group-key", "key another-key"), script: logIn,
		truth: diagnose.PSKMismatch, initiator: named, responder: named, both: named},
	{family: "clients", name: "the password is wrong", hub: clientHub(), spoke: clientSpoke("joe password lab-user-password", "joe password another-key"), script: logIn,
		truth: diagnose.XauthFailed, initiator: named, responder: named, both: named},
	{family: "clients", name: "AAA knows no user, since it is silent", hub: clientHub("USERS local", "USERS group radius", "ip route", deadRADIUS+"ip route"), spoke: clientSpoke(), script: logIn,
		truth: diagnose.XauthFailed, initiator: named, responder: named, both: named},
	{family: "clients", name: "AAA knows no group, since it is silent", hub: clientHub("GROUPS local", "GROUPS group radius", "ip route", deadRADIUS+"ip route"), spoke: clientSpoke(),
		script: logIn + "tick 1m\n", truth: diagnose.XauthFailed, others: []diagnose.Cause{diagnose.PeerUnreachable}, initiator: named, responder: named, both: named},
	{family: "clients", name: "AAA's servers do not know the group", hub: clientHub("GROUPS local", "GROUPS group radius", "ip route", deadRADIUS+"ip route"), spoke: clientSpoke(),
		script: "radius 192.0.2.9 key lab-radius-key\n" + logIn, truth: diagnose.GroupUnknown, initiator: among, responder: named, both: named},
	{family: "clients", name: "the group has no pool", hub: clientHub(" pool POOL\n", ""), spoke: clientSpoke(), script: logIn,
		truth: diagnose.PoolExhausted, initiator: named, responder: named, both: named},
	{family: "clients", name: "users log in at the server, and the client has none", hub: clientHub("crypto dynamic-map CLIENTS", "crypto isakmp key lab-key-of-two address 192.1.1.42\ncrypto dynamic-map CLIENTS"),
		spoke: []string{spokeKey, spokeKey, " hash sha256\n", "", " group 14", " group 2", "esp-sha256-hmac", "esp-sha-hmac"}, script: callHub + "tick 90s\n",
		truth: diagnose.XauthNotExpected, others: []diagnose.Cause{diagnose.XauthFailed}, initiator: named, responder: named, both: named},
}
