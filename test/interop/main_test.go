//go:build interop

package interop

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
)

const charonPath = "/usr/lib/ipsec/charon"

var (
	update   = flag.Bool("update", false, "rewrite the golden files")
	binaries string // a directory
)

// init keeps the process's first thread for TestMain: a thread that has been in
// another namespace ends with its goroutine, and that one cannot.
func init() { runtime.LockOSThread() }

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if os.Getuid() != 0 {
		return refuse("these tests make network namespaces and need root")
	}
	for _, tool := range []string{"ip", "sysctl", "tcpdump", "nft", "conntrack", "swanctl", "tshark", "scepserver", "openssl", charonPath} {
		if _, err := exec.LookPath(tool); err != nil {
			return refuse("%s is not installed: `make test-packages` installs what the tests need", tool)
		}
	}
	if err := sweep(); err != nil {
		return refuse("leftovers of an earlier run: %v", err)
	}
	dir, err := tempDir()
	if err != nil {
		return refuse("%v", err)
	}
	defer os.RemoveAll(dir)
	binaries = dir
	for _, build := range []func() (string, error){qmidlePath, raceDetector} {
		if _, err := build(); err != nil {
			return refuse("%v", err)
		}
	}
	return m.Run()
}

func refuse(format string, args ...any) int {
	fmt.Fprintf(os.Stderr, "interop: "+format+"\n", args...)
	return 1
}

// qmidlePath is the daemon under test; raceDetector is the same with Go's race
// detector, which is too slow for bulk traffic.
var (
	qmidlePath   = sync.OnceValues(func() (string, error) { return build("qmidle") })
	raceDetector = sync.OnceValues(func() (string, error) { return build("qmidle-race", "-race") })
)

func build(name string, flags ...string) (string, error) {
	path := filepath.Join(binaries, name)
	args := append(append([]string{"build"}, flags...), "-o", path, "qmidle/cmd/qmidle")
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("go %v: %v\n%s", args, err, out)
	}
	return path, nil
}
