package read

// automaton finds every anchor of all phrases in one pass: that of Aho and
// Corasick, with the bytes that no anchor has as one class.
type automaton struct {
	class   [256]uint8
	classes uint32
	next    []uint32 // by state, which is its row's offset, and class
	accept  uint32   // states from here on end an anchor
	found   [][]uint16
}

// Classes that are no letters of anchors. Space is above all others but odd, so
// that a scan tests once for both.
const (
	classOther = 0
	classFirst = 1
)

type node struct {
	child map[byte]int
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
				nodes = append(nodes, node{})
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

// setClasses gives capital letters the class of small ones. The last two classes
// are blanks, and bytes that must be cleaned away before a line is looked at.
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
	a.classes = uint32(odd)
}

// blank is the class of blanks, odd the one above it, for which there is no
// transition.
func (a *automaton) blank() uint8 { return uint8(a.classes - 1) }

func (a *automaton) fill(nodes []node, order []int) {
	number := make([]uint32, len(nodes))
	n := uint32(0)
	for _, accepting := range []bool{false, true} {
		if accepting {
			a.accept = n * a.classes
		}
		for at := range nodes {
			if (len(nodes[at].out) > 0) == accepting {
				number[at] = n
				n++
				if accepting {
					a.found = append(a.found, nodes[at].out)
				}
			}
		}
	}
	a.next = make([]uint32, n*a.classes)
	for _, at := range order {
		row := a.next[number[at]*a.classes:][:a.classes]
		if at != 0 {
			copy(row, a.next[number[nodes[at].fail]*a.classes:][:a.classes])
		}
		for c, to := range nodes[at].child {
			row[a.class[c]] = number[to] * a.classes
		}
	}
}

// hit is an anchor that ends at an offset of the line.
type hit struct {
	id  uint16
	end int
}

// maxHits bounds what is looked at in a line.
const maxHits = 48

// scan reads a line from a state on, and returns the state behind it. It stops
// at a byte that must be cleaned away; clean is then false.
func (a *automaton) scan(state uint32, line []byte, hits []hit) (uint32, []hit, bool) {
	blank := a.blank()
	was := false
	for i := 0; i < len(line); i++ {
		c := a.class[line[i]]
		if c >= blank {
			if c > blank {
				return state, hits, false
			}
			if was {
				continue
			}
			was = true
		} else {
			was = false
		}
		state = a.next[state+uint32(c)]
		if state >= a.accept {
			hits = a.take(state, i+1, hits)
		}
	}
	return state, hits, true
}

func (a *automaton) take(state uint32, end int, hits []hit) []hit {
next:
	for _, id := range a.found[(state-a.accept)/a.classes] {
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

// step is the state behind one byte.
func (a *automaton) step(state uint32, c byte) uint32 {
	return a.next[state+uint32(a.class[c])]
}
