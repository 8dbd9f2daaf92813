//go:build interop

package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestCaptureWithCharonsKeys decrypts what passed between the two with the keys
// that charon logs at level 4.
func TestCaptureWithCharonsKeys(t *testing.T) {
	t.Parallel()
	r := &rig{lab: newLab(t)}
	wire := startCaptureOf(t, r.lab, "0")
	keys := filepath.Join(r.dir, "keys.log")
	r.c = newCharon(t, r.lab, r.spoke, fmt.Sprintf("  filelog {\n    keys {\n      path = %s\n      flush_line = yes\n      ike = 4\n    }\n  }\n", keys))
	r.c.loadText(t, edited(t, r.c.config(usual), []string{"local_ts  = 192.168.3.0/24", "local_ts  = 192.168.33.0/24"}))
	r.q = newQmidle(t, r.lab, r.hub, qmidlePath)
	r.q.run(t, r.q.config(usual))
	ping(r.hub, 1)
	eventually(t, "a refusal", 15*time.Second, func() (bool, string) {
		said := r.q.do(t, "explain")
		return strings.Contains(said, "proxy-identity-mismatch"), said
	})
	r.q.stop(t, syscall.SIGTERM)
	wire.end(t)
	e, text := explainFile(t, wire.file, "--keys", keys)
	if len(e.Findings) == 0 || e.Findings[0].Cause != "proxy-identity-mismatch" || !strings.Contains(e.Findings[0].Summary, "192.168.2.0/24 - 192.168.3.0/24") {
		t.Errorf("with the keys:\n%s", text)
	}
}

// TestPSKsAgainstCharonsAggressiveMode holds pre-shared keys against an
// aggressive mode between the two, whose keys differ.
func TestPSKsAgainstCharonsAggressiveMode(t *testing.T) {
	t.Parallel()
	r := &rig{lab: newLab(t)}
	wire := startCaptureOf(t, r.lab, "0")
	x := usual
	x.key = "another-key"
	r.c = newCharon(t, r.lab, r.spoke, "")
	r.c.loadText(t, edited(t, r.c.config(x), []string{"version = 1", "version = 1\n    aggressive = yes"}))
	r.q = newQmidle(t, r.lab, r.hub, qmidlePath)
	r.q.run(t, r.q.config(x))
	r.c.trySwanctl("--initiate", "--child", "net", "--timeout", "6")
	r.q.stop(t, syscall.SIGTERM)
	wire.end(t)
	for key, want := range map[string]string{presharedKey: "certain", x.key: "likely"} {
		file := filepath.Join(r.dir, want)
		if err := os.WriteFile(file, []byte(key+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		e, text := explainFile(t, wire.file, "--psk-file", file)
		if len(e.Findings) == 0 || e.Findings[0].Cause != "psk-mismatch" || e.Findings[0].Certainty != want {
			t.Errorf("with %s, want %s:\n%s", key, want, text)
		}
	}
}
