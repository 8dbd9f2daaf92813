package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"qmidle/test/leak"
)

const (
	captureFile = "../../internal/diagnose/capture/testdata/networks-differ.pcap"
	captureKeys = "../../internal/diagnose/capture/testdata/networks-differ.keys"
)

// A capture is known by its first octets, plain or in gzip, whatever its name.
func TestExplainCapture(t *testing.T) {
	raw, err := os.ReadFile(captureFile)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	z.Write(raw)
	z.Close()
	none := filepath.Join(dir, "none")
	for _, x := range []struct {
		args           []string
		code           int
		stdout, stderr string
	}{
		{[]string{captureFile}, 1, "understood, as a capture.\nPeer 192.1.1.42 of 192.1.1.40: phase 1 up, phase 2 not up.\n", ""},
		{[]string{captureFile}, 1, "1. proxy-identity-mismatch (possible), peer 192.1.1.42 of 192.1.1.40, phase 2, message 1\n", ""},
		{[]string{file("log.txt", zipped.Bytes())}, 1, "1. proxy-identity-mismatch (possible)", ""},
		{[]string{captureFile, "--keys", captureKeys}, 1, "The peer refuses the traffic that this end asks for: 192.168.2.0/24 -\n  192.168.3.0/24.\n", ""},
		{[]string{file("cut.pcap", raw[:len(raw)-7])}, 1, "the rest of it cannot be read: after packet 13: the file ends in the middle of\na record.\n", ""},
		{[]string{file("head.pcap", raw[:30])}, 2, "", "head.pcap: the file ends in the middle of a record\n"},
		{[]string{file("empty.pcap", raw[:24])}, 2, "it has no packets", "nothing in it is known"},
		{[]string{file("other", []byte("\xfd7zXZ\x00\x00\x00"))}, 2, "", "other: compressed by xz: decompress it first\n"},
		{[]string{captureFile, "--keys", none}, 2, "", "qmidle explain: cannot read " + none + ": no such file or directory\n"},
		{[]string{captureFile, "--keys", captureFile}, 2, "", "qmidle explain: cannot read " + captureFile + ": line 1: "},
		{[]string{captureFile, "--psk-file", file("psk", []byte("a pre-shared key\n"))}, 1, "in main mode a", ""},
	} {
		code, stdout, stderr := call(append([]string{"explain"}, x.args...)...)
		flat := func(s string) string { return strings.Join(strings.Fields(s), " ") }
		if code != x.code || !strings.Contains(flat(stdout), flat(x.stdout)) || !strings.Contains(flat(stderr), flat(x.stderr)) || x.stderr == "" && stderr != "" {
			t.Errorf("qmidle explain %q: status %d, want %d\nstdout: %s\nwant: %s\nstderr: %s\nwant: %s", x.args, code, x.code, stdout, x.stdout, stderr, x.stderr)
		}
		if found := leak.Find(stdout+stderr, []string{"a pre-shared key\n", "245195783c1ab090a0b8d039aa581907"}); len(found) > 0 {
			t.Errorf("qmidle explain %q: %v", x.args, found)
		}
	}
	_, stdout, _ := call("explain", captureFile, "--json")
	var got struct {
		Findings []struct {
			Cause, Local, Peer string
			Evidence           []struct{ Line int }
		}
		Sources []struct{ Lines, Understood int }
	}
	if err := json.Unmarshal([]byte(stdout), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Findings) != 1 || got.Findings[0].Local != "192.1.1.40" || got.Findings[0].Peer != "192.1.1.42" || got.Findings[0].Evidence[0].Line != 10 || got.Sources[0].Understood == 0 {
		t.Errorf("%+v", got)
	}
}
