package trustpoint_test

import (
	"bytes"
	"testing"
	"time"

	"qmidle/internal/pki"
	"qmidle/internal/pki/pkitest"
	"qmidle/internal/pki/scep/sceptest"
	"qmidle/internal/trustpoint"
)

// FuzzAnswers gives a trustpoint answers of nobody in particular to all that it
// asks: none of them brings it a certificate, a CA or a list that counts, and
// whoever waits is told in a bounded time.
func FuzzAnswers(f *testing.F) {
	ca := sceptest.New()
	ca.Next = pkitest.Root("caserver", pkitest.ECKey())
	for _, operation := range []string{"GetCACaps", "GetNextCACert"} {
		_, kind, body := ca.Answer(operation, nil)
		f.Add(200, kind, body)
	}
	f.Add(200, "", ca.Authority.CRL())
	f.Add(404, "text/html", []byte("<html>"))
	root := pkitest.Root("Root", pkitest.RSAKey(2048))
	f.Fuzz(func(t *testing.T, status int, kind string, body []byte) {
		q := newInquestOf(t, root, " enrollment url http://ca.example.com/\n enrollment retry count 1\n auto-enroll 1\n rsakeypair K\n revocation-check crl ocsp\n",
			keys{"K": routerKey()})
		began, told := q.now, 0
		q.do(q.agent.Timeout(q.now))
		verdict := q.judge(q.leaf(crlsAt(placeOfCRL), ocspAt(placeOfOCSP)))
		q.do(q.agent.RequestCRL(q.now, "A", func(error) { told++ }))
		for range 60 {
			for len(q.asked) > 0 {
				f := q.next()
				a := trustpoint.Answer{Status: status, ContentType: kind, Body: body}
				if f.CRL {
					a.CRL, a.Err = pki.ReadCRL(bytes.NewReader(body))
				}
				out := q.agent.Fetched(q.now, f.ID, a)
				if len(out.Stores) > 0 {
					t.Fatalf("%+v is stored", out.Stores)
				}
				q.do(out)
			}
			at, ok := q.agent.Deadline()
			if !ok || at.Sub(began) > time.Hour {
				break
			}
			q.wait(max(0, at.Sub(q.now)))
		}
		if len(*verdict) != 1 || (*verdict)[0].OK() || told != 1 {
			t.Errorf("verdicts %+v, told %d times", *verdict, told)
		}
		for _, l := range q.agent.CRLs() {
			if l.Entries > 0 || !l.Fetched.IsZero() {
				t.Errorf("%+v", l)
			}
		}
	})
}
