package ike

import (
	"bytes"
	"encoding/binary"
	"slices"
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/trace"
)

// Fragmentation is Cisco's fragmentation of IKE messages, for paths that lose
// fragments of IP. A message, header and all, is cut into datagrams of one
// fragment payload each, under the cookies of its SA.
type Fragmentation struct {
	// MTU is the largest IP packet that we send, in octets; 0 is 576.
	MTU int
}

// Bounds of messages that lack fragments. One SA holds one at a time, and no
// longer than a retransmission takes.
const (
	maxFragments  = 64
	maxAssemblies = 256
	assemblyAge   = 30 * time.Second
)

// assembly is the fragments of a message that have come.
type assembly struct {
	id     uint16
	parts  [maxFragments + 1][]byte // by number
	have   int
	last   int // number of the last fragment; 0 as long as it is unknown
	octets int
	end    timer
	began  uint64 // Engine.order
}

// assembler has at most one message at a time that lacks fragments.
type assembler interface {
	assembling() *assembly             // nil for none
	startAssembly(id uint16) *assembly // nil where there is no room
	dropAssembly()
	giveUpAssembly() // tells that the rest did not come
}

// fragment takes one fragment. Fragments are not authenticated: what they make
// is judged as any message is.
func (m *message) fragment(s assembler) {
	if m.e.cfg.Fragmentation == nil {
		m.drop(trace.DropFragment)
		return
	}
	payloads, _, err := isakmp.ParsePayloads(m.header.NextPayload, m.raw[isakmp.HeaderLen:], false, nil)
	if err != nil || len(payloads) != 1 {
		m.drop(trace.DropFragment)
		return
	}
	f, err := isakmp.ParseFragment(payloads[0])
	if err != nil || int(f.Number) > maxFragments {
		m.drop(trace.DropFragment)
		return
	}
	a := s.assembling()
	if a != nil && a.contradicts(f) {
		s.giveUpAssembly()
		a = nil
	}
	if a == nil {
		if a = s.startAssembly(f.ID); a == nil {
			m.drop(trace.DropLimit)
			return
		}
	}
	if a.parts[f.Number] != nil {
		m.drop(trace.DropDuplicate)
		return
	}
	if a.octets+len(f.Data) > maxDatagram {
		s.dropAssembly()
		m.drop(trace.DropTooLarge)
		return
	}
	a.add(f)
	if a.have == a.last {
		s.dropAssembly()
		m.assembled(a)
	}
}

// contradicts says whether a fragment belongs to another message than a: some
// peers give all messages the same ID.
func (a *assembly) contradicts(f isakmp.Fragment) bool {
	number := int(f.Number)
	if f.ID != a.id || (f.Last && a.last != 0 && a.last != number) || (a.last != 0 && number > a.last) {
		return true
	}
	for i := number + 1; f.Last && i <= maxFragments; i++ {
		if a.parts[i] != nil {
			return true
		}
	}
	return a.parts[number] != nil && !bytes.Equal(a.parts[number], f.Data)
}

func (a *assembly) add(f isakmp.Fragment) {
	a.parts[f.Number] = bytes.Clone(f.Data)
	a.have++
	a.octets += len(f.Data)
	if f.Last {
		a.last = int(f.Number)
	}
}

func (s *sa) assembling() *assembly { return s.assembly }

func (s *sa) startAssembly(id uint16) *assembly {
	if len(s.e.assembling) >= maxAssemblies && !s.e.giveUpAssemblyFor(s) {
		return nil
	}
	s.e.assembling = append(s.e.assembling, s)
	s.assembly = s.e.newAssembly(id, s)
	return s.assembly
}

// giveUpAssemblyFor makes room for a message of s: the oldest of an SA that is
// not up leaves, since anybody can have such. Only an SA that is up takes the
// place of another's.
func (e *Engine) giveUpAssemblyFor(s *sa) bool {
	i := slices.IndexFunc(e.assembling, func(o *sa) bool { return !o.complete() })
	if i < 0 && !s.complete() {
		return false
	}
	e.assembling[max(i, 0)].giveUpAssembly()
	return true
}

// newAssembly begins a message, which its owner gives up after a while.
func (e *Engine) newAssembly(id uint16, owner assembler) *assembly {
	a := &assembly{id: id, began: e.next()}
	a.end.owner = then(func(time.Time) { owner.giveUpAssembly() })
	e.timers.set(&a.end, e.now.Add(assemblyAge))
	return a
}

func (s *sa) giveUpAssembly() {
	s.emit(s.assembly.missing())
	s.dropAssembly()
}

func (a *assembly) missing() *trace.FragmentsMissing {
	return &trace.FragmentsMissing{Have: uint8(a.have), Count: uint8(a.last)}
}

func (s *sa) dropAssembly() {
	if s.assembly == nil {
		return
	}
	s.e.timers.clear(&s.assembly.end)
	s.e.assembling = without(s.e.assembling, s)
	s.assembly = nil
}

// assembled hands a whole message on. It must have the cookies that its fragments
// came under, and be no fragment itself.
func (m *message) assembled(a *assembly) {
	data := bytes.Join(a.parts[1:a.last+1], nil)
	h, err := isakmp.ParseHeader(data)
	if err != nil || h.NextPayload == isakmp.PayloadFragment || h.Initiator != m.header.Initiator || h.Responder != m.header.Responder {
		m.drop(trace.DropFragment)
		return
	}
	c := m.context()
	m.e.emit(&c, &trace.MessageFragmented{Count: uint8(a.last), Size: uint16(len(data))})
	whole := &message{e: m.e, raw: data, header: h, local: m.local, remote: m.remote}
	whole.route()
}

// takesFragments reads the capabilities behind the vendor ID, which some peers
// leave out.
func (s *sa) takesFragments(vendorID []byte) bool {
	rest := vendorID[len(isakmp.VIDFragmentation):]
	return len(rest) != 4 || binary.BigEndian.Uint32(rest)&s.fragmentsFor() != 0
}

// fragmentsFor is the bit of the capabilities for main or for aggressive mode.
func (s *sa) fragmentsFor() uint32 {
	if s.aggressive {
		return 1 << 30
	}
	return 1 << 31
}

// addFragmentation adds the vendor ID to message 1 or 2.
func (s *sa) addFragmentation(b *isakmp.Builder) {
	if s.e.cfg.Fragmentation != nil {
		b.Add(isakmp.PayloadVendorID, binary.BigEndian.AppendUint32([]byte(isakmp.VIDFragmentation), s.fragmentsFor()))
	}
}

// Octets of an IPv4 packet before an IKE message, and of the non-ESP marker.
const (
	ipUDPHeaders = 20 + 8
	markerOctets = 4
)

// largest is how long a datagram to the peer may be.
func (s *sa) largest() int {
	size := s.e.cfg.Fragmentation.MTU
	if size == 0 {
		size = 576
	}
	size -= ipUDPHeaders
	if s.local.Port() == isakmp.PortNATT {
		size -= markerOctets
	}
	return size
}

// tooLarge says whether a datagram has to go in fragments, and can.
func (s *sa) tooLarge(datagram []byte) bool {
	return s.peerFragments && s.e.cfg.Fragmentation != nil && len(datagram) > s.largest()
}

// sendFragments sends a message in fragments. Their headers are those of main
// mode with message ID 0, whatever the message's: so does strongSwan, and takes
// nothing else.
func (s *sa) sendFragments(datagram []byte) {
	const overhead = isakmp.HeaderLen + 8 // the payload's headers
	size := s.largest() - overhead
	s.sentID++
	count := (len(datagram) + size - 1) / size
	if count > maxFragments {
		s.e.sendRaw(s.local, s.remote, datagram)
		return
	}
	s.emit(&trace.MessageFragmented{Sent: true, Count: uint8(count), Size: uint16(len(datagram))})
	for i := range count {
		data := datagram[i*size : min((i+1)*size, len(datagram))]
		b := s.builder(isakmp.ExchangeIdentity, 0, 0)
		b.Add(isakmp.PayloadFragment, isakmp.AppendFragment(nil, isakmp.Fragment{ID: s.sentID, Number: uint8(i + 1), Last: i == count-1, Data: data}))
		s.e.sendRaw(s.local, s.remote, b.Bytes(1))
	}
}
