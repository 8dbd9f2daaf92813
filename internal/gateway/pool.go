package gateway

import (
	"errors"
	"sync"

	"qmidle/internal/ike"
)

const questionQueue = 512

var (
	errBusy  = errors.New("too many key exchanges at once")
	errPanic = errors.New("the key exchange failed inside")
)

// pool computes, of Diffie-Hellman and of signatures, on a fixed number of
// goroutines.
type pool struct {
	questions chan ike.Question
	answers   chan answer
	quit      chan struct{}
	workers   sync.WaitGroup
}

type answer struct {
	id     uint64
	result ike.Answer
}

func newPool(workers int) *pool {
	p := &pool{questions: make(chan ike.Question, questionQueue), answers: make(chan answer, questionQueue), quit: make(chan struct{})}
	for range max(1, workers) {
		p.workers.Go(p.work)
	}
	return p
}

// ask queues a question; false says that there are too many.
func (p *pool) ask(q ike.Question) bool {
	select {
	case p.questions <- q:
		return true
	default:
		return false
	}
}

func (p *pool) work() {
	for {
		select {
		case <-p.quit:
			return
		case q := <-p.questions:
			select {
			case p.answers <- answer{q.ID, compute(q)}:
			case <-p.quit:
				return
			}
		}
	}
}

// compute answers a question, whatever the peer's value does to the
// arithmetic.
func compute(q ike.Question) (r ike.Answer) {
	defer func() {
		if recover() != nil {
			r = ike.DHResult{Err: errPanic}
		}
	}()
	return q.Run()
}

// close ends the workers; questions in the queue stay without an answer.
func (p *pool) close() {
	close(p.quit)
	p.workers.Wait()
}
