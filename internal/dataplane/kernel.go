package dataplane

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"qmidle/internal/dataplane/xfrm"
	"qmidle/internal/ipsec"
)

// KernelConfig is what a Kernel needs to know. Zero values mean the defaults.
type KernelConfig struct {
	Device string
	// InterfaceID has packets led into an xfrm interface, which is made for it. With 0
	// policies find packets wherever they leave.
	InterfaceID uint32
	// Grace is how long a state outlives its lifetime when its owner does not remove it,
	// in whole seconds; a minute by default.
	Grace  time.Duration
	Events Events
	Now    func() time.Time
}

// Kernel is the Backend that leaves ESP to the Linux kernel: SAs become states,
// and the lines of the policy become policies, all by netlink (XFRM). Those of
// other programs are neither touched nor looked at.
//
// A line without an SA has a policy all the same, which drops the packet and asks for
// an SA. Behind the policies stands GuardTable, as with Userspace.
type Kernel struct {
	cfg  KernelConfig
	host *Host
	conn *xfrm.Conn
	log  *guardLog
	life net.Listener // with an xfrm interface
	tun  *os.File     // without one: the device that has the clients' addresses, and shows that a gateway runs

	teller
	watch    hostWatch
	acquires acquireLimits

	mu       sync.Mutex
	looked   time.Time // when Packets had the counters read
	sas      map[SAKey]*kernelSA
	byState  map[xfrm.ID]*kernelSA
	outer    ipsec.OuterPolicy
	policies kernelPolicies
	gone     goneCounters
	removed  map[xfrm.ID]time.Time // lately
	asked    map[uint32]bool       // reqids that the kernel has asked for SAs of, lately

	loops   sync.WaitGroup
	closing sync.Once
	closed  chan struct{}
	space   namespace
}

var _ Backend = (*Kernel)(nil)

// HasKernelESP says whether the kernel does ESP for the calling thread's network
// namespace; the error says why not.
func HasKernelESP() error {
	conn, err := xfrm.Open()
	if err != nil {
		return err
	}
	return errors.Join(conn.HasESP(reqidFirst), conn.Close())
}

// OpenKernel begins in the calling thread's network namespace. It needs
// CAP_NET_ADMIN. States that an earlier run has left are removed, for nobody knows
// their peers any more; its policies hold until SetPolicies replaces them. host is the
// owner's to close, after the Kernel.
func OpenKernel(host *Host, cfg KernelConfig) (*Kernel, error) {
	if cfg.Device == "" {
		cfg.Device = DefaultDevice
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Grace == 0 {
		cfg.Grace = defaultGrace
	}
	host.leaveToKernel(cfg.InterfaceID != 0)
	k := &Kernel{cfg: cfg, host: host, closed: make(chan struct{}), sas: map[SAKey]*kernelSA{}, byState: map[xfrm.ID]*kernelSA{}, asked: map[uint32]bool{}, removed: map[xfrm.ID]time.Time{},
		teller: teller{events: cfg.Events, device: cfg.Device, now: cfg.Now}, acquires: newAcquireLimits()}
	if err := k.open(); err != nil {
		return nil, errors.Join(err, k.closeAll())
	}
	return k, nil
}

func (k *Kernel) open() (err error) {
	if k.space, err = openNamespace(); err != nil {
		return err
	}
	if k.conn, err = xfrm.Open(); err != nil {
		return err
	}
	if k.log, err = openGuardLog(); err != nil {
		return err
	}
	if err := k.openDevice(); err != nil {
		return err
	}
	if err := removeStates(k.conn); err != nil {
		return err
	}
	if k.policies, err = readPolicies(k.conn, k.cfg.InterfaceID); err != nil {
		return err
	}
	k.watch = hostWatch{teller: &k.teller, host: k.host, space: k.space, closed: k.closed, refreshPaths: k.refreshPaths, remake: k.remakeDevice}
	changes, err := subscribe(k.closed)
	if err != nil {
		return err
	}
	k.loops.Go(func() { k.watch.follow(changes) })
	k.loops.Go(k.askAgain)
	k.loops.Go(func() { k.log.receive(k.tellGuarded, k.shown) })
	k.loops.Go(func() { k.conn.Receive(xfrm.Events{Acquire: k.acquire, Expire: k.expire, Mapping: k.mapping}) })
	return nil
}

func (k *Kernel) openDevice() (err error) {
	if err := removeInterface(k.host.netlink, k.cfg.Device); err != nil {
		return err
	}
	if k.cfg.InterfaceID != 0 {
		return k.openInterface()
	}
	return k.makeTUN()
}

func (k *Kernel) makeTUN() (err error) {
	if k.tun, err = openTUN(k.cfg.Device); err != nil {
		return fmt.Errorf("TUN device %s: %w", k.cfg.Device, err)
	}
	return k.host.raise(k.cfg.Device)
}

// remakeDevice makes the device anew when somebody has deleted it. Until then packets that
// are led into it find the routes' blackhole.
func (k *Kernel) remakeDevice() {
	again := k.makeInterface
	if k.life == nil {
		again = k.remakeTUN
	}
	err := k.space.do(again)
	if err == nil {
		err = k.host.Renew(k.cfg.Device)
	}
	k.tellDevice(err)
}

// remakeTUN closes the file first: it holds the device's name no longer, but its memory.
func (k *Kernel) remakeTUN() error {
	if k.tun != nil {
		_ = k.tun.Close()
		k.tun = nil
	}
	return k.makeTUN()
}

// isOurs says whether a state or a template is a gateway's.
func isOurs(reqid uint32) bool { return reqid >= reqidFirst && reqid < reqidEnd }

func removeStates(conn *xfrm.Conn) error {
	states, err := conn.States()
	if err != nil {
		return fmt.Errorf("list the kernel's SAs: %w", err)
	}
	errs := []error{conn.Withdraw(isOurs)}
	for _, s := range states {
		if !isOurs(s.Reqid) || s.SPI == 0 {
			continue
		}
		if err := conn.DeleteState(s.ID); err != nil && !errors.Is(err, unix.ESRCH) {
			errs = append(errs, fmt.Errorf("remove SA 0x%X of the kernel: %w", s.SPI, err))
		}
	}
	return errors.Join(errs...)
}

// Close implements Backend. The guard stays, as it does with Userspace.
func (k *Kernel) Close() error {
	var err error
	k.closing.Do(func() {
		err = errors.Join(removeStates(k.conn), removePolicies(k.conn), k.host.RemovePolicy(), k.closeAll())
	})
	return err
}

func (k *Kernel) closeAll() error {
	close(k.closed)
	var errs []error
	if k.conn != nil {
		errs = append(errs, k.conn.Close())
	}
	if k.log != nil {
		errs = append(errs, k.log.close())
	}
	k.loops.Wait()
	errs = append(errs, k.closeInterface())
	if k.tun != nil {
		errs = append(errs, k.tun.Close())
	}
	if k.space.file != nil {
		errs = append(errs, k.space.close())
	}
	return errors.Join(errs...)
}

// Install implements Backend.
func (k *Kernel) Install(sas ...ipsec.SAParams) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	for i, p := range sas {
		if err := k.install(p); err != nil {
			for _, done := range sas[:i] {
				_ = k.remove(SAKeyOf(done.Direction, done.SPI, done.Remote))
			}
			return fmt.Errorf("install %v SA 0x%X: %w", p.Direction, p.SPI, err)
		}
	}
	return nil
}

func (k *Kernel) install(p ipsec.SAParams) error {
	if !p.Local.Is4() || !p.Remote.Is4() {
		return &ipsec.ParamError{Field: "Local, Remote", Reason: "not IPv4"}
	}
	key := SAKeyOf(p.Direction, p.SPI, p.Remote)
	if k.sas[key] != nil {
		return ipsec.ErrSPIInUse
	}
	plain, err := ipsec.NewSA(forgetKeys(p), rand.Reader)
	if err != nil {
		return err
	}
	state, err := stateOf(p, plain, k.cfg.Grace, k.outer, k.policies.reqidOf(p.Tag), k.policies.ifID)
	if err != nil {
		return err
	}
	if err := k.conn.AddState(state); err != nil {
		return err
	}
	sa := &kernelSA{SA: plain}
	if err := k.policies.follow(k.conn, p); err != nil {
		return errors.Join(err, k.conn.DeleteState(state.ID))
	}
	k.sas[key], k.byState[sa.stateID()] = sa, sa
	if p.Direction == ipsec.Outbound {
		k.refreshPath(sa)
	}
	return nil
}

// Remove implements Backend.
func (k *Kernel) Remove(d ipsec.Direction, spi uint32, remote netip.Addr) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.remove(SAKeyOf(d, spi, remote))
}

func (k *Kernel) remove(key SAKey) error {
	sa := k.sas[key]
	if sa == nil {
		return ErrNoSA
	}
	if last, err := k.conn.State(sa.stateID()); err == nil {
		sa.seen = last
	}
	k.gone.add(sa)
	delete(k.sas, key)
	delete(k.byState, sa.stateID())
	k.rememberRemoved(sa.stateID())
	// One that has reached its end is gone already.
	if err := k.conn.DeleteState(sa.stateID()); err != nil && !errors.Is(err, unix.ESRCH) {
		return err
	}
	return nil
}

// SetPolicies implements Backend. The guard's table changes first: what the new
// policy selects does not leave in clear from then on.
func (k *Kernel) SetPolicies(entries []ipsec.PolicyEntry) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	places, err := placesOf(entries)
	if err != nil {
		return err
	}
	old := k.host.policy
	if err := k.host.SetRules(k.cfg.Device, entries); err != nil {
		return err
	}
	if err := k.policies.set(k.conn, places); err != nil {
		return errors.Join(err, k.host.SetRules(k.cfg.Device, old))
	}
	return nil
}

// AddInstance implements Backend.
func (k *Kernel) AddInstance(template uint32, entry ipsec.PolicyEntry) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.host.AddInstance(k.cfg.Device, template, entry); err != nil {
		return err
	}
	if err := k.policies.addInstance(k.conn, template, entry); err != nil {
		return errors.Join(err, k.host.RemoveInstance(k.cfg.Device, entry.Tag))
	}
	return nil
}

// RemoveInstance implements Backend.
func (k *Kernel) RemoveInstance(tag uint32) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.acquires.forget(keyOf(k.policies.instances[tag].entry))
	return errors.Join(k.policies.removeInstance(k.conn, tag), k.host.RemoveInstance(k.cfg.Device, tag))
}

// SetOuterPolicy holds for SAs to come. The kernel always fragments behind
// encryption, and cannot set DF where the packet inside has it not.
func (k *Kernel) SetOuterPolicy(o ipsec.OuterPolicy) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.outer = o
	return nil
}

// SetClients replaces what VPN servers have given, as Host.SetClients does.
func (k *Kernel) SetClients(clients []ClientNetwork) error {
	return k.host.SetClients(k.cfg.Device, clients)
}

// SetMSSClamps replaces the clamps of TCP's maximum segment size.
func (k *Kernel) SetMSSClamps(clamps []MSSClamp) error {
	return k.host.SetMSSClamps(k.cfg.Device, clamps)
}

// ReceiveUDP takes what the kernel has left of what came to a UDP socket and is not
// IKE, which is nothing of use.
func (k *Kernel) ReceiveUDP(from, to netip.AddrPort, tos uint8, datagrams [][]byte) {}

func (k *Kernel) refreshPaths() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, sa := range k.sas {
		if sa.Direction() == ipsec.Outbound {
			k.refreshPath(sa)
		}
	}
}

// refreshPath is for what is shown: the kernel knows the paths by itself.
func (k *Kernel) refreshPath(sa *kernelSA) {
	if mtu, err := k.host.PathMTU(sa.Params().Remote); err == nil {
		sa.SetPathMTU(mtu)
	}
}
