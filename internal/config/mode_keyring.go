package config

import (
	"net/netip"
	"slices"
)

// keyringNodes follow `crypto keyring`.
var keyringNodes = []*node{
	{Kind: Word, Text: "WORD", Arg: "keyring", Help: "Name of key ring", Do: enterKeyring, No: noKeyring, Next: []*node{
		{Text: "vrf", Help: "Front-door VRF of the peers", Unsupported: "a keyring of a VRF", Block: true},
	}},
}

var keyringMode = mode{name: "Keyring", prompt: "conf-keyring", nodes: []*node{
	{Text: "description", Help: "Specify a description of this keyring", Do: noKeyringDescription, No: noKeyringDescription, Next: []*node{
		{Kind: Rest, Text: "LINE", Arg: "description", Help: "Up to 80 characters", Do: setKeyringDescription},
	}},
	{Text: "local-address", Help: "Local address the keys are for", No: noKeyringLocal, Next: localEndpointNodes(setKeyringLocal)},
	{Text: "pre-shared-key", Help: "Specify a pre-shared key", Next: []*node{
		{Text: "address", Help: "Specify the key by an IP address", Next: []*node{
			{Text: "ipv6", Help: "Specify the key by an IPv6 address", Unsupported: "a key of an IPv6 peer"},
			{Kind: Address, Text: "A.B.C.D", Arg: "address", Help: "Peer IP address; 0.0.0.0 for any", No: noKeyringKey, Next: slices.Concat([]*node{
				{Kind: Netmask, Text: "A.B.C.D", Arg: "mask", Help: "Peer IP subnet mask", Next: keyringKeyNodes},
			}, keyringKeyNodes)},
		}},
		{Text: "hostname", Help: "Specify the key by a host name", Next: []*node{
			{Kind: Host, Text: "WORD", Arg: "hostname", Help: "Peer host name", No: noKeyringKey, Next: keyringKeyNodes},
		}},
	}},
	{Text: "rsa-pubkey", Help: "Specify an RSA public key", Unsupported: "an RSA public key in a keyring", Block: true},
}}

var keyringKeyNodes = []*node{
	{Text: "key", Help: "Specify the key", Next: []*node{
		{Text: "0", Help: "An UNENCRYPTED key follows", Next: []*node{keyringKeyWord}},
		{Text: "6", Help: "An ENCRYPTED key follows", Unsupported: "an encrypted key (type 6)", Scope: ScopeAlways},
		keyringKeyWord,
	}},
}

var keyringKeyWord = &node{Kind: Word, Text: "WORD", Arg: "key", Help: "The UNENCRYPTED pre-shared key", Secret: true, Do: setKeyringKey}

// localEndpointNodes are an address or an interface. IOS takes the name of a VRF
// behind them, where an interface may have its number.
func localEndpointNodes(do Action[*Editor]) []*node {
	return []*node{
		{Kind: Address, Text: "A.B.C.D", Arg: "address", Help: "IP address", Do: do, Next: []*node{
			{Kind: Host, Text: "WORD", Help: "Front-door VRF", Unsupported: localInVRF, Scope: ScopeAlways},
		}},
		{Kind: Word, Text: "WORD", Arg: "name", Help: "Interface name", Do: do, Next: []*node{
			{Kind: Word, Text: "N/N", Arg: "number", Help: "Interface number", Do: do},
		}},
	}
}

const localInVRF = "a local address in a VRF"

// localEndpoint reads an address or the name of an interface.
func localEndpoint(a Args) (LocalEndpoint, *Problem) {
	if addr := a.Addr("address"); addr.IsValid() {
		if !unicast(addr) {
			return LocalEndpoint{}, &Problem{Code: CodeValue, Arg: "address", Message: "% Invalid IP address: the local address is a unicast address"}
		}
		return LocalEndpoint{Addr: addr}, nil
	}
	if a.Has("number") && !interfaceNumber(a.Text("number")) {
		return LocalEndpoint{}, &Problem{Code: CodeUnsupported, Arg: "number", Message: localInVRF + " is known to IOS but not supported yet"}
	}
	long, _, p := interfaceName(a)
	return LocalEndpoint{Interface: long}, p
}

func keyringMark(name string) string { return "crypto keyring " + name }

func enterKeyring(e *Editor, a Args) *Problem {
	name := a.Text("keyring")
	if name == DefaultKeyring {
		return &Problem{Code: CodeValue, Arg: "keyring", Message: "`default` stands for the keys of `crypto isakmp key`", Hint: "choose another name"}
	}
	e.enter(&keyringMode)
	e.keyring = e.cfg.Keyring(name)
	if e.keyring != nil {
		e.again(keyringMark(name), a, "keyring")
		return nil
	}
	e.keyring = &Keyring{Name: name}
	e.cfg.Keyrings = append(e.cfg.Keyrings, e.keyring)
	e.remember(keyringMark(name), a, "keyring")
	return nil
}

func noKeyring(e *Editor, a Args) *Problem {
	before := len(e.cfg.Keyrings)
	e.cfg.Keyrings = slices.DeleteFunc(e.cfg.Keyrings, func(k *Keyring) bool { return k.Name == a.Text("keyring") })
	if len(e.cfg.Keyrings) == before {
		return &Problem{Code: CodeReference, Arg: "keyring", Message: "there is no such keyring"}
	}
	e.enter(nil)
	return nil
}

func setKeyringDescription(e *Editor, a Args) *Problem {
	e.keyring.Description = a.Text("description")
	return nil
}

func noKeyringDescription(e *Editor, _ Args) *Problem {
	e.keyring.Description = ""
	return nil
}

func setKeyringLocal(e *Editor, a Args) *Problem {
	return e.setLocal(&e.keyring.Local, keyringMark(e.keyring.Name), a)
}

func (e *Editor) setLocal(to *LocalEndpoint, mark string, a Args) *Problem {
	local, p := localEndpoint(a)
	if p == nil {
		*to = local
		e.remember(mark+" local", a, "name")
	}
	return p
}

func noKeyringLocal(e *Editor, _ Args) *Problem {
	e.keyring.Local = LocalEndpoint{}
	return nil
}

func setKeyringKey(e *Editor, a Args) *Problem {
	k, p := presharedKey(a)
	if p != nil {
		return p
	}
	if e.keyring.Keys, p = addKey(e.keyring.Keys, k, "no pre-shared-key"); p == nil {
		e.remember(keyMark(e.keyring.Name, k), a, "")
	}
	return p
}

func noKeyringKey(e *Editor, a Args) *Problem {
	k, p := presharedKey(a)
	if p != nil {
		return p
	}
	e.keyring.Keys, p = removeKey(e.keyring.Keys, k)
	return p
}

// addKey adds a key, or has one that is there changed. A second, different key
// for the same peer is refused, as in IOS.
func addKey(keys []PresharedKey, k PresharedKey, remove string) ([]PresharedKey, *Problem) {
	i := 0
	for i < len(keys) && !keys[i].samePeer(&k) {
		i++
	}
	switch {
	case i == len(keys):
		return append(keys, k), nil
	case !keys[i].Key.Equal(k.Key):
		return keys, &Problem{Code: CodeValue, Arg: "key", Message: "A pre-shared key for " + k.peer() + " already exists!",
			Hint: "remove the other with `" + remove + "` first"}
	}
	keys[i] = k
	return keys, nil
}

func removeKey(keys []PresharedKey, k PresharedKey) ([]PresharedKey, *Problem) {
	before := len(keys)
	keys = slices.DeleteFunc(keys, func(o PresharedKey) bool { return o.samePeer(&k) })
	if len(keys) == before {
		return keys, &Problem{Code: CodeReference, Message: "there is no key for " + k.peer()}
	}
	return keys, nil
}

// rangeOf is a range of addresses as a line has it: an address alone is one host,
// 0.0.0.0 alone every address.
func rangeOf(a Args, address, mask string) netip.Prefix {
	bits := 32
	if a.Addr(address).IsUnspecified() {
		bits = 0
	}
	if a.Has(mask) {
		bits, _ = maskBits(a.Addr(mask))
	}
	return netip.PrefixFrom(a.Addr(address), bits).Masked()
}
