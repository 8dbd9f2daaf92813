package read

// automaton finds every anchor of all phrases in one pass: that of Aho and
// Corasick, with the bytes that no anchor has as one class. States at which
// anchors part have a row of transitions; those within an anchor, which are most,
// have only the one that goes on, so that all of them stay in the cache.
type automaton struct {
	class   [256]uint8
	classes uint32
	rows    []uint32 // by a state's row and a byte's class
	chain   []link
	found   [][]uint16 // anchors, by a link's or a row's number
	rowOut  []uint32   // index into found, by row
	odd     uint32     // the state behind a byte that must be cleaned away
	root    uint32
}

// link is a state within an anchor.
type link struct {
	next, fail uint32
	out        uint32
	class      uint8 // of the byte that goes on
	stay       uint8 // of the byte that changes nothing: further blanks behind one
}

// A state is an offset into rows or an index into chain, with marks.
const (
	accepting = 1 << 31 // an anchor ends here
	chained   = 1 << 30
	place     = chained - 1
)

// noClass is of no byte.
const noClass = 0xff

// classFirst is the first class of a letter; 0 is of all that no anchor has.
const classFirst = 1

// depthOfRows is how deep every state has a row: those are reached all the time.
const depthOfRows = 2

type node struct {
	child map[byte]int
	blank bool // it ends with one
	depth int
	fail  int
	out   []uint16
}

func newAutomaton(anchors []string) *automaton {
	nodes := []node{{}}
	var used [256]bool
	for id, word := range anchors {
		at := 0
		for i := range len(word) {
			c := word[i]
			used[c] = true
			to, ok := nodes[at].child[c]
			if !ok {
				to = len(nodes)
				nodes = append(nodes, node{blank: c == ' ', depth: i + 1})
				if nodes[at].child == nil {
					nodes[at].child = make(map[byte]int)
				}
				nodes[at].child[c] = to
			}
			at = to
		}
		nodes[at].out = append(nodes[at].out, uint16(id))
	}
	order := failures(nodes)
	a := &automaton{}
	a.setClasses(used)
	a.fill(nodes, order)
	return a
}

// failures links each node to the longest other one that ends it, and returns
// the nodes by depth.
func failures(nodes []node) []int {
	order := []int{0}
	for i := 0; i < len(order); i++ {
		at := order[i]
		for c, to := range nodes[at].child {
			order = append(order, to)
			if at == 0 {
				continue
			}
			f := nodes[at].fail
			for f != 0 && !has(nodes[f], c) {
				f = nodes[f].fail
			}
			if has(nodes[f], c) {
				f = nodes[f].child[c]
			}
			nodes[to].fail = f
		}
	}
	for _, at := range order[1:] {
		nodes[at].out = append(nodes[at].out, nodes[nodes[at].fail].out...)
	}
	return order
}

func has(n node, c byte) bool { _, ok := n.child[c]; return ok }

// setClasses gives capital letters the class of small ones. The last class is of
// bytes that must be cleaned away before a line is looked at.
func (a *automaton) setClasses(used [256]bool) {
	n := uint8(classFirst)
	for c := range 256 {
		if used[c] && c != ' ' {
			a.class[c] = n
			n++
		}
	}
	for c := byte('A'); c <= 'Z'; c++ {
		a.class[c] = a.class[lower(c)]
	}
	blank, odd := n, n+1
	for c := range 256 {
		if c < ' ' || c >= 0x7f {
			a.class[c] = odd
		}
	}
	for _, c := range []byte(" \t\n") {
		a.class[c] = blank
	}
	a.classes = uint32(odd) + 1
}

// fill writes the states, the shallow ones first.
func (a *automaton) fill(nodes []node, order []int) {
	blank, odd := a.classes-2, a.classes-1
	state := make([]uint32, len(nodes))
	rows, links := uint32(0), uint32(0)
	for _, at := range order {
		n := &nodes[at]
		if n.depth <= depthOfRows || len(n.child) > 1 {
			state[at] = rows * a.classes
			rows++
		} else {
			state[at] = links | chained
			links++
		}
		if len(n.out) > 0 {
			state[at] |= accepting
		}
	}
	a.rows, a.rowOut = make([]uint32, rows*a.classes), make([]uint32, rows)
	a.chain = make([]link, links)
	a.odd = rows*a.classes | accepting
	a.found = [][]uint16{nil}
	for _, at := range order {
		n := &nodes[at]
		out := uint32(0)
		if len(n.out) > 0 {
			out = uint32(len(a.found))
			a.found = append(a.found, n.out)
		}
		if s := state[at]; s&chained != 0 {
			l := link{fail: state[n.fail], out: out, class: noClass, stay: noClass}
			for c, to := range n.child {
				l.class, l.next = a.class[c], state[to]
			}
			if n.blank {
				l.stay = uint8(blank)
			}
			a.chain[s&place] = l
			continue
		}
		from := state[at] & place
		a.rowOut[from/a.classes] = out
		row := a.rows[from:][:a.classes]
		for c := range uint8(a.classes) {
			if at != 0 {
				row[c] = a.step(state[n.fail], c)
			}
		}
		for c, to := range n.child {
			row[a.class[c]] = state[to]
		}
		if n.blank {
			row[blank] = state[at] &^ accepting
		}
		row[odd] = a.odd
	}
}

// step is the state behind a byte of a class. States that it passes on its way
// must be filled in.
func (a *automaton) step(state uint32, c uint8) uint32 {
	for state&chained != 0 {
		l := &a.chain[state&place]
		if l.class == c {
			return l.next
		}
		if l.stay == c {
			return state &^ accepting
		}
		state = l.fail
	}
	return a.rows[state&place+uint32(c)]
}

// hit is an anchor that ends at an offset of the line.
type hit struct {
	id  uint16
	end int
}

// maxHits bounds what is looked at in a line.
const maxHits = 48

// scan reads a line from a state on, and returns the state behind it. It stops
// at a byte that must be cleaned away; plain is then false.
func (a *automaton) scan(state uint32, line []byte, hits []hit) (uint32, []hit, bool) {
	rows, chain := a.rows, a.chain
next:
	for i, b := range line {
		c := a.class[b]
		for {
			if state&chained == 0 {
				state = rows[state&place+uint32(c)]
				break
			}
			l := &chain[state&place]
			if l.class == c {
				state = l.next
				break
			}
			if l.stay == c {
				continue next
			}
			state = l.fail
		}
		if state&accepting != 0 {
			if state == a.odd {
				return a.root, hits, false
			}
			hits = a.take(state, i+1, hits)
		}
	}
	return state, hits, true
}

func (a *automaton) take(state uint32, end int, hits []hit) []hit {
next:
	for _, id := range a.out(state) {
		if len(hits) == maxHits {
			break
		}
		for _, h := range hits {
			if h.id == id {
				continue next
			}
		}
		hits = append(hits, hit{id, end})
	}
	return hits
}

// out are the anchors that end in a state.
func (a *automaton) out(state uint32) []uint16 {
	if state&chained != 0 {
		return a.found[a.chain[state&place].out]
	}
	return a.found[a.rowOut[state&place/a.classes]]
}
