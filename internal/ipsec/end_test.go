package ipsec

import "testing"

// An SA that has ended has no key left that it could reach, and passes nothing,
// whatever its transforms.
func TestEndedSAHasNoKey(t *testing.T) {
	packet := ipv4Packet(100)
	for _, x := range protections() {
		sender, receiver := pair(t, x.outParams(0x1000))
		sealed, err := sender.Seal(nil, packet)
		if err != nil {
			t.Fatal(err)
		}
		works := []work{sender.work, receiver.work}
		sender.End()
		receiver.End()
		if _, err := sender.Seal(nil, packet); err != DropNoSA {
			t.Errorf("%s: sealing: %v", x.name, err)
		}
		if _, err := receiver.Open(nil, sealed); err != DropUnknownSPI {
			t.Errorf("%s: opening: %v", x.name, err)
		}
		for _, sa := range []*SA{sender, receiver} {
			if sa.work != nil || sa.keys.near != [nearKeys]byte{} || sa.keys.far != nil && *sa.keys.far != [farKeys]byte{} || sa.common != nil {
				t.Errorf("%s: the SA keeps some of its keys", x.name)
			}
		}
		for _, w := range works {
			if w, ok := w.(interface{ cleared() bool }); ok && !w.cleared() {
				t.Errorf("%s: a key is still in %T", x.name, w)
			}
		}
	}
}

func (g *gcmWork) cleared() bool { return g.nonce == [gcmSaltLen + gcmIVLen]byte{} }
