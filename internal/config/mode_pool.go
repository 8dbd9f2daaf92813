package config

import (
	"net/netip"
	"slices"
)

// poolNodes follow `ip local pool`.
var poolNodes = []*node{
	{Kind: Word, Text: "WORD", Arg: "pool", Help: "Create named local address pool", No: noPool, Next: []*node{
		{Kind: Address, Text: "A.B.C.D", Arg: "low", Help: "First IP address of range", Do: addPoolRange, No: noPoolRange, Next: slices.Concat([]*node{
			{Kind: Address, Text: "A.B.C.D", Arg: "high", Help: "Last IP address of range", Do: addPoolRange, No: noPoolRange, Next: poolOptions},
		}, poolOptions)},
	}},
}

var poolOptions = []*node{
	{Text: "cache-size", Help: "Number of free entries to search", Unsupported: "the size of a pool's cache"},
	{Text: "group", Help: "Create ip local pool group", Unsupported: "a group of local address pools"},
	{Text: "recycle", Help: "Recycle specification", Next: []*node{
		{Text: "delay", Help: "Seconds that an address rests before it is given again", Next: []*node{
			{Kind: Number, Lo: 0, Hi: 3600, Arg: "recycle", Help: "Seconds", Do: addPoolRange},
		}},
	}},
}

const (
	// maxPoolAddresses is how many addresses a pool may have.
	maxPoolAddresses = 1 << 20
	maxPoolRanges    = 64
)

func poolMark(name string) string { return "local pool " + name }

func poolRange(a Args) PoolRange {
	r := PoolRange{Low: a.Addr("low"), High: a.Addr("low")}
	if a.Has("high") {
		r.High = a.Addr("high")
	}
	return r
}

// Size is how many addresses the range has.
func (r PoolRange) Size() int { return int(uint4(r.High)-uint4(r.Low)) + 1 }

func (r PoolRange) overlaps(o PoolRange) bool {
	return !r.High.Less(o.Low) && !o.High.Less(r.Low)
}

// Contains says whether an address is in the range.
func (r PoolRange) Contains(a netip.Addr) bool {
	return a.Is4() && !a.Less(r.Low) && !r.High.Less(a)
}

// addPoolRange reads `ip local pool`, whose lines add up.
func addPoolRange(e *Editor, a Args) *Problem {
	r := poolRange(a)
	switch {
	case r.High.Less(r.Low):
		return &Problem{Code: CodeValue, Arg: "high", Message: "%Bad range, the last address comes before the first"}
	case !unicast(r.Low) || !unicast(r.High):
		return &Problem{Code: CodeValue, Arg: "low", Message: "% Invalid IP address: clients have unicast addresses"}
	case r.Size() > maxPoolAddresses:
		return &Problem{Code: CodeValue, Arg: "high", Message: "%Bad range, a pool has 1048576 addresses at most"}
	}
	p := e.cfg.Pool(a.Text("pool"))
	if p == nil {
		p = &Pool{Name: a.Text("pool")}
	}
	if !slices.Contains(p.Ranges, r) {
		if problem := p.refuses(r); problem != nil {
			return problem
		}
		p.Ranges = append(p.Ranges, r)
	}
	if a.Has("recycle") {
		p.Recycle = seconds(a, "recycle")
	}
	if e.cfg.Pool(p.Name) == nil {
		e.cfg.Pools = append(e.cfg.Pools, p)
	}
	e.remember(poolMark(p.Name), a, "pool")
	return nil
}

// refuses says why a range cannot be one more of the pool's.
func (p *Pool) refuses(r PoolRange) *Problem {
	if len(p.Ranges) == maxPoolRanges {
		return &Problem{Code: CodeValue, Arg: "low", Message: "a pool takes 64 ranges at most"}
	}
	total := r.Size()
	for _, o := range p.Ranges {
		if r.overlaps(o) {
			return &Problem{Code: CodeValue, Arg: "low", Message: "%Bad range, it overlaps " + o.Low.String() + " to " + o.High.String()}
		}
		if total += o.Size(); total > maxPoolAddresses {
			return &Problem{Code: CodeValue, Arg: "low", Message: "%Bad range, a pool has 1048576 addresses at most"}
		}
	}
	return nil
}

func noPool(e *Editor, a Args) *Problem {
	before := len(e.cfg.Pools)
	e.cfg.Pools = slices.DeleteFunc(e.cfg.Pools, func(p *Pool) bool { return p.Name == a.Text("pool") })
	if len(e.cfg.Pools) == before {
		return &Problem{Code: CodeReference, Arg: "pool", Message: "there is no such pool"}
	}
	return nil
}

func noPoolRange(e *Editor, a Args) *Problem {
	p := e.cfg.Pool(a.Text("pool"))
	if p == nil || !slices.Contains(p.Ranges, poolRange(a)) {
		return &Problem{Code: CodeReference, Arg: "low", Message: "the pool has no such range"}
	}
	p.Ranges = slices.DeleteFunc(p.Ranges, func(o PoolRange) bool { return o == poolRange(a) })
	if len(p.Ranges) == 0 {
		return noPool(e, a)
	}
	return nil
}
