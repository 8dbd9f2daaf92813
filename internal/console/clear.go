package console

import (
	"fmt"
	"math"
	"strconv"

	"qmidle/internal/config"
	"qmidle/internal/ike"
)

// clearNodes follow clear.
var clearNodes = []*node{
	{Text: "access-list", Help: "Clear access list statistical information", Next: []*node{
		{Text: "counters", Help: "Clear access list counters", Do: do(clearMatches), Next: []*node{
			{Kind: config.Word, Text: "WORD", Arg: "list", Help: "Number or name", Do: do(clearMatches)},
		}},
	}},
	{Text: "crypto", Help: "Encryption subsystem", Next: []*node{
		{Text: "call", Help: "Clear Crypto Call Admission info", Next: []*node{
			{Text: "admission", Help: "Clear Crypto Call Admission info", Next: []*node{
				{Text: "statistics", Help: "Clear Crypto Call Admission Control stats", Do: do(clearAdmission)},
			}},
		}},
		{Text: "ipsec", Help: "Clear IPSEC", Next: []*node{
			{Text: "client", Help: "Clear client state", Next: []*node{
				{Text: "ezvpn", Help: "End the tunnel of an Easy VPN client", Do: do(clearEasyVPN), Next: []*node{
					{Kind: config.Word, Text: "WORD", Arg: "name", Help: "Name of the Easy VPN client", Do: do(clearEasyVPN)},
				}},
			}},
		}},
		{Text: "isakmp", Help: "Flush the ISAKMP database", Do: do(clearISAKMP), Next: []*node{
			{Kind: config.Number, Lo: 1, Hi: math.MaxInt32, Arg: "conn-id", Help: "Connection id of SA", Do: do(clearISAKMP)},
		}},
		{Text: "sa", Help: "Clear all crypto SAs", Do: do(clearIPsec), Next: []*node{
			{Text: "counters", Help: "Reset the SA counters", Do: do(clearCounters)},
			{Text: "entry", Help: "Clear the SA of an address, protocol and SPI", Next: []*node{
				{Kind: config.Address, Text: "A.B.C.D", Arg: "destination", Help: "Destination address of the SA", Next: []*node{
					{Text: "esp", Help: "Encapsulating Security Payload", Next: []*node{
						{Kind: config.Word, Text: "SPI", Arg: "spi", Help: "Security parameter index, decimal or 0x and hexadecimal", Do: do(clearEntry)},
					}},
				}},
			}},
			{Text: "map", Help: "Clear all SAs of a crypto map", Next: []*node{
				{Kind: config.Word, Text: "WORD", Arg: "map", Help: "Crypto map tag", Do: do(clearIPsec)},
			}},
			{Text: "peer", Help: "Clear all SAs with a peer", Next: []*node{
				{Kind: config.Address, Text: "A.B.C.D", Arg: "peer", Help: "Peer address", Do: do(clearIPsec)},
				{Kind: config.Host, Text: "WORD", Arg: "host", Help: "Host name of the peer", Do: do(clearHost)},
			}},
		}},
		{Text: "session", Help: "Clear crypto sessions (tunnels)", Do: do(clearSession), Next: []*node{
			{Text: "local", Help: "Clear the sessions of a local address", Next: []*node{
				{Kind: config.Address, Text: "A.B.C.D", Arg: "local", Help: "Local address", Do: do(clearSession), Next: []*node{sessionRemote}},
			}},
			sessionRemote,
		}},
	}},
	{Text: "logging", Help: "Clear logging buffer", Do: do(clearLog)},
}

var sessionRemote = &node{Text: "remote", Help: "Clear the sessions of a remote address", Next: []*node{
	{Kind: config.Address, Text: "A.B.C.D", Arg: "remote", Help: "Remote address", Do: do(clearSession), Next: []*node{
		{Text: "port", Help: "Remote IKE port", Next: []*node{
			{Kind: config.Number, Lo: 1, Hi: math.MaxUint16, Arg: "port", Help: "Port number", Do: do(clearSession)},
		}},
	}},
}}

// Cleared is clear. IOS says nothing. Count is the ISAKMP SAs and pairs of IPsec
// SAs that there were.
type Cleared struct {
	Cleared string `json:"cleared"` // isakmp, ipsec, ezvpn, session, counters, access_list_counters or logging
	ConnID  uint32 `json:"conn_id,omitempty"`
	Count   int    `json:"count"`
}

// Text is empty.
func (Cleared) Text() string { return "" }

func clearISAKMP(r Router, a config.Args) (View, error) {
	conn := uint32(a.Number("conn-id"))
	n := r.ClearISAKMP(conn)
	if conn != 0 && n == 0 {
		return nil, fmt.Errorf("no ISAKMP SA with connection id %d", conn)
	}
	return Cleared{"isakmp", conn, n}, nil
}

func clearIPsec(r Router, a config.Args) (View, error) {
	f := ike.IPsecFilter{Peer: a.Addr("peer"), Map: a.Text("map")}
	if f.Map != "" && r.Config().CryptoMap(f.Map) == nil {
		return nil, fmt.Errorf("there is no crypto map %s", f.Map)
	}
	return Cleared{Cleared: "ipsec", Count: r.ClearIPsec(f)}, nil
}

// clearHost deletes the pairs with each address that a name has now.
func clearHost(r Router, a config.Args) (View, error) {
	addrs := hostAddresses(r, a.Text("host"))
	if len(addrs) == 0 {
		return nil, fmt.Errorf("%s is no peer's name, or has no address", a.Text("host"))
	}
	view := Cleared{Cleared: "ipsec"}
	for _, peer := range addrs {
		view.Count += r.ClearIPsec(ike.IPsecFilter{Peer: peer})
	}
	return view, nil
}

// clearEntry deletes the pair that an SA belongs to: one direction alone is of
// no use.
func clearEntry(r Router, a config.Args) (View, error) {
	spi, err := strconv.ParseUint(a.Text("spi"), 0, 32)
	if err != nil || spi == 0 {
		return nil, fmt.Errorf("%q is no SPI: write it as `show crypto ipsec sa` does, such as 0x1A2B3C4D or 439041101", a.Text("spi"))
	}
	n := r.ClearIPsec(ike.IPsecFilter{Destination: a.Addr("destination"), SPI: uint32(spi)})
	if n == 0 {
		return nil, fmt.Errorf("no SA to %s has the SPI 0x%X", a.Addr("destination"), spi)
	}
	return Cleared{Cleared: "ipsec", Count: n}, nil
}

func clearSession(r Router, a config.Args) (View, error) {
	f := ike.SessionFilter{Local: a.Addr("local"), Remote: a.Addr("remote"), RemotePort: uint16(a.Number("port"))}
	return Cleared{Cleared: "session", Count: r.ClearSession(f)}, nil
}

func clearCounters(r Router, _ config.Args) (View, error) {
	r.ClearCounters()
	return Cleared{Cleared: "counters"}, nil
}

func clearMatches(r Router, a config.Args) (View, error) {
	list := a.Text("list")
	if list != "" && r.Config().AccessList(list) == nil {
		return nil, fmt.Errorf("there is no access list %s", list)
	}
	users := r.Connections()
	if list != "" {
		users = usersOfLists(r)[list]
	}
	var tags []uint32
	for _, c := range users {
		tags = append(tags, c.Tag)
	}
	r.ClearMatches(tags)
	return Cleared{Cleared: "access_list_counters"}, nil
}

func clearLog(r Router, _ config.Args) (View, error) {
	r.ClearLog()
	return Cleared{Cleared: "logging"}, nil
}
