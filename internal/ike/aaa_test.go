package ike

import (
	"net/netip"
	"testing"
	"time"

	"qmidle/internal/trace"
)

// asker is an engine without peers, whose questions a test asks itself.
type asker struct {
	t   *testing.T
	e   *Engine
	fx  Effects
	now time.Time
	got []Answer
}

func newAsker(t *testing.T) *asker { return &asker{t: t, e: New(Config{}), now: epoch} }

// ask opens a question and returns its ID and how to take it back.
func (a *asker) ask() (id uint64, withdraw func()) {
	a.e.begin(a.now, &a.fx)
	withdraw = a.e.ask(AllocateAddress{Client: Client{Session: 7}}, time.Minute, func(r Answer) { a.got = append(a.got, r) })
	return a.fx.Questions[len(a.fx.Questions)-1].ID, withdraw
}

func (a *asker) answer(id uint64, r Answer) { a.e.Answer(a.now, id, r, &a.fx) }

func (a *asker) wait(d time.Duration) {
	a.now = a.now.Add(d)
	a.e.Timeout(a.now, &a.fx)
	if err := a.e.Check(); err != nil {
		a.t.Error(err)
	}
}

var leased = Allocated{Session: 7, Address: netip.MustParseAddr("192.168.0.222")}

func TestAnAnswerComesOnce(t *testing.T) {
	a := newAsker(t)
	id, _ := a.ask()
	a.answer(id, leased)
	a.wait(time.Hour)
	if len(a.got) != 1 || a.got[0] != Answer(leased) || len(a.fx.Released) != 0 {
		t.Errorf("answers %v, released %v; want one and none", a.got, a.fx.Released)
	}
	a.answer(id, Authorized{Refusal: trace.RefusalGroup})
	if len(a.got) != 1 || len(a.fx.Released) != 0 {
		t.Errorf("a second answer: %v, released %v", a.got, a.fx.Released)
	}
}

// TestALateAddressGoesBack gives an answer to questions that nobody waits for:
// one that has timed out, one that was taken back, one that never was.
func TestALateAddressGoesBack(t *testing.T) {
	for name, lapse := range map[string]func(a *asker) uint64{
		"timed out": func(a *asker) uint64 {
			id, _ := a.ask()
			a.wait(time.Minute)
			if len(a.got) != 1 || a.got[0] != nil {
				t.Errorf("timed out with %v, want one answer of nil", a.got)
			}
			return id
		},
		"taken back": func(a *asker) uint64 {
			id, withdraw := a.ask()
			withdraw()
			a.wait(time.Hour)
			if len(a.got) != 0 {
				t.Errorf("taken back and answered: %v", a.got)
			}
			return id
		},
		"never asked": func(*asker) uint64 { return 99 },
	} {
		a := newAsker(t)
		id := lapse(a)
		before := len(a.got)
		a.answer(id, leased)
		want := ReleasedAddress{leased.Session, leased.Address}
		if len(a.got) != before || len(a.fx.Released) != 1 || a.fx.Released[0] != want {
			t.Errorf("%s: answered %v, released %v; want %v released", name, a.got, a.fx.Released, want)
		}
		if h := a.e.Holdings(); h.Questions != 0 || h.Timers != 0 {
			t.Errorf("%s: left %+v", name, h)
		}
	}
}

func TestASilentQuestionTimesOut(t *testing.T) {
	a := newAsker(t)
	a.ask()
	if at, ok := a.e.NextDeadline(); !ok || !at.Equal(epoch.Add(time.Minute)) {
		t.Errorf("deadline %v %v, want a minute", at, ok)
	}
	a.wait(59 * time.Second)
	if len(a.got) != 0 {
		t.Errorf("answered early: %v", a.got)
	}
	a.wait(time.Second)
	if len(a.got) != 1 || a.got[0] != nil {
		t.Errorf("answers %v, want one of nil", a.got)
	}
}
