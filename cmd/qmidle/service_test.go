package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const unitFile = "../../packaging/qmidle.service"

// unit reads the settings of a unit file.
func unit(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(unitFile)
	if err != nil {
		t.Fatal(err)
	}
	settings := make(map[string]string)
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(key, "#") {
			settings[key] = value
		}
	}
	return settings
}

func TestServiceRunsTheDaemonWithWhatItNeedsAndNoMore(t *testing.T) {
	settings := unit(t)
	for key, want := range map[string]string{
		"Type": "notify", "ExecReload": "/bin/kill -HUP $MAINPID", "NoNewPrivileges": "yes", "ProtectSystem": "strict",
		"CapabilityBoundingSet": "CAP_NET_ADMIN CAP_NET_RAW CAP_NET_BIND_SERVICE", "RuntimeDirectory": "qmidle",
		"DeviceAllow": "/dev/net/tun rw", "ReadWritePaths": "/etc/qmidle",
	} {
		if settings[key] != want {
			t.Errorf("%s=%s, want %s", key, settings[key], want)
		}
	}
	words := strings.Fields(settings["ExecStart"])
	if len(words) < 2 || words[1] != "run" {
		t.Fatalf("ExecStart=%s", settings["ExecStart"])
	}
	o, err := parseRun(words[2:])
	if err != nil || o.log != "syslog" || filepath.Dir(o.file) != settings["ReadWritePaths"] {
		t.Errorf("the daemon's flags are %+v, %v", o, err)
	}
	if _, ok := settings["ProtectKernelTunables"]; ok {
		t.Error("ProtectKernelTunables keeps the daemon from its device's settings")
	}
}

// Where systemd is, it judges the unit; else what its documentation says of
// settings has to do, as above.
func TestSystemdTakesTheUnit(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Log("no systemd-analyze here")
		return
	}
	text, err := os.ReadFile(unitFile)
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "qmidle.service")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(string(text), "/usr/local/sbin/qmidle", program)), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(analyze, "verify", "--man=no", file).CombinedOutput()
	if err != nil || strings.Contains(string(out), "qmidle.service") {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
	// The scale ends at 10, the worst, which this one gives in tenths.
	if out, err := exec.Command(analyze, "security", "--offline=true", "--threshold=25", file).CombinedOutput(); err != nil {
		t.Errorf("systemd-analyze security: %v\n%s", err, out)
	}
}

func TestServiceManagerIsTold(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	t.Setenv("NOTIFY_SOCKET", path)
	if err := notify("READY=1"); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 64)
	l.SetReadDeadline(time.Now().Add(10 * time.Second))
	if n, err := l.Read(buf); err != nil || string(buf[:n]) != "READY=1" {
		t.Errorf("%q, %v", buf[:n], err)
	}
	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "none"))
	if notify("READY=1") == nil {
		t.Error("a manager that is not there was told")
	}
	t.Setenv("NOTIFY_SOCKET", "")
	if err := notify("READY=1"); err != nil {
		t.Errorf("without a manager: %v", err)
	}
}

func TestLogsAreWhatTheOptionNames(t *testing.T) {
	var out strings.Builder
	file := filepath.Join(t.TempDir(), "log")
	for _, name := range []string{"", file} {
		log, err := openLog(name, &out)
		if err != nil {
			t.Fatal(err)
		}
		log.Write([]byte("line\n"))
		if err := log.Close(); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	text, _ := os.ReadFile(file)
	if out.String() != "line\n" || !slices.Equal(text, []byte("line\n")) {
		t.Errorf("stderr %q, file %q", out.String(), text)
	}
	if _, err := openLog(filepath.Join(file, "x"), &out); err == nil || !strings.Contains(err.Error(), "cannot write the log") {
		t.Errorf("%v", err)
	}
}
