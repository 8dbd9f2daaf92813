//go:build interop && bench

package interop

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

var (
	handshakeGroups = flag.String("groups", "2,14,19", "Diffie-Hellman groups of the benchmark of handshakes")
	handshakeSizes  = flag.String("sizes", "2000,10000", "tunnels of each measurement")
	handshakeWindow = flag.Int("window", 64, "negotiations at a time")
	handshakeWho    = flag.String("responders", "qmidle,charon", "who answers")
	handshakePerf   = flag.String("perf", "", "file for perf's profile of the last responder")
)

// fieldAddresses are the sites', all at the lab's spoke, and fieldNetworks what is
// behind them.
const (
	fieldAddresses = "10.0.0.0/8"
	fieldNetworks  = "11.0.0.0/8"
)

// The cores of the responder and of the sites.
const (
	responderCore = "0"
	fieldCore     = "1"
)

// newField is a lab whose spoke is a crowd of sites.
func newField(t *testing.T) *lab {
	t.Helper()
	l := newWireLab(t)
	command(t, "ip", "-n", l.spoke.ns, "route", "add", "local", fieldAddresses, "dev", "lo")
	return l
}

// crowd is the process that plays the sites.
type crowd struct {
	cmd   *exec.Cmd
	input io.WriteCloser
	mu    sync.Mutex
	lines []standing
	ended chan struct{}
}

// standing is a line of what the crowd writes.
type standing struct {
	Time                                   float64
	Sites, Up, Underway                    int
	Established, Renewed, Failed, Lost     uint64
	Phase1, Retransmits, DPDSent, DPDHeard uint64
	Dropped                                uint64
	Sent, Answered, Twice, Strange         uint64
	Refused                                map[string]uint64
}

var spokesPath = sync.OnceValues(func() (string, error) {
	path := filepath.Join(binaries, "spokes")
	out, err := exec.Command("go", "build", "-o", path, "qmidle/test/load/spokes").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %v\n%s", err, out)
	}
	return path, nil
})

func startCrowd(t *testing.T, l *lab, args ...string) *crowd {
	t.Helper()
	path, err := spokesPath()
	if err != nil {
		t.Fatal(err)
	}
	c := &crowd{ended: make(chan struct{})}
	c.cmd = exec.Command("ip", append([]string{"netns", "exec", l.spoke.ns, "taskset", "-c", fieldCore, path, "-key", presharedKey}, args...)...)
	c.cmd.Stderr = os.Stderr
	if c.input, err = c.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := c.cmd.StdoutPipe()
	if err == nil {
		err = c.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	go c.read(out)
	t.Cleanup(c.end)
	return c
}

func (c *crowd) read(out io.Reader) {
	defer close(c.ended)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var s standing
		if json.Unmarshal(lines.Bytes(), &s) == nil {
			c.mu.Lock()
			c.lines = append(c.lines, s)
			c.mu.Unlock()
		}
	}
}

// end has the sites delete their tunnels.
func (c *crowd) end() {
	c.input.Close()
	<-c.ended
	c.cmd.Wait()
}

func (c *crowd) all() []standing {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]standing(nil), c.lines...)
}

func (c *crowd) last() standing {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.lines) > 0 {
		return c.lines[len(c.lines)-1]
	}
	return standing{}
}

// waitUp waits until so many sites have a tunnel.
func (c *crowd) waitUp(t *testing.T, n int, limit time.Duration) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d tunnels", n), limit, func() (bool, string) {
		s := c.last()
		return s.Up >= n, fmt.Sprintf("%+v", s)
	})
}

// rate is the tunnels a second between the first tenth of them and the last.
func (c *crowd) rate() float64 {
	var first, last standing
	for _, s := range c.all() {
		if first.Time == 0 && s.Up >= s.Sites/10 {
			first = s
		}
		if last.Time == 0 && s.Up >= s.Sites*9/10 {
			last = s
		}
	}
	if last.Time <= first.Time {
		return 0
	}
	return float64(last.Up-first.Up) / (last.Time - first.Time)
}

// responder is a gateway that answers the crowd, on a core of its own.
type responder struct {
	name  string
	start func(t *testing.T, l *lab, group value) *process
}

var responders = []responder{{"qmidle", pinnedQmidle}, {"charon", pinnedCharon}}

// pinned are the words before a program that has one core.
func pinned(args ...string) []string {
	return append([]string{"taskset", "-c", responderCore}, args...)
}

func pinnedQmidle(t *testing.T, l *lab, group value) *process {
	return pinnedGateway(t, l, func(q *qmidle) string { return q.fieldConfig(group) }).process
}

// pinnedGateway runs the daemon without debugging.
func pinnedGateway(t *testing.T, l *lab, config func(*qmidle) string) *qmidle {
	t.Helper()
	path, err := qmidlePath()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp(l.dir, "q")
	if err != nil {
		t.Fatal(err)
	}
	q := &qmidle{site: l.hub, path: path, dir: dir}
	q.socket, q.record = filepath.Join(q.dir, "sock"), filepath.Join(q.dir, "debug.log")
	q.write(t, config(q))
	q.serve(t)
	return q
}

// serve starts the daemon with the configuration that it has, on its core.
func (q *qmidle) serve(t *testing.T) {
	t.Helper()
	q.serveBy(t, pinned()...)
}

// serveBy starts it with words before it.
func (q *qmidle) serveBy(t *testing.T, words ...string) {
	t.Helper()
	q.process = start(t, "qmidle at the "+q.site.name, q.site.ns, nil, append(words, q.path, "run", "-c", q.file(), "-s", q.socket,
		"--log", q.record, "--state", filepath.Join(q.dir, "state"))...)
	eventually(t, "the daemon's command line", 30*time.Second, func() (bool, string) {
		out, err := q.try("show version")
		return err == nil || q.exited(), out
	})
	if q.exited() {
		t.Fatalf("qmidle ended at once:\n%s", q.output)
	}
}

// fieldConfig answers the sites by one dynamic entry.
func (q *qmidle) fieldConfig(group value) string {
	x := usual
	x.group = group
	return strings.Replace(q.dynamicConfig(x), " reverse-route\n", "", 1)
}

// pinnedCharon is charon as a busy responder would be set up: no log, tables for many
// SAs, no bound on what one address may begin.
func pinnedCharon(t *testing.T, l *lab, group value) *process {
	t.Helper()
	dir, err := os.MkdirTemp(l.dir, "c")
	if err != nil {
		t.Fatal(err)
	}
	c := &charon{site: l.hub, dir: dir}
	run := filepath.Join(c.dir, "run")
	if err := os.MkdirAll(run, 0o755); err != nil {
		t.Fatal(err)
	}
	c.write(t, "strongswan.conf", fmt.Sprintf(`charon {
  load = %s
  dos_protection = no
  ikesa_table_size = 16384
  ikesa_table_segments = 16
  filelog {
    file {
      path = %s/charon.log
      default = -1
    }
  }
}
`, charonModules, c.dir))
	c.process = start(t, "charon at the hub", l.hub.ns, []string{"STRONGSWAN_CONF=" + filepath.Join(c.dir, "strongswan.conf")},
		pinned("sh", "-c", "mount --bind "+run+" /run && exec "+charonPath)...)
	eventually(t, "charon's answer", 10*time.Second, func() (bool, string) {
		out, err := c.trySwanctl("--version", "--daemon")
		return err == nil || c.exited(), out
	})
	c.loadText(t, fmt.Sprintf(`connections {
  sites {
    version = 1
    local_addrs  = %s
    remote_addrs = %%any
    proposals = %s
    unique = never
    local {
      auth = psk
    }
    remote {
      auth = psk
    }
    children {
      net {
        local_ts  = %s/24
        remote_ts = %s
        esp_proposals = aes128-sha1
      }
    }
  }
}
secrets {
  ike-1 {
    secret = "%s"
  }
}
`, l.hub.outside, proposal(usual.cipher, usual.hash, group), l.hub.network, fieldNetworks, presharedKey))
	return c.process
}

// handshakes is one measurement.
type handshakes struct {
	rate    float64 // tunnels a second
	cpu     float64 // the responder's seconds for all tunnels
	tunnels int
	before  float64 // MB of resident memory without a tunnel
	rss     float64 // and with all
}

func (h handshakes) perTunnel() float64 { return h.cpu / float64(h.tunnels) }

// TestBenchHandshakes measures how many tunnels a core establishes.
func TestBenchHandshakes(t *testing.T) {
	var rows []*handshakeRow
	for _, size := range numbers(t, *handshakeSizes) {
		for _, group := range numbers(t, *handshakeGroups) {
			rows = append(rows, &handshakeRow{group: group, tunnels: size, results: make(map[string][]handshakes)})
		}
	}
	for round := range *benchRounds {
		for _, row := range rows {
			for _, r := range responders {
				if strings.Contains(*handshakeWho, r.name) {
					h := measureHandshakes(t, r, row.group, row.tunnels)
					row.results[r.name] = append(row.results[r.name], h)
					t.Logf("round %d, %s, group %d: %+v, %.3f ms a tunnel", round+1, r.name, row.group, h, 1000*h.perTunnel())
				}
			}
		}
	}
	fmt.Print(reportHandshakes(rows))
}

func numbers(t *testing.T, list string) (all []int) {
	t.Helper()
	for word := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(word)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, n)
	}
	return all
}

func measureHandshakes(t *testing.T, r responder, group, tunnels int) (h handshakes) {
	t.Run(fmt.Sprintf("%s group %d %d", r.name, group, tunnels), func(t *testing.T) {
		l := newField(t)
		p := r.start(t, l, groupNumbered(t, group))
		h = handshakes{tunnels: tunnels, before: residentMB(t, p)}
		before := processorTime(t, p)
		endProfile := profile(t, p)
		c := startCrowd(t, l, "-sites", strconv.Itoa(tunnels), "-group", strconv.Itoa(group), "-window", strconv.Itoa(*handshakeWindow), "-retransmit", "5s")
		c.waitUp(t, tunnels, 10*time.Minute)
		h.cpu, h.rate, h.rss = processorTime(t, p)-before, c.rate(), residentMB(t, p)
		endProfile()
		if s := c.last(); s.Failed+s.Lost > 0 {
			t.Errorf("tunnels failed or were lost: %+v", s)
		}
		p.stop(t, syscall.SIGKILL)
	})
	return h
}

// profile has perf write what a process does, where the flag asks for it.
func profile(t *testing.T, p *process) (end func()) {
	t.Helper()
	if *handshakePerf == "" {
		return func() {}
	}
	perf := exec.Command("perf", "record", "-q", "-g", "-e", "cpu-clock", "-F", "499", "-p", strconv.Itoa(p.cmd.Process.Pid), "-o", *handshakePerf)
	if err := perf.Start(); err != nil {
		t.Fatal(err)
	}
	return func() {
		perf.Process.Signal(syscall.SIGINT)
		perf.Wait()
	}
}

func groupNumbered(t *testing.T, n int) value {
	t.Helper()
	for _, g := range groups {
		if g.ios == strconv.Itoa(n) {
			return g
		}
	}
	t.Fatalf("no group %d", n)
	return value{}
}

// residentMB is a process's resident memory, in 10^6 octets.
func residentMB(t *testing.T, p *process) float64 {
	t.Helper()
	return statusMB(t, p, "VmRSS")
}

func statusMB(t *testing.T, p *process, name string) float64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), name+":")
	kb, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
	if err != nil {
		t.Fatal(err)
	}
	return kb * 1024 / 1e6
}
