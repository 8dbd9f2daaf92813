package console

import (
	"fmt"
	"strings"
	"time"

	"qmidle/internal/config"
	"qmidle/internal/ike"
	"qmidle/internal/isakmp"
	"qmidle/internal/policy"
)

// ISAKMPSADetails is show crypto isakmp sa detail: the facts of ISAKMPSAs in
// another form.
type ISAKMPSADetails struct {
	ISAKMPSAs

	now time.Time
	sas []ike.ISAKMPSA
}

func isakmpSADetails(r Router) ISAKMPSADetails {
	all := r.ISAKMPSAs()
	return ISAKMPSADetails{ISAKMPSAs: isakmpSAsOf(all), now: r.Now(), sas: all}
}

// activeISAKMPSAs is show crypto isakmp sa active: those that protect now.
func activeISAKMPSAs(r Router) ISAKMPSAs {
	table := ISAKMPSAs{SAs: []ISAKMPSA{}}
	for _, sa := range r.ISAKMPSAs() {
		if upIdle(sa) {
			table.SAs = append(table.SAs, isakmpSA(sa))
		}
	}
	return table
}

const detailCodes = `Codes: C - IKE configuration mode, D - Dead Peer Detection
       K - Keepalives, N - NAT-traversal
       T - cTCP encapsulation, X - IKE Extended Authentication
       psk - Preshared key, rsig - RSA signature
       renc - RSA encryption
IPv4 Crypto ISAKMP SA

C-id  Local           Remote          I-VRF  Status Encr Hash   Auth DH Lifetime Cap.

`

// Text is that of 15.x: the columns of 12.3 are not known for certain. What a
// deleted SA shows in them is recalled.
func (v ISAKMPSADetails) Text() string {
	var b strings.Builder
	b.WriteString(detailCodes)
	for i, sa := range v.SAs {
		status, engine := "ACTIVE", fmt.Sprintf("SW:%d", engineConn(sa.ConnID))
		if sa.Dead {
			status = ""
		}
		if sa.Dead || sa.ConnID == 0 {
			engine = "????"
		}
		encr, hash, auth, group := suiteColumns(v.sas[i].Policy)
		fmt.Fprintf(&b, "%-5d %-15s %-15s %-6s %-6s %-4s %-6s %-4s %-2s %8s %-4s\n", sa.ConnID, sa.Local.Addr(), sa.Remote.Addr(),
			"", status, encr, hash, auth, group, lifetimeLeft(v.now, sa.Expires), capabilitiesOf(v.sas[i]))
		fmt.Fprintf(&b, "       Engine-id:Conn-id =  %s\n\n", engine)
	}
	b.WriteString("IPv6 Crypto ISAKMP SA\n\n")
	return b.String()
}

// suiteColumns are a suite's short names; empty before one is agreed.
func suiteColumns(p policy.IKE) (encr, hash, auth, group string) {
	if p == (policy.IKE{}) {
		return "", "", "", ""
	}
	encr, _, _ = strings.Cut(config.EncryptionName(p.Encryption, p.KeyBits), " ")
	return encr, config.HashName(p.Hash), authColumn(p.Auth), fmt.Sprint(uint16(p.Group))
}

func authColumn(m isakmp.AuthMethod) string {
	switch m {
	case isakmp.AuthPSK:
		return "psk"
	case isakmp.AuthRSASig:
		return "rsig"
	case isakmp.AuthRSAEnc:
		return "renc"
	case isakmp.AuthECDSA256, isakmp.AuthECDSA384, isakmp.AuthECDSA521:
		return "esig" // ours
	}
	return m.String()
}

// engineConn is the crypto engine's own number of an SA: later releases count
// the conn-ids of its software from 1001.
func engineConn(conn uint32) uint32 {
	if conn > 1000 {
		return conn - 1000
	}
	return conn
}

// lifetimeLeft is hh:mm:ss, or 0 where there is none.
func lifetimeLeft(now, expires time.Time) string {
	left := int64(expires.Sub(now) / time.Second)
	if expires.IsZero() || left <= 0 {
		return "0"
	}
	return clockText(left)
}

func clockText(seconds int64) string {
	return fmt.Sprintf("%02d:%02d:%02d", seconds/3600, seconds/60%60, seconds%60)
}

// capabilitiesOf are an SA's, with C for a client that was given its address and X
// for a user who logs in.
func capabilitiesOf(sa ike.ISAKMPSA) string {
	letters := capabilities(sa.DPD, sa.NATT)
	if sa.Login != nil && sa.Login.Address.IsValid() {
		letters = "C" + letters
	}
	if sa.XAuth {
		letters += "X"
	}
	return letters
}

// capabilities are IOS's letters, in alphabetical order.
func capabilities(dpd, natt bool) string {
	letters := ""
	if dpd {
		letters += "D"
	}
	if natt {
		letters += "N"
	}
	return letters
}

// ISAKMPCount is show crypto isakmp sa count. Standby is always 0: there is no
// failover.
type ISAKMPCount struct {
	Active      int `json:"active_isakmp_sas"`
	Standby     int `json:"standby_isakmp_sas"`
	Negotiating int `json:"negotiating_isakmp_sas"`
	Dead        int `json:"dead_isakmp_sas"`
}

func isakmpCount(r Router) ISAKMPCount {
	var n ISAKMPCount
	for _, sa := range r.ISAKMPSAs() {
		switch {
		case sa.Dead:
			n.Dead++
		case upIdle(sa):
			n.Active++
		default:
			n.Negotiating++
		}
	}
	return n
}

// Text is IOS's listing.
func (n ISAKMPCount) Text() string {
	return fmt.Sprintf("Active ISAKMP SA's: %d\n\nStandby ISAKMP SA's: %d\n\n"+
		"Currently being negotiated ISAKMP SA's: %d\n\nDead ISAKMP SA's: %d\n", n.Active, n.Standby, n.Negotiating, n.Dead)
}

// ISAKMPPeers is show crypto isakmp peers.
type ISAKMPPeers struct {
	Peers []ISAKMPPeer `json:"isakmp_peers"`
}

// ISAKMPPeer is a peer with an ISAKMP SA that lives. Phase1ID is "" before it
// has told its identity.
type ISAKMPPeer struct {
	Peer     string `json:"peer"`
	Port     uint16 `json:"peer_port"`
	Local    string `json:"local_address"`
	Phase1ID string `json:"phase1_id"`
}

func isakmpPeers(r Router) ISAKMPPeers {
	view := ISAKMPPeers{Peers: []ISAKMPPeer{}}
	for _, sa := range r.ISAKMPSAs() {
		if !sa.Dead {
			view.add(sa)
		}
	}
	return view
}

// add lists a peer once; an identity that is known wins.
func (v *ISAKMPPeers) add(sa ike.ISAKMPSA) {
	p := ISAKMPPeer{sa.Remote.Addr().String(), sa.Remote.Port(), sa.Local.Addr().String(), sa.PeerIdentity.String()}
	for i, known := range v.Peers {
		if known.Peer == p.Peer && known.Port == p.Port && known.Local == p.Local {
			if p.Phase1ID != "" {
				v.Peers[i].Phase1ID = p.Phase1ID
			}
			return
		}
	}
	v.Peers = append(v.Peers, p)
}

// Text is empty where there is no peer.
func (v ISAKMPPeers) Text() string {
	var b strings.Builder
	for _, p := range v.Peers {
		fmt.Fprintf(&b, "Peer: %s Port: %d Local: %s\n Phase1 id: %s\n", p.Peer, p.Port, p.Local, orNone(p.Phase1ID))
	}
	return b.String()
}
