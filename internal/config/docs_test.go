package config

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

var allModes = []*mode{&globalMode, &policyMode, &groupMode, &serverGroupMode, &radiusMode, &trustpointMode, &certificateMapMode, &chainMode, &pubkeyChainMode, &pubkeyMode, &keyringMode, &profileMode, &peerMode, &transformSetMode, &easyVPNMode, &cryptoMapMode, &interfaceMode, &extendedMode}

// TestDocumentation keeps docs/configuration.md as the tables are.
func TestDocumentation(t *testing.T) {
	golden(t, "../../docs/configuration.md", documentation())
}

const docsHead = `# Configuration

The configuration is Cisco IOS syntax. A router's own ` + "`show running-config`" + ` loads as it is:
what has nothing to do with VPN is skipped and counted. This page lists what is understood; it is
made from the command tables by ` + "`go test ./internal/config -update`" + `.

How a file is read:

- Keywords may be abbreviated as long as no other keyword of that place starts so. Lines need no
  indentation: a command that the current mode does not have is tried as a global one.
- ` + "`no`" + ` removes or restores the default; ` + "`default`" + ` restores the default. ` + "`!`" + ` at the start of a line is a comment.
- A wrong line stops the load. It is shown with a caret under the word, and with what could have stood there.
  A line that begins with ` + "`crypto`" + ` is never skipped.
- What IOS knows and this gateway does not support yet is named: with a warning while nothing uses it,
  and as an error where it would be in effect.
- A file of more than 4 MiB, a line of more than 4096 characters and a byte that no text has stop it too. A byte order
  mark, CR LF and a terminal's ` + "`--More--`" + ` do not.
- Each weak algorithm in use gets one warning.
- Pre-shared keys are never shown in a message.

Interfaces: an IOS name is bound to the Linux interface that carries its ` + "`ip address`" + `, or by
` + "`--interface Gi0/1=eth1`" + `. A Linux name is itself. Of the names that could be either, ` + "`eth0`" + ` is Linux's;
` + "`tun0`, `lo0` and `vlan10`" + ` are IOS's Tunnel0, Loopback0 and Vlan10.

Names of peers and of pre-shared keys are those of ` + "`ip host`" + `, else what DNS says: ` + "`ip name-server`" + `, or the host's own
resolver. They are looked up again and again; see [divergences](divergences.md).

In the syntax below, ` + "`{ a | b }`" + ` is a choice, ` + "`[ a ]`" + ` may be left out, and ` + "`...`" + ` repeats.
`

// docsDynamic stands below the crypto map mode.
const docsDynamic = `
` + "`crypto dynamic-map`" + ` has the same commands, of which only ` + "`set transform-set`" + ` is needed. It answers peers whose
addresses are not known, and asks nobody. Behind the static entries of its crypto map, each peer gets an entry for each
pair of networks that it asks for, which lives as long as its SAs:

- ` + "`match address`" + ` lists what peers may ask for. It is protected at all times, and dropped while no peer has it.
- Without a list a peer may ask for anything, also for what is another's; it is protected while the peer is up, and
  until the next start where the gateway ends first. Before and after that it passes in clear. List the networks where
  they are known.
- Such peers need a key for a range of addresses: ` + "`crypto isakmp key KEY address 0.0.0.0 0.0.0.0`" + `. Who has it is one of
  them: the newest peer with the same pair of networks takes them over.

` + "`reverse-route`" + ` puts a route to the peer's network into the host's main table (` + "`proto 171`" + `), by the way that leads to the
peer or to ` + "`remote-peer`" + `, as long as there is an SA; with ` + "`static`" + ` to what the access list permits, at all times. The distance
becomes the metric. What a crypto map protects finds its way without: the route is for a routing daemon that
redistributes it. None leads to 0.0.0.0/0, nor to a network in which its own next hop is.
`

// docsGroup stands below the mode of client groups.
const docsGroup = `
Users, groups and pools are for clients of remote access:

- ` + "`client authentication list`" + ` has the users log in (XAUTH), by the methods of ` + "`aaa authentication login`" + `. Without
  ` + "`aaa new-model`" + `, without the list, and with a method that is a terminal's only, nobody passes.
- A method that answers decides. The next one of a list is asked only where one does not answer: a user whom the RADIUS
  server refuses does not pass by ` + "`local`" + `.
- Passwords: ` + "`secret 9`" + ` (scrypt), ` + "`secret 8`" + ` (PBKDF2), ` + "`secret 5`" + ` (MD5), ` + "`password 7`" + ` (readable by anybody) and
  ` + "`password 0`" + ` are read. A secret that is written in clear is kept as type 9.
- A RADIUS server's answer needs a Message-Authenticator, or it is dropped: who stands between the two could turn a
  reject into an accept (BlastRADIUS). ` + "`qmidle radius message-authenticator optional`" + ` is for servers that cannot send it.
- With a group of servers in the list of ` + "`isakmp authorization list`" + `, the servers know the groups: a group is a user of
  theirs with the password ` + "`cisco`" + `, its key ` + "`ipsec:tunnel-password`" + ` or Tunnel-Password, and ` + "`ipsec:addr-pool`" + `,
  ` + "`ipsec:default-domain`" + `, ` + "`ipsec:dns-servers`" + `, ` + "`ipsec:wins-servers`" + `, ` + "`ipsec:split-include`" + `, ` + "`ipsec:inacl`" + ` (an access list
  of this gateway) and others what its clients get.
- A banner ends where its first character comes again, be it lines below.
`

// docsAggressive stands below the ISAKMP peer mode.
const docsAggressive = `
Phase 1 with such a peer begins in aggressive mode, under the identity of ` + "`client-endpoint`" + `; so it does for an ISAKMP
profile with ` + "`initiate mode aggressive`" + `, under the profile's identity. Without ` + "`password`" + ` the key is the one that main mode
takes. A gateway answers in aggressive mode unless ` + "`crypto isakmp aggressive-mode disable`" + ` forbids both. It finds the key
by the identity that comes: of a key ID that of ` + "`crypto isakmp client configuration group`" + `, of a name that of
` + "`crypto isakmp key KEY hostname NAME`" + ` or of a keyring's ` + "`pre-shared-key hostname`" + `, else the one for the peer's address. A
profile that matches the identity limits the search to its keyrings.

Aggressive mode sends the proof of the key in clear, before the peer has proven anything: who hears one exchange, or begins
one, can try keys at leisure, and nothing shows it. Main mode hides the proof, and gives away only what an active attacker
in the place of the peer asks for. Where aggressive mode has to be, the key is to be long and random.
`

// docsTrustpoint stands below the trustpoint mode.
const docsTrustpoint = `
` + "`crypto pki authenticate`, `enroll`, `import`, `crl request` and `crypto key`" + ` are done at a console; see [commands](commands.md).
The certificates that they bring stand below ` + "`crypto pki certificate chain`" + `; keys lie in the directory of
` + "`qmidle run --keys`" + `, and in no configuration. ` + "`rsakeypair`" + ` names a key that enrolment makes if need be; without it
the key of the gateway's own name is used. ` + "`eckeypair`" + ` names an EC key, whose certificate comes by ` + "`enrollment terminal`" + ` or a
PKCS #12 file: SCEP knows RSA keys only. What came since the configuration was saved lies beside the keys, and is there after a
restart; ` + "`write memory`" + ` takes it over.

SHA-256 and AES protect what passes to a CA, which has to say that it knows them. For old CAs ` + "`hash sha1`, `hash md5`" + ` and
` + "`qmidle scep-cipher`" + ` ask for less, and ` + "`qmidle legacy`" + ` accepts SHA-1 signatures, RSA keys of 1024 bits, and answers with
SHA-1 and DES, which Debian's scepserver gives whatever it is asked with. Each is weak, and holds for this trustpoint alone.

An enrollment URL without a path is that of ` + "`/cgi-bin/pkiclient.exe`" + `; behind ` + "`cgi-bin` and `mscep.dll`" + ` comes ` + "`/pkiclient.exe`" + `.
The URL, ` + "`crl query`" + ` and ` + "`ocsp url`" + ` may lead anywhere. What a certificate says of itself leads to other
hosts only. LDAP is not supported.

Peers' certificates are checked by the methods of ` + "`revocation-check`" + ` in their order, each certificate of the chain but the
trustpoint's CA. A list is where ` + "`crl query`" + ` says, for certificates of the trustpoint's own CA; where the certificate says; or,
where that says nothing, at the CA by SCEP. An OCSP responder is the one of ` + "`ocsp url`" + ` or the certificate's. An answer is
waited for 10 seconds, then the next method has its turn; what failed is not asked again for a minute. Lists are fetched anew
before they end. ` + "`none`" + ` lets pass who is not known to be revoked, and may stand last only.

Certificates that end in 30 days, in 7 and in one are told in the log, and when they have ended; in the last half of their
life only.

` + "`auto-enroll`" + ` renews a certificate by the old one when so many percent of its life are over, 100 without a number, and tries
again every hour. With ` + "`regenerate`" + ` it makes a new key, named like the old one with a ` + "`#`" + ` behind, which takes the old one's place
together with its certificate. The CA's next certificate is asked for when so many percent of the present one's life are
over, once a day; it takes the first place when the CA uses it, at the present one's end at the latest, and the gateway's own
certificate is renewed then. The old CA stays behind it, for peers that have its certificates.
`

// docsNonces stands below the public keys' mode.
const docsNonces = `
A policy of ` + "`authentication rsa-encr`" + ` authenticates by encrypted nonces (RFC 2409 section 5.2), in main mode: each end
encrypts its identity and its nonce under the other's RSA key. The gateway's own is the one of its name, as ` + "`crypto key\ngenerate rsa`" + ` makes it without a label; ` + "`show crypto key mypubkey rsa`" + ` prints what the peer types. Who begins needs the
peer's key by its address; a responder finds it by the name that comes, too.

It is off unless a policy names it, and for peers that have nothing else. What cannot be decrypted is answered like
anything else, and a quarter of a second after its arrival, so that nobody learns from the answer what was in it;
` + "`explain`" + ` says it here. Keys below 1024 bits are taken of peers, and are worth nothing. It was run between gateways of this
kind only: no other implementation was at hand.
`

// docsEasyVPN stands below the Easy VPN client mode.
const docsEasyVPN = `
The gateway is a client of the server. With ` + "`" + `mode client` + "`" + ` the server gives an address, which the device ` + "`" + `qmidle0` + "`" + ` has as
long as it holds. The gateway's own packets to the networks that the server names, or to everything, have it as their
source; those of the networks inside are translated to it. The networks inside are reached directly. With ` + "`" + `mode
network-extension` + "`" + ` nothing is translated, and all that comes from the networks inside goes through the tunnel, but for what
goes from one to another. ` + "`" + `crypto ipsec client ezvpn NAME` + "`" + ` on an interface says by which the server is reached, and
` + "`" + `inside` + "`" + `, on interfaces with ` + "`" + `ip address` + "`" + `, whose networks are inside.

- What the server gave holds until the tunnel comes up with something else, or is cleared: while a tunnel of ` + "`" + `connect
  auto` + "`" + ` is down, what would go through it waits. Before it has been up for the first time it passes in clear.
- ` + "`" + `connect auto` + "`" + ` tries again 1 second after a tunnel was lost, and 2 seconds after a failure, then twice as long, up to a
  minute. ` + "`" + `connect manual` + "`" + ` and ` + "`" + `connect acl` + "`" + ` give up.
- With ` + "`" + `xauth userid mode local` + "`" + ` the name and the password of ` + "`" + `username` + "`" + ` are used as long as the server allows a client
  to store one (` + "`" + `save-password` + "`" + ` there), and once before it has said so; with ` + "`" + `interactive` + "`" + `, and when they were refused, the
  operator is asked: ` + "`" + `crypto ipsec client ezvpn xauth` + "`" + `.
- DNS servers and the domain go to systemd-resolved where it runs, else to resolvconf where it is installed, else into
  /etc/resolv.conf. What was there is back when the tunnel ends; after a crash at the next start, or by ` + "`" + `qmidle release` + "`" + `.
- Phase 1 is aggressive mode of group 2 with the group's key; AES and 3DES with SHA-1 and MD5 are offered in both phases.
`

func documentation() string {
	var b strings.Builder
	b.WriteString(docsHead)
	for _, m := range allModes {
		fmt.Fprintf(&b, "\n## %s mode\n\nPrompt: `(%s)#`\n\n```\n", m.name, m.prompt)
		for _, line := range usage(m.nodes, "") {
			b.WriteString(line + "\n")
		}
		b.WriteString("```\n")
		switch m {
		case &groupMode:
			b.WriteString(docsGroup)
		case &cryptoMapMode:
			b.WriteString(docsDynamic)
		case &pubkeyMode:
			b.WriteString(docsNonces)
		case &easyVPNMode:
			b.WriteString(docsEasyVPN)
		case &peerMode:
			b.WriteString(docsAggressive)
		case &trustpointMode:
			b.WriteString(docsTrustpoint)
		}
	}
	b.WriteString(docsParts())
	b.WriteString("\n## Known to IOS, not supported yet\n\n")
	for _, m := range allModes {
		for _, line := range unsupportedLines(m.nodes, "", map[*node]bool{}) {
			fmt.Fprintf(&b, "- %s: `%s`\n", strings.ToLower(m.name), line)
		}
	}
	for _, n := range endOptions() {
		if n.Unsupported != "" {
			fmt.Fprintf(&b, "- the end of an access list entry: `%s`\n", n.shown())
		}
	}
	b.WriteString("\n## Skipped\n\nGlobal commands that have nothing to do with VPN, with the lines below them; `ip` and `service`\ncommands and interface commands that are not listed above are skipped too.\n\n")
	words := append(strings.Fields(foreignLines), strings.Fields(foreignBlocks)...)
	slices.Sort(words)
	b.WriteString("`" + strings.Join(words, "` `") + "`\n")
	return b.String()
}

func docsParts() string {
	var b strings.Builder
	b.WriteString("\n## Parts\n\n```\n")
	var c, a, p, tcp, udp, icmp []string
	for _, x := range ciphers {
		if x.bits {
			c = append(c, x.text+" [ 128 | 192 | 256 ]")
		} else {
			c = append(c, x.text)
		}
	}
	for _, x := range authenticators {
		a = append(a, x.text)
	}
	for _, x := range protocols {
		p = append(p, x.text)
	}
	for _, x := range tcpPorts {
		tcp = append(tcp, x.text)
	}
	for _, x := range udpPorts {
		udp = append(udp, x.text)
	}
	for _, x := range icmpMessages {
		icmp = append(icmp, x.text)
	}
	fmt.Fprintf(&b, "TRANSFORMS   [ CIPHER ] [ INTEGRITY ], in any order\nCIPHER       %s\nINTEGRITY    %s\n\n", strings.Join(c, " | "), strings.Join(a, " | "))
	b.WriteString("ENTRY        { permit | deny } PACKETS\n" +
		"             remark LINE, where no number stands before it\n" +
		"PACKETS      PROTOCOL ADDRESSES ADDRESSES [ log ]\n" +
		"             udp ADDRESSES [ PORTS ] ADDRESSES [ PORTS ] [ log ]\n" +
		"             tcp ADDRESSES [ PORTS ] ADDRESSES [ PORTS ] [ established ] [ log ]\n" +
		"             icmp ADDRESSES ADDRESSES [ MESSAGE | <0-255> [ <0-255> ] ] [ log ]\n" +
		"ADDRESSES    any | host A.B.C.D | A.B.C.D WILDCARD\n" +
		"PORTS        { eq | gt | lt | neq } PORT | range PORT PORT\n")
	fmt.Fprintf(&b, "PROTOCOL     <0-255> | %s\nPORT         <0-65535>, or for tcp %s\n             or for udp %s\nMESSAGE      %s\n```\n",
		strings.Join(p, " | "), strings.Join(tcp, " "), strings.Join(udp, " "), strings.Join(icmp, " "))
	b.WriteString("\nAn access list of a crypto map permits only what a quick mode identity can carry: one protocol, one port\n(`eq`), one subnet for each side. Its `deny` entries may compare anything.\n")
	return b.String()
}

// own are the nodes that are supported.
func own(nodes []*node) []*node {
	var out []*node
	for _, n := range nodes {
		runs := n.Do != nil || n.Part != "" || len(n.Next) > 0 && (n.Next[0] == n || len(own(n.Next)) > 0)
		if runs && !n.Foreign && n.Unsupported == "" {
			out = append(out, n)
		}
	}
	return out
}

// usage is a line of syntax for each command.
func usage(nodes []*node, before string) []string {
	var lines []string
	for _, n := range own(nodes) {
		if isGroup(n) {
			lines = append(lines, usage(n.Next, before+n.shown()+" ")...)
			continue
		}
		lines = append(lines, before+syntax(n, map[*node]bool{}))
	}
	return lines
}

// isGroup says whether a node is a keyword before several commands.
func isGroup(n *node) bool {
	next := own(n.Next)
	return n.Do == nil && n.Arg == "" && n.Part == "" && len(next) > 1 && slices.ContainsFunc(next, func(c *node) bool { return len(c.Next) > 0 })
}

// syntax is a node and what may follow it.
func syntax(n *node, above map[*node]bool) string {
	s := n.shown()
	if above[n] {
		return "..."
	}
	above[n] = true
	defer delete(above, n)
	var all []string
	if n.Part != "" {
		all = []string{n.Part}
	} else {
		all = followers(n, above)
	}
	tail := strings.Join(all, " | ")
	switch {
	case tail == "":
		return s
	case n.Do != nil:
		return s + " [ " + tail + " ]"
	case len(all) > 1:
		return s + " { " + tail + " }"
	}
	return s + " " + tail
}

func followers(n *node, above map[*node]bool) []string {
	var all []string
	for _, c := range own(n.Next) {
		if above[c] {
			return []string{"..."}
		}
		all = append(all, syntax(c, above))
	}
	return all
}

// unsupportedLines are the commands that IOS has and this gateway does not, at
// the first place where each list of nodes stands.
func unsupportedLines(nodes []*node, before string, seen map[*node]bool) []string {
	if len(nodes) == 0 || seen[nodes[0]] {
		return nil
	}
	seen[nodes[0]] = true
	var lines []string
	for _, n := range nodes {
		if n.Unsupported != "" {
			lines = append(lines, before+n.shown())
		}
	}
	for _, n := range nodes {
		switch n.Part {
		case "":
			lines = append(lines, unsupportedLines(n.Next, before+n.shown()+" ", seen)...)
		case "TRANSFORMS":
			for _, c := range n.Next {
				if c.Unsupported != "" {
					lines = append(lines, before+n.shown()+" "+c.shown())
				}
			}
		}
	}
	return lines
}
