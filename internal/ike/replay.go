package ike

import "slices"

// recentIDs remembers the last message IDs of an SA's exchanges that are over,
// so that a replay begins nothing. The zero value is empty.
type recentIDs struct {
	ids  []uint32
	next int // the oldest, once the list is full
}

// maxRecent bounds the message IDs that are remembered of each kind.
const maxRecent = 128

func (r *recentIDs) has(id uint32) bool { return slices.Contains(r.ids, id) }

func (r *recentIDs) add(id uint32) {
	if len(r.ids) < maxRecent {
		r.ids = append(r.ids, id)
		return
	}
	r.ids[r.next] = id
	r.next = (r.next + 1) % maxRecent
}
