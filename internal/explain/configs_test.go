package explain

import (
	"fmt"
	"strings"
	"testing"

	"qmidle/internal/diagnose"
)

// pasted is a router's configuration as somebody pastes it.
func pasted(host, here, there, inside, outside, hash string) string {
	return fmt.Sprintf(`%[1]s#show run
Building configuration...

version 12.4
service timestamps debug datetime msec
hostname %[1]s
!
boot-start-marker
no aaa new-model
crypto isakmp policy 10
 encr aes
 hash %[6]s
 authentication pre-share
 group 2
crypto isakmp key example address %[3]s
!
crypto ipsec transform-set TS esp-aes esp-sha-hmac
!
crypto map VPN 10 ipsec-isakmp
 set peer %[3]s
 set transform-set TS
 match address 101
!
interface FastEthernet0/0
 ip address %[2]s 255.255.255.0
 duplex auto
 crypto map VPN
!
interface FastEthernet0/1
 ip address %[4]s 255.255.255.0
!
ip route 0.0.0.0 0.0.0.0 %[2]s4
access-list 101 permit ip %[4]s 0.0.0.255 %[5]s 0.0.0.255
line vty 0 4
end

%[1]s#
`, host, here, there, inside, outside, hash)
}

// Two configurations in one paste are held against each other, with the lines of
// the paste.
func TestConfigurationsInOnePaste(t *testing.T) {
	one := "It does not come up. This is the first one:\n\n" + pasted("R1", "192.0.2.1", "198.51.100.2", "10.1.1.1", "10.2.2.1", "sha")
	for _, c := range []struct {
		hash string
		want diagnose.Cause
	}{{"md5", diagnose.Phase1PolicyMismatch}, {"sha", ""}} {
		text := one + "and the other\n" + pasted("R2", "198.51.100.2", "192.0.2.1", "10.2.2.1", "10.1.1.1", c.hash) + "Where is the fault?\n"
		s, err := Log("paste", strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		e := Explain([]*Source{s})
		if c.want == "" {
			if len(e.Findings) > 0 {
				t.Errorf("they fit: %s", e.Text(Options{}))
			}
			continue
		}
		if len(e.Findings) != 1 || e.Findings[0].Cause != c.want || e.Findings[0].Certainty != diagnose.Likely {
			t.Fatalf("%s", e.Text(Options{}))
		}
		lines := strings.Split(text, "\n")
		for _, x := range e.Findings[0].Evidence {
			if x.Line < 1 || x.Line > len(lines) || strings.TrimSpace(lines[x.Line-1]) != strings.TrimSpace(x.Text) {
				t.Errorf("line %d is %q: %q", x.Line, x.Text, lines[x.Line-1])
			}
		}
		if strings.Contains(e.Text(Options{}), "This is one end's view") {
			t.Error("both ends are there")
		}
	}
}

// What a debug says comes first, and a comparison adds to it.
func TestConfigurationsBesideDebug(t *testing.T) {
	debug := "*Mar  1 00:01:00.000: ISAKMP:(0): phase 1 SA policy not acceptable! (local 198.51.100.2 remote 192.0.2.1)\n"
	text := pasted("R1", "192.0.2.1", "198.51.100.2", "10.1.1.1", "10.2.2.1", "sha") + pasted("R2", "198.51.100.2", "192.0.2.1", "10.2.2.1", "10.1.1.1", "md5") + debug
	s, err := Log("paste", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	e := Explain([]*Source{s})
	if len(e.Findings) != 1 || e.Findings[0].Cause != diagnose.Phase1PolicyMismatch || len(e.Findings[0].Evidence) < 3 {
		t.Errorf("%s", e.Text(Options{}))
	}
}
