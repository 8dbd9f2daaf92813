package hostdns

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Settings are what names are to be looked up by. Zero values leave out.
type Settings struct {
	Device  string // by which the servers are reached
	Servers []netip.Addr
	Domain  string   // of names without one
	Only    []string // domains: only their names are for the servers, where the host can tell
}

// Host is a host's way to look names up.
type Host struct {
	// ResolvConf is the file; "" is /etc/resolv.conf.
	ResolvConf string
	// State is the directory for what is kept aside; it is made if need be.
	State string

	run func(stdin, name string, args ...string) error
	has func(name string) bool
}

// New returns this host.
func New(state string) *Host {
	return &Host{ResolvConf: "/etc/resolv.conf", State: state, run: run, has: func(name string) bool {
		_, err := exec.LookPath(name)
		return err == nil
	}}
}

// clean leaves out what is no domain: the names are a stranger's.
func (s *Settings) clean() {
	if !isDomain(s.Domain) {
		s.Domain = ""
	}
	s.Only = slices.DeleteFunc(slices.Clone(s.Only), func(d string) bool { return !isDomain(d) })
}

func isDomain(name string) bool {
	return name != "" && len(name) < 254 && name[0] != '-' && !strings.ContainsFunc(name, func(r rune) bool {
		return r != '.' && r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	})
}

// patience is how long a program may take.
const patience = 10 * time.Second

func run(stdin, name string, args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c := exec.CommandContext(ctx, name, args...)
	c.Stdin = strings.NewReader(stdin)
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}

// kept is what was there before, as the state directory has it.
type kept struct {
	By     string // resolvectl, resolvconf or file
	Owner  string // the process that has changed it
	Device string `json:",omitempty"`
	Link   string `json:",omitempty"` // what resolv.conf was a symbolic link to
	Text   string `json:",omitempty"` // of resolv.conf
	None   bool   `json:",omitempty"` // there was no resolv.conf
}

func (h *Host) keptFile() string { return filepath.Join(h.State, "dns.json") }

// Set makes settings those that hold. Without servers it restores what was there.
func (h *Host) Set(s Settings) error {
	if len(s.Servers) == 0 {
		return h.Restore()
	}
	s.clean()
	before, err := h.kept()
	if err != nil {
		return err
	}
	if before == nil {
		if before, err = h.keep(s.Device); err != nil {
			return err
		}
	}
	switch before.By {
	case "resolvectl":
		return h.resolved(s)
	case "resolvconf":
		return h.run(text(s), "resolvconf", "-a", record(before.Device))
	}
	return h.write([]byte(mark + text(s)))
}

// Restore puts back what was there before Set, also that of an earlier process. It
// is no error that nothing was set.
func (h *Host) Restore() error {
	k, err := h.kept()
	if k == nil || err != nil {
		return err
	}
	switch k.By {
	case "resolvectl":
		if err := h.run("", "resolvectl", "revert", k.Device); err != nil && exists("/sys/class/net/"+k.Device) {
			return err // it goes with its device
		}
	case "resolvconf":
		err = h.run("", "resolvconf", "-d", record(k.Device))
	default:
		err = h.putBack(k)
	}
	if err != nil {
		return err
	}
	return os.Remove(h.keptFile())
}

// RestoreLeft is Restore of what a process has left that is no more.
func (h *Host) RestoreLeft() error {
	k, err := h.kept()
	if k == nil || err != nil {
		return err
	}
	if pid, _, _ := strings.Cut(k.Owner, " "); pid != "" {
		if n, err := strconv.Atoi(pid); err == nil && process(n) == k.Owner {
			return nil
		}
	}
	return h.Restore()
}

// process names a process for good: its number, and when it began (proc(5)). One that
// has ended, and that nobody has taken note of, has no name.
func process(pid int) string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	if fields := strings.Fields(rest); len(fields) > beginField && fields[0] != "Z" && fields[0] != "X" {
		return fmt.Sprintf("%d %s", pid, fields[beginField])
	}
	return ""
}

// beginField is where the time is in a stat file, behind the program's name.
const beginField = 19

// record names ours among those of resolvconf.
func record(device string) string { return device + ".qmidle" }

// resolved tells systemd-resolved. A domain with ~ is routed, and not added to
// names.
func (h *Host) resolved(s Settings) error {
	dns, domains := []string{"dns", s.Device}, []string{"domain", s.Device}
	for _, a := range s.Servers {
		dns = append(dns, a.String())
	}
	if s.Domain != "" {
		domains = append(domains, s.Domain)
	}
	for _, d := range s.Only {
		domains = append(domains, "~"+d)
	}
	if len(s.Only) == 0 {
		domains = append(domains, "~.")
	}
	return errors.Join(h.run("", "resolvectl", dns...), h.run("", "resolvectl", domains...))
}

// mark begins a resolv.conf of ours.
const mark = "# Written by qmidle while a VPN is up; what was here comes back at its end, or by `qmidle release`.\n"

func text(s Settings) string {
	var b strings.Builder
	if s.Domain != "" {
		fmt.Fprintf(&b, "search %s\n", s.Domain)
	}
	for _, a := range s.Servers {
		fmt.Fprintf(&b, "nameserver %s\n", a)
	}
	return b.String()
}

// keep notes what is there, and by what it will be changed.
func (h *Host) keep(device string) (*kept, error) {
	k := &kept{By: "file", Owner: process(os.Getpid()), Device: device}
	link, err := os.Readlink(h.ResolvConf)
	if err == nil {
		k.Link = link
	}
	old, err := os.ReadFile(h.ResolvConf)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		k.None = k.Link == ""
	case err != nil:
		return nil, err
	}
	switch {
	case h.has("resolvectl") && strings.Contains(string(old), "nameserver 127.0.0.53"):
		k.By = "resolvectl"
	case h.has("resolvconf"):
		k.By = "resolvconf"
	default:
		k.Text = string(old)
	}
	b, err := json.Marshal(k)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(h.State, 0o700); err != nil {
		return nil, err
	}
	return k, replace(h.keptFile(), b, 0o600)
}

// kept is what an earlier Set has kept; nil for nothing.
func (h *Host) kept() (*kept, error) {
	b, err := os.ReadFile(h.keptFile())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var k kept
	if err == nil {
		err = json.Unmarshal(b, &k)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", h.keptFile(), err)
	}
	return &k, nil
}

// putBack restores resolv.conf, unless somebody else has written it since.
func (h *Host) putBack(k *kept) error {
	now, err := os.ReadFile(h.ResolvConf)
	if err != nil || !strings.HasPrefix(string(now), mark) {
		return nil
	}
	switch {
	case k.None:
		return os.Remove(h.ResolvConf)
	case k.Link != "":
		return relink(k.Link, h.ResolvConf)
	}
	return h.write([]byte(k.Text))
}

// write replaces resolv.conf in one step; where it cannot be, as with a file that is
// mounted there, in place.
func (h *Host) write(b []byte) error {
	if err := replace(h.ResolvConf, b, 0o644); err == nil {
		return nil
	}
	return os.WriteFile(h.ResolvConf, b, 0o644)
}

// replace makes a file's new text last, in one step.
func replace(name string, b []byte, mode os.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // where it was not renamed
	_, err = f.Write(b)
	if err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

func relink(target, name string) error {
	beside := filepath.Join(filepath.Dir(name), ".resolv.conf.qmidle")
	if err := os.Remove(beside); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Symlink(target, beside); err != nil {
		return err
	}
	return os.Rename(beside, name)
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}
