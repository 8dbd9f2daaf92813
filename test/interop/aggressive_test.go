//go:build interop

package interop

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// aggressive is the usual setup in aggressive mode, in which the ends know each other's
// keys by name; the key for the peer's address is nobody's.
func aggressive() setup {
	x := usual
	x.key = "a-key-of-nobody"
	x.ios = fmt.Sprintf(`no ip domain lookup
crypto isakmp key %[1]s hostname spoke.example.net
crypto isakmp peer address 192.1.1.42
 set aggressive-mode password %[1]s
 set aggressive-mode client-endpoint fqdn hub.example.net
`, presharedKey)
	x.daemon = "  i_dont_care_about_security_and_use_aggressive_mode_psk = yes\n"
	x.connection = "    aggressive = yes\n    local {\n      id = spoke.example.net\n    }\n    remote {\n      id = %any\n    }\n"
	return x
}

// namedSecret is the key by the names of both ends.
const namedSecret = `secrets {
  ike-names {
    id-1 = spoke.example.net
    id-2 = hub.example.net
    id-3 = 192.1.1.40
    secret = "` + presharedKey + `"
  }
}
`

// TestAggressiveMode has either end begin, both with names for identities; the SAs are
// renewed and deleted.
func TestAggressiveMode(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	x := aggressive()
	capture := startCapture(t, l)
	c := newCharon(t, l, l.spoke, x.daemon)
	c.loadText(t, c.config(x)+namedSecret)
	q := startQmidle(t, l, l.hub, x, raceDetector)
	for name, up := range map[string]func(){"charon": func() { c.initiate(t) }, "qmidle": func() { wake(t, l.hub) }} {
		up()
		q.waitSAs(t, 1, 1)
		list := c.waitSAs(t, 1, 1)
		if !strings.Contains(list, "'spoke.example.net'") {
			t.Errorf("%s begins, and charon's SAs have no name:\n%s", name, list)
		}
		if ladder := q.do(t, "show crypto isakmp ladder"); !strings.Contains(ladder, "AM3*") {
			t.Errorf("%s begins, and not in aggressive mode:\n%s", name, ladder)
		}
		wantPing(t, l.spoke, 3)
		wantPing(t, l.hub, 3)
		q.do(t, "clear crypto sa")
		q.do(t, "clear crypto isakmp")
		c.waitSAs(t, 0, 0)
	}
	q.end(t)
	c.end(t)
	capture.end(t).wantProtected(t, 10)
	c.wantNoComplaint(t)
}

// TestAggressiveModeNAT has charon behind a NAT, known by its name alone: message 3
// moves to UDP 4500.
func TestAggressiveModeNAT(t *testing.T) {
	t.Parallel()
	l := newNATLab(t, func(l *lab) *site { return l.spoke })
	x := aggressive()
	capture := startCapture(t, l)
	c := newCharon(t, l, l.spoke, x.daemon)
	c.loadText(t, c.config(x)+namedSecret)
	q := newQmidle(t, l, l.hub, raceDetector)
	q.run(t, q.dynamicConfig(x))
	c.initiate(t)
	q.waitSAs(t, 1, 1)
	wantPing(t, l.spoke, 3)
	wantPing(t, l.hub, 3)
	if session := q.do(t, "show crypto session detail"); !strings.Contains(session, "Phase1_id: spoke.example.net") || !strings.Contains(session, "local 192.1.1.40/4500") {
		t.Errorf("show crypto session detail:\n%s", session)
	}
	q.end(t)
	c.end(t)
	capture.end(t).wantProtected(t, 6)
	c.wantNoComplaint(t)
}

// TestAggressiveModeRefusals has either end refuse the other: for another key, for a
// name without one, and where aggressive mode is not taken at all.
func TestAggressiveModeRefusals(t *testing.T) {
	t.Parallel()
	const other = "another-key-of-nobody"
	for name, test := range map[string]struct {
		change  func(x *setup, secret *string)
		charon  string // first of qmidle's findings when charon begins
		qmidle  string // when qmidle does
		ourText []string
		bare    bool // we have no key for the address
	}{
		"key": {func(_ *setup, secret *string) { *secret = strings.ReplaceAll(*secret, presharedKey, other) }, "psk-mismatch", "psk-mismatch", nil, false},
		"name": {func(x *setup, _ *string) {
			x.ios = strings.Replace(x.ios, "hostname spoke.example.net", "hostname other.example.net", 1)
		},
			"no-psk-for-peer", "", []string{"no pre-shared key based on hostname spoke.example.net!"}, true},
		"disabled here": {func(x *setup, _ *string) { x.ios += "crypto isakmp aggressive-mode disable\n" },
			"aggressive-vs-main-mismatch", "", []string{"%CRYPTO-5-IKMP_AG_MODE_DISABLED"}, false},
		"disabled there": {func(x *setup, _ *string) { x.daemon = "" }, "", "aggressive-vs-main-mismatch", nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			x, secret := aggressive(), namedSecret
			test.change(&x, &secret)
			c := newCharon(t, l, l.spoke, x.daemon)
			config := c.config(x)
			if secret != namedSecret {
				config = strings.ReplaceAll(config, presharedKey, other)
			}
			c.loadText(t, config+secret)
			q := newQmidle(t, l, l.hub, raceDetector)
			text := q.config(x)
			if test.bare {
				text = strings.Replace(text, "crypto isakmp key a-key-of-nobody address 192.1.1.42\n", "", 1)
			}
			q.run(t, text)
			if test.charon != "" {
				if out, err := c.trySwanctl("--initiate", "--child", "net", "--timeout", "10"); err == nil {
					t.Errorf("charon has come in:\n%s", out)
				}
				q.wantFirst(t, test.charon)
				if text := q.debug(t); !containsAll(text, test.ourText) {
					t.Errorf("the debug text has not %q:\n%s", test.ourText, text)
				}
			}
			if test.qmidle != "" {
				ping(l.hub, 1)
				q.wantFirst(t, test.qmidle)
			}
			q.end(t)
			c.end(t)
		})
	}
}

// wantFirst waits until a cause is what explain names first.
func (q *qmidle) wantFirst(t *testing.T, cause string) {
	t.Helper()
	eventually(t, cause+" as the first finding", 40*time.Second, func() (bool, string) {
		text := q.do(t, "explain")
		return strings.HasPrefix(text, "1. "+cause+" "), text
	})
}
