package ike

import (
	"net/netip"
	"time"

	"qmidle/internal/trace"
)

// Input is a datagram that came from Remote to Local, or the answer to a question.
type Input struct {
	Local, Remote netip.AddrPort
	Data          []byte // as Engine.Datagram takes it
	Question      uint64 // 0 for a datagram
	Answer        Answer
}

// Share are the inputs of one engine. Shares may be handled at the same time, each by
// one goroutine.
type Share struct {
	e      *Engine
	tap    *tap
	now    time.Time
	inputs []Input
	fx     Effects
	next   int
}

// Spread divides inputs among the engines, in their order. Each Share has to be
// handled to its end; then Gather has what they cause. Nothing else may be asked of
// the engines in between.
func (x *Engines) Spread(now time.Time, inputs []Input) (shares []*Share) {
	for i := range inputs {
		s := x.work[x.forInput(&inputs[i]).place.k]
		if len(s.inputs) == 0 {
			s.now, s.tap.keeps = now, true
			shares = append(shares, s)
		}
		s.inputs = append(s.inputs, inputs[i])
		x.order = append(x.order, s)
	}
	return shares
}

func (x *Engines) forInput(in *Input) *Engine {
	if in.Question != 0 {
		return x.ofQuestion(in.Question)
	}
	return x.forDatagram(in.Local.Addr(), in.Remote.Addr(), in.Data)
}

// Handled is the input that was handled last.
func (s *Share) Handled() Input { return s.inputs[s.next-1] }

// Handle handles the next input; it is false behind the last. Should it panic, the
// input is lost, and the next may be handled.
func (s *Share) Handle() bool {
	if s.next == len(s.inputs) {
		return false
	}
	in, before, done := &s.inputs[s.next], s.fx, false
	s.next++
	defer func() {
		if !done {
			s.fx = before
		}
		s.tap.turn()
	}()
	if in.Question != 0 {
		s.e.Answer(s.now, in.Question, in.Answer, &s.fx)
	} else {
		s.e.Datagram(s.now, in.Local, in.Remote, in.Data, &s.fx)
	}
	done = true
	return true
}

// Gather tells the events of all shares, in the order of the inputs, and adds their
// effects.
func (x *Engines) Gather(now time.Time, fx *Effects) {
	defer x.release()
	for _, s := range x.order {
		s.tap.tellTurn()
	}
	for _, s := range x.work {
		fx.add(&s.fx)
	}
	x.supplant(now, fx)
}

// release makes shares and taps ready for the next inputs.
func (x *Engines) release() {
	x.order = x.order[:0]
	for _, s := range x.work {
		clear(s.inputs)
		s.inputs, s.next = s.inputs[:0], 0
		s.fx.Reset()
		s.tap.empty()
	}
}

// tap hands an engine's events on, or keeps them while it runs beside others.
type tap struct {
	to    trace.Sink
	keeps bool
	kept  []trace.Record
	ends  []int // of inputs, in kept
	told  int   // of kept
	turns int   // told, of ends
}

// Record implements trace.Sink.
func (t *tap) Record(r *trace.Record) {
	if !t.keeps {
		t.to.Record(r)
		return
	}
	kept := *r
	switch ev := r.Event.(type) { // the engine uses these again
	case *trace.PacketReceived:
		c := *ev
		kept.Event = &c
	case *trace.PacketSent:
		c := *ev
		kept.Event = &c
	}
	t.kept = append(t.kept, kept)
}

// turn ends an input's events.
func (t *tap) turn() { t.ends = append(t.ends, len(t.kept)) }

// tellTurn tells those of the next input.
func (t *tap) tellTurn() {
	end := t.ends[t.turns]
	for i := range t.kept[t.told:end] {
		t.to.Record(&t.kept[t.told+i])
	}
	t.told = end
	t.turns++
}

func (t *tap) empty() {
	clear(t.kept)
	*t = tap{to: t.to, kept: t.kept[:0], ends: t.ends[:0]}
}

// add appends what another input causes.
func (fx *Effects) add(o *Effects) {
	fx.Added = append(fx.Added, o.Added...)
	fx.Send = append(fx.Send, o.Send...)
	fx.Install = append(fx.Install, o.Install...)
	fx.Remove = append(fx.Remove, o.Remove...)
	fx.Moved = append(fx.Moved, o.Moved...)
	fx.Failed = append(fx.Failed, o.Failed...)
	fx.Gone = append(fx.Gone, o.Gone...)
	fx.Questions = append(fx.Questions, o.Questions...)
	fx.Configured = append(fx.Configured, o.Configured...)
	fx.Sessions = append(fx.Sessions, o.Sessions...)
	fx.Released = append(fx.Released, o.Released...)
	fx.taken = append(fx.taken, o.taken...)
}
