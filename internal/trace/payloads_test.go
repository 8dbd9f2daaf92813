package trace

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"qmidle/internal/isakmp"
)

func names(l *PayloadList) string {
	var all []string
	for kind, count := range l.All() {
		for range count {
			all = append(all, payloadName(kind))
		}
	}
	return strings.Join(all, " ")
}

// A list has every payload in its order as far as it reaches, and counts the
// rest.
func TestPayloadListKeepsOrderAndCount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kinds := rapid.SliceOfN(rapid.SampledFrom([]isakmp.PayloadType{sa, ke, id, vid}), 0, isakmp.MaxPayloads).Draw(t, "payloads")
		var l PayloadList
		for _, k := range kinds {
			l.Add(k)
		}
		var got []isakmp.PayloadType
		for kind, count := range l.All() {
			got = append(got, slices.Repeat([]isakmp.PayloadType{kind}, count)...)
		}
		if len(got) != len(kinds) {
			t.Fatalf("%d payloads, want %d", len(got), len(kinds))
		}
		for i := range got {
			if got[i] != kinds[i] && got[i] != isakmp.PayloadNone {
				t.Fatalf("payload %d is %s, want %s", i, got[i], kinds[i])
			}
		}
		if len(kinds) > 0 && !l.Has(kinds[0]) || l.Empty() != (len(kinds) == 0) || l.Has(isakmp.PayloadCert) {
			t.Fatalf("%s", names(&l))
		}
	})
}

func notifyBody(t isakmp.NotifyType) []byte {
	return isakmp.AppendNotify(nil, isakmp.Notify{DOI: isakmp.DOIIPsec, Protocol: isakmp.ProtocolISAKMP, Type: t})
}

func TestContentsOf(t *testing.T) {
	b := isakmp.NewBuilder(nil, isakmp.Header{Version: isakmp.Version1, Exchange: isakmp.ExchangeInformational, Flags: isakmp.FlagEncryption})
	b.Add(hash, make([]byte, 20))
	b.Add(isakmp.PayloadNotify, notifyBody(isakmp.NotifyNoProposalChosen))
	b.Add(isakmp.PayloadNotify, notifyBody(isakmp.NotifyInitialContact))
	message := slices.Clone(b.Bytes(16))
	c := ContentsOf(message, true)
	if c.Exchange != isakmp.ExchangeInformational || !c.Encrypted || int(c.Length) != len(message) || c.Notify != isakmp.NotifyNoProposalChosen ||
		names(&c.Payloads) != "HASH NOTIFY NOTIFY" {
		t.Errorf("%+v", c)
	}
	if c := ContentsOf(message, false); names(&c.Payloads) != "HASH" || c.Notify != 0 {
		t.Errorf("of what cannot be read: %+v", c)
	}
	message[isakmp.HeaderLen+24+1] = 7 // the reserved octet of the first notify
	if c := ContentsOf(message, true); names(&c.Payloads) != "HASH NOTIFY" || c.Notify != 0 {
		t.Errorf("of a broken notify: %+v", c)
	}
	if c := ContentsOf(message[:20], true); c != (Contents{}) {
		t.Errorf("of half a header: %+v", c)
	}
}

// Whatever a peer sends is read without harm, and within the bound.
func TestContentsOfAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := ContentsOf(rapid.SliceOfN(rapid.Byte(), 0, 400).Draw(t, "message"), rapid.Bool().Draw(t, "readable"))
		if n := len(strings.Fields(names(&c.Payloads))); n > 4*isakmp.MaxPayloads {
			t.Fatalf("%d words", n)
		}
	})
}
