package gateway

import (
	"fmt"
	"sync"
	"time"

	"qmidle/internal/ike"
	"qmidle/internal/router"
)

// maxCrew bounds the engines of a gateway: what is not theirs stays the loop's, so that
// more would wait for it.
const maxCrew = 8

// crew handles the engines' shares of a batch at the same time, one on the loop's own
// goroutine. Between batches its goroutines wait, and the router is the loop's.
type crew struct {
	shares chan *ike.Share
	busy   sync.WaitGroup
	mates  sync.WaitGroup

	mu     sync.Mutex
	faults []fault
}

// fault is a panic that was contained.
type fault struct{ what, why, where string }

func newCrew(engines int) *crew {
	c := &crew{shares: make(chan *ike.Share)}
	for range engines - 1 {
		c.mates.Go(func() {
			for s := range c.shares {
				c.handle(s)
				c.busy.Done()
			}
		})
	}
	return c
}

// run handles shares, no more than there are engines, and returns what panicked.
func (c *crew) run(shares []*ike.Share) []fault {
	for _, s := range shares[1:] {
		c.busy.Add(1)
		c.shares <- s
	}
	c.handle(shares[0])
	c.busy.Wait()
	faults := c.faults
	c.faults = nil
	return faults
}

func (c *crew) handle(s *ike.Share) {
	for c.handleNext(s) {
	}
}

// handleNext is the last net below a fault in an engine: the input is lost, the others
// are not.
func (c *crew) handleNext(s *ike.Share) (more bool) {
	defer func() {
		if why := recover(); why != nil {
			f := fault{describe(s.Handled()), fmt.Sprint(why), faultLine()}
			c.mu.Lock()
			c.faults = append(c.faults, f)
			c.mu.Unlock()
			more = true
		}
	}()
	return s.Handle()
}

func describe(in ike.Input) string {
	if in.Question != 0 {
		return "a key exchange"
	}
	return "a message from " + in.Remote.String()
}

func (c *crew) close() {
	close(c.shares)
	c.mates.Wait()
}

func (d datagram) input() ike.Input { return ike.Input{Local: d.local, Remote: d.remote, Data: d.data} }

func (a answer) input() ike.Input { return ike.Input{Question: a.id, Answer: a.result} }

// batchSize is how many inputs of an engine are handled at a time.
const batchSize = 32

// handleInputs gives an input to the router, and those that wait in its queue and with
// answers.
func (g *Gateway) handleInputs(first ike.Input, queue <-chan datagram) {
	g.batch = append(g.batch[:0], first)
	for full := false; !full && len(g.batch) < batchSize*g.engines; {
		select {
		case d := <-queue:
			g.batch = append(g.batch, d.input())
		case a := <-g.pool.answers:
			g.batch = append(g.batch, a.input())
		default:
			full = true
		}
	}
	if g.engines == 1 || len(g.batch) == 1 {
		g.handleOneByOne()
	} else {
		g.handleAtOnce()
	}
	g.conclude()
	clear(g.batch)
}

func (g *Gateway) handleOneByOne() {
	for _, in := range g.batch {
		g.carry(g.containInput(in))
		for g.settle() {
		}
	}
}

// containInput is contain for an input whose name is made only if need be.
func (g *Gateway) containInput(in ike.Input) (out router.Output) {
	defer g.rescue(func() string { return describe(in) }, &out)
	if in.Question != 0 {
		return g.router.Answer(time.Now(), in.Question, in.Answer)
	}
	return g.router.Datagram(time.Now(), in.Local, in.Remote, in.Data)
}

// handleAtOnce has the engines handle what is theirs at the same time.
func (g *Gateway) handleAtOnce() {
	for _, f := range g.crew.run(g.router.Spread(time.Now(), g.batch)) {
		g.tellFault(f.what, f.why, f.where)
	}
	g.carry(g.contain("what messages have caused", func(time.Time) router.Output { return g.router.Gather() }))
	for g.settle() {
	}
}
