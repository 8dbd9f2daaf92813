package hostdns

import (
	"encoding/json"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var office = Settings{Device: "qmidle0", Servers: []netip.Addr{netip.MustParseAddr("10.0.0.53"), netip.MustParseAddr("10.0.1.53")}, Domain: "corp.example"}

const officeText = mark + "search corp.example\nnameserver 10.0.0.53\nnameserver 10.0.1.53\n"

// host has some programs, and notes what is run.
func host(t *testing.T, programs ...string) (h *Host, ran *[]string) {
	t.Helper()
	dir := t.TempDir()
	ran = new([]string)
	h = &Host{ResolvConf: filepath.Join(dir, "resolv.conf"), State: filepath.Join(dir, "state")}
	h.has = func(name string) bool { return slices.Contains(programs, name) }
	h.run = func(stdin, name string, args ...string) error {
		*ran = append(*ran, strings.TrimSpace(name+" "+strings.Join(args, " ")+"\n"+stdin))
		return nil
	}
	return h, ran
}

func write(t *testing.T, h *Host, text string) {
	t.Helper()
	if err := os.WriteFile(h.ResolvConf, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, h *Host) string {
	t.Helper()
	b, err := os.ReadFile(h.ResolvConf)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// forge makes another process the one that has changed it.
func forge(t *testing.T, h *Host, owner string) {
	t.Helper()
	k, err := h.kept()
	if err != nil {
		t.Fatal(err)
	}
	k.Owner = owner
	b, _ := json.Marshal(k)
	if err := os.WriteFile(h.keptFile(), b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func set(t *testing.T, h *Host, s Settings) {
	t.Helper()
	if err := h.Set(s); err != nil {
		t.Fatal(err)
	}
}

func TestFile(t *testing.T) {
	h, _ := host(t)
	write(t, h, "nameserver 192.0.2.1\n")
	set(t, h, office)
	if got := read(t, h); got != officeText {
		t.Errorf("while it is up:\n%s", got)
	}
	other := office
	other.Servers = other.Servers[1:]
	set(t, h, other)
	if got := read(t, h); strings.Contains(got, "10.0.0.53") || !strings.Contains(got, "10.0.1.53") {
		t.Errorf("with another server:\n%s", got)
	}
	// A process that was killed has left it so: another one restores it.
	again := &Host{ResolvConf: h.ResolvConf, State: h.State, run: h.run, has: h.has}
	if err := again.RestoreLeft(); err != nil || read(t, h) == "nameserver 192.0.2.1\n" {
		t.Errorf("restored beside the process that has set it: %v", err)
	}
	forge(t, h, "1 0")
	if err := again.RestoreLeft(); err != nil || read(t, h) != "nameserver 192.0.2.1\n" {
		t.Errorf("restored: %v\n%s", err, read(t, h))
	}
	if err := again.Restore(); err != nil {
		t.Errorf("nothing to restore: %v", err)
	}
}

func TestLinkComesBack(t *testing.T) {
	h, _ := host(t)
	target := filepath.Join(filepath.Dir(h.ResolvConf), "of-another")
	if err := errors.Join(os.WriteFile(target, []byte("nameserver 192.0.2.1\n"), 0o644), os.Symlink("of-another", h.ResolvConf)); err != nil {
		t.Fatal(err)
	}
	set(t, h, office)
	if b, _ := os.ReadFile(target); string(b) != "nameserver 192.0.2.1\n" {
		t.Errorf("the file that the link leads to was written: %s", b)
	}
	set(t, h, Settings{})
	if link, err := os.Readlink(h.ResolvConf); err != nil || link != "of-another" {
		t.Errorf("%q, %v", link, err)
	}
}

func TestAbsentStaysAbsent(t *testing.T) {
	h, _ := host(t)
	set(t, h, office)
	set(t, h, Settings{})
	if _, err := os.Lstat(h.ResolvConf); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// What somebody else has written since is newer than what was kept.
func TestOthersFileStays(t *testing.T) {
	h, _ := host(t)
	write(t, h, "nameserver 192.0.2.1\n")
	set(t, h, office)
	write(t, h, "nameserver 192.0.2.2\n")
	if err := h.Restore(); err != nil || read(t, h) != "nameserver 192.0.2.2\n" {
		t.Errorf("%v\n%s", err, read(t, h))
	}
}

func TestResolved(t *testing.T) {
	h, ran := host(t, "resolvectl", "resolvconf")
	write(t, h, "nameserver 127.0.0.53\n")
	set(t, h, office)
	split := office
	split.Only = []string{"corp.example", "lab.example"}
	set(t, h, split)
	set(t, h, Settings{})
	want := []string{"resolvectl dns qmidle0 10.0.0.53 10.0.1.53", "resolvectl domain qmidle0 corp.example ~.",
		"resolvectl dns qmidle0 10.0.0.53 10.0.1.53", "resolvectl domain qmidle0 corp.example ~corp.example ~lab.example", "resolvectl revert qmidle0"}
	if !slices.Equal(*ran, want) || read(t, h) != "nameserver 127.0.0.53\n" {
		t.Errorf("%q", *ran)
	}
}

func TestResolvconf(t *testing.T) {
	h, ran := host(t, "resolvctl", "resolvconf")
	write(t, h, "nameserver 192.0.2.1\n")
	set(t, h, office)
	set(t, h, Settings{})
	want := []string{"resolvconf -a qmidle0.qmidle\n" + strings.TrimSpace(strings.TrimPrefix(officeText, mark)), "resolvconf -d qmidle0.qmidle"}
	if !slices.Equal(*ran, want) {
		t.Errorf("%q", *ran)
	}
}

// A server's names are put into a file and a command line.
func TestNamesOfStrangers(t *testing.T) {
	h, ran := host(t, "resolvectl")
	write(t, h, "nameserver 127.0.0.53\n")
	bad := office
	bad.Domain, bad.Only = "corp.example\nnameserver 192.0.2.66", []string{"--help", "good.example", "a b"}
	set(t, h, bad)
	if got := strings.Join(*ran, "; "); strings.Contains(got, "192.0.2.66") || strings.Contains(got, "help") || !strings.HasSuffix(got, "domain qmidle0 ~good.example") {
		t.Error(got)
	}
}

// A state that cannot be written keeps the host as it is: it could not be restored.
func TestNothingIsChangedWithoutState(t *testing.T) {
	h, _ := host(t)
	write(t, h, "nameserver 192.0.2.1\n")
	h.State = h.ResolvConf
	if err := h.Set(office); err == nil || read(t, h) != "nameserver 192.0.2.1\n" {
		t.Errorf("%v\n%s", err, read(t, h))
	}
}
