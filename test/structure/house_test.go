package structure

// room is a package: which of this module's packages it may import, and why no
// others.
type room struct {
	path  string
	pure  bool // no goroutine, socket, clock, file or logger
	may   string
	whyNo string
}

// house is every package, top down. A package may import only rooms that stand
// below it, and of those only the ones that it names.
var house = []room{
	{path: "cmd/qmidle", may: "internal/secret internal/connect internal/clientfile internal/gateway internal/lab internal/compare internal/explain internal/console internal/config internal/router",
		whyNo: "a subcommand only wires; what it wires is behind gateway and lab"},
	{path: "internal/connect", may: "internal/gateway internal/clientfile internal/config internal/console internal/ike internal/isakmp internal/secret",
		whyNo: "the client in the foreground is a gateway with one user: what happens on the wire and in the kernel is behind it"},
	{path: "internal/gateway", may: "internal/trustpoint internal/keystore internal/hostdns internal/pki/fetch internal/pki internal/secret internal/aaa internal/radius internal/router internal/console internal/diagnose internal/config internal/dataplane internal/ike internal/ipsec internal/isakmp internal/trace",
		whyNo: "the daemon drives a router; keys and policies are the router's and the engine's business"},
	{path: "internal/lab/simulate", may: "internal/lab internal/router internal/config internal/ike internal/ipsec internal/isakmp internal/trace",
		whyNo: "the simulator judges the lab's gateways by what they show: it works out itself what is right"},
	{path: "internal/lab", may: "internal/aaa internal/radius internal/compare internal/router internal/console internal/trustpoint internal/pki internal/diagnose/capture internal/diagnose internal/config internal/ike internal/policy internal/ipsec internal/isakmp internal/trace internal/secret",
		whyNo: "the lab needs no root: it is a network in memory, without the daemon and its data plane"},
	{path: "internal/explain", may: "internal/compare internal/diagnose/capture internal/diagnose/read/vendors internal/diagnose internal/ladder internal/trace",
		whyNo: "an answer is made of what was read: it must not matter who read it, nor from where"},
	{path: "internal/compare", pure: true, may: "internal/router internal/diagnose internal/config internal/ike internal/policy internal/ipsec internal/isakmp internal/secret",
		whyNo: "a comparison is of what configurations say: who tries it, and who is told, must not matter"},
	{path: "internal/diagnose/capture", pure: true, may: "internal/diagnose internal/keymat internal/isakmp internal/secret",
		whyNo: "a capture is bytes between two ends: it is read without a gateway, and needs the codec and the keys' derivation only"},
	{path: "internal/diagnose/read/vendors", may: "internal/diagnose internal/diagnose/read internal/diagnose/read/ios internal/diagnose/read/asa internal/diagnose/read/strongswan internal/diagnose/read/pluto internal/diagnose/read/racoon internal/diagnose/read/vpnc internal/diagnose/read/fortigate internal/diagnose/read/gateways",
		whyNo: "it lists the readers, and nothing else"},
	{path: "internal/diagnose/read/ios", pure: true, may: "internal/diagnose/read internal/diagnose internal/config",
		whyNo: "a reader turns lines into observations; what they mean is the rules' business"},
	{path: "internal/diagnose/read/asa", pure: true, may: "internal/diagnose/read internal/diagnose",
		whyNo: "a reader turns lines into observations; what they mean is the rules' business"},
	{path: "internal/diagnose/read/strongswan", pure: true, may: "internal/diagnose/read internal/diagnose",
		whyNo: "a reader turns lines into observations; what they mean is the rules' business"},
	{path: "internal/diagnose/read/pluto", pure: true, may: "internal/diagnose/read internal/diagnose",
		whyNo: "a reader turns lines into observations; what they mean is the rules' business"},
	{path: "internal/diagnose/read/racoon", pure: true, may: "internal/diagnose/read internal/diagnose",
		whyNo: "a reader turns lines into observations; what they mean is the rules' business"},
	{path: "internal/diagnose/read/vpnc", pure: true, may: "internal/diagnose/read internal/diagnose",
		whyNo: "a reader turns lines into observations; what they mean is the rules' business"},
	{path: "internal/diagnose/read/fortigate", pure: true, may: "internal/diagnose/read internal/diagnose",
		whyNo: "a reader turns lines into observations; what they mean is the rules' business"},
	{path: "internal/diagnose/read/gateways", pure: true, may: "internal/diagnose/read internal/diagnose",
		whyNo: "a reader turns lines into observations; what they mean is the rules' business"},
	{path: "internal/diagnose/read/readtest", may: "internal/diagnose/read internal/diagnose",
		whyNo: "what holds for every reader knows none of them"},
	{path: "internal/diagnose/read", pure: true, may: "internal/diagnose",
		whyNo: "the search for phrases must know no vendor"},
	{path: "internal/router", pure: true, may: "internal/aaa internal/console internal/trustpoint internal/config internal/ike internal/policy internal/trace internal/ipsec internal/isakmp internal/secret",
		whyNo: "daemon and lab drive the same router, so it must know neither"},
	{path: "internal/console", may: "internal/trustpoint internal/keystore internal/pki/scep internal/pki internal/secret internal/diagnose internal/ladder internal/config internal/ike internal/policy internal/trace internal/ipsec internal/isakmp",
		whyNo: "the console renders snapshots that it gets by an interface of its own; who fulfils it must be free to change"},
	{path: "internal/trustpoint", pure: true, may: "internal/config internal/pki internal/pki/scep internal/trace internal/isakmp internal/secret",
		whyNo: "what trustpoints do is the same for the daemon and for the lab: who fetches and who asks must not matter"},
	{path: "internal/diagnose", pure: true, may: "internal/config internal/ike internal/policy internal/trace internal/ipsec internal/pki internal/isakmp",
		whyNo: "a diagnosis is a function of what was seen; who saw it, and who is told, must not matter"},
	{path: "internal/ladder", pure: true, may: "internal/trace internal/isakmp",
		whyNo: "a drawing is of records: it must work for those of any engine, and of a file"},
	{path: "internal/aaa", pure: true, may: "internal/ike internal/radius internal/password internal/trace internal/secret",
		whyNo: "who may log in is a function of what was configured and answered; who carries the packets must not matter"},
	{path: "internal/config", may: "internal/pki internal/isakmp internal/password internal/secret",
		whyNo: "configuration ends at the border: it is a model of IOS's commands, and nothing below the router sees it"},
	{path: "internal/dataplane", may: "internal/ipsec internal/isakmp internal/secret",
		whyNo: "packets are protected without knowing how keys are negotiated"},
	{path: "internal/ike", pure: true, may: "internal/policy internal/trace internal/ipsec internal/keymat internal/pki internal/isakmp internal/secret",
		whyNo: "the protocol core is handed inputs and returns effects; it never sees configuration, console or data plane"},
	{path: "internal/radius", pure: true, may: "internal/trace internal/secret",
		whyNo: "the codec knows the wire only: whom to ask, and when, is aaa's"},
	{path: "internal/policy", pure: true, may: "internal/trace internal/ipsec internal/pki internal/isakmp internal/secret",
		whyNo: "comparison is a function of an offer and a policy"},
	{path: "internal/trace", pure: true, may: "internal/pki internal/isakmp",
		whyNo: "events carry values of the wire; whoever emits them must stay free to change"},
	{path: "internal/ipsec", pure: true, may: "internal/isakmp internal/secret",
		whyNo: "ESP needs keys and selectors, not their negotiation"},
	{path: "internal/keymat", pure: true, may: "internal/isakmp internal/secret",
		whyNo: "key material is a function of bytes and algorithm numbers"},
	{path: "internal/keystore", may: "internal/pki/scep internal/secret",
		whyNo: "keys are kept without knowing what they are for"},
	{path: "internal/pki/scep/sceptest", may: "internal/pki/pkitest",
		whyNo: "a CA for tests reads and writes by others' modules, so that no fault of ours cancels itself out"},
	{path: "internal/pki/scep", pure: true, may: "internal/pki",
		whyNo: "an enrolment is handed answers and a time, and returns what to send: who carries it must not matter"},
	{path: "internal/pki/fetch",
		whyNo: "it brings bytes of bounded number and age; what they mean is others' business"},
	{path: "internal/pki/pkitest",
		whyNo: "tests of every package make their certificates with it, so it must know none"},
	{path: "internal/pki", pure: true, may: "internal/isakmp",
		whyNo: "a verdict is a function of bytes and a time: who asks, and where certificates come from, must not matter"},
	{path: "internal/hostdns",
		whyNo: "how a host looks names up has nothing to do with who tells the servers"},
	{path: "internal/clientfile", pure: true, may: "internal/secret",
		whyNo: "a profile is read without a gateway: who uses it must not matter"},
	{path: "internal/isakmp", pure: true,
		whyNo: "the codec knows the wire only: no crypto, no policy"},
	{path: "internal/password", pure: true, may: "internal/secret",
		whyNo: "a password is compared without knowing whose it is"},
	{path: "internal/secret", pure: true,
		whyNo: "everything may hold a secret"},
	{path: "test/pcap", whyNo: "tests of what reads captures use it, so it must share no code with that"},
	{path: "test/leak", whyNo: "tests of every package use it, so it must know none"},
	{path: "test/interop", whyNo: "these tests know the daemon by its command line only"},
	{path: "test/readme", whyNo: "these tests know the program by its README only"},
	{path: "test/structure", whyNo: "these tests read sources"},
}

func roomOf(path string) *room {
	for i := range house {
		if house[i].path == path {
			return &house[i]
		}
	}
	return nil
}
