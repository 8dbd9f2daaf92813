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

	"qmidle/test/leak"
)

// qmidle is the daemon under test at a site.
type qmidle struct {
	*process
	site           *site
	path, dir      string
	socket, record string
	mark           int // octets of the debug text that are of no interest any more
}

// raceOptions spare every process the race detector's second of sleep at its end.
const raceOptions = "GORACE=halt_on_error=1 atexit_sleep_ms=0"

func startQmidle(t *testing.T, l *lab, s *site, x setup, binary func() (string, error)) *qmidle {
	t.Helper()
	q := newQmidle(t, l, s, binary)
	q.run(t, q.config(x))
	return q
}

func newQmidle(t *testing.T, l *lab, s *site, binary func() (string, error)) *qmidle {
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
	return q
}

// run starts the daemon; its log begins anew.
func (q *qmidle) run(t *testing.T, text string) {
	t.Helper()
	q.mark = 0
	q.write(t, text)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("debug text at the %s:\n%s", q.site.name, q.debug(t))
		}
	})
	t.Cleanup(func() { // when the daemon is gone
		logged, err := os.ReadFile(q.record)
		if err != nil {
			t.Error(err)
		}
		for _, found := range leak.Find(q.output.String()+string(logged), leak.Keys(text)) {
			t.Errorf("qmidle at the %s: %s", q.site.name, found)
		}
	})
	q.process = start(t, "qmidle at the "+q.site.name, q.site.ns, []string{raceOptions},
		q.path, "run", "-c", q.file(), "-s", q.socket, "--log", q.record, "--state", filepath.Join(q.dir, "state"))
	eventually(t, "the daemon's command line", 15*time.Second, func() (bool, string) {
		out, err := q.try("show version")
		return err == nil || q.exited(), out
	})
	if q.exited() {
		t.Fatalf("qmidle ended at once:\n%s", q.output)
	}
	t.Cleanup(func() { // before the daemon is killed
		if t.Failed() && !q.exited() {
			for _, line := range []string{"show crypto isakmp sa", "show crypto ipsec sa", "show crypto isakmp statistics", "show crypto engine connections active"} {
				out, _ := q.try(line)
				t.Logf("%s at the %s:\n%s", line, q.site.name, out)
			}
		}
	})
	q.do(t, "debug crypto isakmp")
	q.do(t, "debug crypto ipsec")
}

// load changes the configuration of the running daemon.
func (q *qmidle) load(t *testing.T, x setup) {
	t.Helper()
	q.write(t, q.config(x))
	q.do(t, "reload")
}

func (q *qmidle) file() string { return filepath.Join(q.dir, "qmidle.cfg") }

func (q *qmidle) write(t *testing.T, text string) {
	t.Helper()
	if err := os.WriteFile(q.file(), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (q *qmidle) config(x setup) string {
	s, pfs := q.site, ""
	if x.pfs.ios != "" {
		pfs = " set pfs group" + x.pfs.ios + "\n"
	}
	key := x.key
	if key == "" {
		key = presharedKey
	}
	mode, local, remote := "", s.network+" 0.0.0.255", s.remoteNet+" 0.0.0.255"
	if x.transport {
		mode, local, remote = " mode transport\n", "host "+s.outside, "host "+s.remoteGateway
	}
	return x.ios + fmt.Sprintf(`version %[1]s
hostname %[2]s
crypto isakmp policy 1
 encryption %[3]s
 hash %[4]s
 authentication pre-share
 group %[5]s
crypto isakmp key %[6]s address %[7]s
crypto ipsec transform-set TSET %[8]s
%[14]scrypto map CMAP 10 ipsec-isakmp
 set peer %[7]s
 set transform-set TSET
%[9]s match address 101
interface FastEthernet0/0
 ip address %[10]s 255.255.255.0
 crypto map CMAP
interface FastEthernet0/1
 ip address %[11]s 255.255.255.0
ip route %[12]s 255.255.255.0 %[16]s
access-list 101 permit ip %[13]s %[15]s
end
`, x.release.ios, s.name, x.cipher.ios, x.hash.ios, x.group.ios, key, s.remoteGateway, x.esp(), pfs,
		s.outside, s.inside, s.remoteNet, local, mode, remote, s.nextHop)
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

// ident is the traffic of a line of the access list, and its SAs.
type ident struct {
	Peer     string `json:"current_peer"`
	PeerPort int    `json:"peer_port"`
	Counters struct {
		Encaps     int `json:"encaps_packets"`
		Decaps     int `json:"decaps_packets"`
		SendErrors int `json:"send_errors"`
		RecvErrors int `json:"recv_errors"`
	}
	Inbound  []espSA `json:"inbound_esp_sas"`
	Outbound []espSA `json:"outbound_esp_sas"`
}

type espSA struct {
	SPI       uint32
	Transform string
	Mode      string
	PFSGroup  int `json:"pfs_group"`
}

// ident is that of the only line of the access list.
func (q *qmidle) ident(t *testing.T) ident {
	t.Helper()
	var result struct {
		Interfaces []struct{ Idents []ident }
	}
	q.ask(t, "show crypto ipsec sa", &result)
	if len(result.Interfaces) != 1 || len(result.Interfaces[0].Idents) != 1 {
		t.Fatalf("show crypto ipsec sa: %+v, want one line of one interface", result)
	}
	return result.Interfaces[0].Idents[0]
}

// counters are the packets of the only line of the access list.
func (q *qmidle) counters(t *testing.T) (encaps, decaps, failed int) {
	t.Helper()
	c := q.ident(t).Counters
	return c.Encaps, c.Decaps, c.SendErrors + c.RecvErrors
}

// espSAs are the IPsec SAs, inbound and outbound.
func (q *qmidle) espSAs(t *testing.T) []espSA {
	t.Helper()
	i := q.ident(t)
	return append(i.Inbound, i.Outbound...)
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
	return string(b[min(q.mark, len(b)):])
}

// forget leaves out the debug text so far.
func (q *qmidle) forget(t *testing.T) { q.mark += len(q.debug(t)) }

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
