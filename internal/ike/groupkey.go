package ike

import (
	"cmp"
	"maps"
	"slices"

	"qmidle/internal/isakmp"
	"qmidle/internal/policy"
	"qmidle/internal/trace"
)

// The keys of groups may be at AAA's servers. Aggressive mode needs the one that
// message 1 names before it can answer, and who sends that may not be where it
// says, nor be anybody's client. So a group is asked for once, whoever waits for
// it, and few groups at a time that nobody has proven a key of. The answer to an
// unknown group comes after the same question, and is the decoy's.

// maxGroupQuestions bounds the groups that are asked for at a time and of which no
// client has had the key yet. More of them are not answered: message 1 comes again.
const maxGroupQuestions = 32

// maxProvenGroups bounds what is kept of groups: the group "default" has any name.
const maxProvenGroups = 4096

// groupName is a group as a list of AAA has it.
type groupName struct{ list, group string }

// groupQuestion is a question that has no answer yet. It stays when nobody waits
// for it any more, since AAA is still at it.
type groupQuestion struct {
	proven  bool
	waiting map[*sa]bool
}

// asksForGroup says whether the key of an identity is AAA's to say.
func (s *sa) asksForGroup(who policy.Identity) bool {
	c := s.clients()
	return who.Type == isakmp.IDKeyID && c != nil && c.AskGroups
}

// groupName is that of the group which the initiator claims to be in.
func (s *sa) groupName() groupName {
	return groupName{s.clients().Authorization, s.handshake.claims.Data}
}

// askGroupKey waits for the key of the group, with all that have named it before.
func (m *message) askGroupKey() {
	s, e := m.s, m.e
	name := s.groupName()
	s.emit(&trace.GroupRequested{Group: name.group})
	if q := e.groupQuestions[name]; q != nil {
		q.join(s)
		return
	}
	q := &groupQuestion{proven: e.provenGroups[name], waiting: make(map[*sa]bool)}
	if !q.proven && e.unprovenQuestions() >= maxGroupQuestions {
		m.dropWithSA()
		return
	}
	e.groupQuestions[name] = q
	q.join(s)
	client := Client{Session: e.serials.session.Add(1), Local: s.local, Remote: s.remote, Group: name.group}
	e.ask(FindGroupKey{Client: client, List: name.list}, e.cfg.aaaTimeout(), func(a Answer) { e.groupKeyFound(name, a) })
}

func (e *Engine) unprovenQuestions() (n int) {
	for _, q := range e.groupQuestions {
		if !q.proven {
			n++
		}
	}
	return n
}

func (q *groupQuestion) join(s *sa) { q.waiting[s], s.handshake.group = true, q }

// leaveGroupQuestion is for an SA that ends while it waits.
func (s *sa) leaveGroupQuestion() {
	if h := s.handshake; h != nil && h.group != nil {
		delete(h.group.waiting, s)
		h.group = nil
	}
}

// groupKeyFound answers all that have waited, in the order of their coming.
func (e *Engine) groupKeyFound(name groupName, a Answer) {
	q := e.groupQuestions[name]
	delete(e.groupQuestions, name)
	r, ok := a.(GroupKey)
	if !ok {
		r = GroupKey{Refusal: refusalOf(a)}
	}
	waiting := slices.SortedFunc(maps.Keys(q.waiting), func(a, b *sa) int { return cmp.Compare(a.id, b.id) })
	for _, s := range waiting {
		s.groupAnswered(r)
	}
}

// groupAnswered goes on with message 2. Where AAA is silent nobody knows whether
// there is the group, and no group is answered.
func (s *sa) groupAnswered(r GroupKey) {
	h := s.handshake
	h.group = nil
	name := h.claims.Data
	if r.Refusal == trace.RefusalSilence {
		h.busy = false
		s.emit(&trace.ClientRefused{Group: name, Refusal: r.Refusal})
		s.deleteSA(trace.ReasonAAASilent)
		return
	}
	found := r.Refusal == trace.RefusalNone && !r.Key.IsZero()
	s.emit(&trace.NamedKeyLookup{ID: isakmp.IDKeyID, Name: []byte(name), Found: found})
	if found {
		h.key, h.decoy = Key{Secret: r.Key}, false
	}
	s.aggressive2()
}

// groupProven notes that a client has had the key of its group.
func (s *sa) groupProven() {
	if s.asksForGroup(s.peerID) && len(s.e.provenGroups) < maxProvenGroups {
		s.e.provenGroups[s.groupName()] = true
	}
}
