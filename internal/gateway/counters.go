package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"qmidle/internal/router"
)

// countersFile has the counters in the state directory; a file of that name and
// ".lock" says that a gateway writes it.
const countersFile = "counters.json"

// counterInterval is how often the counters are kept, at most: taking them costs the
// loop a hundredth of its time where there are many.
const counterInterval = time.Second

// bootIDFile changes with every boot of the host.
const bootIDFile = "/proc/sys/kernel/random/boot_id"

// counterStore keeps the counters over a restart of the gateway, not of the host:
// they count since its boot. The file is replaced in one step, and need not be on
// the disk for that: who reads it after a loss of power begins anew anyway.
type counterStore struct {
	file, boot string
	lock       *os.File
	busy       atomic.Bool // a write is under way
	writing    sync.WaitGroup
	last       []byte // that was written
	failed     func(error)
	due        time.Time
}

// keptCounters is what is in the file.
type keptCounters struct {
	Boot string `json:"boot"`
	router.Counted
}

// openCounters locks the store of a directory, which is made if need be. failed is
// told, on another goroutine, what could not be written.
func openCounters(dir string, failed func(error)) (*counterStore, error) {
	boot, err := os.ReadFile(bootIDFile)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	s := &counterStore{file: filepath.Join(dir, countersFile), boot: strings.TrimSpace(string(boot)), failed: failed}
	if s.lock, err = os.OpenFile(s.file+".lock", os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return nil, err
	}
	if err := unix.Flock(int(s.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(errors.New("another gateway has them in "+dir), s.lock.Close())
	}
	return s, nil
}

// load returns what was counted since the host's boot; nil for nothing.
func (s *counterStore) load() *router.Counted {
	text, err := os.ReadFile(s.file)
	var kept keptCounters
	if err != nil || json.Unmarshal(text, &kept) != nil || kept.Boot != s.boot {
		return nil
	}
	return &kept.Counted
}

// keep writes beside the caller; it leaves out what comes while the disk is slow.
func (s *counterStore) keep(c router.Counted) {
	if s.busy.Swap(true) {
		return
	}
	s.writing.Go(func() {
		if err := s.write(c); err != nil {
			s.failed(err)
		}
		s.busy.Store(false)
	})
}

func (s *counterStore) write(c router.Counted) error {
	text, err := json.Marshal(keptCounters{s.boot, c})
	if err != nil || bytes.Equal(text, s.last) {
		return err
	}
	next := s.file + ".new"
	if err = os.WriteFile(next, text, 0o600); err == nil {
		err = os.Rename(next, s.file)
	}
	if err != nil {
		_ = os.Remove(next) // a part of it may be there, and take room
		return err
	}
	s.last = text
	return nil
}

// close writes the last counters and gives the store up to another gateway.
func (s *counterStore) close(last router.Counted) error {
	s.writing.Wait()
	return errors.Join(s.write(last), s.lock.Close())
}

// openCounters opens the store of the state directory, and returns what is in it.
// A gateway without one only begins to count anew at its start.
func (g *Gateway) openCounters() *router.Counted {
	if g.opts.State == "" {
		return nil
	}
	s, err := openCounters(g.opts.State, func(err error) {
		g.tell(func(now time.Time) (out router.Output) {
			g.notices.tell(now, "counters", "the counters are not kept over a restart: %s", plainly(err))
			return out
		})
	})
	if err != nil {
		g.warnings = append(g.warnings, fmt.Sprintf("the counters are not kept over a restart: %s", plainly(err)))
		return nil
	}
	g.counters = s
	return s.load()
}

// closeCounters keeps the last ones.
func (g *Gateway) closeCounters() error {
	if g.counters == nil {
		return nil
	}
	if g.router == nil { // it did not begin
		return g.counters.lock.Close()
	}
	if err := g.counters.close(g.router.Counted()); err != nil {
		return &OperatorError{Message: "the counters are not kept over a restart: " + plainly(err)}
	}
	return nil
}

// keepCounters keeps them when it is time.
func (g *Gateway) keepCounters(now time.Time) {
	if g.counters == nil || now.Before(g.counters.due) {
		return
	}
	counted := g.router.Counted()
	g.adapter.forget()
	g.counters.due = now.Add(max(counterInterval, 100*time.Since(now)))
	g.counters.keep(counted)
}
