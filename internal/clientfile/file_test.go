package clientfile

import (
	"errors"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
)

func read(t *testing.T, name string) File {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	f, err := Read(name, text)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Check(); err != nil {
		t.Error(err)
	}
	return f
}

func TestVPNC(t *testing.T) {
	f := read(t, "office.conf")
	if f.Gateway != "vpn.example.com" || f.Group != "staff" || string(f.Secret.Reveal()) != "an-example-group-key" || f.Username != "alice" || f.Domain != "OFFICE" {
		t.Errorf("who: %+v", f)
	}
	if string(f.Password.Reveal()) != " with blanks " {
		t.Errorf("password %q", f.Password.Reveal())
	}
	if f.DHGroup != 14 || f.PFS != PFSGroup || f.PFSGroup != 5 || f.NAT != NATForced || f.Auth != AuthPSK || f.DPDSeconds != 60 {
		t.Errorf("how: %+v", f)
	}
	if f.LocalPort != 0 || f.UDPPort != 10001 || f.Interface != "vpn0" || f.MTU != 1300 || f.LocalAddress != netip.MustParseAddr("192.0.2.7") {
		t.Errorf("where: %+v", f)
	}
	if !slices.Equal(f.Targets, []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("10.2.0.0/24")}) {
		t.Errorf("targets %v", f.Targets)
	}
	if !f.WeakEncryption || !f.WeakAuthentication || !f.Noninteractive || !f.NoDetach || f.NoEncryption {
		t.Errorf("flags: %+v", f)
	}
	if !slices.Equal(f.Ignored, []string{"Script", "Pidfile"}) {
		t.Errorf("ignored %q", f.Ignored)
	}
}

func TestPCF(t *testing.T) {
	f := read(t, "office.pcf")
	if f.Gateway != "192.0.2.1" || f.Group != "staff" || string(f.Secret.Reveal()) != "an-example-group-key" || f.Username != "alice" || f.Domain != "OFFICE" {
		t.Errorf("who: %+v", f)
	}
	if !slices.Equal(f.Backup, []string{"192.0.2.2", "backup.example.com"}) || f.DPDSeconds != 90 || f.NAT != NATTraversal || f.LocalPort != 0 {
		t.Errorf("how: %+v", f)
	}
	if !slices.Equal(f.Ignored, []string{"EnableLocalLAN", "SomethingNew"}) {
		t.Errorf("ignored %q", f.Ignored)
	}
}

// A profile without a name's help is known by its first line.
func TestKindByContent(t *testing.T) {
	for text, group := range map[string]string{
		"\ufeff[main]\r\nHost=192.0.2.1\r\nGroupName=a\r\n": "a",
		"; a comment\nGroupName=b\n":                        "b",
		"# a comment\nIPSec ID c\n":                         "c",
		"[Main]\n!groupname=d\n[other]\nGroupName=e\n":      "d",
	} {
		f, err := Read("", []byte(text))
		if err != nil || f.Group != group {
			t.Errorf("%q: group %q, %v", text, f.Group, err)
		}
	}
}

func TestPlainPasswordWins(t *testing.T) {
	hidden := obfuscate(t, make([]byte, 20), "hidden")
	f, err := Read("x.pcf", []byte("GroupPwd=plain\nenc_GroupPwd="+hidden+"\nenc_UserPassword="+hidden))
	if err != nil || string(f.Secret.Reveal()) != "plain" || string(f.Password.Reveal()) != "hidden" {
		t.Errorf("%q, %q, %v", f.Secret.Reveal(), f.Password.Reveal(), err)
	}
}

func TestErrors(t *testing.T) {
	for text, want := range map[string]string{
		"IPSec gateway x\nIPSec secrets y\n":                        `line 2: no setting of vpnc begins with "IPSec"; `,
		"IPSec gateway\n":                                           "line 1: `IPSec gateway` lacks its value",
		"No Detach please\n":                                        "line 1: `No Detach` takes no value",
		"IKE DH Group dh3\n":                                        `line 1: "dh3" is not supported; it can be dh1, dh2, dh5, dh14, dh15, dh16, dh17, dh18`,
		"Local Port 70000\n":                                        `line 1: "70000" is no number from 0 to 65535`,
		"DPD idle timeout (our side) 5\n":                           "line 1: dead peer detection cannot be faster",
		"Vendor netscreen\n":                                        `line 1: "netscreen" is not supported; it can be cisco`,
		"Interface mode tap\n":                                      `line 1: "tap" is not supported; it can be tun`,
		"IPSEC target network 10.0.0.0/255.0.255.0\n":               `line 1: "10.0.0.0/255.0.255.0" is no network`,
		"Perfect Forward Secrecy maybe\n":                           `line 1: "maybe" is not server, nopfs or a group such as dh2`,
		"IPSec obfuscated secret 00ff\n":                            "line 1: the obfuscated password is damaged; ",
		"[main]\nHost\n":                                            "line 2: a line of a .pcf profile is `Key=Value`",
		"[main]\nAuthType=9\n":                                      `line 2: "9" is not supported`,
		"[main]\nenc_GroupPwd=11\n":                                 "line 2: the obfuscated password is damaged",
		"[main]\nPeerTimeout=\x1b[31mred" + strings.Repeat("x", 90): "line 2: ",
	} {
		_, err := Read("", []byte(text))
		var e *Error
		if !errors.As(err, &e) || !strings.HasPrefix(e.Error(), want) || len(e.Error()) > 200 {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	if _, err := Read("", make([]byte, MaxSize+1)); err == nil {
		t.Error("a file of more than a megabyte is read")
	}
}

// No error and no print of a profile tells a password.
func TestPasswordsStaySecret(t *testing.T) {
	f, err := Read("", []byte("IPSec secret hush-hush-1\nXauth password hush-hush-2\nIPSec secretly hush-hush-3\n"))
	if err == nil || strings.Contains(err.Error(), "hush") {
		t.Errorf("%v", err)
	}
	if text := strings.Join([]string{f.Secret.String(), f.Password.GoString()}, ""); strings.Contains(text, "hush") {
		t.Error(text)
	}
}

func TestCheck(t *testing.T) {
	for text, want := range map[string]string{"IPSec ID g": "names no gateway", "IPSec gateway g": "names no group", "IPSec gateway g\nIPSec ID i": "", "IPSec gateway g\nIKE Authmode cert": ""} {
		f, err := Read("", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Check(); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, name := range []string{"office.conf", "office.pcf"} {
		text, err := os.ReadFile("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte("[main]\nenc_GroupPwd=00"))
	f.Fuzz(func(t *testing.T, text []byte) {
		x, err := Read("", text)
		var e *Error
		if err != nil && !errors.As(err, &e) {
			t.Errorf("%T", err)
		}
		if len(x.Targets) > maxTargets || len(x.Backup) > maxTargets {
			t.Error("unbounded")
		}
	})
}
