package lab

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"qmidle/internal/diagnose"
	"qmidle/internal/diagnose/capture"
	"qmidle/test/pcap"
)

// watcher captures what passes the outer interface of each gateway, as tcpdump on
// that host would.
type watcher struct {
	blind
	lab   *lab
	files map[string]*pcap.File
}

// captured runs a fault, and returns a capture at each end.
func (f *fault) captured(t *testing.T) (spoke, hub []byte) {
	t.Helper()
	w := &watcher{files: map[string]*pcap.File{"hub": pcap.New(pcap.Raw, 0), "spoke": pcap.New(pcap.Raw, 0)}}
	f.run(t, w)
	return w.files["spoke"].Bytes(), w.files["hub"].Bytes()
}

// watch begins the capture, once the lab stands.
func (w *watcher) watch(l *lab) {
	w.lab = l
	for _, link := range l.net.links {
		link.heard = func(h *host, p packet) { w.keep(h.name, p) }
	}
}

// Sent implements Watcher.
func (w *watcher) Sent(gateway, _ string, p []byte) { w.keep(gateway, p) }

func (w *watcher) keep(gateway string, p packet) {
	if f := w.files[gateway]; f != nil && w.lab != nil && outer(p) {
		f.Packet(w.lab.clock.now, p)
	}
}

var insides = netip.MustParsePrefix("192.168.0.0/16")

// outer says whether a packet passes between gateways rather than behind them.
func outer(p packet) bool {
	return p.valid() && !(insides.Contains(p.src()) && insides.Contains(p.dst()))
}

// explained is what a capture says; nothing where nothing was sent.
func explained(t *testing.T, file []byte) diagnose.Report {
	t.Helper()
	r, err := capture.Read(bytes.NewReader(file), capture.Options{Source: "capture"})
	if err != nil {
		t.Fatal(err)
	}
	if r.Damage != nil {
		t.Fatal(r.Damage)
	}
	return diagnose.Judge(r.Observations)
}

// viewOf is how well a report names the truth.
func (f *fault) viewOf(r diagnose.Report) view {
	switch {
	case len(r.Findings) == 0:
		return unseen
	case f.verdict(named, r) == "":
		return named
	case f.verdict(among, r) == "":
		return among
	}
	return ""
}

// TestCapturesOfFaults reads captures of every fault at both ends. Nothing is
// certain that is not so, a healthy tunnel yields nothing, and what shows on the
// wire is named or left open.
func TestCapturesOfFaults(t *testing.T) {
	for i := range faultSuite {
		f := &faultSuite[i]
		t.Run(f.family+"/"+f.name, func(t *testing.T) {
			spoke, hub := f.captured(t)
			for _, x := range []struct {
				where string
				r     diagnose.Report
				blind []string
			}{{"the initiator", explained(t, spoke), blindAtInitiator}, {"the responder", explained(t, hub), blindAtResponder}} {
				if why := f.verdict("", x.r); why != "" {
					t.Errorf("captured at %s: %s\n%s", x.where, why, x.r.Text())
				}
				got := f.viewOf(x.r)
				switch {
				case f.truth == "" || f.truth == diagnose.NoInterestingTraffic:
					if got != unseen {
						t.Errorf("captured at %s, nothing is wrong:\n%s", x.where, x.r.Text())
					}
				case slices.Contains(x.blind, f.family+"/"+f.name):
					if got == named || got == among {
						t.Errorf("captured at %s, it is %s: take it off the list", x.where, got)
					}
				case got != named && got != among:
					t.Errorf("captured at %s, it is %q:\n%s", x.where, got, x.r.Text())
				}
			}
		})
	}
}

// blindAtInitiator are faults of which the wire shows nothing, at either end:
// nothing is sent, or nothing that is missed by anybody; or what is damaged looks
// as good as any other bytes.
var blindAtInitiator = []string{
	"keys/none at the initiator",
	"configuration/no crypto map at the initiator",
	"configuration/an entry without transform set at the initiator",
	"configuration/the initiator's interface is shut",
	"configuration/ISAKMP is off at the initiator",
	"traffic/the list names another source",
	"traffic/the list names another destination",
	"traffic/the list has its sides the wrong way round",
	"traffic/a deny line comes first",
	"traffic/a NAT comes before the crypto map",
	"traffic/no route at the initiator",
	"traffic/a route around the tunnel",
	"traffic/no route to the peer",
	"names/the peer's name is unknown",
	"names/DNS is silent",
	"names/the peer's name has an address that the key is not for",
	"changes/the initiator's list",
	"messages/the notify of message 5 damaged",
	"quality/packets are damaged once the tunnel is up",
	// The messages are lost before they are on the wire, and the capture ends
	// there.
	"messages/message 3 never arrives",
	"messages/quick mode never arrives",
	// Three first messages within a tenth of a second are one to a capture.
	"other/aggressive mode is spoken at the responder",
	// A responder does not let on that it has no such group.
	"aggressive/a client's group is unknown",
	// What XAUTH and mode config say is encrypted.
	"clients/the password is wrong",
	"clients/AAA knows no user, since it is silent",
	"clients/the group has no pool",
}

// blindAtResponder are further ones of which nothing comes to the responder.
var blindAtResponder = append([]string{
	"configuration/the responder's interface is shut",
	"configuration/the initiator names a peer that is not there",
	"network/UDP 500 blocked",
	"network/UDP 500 blocked towards the responder",
	"network/UDP 500 blocked after a tunnel was up",
	"network/ESP blocked both ways",
	"network/ESP blocked towards the responder",
	"network/ESP blocked towards the initiator",
	"network/ESP blocked after a while",
	"network/the responder is cut off",
	"names/the peer's name has a wrong address",
	"addresses/the responder was renumbered",
	"addresses/the first of two peers is not there",
	"changes/UDP 4500 is blocked under the tunnel",
	"changes/the responder's interface is shut",
	"changes/the responder was restarted and is cut off",
	"aggressive/nobody answers",
}, blindAtInitiator...)

// TestCaptureWithTheGatewaysKeys reads a capture with the keys that the gateway
// gives away on command: what was asked for, and what the answer was.
func TestCaptureWithTheGatewaysKeys(t *testing.T) {
	i := slices.IndexFunc(faultSuite, func(f fault) bool {
		return f.family == "phase 2" && f.name == "another remote network at the responder"
	})
	w := &watcher{files: map[string]*pcap.File{"spoke": pcap.New(pcap.Raw, 0)}}
	l := faultSuite[i].run(t, w)
	var table strings.Builder
	for _, k := range l.host("spoke").router.EncryptionKeys() {
		fmt.Fprintf(&table, "%s,%x\n", k.Initiator, k.Key.Reveal())
	}
	keys, err := capture.ReadKeys(strings.NewReader(table.String()))
	if err != nil {
		t.Fatal(err)
	}
	r, err := capture.Read(bytes.NewReader(w.files["spoke"].Bytes()), capture.Options{Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	report := diagnose.Judge(r.Observations)
	if r.Decrypted < 4 || len(r.Remarks) > 0 || len(report.Findings) == 0 || !strings.Contains(report.Findings[0].Summary, "192.168.3.0/24 - 192.168.2.0/24") {
		t.Errorf("%d decrypted, remarks %q:\n%s", r.Decrypted, r.Remarks, report.Text())
	}
}
