package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// entered are the lines that lead into each mode.
var entered = map[*mode]string{
	&globalMode:         "crypto isakmp policy 1\nexit",
	&policyMode:         "crypto isakmp policy 1",
	&groupMode:          "crypto isakmp client configuration group G",
	&serverGroupMode:    "aaa group server radius G",
	&radiusMode:         "radius server S",
	&trustpointMode:     "crypto pki trustpoint T",
	&certificateMapMode: "crypto pki certificate map L 1",
	&chainMode:          "crypto pki certificate chain T",
	&pubkeyChainMode:    "crypto key pubkey-chain rsa",
	&pubkeyMode:         "crypto key pubkey-chain rsa\nnamed-key N",
	&keyringMode:        "crypto keyring K",
	&profileMode:        "crypto isakmp profile P",
	&transformSetMode:   "crypto ipsec transform-set T esp-aes esp-sha-hmac",
	&easyVPNMode:        "crypto ipsec client ezvpn V",
	&cryptoMapMode:      "crypto map M 1 ipsec-isakmp",
	&interfaceMode:      "interface GigabitEthernet0/0",
	&extendedMode:       "ip access-list extended L",
	&standardMode:       "ip access-list standard S",
	&peerMode:           "crypto isakmp peer address 10.0.0.2",
}

// TestEveryCommand types every path through every table, so that each command
// runs, with `no` before it too, and its text is understood again.
func TestEveryCommand(t *testing.T) {
	for _, m := range allModes {
		if entered[m] == "" {
			t.Errorf("nothing enters %s mode", m.name)
		}
	}
	for m, lines := range entered {
		t.Run(m.name, func(t *testing.T) {
			paths := samples(m.nodes, "", map[*node]int{})
			if len(paths) < len(m.nodes) {
				t.Fatalf("%d commands of %d", len(paths), len(m.nodes))
			}
			for _, path := range paths {
				e := NewEditor(New())
				for line := range strings.SplitSeq(lines, "\n") {
					e.Line(line)
				}
				for _, line := range []string{path, "no " + path} {
					e.hex = nil
					for _, d := range e.Line(" " + line) {
						refused := d.Code == CodeInvalid || d.Code == CodeAmbiguous || d.Code == CodeIncomplete
						if refused && d.Caret >= 0 && !strings.Contains(d.Message, "needs its kind") && !strings.Contains(d.Message, "are missing") {
							t.Errorf("%q in %s mode:\n%s", line, m.name, d)
						}
					}
				}
			}
		})
	}
}

// samples is a line for each path that ends in a command, going through no node
// more than twice on the way and through only a few of many siblings that go on
// alike.
func samples(nodes []*node, before string, above map[*node]int) []string {
	var lines []string
	alike := map[*node]int{}
	for _, n := range nodes {
		if above[n] > 0 {
			continue
		}
		if len(n.Next) > 0 {
			if alike[n.Next[0]]++; alike[n.Next[0]] > 2 {
				continue
			}
		}
		line := before + sample(n)
		if n.Do != nil || n.Unsupported != "" || n.Foreign {
			lines = append(lines, line)
		}
		above[n]++
		if len(strings.Fields(line)) < 12 {
			lines = append(lines, samples(n.Next, line+" ", above)...)
		}
		above[n]--
		if len(lines) > 20000 {
			break
		}
	}
	return lines
}

// sample is a word that the node takes.
func sample(n *node) string {
	switch n.Kind {
	case Number:
		return fmt.Sprint(n.Hi)
	case Netmask:
		return "255.255.255.0"
	case Address:
		return "10.0.0.0"
	case Address6:
		return "2001:db8::1"
	case Host:
		return "host.example.com"
	case Word:
		if n.Text == "N/N" {
			return "0/1"
		}
		return "Loopback1"
	case Rest:
		return "some text"
	}
	return n.Text
}

func TestHelpAndCompletion(t *testing.T) {
	e := NewEditor(New())
	texts := func(cs []Choice) (all []string) {
		for _, c := range cs {
			all = append(all, c.Text)
		}
		return all
	}
	for _, c := range []struct {
		line string
		want []string
	}{
		{"cr", []string{"crypto"}},
		{"crypto isakmp k", []string{"keepalive", "key"}},
		{"crypto isakmp policy ", []string{"<1-10000>"}},
		{"no crypto isakmp policy ", []string{"<1-10000>"}},
		{"crypto isakmp enable ", []string{"<cr>"}},
		{"crypto isakmp keepalive 10 ", []string{"<2-60>", "on-demand", "periodic", "<cr>"}},
		{"i", []string{"interface", "ip"}},
	} {
		got, err := e.Help(c.line)
		if err != nil {
			t.Fatalf("%q: %+v", c.line, err)
		}
		if diff := cmp.Diff(c.want, texts(got)); diff != "" {
			t.Errorf("%q? (-want +got):\n%s", c.line, diff)
		}
	}
	if _, err := e.Help("crypto isakmp polcy "); err == nil || err.At != 2 || err.Near != "policy" {
		t.Errorf("help after a wrong word: %+v", err)
	}
	for line, want := range map[string]string{"crypto isakmp pol": "policy", "no cry": "crypto", "crypto isakmp k": "", "crypto ": "", "crypto isakmp policy 1": ""} {
		if got, _ := e.Complete(line); got != want {
			t.Errorf("%q completes to %q, not %q", line, got, want)
		}
	}
	want := []string{"<1-10000>     Priority of protection suite", "<cr>"}
	if diff := cmp.Diff(want, Lines([]Choice{{"<1-10000>", "Priority of protection suite"}, {"<cr>", ""}})); diff != "" {
		t.Errorf("lines of help: %s", diff)
	}
}

func TestModesAndPrompts(t *testing.T) {
	e := NewEditor(New())
	for _, c := range []struct{ line, prompt string }{
		{"!", "(config)"},
		{"crypto isakmp policy 10", "(config-isakmp)"},
		{"encr aes", "(config-isakmp)"},
		{"crypto ipsec transform-set T esp-aes esp-sha-hmac", "(cfg-crypto-trans)"},
		{"mode transport", "(cfg-crypto-trans)"},
		{"exit", "(config)"},
		{"crypto map M 1 ipsec-isakmp", "(config-crypto-map)"},
		{"interface Gi0/0", "(config-if)"},
		{"crypto map M", "(config-if)"}, // the interface's, not the global one
		{"crypto map M 1", "(config-crypto-map)"},
		{"ip access-list extended L", "(config-ext-nacl)"},
		{"permit ip any any", "(config-ext-nacl)"},
		{"ip access-list standard S", "(config-std-nacl)"},
		{"hostname r1", "(config)"},
		{"no crypto map M", "(config)"},
	} {
		if ds := e.Line(c.line); len(ds) > 0 {
			t.Errorf("%q: %s", c.line, ds)
		}
		if got := e.Prompt(); got != c.prompt {
			t.Errorf("after %q the prompt is %s, not %s", c.line, got, c.prompt)
		}
	}
}

// TestUnsupportedIsForgotten: what a console takes back stops nothing.
func TestUnsupportedIsForgotten(t *testing.T) {
	e := NewEditor(New())
	for _, line := range []string{"crypto map M 1 ipsec-isakmp", "qos pre-classify", "interface eth0", "crypto map M"} {
		e.Line(line)
	}
	has := func() bool {
		return slices.ContainsFunc(e.Check(), func(d Diagnostic) bool { return d.Code == CodeUnsupported && strings.Contains(d.Message, "QoS") })
	}
	if !has() {
		t.Error("qos on an applied map is not an error")
	}
	e.Line("crypto map M 1")
	e.Line("no qos pre-classify")
	if has() {
		t.Error("qos was taken back and still counts")
	}
}

func TestInterfaceName(t *testing.T) {
	for _, c := range []struct{ in, long, short string }{
		{"Gi0/1", "GigabitEthernet0/1", "Gi0/1"},
		{"gig0/1", "GigabitEthernet0/1", "Gi0/1"},
		{"GigabitEthernet0/0/0.100", "GigabitEthernet0/0/0.100", "Gi0/0/0.100"},
		{"FastEthernet0/0", "FastEthernet0/0", "Fa0/0"},
		{"e0/0", "Ethernet0/0", "Et0/0"},
		{"eth0/0", "Ethernet0/0", "Et0/0"},
		{"tun0", "Tunnel0", "Tu0"},
		{"lo0", "Loopback0", "Lo0"},
		{"Vlan10", "Vlan10", "Vl10"},
		{"Null0", "Null0", "Nu0"},
		{"eth0", "eth0", "eth0"},
		{"lo", "lo", "lo"},
		{"enp1s0f1", "enp1s0f1", "enp1s0f1"},
		{"br-lan", "br-lan", "br-lan"},
		{"wan0", "wan0", "wan0"},
		{"bond0.7", "bond0.7", "bond0.7"},
	} {
		long, short, ok := InterfaceName(c.in)
		if long != c.long || short != c.short || !ok {
			t.Errorf("%s is %s, %s, %t", c.in, long, short, ok)
		}
	}
	for _, in := range []string{"", "..", "Gi0/", "0/1", "nonsense0/1", "a-name-of-16-byte"} {
		if long, _, ok := InterfaceName(in); ok {
			t.Errorf("%q is %s", in, long)
		}
	}
}

// TestSecretsStaySecret: the keys of the bad files are written so that they can
// be found.
func TestSecretsStaySecret(t *testing.T) {
	for _, file := range []string{"secrets", "unsupported"} {
		_, ds := Load(file, read(t, "testdata/bad/"+file+".cfg"))
		for _, leak := range []string{"TOPSECRET", "SECRET", "HIDDEN"} {
			if strings.Contains(ds.String(), leak) || strings.Contains(fmt.Sprintf("%+v", ds), leak) {
				t.Errorf("%s shows %s:\n%s", file, leak, ds)
			}
		}
	}
}

func TestMatches(t *testing.T) {
	m := AddrMatch{netip.MustParseAddr("10.1.0.0"), netip.MustParseAddr("0.0.255.255")}
	if p, ok := m.Prefix(); !ok || p != netip.MustParsePrefix("10.1.0.0/16") {
		t.Errorf("prefix %s, %t", p, ok)
	}
	for in, want := range map[string]bool{"10.1.2.3": true, "10.2.0.0": false, "2001:db8::1": false} {
		if got := m.Matches(netip.MustParseAddr(in)); got != want {
			t.Errorf("%s: %t", in, got)
		}
	}
	holes := AddrMatch{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("0.255.0.0")}
	if _, ok := holes.Prefix(); ok || !holes.Matches(netip.MustParseAddr("10.9.0.1")) || holes.Matches(netip.MustParseAddr("10.9.1.1")) {
		t.Error("a wildcard with holes")
	}
}

// TestLineEndings: a file from Windows, with its byte order mark, loads as the other does.
func TestLineEndings(t *testing.T) {
	text := string(read(t, "testdata/hub.cfg"))
	want, _ := Load("hub", []byte(text))
	got, ds := Load("hub", []byte("\ufeff"+strings.ReplaceAll(text, "\n", "\r\n")))
	if diff := cmp.Diff(want, got, equateNetip); diff != "" {
		t.Errorf("%s\n%s", ds, diff)
	}
}
