//go:build interop

package interop

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// qmidle is the daemon under test at a site.
type qmidle struct {
	*process
	site           *site
	path, dir      string
	socket, record string
}

// raceOptions spare every process the race detector's second of sleep at its end.
const raceOptions = "GORACE=halt_on_error=1 atexit_sleep_ms=0"

func startQmidle(t *testing.T, l *lab, s *site, x suite, binary func() (string, error)) *qmidle {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	q := &qmidle{site: s, path: path, dir: filepath.Join(l.dir, "q-"+s.name)}
	if err := os.Mkdir(q.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	q.socket, q.record = filepath.Join(q.dir, "sock"), filepath.Join(q.dir, "debug.log")
	q.run(t, x)
	return q
}

// run starts the daemon; its log begins anew.
func (q *qmidle) run(t *testing.T, x suite) {
	t.Helper()
	file := filepath.Join(q.dir, "qmidle.cfg")
	if err := os.WriteFile(file, []byte(q.config(x)), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("debug text at the %s:\n%s", q.site.name, q.debug(t))
		}
	})
	q.process = start(t, "qmidle at the "+q.site.name, q.site.ns, []string{raceOptions},
		q.path, "run", "-c", file, "-s", q.socket, "--log", q.record)
	eventually(t, "the daemon's command line", 15*time.Second, func() (bool, string) {
		out, err := q.try("show version")
		return err == nil || q.exited(), out
	})
	if q.exited() {
		t.Fatalf("qmidle ended at once:\n%s", q.output)
	}
	t.Cleanup(func() { // before the daemon is killed
		if t.Failed() && !q.exited() {
			for _, line := range []string{"show crypto isakmp sa", "show crypto ipsec sa", "show crypto isakmp statistics"} {
				out, _ := q.try(line)
				t.Logf("%s at the %s:\n%s", line, q.site.name, out)
			}
		}
	})
	q.do(t, "debug crypto isakmp")
	q.do(t, "debug crypto ipsec")
}

func (q *qmidle) config(x suite) string {
	s, pfs := q.site, ""
	if x.pfs != 0 {
		pfs = fmt.Sprintf(" set pfs group%d\n", x.pfs)
	}
	dpd := ""
	if x.dpd {
		dpd = "crypto isakmp keepalive 10 2 periodic\n"
	}
	return dpd + fmt.Sprintf(`version %[1]s
hostname %[2]s
crypto isakmp policy 1
 encryption %[3]s
 hash %[4]s
 authentication pre-share
 group %[5]d
crypto isakmp key %[6]s address %[7]s
crypto ipsec transform-set TSET %[8]s
crypto map CMAP 10 ipsec-isakmp
 set peer %[7]s
 set transform-set TSET
%[9]s match address 101
interface FastEthernet0/0
 ip address %[10]s 255.255.255.0
 crypto map CMAP
interface FastEthernet0/1
 ip address %[11]s 255.255.255.0
ip route %[12]s 255.255.255.0 %[7]s
access-list 101 permit ip %[13]s 0.0.0.255 %[12]s 0.0.0.255
end
`, x.release, s.name, x.cipher, x.hash, x.group, presharedKey, s.remoteGateway, x.esp, pfs,
		s.outside, s.inside, s.remoteNet, s.network)
}

func (q *qmidle) try(line string) (string, error) {
	out, err := q.client(strings.Fields(line)...).CombinedOutput()
	return string(out), err
}

func (q *qmidle) client(args ...string) *exec.Cmd {
	cmd := exec.Command(q.path, append([]string{"-s", q.socket}, args...)...)
	cmd.Env = append(os.Environ(), raceOptions)
	return cmd
}

// do runs a command that must succeed.
func (q *qmidle) do(t *testing.T, line string) string {
	t.Helper()
	out, err := q.try(line)
	if err != nil {
		t.Fatalf("%s: %v\n%s", line, err, out)
	}
	return out
}

// ask runs a command and reads its result as JSON.
func (q *qmidle) ask(t *testing.T, line string, result any) {
	t.Helper()
	out, err := q.client(append([]string{"--json"}, strings.Fields(line)...)...).Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", line, err, out)
	}
	if err := json.Unmarshal(out, result); err != nil {
		t.Fatalf("%s: %v\n%s", line, err, out)
	}
}

// counters are the packets of the only line of the access list.
func (q *qmidle) counters(t *testing.T) (encaps, decaps, failed int) {
	t.Helper()
	var result struct {
		Interfaces []struct {
			Idents []struct {
				Counters struct {
					Encaps     int `json:"encaps_packets"`
					Decaps     int `json:"decaps_packets"`
					SendErrors int `json:"send_errors"`
					RecvErrors int `json:"recv_errors"`
				}
			}
		}
	}
	q.ask(t, "show crypto ipsec sa", &result)
	if len(result.Interfaces) != 1 || len(result.Interfaces[0].Idents) != 1 {
		t.Fatalf("show crypto ipsec sa: %+v, want one line of one interface", result)
	}
	c := result.Interfaces[0].Idents[0].Counters
	return c.Encaps, c.Decaps, c.SendErrors + c.RecvErrors
}

// waitSAs waits until so many ISAKMP SAs and pairs of IPsec SAs are up.
func (q *qmidle) waitSAs(t *testing.T, isakmp, ipsec int) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d ISAKMP and %d pairs of IPsec SAs at the %s", isakmp, ipsec, q.site.name), 15*time.Second, func() (bool, string) {
		sas, list := q.do(t, "show crypto isakmp sa"), q.do(t, "show crypto ipsec sa")
		return strings.Count(sas, "QM_IDLE") == isakmp && strings.Count(list, "outbound esp sas:\n      spi:") == ipsec, sas + list
	})
}

// debug is the debug text so far.
func (q *qmidle) debug(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(q.record)
	if err != nil {
		t.Errorf("debug text: %v", err)
	}
	return string(b)
}

// end stops the daemon, which deletes its SAs, and looks for what it may have
// left and for complaints of its own.
func (q *qmidle) end(t *testing.T) {
	t.Helper()
	if err := q.stop(t, syscall.SIGTERM); err != nil {
		t.Errorf("qmidle at the %s: %v\n%s", q.site.name, err, q.output)
	}
	for _, word := range []string{"panic", "DATA RACE"} {
		if strings.Contains(q.output.String(), word) {
			t.Errorf("%s at the %s:\n%s", word, q.site.name, q.output)
		}
	}
	for _, args := range [][]string{{"link"}, {"rule"}, {"route", "show", "table", "all"}} {
		out := command(t, "ip", append([]string{"-n", q.site.ns}, args...)...)
		if strings.Contains(out, "qmidle") || strings.Contains(out, " tun") || strings.Contains(out, q.site.remoteNet) {
			t.Errorf("qmidle at the %s leaves behind, in ip %s:\n%s", q.site.name, strings.Join(args, " "), out)
		}
	}
}
