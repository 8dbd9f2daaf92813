//go:build integration

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// smallDisk mounts a file system of a megabyte.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	sh(t, "mount -t tmpfs -o size=1m,mode=700 qgw-disk "+dir)
	t.Cleanup(func() { exec.Command("umount", "-l", dir).Run() })
	return dir
}

// fill leaves no room on a file system, and returns how to make it again.
func fill(t *testing.T, dir string) (empty func()) {
	t.Helper()
	file := filepath.Join(dir, "full")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	if !strings.Contains(err.Error(), "no space left") {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(file); err != nil {
			t.Error(err)
		}
	}
}

// accessServer makes the example's hub a server of Easy VPN.
func accessServer(t *testing.T) string {
	return adapt(t, "hub", "hostname hub\n", "hostname hub\naaa new-model\naaa authentication login USERS local\naaa authorization network GROUPS local\nusername alice password 0 alice-password\n",
		" group 1\n", " group 2\n",
		"crypto map SITES 10 ipsec-isakmp\n set peer 192.1.1.42\n set transform-set AES-SHA\n match address 101\n", `crypto isakmp client configuration group clients
 key group-secret-7
 pool POOL
 acl 101
crypto dynamic-map CLIENTS 10
 set transform-set AES-SHA
 reverse-route
crypto map SITES client authentication list USERS
crypto map SITES isakmp authorization list GROUPS
crypto map SITES client configuration address respond
crypto map SITES 10 ipsec-isakmp dynamic CLIENTS
ip local pool POOL 10.55.0.10 10.55.0.20
`, "ip route 192.168.3.0 255.255.255.0 192.1.1.42\n", "", "192.168.2.0 0.0.0.255 192.168.3.0 0.0.0.255", "192.168.2.0 0.0.0.255 any")
}

// accessClient makes its spoke a client.
func accessClient(t *testing.T) string {
	return adapt(t, "spoke", "hostname spoke\n", `hostname spoke
crypto ipsec client ezvpn OFFICE
 connect auto
 group clients key group-secret-7
 mode client
 peer 192.1.1.40
 username alice password alice-password
 xauth userid mode local
`, "crypto map SITES 10 ipsec-isakmp\n set peer 192.1.1.40\n set transform-set AES-SHA\n match address 101\n", "",
		" crypto map SITES\n", " crypto ipsec client ezvpn OFFICE\n",
		" ip address 192.168.3.1 255.255.255.0\n", " ip address 192.168.3.1 255.255.255.0\n crypto ipsec client ezvpn OFFICE inside\n",
		"ip route 192.168.2.0 255.255.255.0 192.1.1.40\n", "")
}

// A full disk under state, log and configuration: the gateway begins, clients come
// in and packets pass. Each thing that is not kept is said, and kept when there is
// room: it outlives kill -9 then.
func TestFullDisk(t *testing.T) {
	binary := network(t)
	disk := smallDisk(t)
	file := filepath.Join(disk, "hub.cfg")
	sh(t, "cp "+accessServer(t)+" "+file)
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	empty := fill(t, disk)
	state := filepath.Join(disk, "state")
	hub := serveFile(t, binary, "hub", file, "--state", state)
	if want := "warning: the addresses of clients are not kept over a restart until " + state + " can be written: no space left on device\n"; !strings.Contains(hub.out.String(), want) {
		t.Errorf("it begins with\n%s\nwithout %s", &hub.out, want)
	}
	client := serveFile(t, binary, "spoke", accessClient(t))
	eventually(t, "a client", func() bool { return strings.Contains(pingHost(t, "ls", "-c 1 -W 1 192.168.2.10"), " 1 received") })
	eventually(t, "the messages", func() bool {
		log := hub.logged(t)
		return strings.Contains(log, "qmidle: the addresses of clients are not kept until they can be written: no space left on device\n") &&
			strings.Contains(log, "qmidle: the counters are not kept over a restart: no space left on device\n")
	})
	if out := hub.ask(t, 1, "write", "memory"); !strings.Contains(out, "no space left on device") {
		t.Errorf("write memory:\n%s", out)
	}
	if after, err := os.ReadFile(file); err != nil || string(after) != string(before) {
		t.Errorf("the configuration is not what it was: %v\n%s", err, after)
	}

	empty()
	eventually(t, "the leases", func() bool {
		info, err := os.Stat(filepath.Join(state, "leases.db"))
		return err == nil && info.Size() > 0
	})
	hub.ask(t, 0, "write", "memory")
	hub.end(t, syscall.SIGKILL)
	client.end(t, syscall.SIGKILL)
	widenPool(t, file)
	again := hub.again(t)
	if strings.Contains(again.out.String(), "warning: the addresses") {
		t.Errorf("with room it begins with\n%s", &again.out)
	}
	client.again(t)
	hasItsAddressAgain(t, again)
	if err := again.end(t, syscall.SIGTERM); err != nil {
		t.Error(err)
	}
}

// widenPool gives the pool lower addresses, one of which a client would have that
// had none before.
func widenPool(t *testing.T, file string) {
	t.Helper()
	sh(t, "sed -i 's/ 10.55.0.10 10.55.0.20/ 10.55.0.5 10.55.0.20/' "+file)
}

// hasItsAddressAgain waits for the client, which must have the address that it had.
func hasItsAddressAgain(t *testing.T, hub *gatewayProcess) {
	t.Helper()
	eventually(t, "the client again", func() bool { return strings.Contains(pingHost(t, "ls", "-c 1 -W 1 192.168.2.10"), " 1 received") })
	_, used, _ := strings.Cut(hub.ask(t, 0, "show", "ip", "local", "pool", "POOL"), "Inuse addresses:")
	if !strings.Contains(used, "10.55.0.10") {
		t.Errorf("the client has another address than before:\n%s", used)
	}
}

// A disk that has become read-only under the state: what it has is read, what comes
// is not kept, and both are said. Tunnels come up.
func TestReadOnlyDisk(t *testing.T) {
	binary := network(t)
	disk := smallDisk(t)
	state := filepath.Join(disk, "state")
	file, branch := accessServer(t), accessClient(t)
	hub := serveFile(t, binary, "hub", file, "--state", state)
	client := serveFile(t, binary, "spoke", branch)
	eventually(t, "a client", func() bool { return strings.Contains(pingHost(t, "ls", "-c 1 -W 1 192.168.2.10"), " 1 received") })
	eventually(t, "the leases", func() bool {
		info, err := os.Stat(filepath.Join(state, "leases.db"))
		return err == nil && info.Size() > 0
	})
	hub.end(t, syscall.SIGKILL)
	client.end(t, syscall.SIGKILL)
	sh(t, "mount -o remount,ro "+disk)
	widenPool(t, file)
	hub = hub.again(t)
	for _, want := range []string{
		"warning: the addresses of clients are not kept over a restart until " + state + " can be written: read-only file system\n",
		"warning: the counters are not kept over a restart: read-only file system\n",
	} {
		if !strings.Contains(hub.out.String(), want) {
			t.Errorf("it begins with\n%s\nwithout %s", &hub.out, want)
		}
	}
	client = client.again(t)
	hasItsAddressAgain(t, hub)
	eventually(t, "the message", func() bool {
		return strings.Contains(hub.logged(t), "qmidle: the addresses of clients are not kept until they can be written: read-only file system\n")
	})
	client.end(t, syscall.SIGTERM)
	if err := hub.end(t, syscall.SIGTERM); err == nil || !strings.Contains(hub.out.String(), "qmidle: the addresses of clients are not kept: read-only file system\n") {
		t.Errorf("it ends with %v\n%s", err, &hub.out)
	}
}
