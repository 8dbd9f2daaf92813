//go:build interop

package interop

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// names are how the ends call themselves, and what matches the spoke's.
type names struct {
	hub, spoke string // for charon
	self       string // of the hub's profile
	match      string
}

// with is the usual setup with a profile, its keyring and the names; the line for
// the peer's address in the usual configuration has another key, which is nobody's.
func (n names) with() setup {
	x := usual
	x.key = "a-key-of-nobody"
	x.ios = fmt.Sprintf(`crypto keyring RING
 local-address 192.1.1.40
 pre-shared-key address 192.1.1.42 key %s
crypto isakmp profile SPOKE
 keyring RING
 self-identity %s
 match identity %s
 keepalive 10 retry 2
crypto map CMAP isakmp-profile SPOKE
`, presharedKey, n.self, n.match)
	x.connection = fmt.Sprintf("    local {\n      id = %s\n    }\n    remote {\n      id = %s\n    }\n", n.spoke, n.hub)
	return x
}

// TestProfiles tells charon by the name it presents, and presents one to it, from
// either end.
func TestProfiles(t *testing.T) {
	t.Parallel()
	for name, n := range map[string]names{
		"host":        {"hub.example.net", "spoke.example.net", "fqdn hub.example.net", "host spoke.example.net"},
		"host domain": {"hub.example.net", "spoke.example.net", "fqdn hub.example.net", "host domain example.net"},
		"user":        {"hub@example.net", "spoke@example.net", "user-fqdn hub@example.net", "user spoke@example.net"},
		"user domain": {"hub@example.net", "spoke@example.net", "user-fqdn hub@example.net", "user domain example.net"},
		"address":     {"192.1.1.40", "192.1.1.42", "address", "address 192.1.1.0 255.255.255.0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			capture := startCapture(t, l)
			c := startCharon(t, l, l.spoke, n.with())
			q := startQmidle(t, l, l.hub, n.with(), raceDetector)
			for _, up := range []func(){func() { c.initiate(t) }, func() { wake(t, l.hub) }} {
				up()
				q.waitSAs(t, 1, 1)
				list := c.waitSAs(t, 1, 1)
				for _, id := range []string{"'" + n.hub + "'", "'" + n.spoke + "'"} {
					if !strings.Contains(list, id) {
						t.Errorf("charon's SAs have no %s:\n%s", id, list)
					}
				}
				if session := q.do(t, "show crypto session detail"); !strings.Contains(session, "Profile: SPOKE\n") {
					t.Errorf("show crypto session detail:\n%s", session)
				}
				wantPing(t, l.spoke, 2)
				q.do(t, "clear crypto sa")
				q.do(t, "clear crypto isakmp")
				c.waitSAs(t, 0, 0)
			}
			q.end(t)
			c.end(t)
			capture.end(t).wantProtected(t, 8)
			c.wantNoComplaint(t, "no shared key found for '"+n.spoke) // by the names; there is one by the addresses
		})
	}
}

// TestNoProfileForName refuses charon by a name that no profile matches: its
// quick mode, and the main mode that we begin.
func TestNoProfileForName(t *testing.T) {
	t.Parallel()
	n := names{"%any", "spoke.example.org", "fqdn hub.example.net", "host domain example.net"}
	l := newLab(t)
	capture := startCapture(t, l)
	c := startCharon(t, l, l.spoke, n.with())
	q := startQmidle(t, l, l.hub, n.with(), raceDetector)
	waitDebug := func(lines ...string) {
		t.Helper()
		eventually(t, "the refusal in the debug text", 15*time.Second, func() (bool, string) {
			text := q.debug(t)
			return containsAll(text, lines), text
		})
		q.forget(t)
	}
	if out, err := c.trySwanctl("--initiate", "--child", "net", "--timeout", "10"); err == nil {
		t.Errorf("charon has come in:\n%s", out)
	}
	waitDebug(": peer matches *none* of the profiles", "proxy identities not supported", "Sending NOTIFY PROPOSAL_NOT_CHOSEN")
	if history := q.do(t, "show crypto isakmp history"); !strings.Contains(history, `ipsec_transform_refused attribute="ISAKMP profile"`) {
		t.Errorf("the history does not name the profile:\n%s", history)
	}
	q.do(t, "clear crypto isakmp")
	c.waitSAs(t, 0, 0)
	if received, err := ping(l.hub, 1); received != 0 || err != nil {
		t.Errorf("%d answers, %v", received, err)
	}
	waitDebug(": peer matches *none* of the profiles", "peer's identity does not match profile SPOKE, aborting exchange")
	c.waitSAs(t, 0, 0)
	q.end(t)
	c.end(t)
	if s := capture.end(t); s.esp != 0 || len(s.clear) != 0 {
		t.Errorf("%+v, want no packet of the hosts", s)
	}
}
