package dataplane

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
	"golang.zx2c4.com/wireguard/tun"

	"qmidle/internal/ipsec"
)

const (
	batchSize = 128 // packets; what the TUN device splits a large segment into
	// tunHeadroom is for the header that the TUN device puts before a packet.
	tunHeadroom = 16
	// readSize holds a packet from the TUN device with whatever MTU an operator
	// may set it to, within reason.
	readSize = 9216
	// espOverhead is more than any transform adds.
	espOverhead = 128
)

// outBatch is the memory for sealing up to batchSize packets.
type outBatch struct {
	rooms  *rooms
	sealed []sealedPacket
	raw    *outbox
	run    [][]byte

	unprotected [][]byte // packets of one SA, the last ones of sealed
	since       int      // where in sealed they begin
}

type sealedPacket struct {
	sa     *ipsec.SA
	outer  ipsec.OuterHeader
	packet []byte
}

func newOutBatch() *outBatch {
	return &outBatch{rooms: newRooms(batchSize, readSize+espOverhead), raw: newOutbox(batchSize)}
}

// inBatch is the memory for opening up to batchSize packets. Each has room for
// the TUN device to join others to it.
type inBatch struct {
	rooms    *rooms
	packets  [][]byte
	arrivals []arrival
	parts    [][]arrival // of each lane
	lane     int         // of the last packets
}

func newInBatch() *inBatch {
	return &inBatch{rooms: newRooms(batchSize, tunHeadroom+65535), lane: noLane}
}

// readTUN takes packets from the device until it is closed or gone.
func (u *Userspace) readTUN(d *device) {
	n := max(batchSize, d.BatchSize())
	read, sizes, packets := newRooms(n, readSize), make([]int, n), make([]arrival, 0, n)
	bufs := read.all
	defer runtime.KeepAlive(read)
	batch, last := newOutBatch(), noLane
	for failures := 0; failures < maxFailures; {
		n, err := d.Read(bufs, sizes, 0)
		if errors.Is(err, os.ErrClosed) {
			return
		}
		failures = countFailures(failures, err)
		packets = packets[:0]
		for i := range n {
			packets = append(packets, arrival{packet: bufs[i][:sizes[i]]})
		}
		// What is read at once is segments of one flow.
		if n > 0 && !u.out.pass(&last, u.out.index(u.processor.Lane(packets[0].packet)), packets) {
			u.outbound(batch, packets)
		}
	}
}

// countFailures counts reads in a row that fail. More segments than buffers is
// no failure: those that fit were read.
func countFailures(failures int, err error) int {
	if err == nil || errors.Is(err, tun.ErrTooManySegments) {
		return 0
	}
	return failures + 1
}

// outbound decides on packets that leave this side and sends those that are
// sealed.
func (u *Userspace) outbound(b *outBatch, packets []arrival) {
	for len(packets) > 0 {
		n := min(len(packets), batchSize)
		b.sealed = b.sealed[:0]
		for i, a := range packets[:n] {
			u.outboundOne(b, b.rooms.all[i][:0], a.packet)
		}
		u.protect(b)
		u.send(b)
		packets = packets[n:]
	}
}

func (u *Userspace) outboundOne(b *outBatch, room, packet []byte) {
	installs := u.installs.Load()
	r := u.processor.Prepare(room, packet)
	if r.SoftLimit {
		u.tellSoftLimit(r.SA)
	}
	switch r.Action {
	case ipsec.Sealed:
		u.takeSealed(b, r)
		for _, fragment := range r.More {
			b.sealed = append(b.sealed, sealedPacket{r.SA, r.Outer, fragment})
		}
	case ipsec.Acquire:
		u.enqueue(r, packet, installs)
	case ipsec.Bypass:
		u.refuseClear(r.Flow)
	case ipsec.Dropped:
		u.tellDrop(r.Drop, r.SA, r.Flow)
		if r.Drop == ipsec.DropTooBig {
			u.tellTooBig(packet, r.MTU)
		}
	}
}

// takeSealed adds a packet to the batch. Those that are to be protected are kept
// until there are as many as an SA does at once, or one of another SA comes.
func (u *Userspace) takeSealed(b *outBatch, r ipsec.OutResult) {
	if n := len(b.unprotected); n == ipsec.Abreast || n > 0 && b.sealed[b.since].sa != r.SA {
		u.protect(b)
	}
	if r.Unprotected {
		if len(b.unprotected) == 0 {
			b.since = len(b.sealed)
		}
		b.unprotected = append(b.unprotected, r.Packet)
	}
	b.sealed = append(b.sealed, sealedPacket{r.SA, r.Outer, r.Packet})
}

// protect finishes the packets that wait for it. Those of an SA that has ended
// are not sent.
func (u *Userspace) protect(b *outBatch) {
	if len(b.unprotected) == 0 {
		return
	}
	if err := b.sealed[b.since].sa.Protect(b.unprotected); err != nil {
		for range b.unprotected {
			u.processor.CountDrop(nil, ipsec.DropNoSA)
		}
		b.sealed = b.sealed[:b.since]
	}
	b.unprotected = b.unprotected[:0]
}

// enqueue keeps a packet until an SA comes. Should one have come since the
// Processor looked, nobody else would send the packet.
func (u *Userspace) enqueue(r ipsec.OutResult, packet []byte, installs uint64) {
	k := keyOf(r.Entry)
	ask, aged, full := u.queue.put(k, packet, u.cfg.Now())
	for range aged {
		u.processor.CountDrop(nil, ipsec.DropNoSA)
	}
	if full {
		u.processor.CountDrop(nil, ipsec.DropQueueFull)
	}
	if ask && r.UsedUp {
		u.tellUsedUp(r.SA)
	}
	if ask && u.cfg.Events.Acquire != nil {
		u.cfg.Events.Acquire(r.Entry, r.Flow)
	}
	if u.installs.Load() != installs {
		u.sendWaiting(func(other lineKey) bool { return other == k })
	}
}

// refuseClear drops what no line of the policy selects. It comes here when the
// kernel's rules caught clear text of the reverse direction, or in the moment
// of a change of policies.
func (u *Userspace) refuseClear(f ipsec.Flow) {
	drop := u.processor.ClearTextDrop(f)
	if drop == ipsec.DropNone {
		drop = ipsec.DropNoPolicy
	}
	u.processor.CountDrop(nil, drop)
	u.tellDrop(drop, nil, f)
}

// tellTooBig answers the sender of a packet that exceeds the path.
func (u *Userspace) tellTooBig(packet []byte, mtu int) {
	answer := fragNeeded(packet, mtu)
	if answer == nil {
		return
	}
	buf := append(make([]byte, tunHeadroom, tunHeadroom+len(answer)), answer...)
	if _, err := u.tun.Load().Write([][]byte{buf}, tunHeadroom); err != nil {
		u.processor.CountDrop(nil, ipsec.DropSendFailed)
	}
}

// send sends the sealed packets in order for each peer.
func (u *Userspace) send(b *outBatch) {
	for at := 0; at < len(b.sealed); {
		first := b.sealed[at]
		end := at + 1
		for end < len(b.sealed) && b.sealed[end].sa == first.sa && b.sealed[end].outer == first.outer {
			end++
		}
		if source := first.sa.Source(); source.Port() != 0 {
			u.sendUDP(b, source, b.sealed[at:end])
		} else {
			u.sendRaw(b, source.Addr(), b.sealed[at:end])
		}
		at = end
	}
}

// sendUDP sends packets of one SA with equal outer headers.
func (u *Userspace) sendUDP(b *outBatch, source netip.AddrPort, packets []sealedPacket) {
	b.run = b.run[:0]
	for _, s := range packets {
		b.run = append(b.run, s.packet)
	}
	sa := packets[0].sa
	if err := u.cfg.SendUDP(source, sa.Endpoint(), packets[0].outer, b.run); err != nil {
		u.refused(sa, err)
	}
}

func (u *Userspace) sendRaw(b *outBatch, source netip.Addr, packets []sealedPacket) {
	sa := packets[0].sa
	u.raw.send(source, sa.Endpoint().Addr(), packets[0].outer, packets, b.raw, func(err error) { u.refused(sa, err) })
}

// refused counts what the kernel did not send. A path that is narrower than it
// was is asked for at once, so that the next packet of that size is answered.
func (u *Userspace) refused(sa *ipsec.SA, err error) {
	u.processor.CountDrop(sa, ipsec.DropSendFailed)
	if errors.Is(err, unix.EMSGSIZE) {
		u.refreshPath(sa)
	}
}

// readRaw takes raw ESP from the network until the socket is closed.
func (u *Userspace) readRaw() {
	in, batch := newInbox(batchSize), newInBatch()
	for failures := 0; failures < maxFailures; {
		n, err := u.raw.receive(in)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		failures = countFailures(failures, err)
		batch.arrivals = batch.arrivals[:0]
		for i := range n {
			if esp, from, to, tos, ok := stripOuter(in.packet(i)); ok {
				batch.arrivals = append(batch.arrivals, arrival{esp, netip.AddrPortFrom(from, 0), netip.AddrPortFrom(to, 0), tos})
			}
		}
		u.distribute(batch)
	}
}

// ReceiveUDP takes datagrams that came to one of the gateway's UDP sockets.
// ESP is opened and delivered, keepalives are counted, and all else, IKE too,
// is the caller's. tos is that octet of their IP headers. It may be called from
// one goroutine for each socket.
func (u *Userspace) ReceiveUDP(from, to netip.AddrPort, tos uint8, datagrams [][]byte) {
	b := u.inBatches.Get().(*inBatch)
	defer u.inBatches.Put(b)
	b.arrivals = b.arrivals[:0]
	for _, d := range datagrams {
		switch ipsec.ClassifyUDP(d) {
		case ipsec.UDPKeepalive:
			u.keepalives.Add(1)
		case ipsec.UDPESP:
			b.arrivals = append(b.arrivals, arrival{d, from, to, tos})
		}
	}
	u.distribute(b)
}

// distribute has the batch's arrivals opened, each lane's in order.
func (u *Userspace) distribute(b *inBatch) {
	if len(b.parts) != len(u.in.all) {
		b.parts = make([][]arrival, len(u.in.all))
	}
	spi, at := uint32(0), 0
	for _, a := range b.arrivals {
		if s := ipsec.SPIOf(a.packet); s != spi {
			spi, at = s, u.in.index(u.processor.InboundLane(s))
		}
		b.parts[at] = append(b.parts[at], a)
	}
	for at, part := range b.parts {
		if len(part) > 0 && !u.in.pass(&b.lane, at, part) {
			u.openAll(b, part)
		}
		b.parts[at] = part[:0]
	}
}

// openAll opens packets and delivers what they carry.
func (u *Userspace) openAll(b *inBatch, packets []arrival) {
	b.packets = b.packets[:0]
	for _, a := range packets {
		u.open(b, a.packet, a.from, a.to, a.tos)
		if len(b.packets) == batchSize {
			u.deliver(b)
		}
	}
	u.deliver(b)
}

// openLane is what a lane does with packets from the network.
func (u *Userspace) openLane() func([]arrival) {
	b := newInBatch()
	var packets []arrival
	handle := func() { u.openAll(b, packets) }
	return func(burst []arrival) {
		packets = burst
		u.contain(packets[0].from, handle)
	}
}

// sealLane is what a lane does with packets from the device.
func (u *Userspace) sealLane() func([]arrival) {
	b := newOutBatch()
	return func(packets []arrival) { u.outbound(b, packets) }
}

func (u *Userspace) contain(from netip.AddrPort, handle func()) {
	if u.cfg.Events.Contain == nil {
		handle()
		return
	}
	u.cfg.Events.Contain(from, handle)
}

// open adds what an ESP packet carries to the batch.
func (u *Userspace) open(b *inBatch, esp []byte, from, to netip.AddrPort, tos uint8) {
	r := u.processor.Inbound(b.rooms.all[len(b.packets)][:tunHeadroom], esp, from, to)
	if r.SoftLimit {
		u.tellSoftLimit(r.SA)
	}
	if r.UsedUp && due(&u.told.usedUp, u.cfg.Now()) {
		u.tellUsedUp(r.SA)
	}
	if r.PeerMoved {
		u.tellMoved(r.SA, from)
	}
	switch r.Drop {
	case ipsec.DropNone:
		if drop := r.SA.InheritTOS(r.Packet[tunHeadroom:], tos); drop != ipsec.DropNone {
			u.processor.CountDrop(r.SA, drop)
			return
		}
		b.packets = append(b.packets, r.Packet)
	case ipsec.DropUnknownSPI:
		u.tellUnknown(r.SPI, from, to)
	default:
		u.tellDrop(r.Drop, r.SA, r.Flow)
	}
}

// deliver hands the opened packets to the kernel and empties the batch.
func (u *Userspace) deliver(b *inBatch) {
	if len(b.packets) == 0 {
		return
	}
	if _, err := u.tun.Load().Write(b.packets, tunHeadroom); err != nil {
		u.processor.CountDrop(nil, ipsec.DropSendFailed)
	}
	b.packets = b.packets[:0]
}
