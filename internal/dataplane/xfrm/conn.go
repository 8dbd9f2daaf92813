package xfrm

import (
	"errors"
	"fmt"
	"net/netip"
	"os"

	"github.com/mdlayher/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"qmidle/internal/secret"
)

// eventBuffer holds what the kernel tells while nobody reads.
const eventBuffer = 4 << 20 // octets

// maxFailures is reads in a row that fail before Receive gives up.
const maxFailures = 1000

// Conn is two NETLINK_XFRM sockets, for requests and for what the kernel tells, in
// the network namespace of the thread that opened it. Its methods may be called
// from any goroutine.
type Conn struct{ requests, events *netlink.Conn }

// Open needs CAP_NET_ADMIN.
func Open() (*Conn, error) {
	requests, err := netlink.Dial(unix.NETLINK_XFRM, nil)
	if err != nil {
		return nil, fmt.Errorf("xfrm: %w", err)
	}
	// Kernels without it tell less of what they refuse.
	_ = requests.SetOption(netlink.ExtendedAcknowledge, true)
	events, err := netlink.Dial(unix.NETLINK_XFRM, nil)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("xfrm: %w", err), requests.Close())
	}
	c := &Conn{requests, events}
	_ = events.SetReadBuffer(eventBuffer)
	for _, group := range []uint32{nl.XFRMNLGRP_ACQUIRE, nl.XFRMNLGRP_EXPIRE, nl.XFRMNLGRP_MAPPING} {
		if err := events.JoinGroup(group); err != nil {
			return nil, errors.Join(fmt.Errorf("xfrm events: %w", err), c.Close())
		}
	}
	return c, nil
}

// Close ends Receive.
func (c *Conn) Close() error { return errors.Join(c.requests.Close(), c.events.Close()) }

func (c *Conn) ask(kind nl.XfrmMsgType, flags netlink.HeaderFlags, body []byte) ([]netlink.Message, error) {
	return c.requests.Execute(netlink.Message{
		Header: netlink.Header{Type: netlink.HeaderType(kind), Flags: netlink.Request | flags}, Data: body})
}

func (c *Conn) do(kind nl.XfrmMsgType, body []byte, err error) error {
	if err != nil {
		return err
	}
	_, err = c.ask(kind, netlink.Acknowledge, body)
	return plain(err)
}

// plain leaves of an error what the kernel said.
func plain(err error) error {
	var op *netlink.OpError
	if !errors.As(err, &op) {
		return err
	}
	if op.Message != "" {
		return fmt.Errorf("%w (%s)", errors.Unwrap(op), op.Message)
	}
	return errors.Unwrap(op)
}

// AddState fails with EPROTONOSUPPORT where the kernel has no ESP, ENOSYS where it
// lacks an algorithm and EEXIST where the state is there.
func (c *Conn) AddState(s State) error {
	body, err := stateMessage(s)
	return c.do(nl.XFRM_MSG_NEWSA, body, err)
}

// DeleteState fails with ESRCH where there is none.
func (c *Conn) DeleteState(id ID) error {
	x := wireID(id)
	return c.do(nl.XFRM_MSG_DELSA, x.Serialize(), nil)
}

// State reads one; ESRCH says that there is none.
func (c *Conn) State(id ID) (Status, error) {
	x := wireID(id)
	answers, err := c.ask(nl.XFRM_MSG_GETSA, 0, x.Serialize())
	if err != nil {
		return Status{}, plain(err)
	}
	return firstState(answers)
}

// firstState is the state in an answer; ESRCH says that there is none.
func firstState(answers []netlink.Message) (Status, error) {
	for _, m := range answers {
		if s, ok := readState(m.Data); ok {
			return s, nil
		}
	}
	return Status{}, unix.ESRCH
}

func (c *Conn) dumpStates() ([]netlink.Message, error) {
	answers, err := c.ask(nl.XFRM_MSG_GETSA, netlink.Dump, make([]byte, nl.SizeofXfrmUsersaId))
	return answers, plain(err)
}

// States lists all, also other people's.
func (c *Conn) States() (all []Status, err error) {
	answers, err := c.dumpStates()
	if err != nil {
		return nil, err
	}
	for _, m := range answers {
		if s, ok := readState(m.Data); ok {
			all = append(all, s)
		}
	}
	return all, nil
}

// Withdraw takes back the kernel's requests for states with such a reqid: as long as one
// stands it does not ask again for the packets of that flow.
func (c *Conn) Withdraw(such func(reqid uint32) bool) error {
	answers, err := c.dumpStates()
	if err != nil {
		return err
	}
	var errs []error
	for _, m := range answers {
		if len(m.Data) < nl.SizeofXfrmUsersaInfo {
			continue
		}
		info := *nl.DeserializeXfrmUsersaInfo(m.Data)
		if such(info.Reqid) && info.Id.Spi == 0 && info.Id.Proto == protoESP {
			errs = append(errs, c.withdraw(info))
		}
	}
	return errors.Join(errs...)
}

// withdraw gives a request an SPI, by which it can be deleted.
func (c *Conn) withdraw(info nl.XfrmUsersaInfo) error {
	x := nl.XfrmUserSpiInfo{XfrmUsersaInfo: info, Min: leastSPI, Max: ^uint32(0)}
	answers, err := c.ask(nl.XFRM_MSG_ALLOCSPI, 0, x.Serialize())
	if err != nil {
		return plain(err)
	}
	s, err := firstState(answers)
	if err != nil {
		return nil // there is nothing to delete
	}
	return c.DeleteState(s.ID)
}

// PutPolicy adds a policy, or replaces the one with its direction and selector in
// one step.
func (c *Conn) PutPolicy(p Policy) error {
	body, err := policyMessage(p)
	return c.do(nl.XFRM_MSG_UPDPOLICY, body, err)
}

// DeletePolicy deletes the one with this direction and selector; ENOENT says that
// there is none.
func (c *Conn) DeletePolicy(p Policy) error {
	body, err := policyID(p)
	return c.do(nl.XFRM_MSG_DELPOLICY, body, err)
}

// Policies lists all, also other people's.
func (c *Conn) Policies() (all []Policy, err error) {
	answers, err := c.ask(nl.XFRM_MSG_GETPOLICY, netlink.Dump, make([]byte, nl.SizeofXfrmUserpolicyId))
	if err != nil {
		return nil, plain(err)
	}
	for _, m := range answers {
		if p, ok := readPolicy(m.Data); ok {
			all = append(all, p)
		}
	}
	return all, nil
}

// Receive tells of what happens until the Conn is closed.
func (c *Conn) Receive(e Events) {
	for failures := 0; failures < maxFailures; {
		messages, err := c.events.Receive()
		if errors.Is(err, os.ErrClosed) || errors.Is(err, unix.EBADF) {
			return
		}
		// ENOBUFS says that something was lost: the kernel asks again.
		if failures++; err == nil {
			failures = 0
		}
		for _, m := range messages {
			e.dispatch(uint16(m.Header.Type), m.Data)
		}
	}
}

// probeSPI is the SPI of a state that is made to see whether it can be.
const probeSPI = 0x71000001

// HasESP says whether this kernel has ESP and lets the caller use it: a state can
// be made, which is deleted at once. The error says why not.
func (c *Conn) HasESP(reqid uint32) error {
	loopback := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	id := ID{probeSPI, loopback}
	err := c.AddState(State{ID: id, Source: loopback, Mode: Tunnel, Reqid: reqid,
		Cipher:    Algorithm{Name: "cbc(aes)", Key: secret.New(make([]byte, 16))},
		Integrity: Algorithm{Name: "hmac(sha1)", Key: secret.New(make([]byte, 20)), Bits: 96}})
	if errors.Is(err, unix.EEXIST) {
		return nil
	}
	if err != nil {
		return err
	}
	return c.DeleteState(id)
}
