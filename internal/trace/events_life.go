package trace

import "net/netip"

// AnswerNotOffered is a responder's choice of phase 1 that is none of our
// transforms, with the attribute that differs from the closest.
type AnswerNotOffered struct{ Attr IKEAttr }

// SessionChanged says that the first pair of IPsec SAs with the context's peer
// is up, or that the last one ended. Identity is the peer's of phase 1, "" where
// it is its address.
type SessionChanged struct {
	Up       bool
	Identity string
}

func (*AnswerNotOffered) Code() Code { return CodeAnswerNotOffered }
func (*SessionChanged) Code() Code   { return CodeSessionChanged }

func (e *AnswerNotOffered) Fields(f *Fields) { Enum(f, "attribute", &e.Attr) }
func (e *SessionChanged) Fields(f *Fields) {
	f.Bool("up", &e.Up)
	f.Str("identity", &e.Identity)
}

// ResponderLifetime is a lifetime that the responder of a negotiation told
// (RFC 2407 section 4.6.3.1): ours (Sent), or the peer's, which is obeyed.
// Seconds and Kilobytes are 0 where it says nothing of them.
type ResponderLifetime struct {
	Sent               bool
	Phase2             bool
	Seconds, Kilobytes uint32
}

// InvalidSPIReceived is %CRYPTO-4-RECVD_PKT_INV_SPI: ESP for an SA that is not
// there. Told says that the peer was told, under the ISAKMP SA with it.
type InvalidSPIReceived struct {
	Source, Destination netip.Addr
	SPI                 uint32
	Told                bool
}

// MessageFragmented is an IKE message that was put together of Cisco's
// fragments, or Sent in several. Size is that of the whole message in octets.
type MessageFragmented struct {
	Sent  bool
	Count uint8
	Size  uint16
}

// FragmentsMissing is a message of which only some of Cisco's fragments came.
// Have of them did; Count is 0 where the last is not among them.
type FragmentsMissing struct{ Have, Count uint8 }

func (*FragmentsMissing) Code() Code   { return CodeFragmentsMissing }
func (*ResponderLifetime) Code() Code  { return CodeResponderLifetime }
func (*InvalidSPIReceived) Code() Code { return CodeInvalidSPIReceived }
func (*MessageFragmented) Code() Code  { return CodeMessageFragmented }

func (e *ResponderLifetime) Fields(f *Fields) {
	f.Bool("sent", &e.Sent)
	f.Bool("quick_mode", &e.Phase2)
	f.U32("seconds", &e.Seconds)
	f.U32("kilobytes", &e.Kilobytes)
}
func (e *InvalidSPIReceived) Fields(f *Fields) {
	f.Addr("source", &e.Source)
	f.Addr("destination", &e.Destination)
	f.U32("spi", &e.SPI)
	f.Bool("told", &e.Told)
}
func (e *FragmentsMissing) Fields(f *Fields) {
	f.U8("have", &e.Have)
	f.U8("count", &e.Count)
}
func (e *MessageFragmented) Fields(f *Fields) {
	f.Bool("sent", &e.Sent)
	f.U8("count", &e.Count)
	f.U16("size", &e.Size)
}

// responderLifetime prints what 12.3 tells. It has no words for phase 2's own
// lifetimes.
func (w *iosWriter) responderLifetime(e *ResponderLifetime) {
	switch {
	case e.Sent && !e.Phase2:
		w.module("ISAKMP: Sending phase 1 responder lifetime %d", e.Seconds)
	case !e.Sent:
		w.sa("processing responder lifetime")
		if !e.Phase2 {
			w.sa("start processing isakmp responder lifetime")
			w.sa("restart ike sa timer to %d secs", e.Seconds)
		}
	}
}
