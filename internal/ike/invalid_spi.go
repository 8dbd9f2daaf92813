package ike

import (
	"encoding/binary"
	"net/netip"
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/trace"
)

// invalidSPIInterval is how often ESP for an SA that is not there is told, and
// answered, for one peer: anybody can send it.
const invalidSPIInterval = 10 * time.Second

// UnknownSPI hears of ESP from remote to local for an SA that is not there: the
// peer does not know that it is gone. It is told so under the ISAKMP SA with it
// (RFC 2408 section 3.14.1, INVALID-SPI). Without one, and where the
// configuration allows it, a main mode with a peer of a connection is opened,
// whose INITIAL-CONTACT makes the peer drop what it has. The ports are those of
// UDP, 0 for ESP without it.
func (e *Engine) UnknownSPI(now time.Time, spi uint32, local, remote netip.AddrPort, fx *Effects) {
	e.begin(now, fx)
	pair := addrPair{local.Addr(), remote.Addr()}
	known := len(e.conns.byEnds[pair]) > 0
	s := e.upWith(pair, remote)
	if !e.mayAnswerSPI(pair, known, s) {
		return
	}
	told := &trace.InvalidSPIReceived{Source: remote.Addr(), Destination: local.Addr(), SPI: spi, Told: s != nil}
	if s != nil {
		s.emit(told)
		s.sendNotify(isakmp.ProtocolESP, spiOctets(spi), isakmp.NotifyInvalidSPI, nil)
		return
	}
	ctx := trace.Context{Local: local, Remote: remote}
	e.emit(&ctx, told)
	if !e.cfg.InvalidSPIRecovery || !known || e.budding(pair) != nil {
		return
	}
	if local.Port() != isakmp.PortNATT {
		local, remote = toPort(local.Addr()), toPort(remote.Addr())
	}
	e.startPhase1(local, remote, e.conns.byEnds[pair][0].Profile, nil)
}

// upWith returns the newest ISAKMP SA with a peer; a port tells those behind
// one NAT apart.
func (e *Engine) upWith(pair addrPair, remote netip.AddrPort) *sa {
	list := e.byAddrs[pair]
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].up() && list[i].reaches(remote) {
			return list[i]
		}
	}
	return nil
}

// upServing is upWith for a connection.
func (e *Engine) upServing(conn *Connection, pair addrPair) *sa {
	list := e.byAddrs[pair]
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].up() && list[i].reaches(conn.Remote) && list[i].serves(conn) {
			return list[i]
		}
	}
	return nil
}

// reaches says whether s is with a peer; without a port of its own every one is.
func (s *sa) reaches(remote netip.AddrPort) bool { return remote.Port() == 0 || s.remote == remote }

// mayAnswerSPI limits the rate for one peer, and for all strangers together.
func (e *Engine) mayAnswerSPI(pair addrPair, known bool, s *sa) bool {
	now, last := e.timers.instant(e.now), &e.strangerSPI
	switch {
	case s != nil:
		last = &s.invalidSPI
	case known:
		if e.invalidSPI[pair] == nil {
			e.invalidSPI[pair] = new(instant)
		}
		last = e.invalidSPI[pair]
	}
	if *last != 0 && now-*last < instant(invalidSPIInterval) {
		return false
	}
	*last = now
	return true
}

// takeInvalidSPI ends the pair that the peer says it has not. Some name the SPI
// in the notify's data.
func (s *sa) takeInvalidSPI(x isakmp.Notify) {
	spi := shortSPI(x.SPI)
	if spi == 0 && len(x.Data) == 4 {
		spi = binary.BigEndian.Uint32(x.Data)
	}
	if c := s.childByOutbound(spi); c != nil && x.Protocol == isakmp.ProtocolESP {
		s.e.expireChild(c, trace.ReasonInvalidSPI)
	}
}
