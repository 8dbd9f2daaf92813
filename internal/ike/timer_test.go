package ike

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// listed are the timers that are set, in a list that is sorted: what the wheels must be as.
type listed []dated

type dated struct {
	*timer
	at time.Time
}

func (l *listed) clear(t *timer) {
	*l = slices.DeleteFunc(*l, func(x dated) bool { return x.timer == t })
}

func (l *listed) set(t *timer, at time.Time) {
	l.clear(t)
	at = at.Round(0)
	i, _ := slices.BinarySearchFunc(*l, at, func(x dated, at time.Time) int {
		if x.at.After(at) {
			return 1
		}
		return -1
	})
	*l = slices.Insert(*l, i, dated{t, at})
}

// spans are how far ahead timers are set: from before the present to months.
var spans = []time.Duration{-time.Second, 1, 64, 65, 4095, time.Microsecond, time.Millisecond, 20 * time.Millisecond, time.Second, 30 * time.Second,
	time.Minute, time.Hour, 24 * time.Hour, 100 * 24 * time.Hour}

// compareTimers does what the octets of a program say with wheels and with a sorted list.
func compareTimers(t testing.TB, program []byte) {
	var q timers
	var list listed
	now := epoch
	q.origin = now
	all := make([]timer, 40)
	fired := func(at time.Time) {
		for {
			got := q.expired(at)
			var want *timer
			if len(list) > 0 && !list[0].at.After(at) {
				want = list[0].timer
				list = list[1:]
			}
			if got != want {
				t.Fatalf("at %v: %v fires, want %v", at.Sub(epoch), got, want)
			}
			if got == nil {
				return
			}
		}
	}
	for len(program) >= 3 {
		what, which, how := program[0], program[1], program[2]
		program = program[3:]
		x := &all[int(which)%len(all)]
		span := spans[int(how)%len(spans)]
		switch what % 4 {
		case 0, 1:
			at := now.Add(span * time.Duration(which%5+1) / 5)
			list.set(x, at)
			q.set(x, at)
		case 2:
			list.clear(x)
			q.clear(x)
		case 3:
			for end := now.Add(max(0, span)); ; { // as a driver does
				next, ok := q.nextDeadline()
				if !ok || next.After(end) {
					now = end
					break
				}
				if len(list) == 0 || next.After(list[0].at) {
					t.Fatalf("the next deadline is at %v, with %d timers", next, len(list))
				}
				now = later(now, next)
				fired(now)
			}
			fired(now)
		}
		if q.count != len(list) {
			t.Fatalf("%d timers are counted, want %d", q.count, len(list))
		}
	}
}

// Timers fire in the order of their deadlines and, at one time, of being set.
func TestTimersAreASortedList(t *testing.T) {
	for seed := range uint64(300) {
		program := make([]byte, 3*400)
		_, _ = rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)}).Read(program)
		compareTimers(t, program)
	}
}

func FuzzTimers(f *testing.F) {
	f.Add([]byte{0, 0, 1, 0, 1, 9, 3, 0, 10})
	f.Fuzz(func(t *testing.T, program []byte) { compareTimers(t, program[:min(len(program), 3*1000)]) })
}

// A driver that waits for the next deadline is woken a few times for nothing at most, also
// where very many are near each other.
func TestTimersWakeSeldom(t *testing.T) {
	const many = 50000
	var q timers
	q.origin = epoch
	all := make([]timer, many)
	for i := range all {
		q.set(&all[i], epoch.Add(30*time.Second+time.Duration(i)*time.Microsecond/10))
	}
	woken, fired := 0, 0
	for {
		at, ok := q.nextDeadline()
		if !ok {
			break
		}
		for woken++; q.expired(at) != nil; fired++ {
		}
	}
	if fired != many || woken > many+many/5 {
		t.Errorf("%d of %d fired, woken %d times", fired, many, woken)
	}
}

// BenchmarkTimers sets, as dead peer detection does, timers anew long before they are due,
// one of ten of them comes due, and the next deadline is asked for each time.
func BenchmarkTimers(b *testing.B) {
	for _, n := range []int{1000, 10000, 100000, 300000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var q timers
			now := epoch
			q.origin = now
			all := make([]timer, n)
			r := rand.New(rand.NewPCG(1, 2))
			step := 30 * time.Second / time.Duration(n)
			for i := range all {
				q.set(&all[i], now.Add(time.Duration(r.Int64N(int64(30*time.Second)))))
			}
			for b.Loop() {
				now = now.Add(step / 10)
				for t := q.expired(now); t != nil; t = q.expired(now) {
					q.set(t, now.Add(30*time.Second))
				}
				q.set(&all[r.IntN(n)], now.Add(30*time.Second))
				q.nextDeadline()
			}
		})
	}
}
