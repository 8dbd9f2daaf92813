//go:build kernel

package kernel

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var (
	kernelDir = flag.String("kernel", "../../bin/guest/kernel", "directory of an unpacked package of Debian's kernel")
	only      = flag.String("only", "", "regular expression of the guest's tests to run; all without it")
)

// bootLimit ends a machine that hangs.
const bootLimit = 15 * time.Minute

// TestKernel runs the guest's tests. Each is one of its own here.
func TestKernel(t *testing.T) { boot(t, "Kernel", nil) }

// boot runs the guest's tests whose names begin with one of the kinds; extra are
// files for its root, by their place there.
func boot(t *testing.T, kind string, extra map[string]string) {
	root := t.TempDir()
	image := fill(t, root, extra)
	pattern := "^Test" + kind
	if *only != "" {
		pattern = *only
	}
	ctx, cancel := context.WithTimeout(context.Background(), bootLimit)
	defer cancel()
	vm := exec.CommandContext(ctx, "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-M", "q35", "-accel", "tcg,thread=multi",
		"-cpu", emulated, "-smp", "2", "-m", "768", "-nographic", "-serial", "stdio", "-monitor", "none", "-no-reboot",
		"-kernel", image, "-initrd", pack(t, root), "-append", parameters+" tests="+pattern)
	console, err := vm.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	vm.Stderr = os.Stderr
	if err := vm.Start(); err != nil {
		t.Fatal(err)
	}
	log, passed, ended := follow(t, console)
	if err := vm.Wait(); err != nil {
		t.Errorf("qemu: %v", err)
	}
	if !ended || passed == 0 {
		t.Errorf("the guest did not come to its end; %d of its tests passed", passed)
	}
	if t.Failed() {
		t.Logf("the guest's console:\n%s", log)
	}
}

// What of a processor makes work for who emulates it, and is nothing for the tests, is left
// out: what guards the kernel's memory and its branches. The clock is the processor's, and
// need not be compared with another, which fails where the machine is busy. Programs are
// always at the same addresses, so that they are translated once and not for each process.
const (
	emulated   = "max,-smap,-smep,-la57,-pku"
	parameters = "console=ttyS0 quiet panic=-1 cryptomgr.notests mitigations=off nokaslr norandmaps init_on_alloc=0 tsc=reliable no_timer_check"
)

// follow reads the guest's console to its end.
func follow(t *testing.T, console io.Reader) (log string, passed int, ended bool) {
	var all strings.Builder
	lines := bufio.NewScanner(console)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := strings.TrimRight(lines.Text(), "\r")
		all.WriteString(line + "\n")
		switch name, after, _ := strings.Cut(strings.TrimPrefix(line, "--- "), ": "); {
		case strings.HasPrefix(line, "--- ") && name == "PASS":
			passed++
			t.Logf("%s", after)
		case strings.HasPrefix(line, "--- "):
			t.Errorf("%s", line)
		case line == "guest: the tests have ended with 0":
			ended = true
		}
	}
	return all.String(), passed, ended
}

// programs are this module's for the guest, static ones, by their place there.
var programs = map[string][]string{
	"qmidle": {"build", "-ldflags=-s -w", "-o", "", "qmidle/cmd/qmidle"},
	"tests":  {"test", "-c", "-ldflags=-s -w", "-tags=guest", "-o", "", "qmidle/test/kernel/guest"},
	"plane":  {"test", "-c", "-ldflags=-s -w", "-tags=guest", "-o", "", "qmidle/internal/dataplane"},
}

// tools are the machine's own programs that the guest gets with their libraries.
var tools = []string{"ip", "busybox", "nft", "conntrack"}

// fill makes the guest's root and returns the kernel's image.
func fill(t *testing.T, root string, extra map[string]string) (image string) {
	t.Helper()
	for _, d := range []string{"bin", "proc", "sys", "dev", "run/netns", "tmp", "etc", "var"} {
		must(t, os.MkdirAll(filepath.Join(root, d), 0o755))
	}
	for place, args := range programs {
		args = append([]string(nil), args...)
		for i := range args {
			if args[i] == "-o" {
				args[i+1] = filepath.Join(root, place)
			}
		}
		build := exec.Command("go", args...)
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	for _, name := range tools {
		program, err := exec.LookPath(name)
		must(t, err)
		install(t, root, "bin/"+name, program)
	}
	must(t, os.Symlink("../run", filepath.Join(root, "var/run")))
	must(t, os.Symlink("busybox", filepath.Join(root, "bin/sh")))
	for place, program := range extra {
		install(t, root, place, program)
	}
	must(t, os.WriteFile(filepath.Join(root, "init"), []byte(fmt.Sprintf(initScript, strings.Join(modules, " "))), 0o755))
	return addKernel(t, root)
}

// initScript loads all modules at once: the kernel asks for each by many names, and each
// time a process reads their list.
const initScript = `#!/bin/sh
export PATH=/bin HOME=/
busybox mount -t proc proc /proc; busybox mount -t sysfs sysfs /sys; busybox mount -t devtmpfs dev /dev; busybox mount -t tmpfs tmpfs /run
busybox mkdir -p /run/netns /dev/net
busybox modprobe -a %s || echo "guest: a module is missing"
echo > /proc/sys/kernel/modprobe
ip link set lo up
tests=$(busybox sed -n 's/.*tests=\([^ ]*\).*/\1/p' /proc/cmdline)
/plane -test.v -test.run "$tests" &
/tests -test.v -test.parallel 4 -test.run "$tests"
ended=$?
wait $! && echo "guest: the tests have ended with $ended"
busybox poweroff -f
`

// install copies a program and the libraries that it is linked with.
func install(t *testing.T, root, place, program string) {
	t.Helper()
	program, err := filepath.EvalSymlinks(program)
	must(t, err)
	copyFile(t, program, filepath.Join(root, place))
	out, err := exec.Command("ldd", program).Output()
	if err != nil {
		return // a static one
	}
	for _, word := range strings.Fields(string(out)) {
		if strings.HasPrefix(word, "/") {
			copyFile(t, word, filepath.Join(root, word))
		}
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	must(t, err)
	must(t, os.MkdirAll(filepath.Dir(to), 0o755))
	must(t, os.WriteFile(to, b, 0o755))
}

// pack makes an archive of the guest's root, for its kernel to unpack.
func pack(t *testing.T, root string) string {
	t.Helper()
	var names bytes.Buffer
	must(t, filepath.Walk(root, func(path string, _ os.FileInfo, err error) error {
		relative, _ := filepath.Rel(root, path)
		names.WriteString(relative + "\n")
		return err
	}))
	file := filepath.Join(t.TempDir(), "initrd")
	out, err := os.Create(file)
	must(t, err)
	cpio := exec.Command("cpio", "-o", "-H", "newc", "--quiet")
	cpio.Dir, cpio.Stdin, cpio.Stdout, cpio.Stderr = root, &names, out, os.Stderr
	must(t, cpio.Run())
	must(t, out.Close())
	return file
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
