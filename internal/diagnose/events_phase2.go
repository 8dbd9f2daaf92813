package diagnose

import (
	"qmidle/internal/isakmp"
	"qmidle/internal/trace"
)

// readPhase2 reads what is said of quick mode.
func (r *eventReader) readPhase2(event trace.Event) {
	switch e := event.(type) {
	case *trace.IPsecSARequested:
		r.request(pairOf(e.LocalProxy, e.RemoteProxy))
	case *trace.QuickModeBegun:
		r.quickBegun(e)
	case *trace.IPsecTransformRefused:
		r.transformRefused(e)
	case *trace.IPsecProposalInvalidated:
		r.invalidated(e)
	case *trace.Phase2PolicyRefused:
		r.add(Observation{Kind: Phase2OfferRefused, Phase: Phase2, Message: 1, Role: Responder, Authentic: true})
	case *trace.IPsecSAsCreated:
		r.session().made = pairOf(e.LocalProxy, e.RemoteProxy)
	case *trace.NodeDeleted:
		r.nodeDeleted(e)
	case *trace.IPsecSADeleted:
		if e.Inbound {
			r.add(Observation{Kind: SADeleted, Phase: Phase2, Detail: e.Reason.String()})
		}
	}
}

// request is traffic that asks for a tunnel. It comes before the quick mode for
// it, once for each transform set.
func (r *eventReader) request(pair string) {
	peer := r.rec.Remote.Addr().Unmap().String()
	waiting := r.asked[peer]
	if n := len(waiting); n == 0 || waiting[n-1] != pair {
		r.asked[peer] = append(waiting, pair)
	}
	r.add(Observation{Kind: Asked, Phase: Phase2, Role: Initiator, Pair: pair})
}

func (r *eventReader) quickBegun(e *trace.QuickModeBegun) {
	n := r.session().node(e.Node)
	n.initiator = true
	peer := r.rec.Remote.Addr().Unmap().String()
	if waiting := r.asked[peer]; len(waiting) > 0 {
		n.pair, r.asked[peer] = waiting[0], waiting[1:]
	}
}

func (r *eventReader) transformRefused(e *trace.IPsecTransformRefused) {
	o := Observation{Kind: TransformRefused, Phase: Phase2, Message: 1, Role: Responder, Authentic: true}
	offered, wanted := e.Offered, e.Wanted
	switch e.Attr {
	case trace.IPsecAttrProxy:
		o.Kind, o.Attr = ProxyRefused, AttrProxy
	case trace.IPsecAttrGroup:
		o.Kind, o.Attr, o.Offered, o.Wanted = PFSRefused, AttrGroup, groupOrNone(offered), groupOrNone(wanted)
	case trace.IPsecAttrProtocol:
		o.Attr, o.Offered, o.Wanted = AttrProtocol, isakmp.ProtocolID(offered).String(), isakmp.ProtocolID(wanted).String()
	case trace.IPsecAttrTransform:
		o.Attr, o.Offered, o.Wanted = AttrTransform, cipherWord(offered), cipherWord(wanted)
	case trace.IPsecAttrKeyLength:
		o.Attr, o.Offered, o.Wanted = AttrKeyLength, bitsWord(offered), bitsWord(wanted)
	case trace.IPsecAttrAuth:
		o.Attr, o.Offered, o.Wanted = AttrIntegrity, integrityWord(offered), integrityWord(wanted)
	case trace.IPsecAttrMode:
		o.Attr, o.Offered, o.Wanted = AttrMode, modeWord(offered, wanted), modeWord(wanted, offered)
	case trace.IPsecAttrProfile:
		o.Kind = IdentityRefused
	default:
		o.Attr = AttrUnknown
	}
	r.add(o)
	r.session().refusals = len(r.out)
}

// invalidated says which traffic the refusal before it was about. Where none
// came before, the number says what was refused.
func (r *eventReader) invalidated(e *trace.IPsecProposalInvalidated) {
	s := r.session()
	pair := pairOf(e.Local, e.Remote)
	if s.refusals == len(r.out) && s.refusals > 0 {
		o := &r.out[s.refusals-1]
		o.Pair, o.Evidence.Text = pair, r.words()
		return
	}
	o := Observation{Kind: TransformRefused, Phase: Phase2, Message: 1, Role: Responder, Pair: pair, Authentic: true, Attr: AttrUnknown}
	switch e.Attr {
	case trace.IPsecAttrProxy:
		o.Kind, o.Attr = ProxyRefused, AttrProxy
	case trace.IPsecAttrGroup:
		o.Kind, o.Attr = PFSRefused, AttrGroup
	case trace.IPsecAttrProfile:
		o.Kind = IdentityRefused
	}
	r.add(o)
}

// nodeDeleted is the end of a quick mode that made no SAs.
func (r *eventReader) nodeDeleted(e *trace.NodeDeleted) {
	if !e.Error {
		return
	}
	n := r.session().node(e.Node)
	o := Observation{Kind: QuickFailed, Phase: Phase2, Message: 1, Role: n.role(), Pair: n.pair, Authentic: true}
	if e.Reason == trace.NodeRetransmission {
		o.Detail = quickTimedOut
		if !n.initiator {
			o.Message = 2
		}
	}
	r.add(o)
}
