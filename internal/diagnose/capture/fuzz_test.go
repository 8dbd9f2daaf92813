package capture

import (
	"bytes"
	"encoding/binary"
	"os"
	"strings"
	"testing"
	"time"

	"qmidle/internal/diagnose"
	"qmidle/internal/secret"
	"qmidle/test/pcap"
)

// FuzzRead reads any bytes as a capture, with keys and without: no panic, nothing
// that could do something to a terminal, and bounds that hold.
func FuzzRead(f *testing.F) {
	f.Add(rawCapture(join(mainMode(), quickMode(7), questionsOf(3))...))
	f.Add(rawCapture(join(fragmented(ike500(left, right, keyExchange(3)), 104), [][]byte{ip(left6, other, protoESP, espOf(1, 2, 30))})...))
	f.Add(rawCapture(ike500(left, right, broken()), ip(left, right, protoICMP, append([]byte{3, 4, 0, 0, 0, 0, 5, 0}, ike500(right, left, message1(aes256))...))))
	ng := pcap.NewNG(binary.LittleEndian, pcap.Ethernet, pcap.SLL2)
	for i, p := range aggressiveMode("a key", true) {
		ng.On(1, start.Add(time.Duration(i)*time.Second), append(append([]byte{8, 0}, make([]byte, 18)...), p...))
	}
	f.Add(ng.Bytes())
	if real, err := os.ReadFile("testdata/networks-differ.pcap"); err == nil {
		f.Add(real)
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		keys, err := ReadKeys(strings.NewReader("0102030405060708,000102030405060708090a0b0c0d0e0f000102030405060708090a0b0c0d0e0f\n"))
		if err != nil {
			t.Fatal(err)
		}
		r, err := Read(bytes.NewReader(file), Options{Source: "f", Keys: keys, PSKs: []PSK{{secret.FromString("a key"), "line 1"}}})
		if err != nil {
			return
		}
		if len(r.Observations) > maxToldOfAll+maxPairs {
			t.Errorf("%d observations", len(r.Observations))
		}
		report := diagnose.Judge(r.Observations)
		for _, c := range report.Text() + strings.Join(r.Remarks, "\n") {
			if c < ' ' && c != '\n' || c == 0x7f {
				t.Errorf("control character %q", c)
			}
		}
	})
}

// FuzzReadKeys reads any bytes as a table of keys.
func FuzzReadKeys(f *testing.F) {
	f.Add([]byte("0102030405060708,000102030405060708090a0b0c0d0e0f\n"))
	f.Add([]byte(charonLog))
	f.Fuzz(func(t *testing.T, file []byte) {
		if k, err := ReadKeys(bytes.NewReader(file)); err == nil && len(k.byCookie)+len(k.loose) == 0 {
			t.Error("no key, and no error")
		}
		if keys, err := ReadPSKs(bytes.NewReader(file)); err == nil && len(keys) == 0 {
			t.Error("no key, and no error")
		}
	})
}
