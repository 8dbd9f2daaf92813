package diagnose

import "testing"

// Each end knows half of what is wrong with the keys of encrypted nonces, and a
// pre-shared key is nobody's business then.
func TestNonces(t *testing.T) {
	chosen := Observation{Kind: OfferAccepted, Phase: Phase1, Attr: AttrAuth, Offered: Nonces}
	for name, c := range map[string]struct {
		all  []Observation
		want Cause
		how  Certainty
	}{
		"the peer has another key of this end": {as(Responder, p1(KeyMissing, 0), chosen, p1(MessageReceived, 3), p1(NonceUnreadable, 3), p1(MessageSent, 4)), PublicKeyMismatch, Likely},
		"this end has another key of the peer": {as(Responder, p1(KeyMissing, 0), chosen, p1(MessageReceived, 3), p1(NonceRead, 3), p1(MessageSent, 4), p1(Undecryptable, 5)), PublicKeyMismatch, Likely},
		"this end has none":                    {as(Responder, chosen, p1(MessageReceived, 3), p1(PublicKeyMissing, 3), p1(NonceRead, 3)), PublicKeyMismatch, Certain},
		"the proof is not answered":            {append(as(Initiator, p1(KeyMissing, 0), chosen), upTo(5)...), PublicKeyMismatch, Likely},
		"it works":                             {as(Initiator, p1(KeyMissing, 0), chosen, p1(NonceRead, 4), p1(Phase1Up, 0)), "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := Judge(log(c.all...))
			if c.want == "" {
				if len(r.Findings) > 0 {
					t.Errorf("%s", r.Text())
				}
				return
			}
			if len(r.Findings) != 1 || r.Findings[0].Cause != c.want || r.Findings[0].Certainty != c.how || len(r.Findings[0].Fix) == 0 {
				t.Errorf("%s", r.Text())
			}
		})
	}
}
