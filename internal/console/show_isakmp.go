package console

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"qmidle/internal/config"
	"qmidle/internal/ike"
	"qmidle/internal/policy"
	"qmidle/internal/trace"
)

// ISAKMPSAs is show crypto isakmp sa.
type ISAKMPSAs struct {
	SAs []ISAKMPSA `json:"isakmp_sas"`
}

// ISAKMPSA is one ISAKMP SA. Src sent the first message, Dst answered it. A
// dead SA is deleted and shown until its memory is purged; State is then what
// IOS shows, LastState the one that it ended in.
type ISAKMPSA struct {
	Dst             netip.Addr     `json:"dst"`
	Src             netip.Addr     `json:"src"`
	State           string         `json:"state"`
	ConnID          uint32         `json:"conn_id"` // 0 before it is allocated
	Slot            int            `json:"slot"`
	Local           netip.AddrPort `json:"local"`
	Remote          netip.AddrPort `json:"remote"`
	Role            string         `json:"role"` // initiator or responder
	Dead            bool           `json:"dead"`
	DeadReason      string         `json:"dead_reason,omitempty"`
	LastState       string         `json:"last_state"`
	Suite           *IKESuite      `json:"suite,omitempty"` // absent before one is agreed
	PeerIdentity    string         `json:"peer_identity,omitempty"`
	Established     time.Time      `json:"established,omitzero"`
	Expires         time.Time      `json:"expires,omitzero"`
	NATTraversal    bool           `json:"nat_traversal"`
	DPD             bool           `json:"dead_peer_detection"`
	Profile         string         `json:"isakmp_profile,omitempty"`
	InitiatorCookie string         `json:"initiator_cookie"` // hexadecimal
	ResponderCookie string         `json:"responder_cookie"`
}

// IKESuite is a phase 1 protection suite.
type IKESuite struct {
	Priority        uint16 `json:"priority"`
	Encryption      string `json:"encryption"`
	KeyBits         uint16 `json:"key_bits,omitempty"` // AES only
	Hash            string `json:"hash"`
	Authentication  string `json:"authentication"`
	Group           uint16 `json:"group"`
	LifetimeSeconds uint32 `json:"lifetime_seconds"`
}

func isakmpSAs(r Router) ISAKMPSAs { return isakmpSAsOf(r.ISAKMPSAs()) }

func isakmpSAsOf(all []ike.ISAKMPSA) ISAKMPSAs {
	table := ISAKMPSAs{SAs: make([]ISAKMPSA, 0, len(all))}
	for _, sa := range all {
		table.SAs = append(table.SAs, isakmpSA(sa))
	}
	return table
}

func isakmpSA(sa ike.ISAKMPSA) ISAKMPSA {
	row := ISAKMPSA{
		Src: sa.Remote.Addr(), Dst: sa.Local.Addr(), State: sa.Show.String(), ConnID: sa.Conn,
		Local: sa.Local, Remote: sa.Remote, Role: roleText(sa.Role),
		Dead: sa.Dead, LastState: sa.Show.String(), PeerIdentity: sa.PeerIdentity.String(),
		Established: sa.Established, Expires: sa.Expires, NATTraversal: sa.NATT, DPD: sa.DPD, Profile: sa.Profile,
		InitiatorCookie: sa.InitiatorCookie.String(),
		ResponderCookie: sa.ResponderCookie.String(),
	}
	if sa.Role == trace.RoleInitiator {
		row.Src, row.Dst = row.Dst, row.Src
	}
	if sa.Dead {
		row.State, row.DeadReason = deadState(sa).String(), sa.DeadReason.String()
	}
	if sa.Policy != (policy.IKE{}) {
		row.Suite = ikeSuite(sa.Policy)
	}
	return row
}

// deadState is the state that IOS shows of a deleted SA.
func deadState(sa ike.ISAKMPSA) trace.ShowState {
	switch {
	case sa.Aggressive, sa.Show == trace.AGNoState, sa.Show == trace.AGInitExch, sa.Show == trace.AGAuth:
		return trace.AGNoState
	}
	return trace.MMNoState
}

func ikeSuite(p policy.IKE) *IKESuite {
	return &IKESuite{
		Priority: p.Priority, Encryption: p.Encryption.String(), KeyBits: p.KeyBits, Hash: p.Hash.String(),
		Authentication: p.Auth.String(), Group: uint16(p.Group), LifetimeSeconds: p.Lifetime,
	}
}

// isakmpHeader is above the lines, each of which has isakmpLine octets.
const (
	isakmpHeader = "dst             src             state          conn-id slot\n"
	isakmpLine   = len(isakmpHeader)
)

// Text has the header even where there is no SA, and then an empty line.
func (t ISAKMPSAs) Text() string {
	var b strings.Builder
	b.Grow(len(isakmpHeader) + len(t.SAs)*isakmpLine)
	b.WriteString(isakmpHeader)
	for _, sa := range t.SAs {
		fmt.Fprintf(&b, "%-15s %-15s %-15s%7d %4d\n", sa.Dst, sa.Src, sa.State, sa.ConnID, sa.Slot)
	}
	if len(t.SAs) == 0 {
		b.WriteByte('\n')
	}
	return b.String()
}

// ISAKMPPolicies is show crypto isakmp policy: what phase 1 compares an offer
// with, in that order.
type ISAKMPPolicies struct {
	Suites []IKESuite `json:"suites"` // as configured, the lowest priority first
	// Default is compared last, and accepted only where that is configured.
	Default         *IKESuite `json:"default_suite"`
	DefaultAccepted bool      `json:"default_accepted"`

	policies []policy.IKE
}

func isakmpPolicies(r Router) ISAKMPPolicies {
	cfg := r.Config()
	view := ISAKMPPolicies{Suites: []IKESuite{}, Default: ikeSuite(policy.Default), DefaultAccepted: cfg.ISAKMP.DefaultPolicy}
	for _, p := range cfg.ISAKMP.Policies {
		suite := corePolicy(p)
		view.policies = append(view.policies, suite)
		view.Suites = append(view.Suites, *ikeSuite(suite))
	}
	return view
}

func corePolicy(p config.Policy) policy.IKE {
	return policy.IKE{
		Priority: uint16(p.Priority), Encryption: p.Encryption, KeyBits: p.KeyBits, Hash: p.Hash,
		Auth: p.Auth, Group: p.Group, Lifetime: p.Lifetime,
	}
}

// Text is IOS's listing.
func (v ISAKMPPolicies) Text() string {
	var b strings.Builder
	b.WriteString("\nGlobal IKE policy\n")
	for _, p := range v.policies {
		fmt.Fprintf(&b, "Protection suite of priority %d\n", p.Priority)
		writeSuite(&b, p)
	}
	b.WriteString("Default protection suite\n")
	writeSuite(&b, policy.Default)
	return b.String()
}

func writeSuite(b *strings.Builder, p policy.IKE) {
	fmt.Fprintf(b, "        encryption algorithm:   %s\n", encryptionText(p.Encryption, p.KeyBits))
	fmt.Fprintf(b, "        hash algorithm:         %s\n", hashText(p.Hash))
	fmt.Fprintf(b, "        authentication method:  %s\n", authText(p.Auth))
	fmt.Fprintf(b, "        Diffie-Hellman group:   %s\n", groupText(p.Group))
	fmt.Fprintf(b, "        lifetime:               %d seconds, no volume limit\n", p.Lifetime)
}

// upIdle says whether an SA has finished phase 1 and lives.
func upIdle(sa ike.ISAKMPSA) bool { return sa.Show == trace.QMIdle && !sa.Dead }
