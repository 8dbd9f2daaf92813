//go:build interop

package simulate

import (
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"qmidle/internal/isakmp"
	"qmidle/test/pcap"
	"qmidle/test/tshark"
)

// onTheWire is a capture of a plan with nothing that goes wrong, and the table of keys
// that opens it.
func onTheWire(t *testing.T, seed uint64) (capture []byte, table string) {
	t.Helper()
	p := Draw(seed)
	p.Steps = slices.DeleteFunc(slices.Clone(p.Steps), func(s Step) bool { return !strings.HasPrefix(s.Name, "a NAT before") })
	r := newRun(p)
	file, keys := pcap.New(pcap.Raw, 0), make(map[string]bool)
	r.tap = func(packet []byte) {
		if _, ok := ip(packet).ike(); !ok {
			return
		}
		file.Packet(r.world.Now(), packet)
		for _, s := range p.sites {
			for _, k := range r.world.Router(s.name).EncryptionKeys() {
				keys[hex.EncodeToString(k.Initiator[:])+","+hex.EncodeToString(k.Key.Reveal())+"\n"] = true
			}
		}
	}
	if r.play(io.Discard); r.failure != nil {
		t.Fatal(r.failure)
	}
	for k := range keys {
		table += k
	}
	return file.Bytes(), table
}

// seedsForTshark have all topologies, both modes, certificates and clients.
const seedsForTshark = 12

// Our codec reads each message of whole runs as tshark does, which opens the encrypted
// ones by the keys that we reveal.
func TestTsharkReadsTheSame(t *testing.T) {
	var all tshark.Result
	kinds := make(map[isakmp.PayloadType]int)
	for seed := range uint64(seedsForTshark) {
		capture, table := onTheWire(t, seed+1)
		file := filepath.Join(t.TempDir(), "ike.pcap")
		if err := os.WriteFile(file, capture, 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := tshark.Compare(file, table)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range r.Differences {
			t.Errorf("seed %d, %s", seed+1, d)
		}
		if r.Opened < r.Messages/3 {
			t.Errorf("seed %d: only %d of %d messages were encrypted and opened", seed+1, r.Opened, r.Messages)
		}
		all.Messages, all.Opened = all.Messages+r.Messages, all.Opened+r.Opened
		for k, n := range r.Payloads {
			kinds[k] += n
		}
	}
	t.Logf("%d messages, %d of them encrypted, payloads %v", all.Messages, all.Opened, kinds)
	for _, k := range []isakmp.PayloadType{isakmp.PayloadSA, isakmp.PayloadKE, isakmp.PayloadID, isakmp.PayloadCert, isakmp.PayloadCertRequest, isakmp.PayloadHash,
		isakmp.PayloadSignature, isakmp.PayloadNonce, isakmp.PayloadNotify, isakmp.PayloadDelete, isakmp.PayloadVendorID, isakmp.PayloadAttributes, isakmp.PayloadNATD} {
		if kinds[k] == 0 {
			t.Errorf("there was no %s payload: the runs show too little", k)
		}
	}
}
