package scep_test

import (
	"crypto/x509"
	"encoding/base64"
	"testing"

	"qmidle/internal/pki/scep"
	"qmidle/internal/pki/scep/sceptest"
)

// FuzzReply changes the replies of an honest CA. Only a reply as it was sent
// can pass.
func FuzzReply(f *testing.F) {
	ca := sceptest.New()
	r := newRouter(&testing.T{}, ca)
	p := r.params("")
	transaction := scep.Transaction{Type: scep.PKCSReq, ID: "1"}
	message := must(p.Client.Message(&transaction, p.Request))
	_, _, reply := ca.Answer("PKIOperation", message)
	f.Add(reply)
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := p.Client.Reply(&transaction, body)
		if err == nil && got.Status == scep.Success && len(got.Certificates)+len(got.CRL) == 0 {
			t.Fatal("a success without anything")
		}
	})
}

func FuzzCACertificates(f *testing.F) {
	ca := sceptest.New().WithRA()
	_, _, body := ca.Answer("GetCACert", nil)
	f.Add(scep.TypeCAAndR, body)
	f.Add(scep.TypeCA, ca.Authority.Cert.Raw)
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		set, err := scep.ParseCACertificates(contentType, body)
		if err != nil {
			return
		}
		var all []*x509.Certificate = set.All()
		if set.CA == nil || set.Recipient() == nil || len(all) == 0 {
			t.Fatalf("%+v", set)
		}
	})
}

func FuzzServer(f *testing.F) {
	f.Add("http://ca/cgi-bin", "CA")
	f.Fuzz(func(t *testing.T, url, name string) {
		s, err := scep.NewServer(url)
		if err != nil {
			return
		}
		_ = s.Get(scep.OpGetCACert, name)
		if q := s.Post([]byte(base64.StdEncoding.EncodeToString([]byte(name))), true); q.Method != "POST" {
			t.Fatal(q)
		}
	})
}
