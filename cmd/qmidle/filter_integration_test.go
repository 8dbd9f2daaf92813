//go:build integration && amd64

package main

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// underFilter makes the test's program one that puts itself under the system calls
// that it names, gives up capabilities as the unit says, and becomes its arguments.
const underFilter = "QMIDLE_UNDER_FILTER"

func init() {
	if names := os.Getenv(underFilter); names != "" {
		fmt.Fprintln(os.Stderr, becomeFiltered(strings.Fields(names)))
		os.Exit(1)
	}
}

func becomeFiltered(numbers []string) error {
	os.Unsetenv(underFilter)
	runtime.LockOSThread()
	for _, c := range spare() {
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); err != nil {
			return err
		}
	}
	if err := keepOnly(); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	program := []unix.SockFilter{{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS}} // the call's number
	for _, text := range numbers {
		n, err := strconv.Atoi(text)
		if err != nil {
			return err
		}
		program = append(program, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: uint32(n), Jf: 1},
			unix.SockFilter{Code: unix.BPF_RET, K: unix.SECCOMP_RET_ALLOW})
	}
	program = append(program, unix.SockFilter{Code: unix.BPF_RET, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)})
	prog := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	if err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&prog)), 0, 0); err != nil {
		return err
	}
	return syscall.Exec(os.Args[1], os.Args[1:], os.Environ())
}

// allowed are the numbers of the system calls that the unit's filter lets through.
func allowed(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(unitFile)
	if err != nil {
		t.Fatal(err)
	}
	names := make(map[string]bool)
	for _, line := range regexp.MustCompile(`(?m)^SystemCallFilter=(~?)(.*)$`).FindAllStringSubmatch(string(text), -1) {
		for _, set := range strings.Fields(line[2]) {
			for name := range callsOf(t, set) {
				names[name] = line[1] == ""
			}
		}
	}
	header, err := os.ReadFile("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")
	if err != nil {
		t.Fatal(err)
	}
	var numbers []string
	for _, x := range regexp.MustCompile(`(?m)^#define __NR_(\w+)\s+(\d+)$`).FindAllStringSubmatch(string(header), -1) {
		if names[x[1]] {
			numbers = append(numbers, x[2])
		}
	}
	if len(numbers) < 200 || names["reboot"] || names["mount"] || names["chown"] {
		t.Fatalf("%d calls are allowed; reboot %t, mount %t, chown %t", len(numbers), names["reboot"], names["mount"], names["chown"])
	}
	return strings.Join(numbers, " ")
}

// callsOf are the system calls of one of systemd's sets.
func callsOf(t *testing.T, set string) map[string]bool {
	t.Helper()
	out, err := exec.Command("systemd-analyze", "syscall-filter", set).Output()
	if err != nil {
		t.Fatalf("systemd-analyze syscall-filter %s: %v", set, err)
	}
	calls := make(map[string]bool)
	for _, name := range strings.Fields(regexp.MustCompile(`(?m)^\s*#.*$`).ReplaceAllString(string(out), "")) {
		switch {
		case name == set:
		case strings.HasPrefix(name, "@"):
			for call := range callsOf(t, name) {
				calls[call] = true
			}
		default:
			calls[name] = true
		}
	}
	return calls
}

// Under the filter of system calls and with the capabilities of the unit, the daemon
// does all that it has to: devices, routes, rules, sockets, keys, state, a restart of
// its device, commands, and an orderly end.
func TestDaemonWorksUnderTheUnitsFilter(t *testing.T) {
	binary := network(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	before := kernelState(t, "hub")
	file := accessServer(t)
	hub := &gatewayProcess{binary: binary, ns: "hub"}
	hub.socket, hub.log = t.TempDir()+"/s", t.TempDir()+"/log"
	hub.args = []string{"env", underFilter + "=" + allowed(t), self, binary, "run", "-c", file, "-s", hub.socket, "--log", hub.log, "--state", t.TempDir()}
	hub = hub.again(t)
	if status, err := os.ReadFile("/proc/" + strconv.Itoa(hub.cmd.Process.Pid) + "/status"); err != nil || !strings.Contains(string(status), "Seccomp:\t2\n") {
		t.Fatalf("it is under no filter: %v\n%s", err, status)
	}
	client := serveFile(t, binary, "spoke", accessClient(t))
	through := func() bool { return strings.Contains(pingHost(t, "ls", "-c 1 -W 1 192.168.2.10"), " 1 received") }
	eventually(t, "a client", through)
	sh(t, "ip -n qgw-hub link del "+tunDevice(t, "hub"))
	eventually(t, "the device", through)
	sh(t, "ip -n qgw-hub addr add 192.1.1.99/32 dev wan0")
	hub.ask(t, 0, "write", "memory")
	hub.ask(t, 0, "reload")
	if out := hub.ask(t, 0, "ping", "192.168.2.10"); !strings.Contains(out, "!!!!!") {
		t.Errorf("ping:\n%s", out)
	}
	eventually(t, "leases", func() bool {
		info, err := os.Stat(hub.state() + "/leases.db")
		return err == nil && info.Size() > 0
	})
	if log := hub.logged(t); strings.Contains(log, "not permitted") {
		t.Errorf("the log:\n%s", log)
	}
	if err := hub.end(t, syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	client.end(t, syscall.SIGTERM)
	sh(t, "ip -n qgw-hub addr del 192.1.1.99/32 dev wan0")
	if after := kernelState(t, "hub"); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
}
