package aaa

import (
	"fmt"
	"slices"
	"time"

	"qmidle/internal/ike"
	"qmidle/internal/radius"
	"qmidle/internal/trace"
)

// Usage is what the data plane has counted of a session: In is from the client.
type Usage struct {
	InOctets, InPackets, OutOctets, OutPackets uint64
}

// Values of Acct-Status-Type, Acct-Authentic, Service-Type and NAS-Port-Type
// (RFC 2865 sections 5.6 and 5.41, RFC 2866 sections 5.1 and 5.6).
const (
	acctStart   = 1
	acctStop    = 2
	acctInterim = 3

	authenticRADIUS = 1
	authenticLocal  = 2

	serviceLogin    = 1
	serviceOutbound = 5

	portVirtual = 5
)

// Session takes what the engine tells of a session: it sends the record that the
// list asks for, and with the session's end takes back all that it has.
func (s *Service) Session(now time.Time, r ike.SessionRecord, u Usage, fx *Effects) {
	v := s.sessions[r.Session]
	if v == nil && r.Stage != ike.SessionEnded {
		v = s.session(r.Client)
	}
	s.account(now, r, u, v != nil && v.radius, fx)
	if r.Stage != ike.SessionEnded || v == nil {
		return
	}
	holds := slices.Clone(v.holds)
	slices.SortFunc(holds, func(a, b held) int { return a.addr.Compare(b.addr) })
	for _, h := range holds {
		s.release(now, v, h.addr, fx)
	}
	s.uncount(v)
	s.unfix(v)
	delete(s.sessions, r.Session)
}

// account sends a record to the servers of the list's methods, one after the
// other until one has it.
func (s *Service) account(now time.Time, r ike.SessionRecord, u Usage, byServer bool, fx *Effects) {
	list, ok := s.list(s.cfg.Accounting, r.List)
	if !ok || r.Stage != ike.SessionBegun && !r.Started && r.Stage == ike.SessionEnded || list.StopOnly && r.Stage != ike.SessionEnded {
		return
	}
	p := s.accountingRecord(now, r, u, byServer)
	s.sendRecord(now, r, list.Methods, p, fx)
}

func (s *Service) sendRecord(now time.Time, r ike.SessionRecord, methods []Method, p radius.Packet, fx *Effects) {
	for i, m := range methods {
		if m.Kind != Servers {
			continue
		}
		s.ask(now, m.Group, &request{
			client: context(r.Client), session: r.Session, accounting: true,
			build: func(*server) (*radius.Packet, error) {
				out := p
				return &out, nil
			},
			done: func(now time.Time, reply *radius.Packet, _ *server, fx *Effects) {
				if reply == nil {
					s.sendRecord(now, r, methods[i+1:], p, fx)
				}
			},
		}, fx)
		return
	}
	s.stats.RecordsLost++
	s.record(now, context(r.Client), &trace.AccountingLost{Session: r.Session, User: r.User})
}

// accountingRecord is an Accounting-Request without its authenticator.
func (s *Service) accountingRecord(now time.Time, r ike.SessionRecord, u Usage, byServer bool) radius.Packet {
	p := radius.Packet{Code: radius.AccountingRequest}
	status := map[ike.SessionStage]uint32{ike.SessionBegun: acctStart, ike.SessionInterim: acctInterim, ike.SessionEnded: acctStop}[r.Stage]
	p.AddUint(radius.AcctStatusType, status)
	p.AddText(radius.AcctSessionID, s.sessionID(r.Session))
	p.AddText(radius.UserName, user(r.Client))
	s.addClient(&p, r.Client)
	p.AddAddr(radius.FramedIPAddress, r.Address)
	for _, c := range r.Class {
		p.Add(radius.Class, c)
	}
	authentic := uint32(authenticLocal)
	if byServer {
		authentic = authenticRADIUS
	}
	p.AddUint(radius.AcctAuthentic, authentic)
	p.AddUint(radius.EventTimestamp, uint32(now.Unix()))
	if r.Stage != ike.SessionBegun {
		addUsage(&p, u)
		p.AddUint(radius.AcctSessionTime, uint32(max(0, now.Sub(r.Since)/time.Second)))
	}
	if r.Stage == ike.SessionEnded {
		p.AddUint(radius.AcctTerminateCause, terminateCause(r.Cause))
	}
	return p
}

// user names the account: the user, or where none is asked for the group.
func user(c ike.Client) string {
	if c.User != "" {
		return c.User
	}
	return c.Group
}

// sessionID is unique over restarts.
func (s *Service) sessionID(session uint64) string {
	return fmt.Sprintf("%08X%08X", s.cfg.Epoch, session)
}

// addUsage adds the counts, whose upper halves are attributes of their own (RFC
// 2869 sections 5.1 and 5.2).
func addUsage(p *radius.Packet, u Usage) {
	p.AddUint(radius.AcctInputOctets, uint32(u.InOctets))
	p.AddUint(radius.AcctOutputOctets, uint32(u.OutOctets))
	p.AddUint(radius.AcctInputPackets, uint32(u.InPackets))
	p.AddUint(radius.AcctOutputPackets, uint32(u.OutPackets))
	if n := uint32(u.InOctets >> 32); n > 0 {
		p.AddUint(radius.AcctInputGigawords, n)
	}
	if n := uint32(u.OutOctets >> 32); n > 0 {
		p.AddUint(radius.AcctOutputGigawords, n)
	}
}

// addClient adds who asks, and for whom.
func (s *Service) addClient(p *radius.Packet, c ike.Client) {
	p.AddAddr(radius.NASIPAddress, c.Local.Addr())
	p.AddText(radius.NASIdentifier, s.cfg.Hostname)
	p.AddUint(radius.NASPortType, portVirtual)
	p.AddText(radius.CalledStationID, c.Local.Addr().String())
	p.AddText(radius.CallingStationID, c.Remote.Addr().String())
	if c.Group != "" {
		p.AddCisco("isakmp-group-id=" + c.Group)
	}
}

// Values of Acct-Terminate-Cause (RFC 2866 section 5.10).
const (
	causeUserRequest    = 1
	causeLostCarrier    = 2
	causeIdleTimeout    = 4
	causeSessionTimeout = 5
	causeAdminReset     = 6
	causeAdminReboot    = 7
	causeNASError       = 9
	causeNASRequest     = 10
)
