package console

import (
	"fmt"
	"strings"

	"qmidle/internal/config"
	"qmidle/internal/keystore"
)

// node is a row of the exec grammar.
type node = config.Node[*call]

// call is one run of a command.
type call struct {
	router  Router
	session *Session // nil for a line outside a session
	view    View
	err     error
}

// do makes a grammar action of a command. Its error is shown after IOS's "% ".
func do(f func(Router, config.Args) (View, error)) config.Action[*call] {
	return func(c *call, a config.Args) *config.Problem {
		view, err := f(c.router, a)
		if err != nil {
			c.err = fmt.Errorf("%% %w", err)
			return nil
		}
		c.view = view
		return nil
	}
}

// plain makes a grammar action of a command without arguments that cannot fail.
func plain[V View](f func(Router) V) config.Action[*call] {
	return do(func(r Router, _ config.Args) (View, error) { return f(r), nil })
}

// commands is the exec grammar.
var commands = []*node{
	{Text: "clear", Help: "Reset functions", Next: clearNodes},
	{Text: "configure", Help: "Enter configuration mode", Next: []*node{
		{Text: "terminal", Help: "Configure from the terminal", Do: inSession(func(s *Session, _ config.Args) (View, error) { return configure(s) })},
	}},
	{Text: "copy", Help: "Copy from one file to another", Next: []*node{
		{Text: "isakmp-keys", Help: "Copy the encryption keys of the ISAKMP SAs, to decrypt a capture", Next: copyKeysNodes},
		{Text: "running-config", Help: "Copy from current system configuration", Next: []*node{
			{Text: "startup-config", Help: "Copy to startup configuration", Do: do(write)},
		}},
	}},
	{Text: "crypto", Help: "Encryption module", Next: append([]*node{
		{Text: "ipsec", Help: "IPSEC commands", Next: []*node{
			{Text: "client", Help: "Client commands", Next: []*node{
				{Text: "ezvpn", Help: "Easy VPN client", Next: ezvpnCommands},
			}},
		}},
	}, pkiCommands[0].Next...)},
	{Text: "debug", Help: "Debugging functions (see also 'undebug')", Next: debugNodes(true, conditionNodes(addCondition, true))},
	{Text: "enable", Help: "Turn on privileged commands", Do: inSession(func(*Session, config.Args) (View, error) { return ModeChange{}, nil })},
	{Text: "exit", Help: "Exit from the EXEC", Do: inSession(exit)},
	{Text: "explain", Help: "Tell why a tunnel does or does not come up", Do: plain(explain), Next: []*node{
		{Text: "last", Help: "Of the peer with which something went wrong last", Do: plain(explainLast)},
		{Text: "packet", Help: "Tell what becomes of a packet", Next: []*node{
			{Kind: config.Address, Text: "A.B.C.D", Arg: "from", Help: "Source address", Next: []*node{
				{Kind: config.Address, Text: "A.B.C.D", Arg: "to", Help: "Destination address", Do: do(explainPacket), Next: []*node{
					{Kind: config.Word, Text: "WORD", Arg: "protocol", Help: "Protocol, by name or number", Do: do(explainPacket), Next: []*node{
						{Kind: config.Number, Lo: 1, Hi: 65535, Arg: "port", Help: "Port of the destination", Do: do(explainPacket)},
					}},
				}},
			}},
		}},
		{Text: "peer", Help: "Of one peer only", Next: []*node{
			{Kind: config.Address, Text: "A.B.C.D", Arg: "peer", Help: "Peer address", Do: do(explainPeer)},
		}},
	}},
	{Text: "logout", Help: "Exit from the EXEC", Do: inSession(exit)},
	{Text: "no", Help: "Disable debugging functions", Next: []*node{
		{Text: "debug", Help: "Debugging functions (see also 'undebug')", Next: undebugNodes},
	}},
	{Text: "ping", Help: "Send echo messages", Next: []*node{
		{Kind: config.Address, Text: "A.B.C.D", Arg: "target", Help: "Ping destination address", Do: do(ping),
			Next: pingOptions("repeat", "size", "source", "timeout"), Part: "OPTIONS"},
	}},
	{Text: "reload", Help: "Read the startup configuration anew", Do: do(reload)},
	{Text: "show", Help: "Show running system information", Next: []*node{
		{Text: "aaa", Help: "Show AAA values", Next: []*node{
			{Text: "servers", Help: "Show the AAA servers", Do: plain(aaaServers)},
		}},
		{Text: "access-lists", Help: "List access lists", Do: do(accessLists), Next: []*node{
			{Kind: config.Word, Text: "WORD", Arg: "list", Help: "Number or name", Do: do(accessLists)},
		}},
		{Text: "crypto", Help: "Encryption module", Next: showCrypto},
		{Text: "debugging", Help: "State of each debugging option", Do: plain(debugState)},
		{Text: "history", Help: "Display the session command history", Do: inSession(lineHistory)},
		{Text: "hosts", Help: "IP domain-name, lookup style, nameservers, and host table", Do: plain(hosts)},
		{Text: "ip", Help: "IP information", Next: []*node{
			{Text: "interface", Help: "IP interface status and configuration", Next: []*node{
				{Text: "brief", Help: "Brief summary of IP status and configuration", Do: plain(interfaces)},
			}},
			{Text: "local", Help: "IP local options", Next: []*node{
				{Text: "pool", Help: "IP Local address pool lists", Do: do(addressPools), Next: []*node{
					{Kind: config.Word, Text: "WORD", Arg: "pool", Help: "Pool name", Do: do(addressPools)},
				}},
			}},
			{Text: "route", Help: "IP routing table", Do: plain(routes)},
		}},
		{Text: "logging", Help: "Show the contents of logging buffers", Do: plain(logging)},
		{Text: "radius", Help: "Show RADIUS information", Next: []*node{
			{Text: "statistics", Help: "RADIUS statistics", Do: plain(radiusStatistics)},
		}},
		{Text: "running-config", Help: "Current operating configuration", Do: plain(runningConfig)},
		{Text: "version", Help: "System software status", Do: plain(version)},
	}},
	{Text: "terminal", Help: "Set terminal line parameters", Next: terminalNodes},
	{Text: "undebug", Help: "Disable debugging functions (see also 'debug')", Next: undebugNodes},
	{Text: "write", Help: "Write running configuration to memory", Do: do(write), Next: []*node{
		{Text: "memory", Help: "Write to NV memory", Do: do(write)},
	}},
}

func write(r Router, _ config.Args) (View, error) { return writeMemory(r) }

var terminalNodes = []*node{
	{Text: "history", Help: "Enable and control the command history function", Next: []*node{
		{Text: "size", Help: "Set history buffer size", Next: []*node{
			{Kind: config.Number, Lo: 0, Hi: 256, Arg: "size", Help: "Size of history buffer", Do: setTerminal(func(t *TerminalSettings, a config.Args) {
				t.HistorySize = int(a.Number("size"))
			})},
		}},
	}},
	{Text: "length", Help: "Set number of lines on a screen", Next: []*node{
		{Kind: config.Number, Lo: 0, Hi: 512, Arg: "length", Help: "Number of lines on screen (0 for no pausing)", Do: setTerminal(func(t *TerminalSettings, a config.Args) {
			t.Length, t.chosen = int(a.Number("length")), true
		})},
	}},
	{Text: "monitor", Help: "Copy debug output to the current terminal line", Do: setMonitor(true)},
	{Text: "no", Help: "Negate a command or set its defaults", Next: []*node{
		{Text: "monitor", Help: "Copy debug output to the current terminal line", Do: setMonitor(false)},
	}},
	{Text: "width", Help: "Set width of the display terminal", Next: []*node{
		{Kind: config.Number, Lo: 0, Hi: 512, Arg: "width", Help: "Number of characters on a screen line", Do: setTerminal(func(t *TerminalSettings, a config.Args) {
			t.Width = int(a.Number("width"))
		})},
	}},
}

var showCrypto = []*node{
	{Text: "ca", Help: "Show certification authority policy", Next: showPKI},
	{Text: "debug-condition", Help: "Debug Condition filters", Do: plain(debugConditions)},
	{Text: "dynamic-map", Help: "Crypto map templates", Do: do(dynamicMaps), Next: []*node{
		{Text: "tag", Help: "Crypto map template tag", Next: []*node{
			{Kind: config.Word, Text: "WORD", Arg: "tag", Help: "Dynamic crypto map tag", Do: do(dynamicMaps)},
		}},
	}},
	{Text: "call", Help: "Show crypto call admission info", Next: []*node{
		{Text: "admission", Help: "Show crypto call admission info", Next: []*node{
			{Text: "statistics", Help: "Show Crypto Call Admission Control stats", Do: plain(admission)},
		}},
	}},
	{Text: "engine", Help: "Show crypto engine info", Next: []*node{
		{Text: "brief", Help: "Show a brief listing of the crypto engine", Do: plain(engineBrief)},
		{Text: "connections", Help: "Show connection information", Next: []*node{
			{Text: "active", Help: "Show all active crypto engine connections", Do: plain(engineConnections)},
		}},
	}},
	{Text: "ipsec", Help: "Show IPSEC policy", Next: []*node{
		{Text: "client", Help: "Show Client Status", Next: []*node{
			{Text: "ezvpn", Help: "Show ezvpn client status", Do: plain(easyVPNs)},
		}},
		{Text: "sa", Help: "IPSEC SA table", Do: plain(ipsecSAs), Next: []*node{
			{Text: "detail", Help: "Show counters detail", Do: plain(ipsecSADetails)},
		}},
		{Text: "security-association", Help: "Show parameters for IPSec security associations", Next: []*node{
			{Text: "lifetime", Help: "Show lifetime for IPSec security associations", Do: plain(ipsecLifetime)},
		}},
		{Text: "transform-set", Help: "Crypto transform sets", Do: plain(transformSets)},
	}},
	{Text: "isakmp", Help: "Show ISAKMP", Next: []*node{
		{Text: "history", Help: "Show the recorded events", Do: do(history), Next: []*node{
			{Text: "peer", Help: "Of one peer only", Next: []*node{
				{Kind: config.Address, Text: "A.B.C.D", Arg: "peer", Help: "Peer address", Do: do(history)},
			}},
		}},
		{Text: "key", Help: "Show ISAKMP preshared keys", Do: plain(isakmpKeys)},
		{Text: "ladder", Help: "Draw the recorded messages", Do: do(ladders), Next: []*node{
			{Text: "peer", Help: "With one peer only", Next: []*node{
				{Kind: config.Address, Text: "A.B.C.D", Arg: "peer", Help: "Peer address", Do: do(ladders)},
			}},
		}},
		{Text: "peers", Help: "Show ISAKMP peer structures", Do: plain(isakmpPeers)},
		{Text: "policy", Help: "Show ISAKMP protection suite policy", Do: plain(isakmpPolicies)},
		{Text: "profile", Help: "Show ISAKMP profiles", Do: plain(isakmpProfiles)},
		{Text: "sa", Help: "Show ISAKMP Security Associations", Do: plain(isakmpSAs), Next: []*node{
			{Text: "active", Help: "Show the SAs that are up", Do: plain(activeISAKMPSAs)},
			{Text: "count", Help: "Show the number of ISAKMP SAs", Do: plain(isakmpCount)},
			{Text: "detail", Help: "Show ISAKMP SA Detail", Do: plain(isakmpSADetails)},
		}},
		{Text: "statistics", Help: "Show counters", Do: plain(statistics)},
	}},
	{Text: "key", Help: "Show long term public keys", Next: []*node{
		{Text: "mypubkey", Help: "Show public keys associated with this router", Next: []*node{
			{Text: "all", Help: "Show all public keys", Do: plain(publicKeys(keystore.RSA, keystore.EC))},
			{Text: "ec", Help: "Show EC public keys", Do: plain(publicKeys(keystore.EC))},
			{Text: "rsa", Help: "Show RSA public keys", Do: plain(publicKeys(keystore.RSA))},
		}},
		{Text: "pubkey-chain", Help: "Show peer public keys", Next: []*node{
			{Text: "rsa", Help: "Show peer RSA public keys", Do: plain(peerKeys)},
		}},
	}},
	{Text: "map", Help: "Crypto maps", Do: plain(cryptoMaps)},
	{Text: "pki", Help: "Show PKI", Next: showPKI},
	{Text: "session", Help: "Show crypto sessions (tunnels)", Do: plain(sessions), Next: []*node{
		{Text: "brief", Help: "Brief output", Do: plain(sessionsBrief)},
		{Text: "detail", Help: "Detailed output", Do: plain(sessionsDetail)},
	}},
}

var undebugNodes = append([]*node{
	{Text: "all", Help: "Turn off all debugging", Do: plain(undebugAll)},
}, debugNodes(false, conditionNodes(dropCondition, false))...)

func debugNodes(on bool, condition []*node) []*node {
	return []*node{
		{Text: "aaa", Help: "AAA Authentication, Authorization and Accounting", Next: []*node{
			{Text: "authentication", Help: "Authentication", Do: setDebug(debugAuthentication, on)},
			{Text: "authorization", Help: "Authorization", Do: setDebug(debugAuthorization, on)},
		}},
		{Text: "crypto", Help: "Cryptographic subsystem", Next: []*node{
			{Text: "condition", Help: "Show debugs of some peers only", Next: condition},
			{Text: "engine", Help: "Crypto Engine Debug", Do: setDebug(debugEngine, on)},
			{Text: "ipsec", Help: "IPSEC processing", Do: setDebug(debugIPsec, on)},
			{Text: "isakmp", Help: "ISAKMP Key Management", Do: setDebug(debugISAKMP, on)},
			{Text: "pki", Help: "PKI Client", Next: []*node{
				{Text: "messages", Help: "PKI Input/Output Messages", Do: setDebug(debugPKIMsg, on)},
				{Text: "transactions", Help: "PKI Transactions", Do: setDebug(debugPKITrans, on)},
				{Text: "validation", Help: "PKI Certificate Validation", Do: setDebug(debugPKIValid, on)},
			}},
		}},
		{Text: "radius", Help: "RADIUS protocol", Do: setDebug(debugRADIUS, on)},
	}
}

// Command is one form of a command, for the documentation.
type Command struct {
	Form string // "show crypto isakmp history peer A.B.C.D"
	Help string // of its last word
}

// Commands lists every form of every command, in the order of the grammar.
func Commands() []Command { return forms(nil, commands) }

func forms(before []string, nodes []*node) []Command {
	var out []Command
	for _, n := range nodes {
		word := n.Text
		if n.Kind == config.Number {
			word = fmt.Sprintf("<%d-%d>", n.Lo, n.Hi)
		}
		words := append(before[:len(before):len(before)], word)
		if n.Do != nil {
			out = append(out, Command{strings.Join(words, " "), n.Help})
		}
		if n.Part != "" {
			out = append(out, Command{strings.Join(append(words, n.Part), " "), n.Help})
			continue
		}
		out = append(out, forms(words, n.Next)...)
	}
	return out
}
