package console

import (
	"fmt"
	"net/netip"
	"strings"

	"qmidle/internal/ike"
	"qmidle/internal/isakmp"
	"qmidle/internal/policy"
	"qmidle/internal/trace"
)

// EngineBrief is show crypto engine brief.
type EngineBrief struct {
	Engines []Engine `json:"engines"`
}

// Engine is one crypto engine; there is only that of this program.
type Engine struct {
	Name        string   `json:"name"`
	Type        string   `json:"type"`  // software
	State       string   `json:"state"` // installed
	Library     string   `json:"library"`
	CPUFeatures []string `json:"cpu_features"` // that it uses
}

func engineBrief(r Router) EngineBrief {
	v := r.Version()
	return EngineBrief{[]Engine{{Name: "qmidle", Type: "software", State: "installed", Library: v.GoVersion,
		CPUFeatures: append([]string{}, v.CPUFeatures...)}}}
}

// Text has the labels of IOS, recalled and not seen in a source. The last is
// this project's.
func (v EngineBrief) Text() string {
	var b strings.Builder
	for _, e := range v.Engines {
		features := strings.Join(e.CPUFeatures, ", ")
		if features == "" {
			features = "none"
		}
		for _, line := range [][2]string{{"crypto engine name", e.Name}, {"crypto engine type", e.Type},
			{"crypto engine state", e.State}, {"crypto lib version", e.Library}, {"CPU features in use", features}} {
			fmt.Fprintf(&b, "%27s:  %s\n", line[0], line[1])
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// EngineConnections is show crypto engine connections active.
type EngineConnections struct {
	Connections []EngineConnection `json:"engine_connections"`
}

// EngineConnection is one SA as the crypto engine has it: an ISAKMP SA, or one
// direction of a pair of IPsec SAs. IKE's own messages are not counted.
type EngineConnection struct {
	ID        uint32     `json:"conn_id"`
	Type      string     `json:"type"` // IKE or IPsec
	Interface string     `json:"interface"`
	Address   netip.Addr `json:"ip_address"`
	Algorithm string     `json:"algorithm"`
	Encrypted uint64     `json:"encrypted_packets"`
	Decrypted uint64     `json:"decrypted_packets"`
}

func engineConnections(r Router) EngineConnections {
	view := EngineConnections{Connections: []EngineConnection{}}
	connections := r.Connections()
	for _, sa := range r.ISAKMPSAs() {
		if sa.Dead || sa.Conn == 0 {
			continue
		}
		local := sa.Local.Addr()
		view.Connections = append(view.Connections, EngineConnection{ID: sa.Conn, Type: "IKE",
			Interface: interfaceOf(connections, local), Address: local, Algorithm: ikeAlgorithm(sa.Policy)})
	}
	for _, sa := range r.IPsecSAs() {
		used := r.SACounters(sa.InSPI, sa.OutSPI)
		local := sa.Local.Addr()
		in := EngineConnection{ID: sa.InConn, Type: "IPsec", Interface: interfaceOf(connections, local), Address: local,
			Algorithm: espAlgorithm(sa.Suite), Decrypted: used.DecapsPackets}
		view.Connections = append(view.Connections, in)
		if sa.OutboundReady {
			out := in
			out.ID, out.Encrypted, out.Decrypted = sa.OutConn, used.EncapsPackets, 0
			view.Connections = append(view.Connections, out)
		}
	}
	return view
}

// interfaceOf is the interface of a local address, "" where no crypto map has
// one.
func interfaceOf(connections []*ike.Connection, local netip.Addr) string {
	for _, c := range connections {
		if c.Local == local {
			return c.Interface
		}
	}
	return ""
}

// ikeAlgorithm is a suite in the crypto engine's words: HMAC_MD5+3DES_56_C. All
// but this one are made after its pattern.
func ikeAlgorithm(p policy.IKE) string {
	cipher := map[isakmp.EncryptionAlgorithm]string{
		isakmp.EncrDESCBC: "DES_56_CB", isakmp.Encr3DESCBC: "3DES_56_C", isakmp.EncrAESCBC: "AES_CBC",
	}[p.Encryption]
	if p.Encryption == isakmp.EncrAESCBC && p.KeyBits > 128 {
		cipher = fmt.Sprintf("AES%d_CBC", p.KeyBits)
	}
	hash := map[isakmp.HashAlgorithm]string{
		isakmp.HashMD5: "HMAC_MD5", isakmp.HashSHA1: "HMAC_SHA", isakmp.HashSHA256: "HMAC_SHA256",
		isakmp.HashSHA384: "HMAC_SHA384", isakmp.HashSHA512: "HMAC_SHA512",
	}[p.Hash]
	return hash + "+" + cipher
}

// espAlgorithm is an ESP suite: DES+SHA, AES256+SHA512.
func espAlgorithm(s trace.IPsecSuite) string {
	cipher := strings.ToUpper(cipherText(s.Transform))
	if s.KeyBits > 128 {
		cipher += fmt.Sprint(s.KeyBits)
	}
	auth := map[isakmp.AuthAlgorithm]string{
		isakmp.AuthAlgHMACMD5: "+MD5", isakmp.AuthAlgHMACSHA1: "+SHA", isakmp.AuthAlgHMACSHA256: "+SHA256",
		isakmp.AuthAlgHMACSHA384: "+SHA384", isakmp.AuthAlgHMACSHA512: "+SHA512",
	}[s.Auth]
	return cipher + auth
}

// Text is IOS 12.3's table; it cuts a long algorithm off.
func (v EngineConnections) Text() string {
	var b strings.Builder
	b.WriteString("  ID Interface       IP-Address      State  Algorithm           Encrypt  Decrypt\n")
	for _, c := range v.Connections {
		name := c.Interface
		if name == "" {
			name = "<none>"
		}
		fmt.Fprintf(&b, "%4d %-15.15s %-15s %-6s %-18.18s %8d %8d\n", c.ID, name, c.Address, "set", c.Algorithm, c.Encrypted, c.Decrypted)
	}
	b.WriteByte('\n')
	return b.String()
}
