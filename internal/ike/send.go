package ike

import (
	"encoding/binary"

	"qmidle/internal/isakmp"
	"qmidle/internal/keymat"
	"qmidle/internal/trace"
)

// outgoing is a message that can be sent, and what is in it: once it is
// encrypted nobody could tell.
type outgoing struct {
	data     []byte
	contents trace.Contents
}

// ready is a message that goes in clear.
func (s *sa) ready(datagram []byte) outgoing { return outgoing{datagram, s.e.contents(datagram)} }

// contents is what events tell of a message in clear.
func (e *Engine) contents(datagram []byte) trace.Contents {
	if e.cfg.Events == nil {
		return trace.Contents{}
	}
	return trace.ContentsOf(datagram, true)
}

// sendPhase1 sends a message that a duplicate of the peer's last one asks for
// again, and that a retransmission repeats.
func (s *sa) sendPhase1(o outgoing) {
	s.lastOut, s.sentAt = o.data, s.e.now.UnixNano()
	s.send(o)
}

// repeatPhase1 sends the last message of phase 1 again.
func (s *sa) repeatPhase1() {
	s.sentAt = s.e.now.UnixNano()
	s.sendAgain(s.lastOut)
}

func (s *sa) send(o outgoing) {
	s.tellSent(o.data, o.contents, false)
	s.transmit(o.data)
}

// sendAgain repeats a message, whose contents the event of its first time has.
func (s *sa) sendAgain(datagram []byte) {
	header := s.e.contents(datagram)
	header.Payloads, header.Notify = trace.PayloadList{}, 0
	s.tellSent(datagram, header, true)
	s.transmit(datagram)
}

func (s *sa) tellSent(datagram []byte, c trace.Contents, again bool) {
	if s.e.cfg.Events == nil {
		return
	}
	s.e.out = trace.PacketSent{MessageID: binary.BigEndian.Uint32(datagram[20:]), Again: again, Contents: c}
	s.emit(&s.e.out)
}

func (s *sa) transmit(datagram []byte) {
	if s.tooLarge(datagram) {
		s.sendFragments(datagram)
		return
	}
	s.e.sendRaw(s.local, s.remote, datagram)
}

// seal encrypts a finished message in place and moves iv on.
func (s *sa) seal(datagram []byte, iv *keymat.IV) outgoing {
	o := s.ready(datagram)
	body := datagram[isakmp.HeaderLen:]
	s.cipher.Encrypt(iv.Bytes(), body)
	iv.Advance(body)
	return o
}
