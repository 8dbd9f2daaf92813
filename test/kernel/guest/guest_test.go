//go:build guest

package guest

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"qmidle/test/printed"
)

// daemon is a process in a namespace.
type daemon struct {
	name, dir, socket string
	cmd               *exec.Cmd
	out               *printed.Output
	ended             chan error
	gone              bool
}

func (l *lab) launch(t *testing.T, name, role string, args ...string) *daemon {
	t.Helper()
	d := &daemon{name: name, out: &printed.Output{}, ended: make(chan error, 1)}
	d.cmd = exec.Command(args[0], args[1:]...)
	d.cmd.Stdout, d.cmd.Stderr = d.out, d.out
	if err := l.within(role, d.cmd.Start); err != nil {
		t.Fatal(err)
	}
	go func() { d.ended <- d.cmd.Wait() }()
	t.Cleanup(func() {
		if !d.gone {
			d.cmd.Process.Kill()
			<-d.ended
		}
		if t.Failed() {
			t.Logf("%s printed:\n%s", name, d.out)
		}
	})
	return d
}

// gateway begins qmidle in the namespace of its name and waits until it is ready.
func (l *lab) gateway(t *testing.T, name, config string) *daemon {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "config")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "run", "control")
	d := l.launch(t, name, name, "/qmidle", "run", "-c", file, "-s", socket, "--state", filepath.Join(dir, "state"))
	d.dir, d.socket = dir, socket
	eventually(t, name+" is ready", func() bool {
		select {
		case err := <-d.ended:
			d.gone = true
			t.Fatalf("%s has ended: %v", name, err)
		default:
		}
		return strings.Contains(d.out.String(), "is ready")
	})
	return d
}

// ask gives a command by the daemon's socket, as `qmidle` does, which would be a process.
func (d *daemon) ask(t *testing.T, command string) string {
	t.Helper()
	conn, err := net.DialTimeout("unix", d.socket, patience)
	if err != nil {
		t.Fatalf("%s: %v", d.name, err)
	}
	defer conn.Close()
	var answer struct {
		OK            bool
		Output, Error string
	}
	err = json.NewEncoder(conn).Encode(map[string]string{"line": command})
	if err == nil {
		err = json.NewDecoder(conn).Decode(&answer)
	}
	if err != nil || !answer.OK {
		t.Fatalf("%s: %s: %v %+v", d.name, command, err, answer)
	}
	return answer.Output
}

// end stops the process by a signal.
func (d *daemon) end(t *testing.T, signal syscall.Signal) {
	t.Helper()
	d.cmd.Process.Signal(signal)
	select {
	case <-d.ended:
		d.gone = true
	case <-time.After(patience):
		t.Fatalf("%s does not end by %v", d.name, signal)
	}
}

// states and policies are what the kernel has in a namespace.
func (l *lab) states(t *testing.T, role string) string {
	return l.show(t, role, "-s", "xfrm", "state")
}

func (l *lab) policies(t *testing.T, role string) string { return l.show(t, role, "xfrm", "policy") }

// show is what ip prints.
func (l *lab) show(t *testing.T, role string, args ...string) string {
	t.Helper()
	args = append([]string{"-n", l.ns(role)}, args...)
	out, err := exec.Command("ip", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("ip %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// config is that of one of the two gateways; more stands at its top, set in the crypto
// map.
func config(name, more, set string) string {
	local, remote, lan, far := "192.1.1.40", "192.1.1.42", "192.168.2", "192.168.3"
	switch name {
	case "spoke":
		local, remote, lan, far = remote, local, far, lan
	case "inside": // the spoke behind a NAT
		name, local, remote, lan, far = "spoke", "10.0.0.2", local, far, lan
	}
	return fmt.Sprintf(`hostname %[1]s
%[6]s
crypto isakmp policy 1
 encr aes
 authentication pre-share
 group 19
crypto isakmp key guest-key address %[3]s
crypto ipsec transform-set T esp-aes esp-sha-hmac
crypto map M 10 ipsec-isakmp
 set peer %[3]s
 set transform-set T
 match address 101
%[7]s
interface Ethernet0/0
 ip address %[2]s 255.255.255.0
 crypto map M
interface Ethernet0/1
 ip address %[4]s.1 255.255.255.0
ip route %[5]s.0 255.255.255.0 %[3]s
access-list 101 permit ip %[4]s.0 0.0.0.255 %[5]s.0 0.0.0.255
end
`, name, local, remote, lan, far, more, set)
}
