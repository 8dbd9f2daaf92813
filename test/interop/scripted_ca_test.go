//go:build interop

package interop

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"qmidle/internal/pki/pkitest"
	"qmidle/internal/pki/scep/sceptest"
)

// changingCA is a CA that works by another certificate from a time on.
type changingCA struct {
	mu       sync.Mutex
	at       time.Time
	old, new *sceptest.CA
	changed  bool
}

// ServeHTTP implements http.Handler.
func (c *changingCA) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.changed && time.Now().After(c.at) {
		c.changed, c.new.Issued = true, c.old.Issued
	}
	if c.changed {
		c.new.ServeHTTP(w, r)
		return
	}
	c.old.ServeHTTP(w, r)
}

// TestScriptedCA has a daemon follow a CA with an RA that lets wait, has a list
// of revocations by SCEP only, and comes to its end.
func TestScriptedCA(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	now := time.Now()
	dates := pkitest.Dates(now.Add(-time.Hour), now.AddDate(1, 0, 0))
	end := now.Add(90 * time.Second).Truncate(time.Second)
	first, second := sceptest.New(), sceptest.New()
	first.Authority = pkitest.Root("caserver", pkitest.NewRSAKey(2048), pkitest.Dates(now.Add(-time.Hour), end))
	second.Authority = pkitest.Root("caserver", pkitest.NewRSAKey(2048), dates)
	first.WithRA(dates)
	first.Next, first.Pending, first.Dates, second.Dates = second.Authority, 1, dates, dates
	first.Revoke(first.Authority.Issue("gone", pkitest.ECKey(), dates).Cert)
	ca := &changingCA{at: end, old: first, new: second}
	serveAt(t, l.spoke, 8080, ca)
	q := newQmidle(t, l, l.hub, raceDetector)
	q.run(t, fmt.Sprintf("hostname hub\ncrypto pki trustpoint CA\n enrollment url http://%s:8080/scep\n fingerprint %X\n rsakeypair CA 2048\n serial-number none\n"+
		" ip-address none\n fqdn hub.example.com\n auto-enroll 99\n", l.spoke.outside, sha256.Sum256(first.Authority.Cert.Raw)))
	q.do(t, "debug crypto pki transactions")
	q.do(t, "crypto pki authenticate CA")
	if shown := q.do(t, "show crypto pki certificates CA"); !strings.Contains(shown, "RA Signature Certificate") || !strings.Contains(shown, "RA KeyEncipher Certificate") {
		t.Errorf("no RA in\n%s", shown)
	}
	if said := q.do(t, "crypto pki enroll CA"); !strings.Contains(said, "The CA lets wait") {
		t.Errorf("the CA does not let wait:\n%s", said)
	}
	if shown := q.do(t, "show crypto pki timers"); !strings.Contains(shown, "POLL CA") || !strings.Contains(shown, "ROLLOVER CA") {
		t.Errorf("the timers are\n%s", shown)
	}
	q.do(t, "crypto pki crl request CA")
	if shown := q.do(t, "show crypto pki crls"); !strings.Contains(shown, "Revoked: 1") || !strings.Contains(shown, "Retrieved via SCEP") {
		t.Errorf("the lists are\n%s", shown)
	}
	certificates := func(want string, limit time.Duration) string {
		t.Helper()
		var shown string
		eventually(t, want, limit, func() (bool, string) {
			shown = q.do(t, "show crypto pki certificates CA")
			return strings.Contains(shown, want), shown
		})
		return shown
	}
	certificates("Name: hub.example.com", 80*time.Second)
	certificates("CA Certificate (Rollover)", 80*time.Second)
	eventually(t, "a certificate of the next CA", time.Until(end)+20*time.Second, func() (bool, string) {
		ca.mu.Lock()
		defer ca.mu.Unlock()
		return ca.changed && len(second.Issued) == len(first.Issued)+1, strings.Join(second.Messages, " ")
	})
	shown := certificates("Status: Expired", 10*time.Second) // the old CA, behind the new one
	if strings.Contains(shown, "Rollover") || strings.Contains(shown, "RA Signature") || strings.Count(shown, "CA Certificate\n") != 2 {
		t.Errorf("at last:\n%s", shown)
	}
	q.end(t)
}
