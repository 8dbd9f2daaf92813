package aaa

import (
	"strings"

	"qmidle/internal/radius"
	"qmidle/internal/trace"
)

// sentEvent tells of a sending. Its attributes are those that were asked for:
// the password's comes behind them, hidden.
func (s *Service) sentEvent(r *request) trace.Event {
	p, err := radius.Parse(r.octets)
	if err != nil {
		p = r.packet
	}
	return &trace.RADIUSSent{Session: r.session, Server: r.slot.addr, Message: r.packet.Code.String(), Identifier: r.slot.identifier,
		Length: uint16(len(r.octets)), Try: uint32(r.sent), Attributes: shown(p)}
}

func (s *Service) receivedEvent(r *request, reply *radius.Packet, data []byte) trace.Event {
	return &trace.RADIUSReceived{Session: r.session, Server: r.slot.addr, Message: reply.Code.String(), Identifier: r.slot.identifier,
		Length: uint16(len(data)), Attributes: shown(reply)}
}

// shown has a line for each attribute.
func shown(p *radius.Packet) string {
	var b strings.Builder
	for _, a := range p.Attributes {
		b.WriteString(a.Shown() + "\n")
	}
	return b.String()
}

// terminateCause is a session's end in the terms of accounting.
func terminateCause(r trace.Reason) uint32 {
	switch r {
	case trace.ReasonPeerDeleted, trace.ReasonFatalInformational, trace.ReasonInitialContact, trace.ReasonReplaced:
		return causeUserRequest
	case trace.ReasonPeerDead, trace.ReasonRetransmission, trace.ReasonUnanswered, trace.ReasonUnconfirmed, trace.ReasonPeerMoved:
		return causeLostCarrier
	case trace.ReasonIdle:
		return causeIdleTimeout
	case trace.ReasonLifetime:
		return causeSessionTimeout
	case trace.ReasonUserCommand, trace.ReasonReconfigured:
		return causeAdminReset
	case trace.ReasonShutdown:
		return causeAdminReboot
	case trace.ReasonInternal, trace.ReasonNewAddress, trace.ReasonNoAddress:
		return causeNASError
	}
	return causeNASRequest
}
