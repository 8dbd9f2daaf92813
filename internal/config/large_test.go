package config

import (
	"bytes"
	"fmt"
	"math/rand"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// much is how many lines a file of these tests has.
const much = 10000

// whole makes a crypto map on an interface of what a file has besides.
const whole = `crypto isakmp policy 1
 authentication pre-share
crypto isakmp key k address 0.0.0.0 0.0.0.0
crypto ipsec transform-set T esp-aes esp-sha-hmac
crypto map M 60000 ipsec-isakmp
 set peer 198.51.100.1
 set transform-set T
 match address 101
access-list 101 permit ip host 192.0.2.1 any
interface Ethernet0
 ip address 192.0.2.1 255.255.255.0
 crypto map M
`

// largeFiles are files with many parts of one kind: the lines above them, and
// the part of a number. Those whose name begins with "wrong" are refused.
var largeFiles = map[string]struct {
	head string
	part string // %d is the number from 1 on, %s an address for it
}{
	"access list":            {"", "access-list 101 permit ip host %[2]s any\n"},
	"access list in use":     {whole, "access-list 101 permit ip host %[2]s any\n"},
	"denials in use":         {whole, "access-list 101 deny ip host %[2]s any\n"},
	"access list backwards":  {"", "ip access-list extended L\n -%[1]d permit ip host %[2]s any\n"},
	"access list by remarks": {"", "access-list 101 remark %[1]d\n"},
	"standard lists":         {"", "access-list 1 permit %[2]s\n"},
	"lists":                  {"", "ip access-list extended L%[1]d\n"},
	"keys":                   {"", "crypto isakmp key secret address %[2]s\n"},
	"keys of names":          {"", "crypto isakmp key secret hostname h%[1]d.example.com\n"},
	"keyrings":               {"", "crypto keyring K%[1]d\n pre-shared-key address %[2]s key secret\n"},
	"keyring":                {"crypto keyring K\n", " pre-shared-key address %[2]s key secret\n"},
	"keyring of names":       {"crypto keyring K\n", " pre-shared-key hostname h%[1]d key secret\n"},
	"profiles":               {"crypto keyring K\n", "crypto isakmp profile P%[1]d\n keyring K\n match identity address %[2]s\n"},
	"profiles in use":        {whole, "crypto isakmp profile P%[1]d\n match identity address %[2]s\ncrypto map M %[1]d ipsec-isakmp\n set isakmp-profile P%[1]d\n"},
	"identities":             {"crypto isakmp profile P\n", " match identity host h%[1]d.example.com\n"},
	"identities, both times": {"", "crypto isakmp profile P\n match identity address %[2]s\ncrypto isakmp profile Q\n match identity address %[2]s\n"},
	"keyrings of a profile":  {"", "crypto keyring K%[1]d\ncrypto isakmp profile P\n keyring K%[1]d\n"},
	"policies":               {"", "crypto isakmp policy -%[1]d\n"},
	"weak policies":          {"", "crypto isakmp policy %[1]d\n encr des\n hash md5\n group 1\n"},
	"transform sets":         {"", "crypto ipsec transform-set T%[1]d esp-aes esp-sha-hmac\n"},
	"transform sets of one":  {"", "crypto ipsec transform-set T%[1]d esp-aes esp-sha-hmac\ncrypto map M 1 ipsec-isakmp\n set transform-set T%[1]d\n"},
	"entries":                {"", "crypto map M -%[1]d ipsec-isakmp\n"},
	"entries in use":         {whole, "ip access-list extended L%[1]d\n permit ip 10.0.0.0 0.0.0.255 host %[2]s\ncrypto map M %[1]d ipsec-isakmp\n set peer %[2]s\n set transform-set T\n match address L%[1]d\n"},
	"maps":                   {"", "crypto map M%[1]d 1 ipsec-isakmp\n"},
	"maps in use":            {whole, "interface Tunnel%[1]d\n ip address %[2]s 255.255.255.252\n crypto map M%[1]d\ncrypto map M%[1]d 1 ipsec-isakmp\n"},
	"peers":                  {"crypto map M 1 ipsec-isakmp\n", " set peer %[2]s\n"},
	"peers by name":          {"crypto map M 1 ipsec-isakmp\n", " set peer h%[1]d.example.com\n"},
	"dynamic maps":           {whole, "crypto dynamic-map D%[1]d 1\n set transform-set T\ncrypto map M %[1]d ipsec-isakmp dynamic D%[1]d\n"},
	"dynamic entries":        {whole + "crypto map M 9 ipsec-isakmp dynamic D\n", "crypto dynamic-map D %[1]d\n set transform-set T\n"},
	"interfaces":             {"", "interface Tunnel%[1]d\n"},
	"addresses":              {"", "interface Tunnel%[1]d\n ip address %[2]s 255.255.255.252\n"},
	"secondary addresses":    {"interface Ethernet0\n ip address 192.0.2.1 255.255.255.0\n", " ip address %[2]s 255.255.255.252 secondary\n"},
	"routes":                 {"", "ip route %[2]s 255.255.255.255 10.0.0.1\n"},
	"hosts":                  {"", "ip host h%[1]d %[2]s\n"},
	"addresses of a host":    {"", "ip host h %[2]s\n"},
	"wrong for QoS":          {whole, "crypto map M %[1]d ipsec-isakmp\n qos pre-classify\n"},
	"skipped":                {"", "line vty 0 4\n"},
	"skipped by indentation": {"router bgp 1\n", " neighbor %[2]s\n"},
	"modes by turns":         {"", "crypto isakmp policy 1\ncrypto keyring K\ncrypto isakmp profile P\ncrypto ipsec transform-set T esp-aes\ncrypto map M 1 ipsec-isakmp\ncrypto dynamic-map D 1\ninterface Ethernet0\nip access-list extended L\nip access-list standard S\nexit\n"},
	"users":                  {"", "username u%[1]d password 0 secret\n"},
	"users by hash":          {"", "username u%[1]d secret 9 $9$2MJBozw/9R3UsU$2lFhcKvpghcyw8deP25GOfyZaagyUOGBymkryvOdfo6\n"},
	"pools":                  {"", "ip local pool P%[1]d %[2]s\n"},
	"groups of clients":      {"ip local pool P 172.16.0.1 172.16.0.9\n", "crypto isakmp client configuration group g%[1]d\n key secret\n pool P\n"},
	"lists of methods":       {"", "aaa authentication login L%[1]d local\n"},
	"servers":                {"", "radius-server host %[2]s key secret\n"},
	"servers of a group":     {"aaa group server radius G\n", " server %[2]s\nradius-server host %[2]s\naaa group server radius G\n"},
	"easy VPN clients":       {"", "crypto ipsec client ezvpn v%[1]d\n group g key k\n peer %[2]s\n"},
	"servers of a client":    {"crypto ipsec client ezvpn v\n", " peer %[2]s\n"},
	"banners of groups":      {"", "crypto isakmp client configuration group g%[1]d\n banner #\n%[1]d\n#\n"},
	"banners":                {"", "banner motd ^C\n%[1]d\n^C\n"},

	"wrong secrets":      {"", "username u%[1]d secret in clear\n"},
	"wrong ranges":       {"", "ip local pool P %[2]s\n"},
	"wrong banner":       {"crypto isakmp client configuration group g\n banner #\n", "%[1]d\n"},
	"wrong words":        {"", "frobnicate%[1]d\n"},
	"wrong crypto":       {"", "crypto frobnicate%[1]d\n"},
	"wrong nesting":      {"", "%[3]s description x\n"},
	"wrong maps":         {"", "interface Tunnel%[1]d\n crypto map N%[1]d\ncrypto map M%[1]d 1 ipsec-isakmp\n"},
	"wrong sets":         {"crypto map M 1 ipsec-isakmp\n", " set transform-set S%[1]d\ncrypto ipsec transform-set T%[1]d esp-aes esp-sha-hmac\n"},
	"wrong lists":        {"", "crypto map M %[1]d ipsec-isakmp\n match address K%[1]d\nip access-list extended L%[1]d\n"},
	"wrong profiles":     {"", "crypto map M %[1]d ipsec-isakmp\n set isakmp-profile P%[1]d\ncrypto isakmp profile Q%[1]d\n"},
	"wrong keyrings":     {"", "crypto isakmp profile P\n keyring K%[1]d\ncrypto keyring L%[1]d\n"},
	"wrong dynamic maps": {"", "crypto map M %[1]d ipsec-isakmp dynamic D%[1]d\ncrypto dynamic-map E%[1]d 1\n"},
	"wrong interfaces":   {"", "crypto keyring K%[1]d\n local-address Tunnel%[1]d\ninterface Vlan%[1]d\n"},
	"wrong addresses":    {"", "interface Tunnel%[1]d\n ip address 192.0.2.1 255.255.255.0\n"},
	"wrong selectors":    {"", "crypto map M %[1]d ipsec-isakmp\nmatch address 101\naccess-list 101 permit tcp host %[2]s any established\n"},
	"wrong removals":     {"", "no crypto map M %[1]d\n"},
	"wrong long names":   {"", "crypto map " + strings.Repeat("x", 400) + "%[1]d 1 ipsec-isakmp\ninterface Tunnel%[1]d\n crypto map " + strings.Repeat("y", 400) + "%[1]d\n"},
}

// largeFile is the text of one of them, of ten thousand lines or a little less.
func largeFile(head, part string) []byte {
	backwards := strings.Contains(part, "-%[1]d")
	part = strings.ReplaceAll(part, "-%[1]d", "%[1]d")
	var b bytes.Buffer
	b.WriteString(head)
	parts := (much - strings.Count(head, "\n")) / strings.Count(part, "\n")
	for i := range parts {
		n := 1 + i
		if backwards {
			n = parts - i
		}
		line := strings.NewReplacer("%[1]d", strconv.Itoa(n), "%[2]s", addr4(uint32(0x0a000001+4*i)).String(), "%[3]s", strings.Repeat(" ", i%400)).Replace(part)
		b.WriteString(line)
	}
	return b.Bytes()
}

// timed logs the time of the processor that a load takes: a second is much, and
// what grows faster than the file would take minutes and end the test. Time on
// the wall would measure what else the machine does.
func timed(t *testing.T, work func()) {
	t.Helper()
	used := func() time.Duration {
		var r syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
			t.Fatal(err)
		}
		return time.Duration(r.Utime.Nano() + r.Stime.Nano())
	}
	before := used()
	work()
	t.Log(used() - before)
}

// TestLargeFiles loads ten thousand lines of each kind: what grows faster than
// the file would take minutes.
func TestLargeFiles(t *testing.T) {
	for name, f := range largeFiles {
		t.Run(name, func(t *testing.T) {
			text := largeFile(f.head, f.part)
			timed(t, func() {
				c, ds := Load("large", text)
				shown := ds.String()
				if wrong := strings.HasPrefix(name, "wrong"); (c == nil) != wrong {
					t.Errorf("refused: %v, %d octets to show\n%.500v", c == nil, len(shown), ds.Err())
				}
			})
		})
	}
}

// TestEveryModeAtLength types ten thousand lines drawn from each mode's table,
// right ones, wrong ones and what removes them.
func TestEveryModeAtLength(t *testing.T) {
	for m, enter := range entered {
		t.Run(m.name, func(t *testing.T) {
			r := rand.New(rand.NewSource(1))
			var lines []string
			for i := range much {
				lines = append(lines, drawLine(r, m, i))
			}
			timed(t, func() {
				e := NewEditor(New())
				for _, line := range lines {
					if e.current() != m {
						for l := range strings.Lines(enter) {
							e.Line(l)
						}
					}
					e.Line(line)
					e.hex = nil
				}
				e.Check()
				e.cfg.RunningConfig()
			})
		})
	}
}

// drawLine draws a command from a mode's table.
func drawLine(r *rand.Rand, m *mode, i int) string {
	var words []string
	if r.Intn(4) == 0 {
		words = append(words, "no")
	}
	for nodes := m.nodes; len(nodes) > 0 && len(words) < 20; {
		n := nodes[r.Intn(len(nodes))]
		if n.Foreign {
			break // the lines below it would be skipped
		}
		words = append(words, drawWord(r, n, i))
		if n.Do != nil && r.Intn(3) == 0 {
			break
		}
		nodes = n.Next
	}
	return strings.Join(words, " ")
}

func drawWord(r *rand.Rand, n *node, i int) string {
	switch n.Kind {
	case Keyword:
		return n.Text
	case Number:
		return strconv.FormatUint(n.Lo+uint64(i)%(n.Hi-n.Lo+1), 10)
	case Netmask:
		return "255.255.255.0"
	case Address:
		return addr4(uint32(0x0a000000 + i)).String()
	case Address6:
		return fmt.Sprintf("2001:db8::%x", i)
	}
	// Most names exist, and some are new.
	return slices.Concat([]string{"K", "P", "T", "M", "L", "Ethernet0"}, []string{fmt.Sprintf("n%d", i)})[r.Intn(7)]
}
