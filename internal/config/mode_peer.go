package config

import (
	"slices"

	"qmidle/internal/isakmp"
	"qmidle/internal/secret"
)

// peerNodes follow `crypto isakmp peer`.
var peerNodes = []*node{
	{Text: "address", Help: "Set Policy for peer Address", Next: []*node{
		{Text: "ipv6", Help: "Set policy for an IPv6 peer", Unsupported: "an IPv6 peer"},
		{Kind: Address, Text: "A.B.C.D", Arg: "address", Help: "Peer IP address", Do: enterISAKMPPeer, No: noISAKMPPeer, Next: peerVRF},
	}},
	{Text: "hostname", Help: "Set Policy for hostname peer", Next: []*node{
		{Kind: Host, Text: "WORD", Arg: "hostname", Help: "Peer host name", Do: enterISAKMPPeer, No: noISAKMPPeer, Next: peerVRF},
	}},
}

var peerVRF = []*node{{Text: "vrf", Help: "Front-door VRF of the peer", Unsupported: "an ISAKMP peer of a VRF", Block: true}}

var peerMode = mode{name: "ISAKMP peer", prompt: "config-isakmp-peer", nodes: []*node{
	{Text: "description", Help: "Specify a description of this peer", Do: noPeerDescription, No: noPeerDescription, Next: []*node{
		{Kind: Rest, Text: "LINE", Arg: "description", Help: "Up to 80 characters", Do: setPeerDescription},
	}},
	{Text: "set", Help: "Set values for the peer", Next: []*node{
		{Text: "aggressive-mode", Help: "Begin phase 1 with the peer in aggressive mode", Next: []*node{
			{Text: "client-endpoint", Help: "Identity to present", No: noPeerEndpoint, Next: []*node{
				{Text: "fqdn", Help: "Present a host name", Next: []*node{
					{Kind: Host, Text: "WORD", Arg: "identity", Help: "Fully qualified host name", Do: setPeerEndpoint(isakmp.IDFQDN)},
				}},
				{Text: "ipv4-address", Help: "Present an IP address", Next: []*node{
					{Kind: Address, Text: "A.B.C.D", Arg: "address", Help: "IP address", Do: setPeerEndpoint(isakmp.IDIPv4Addr)},
				}},
				{Text: "user-fqdn", Help: "Present a user and host name", Next: []*node{
					{Kind: Word, Text: "WORD", Arg: "identity", Help: "user@host", Do: setPeerEndpoint(isakmp.IDUserFQDN)},
				}},
			}},
			{Text: "password", Help: "Key that proves both ends", No: noPeerPassword, Next: []*node{
				{Text: "0", Help: "An UNENCRYPTED key follows", Next: []*node{peerPassword}},
				{Text: "6", Help: "An ENCRYPTED key follows", Unsupported: "an encrypted key (type 6)", Scope: ScopeAlways},
				peerPassword,
			}},
		}},
	}},
}}

var peerPassword = &node{Kind: Word, Text: "WORD", Arg: "key", Help: "The UNENCRYPTED pre-shared key", Secret: true, Do: setPeerPassword}

func peerMark(p *ISAKMPPeer) string { return "isakmp peer " + p.name() }

// name is the peer's address or host name.
func (p *ISAKMPPeer) name() string {
	if p.Host != "" {
		return p.Host
	}
	return p.Addr.String()
}

func enterISAKMPPeer(e *Editor, a Args) *Problem {
	addr, host := a.Addr("address"), a.Text("hostname")
	if addr.IsValid() && !unicast(addr) {
		return &Problem{Code: CodeValue, Arg: "address", Message: "% Invalid IP address: a peer has a unicast address"}
	}
	e.enter(&peerMode)
	arg := "address"
	if host != "" {
		arg = "hostname"
	}
	if e.peer = e.cfg.ISAKMP.Peer(addr, host); e.peer != nil {
		e.again(peerMark(e.peer), a, arg)
		return nil
	}
	e.peer = &ISAKMPPeer{Addr: addr, Host: host}
	e.cfg.ISAKMP.Peers = append(e.cfg.ISAKMP.Peers, e.peer)
	e.remember(peerMark(e.peer), a, arg)
	return nil
}

func noISAKMPPeer(e *Editor, a Args) *Problem {
	p := e.cfg.ISAKMP.Peer(a.Addr("address"), a.Text("hostname"))
	if p == nil {
		return &Problem{Code: CodeReference, Message: "there is no such ISAKMP peer"}
	}
	e.cfg.ISAKMP.Peers = slices.DeleteFunc(e.cfg.ISAKMP.Peers, func(o *ISAKMPPeer) bool { return o == p })
	e.enter(nil)
	return nil
}

func setPeerDescription(e *Editor, a Args) *Problem {
	e.peer.Description = a.Text("description")
	return nil
}

func noPeerDescription(e *Editor, _ Args) *Problem {
	e.peer.Description = ""
	return nil
}

func setPeerEndpoint(t isakmp.IDType) Action[*Editor] {
	return func(e *Editor, a Args) *Problem {
		if t == isakmp.IDUserFQDN && !userFQDN(a.Text("identity")) {
			return notUserFQDN
		}
		e.peer.Endpoint = ClientEndpoint{Type: t, Addr: a.Addr("address"), Name: a.Text("identity")}
		e.remember(peerMark(e.peer)+" endpoint", a, "")
		return nil
	}
}

func noPeerEndpoint(e *Editor, _ Args) *Problem {
	e.peer.Endpoint = ClientEndpoint{}
	return nil
}

func setPeerPassword(e *Editor, a Args) *Problem {
	if len(a.Text("key")) > 128 {
		return &Problem{Code: CodeValue, Arg: "key", Message: "the key is longer than 128 characters"}
	}
	e.peer.Password = secret.FromString(a.Text("key"))
	e.remember(peerMark(e.peer)+" password", a, "")
	return nil
}

func noPeerPassword(e *Editor, _ Args) *Problem {
	e.peer.Password = secret.Secret{}
	return nil
}
