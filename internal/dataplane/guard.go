package dataplane

import (
	"errors"
	"fmt"
	"sync"

	"github.com/google/nftables"
	mdlnetlink "github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"qmidle/internal/ipsec"
)

// GuardTable is the nftables table `inet qmidle`, which keeps what the policy
// protects from passing in clear. It is not bound to the process: it stays
// when that is killed, and until Host.Release when it ends.
const GuardTable = "qmidle"

// Names within GuardTable, for `nft list table inet qmidle`.
const (
	counterIn  = "clear-in"  // came in clear where the policy wants IPsec
	counterOut = "clear-out" // would have left in clear
)

// ErrNoGuard says that nothing holds protected traffic back.
var ErrNoGuard = errors.New("dataplane: table inet " + GuardTable + " is not there")

// guard writes GuardTable. Its methods may be called from any goroutine.
type guard struct {
	mu   sync.Mutex
	nft  *nftables.Conn
	ours bool // the table in force was made by this process
}

// guardBuffer takes the largest policy and its acknowledgements.
const guardBuffer = 32 << 20

// openGuard opens the socket in the calling thread's network namespace.
func openGuard() (*guard, error) {
	nft, err := nftables.New(nftables.AsLasting(), nftables.WithSockOptions(func(c *mdlnetlink.Conn) error {
		return errors.Join(c.SetReadBuffer(guardBuffer), c.SetWriteBuffer(guardBuffer))
	}))
	if err != nil {
		return nil, fmt.Errorf("nftables: %w", err)
	}
	return &guard{nft: nft}, nil
}

func guardTable() *nftables.Table {
	return &nftables.Table{Family: nftables.TableFamilyINet, Name: GuardTable}
}

// set replaces the table by that of a policy, in one transaction: no packet
// sees none of the two. The counters go on. groups are the instances of its open
// lines.
func (g *guard) set(device string, entries []ipsec.PolicyEntry, groups []*group, running shape) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	var count GuardCounters
	if g.ours {
		var err error
		if count, err = g.counters(); err != nil && !errors.Is(err, ErrNoGuard) {
			return err
		}
	}
	g.emptyTable()
	p := guardPlan{nft: g.nft, table: guardTable(), device: device, kernel: running.kernel}
	p.write(entries, groups, count)
	p.writeClamps(running.clamps)
	p.writeClients(running.clients)
	errs := p.errs
	for _, x := range groups {
		errs = append(errs, p.addGroup(x))
	}
	if err := errors.Join(append(errs, g.flush())...); err != nil {
		return err
	}
	for _, x := range groups {
		x.forgetBlocked()
		x.blocked(x.wanted(), nil)
	}
	g.ours = true
	return nil
}

// emptyTable adds to the transaction that no table is there. One can only be
// deleted that exists.
func (g *guard) emptyTable() {
	g.nft.AddTable(guardTable())
	g.nft.DelTable(guardTable())
}

func (g *guard) flush() error {
	err := g.nft.Flush()
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EPROTONOSUPPORT) {
		return fmt.Errorf("nftables table inet %s: %w (the kernel needs nf_tables with fib, limit and log)", GuardTable, err)
	}
	if err != nil {
		return fmt.Errorf("nftables table inet %s: %w", GuardTable, err)
	}
	return nil
}

// shape is what of the table serves only a running gateway.
type shape struct {
	clamps  []MSSClamp
	clients []ClientNetwork
	kernel  bool // the kernel's own ESP passes
}

// dropShape removes it.
func (g *guard) dropShape() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	chains, err := g.nft.ListChainsOfTableFamily(nftables.TableFamilyINet)
	if err != nil {
		return fmt.Errorf("nftables: %w", err)
	}
	some := false
	for _, c := range chains {
		if c.Table.Name == GuardTable && (c.Name == clampChain || c.Name == translateChain) {
			g.nft.DelChain(c)
			some = true
		}
	}
	if some {
		return g.flush()
	}
	return nil
}

// remove takes the guard down. It is no error that there is none.
func (g *guard) remove() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ours = false
	g.emptyTable()
	return g.flush()
}

// GuardCounters are the packets that the guard has dropped, since the process
// has set it up.
type GuardCounters struct{ In, Out uint64 }

// counters fails with ErrNoGuard where the table is gone.
func (g *guard) counters() (c GuardCounters, err error) {
	objects, err := g.nft.GetObj(&nftables.CounterObj{Table: guardTable()})
	if err != nil {
		return c, fmt.Errorf("nftables counters: %w", err)
	}
	for _, o := range objects {
		x, ok := o.(*nftables.CounterObj)
		if !ok {
			continue
		}
		switch x.Name {
		case counterIn:
			c.In = x.Packets
		case counterOut:
			c.Out = x.Packets
		}
	}
	if len(objects) == 0 {
		return c, ErrNoGuard
	}
	return c, nil
}

func (g *guard) close() error { return g.nft.CloseLasting() }
