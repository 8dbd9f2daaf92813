package aaa

import "container/heap"

// deadlines are the requests that wait, the first to run out on top.
type deadlines []*request

func (d deadlines) Len() int           { return len(d) }
func (d deadlines) Less(i, j int) bool { return d[i].deadline.Before(d[j].deadline) }
func (d deadlines) Swap(i, j int) {
	d[i], d[j] = d[j], d[i]
	d[i].index, d[j].index = i, j
}

// Push and Pop are heap.Interface's.
func (d *deadlines) Push(x any) {
	r := x.(*request)
	r.index = len(*d)
	*d = append(*d, r)
}

func (d *deadlines) Pop() any {
	last := len(*d) - 1
	r := (*d)[last]
	(*d)[last] = nil
	*d = (*d)[:last]
	r.index = -1
	return r
}

func (d *deadlines) put(r *request) {
	if r.index >= 0 {
		heap.Fix(d, r.index)
		return
	}
	heap.Push(d, r)
}

func (d *deadlines) remove(r *request) {
	if r.index >= 0 {
		heap.Remove(d, r.index)
	}
}
