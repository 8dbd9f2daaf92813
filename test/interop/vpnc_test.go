//go:build interop

package interop

import (
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestVPNC: vpnc logs in and passes packets in each of its modes of NAT traversal,
// with other groups and with PFS.
func TestVPNC(t *testing.T) {
	for name, c := range map[string]struct {
		settings    []string
		group, flow string // of the server's policy; what `show crypto ipsec sa` says
	}{
		"NAT traversal":         {nil, "2", "Tunnel UDP-Encaps, "},
		"NAT traversal forced":  {[]string{"NAT Traversal Mode force-natt"}, "2", "Tunnel UDP-Encaps, "},
		"no NAT traversal":      {[]string{"NAT Traversal Mode none"}, "2", "Tunnel, "},
		"Cisco's encapsulation": {[]string{"NAT Traversal Mode cisco-udp"}, "2", "Tunnel, "},
		"group 14 and PFS":      {[]string{"IKE DH Group dh14", "Perfect Forward Secrecy dh5"}, "14", "Tunnel UDP-Encaps, "},
		"port 500":              {[]string{"Local Port 500"}, "2", "Tunnel, "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, q, p := connectVPNC(t, strings.Replace(usersConfig, " group 2\n", " group "+c.group+"\n", 1), c.settings...)
			q.waitSAs(t, 1, 1)
			if out, err := exec.Command("ip", "netns", "exec", l.spoke.ns, "ping", "-c", "3", "-i", "0.2", "-W", "5", l.hub.host).CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
			if out := q.do(t, "show crypto ipsec sa"); strings.Count(out, "in use settings ={"+c.flow+"}") != 2 || !strings.Contains(out, "#pkts decaps: 3,") {
				t.Errorf("the SAs, of which %q is wanted:\n%s", c.flow, out)
			}
			if err := p.stop(t, syscall.SIGTERM); err != nil {
				t.Errorf("vpnc ends with %v\n%s", err, p.output)
			}
			q.waitSAs(t, 0, 0)
			q.end(t)
		})
	}
}

// TestVPNCIsRefused: what vpnc's user sees, and what `explain` makes of it here.
func TestVPNCIsRefused(t *testing.T) {
	for name, c := range map[string]struct{ setting, says, cause string }{
		"password": {"Xauth password guess", "can't reuse password", "xauth-failed"},
		"key":      {"IPSec secret another-secret", "check group password", "psk-mismatch"},
		"group":    {"IPSec ID nobody", "check group password", "group-unknown"},
		"policy":   {"IKE DH Group dh5", "ISAKMP_N_INVALID_EXCHANGE_TYPE", "phase1-policy-mismatch"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			q := newQmidle(t, l, l.hub, raceDetector)
			q.run(t, usersConfig)
			p, _ := dialVPNC(t, l, "alice", "alice-password", c.setting)
			eventually(t, "the end of vpnc", 60*time.Second, func() (bool, string) { return p.exited(), p.output.String() })
			if !strings.Contains(p.output.String(), c.says) {
				t.Errorf("vpnc says\n%s", p.output)
			}
			// Of a wrong key this end sees no more than that message 3 does not come.
			eventually(t, c.cause, 30*time.Second, func() (bool, string) {
				out := q.do(t, "explain")
				return strings.Contains(out, "1. "+c.cause), out
			})
			q.end(t)
		})
	}
}
