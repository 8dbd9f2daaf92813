package trustpoint_test

import (
	"testing"

	"qmidle/internal/pki"
	"qmidle/internal/pki/scep/sceptest"
	"qmidle/internal/trustpoint"
)

// BenchmarkEnrolment enrolls with a CA in memory, by a key of 2048 bits: both
// ends' work.
func BenchmarkEnrolment(b *testing.B) {
	ca := sceptest.New()
	g := newGateway(b, ca, "")
	g.authenticate()
	for b.Loop() {
		if _, err := g.enroll(trustpoint.Choices{}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkJudge checks a peer's certificate by a list that is kept.
func BenchmarkJudge(b *testing.B) {
	q := newInquest(b, "")
	leaf := q.leaf(crlsAt(placeOfCRL))
	q.judge(leaf)
	q.answerCRL(q.root.CRL())
	for b.Loop() {
		if got := q.judge(leaf); len(*got) != 1 || (*got)[0].Reason != pki.Valid {
			b.Fatal(*got)
		}
	}
}
