package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestConnectArguments(t *testing.T) {
	for _, args := range [][]string{{"office.conf", "-s", "/run/x", "--state", "/tmp/y"}, {"-s", "/run/x", "--state", "/tmp/y", "office.conf"}, {"-s", "/run/x", "office.conf", "--state", "/tmp/y"}} {
		if o, err := parseConnect(args); err != nil || o.file != "office.conf" || o.socket != "/run/x" || o.state != "/tmp/y" {
			t.Errorf("%q: %+v, %v", args, o, err)
		}
	}
	for _, args := range [][]string{{}, {"-s", "/run/x"}, {"a.conf", "b.conf"}, {"a.conf", "--nonsense"}} {
		if _, err := parseConnect(args); err == nil {
			t.Errorf("%q is taken", args)
		}
	}
}

// A profile that cannot be used is told before anything is taken from the host, with
// its line and without its passwords.
func TestConnectRefusesProfiles(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct{ text, want string }{
		"no-gateway.conf": {"IPSec ID g\nIPSec secret hush-hush\n", "names no gateway"},
		"bad.conf":        {"IPSec gateway 192.0.2.1\nIPSec secrets hush-hush\n", "line 2: no setting of vpnc"},
		"bad.pcf":         {"[main]\nHost=192.0.2.1\nenc_GroupPwd=hush-hush\n", "line 3: the obfuscated password is damaged"},
		"no-group.pcf":    {"[main]\nHost=192.0.2.1\n", "names no group"},
	} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if status := run([]string{"connect", file}, &out, &out); status != exitFailed || !strings.Contains(out.String(), c.want) || strings.Contains(out.String(), "hush") {
			t.Errorf("%s: status %d\n%s", name, status, out.String())
		}
	}
	var out bytes.Buffer
	if status := run([]string{"connect", filepath.Join(dir, "missing.conf")}, &out, &out); status != exitFailed || !strings.Contains(out.String(), "no such file") {
		t.Errorf("a missing file: status %d\n%s", status, out.String())
	}
}
