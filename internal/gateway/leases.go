package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"qmidle/internal/aaa"
	"qmidle/internal/router"
)

// leaseFile is the name of the store in the state directory.
const leaseFile = "leases.db"

// leaseStore keeps the addresses of clients over a restart, so that a client
// that comes again has its own. It writes beside the loop: what a crash loses is
// who had an address in the last moments. What cannot be written waits until it can.
type leaseStore struct {
	dir     string
	db      *bolt.DB // nil until it can be opened; the writer's, once that runs
	mu      sync.Mutex
	changed map[leaseKey]aaa.Lease
	wake    chan struct{}
	done    chan struct{}
	failed  func(error)
}

// leaseRetry is the time between two tries to write what could not be.
const leaseRetry = 5 * time.Second

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

// newLeaseStore makes the store of a directory. failed is told, on another goroutine,
// what could not be written.
func newLeaseStore(dir string, failed func(error)) *leaseStore {
	return &leaseStore{dir: dir, changed: map[leaseKey]aaa.Lease{}, wake: make(chan struct{}, 1), done: make(chan struct{}), failed: failed}
}

var errOtherGateway = errors.New("another gateway has the state")

// open opens the database; the directory is made if need be. One that is damaged,
// as a full disk may have left it, is put aside.
func (s *leaseStore) open() (err error) {
	if s.db != nil {
		return nil
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	file := filepath.Join(s.dir, leaseFile)
	_, missing := os.Stat(file)
	s.db, err = openBolt(file, bolt.Options{})
	if damaged(err) {
		if err = os.Rename(file, file+".damaged"); err == nil {
			s.db, err = openBolt(file, bolt.Options{})
		}
	}
	if err != nil && missing != nil {
		_ = os.Remove(file) // a part of it may be there
	}
	return err
}

// openBolt opens a database; bolt panics for some that are damaged.
func openBolt(file string, o bolt.Options) (db *bolt.DB, err error) {
	defer func() {
		if recover() != nil {
			db, err = nil, bolterrors.ErrInvalid
		}
	}()
	o.Timeout = time.Second
	db, err = bolt.Open(file, 0o600, &o)
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, errOtherGateway
	}
	return db, err
}

// damaged says whether an error is of what is in the file, not of the host.
func damaged(err error) bool {
	var number syscall.Errno
	return err != nil && !errors.As(err, &number) && !errors.Is(err, errOtherGateway)
}

// load returns the leases by pool. What cannot be read is left out: it is a
// convenience that is lost. A disk that cannot be written can still be read.
func (s *leaseStore) load() (map[string][]aaa.Lease, error) {
	db := s.db
	if db == nil {
		file := filepath.Join(s.dir, leaseFile)
		if _, err := os.Stat(file); err != nil {
			return nil, nil
		}
		var err error
		if db, err = openBolt(file, bolt.Options{ReadOnly: true}); err != nil {
			return nil, err
		}
		defer db.Close()
	}
	all := map[string][]aaa.Lease{}
	err := db.View(func(tx *bolt.Tx) error {
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
// what is in it. A gateway without address pools needs none. A disk that is full or
// cannot be written keeps no tunnel down: the leases are kept when it can be.
func (g *Gateway) openLeases() (map[string][]aaa.Lease, error) {
	if g.opts.State == "" || len(g.opts.Config.Pools) == 0 {
		return nil, nil
	}
	s := g.newLeases()
	err := s.open()
	if errors.Is(err, errOtherGateway) {
		return nil, &OperatorError{"another gateway has the state in " + g.opts.State, "stop it first, or name another directory by --state"}
	}
	if err != nil {
		g.warnings = append(g.warnings, fmt.Sprintf("the addresses of clients are not kept over a restart until %s can be written: %s", g.opts.State, plainly(err)))
	}
	leases, err := s.load()
	if err != nil {
		g.warnings = append(g.warnings, fmt.Sprintf("the addresses that clients had are not known: %s", plainly(err)))
	}
	g.leases = s
	go s.write()
	return leases, nil
}

func (g *Gateway) newLeases() *leaseStore {
	return newLeaseStore(g.opts.State, func(err error) {
		g.tell(func(now time.Time) (out router.Output) {
			g.notices.tell(now, "leases", "the addresses of clients are not kept until they can be written: %s", plainly(err))
			return out
		})
	})
}

// keepLeases keeps changes. The first one of a pool that was configured meanwhile
// makes the store.
func (g *Gateway) keepLeases(changes []aaa.LeaseChange) {
	if len(changes) == 0 || g.opts.State == "" {
		return
	}
	if g.leases == nil {
		g.leases = g.newLeases()
		go g.leases.write()
	}
	g.leases.put(changes)
}

// write writes what has changed, all that has come together at once.
func (s *leaseStore) write() {
	defer close(s.done)
	var again <-chan time.Time
	for {
		select {
		case _, ok := <-s.wake:
			if !ok {
				return
			}
		case <-again:
		}
		again = nil
		if err := s.flush(); err != nil {
			s.failed(err)
			again = time.After(leaseRetry)
		}
	}
}

// flush writes what has changed. After an error that is still to be written, but for
// what has changed again.
func (s *leaseStore) flush() error {
	s.mu.Lock()
	changed := s.changed
	s.changed = map[leaseKey]aaa.Lease{}
	s.mu.Unlock()
	if len(changed) == 0 {
		return nil
	}
	err := s.open()
	if err == nil {
		err = s.db.Update(func(tx *bolt.Tx) error { return putLeases(tx, changed) })
	}
	if err != nil {
		s.mu.Lock()
		for at, l := range changed {
			if _, newer := s.changed[at]; !newer {
				s.changed[at] = l
			}
		}
		s.mu.Unlock()
	}
	return err
}

func putLeases(tx *bolt.Tx, changed map[leaseKey]aaa.Lease) error {
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
}

// close writes what is left.
func (s *leaseStore) close() error {
	close(s.wake)
	<-s.done
	err := s.flush()
	if s.db != nil {
		err = errors.Join(err, s.db.Close())
	}
	if err != nil {
		return &OperatorError{Message: "the addresses of clients are not kept: " + plainly(err)}
	}
	return nil
}
