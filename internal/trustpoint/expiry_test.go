package trustpoint_test

import (
	"strings"
	"testing"
	"time"

	"qmidle/internal/config"
	"qmidle/internal/pki"
	"qmidle/internal/pki/pkitest"
	"qmidle/internal/trace"
	"qmidle/internal/trustpoint"
)

// told keeps the warnings about the end of certificates.
type told []*trace.PKIExpiry

// Record implements trace.Sink.
func (w *told) Record(r *trace.Record) {
	if e, ok := r.Event.(*trace.PKIExpiry); ok {
		*w = append(*w, e)
	}
}

// The end of a certificate is told at each limit once, also when the gateway
// was started between two.
func TestWarningsOfExpiry(t *testing.T) {
	root := pkitest.Root("Root", pkitest.ECKey(), pkitest.Dates(pkitest.Now, pkitest.Now.AddDate(9, 0, 0)))
	own := root.Issue("r1", pkitest.ECKey(), pkitest.Dates(pkitest.Now, pkitest.Now.AddDate(1, 0, 0)))
	cfg, ds := config.Load("test", []byte("crypto pki trustpoint A\n auto-enroll 100\n"))
	if err := ds.Err(); err != nil {
		t.Fatal(err)
	}
	trustpoint.Store{Trustpoint: "A", Certificates: []config.StoredCertificate{
		{Kind: config.CACertificate, Serial: "01", DER: root.Cert.Raw}, {Kind: config.OwnCertificate, Serial: "02", DER: own.Cert.Raw}}}.Apply(cfg)
	var warned told
	a := trustpoint.New(trustpoint.Options{Config: cfg, Events: &warned})
	end := own.Cert.NotAfter
	for _, days := range []int{30, 7, 1, 0} {
		at, ok := a.Deadline()
		if !ok || !at.Equal(end.AddDate(0, 0, -days)) {
			t.Fatalf("%v is due, want %d days before %v", at, days, end)
		}
		a.Timeout(at.Add(-time.Second))
		before := len(warned)
		a.Timeout(at)
		a.Configure(cfg)
		a.Timeout(at.Add(time.Second))
		if len(warned) != before+1 || warned[before].LeftSeconds != uint32(days*24*60*60) || warned[before].Authority || !warned[before].AutoEnroll {
			t.Fatalf("%d days before: %+v", days, warned)
		}
	}
	if at, ok := a.Deadline(); !ok || !at.Equal(root.Cert.NotAfter.AddDate(0, 0, -30)) {
		t.Errorf("%v is due", at)
	}
	warned = nil
	a = trustpoint.New(trustpoint.Options{Config: cfg, Events: &warned})
	a.Timeout(root.Cert.NotAfter.AddDate(0, 0, -3))
	if len(warned) != 2 || warned[0].LeftSeconds != 0 || !warned[1].Authority || !strings.Contains(warned[1].End, pki.DateText(root.Cert.NotAfter)) {
		t.Errorf("after a restart: %+v %+v", warned[0], warned[len(warned)-1])
	}
}

// A certificate that lives for days is told of in its last half only.
func TestWarningsOfShortLives(t *testing.T) {
	for _, test := range []struct {
		life time.Duration
		want time.Duration // before the end
	}{{365 * 24 * time.Hour, 30 * 24 * time.Hour}, {30 * 24 * time.Hour, 7 * 24 * time.Hour}, {7 * 24 * time.Hour, 24 * time.Hour}, {24 * time.Hour, 0}} {
		root := pkitest.Root("Root", pkitest.ECKey(), pkitest.Dates(pkitest.Now, pkitest.Now.Add(test.life)))
		cfg, _ := config.Load("test", []byte("crypto pki trustpoint A\n"))
		trustpoint.Store{Trustpoint: "A", Certificates: []config.StoredCertificate{{Kind: config.CACertificate, Serial: "01", DER: root.Cert.Raw}}}.Apply(cfg)
		a := trustpoint.New(trustpoint.Options{Config: cfg, Events: &told{}})
		if at, ok := a.Deadline(); !ok || !at.Equal(root.Cert.NotAfter.Add(-test.want)) {
			t.Errorf("a life of %v: told %v before the end", test.life, root.Cert.NotAfter.Sub(at))
		}
	}
}
