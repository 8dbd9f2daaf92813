package trace

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"qmidle/internal/isakmp"
)

func TestJSONGolden(t *testing.T) {
	s := newScript()
	s.add(&PacketReceived{Contents: mainMode(false, 168, sa, vid, vid)}, &ISAKMPOnOff{On: true},
		&PacketSent{MessageID: 7, Again: true, Contents: contents(isakmp.ExchangeInformational, true, 92, hash, isakmp.PayloadNotify)})
	s.established(RoleResponder, QMIdle)
	s.add(&IKETransformOffered{1, 10, join(aesSHA(), basic(isakmp.AttrAuthMethod, 65001), basic(99, 7),
		variable(isakmp.AttrGroupPrime, 1, 2, 3, 4, 5, 6, 7, 8, 9), variable(isakmp.AttrEncryption, 1, 2, 3), []byte{0x80, 1})},
		&IPsecTransformOffered{1, isakmp.ProtocolESP, isakmp.ESPAES, join(espAESSHA(), basic(isakmp.IPsecAttrGroup, 14),
			variable(isakmp.IPsecAttrESN))},
		&IDPayload{Type: isakmp.IDFQDN, Data: []byte("r1")},
		&ProfileMatched{"a \"quoted\" \\ name\n\u0085\x7f \xff é"},
		&IPsecSAsCreated{InboundSPI: 0x705B8268, LocalProxy: subnet("192.168.2.0/24")},
		&KeyLookup{Peer: bookPeer, Found: true})
	var got []byte
	for i := range s.records {
		got = AppendJSON(got, &s.records[i])
	}
	const file = "testdata/json.golden"
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs (-want +got):\n%s", file, diff)
	}
}
