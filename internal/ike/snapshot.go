package ike

import (
	"crypto/x509"
	"net/netip"
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/policy"
	"qmidle/internal/trace"
)

// ISAKMPSA is one ISAKMP SA as `show` sees it.
type ISAKMPSA struct {
	ID, Conn        uint32
	Local, Remote   netip.AddrPort
	Role            trace.Role
	State           trace.State
	Show            trace.ShowState
	Dead            bool // deleted, its memory not yet purged
	DeadReason      trace.Reason
	Policy          policy.IKE // zero before one is agreed
	PeerIdentity    policy.Identity
	PeerCertificate *x509.Certificate // nil for none
	Established     time.Time         // zero before
	Expires         time.Time         // zero before
	NATT            bool              // a NAT was found
	DPD             bool
	Aggressive      bool   // phase 1 was aggressive mode
	XAuth           bool   // a user has to log in behind phase 1
	Profile         string // "" for none, and before the peer is known
	Login           *Login // of the client; nil for none
	InitiatorCookie isakmp.Cookie
	ResponderCookie isakmp.Cookie
}

// IPsecSA is one pair of IPsec SAs as `show` sees it.
type IPsecSA struct {
	Connection              uint32
	Configured              uint32 // the connection in the configuration: an instance's template
	Line                    int    // of the connection's ACL; -1 when it is gone
	Local, Remote           netip.AddrPort
	LocalProxy, RemoteProxy policy.Proxy
	InSPI, OutSPI           uint32
	InConn, OutConn         uint32
	Suite                   trace.IPsecSuite
	PFS                     isakmp.Group
	Lives                   policy.Lives
	Created, Expires        time.Time // Expires is zero without a lifetime in seconds
	Initiator               bool
	OutboundReady           bool // the outbound SA is installed
	InID, OutID             uint32
	ReplayWindow            int    // ipsec.SAParams's
	Session                 uint64 // of the client; 0 for none
}

// Login is a client's session as `show` sees it.
type Login struct {
	Session     uint64
	Group, User string
	Address     netip.Addr // invalid for none
	Since       time.Time  // zero until the user has passed
	Begun       bool
}

// Statistics count what happened since the engine began.
type Statistics struct {
	Dropped        [trace.NumDrops]uint64
	DatagramsIn    uint64
	DatagramsOut   uint64
	Phase1Up       uint64
	Phase1Failed   uint64
	Phase2Up       uint64
	Phase2Failed   uint64
	Retransmits    uint64
	Evicted        uint64
	Admissions     Admissions
	Floods         Floods
	DPDSent        uint64
	DPDReceived    uint64
	NotifyIgnored  uint64 // notifies outside an authenticated exchange
	Exponentiation uint64
}

// add counts another engine's in.
func (s *Statistics) add(o *Statistics) {
	for d := range s.Dropped {
		s.Dropped[d] += o.Dropped[d]
	}
	s.DatagramsIn += o.DatagramsIn
	s.DatagramsOut += o.DatagramsOut
	s.Phase1Up += o.Phase1Up
	s.Phase1Failed += o.Phase1Failed
	s.Phase2Up += o.Phase2Up
	s.Phase2Failed += o.Phase2Failed
	s.Retransmits += o.Retransmits
	s.Evicted += o.Evicted
	s.Admissions.add(o.Admissions)
	s.Floods.add(&o.Floods)
	s.DPDSent += o.DPDSent
	s.DPDReceived += o.DPDReceived
	s.NotifyIgnored += o.NotifyIgnored
	s.Exponentiation += o.Exponentiation
}
