package simulate

// work holds that an IKE message makes a gateway send few: whoever sends one
// must not cause many.
type work struct{ r *run }

// A message is answered by one, by a notify besides, or by a delete of what it
// ends; the last of phase 1 starts a quick mode for each line that waits.
const answers = 3

// maxPieces is how many fragments the longest message of a run may be cut into.
const maxPieces = 5

func (w work) answered(s *site, sent int) {
	bound := answers
	for _, e := range s.peers {
		bound += len(e.lines)
	}
	if s.fragments > 0 {
		bound *= maxPieces
	}
	if sent > bound {
		w.r.fail("bounded work", "%s sends %d datagrams for one, the bound is %d", s.name, sent, bound)
	}
}
