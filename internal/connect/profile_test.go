package connect

import (
	"strings"
	"testing"
	"time"

	"qmidle/internal/clientfile"
	"qmidle/internal/isakmp"
)

func profile(t *testing.T, name, text string) clientfile.File {
	t.Helper()
	f, err := clientfile.Read(name, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestConfigurationOfProfiles(t *testing.T) {
	f := profile(t, "x.conf", "IPSec gateway vpn.example.com\nIPSec ID the staff?\nIPSec secret a \"key\" ! of #\nIKE DH Group dh14\n"+
		"Perfect Forward Secrecy dh5\nDPD idle timeout (our side) 60\nIPSEC target network 10.1.0.0/16\nScript /etc/vpnc/script\nInterface MTU 1300\n")
	cfg, notes, err := Configuration(f)
	if err != nil {
		t.Fatal(err)
	}
	v := cfg.EasyVPNFor(Name)
	if v.Group != "the staff?" || string(v.Key.Reveal()) != `a "key" ! of #` || len(v.Peers) != 1 || v.Peers[0].Host != "vpn.example.com" {
		t.Errorf("%+v", v)
	}
	if v.DHGroup != isakmp.GroupMODP2048 || v.PFS != isakmp.GroupMODP1536 || len(v.Targets) != 1 || cfg.ISAKMP.Keepalive.Interval != time.Minute || !cfg.ISAKMP.Keepalive.Periodic {
		t.Errorf("%+v, %+v", v, cfg.ISAKMP.Keepalive)
	}
	if cfg.OutsideOf(cfg.Interface(outside)) != v {
		t.Error("it is on no interface")
	}
	if got := strings.Join(notes, ", "); got != "Interface MTU, Script" {
		t.Errorf("notes: %s", got)
	}
}

func TestBackupServers(t *testing.T) {
	f := profile(t, "x.pcf", "[main]\nHost=192.0.2.1\nGroupName=staff\nGroupPwd=a-key\nEnableBackup=1\nBackupServer=192.0.2.2,192.0.2.3\n")
	cfg, _, err := Configuration(f)
	if err != nil {
		t.Fatal(err)
	}
	if peers := cfg.EasyVPNFor(Name).Peers; len(peers) != 3 || peers[2].Addr.String() != "192.0.2.3" {
		t.Errorf("%v", peers)
	}
}

func TestProfilesThatCannotBe(t *testing.T) {
	for text, want := range map[string]string{
		"IPSec ID g\n": "names no gateway",
		"IPSec gateway 192.0.2.1\nIPSec ID g\nIKE Authmode hybrid\n":                  "wants certificates",
		"IPSec gateway 192.0.2.1\nIPSec ID g\nNAT Traversal Mode cisco-udp\n":         "Cisco's own encapsulation",
		"IPSec gateway 192.0.2.1\nIPSec ID g\nEnable no encryption\n":                 "without encryption",
		"IPSec gateway 192.0.2.1\n crypto map M\nIPSec ID g\n":                        "no setting of vpnc",
		"IPSec gateway 224.0.0.1\nIPSec ID g\nIPSec secret hush-hush\n":               "cannot be used",
		"IPSec gateway a b\nIPSec ID g\nIPSec secret hush-hush\nXauth username u 2\n": "cannot be used",
	} {
		f, err := clientfile.Read("x.conf", []byte(text))
		if err == nil {
			_, _, err = Configuration(f)
		}
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}
