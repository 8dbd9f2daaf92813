package console

import (
	"fmt"
	"math"
	"strings"

	"qmidle/internal/config"
)

// node is a row of the exec grammar.
type node = config.Node[*call]

// call is one run of a command.
type call struct {
	router Router
	view   View
	err    error
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
	{Text: "clear", Help: "Reset functions", Next: []*node{
		{Text: "crypto", Help: "Encryption subsystem", Next: []*node{
			{Text: "isakmp", Help: "Flush the ISAKMP database", Do: do(clearISAKMP), Next: []*node{
				{Kind: config.Number, Lo: 1, Hi: math.MaxInt32, Arg: "conn-id", Help: "Connection id of SA", Do: do(clearISAKMP)},
			}},
			{Text: "sa", Help: "Clear all crypto SAs", Do: plain(clearIPsec)},
		}},
	}},
	{Text: "debug", Help: "Debugging functions (see also 'undebug')", Next: debugNodes(setDebug(debugISAKMP, true),
		setDebug(debugIPsec, true), unavailable("debug crypto engine"))},
	{Text: "explain", Help: "Tell why a tunnel does or does not come up", Do: unavailable("explain"), Next: []*node{
		{Kind: config.Rest, Text: "LINE", Help: "Peer", Do: unavailable("explain")},
	}},
	{Text: "no", Help: "Disable debugging functions", Next: []*node{
		{Text: "debug", Help: "Debugging functions (see also 'undebug')", Next: undebugNodes},
	}},
	{Text: "ping", Help: "Send echo messages", Next: []*node{
		{Kind: config.Address, Text: "A.B.C.D", Arg: "target", Help: "Ping destination address", Do: do(ping), Next: []*node{
			{Text: "source", Help: "Specify source address or name", Next: []*node{
				{Kind: config.Address, Text: "A.B.C.D", Arg: "source", Help: "Source address", Do: do(ping)},
				{Kind: config.Word, Text: "WORD", Arg: "interface", Help: "Source interface", Do: do(ping)},
			}},
		}},
	}},
	{Text: "show", Help: "Show running system information", Next: []*node{
		{Text: "crypto", Help: "Encryption module", Next: showCrypto},
		{Text: "debugging", Help: "State of each debugging option", Do: plain(debugState)},
		{Text: "running-config", Help: "Current operating configuration", Do: plain(runningConfig)},
		{Text: "version", Help: "System software status", Do: plain(version)},
	}},
	{Text: "undebug", Help: "Disable debugging functions (see also 'debug')", Next: undebugNodes},
}

var showCrypto = []*node{
	{Text: "ipsec", Help: "Show IPSEC policy", Next: []*node{
		{Text: "sa", Help: "IPSEC SA table", Do: plain(ipsecSAs)},
	}},
	{Text: "isakmp", Help: "Show ISAKMP", Next: []*node{
		{Text: "history", Help: "Show the recorded events", Do: do(history), Next: []*node{
			{Text: "peer", Help: "Of one peer only", Next: []*node{
				{Kind: config.Address, Text: "A.B.C.D", Arg: "peer", Help: "Peer address", Do: do(history)},
			}},
		}},
		{Text: "policy", Help: "Show ISAKMP protection suite policy", Do: plain(isakmpPolicies)},
		{Text: "sa", Help: "Show ISAKMP Security Associations", Do: plain(isakmpSAs)},
		{Text: "statistics", Help: "Show counters", Do: plain(statistics)},
	}},
	{Text: "map", Help: "Crypto maps", Do: plain(cryptoMaps)},
	{Text: "session", Help: "Show crypto sessions (tunnels)", Do: plain(sessions)},
}

var undebugNodes = append([]*node{
	{Text: "all", Help: "Turn off all debugging", Do: plain(undebugAll)},
}, debugNodes(setDebug(debugISAKMP, false), setDebug(debugIPsec, false), setDebug(debugEngine, false))...)

func debugNodes(isakmp, ipsec, engine config.Action[*call]) []*node {
	return []*node{{Text: "crypto", Help: "Cryptographic subsystem", Next: []*node{
		{Text: "engine", Help: "Crypto Engine Debug", Do: engine},
		{Text: "ipsec", Help: "IPSEC processing", Do: ipsec},
		{Text: "isakmp", Help: "ISAKMP Key Management", Do: isakmp},
	}}}
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
		out = append(out, forms(words, n.Next)...)
	}
	return out
}
