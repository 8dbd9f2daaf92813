package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"

	"qmidle/internal/aaa"
	"qmidle/internal/router"
)

// leaseFile is the name of the store in the state directory.
const leaseFile = "leases.db"

// leaseStore keeps the addresses of clients over a restart, so that a client
// that comes again has its own. It writes beside the loop: what a crash loses is
// who had an address in the last moments.
type leaseStore struct {
	db      *bolt.DB
	mu      sync.Mutex
	changed map[leaseKey]aaa.Lease
	wake    chan struct{}
	done    chan struct{}
	failed  func(error)
}

type leaseKey struct {
	pool string
	addr netip.Addr
}

// keptLease is a lease as the store has it: JSON, by pool and address.
type keptLease struct {
	Owner string    `json:"owner"`
	Since time.Time `json:"since"`
	InUse bool      `json:"in_use"`
}

// openLeases opens the store of a directory, which is made if need be. An error
// is for the operator. failed is told, on another goroutine, what could not be
// written.
func openLeases(dir string, failed func(error)) (*leaseStore, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, stateError(dir, err)
	}
	db, err := bolt.Open(filepath.Join(dir, leaseFile), 0o600, &bolt.Options{Timeout: time.Second})
	if errors.Is(err, bolt.ErrTimeout) {
		return nil, &OperatorError{"another gateway has the state in " + dir, "stop it first, or name another directory by --state"}
	}
	if err != nil {
		return nil, stateError(dir, err)
	}
	s := &leaseStore{db: db, changed: map[leaseKey]aaa.Lease{}, wake: make(chan struct{}, 1), done: make(chan struct{}), failed: failed}
	go s.write()
	return s, nil
}

func stateError(dir string, err error) error {
	return &OperatorError{fmt.Sprintf("the state in %s cannot be kept: %s", dir, plainly(err)), "name a directory that can be written by --state"}
}

// load returns the leases by pool. What cannot be read is left out: it is a
// convenience that is lost.
func (s *leaseStore) load() (map[string][]aaa.Lease, error) {
	all := map[string][]aaa.Lease{}
	err := s.db.View(func(tx *bolt.Tx) error {
		return tx.ForEach(func(pool []byte, b *bolt.Bucket) error {
			return b.ForEach(func(key, value []byte) error {
				addr, ok := netip.AddrFromSlice(key)
				var kept keptLease
				if ok && json.Unmarshal(value, &kept) == nil {
					all[string(pool)] = append(all[string(pool)], aaa.Lease{Addr: addr, Owner: kept.Owner, Since: kept.Since, InUse: kept.InUse})
				}
				return nil
			})
		})
	})
	return all, err
}

// put keeps changes, without waiting for the disk.
func (s *leaseStore) put(changes []aaa.LeaseChange) {
	if len(changes) == 0 {
		return
	}
	s.mu.Lock()
	for _, c := range changes {
		s.changed[leaseKey{c.Pool, c.Lease.Addr}] = c.Lease
	}
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// openLeases opens the store of the state directory, if there is one, and returns
// what is in it. A gateway without address pools needs none.
func (g *Gateway) openLeases() (map[string][]aaa.Lease, error) {
	if g.opts.State == "" || len(g.opts.Config.Pools) == 0 {
		return nil, nil
	}
	if err := g.openStore(); err != nil {
		return nil, err
	}
	return g.leases.load()
}

func (g *Gateway) openStore() (err error) {
	g.leases, err = openLeases(g.opts.State, func(err error) {
		g.tell(func(now time.Time) (out router.Output) {
			g.notices.tell(now, "leases", "the addresses of clients are not kept: %s", plainly(err))
			return out
		})
	})
	return err
}

// keepLeases keeps changes. The first one of a pool that was configured meanwhile
// opens the store; where that fails, none are kept.
func (g *Gateway) keepLeases(changes []aaa.LeaseChange) {
	if len(changes) == 0 || g.opts.State == "" {
		return
	}
	if g.leases == nil {
		if err := g.openStore(); err != nil {
			g.say("the addresses of clients are not kept: %v", err)
			g.opts.State = ""
			return
		}
	}
	g.leases.put(changes)
}

// write writes what has changed, all that has come together at once.
func (s *leaseStore) write() {
	defer close(s.done)
	for range s.wake {
		s.flush()
	}
	s.flush()
}

func (s *leaseStore) flush() {
	s.mu.Lock()
	changed := s.changed
	s.changed = map[leaseKey]aaa.Lease{}
	s.mu.Unlock()
	if len(changed) == 0 {
		return
	}
	err := s.db.Update(func(tx *bolt.Tx) error {
		for at, l := range changed {
			b, err := tx.CreateBucketIfNotExists([]byte(at.pool))
			if err != nil {
				return err
			}
			value, err := json.Marshal(keptLease{l.Owner, l.Since, l.InUse})
			if err == nil {
				err = b.Put(at.addr.AsSlice(), value)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		s.failed(err)
	}
}

// close writes what is left.
func (s *leaseStore) close() error {
	close(s.wake)
	<-s.done
	return s.db.Close()
}
