package trustpoint_test

import (
	"crypto/x509"
	"errors"
	"strings"
	"testing"
	"time"

	"qmidle/internal/config"
	"qmidle/internal/pki/pkitest"
	"qmidle/internal/pki/scep/sceptest"
	"qmidle/internal/secret"
	"qmidle/internal/trustpoint"
)

// ofKey says whether a certificate is of a key.
func (g *gateway) ofKey(c *x509.Certificate, label string) bool {
	key, ok := g.keys[label]
	return ok && keyEqual(key.Public(), c.PublicKey)
}

func keyEqual(a, b any) bool {
	x, err1 := x509.MarshalPKIXPublicKey(a)
	y, err2 := x509.MarshalPKIXPublicKey(b)
	return err1 == nil && err2 == nil && string(x) == string(y)
}

// `regenerate` makes a new key, which takes the old one's place with its
// certificate, and not before; a request that was left pending is gone on with.
func TestRegenerate(t *testing.T) {
	ca := sceptest.New()
	g := newGateway(t, ca, " auto-enroll 70 regenerate\n")
	const label, next = "Router.cisco.com", "Router.cisco.com#"
	g.authenticate()
	if _, err := g.enroll(trustpoint.Choices{}); err != nil {
		t.Fatal(err)
	}
	first, old := g.own(), g.keys[label]
	ca.Pending = 1
	g.tick()
	if g.keys[label] != old || g.keys[next] == nil || len(ca.Issued) != 1 {
		t.Fatalf("while the CA lets wait: %v, %d certificates", g.keys, len(ca.Issued))
	}
	// The gateway is started anew: the same key is asked for again.
	pending := g.keys[next]
	g.agent = trustpoint.New(trustpoint.Options{Config: g.cfg, Keys: g.keys, Events: g, Rand: zeros{}})
	g.do(g.agent.Timeout(g.now))
	second := g.own()
	if second.SerialNumber.Cmp(first.SerialNumber) == 0 || !g.ofKey(second, label) || g.keys[label] != pending || g.keys[next] != nil {
		t.Errorf("serial %v, keys %v", second.SerialNumber, g.keys)
	}
	if got := strings.Join(ca.Messages, " "); got != "19 17 17" {
		t.Errorf("messages %s", got)
	}
	// The key that is there is no successor of itself.
	g.keys[next] = g.keys[label]
	g.tick()
	if third := g.own(); third.SerialNumber.Cmp(second.SerialNumber) == 0 || g.keys[label] == pending || !g.ofKey(third, label) {
		t.Error("the key was certified once more")
	}
}

// zeros is a source of what need not be random.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

// A key that cannot be made ends the renewal; the old one goes on.
func TestRegenerateWithoutAKey(t *testing.T) {
	g := newGateway(t, sceptest.New(), " auto-enroll 70 regenerate\n")
	g.authenticate()
	if _, err := g.enroll(trustpoint.Choices{}); err != nil {
		t.Fatal(err)
	}
	at, _ := g.agent.Deadline()
	g.now = at
	out := g.agent.Timeout(g.now)
	if len(out.Keys) != 1 || out.Keys[0].Bits != 2048 {
		t.Fatalf("%+v", out)
	}
	g.do(g.agent.Generated(g.now, out.Keys[0].ID, errors.New("the disk is full")))
	if s, _ := g.agent.Status("caserver"); !s.State.Done() || s.Problem != "the disk is full" {
		t.Errorf("%+v", s)
	}
	if at, ok := g.agent.Deadline(); !ok || !at.Equal(g.now.Add(time.Hour)) {
		t.Errorf("the next try is at %v", at)
	}
}

// A certificate that ended while nobody could be asked is asked for anew, by the
// password, and not by one that counts no more.
func TestRenewalAfterTheEnd(t *testing.T) {
	ca := sceptest.New()
	ca.Challenge = "s3cret"
	ca.Dates = pkitest.Dates(pkitest.Now, pkitest.Now.AddDate(0, 1, 0))
	g := newGateway(t, ca, " auto-enroll 70\n password s3cret\n")
	g.authenticate()
	if _, err := g.enroll(trustpoint.Choices{Password: secret.FromString("s3cret")}); err != nil {
		t.Fatal(err)
	}
	first := g.own()
	g.dead = true
	g.now = first.NotAfter.AddDate(0, 0, 1)
	g.do(g.agent.Timeout(g.now))
	g.dead = false
	ca.Dates = pkitest.Dates(g.now, g.now.AddDate(0, 1, 0))
	for range 5 {
		g.do(g.agent.Timeout(g.now))
	}
	if len(ca.Issued) != 1 {
		t.Error("no time passes between two tries")
	}
	g.now = g.now.Add(time.Hour)
	g.do(g.agent.Timeout(g.now))
	if got := strings.Join(ca.Messages, " "); got != "19 19" || g.own().SerialNumber.Cmp(first.SerialNumber) == 0 {
		t.Errorf("messages %s", got)
	}
}

// A CA that grants what is old already is not asked without end.
func TestRenewalOfWhatIsOldAlready(t *testing.T) {
	ca := sceptest.New()
	ca.Dates = pkitest.Dates(pkitest.Now.AddDate(-1, 0, 0), pkitest.Now.Add(time.Hour))
	g := newGateway(t, ca, " auto-enroll 70\n")
	g.authenticate()
	if _, err := g.enroll(trustpoint.Choices{}); err != nil {
		t.Fatal(err)
	}
	for n := 1; n < 4; n++ {
		for range 5 {
			g.do(g.agent.Timeout(g.now))
		}
		if len(ca.Issued) != n {
			t.Errorf("%d certificates at once, want %d", len(ca.Issued), n)
		}
		g.now = g.now.Add(5 * time.Minute)
	}
}

// A CA's next certificate is fetched ahead, and used when the CA does; the
// gateway's own is renewed then. Who is trusted before stays so.
func TestRollover(t *testing.T) {
	ca := sceptest.New()
	end := pkitest.Now.AddDate(0, 6, 0)
	ca.Authority = pkitest.Root("caserver", pkitest.NewRSAKey(2048), pkitest.Dates(pkitest.Now.AddDate(-1, 0, 0), end))
	ca.Dates = pkitest.Dates(pkitest.Now, pkitest.Now.AddDate(3, 0, 0))
	g := newGateway(t, ca, " auto-enroll 80\n")
	g.authenticate()
	if _, err := g.enroll(trustpoint.Choices{}); err != nil {
		t.Fatal(err)
	}
	first, old := g.own(), ca.Authority
	forged := func() { ca.Next, ca.Behave = nextCA(end), sceptest.SignedByAnother }
	for _, change := range []func(){func() {}, forged} {
		change()
		for asked := g.now; g.now.Sub(asked) < 48*time.Hour; {
			g.tick()
		}
		if len(g.cfg.Chain("caserver").Of(config.RolloverCertificate)) != 0 {
			t.Fatal("a CA's next certificate is there that it has not signed")
		}
	}
	ca.Behave, ca.Next = sceptest.Honest, nextCA(end)
	for len(g.cfg.Chain("caserver").Of(config.RolloverCertificate)) == 0 && g.now.Before(end) {
		g.tick()
	}
	if left := end.Sub(g.now); left < 24*time.Hour {
		t.Fatalf("the next certificate came %v before the end", left)
	}
	if g.own().SerialNumber.Cmp(first.SerialNumber) != 0 {
		t.Error("the certificate was renewed too early")
	}
	// The CA switches a week ahead.
	for g.now.Before(end.AddDate(0, 0, -7)) {
		g.tick()
	}
	ca.Authority = ca.Next
	for g.own().SerialNumber.Cmp(first.SerialNumber) == 0 && g.now.Before(end) {
		g.tick()
	}
	cas := g.cfg.Chain("caserver").Of(config.CACertificate)
	if len(cas) != 2 || string(cas[0]) != string(ca.Next.Cert.Raw) || string(cas[1]) != string(old.Cert.Raw) ||
		len(g.cfg.Chain("caserver").Of(config.RolloverCertificate)) != 0 {
		t.Errorf("%d CAs", len(cas))
	}
	if err := g.own().CheckSignatureFrom(ca.Next.Cert); err != nil || !g.now.Before(end) {
		t.Errorf("at %v: %v", g.now, err)
	}
}

// Who has enrolled a moment before the CA's end is renewed at once all the same.
func TestRolloverAfterAnEnrolment(t *testing.T) {
	ca := sceptest.New()
	end := pkitest.Now.Add(time.Minute)
	ca.Authority = pkitest.Root("caserver", pkitest.NewRSAKey(2048), pkitest.Dates(pkitest.Now.AddDate(-1, 0, 0), end))
	ca.Dates, ca.Next = pkitest.Dates(pkitest.Now, pkitest.Now.AddDate(3, 0, 0)), nextCA(end)
	g := newGateway(t, ca, " auto-enroll 80\n")
	g.authenticate()
	if _, err := g.enroll(trustpoint.Choices{}); err != nil {
		t.Fatal(err)
	}
	g.do(g.agent.Timeout(g.now))
	g.now, ca.Authority = end, ca.Next
	for range 3 {
		g.do(g.agent.Timeout(g.now))
	}
	if err := g.own().CheckSignatureFrom(ca.Next.Cert); err != nil || len(ca.Issued) != 2 {
		t.Errorf("%v, %d certificates", err, len(ca.Issued))
	}
}

func nextCA(end time.Time) *pkitest.Authority {
	return pkitest.Root("caserver", pkitest.NewRSAKey(2048), pkitest.Dates(end.AddDate(0, -1, 0), end.AddDate(2, 0, 0)))
}
