package config

import (
	"net/netip"
	"slices"
)

// pubkeyChainNodes follow `crypto key pubkey-chain`.
var pubkeyChainNodes = []*node{{Text: "rsa", Help: "Configure RSA Public Keys", Do: func(e *Editor, _ Args) *Problem {
	e.enter(&pubkeyChainMode)
	return nil
}, No: func(e *Editor, _ Args) *Problem {
	e.cfg.PeerKeys = nil
	e.enter(nil)
	return nil
}}}

// keyOwnerNodes name whose key it is. They stand in a key's own mode too, as in IOS,
// where they end it.
var keyOwnerNodes = []*node{
	{Text: "addressed-key", Help: "Specify public key by address", Next: []*node{
		{Kind: Address, Text: "A.B.C.D", Arg: "address", Help: "IP address", Do: enterPeerKey, No: noPeerKey, Next: keyUsages},
	}},
	{Text: "named-key", Help: "Specify public key by name", Next: []*node{
		{Kind: Host, Text: "WORD", Arg: "name", Help: "Public key name", Do: enterPeerKey, No: noPeerKey, Next: keyUsages},
	}},
}

// keyUsages tell special-usage keys apart. Encrypted nonces take those that encrypt.
var keyUsages = []*node{
	{Text: "encryption", Help: "Special usage encryption key", Do: enterPeerKey},
	{Text: "signature", Help: "Special usage signature key", Unsupported: "a peer's public key for signatures: certificates have those", Block: true},
}

var pubkeyChainMode = mode{name: "Public key chain", prompt: "config-pubkey-chain"}

var pubkeyMode = mode{name: "Public key", prompt: "config-pubkey-key", nodes: []*node{
	{Text: "address", Help: "Provide the IP address of the peer with a named key", No: noPeerKeyAddress, Next: []*node{
		{Kind: Address, Text: "A.B.C.D", Arg: "address", Help: "IP address", Do: setPeerKeyAddress},
	}},
	{Text: "key-string", Help: "Enter the public key manually; its text follows, up to `quit`", Do: beginPeerKey, No: noKeyString},
}}

func init() { // the nodes lead into the modes
	pubkeyChainMode.nodes = keyOwnerNodes
	pubkeyMode.nodes = append(pubkeyMode.nodes, keyOwnerNodes...)
}

func pubkeyMark(k *PeerKey) string { return "pubkey " + k.owner() }

func keyOwner(a Args) PeerKey { return PeerKey{Address: a.Addr("address"), Name: a.Text("name")} }

func enterPeerKey(e *Editor, a Args) *Problem {
	owner := keyOwner(a)
	e.enter(&pubkeyMode)
	if e.peerKey = e.cfg.PeerKey(owner.owner()); e.peerKey == nil {
		e.peerKey = &owner
		e.cfg.PeerKeys = append(e.cfg.PeerKeys, e.peerKey)
	}
	e.remember(pubkeyMark(e.peerKey), a, "")
	return nil
}

func noPeerKey(e *Editor, a Args) *Problem {
	owner, before := keyOwner(a), len(e.cfg.PeerKeys)
	e.cfg.PeerKeys = slices.DeleteFunc(e.cfg.PeerKeys, func(k *PeerKey) bool { return k.owner() == owner.owner() })
	if len(e.cfg.PeerKeys) == before {
		return &Problem{Code: CodeReference, Message: "there is no key of " + owner.owner()}
	}
	e.enter(&pubkeyChainMode)
	return nil
}

func setPeerKeyAddress(e *Editor, a Args) *Problem {
	if e.peerKey.Name == "" {
		return &Problem{Code: CodeValue, Arg: "address", Message: "an addressed key has its address"}
	}
	e.peerKey.Address = a.Addr("address")
	return nil
}

func noPeerKeyAddress(e *Editor, _ Args) *Problem {
	if e.peerKey.Name == "" {
		return &Problem{Code: CodeValue, Message: "an addressed key has its address"}
	}
	e.peerKey.Address = netip.Addr{}
	return nil
}

func noKeyString(e *Editor, _ Args) *Problem {
	e.peerKey.DER = nil
	return nil
}

func beginPeerKey(e *Editor, _ Args) *Problem {
	e.hex = &hexText{of: "public key", at: e.plain(indent(e.text)), store: e.storePeerKey}
	return nil
}

// storePeerKey keeps a key's text, which is a SubjectPublicKeyInfo. Cisco's own
// examples have a first octet of 0.
func (e *Editor) storePeerKey(der []byte) bool {
	if len(der) > 1 && der[0] == 0 {
		der = slices.Concat([]byte{0x30}, der[1:])
	}
	if (&PeerKey{DER: der}).Public() == nil {
		return false
	}
	e.peerKey.DER = der
	return true
}
