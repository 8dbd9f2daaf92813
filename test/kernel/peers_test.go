//go:build kernel

package kernel

import (
	"io/fs"
	"os/exec"
	"path/filepath"
	"testing"
)

// libraries are what the peers load by themselves.
var libraries = []string{"libsoftokn3.so", "libsoftokn3.chk", "libfreebl3.so", "libfreebl3.chk", "libfreeblpriv3.so", "libfreeblpriv3.chk", "libsqlite3.so.0", "libgcc_s.so.1"}

const (
	libraryDir   = "/usr/lib/x86_64-linux-gnu"
	libreswanDir = "../../bin/peers/libreswan/usr/libexec/ipsec"
)

// TestPeers has strongSwan and libreswan leave ESP to the guest's kernel too, has it serve
// vpnc, and does more than there is time for in `make test`.
func TestPeers(t *testing.T) {
	extra := map[string]string{}
	tree(t, extra, "/usr/lib/ipsec", "usr/lib/ipsec")
	tree(t, extra, libreswanDir, "usr/libexec/ipsec")
	for _, name := range libraries {
		extra[libraryDir[1:]+"/"+name] = filepath.Join(libraryDir, name)
	}
	for _, name := range []string{"swanctl", "vpnc"} {
		program, err := exec.LookPath(name)
		must(t, err)
		extra["bin/"+name] = program
	}
	nss := filepath.Join(t.TempDir(), "nss")
	must(t, exec.Command("mkdir", nss).Run())
	must(t, exec.Command("certutil", "-N", "-d", "sql:"+nss, "--empty-password").Run())
	tree(t, extra, nss, "etc/nss")
	boot(t, "(Peer|More)", extra)
}

// tree adds a directory's files.
func tree(t *testing.T, extra map[string]string, dir, place string) {
	t.Helper()
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			name, _ := filepath.Rel(dir, path)
			extra[filepath.Join(place, name)] = path
		}
		return err
	}))
}
