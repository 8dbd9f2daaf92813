package ike

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/policy"
	"qmidle/internal/secret"
	"qmidle/internal/trace"
)

// groupsElsewhere has AAA say the groups' keys.
func groupsElsewhere(hub, _ *Config) {
	hub.Groups = nil
	hub.Connections[0].Clients.AskGroups = true
}

// keysOf answers what is asked of groups, and the office the rest.
func (r *remote) keysOf(groups map[string]string) {
	r.aaa = func(_ *side, q Ask) Answer {
		find, is := q.(FindGroupKey)
		if !is {
			return r.office.answer(q)
		}
		r.office.asked = append(r.office.asked, q)
		if key, ok := groups[find.Group]; ok {
			return GroupKey{Key: secret.FromString(key)}
		}
		return GroupKey{Refusal: trace.RefusalGroup}
	}
}

func TestAGroupsKeyIsAskedFor(t *testing.T) {
	r := newRemote(t, groupsElsewhere)
	r.keysOf(map[string]string{"admin": "group key"})
	r.connect()
	r.checkUp()
	var kinds []string
	for _, q := range r.office.asked {
		kinds = append(kinds, kindOf(q))
	}
	q, is := r.office.asked[0].(FindGroupKey)
	if !is || q.Group != "admin" || q.List != "GROUPS" || q.Session == 0 || q.Remote.Addr() != spokeAddr || q.User != "" {
		t.Errorf("asked %+v of %v", r.office.asked[0], kinds)
	}
	if login := r.hubSA().Login; login == nil || login.Session == q.Session {
		t.Errorf("the login %+v has the session of the question for the key", login)
	}
	if n := len(r.hub.engine.questions) + len(r.hub.engine.groupQuestions); n != 0 {
		t.Errorf("%d questions are left", n)
	}
}

// A wrong key, an unknown group, and one without a key look alike from outside; a
// group of this configuration is none where AAA says which there are.
func TestAGroupThatAAADoesNotKnowIsAnsweredAlike(t *testing.T) {
	answer := func(groups map[string]string) (lengths string, r *remote) {
		r = newRemote(t, func(hub, spoke *Config) {
			groupsElsewhere(hub, spoke)
			hub.Groups = map[string]secret.Secret{"admin": secret.FromString("group key")}
		})
		r.keysOf(groups)
		r.lose = func(n int, d Datagram) bool {
			if n == 2 {
				_, payloads := inClear(t, nil, d.Data)
				for _, x := range payloads {
					lengths += fmt.Sprint(" ", x.Type, len(x.Body))
				}
			}
			return false
		}
		r.connect()
		return lengths, r
	}
	known, _ := answer(map[string]string{"admin": "another key"})
	for name, groups := range map[string]map[string]string{"unknown": nil, "without a key": {"admin": ""}} {
		lengths, r := answer(groups)
		if lengths != known || known == "" {
			t.Errorf("%s: the answer has payloads of%s, of a known group%s", name, lengths, known)
		}
		if r.hub.engine.Statistics().Phase1Up != 0 || r.hub.events.finds(policy.Identity{Data: "admin"}) {
			t.Errorf("%s: the client is let in, or a key is said to be found", name)
		}
	}
}

// While AAA thinks, message 1 that comes again asks nothing more, another peer gets
// in, and other clients of the group wait for the same answer.
func TestWaitingForAGroupsKey(t *testing.T) {
	r := newRemote(t, groupsElsewhere)
	r.keysOf(map[string]string{"admin": "group key"})
	var held []Question
	r.hold = func(_ *side, q Question) bool {
		if _, is := q.Ask.(FindGroupKey); is {
			held = append(held, q)
			return true
		}
		return false
	}
	r.connect()
	r.advance(35 * time.Second)
	if len(held) != 1 || r.hub.engine.stats.DatagramsOut != 0 || r.hub.engine.Holdings().SAs != 1 {
		t.Fatalf("%d questions, %d datagrams, %+v", len(held), r.hub.engine.stats.DatagramsOut, r.hub.engine.Holdings())
	}
	data := firstAggressive(t, func(hub, spoke *Config) { withGroup(hub, spoke) })
	binary.BigEndian.PutUint64(data, 7)
	var fx Effects
	r.hub.engine.Datagram(r.now, netip.AddrPortFrom(hubAddr, 500), netip.MustParseAddrPort("198.51.100.7:500"), data, &fx)
	if len(fx.Questions) != 0 || len(fx.Send) != 0 {
		t.Fatalf("a second client asks once more: %+v", fx)
	}
	r.check()
	r.do(r.hub, func(e *Engine, fx *Effects) {
		e.Answer(r.now, held[0].ID, GroupKey{Key: secret.FromString("group key")}, fx)
	})
	if len(r.wire) != 2 {
		t.Fatalf("%d answers to two clients", len(r.wire))
	}
	r.settle()
	r.checkUp()
}

// Where AAA is silent no group is answered, and the memory goes.
func TestSilentAAAAnswersNoGroup(t *testing.T) {
	r := newRemote(t, groupsElsewhere)
	r.hold = func(_ *side, q Question) bool { return q.Ask != nil }
	r.connect()
	r.advance(DefaultAAATimeout + time.Second)
	if sa := r.hubSA(); !sa.Dead || sa.DeadReason != trace.ReasonAAASilent || r.hub.engine.stats.DatagramsOut != 0 {
		t.Errorf("%+v after %d datagrams", sa, r.hub.engine.stats.DatagramsOut)
	}
	r.advance(2 * purgeDelay)
	if h := r.hub.engine.Holdings(); h != (Holdings{}) {
		t.Errorf("left: %+v", h)
	}
}

// Forged names ask AAA for few groups at a time, and a group whose key a client has
// had is always asked for. What was forged for one group is one question.
func TestFloodOfGroups(t *testing.T) {
	const bound = 256
	r := newRemote(t, func(hub, spoke *Config) {
		groupsElsewhere(hub, spoke)
		hub.MaxHalfOpen = bound
	})
	r.keysOf(map[string]string{"admin": "group key"})
	r.connect()
	r.checkUp()
	asked := 0
	first := func(i int, group string) {
		spoke := configFor(spokeAddr, hubAddr, spokeNet, hubNet)
		spoke.Aggressive = map[netip.Addr]*Aggressive{hubAddr: {Identity: policy.Identity{Type: isakmp.IDKeyID, Data: group}, Secret: secret.FromString("x"), XAUTH: true}}
		s := newSide("forger", spoke, uint16(100+i))
		var fx, got Effects
		s.engine.Acquire(r.now, Acquire{Connection: 1}, &fx)
		from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, byte(i >> 8), byte(i)}), 500)
		r.hub.engine.Datagram(r.now, netip.AddrPortFrom(hubAddr, 500), from, slices.Clone(fx.Send[0].Data), &got)
		asked += len(got.Questions)
	}
	for i := range 400 {
		first(i, fmt.Sprint("group ", i))
	}
	if asked != maxGroupQuestions || len(r.hub.engine.groupQuestions) != maxGroupQuestions {
		t.Errorf("%d questions for 400 groups, want %d", asked, maxGroupQuestions)
	}
	asked = 0
	for i := range 2 * bound {
		first(1000+i, "admin")
	}
	q := r.hub.engine.groupQuestions[groupName{"GROUPS", "admin"}]
	if asked != 1 || q == nil || len(q.waiting) > bound {
		t.Errorf("%d questions for one group that is known, %+v", asked, q)
	}
	r.check()
	r.wire = nil
	r.restartSpoke(99)
	up := r.hub.engine.stats.Phase1Up
	r.hold = nil
	for id := range r.hub.engine.questions {
		r.do(r.hub, func(e *Engine, fx *Effects) { e.Answer(r.now, id, GroupKey{Refusal: trace.RefusalGroup}, fx) })
	}
	r.wire = nil
	r.now = r.now.Add(time.Second)
	r.connect()
	if r.hub.engine.stats.Phase1Up == up {
		t.Error("a client of a known group is kept out")
	}
	r.advance(10 * time.Minute)
	if h := r.hub.engine.Holdings(); h.Questions != 0 || h.HalfOpen != 0 || len(r.hub.engine.groupQuestions) != 0 {
		t.Errorf("left: %+v", h)
	}
}
