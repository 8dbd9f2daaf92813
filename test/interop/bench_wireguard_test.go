//go:build interop && bench

package interop

import (
	"bufio"
	"crypto/ecdh"
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// wireguardTunnel has wireguard-go, of the module's version, at both ends.
func wireguardTunnel(t *testing.T) (*lab, *process, *process) {
	l := newWireLab(t)
	path := l.dir + "/wireguard-go"
	command(t, "go", "build", "-o", path, "golang.zx2c4.com/wireguard")
	hubKey, spokeKey := newWireguardKey(t), newWireguardKey(t)
	hub := startWireguard(t, l.hub, path, hubKey, spokeKey.PublicKey())
	spoke := startWireguard(t, l.spoke, path, spokeKey, hubKey.PublicKey())
	return l, hub, spoke
}

func newWireguardKey(t *testing.T) *ecdh.PrivateKey {
	t.Helper()
	key, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func startWireguard(t *testing.T, s *site, path string, own *ecdh.PrivateKey, peer *ecdh.PublicKey) *process {
	t.Helper()
	device := fmt.Sprintf("qmw%d%s", os.Getpid()%1e6, s.name)
	socket := "/var/run/wireguard/" + device + ".sock"
	t.Cleanup(func() { os.Remove(socket) })
	p := start(t, "wireguard-go at the "+s.name, s.ns, nil, path, "-f", device)
	eventually(t, "wireguard-go's socket", 10*time.Second, func() (bool, string) {
		_, err := os.Stat(socket)
		return err == nil || p.exited(), p.output.String()
	})
	configureWireguard(t, socket, fmt.Sprintf("set=1\nprivate_key=%x\nlisten_port=51820\npublic_key=%x\nendpoint=%s:51820\nallowed_ip=%s/24\n\n",
		own.Bytes(), peer.Bytes(), s.remoteGateway, s.remoteNet))
	command(t, "ip", "-n", s.ns, "link", "set", device, "up")
	command(t, "ip", "-n", s.ns, "route", "add", s.remoteNet+"/24", "dev", device)
	return p
}

func configureWireguard(t *testing.T, socket, text string) {
	t.Helper()
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	answer, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || strings.TrimSpace(answer) != "errno=0" {
		t.Fatalf("wireguard-go answers %q, %v", answer, err)
	}
}
