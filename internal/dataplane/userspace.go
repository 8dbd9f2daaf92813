package dataplane

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"qmidle/internal/ipsec"
)

// DefaultDevice is the name of the TUN device.
const DefaultDevice = "qmidle0"

// DefaultMTU is the TUN device's: what fits a path of 1,500 octets with every
// transform, AES-CBC with HMAC-SHA-512 in UDP being the largest. An SA that has
// less room is handled packet by packet.
const DefaultMTU = 1406

// wideMTU lets a whole Ethernet packet into the device, to be fragmented when
// it is sealed.
const wideMTU = 1500

// UserspaceConfig is what a Userspace needs to know. Zero values mean the
// defaults.
type UserspaceConfig struct {
	Device     string
	MTU        int     // octets of an IP packet
	SendUDP    SendUDP // nil: SAs with UDP encapsulation cannot be installed
	Events     Events
	QueueLimit int // packets that wait for an SA, for each line of the policy
	Random     io.Reader
	Now        func() time.Time
	Cores      int // that packets of many SAs are spread over; 0 for as many as Go runs goroutines at once
}

// Userspace is the Backend that does ESP in this process.
//
// One goroutine reads the TUN device and one the raw socket, and each UDP
// socket's reader calls ReceiveUDP. With many SAs they pass the work on to
// lanes. All these share no lock but the TUN device's own, for writing a batch,
// and an SA's, should two of them meet at one.
type Userspace struct {
	cfg  UserspaceConfig
	host *Host
	tun  atomic.Pointer[device]
	raw  *rawESP
	log  *guardLog

	processor *ipsec.Processor
	writers   sync.Mutex    // the Processor takes one at a time
	mtu       atomic.Int32  // of the TUN device
	installs  atomic.Uint64 // outbound SAs installed so far
	queue     *acquireQueue

	out, in *lanes // towards the network, and from it

	teller
	watch hostWatch

	keepalives atomic.Uint64
	outBatches sync.Pool
	inBatches  sync.Pool
	loops      sync.WaitGroup
	closing    sync.Once
	closed     chan struct{}
	space      namespace
}

var _ Backend = (*Userspace)(nil)

// OpenUserspace makes the TUN device and the sockets in the calling thread's
// network namespace and begins to move packets. It needs CAP_NET_ADMIN and
// CAP_NET_RAW. host is the owner's to close, after the Userspace.
func OpenUserspace(host *Host, cfg UserspaceConfig) (*Userspace, error) {
	cfg.setDefaults()
	u := &Userspace{cfg: cfg, host: host, processor: ipsec.NewProcessor(cfg.Random), queue: newAcquireQueue(cfg.QueueLimit), closed: make(chan struct{}),
		teller: teller{events: cfg.Events, device: cfg.Device, now: cfg.Now}}
	u.mtu.Store(int32(cfg.MTU))
	u.outBatches.New = func() any { return newOutBatch() }
	u.inBatches.New = func() any { return newInBatch() }
	var err error
	if err := removeRemains(host); err != nil {
		return nil, err
	}
	if u.space, err = openNamespace(); err != nil {
		return nil, err
	}
	if u.raw, err = openRawESP(); err != nil {
		return nil, errors.Join(err, u.space.close())
	}
	if u.log, err = openGuardLog(); err != nil {
		return nil, errors.Join(err, u.raw.Close(), u.space.close())
	}
	u.watch = hostWatch{teller: &u.teller, host: host, space: u.space, closed: u.closed, refreshPaths: u.refreshPaths}
	changes, err := subscribe(u.closed)
	if err == nil {
		err = u.makeDevice()
	}
	if err != nil {
		close(u.closed)
		return nil, errors.Join(err, u.raw.Close(), u.log.close(), u.space.close())
	}
	u.out, u.in = newLanes(cfg.Cores, u.closed, &u.loops, u.sealLane), newLanes(cfg.Cores, u.closed, &u.loops, u.openLane)
	u.loops.Go(func() { u.watch.follow(changes) })
	u.loops.Go(u.keepDevice)
	u.loops.Go(u.readRaw)
	u.loops.Go(func() { u.log.receive(u.tellGuarded, func([]byte) {}) })
	return u, nil
}

func (cfg *UserspaceConfig) setDefaults() {
	if cfg.Device == "" {
		cfg.Device = DefaultDevice
	}
	if cfg.MTU == 0 {
		cfg.MTU = DefaultMTU
	}
	if cfg.Cores == 0 {
		cfg.Cores = runtime.GOMAXPROCS(0)
	}
	if cfg.QueueLimit == 0 {
		cfg.QueueLimit = DefaultQueueLimit
	}
	if cfg.Random == nil {
		cfg.Random = rand.Reader
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
}

// Close implements Backend. Routes and rules go first, then the device. The
// guard stays: what the policy protects does not pass in clear now either.
func (u *Userspace) Close() error {
	var err error
	u.closing.Do(func() {
		close(u.closed)
		err = errors.Join(u.host.RemovePolicy(), u.tun.Load().Close(), u.raw.Close(), u.log.close())
		u.loops.Wait()
		// A device that was made in this moment is not the one that was closed.
		err = errors.Join(err, u.tun.Load().Close(), u.space.close())
	})
	return err
}

// Install implements Backend.
func (u *Userspace) Install(sas ...ipsec.SAParams) error {
	u.writers.Lock()
	defer u.release(sas) // after the lock is free
	defer u.writers.Unlock()
	for i, p := range sas {
		if err := u.install(p); err != nil {
			for _, done := range sas[:i] {
				u.remove(done.Direction, done.SPI, done.Remote)
			}
			return fmt.Errorf("install %v SA 0x%X: %w", p.Direction, p.SPI, err)
		}
	}
	return nil
}

func (u *Userspace) install(p ipsec.SAParams) error {
	if !p.Local.Is4() || !p.Remote.Is4() {
		return &ipsec.ParamError{Field: "Local, Remote", Reason: "not IPv4"}
	}
	if p.UDPEncap && u.cfg.SendUDP == nil {
		return &ipsec.ParamError{Field: "UDPEncap", Reason: "no UDP socket to send from"}
	}
	if p.Direction == ipsec.Inbound {
		_, err := u.processor.InstallInbound(p)
		return err
	}
	sa, err := u.processor.InstallOutbound(p)
	if err != nil {
		return err
	}
	u.refreshPath(sa)
	u.installs.Add(1)
	return nil
}

// release sends what has waited for these SAs.
func (u *Userspace) release(sas []ipsec.SAParams) {
	for _, p := range sas {
		if p.Direction != ipsec.Outbound || u.processor.FindOutbound(p.SPI, p.Remote) == nil {
			continue
		}
		u.sendWaiting(func(k lineKey) bool { return k.tag == p.Tag })
	}
}

func (u *Userspace) sendWaiting(matches func(lineKey) bool) {
	if packets := u.queue.take(matches); len(packets) > 0 {
		b := u.outBatches.Get().(*outBatch)
		waiting := make([]arrival, len(packets))
		for i := range packets {
			waiting[i].packet = packets[i]
		}
		u.outbound(b, waiting)
		u.outBatches.Put(b)
	}
}

// Remove implements Backend.
func (u *Userspace) Remove(d ipsec.Direction, spi uint32, remote netip.Addr) error {
	u.writers.Lock()
	defer u.writers.Unlock()
	if u.remove(d, spi, remote) == nil {
		return ErrNoSA
	}
	return nil
}

func (u *Userspace) remove(d ipsec.Direction, spi uint32, remote netip.Addr) *ipsec.SA {
	if d == ipsec.Inbound {
		return u.processor.RemoveInbound(spi)
	}
	return u.processor.RemoveOutbound(spi, remote)
}

// MovePeer implements Backend.
func (u *Userspace) MovePeer(d ipsec.Direction, spi uint32, remote netip.Addr, to netip.AddrPort) error {
	sa := u.find(d, spi, remote)
	if sa == nil {
		return ErrNoSA
	}
	sa.SetEndpoint(to)
	return nil
}

// SetPolicies implements Backend. The packets' fate changes first and the
// kernel's rules second: in between, what only the new policy has still
// passes by, and what only the old one had is dropped.
func (u *Userspace) SetPolicies(entries []ipsec.PolicyEntry) error {
	u.writers.Lock()
	defer u.writers.Unlock()
	old := u.processor.Policies()
	u.processor.SetPolicies(entries)
	if err := u.host.SetRules(u.cfg.Device, entries); err != nil {
		u.processor.SetPolicies(old)
		return err
	}
	u.drop(func(lineKey) bool { return true })
	return nil
}

// AddInstance implements Backend.
func (u *Userspace) AddInstance(template uint32, entry ipsec.PolicyEntry) error {
	u.writers.Lock()
	defer u.writers.Unlock()
	if err := u.processor.AddInstance(template, entry); err != nil {
		return err
	}
	if err := u.host.AddInstance(u.cfg.Device, template, entry); err != nil {
		u.processor.RemoveInstance(entry.Tag)
		return err
	}
	return nil
}

// RemoveInstance implements Backend. Packets that are on their way into the
// device are dropped from then on.
func (u *Userspace) RemoveInstance(tag uint32) error {
	u.writers.Lock()
	defer u.writers.Unlock()
	err := u.host.RemoveInstance(u.cfg.Device, tag)
	u.processor.RemoveInstance(tag)
	u.drop(func(k lineKey) bool { return k.tag == tag })
	return err
}

// Discard implements Backend.
func (u *Userspace) Discard(tag, line uint32) {
	u.drop(func(k lineKey) bool { return k == lineKey{tag, line} })
}

func (u *Userspace) drop(matches func(lineKey) bool) {
	for range u.queue.take(matches) {
		u.processor.CountDrop(nil, ipsec.DropNoSA)
	}
}

// SetOuterPolicy says how outer headers are made. A device that hosts may fill
// with packets larger than fit is made wider, for then the kernel must not
// fragment or refuse them before they are seen here.
func (u *Userspace) SetOuterPolicy(o ipsec.OuterPolicy) error {
	u.processor.SetOuterPolicy(o)
	mtu := u.cfg.MTU
	if o.FragmentAfter || o.DF == ipsec.DFClear {
		mtu = max(mtu, wideMTU)
	}
	u.mtu.Store(int32(mtu))
	return u.host.SetMTU(u.cfg.Device, mtu)
}

// SetClients replaces what VPN servers have given, as Host.SetClients does.
func (u *Userspace) SetClients(clients []ClientNetwork) error {
	return u.host.SetClients(u.cfg.Device, clients)
}

// SetMSSClamps replaces the clamps of TCP's maximum segment size.
func (u *Userspace) SetMSSClamps(clamps []MSSClamp) error {
	return u.host.SetMSSClamps(u.cfg.Device, clamps)
}

// SAs implements Backend.
func (u *Userspace) SAs() (out []SAStatus) {
	u.processor.EachSA(func(sa *ipsec.SA) { out = append(out, statusOf(sa, sa.Counters())) })
	return out
}

// SA implements Backend.
func (u *Userspace) SA(d ipsec.Direction, spi uint32, remote netip.Addr) (s SAStatus, ok bool) {
	sa := u.find(d, spi, remote)
	if sa == nil {
		return s, false
	}
	return statusOf(sa, sa.Counters()), true
}

// Packets implements Backend.
func (u *Userspace) Packets(d ipsec.Direction, spi uint32, remote netip.Addr) (uint64, bool) {
	sa := u.find(d, spi, remote)
	if sa == nil {
		return 0, false
	}
	return sa.Packets(), true
}

func (u *Userspace) find(d ipsec.Direction, spi uint32, remote netip.Addr) *ipsec.SA {
	if d == ipsec.Inbound {
		return u.processor.FindInbound(spi)
	}
	return u.processor.FindOutbound(spi, remote)
}

// Stats implements Backend.
func (u *Userspace) Stats() Stats {
	s := Stats{Stats: u.processor.Stats(), Queued: u.queue.len(), Keepalives: u.keepalives.Load()}
	s.addGuarded(u.host)
	return s
}
