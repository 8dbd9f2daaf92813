package lab

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
)

// TestEveryTransformCarriesPackets negotiates each ESP suite, with each replay
// window in turn, and pings through it.
func TestEveryTransformCarriesPackets(t *testing.T) {
	windows := []string{"window-size 64", "window-size 128", "window-size 256", "window-size 512", "window-size 1024", "disable"}
	// What IOS shows is not what it reads.
	shown := strings.NewReplacer("esp-aes 192", "esp-192-aes", "esp-aes 256", "esp-256-aes",
		"esp-gcm 192", "esp-192-gcm", "esp-gcm 256", "esp-256-gcm")
	n := 0
	for _, cipher := range []string{"esp-null", "esp-des", "esp-3des", "esp-aes", "esp-aes 192", "esp-aes 256", "esp-gcm", "esp-gcm 192", "esp-gcm 256"} {
		macs := []string{"esp-md5-hmac", "esp-sha-hmac", "esp-sha256-hmac", "esp-sha384-hmac", "esp-sha512-hmac", ""}
		if strings.HasPrefix(cipher, "esp-gcm") {
			macs = []string{""}
		}
		for _, mac := range macs {
			if cipher == "esp-null" && mac == "" {
				continue
			}
			window := windows[n%len(windows)]
			n++
			set := strings.TrimSpace(cipher + " " + mac)
			t.Run(set, func(t *testing.T) {
				change := func(file string) string {
					text := read(t, filepath.Join(exampleDir, file))
					return strings.Replace(text, "crypto ipsec transform-set AES-SHA esp-aes esp-sha-hmac\n",
						"crypto ipsec security-association replay "+window+"\ncrypto ipsec transform-set AES-SHA "+set+"\n", 1)
				}
				dir := files(t, map[string]string{"hub.cfg": change("hub.cfg"), "spoke.cfg": change("spoke.cfg"),
					"script": "spoke# ping 192.168.2.1 source 192.168.3.1\nhub# show crypto ipsec sa\n"})
				var out, diagnostics bytes.Buffer
				o := Options{Dir: dir, Script: filepath.Join(dir, "script"), Seed: 1, Diagnostics: &diagnostics}
				if code, err := Run(o, &out); code != 0 || err != nil {
					t.Fatalf("exit code %d, error %v\n%s%s", code, err, &diagnostics, &out)
				}
				replay := "replay detection support: Y"
				if window == "disable" || mac == "" && !strings.HasPrefix(cipher, "esp-gcm") {
					replay = "replay detection support: N"
				}
				for _, want := range []string{"\n!!!!!\n", "transform: " + shown.Replace(set), "#pkts decaps: 5", replay} {
					if !strings.Contains(out.String(), want) {
						t.Errorf("no %q in\n%s", want, &out)
					}
				}
			})
		}
	}
}
