package gateway

import (
	"sync"

	"qmidle/internal/aaa"
)

const hashQueue = 512

// hashPool checks users' passwords on goroutines of its own: a flood of logins
// delays no key exchange.
type hashPool struct {
	work    chan aaa.Work
	done    chan hashed
	quit    chan struct{}
	workers sync.WaitGroup
}

type hashed struct {
	id uint64
	ok bool
}

func newHashPool(workers int) *hashPool {
	p := &hashPool{work: make(chan aaa.Work, hashQueue), done: make(chan hashed, hashQueue), quit: make(chan struct{})}
	for range max(1, workers) {
		p.workers.Go(p.run)
	}
	return p
}

// ask queues work; false says that there is too much.
func (p *hashPool) ask(w aaa.Work) bool {
	select {
	case p.work <- w:
		return true
	default:
		return false
	}
}

func (p *hashPool) run() {
	for {
		select {
		case <-p.quit:
			return
		case w := <-p.work:
			select {
			case p.done <- hashed{w.ID, check(w)}:
			case <-p.quit:
				return
			}
		}
	}
}

// check lets nobody pass by a fault.
func check(w aaa.Work) (ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	return w.Run()
}

// close ends the workers; what is in the queue stays without an outcome.
func (p *hashPool) close() {
	close(p.quit)
	p.workers.Wait()
}
