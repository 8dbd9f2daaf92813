package config

import (
	"slices"

	"qmidle/internal/isakmp"
)

// ipsecNodes follow `crypto ipsec`.
var ipsecNodes = []*node{
	{Text: "client", Help: "Configure a client", Next: easyVPNNodes},
	{Text: "df-bit", Help: "Handling of encapsulated DF bit", No: setDFBit, Next: []*node{
		{Text: "clear", Arg: "df", Lo: uint64(DFClear), Help: "Clear DF bit of encapsulated packets", Do: setDFBit},
		{Text: "copy", Arg: "df", Lo: uint64(DFCopy), Help: "Copy DF bit of the packet inside", Do: setDFBit},
		{Text: "set", Arg: "df", Lo: uint64(DFSet), Help: "Set DF bit of encapsulated packets", Do: setDFBit},
	}},
	{Text: "fragmentation", Help: "Handling of fragmentation", No: setFragmentAfter(false), Next: []*node{
		{Text: "after-encryption", Help: "Fragment packets after encryption", Do: setFragmentAfter(true)},
		{Text: "before-encryption", Help: "Fragment packets before encryption", Do: setFragmentAfter(false)},
	}},
	{Text: "nat-transparency", Help: "IPsec NAT transparency model", Next: []*node{
		{Text: "spi-matching", Help: "Match inbound SPI to outbound SPI", Unsupported: "NAT by SPI matching"},
		{Text: "udp-encapsulation", Help: "UDP encapsulation, which is always on", Do: func(*Editor, Args) *Problem { return nil }, No: noUDPEncapsulation},
	}},
	{Text: "profile", Help: "Configure an ipsec policy profile", Unsupported: "an IPsec profile", Block: true},
	{Text: "security-association", Help: "Security association parameters", Next: []*node{
		{Text: "idle-time", Help: "Automatically delete IPsec SAs after a given idle period", No: noIdleTime, Next: []*node{
			{Kind: Number, Lo: 60, Hi: 86400, Arg: "idle", Help: "Idle time in seconds", Do: setIdleTime},
		}},
		{Text: "lifetime", Help: "Security association lifetime", Next: []*node{
			{Text: "kilobytes", Help: "Volume-based key duration", No: noLifetimeKilobytes, Next: []*node{
				{Text: "disable", Help: "Disable volume-based rekey", Do: setLifetimeKilobytes},
				{Kind: Number, Lo: 2560, Hi: 4294967295, Arg: "kilobytes", Help: "Kilobytes encrypted with one key", Do: setLifetimeKilobytes},
			}},
			{Text: "seconds", Help: "Time-based key duration", No: noLifetimeSeconds, Next: []*node{
				{Kind: Number, Lo: 120, Hi: 86400, Arg: "seconds", Help: "Time-based key duration in seconds", Do: setLifetimeSeconds},
			}},
		}},
		{Text: "replay", Help: "Set replay checking", Next: []*node{
			{Text: "disable", Help: "Disable replay checking", Do: setReplayWindow, No: noReplayWindow},
			{Text: "window-size", Help: "Set replay window size", No: noReplayWindow, Next: replayWindows(setReplayWindow)},
		}},
	}},
	{Text: "transform-set", Help: "Define transform and settings", Next: []*node{
		{Kind: Word, Text: "WORD", Arg: "name", Help: "Transform set tag", No: noTransformSet, Do: enterTransformSet, Next: transforms(true, true), Part: "TRANSFORMS"},
	}},
}

func replayWindows(set Action[*Editor]) []*node {
	return []*node{
		{Text: "64", Lo: 64, Arg: "window", Help: "Window size of 64 (default)", Do: set},
		{Text: "128", Lo: 128, Arg: "window", Help: "Window size of 128", Do: set},
		{Text: "256", Lo: 256, Arg: "window", Help: "Window size of 256", Do: set},
		{Text: "512", Lo: 512, Arg: "window", Help: "Window size of 512", Do: set},
		{Text: "1024", Lo: 1024, Arg: "window", Help: "Window size of 1024", Do: set},
	}
}

// ciphers are the ESP ciphers, with the key lengths that may follow.
var ciphers = []struct {
	text   string
	cipher isakmp.ESPTransform
	help   string
	bits   bool
}{
	{"esp-3des", isakmp.ESP3DES, "ESP transform using 3DES(EDE) cipher (168 bits)", false},
	{"esp-aes", isakmp.ESPAES, "ESP transform using AES cipher", true},
	{"esp-des", isakmp.ESPDES, "ESP transform using DES cipher (56 bits)", false},
	{"esp-gcm", isakmp.ESPAESGCM16, "ESP transform using GCM cipher", true},
	{"esp-null", isakmp.ESPNull, "ESP transform w/o cipher", false},
}

// authenticators are the ESP integrity algorithms.
var authenticators = []struct {
	text string
	auth isakmp.AuthAlgorithm
	help string
}{
	{"esp-md5-hmac", isakmp.AuthAlgHMACMD5, "ESP transform using HMAC-MD5 auth"},
	{"esp-sha-hmac", isakmp.AuthAlgHMACSHA1, "ESP transform using HMAC-SHA auth"},
	{"esp-sha256-hmac", isakmp.AuthAlgHMACSHA256, "ESP transform using HMAC-SHA256 auth"},
	{"esp-sha384-hmac", isakmp.AuthAlgHMACSHA384, "ESP transform using HMAC-SHA384 auth"},
	{"esp-sha512-hmac", isakmp.AuthAlgHMACSHA512, "ESP transform using HMAC-SHA512 auth"},
}

// transforms lists what may still follow: a cipher, an integrity algorithm,
// both in any order.
func transforms(cipher, auth bool) []*node {
	var nodes []*node
	if cipher {
		nodes = append(nodes, cipherNodes(auth)...)
	}
	if auth {
		nodes = append(nodes, authNodes(cipher)...)
	}
	for _, text := range []string{"ah-md5-hmac", "ah-sha-hmac", "ah-sha256-hmac", "ah-sha384-hmac", "ah-sha512-hmac"} {
		nodes = append(nodes, &node{Text: text, Help: "AH-HMAC transform", Unsupported: "AH", Scope: ScopeAlways})
	}
	return append(nodes,
		&node{Text: "comp-lzs", Help: "IP Compression using the LZS compression algorithm", Unsupported: "IP compression", Scope: ScopeAlways},
		&node{Text: "esp-gmac", Help: "ESP transform using GMAC cipher", Unsupported: "AES-GMAC", Scope: ScopeAlways},
		&node{Text: "esp-seal", Help: "ESP transform using SEAL cipher (160 bits)", Unsupported: "SEAL", Scope: ScopeAlways},
	)
}

func cipherNodes(auth bool) []*node {
	next := transforms(false, auth)
	var nodes []*node
	for _, c := range ciphers {
		n := &node{Text: c.text, Lo: uint64(c.cipher), Arg: "cipher", Help: c.help, Do: enterTransformSet, Next: next}
		if c.bits {
			n.Next = slices.Concat([]*node{
				{Text: "128", Lo: 128, Arg: "bits", Help: "128 bit keys", Do: enterTransformSet, Next: next},
				{Text: "192", Lo: 192, Arg: "bits", Help: "192 bit keys", Do: enterTransformSet, Next: next},
				{Text: "256", Lo: 256, Arg: "bits", Help: "256 bit keys", Do: enterTransformSet, Next: next},
			}, next)
		}
		nodes = append(nodes, n)
	}
	return nodes
}

func authNodes(cipher bool) []*node {
	next := transforms(cipher, false)
	var nodes []*node
	for _, a := range authenticators {
		nodes = append(nodes, &node{Text: a.text, Lo: uint64(a.auth), Arg: "auth", Help: a.help, Do: enterTransformSet, Next: next})
	}
	return nodes
}

var transformSetMode = mode{name: "Transform set", prompt: "cfg-crypto-trans", nodes: []*node{
	{Text: "mode", Help: "Encapsulation mode (transport/tunnel)", No: setTransport(false), Next: []*node{
		{Text: "transport", Help: "Transport (payload encapsulation) mode", Do: setTransport(true)},
		{Text: "tunnel", Help: "Tunnel (datagram encapsulation) mode", Do: setTransport(false)},
	}},
}}

func noUDPEncapsulation(*Editor, Args) *Problem {
	return &Problem{Code: CodeUnsupported, Message: "switching NAT traversal off is not supported yet"}
}

func setLifetimeSeconds(e *Editor, a Args) *Problem {
	e.cfg.IPsec.LifetimeSeconds = uint32(a.Number("seconds"))
	e.remember("ipsec seconds", a, "seconds")
	return nil
}

func noLifetimeSeconds(e *Editor, _ Args) *Problem {
	e.cfg.IPsec.LifetimeSeconds = New().IPsec.LifetimeSeconds
	return nil
}

func setLifetimeKilobytes(e *Editor, a Args) *Problem {
	e.cfg.IPsec.LifetimeKilobytes = uint32(a.Number("kilobytes"))
	e.remember("ipsec kilobytes", a, "kilobytes")
	return nil
}

func noLifetimeKilobytes(e *Editor, _ Args) *Problem {
	e.cfg.IPsec.LifetimeKilobytes = New().IPsec.LifetimeKilobytes
	return nil
}

func setIdleTime(e *Editor, a Args) *Problem {
	e.cfg.IPsec.IdleTime = seconds(a, "idle")
	return nil
}

func noIdleTime(e *Editor, _ Args) *Problem {
	e.cfg.IPsec.IdleTime = 0
	return nil
}

func setReplayWindow(e *Editor, a Args) *Problem {
	e.cfg.IPsec.ReplayWindow = uint32(a.Number("window"))
	e.remember("ipsec replay", a, "window")
	return nil
}

func noReplayWindow(e *Editor, _ Args) *Problem {
	e.cfg.IPsec.ReplayWindow = New().IPsec.ReplayWindow
	return nil
}

// setDFBit reads `crypto ipsec df-bit`; without a word it is the default.
func setDFBit(e *Editor, a Args) *Problem {
	e.cfg.IPsec.DFBit = DFBit(a.Number("df"))
	e.remember("ipsec df-bit", a, "df")
	return nil
}

func setFragmentAfter(on bool) Action[*Editor] {
	return func(e *Editor, _ Args) *Problem {
		e.cfg.IPsec.FragmentAfter = on
		return nil
	}
}

func setMark(name string) string { return "transform-set " + name }

// enterTransformSet reads `crypto ipsec transform-set`. Without transforms it
// returns to a set that exists.
func enterTransformSet(e *Editor, a Args) *Problem {
	name := a.Text("name")
	set := e.cfg.TransformSet(name)
	if !a.Has("cipher") && !a.Has("auth") {
		if set == nil {
			return &Problem{Code: CodeIncomplete, Message: "the transforms of " + name + " are missing"}
		}
		e.enter(&transformSetMode)
		e.set = set
		return nil
	}
	t, p := transformSet(a)
	if p != nil {
		return p
	}
	e.enter(&transformSetMode)
	e.remember(setMark(name), a, "name")
	for _, arg := range []string{"cipher", "auth"} {
		e.remember(setMark(name)+" "+arg, a, arg)
	}
	if set == nil {
		set = &TransformSet{Name: name}
		e.cfg.TransformSets = append(e.cfg.TransformSets, set)
	}
	t.Transport = set.Transport
	*set = t
	e.set = set
	return nil
}

// transformSet reads the transforms. An integrity algorithm alone goes with the
// null cipher.
func transformSet(a Args) (TransformSet, *Problem) {
	t := TransformSet{Name: a.Text("name"), Cipher: isakmp.ESPNull, Auth: isakmp.AuthAlgorithm(a.Number("auth"))}
	if a.Has("cipher") {
		t.Cipher, t.KeyBits = isakmp.ESPTransform(a.Number("cipher")), uint16(a.Number("bits"))
	}
	switch {
	case t.Cipher == isakmp.ESPAESGCM16 && t.Auth != isakmp.AuthAlgNone:
		return t, &Problem{Code: CodeValue, Arg: "auth", Message: "AES-GCM has its own integrity check and takes no HMAC (RFC 4106)"}
	case t.Cipher == isakmp.ESPNull && t.Auth == isakmp.AuthAlgNone:
		return t, &Problem{Code: CodeValue, Arg: "cipher", Message: "ESP without cipher and without integrity check protects nothing (RFC 4303)"}
	case (t.Cipher == isakmp.ESPAES || t.Cipher == isakmp.ESPAESGCM16) && t.KeyBits == 0:
		t.KeyBits = 128
	}
	return t, nil
}

func noTransformSet(e *Editor, a Args) *Problem {
	before := len(e.cfg.TransformSets)
	e.cfg.TransformSets = slices.DeleteFunc(e.cfg.TransformSets, func(t *TransformSet) bool { return t.Name == a.Text("name") })
	if len(e.cfg.TransformSets) == before {
		return &Problem{Code: CodeReference, Arg: "name", Message: `ERROR: transform set with tag "` + a.Text("name") + `" does not exist.`}
	}
	e.enter(nil)
	return nil
}

func setTransport(on bool) Action[*Editor] {
	return func(e *Editor, a Args) *Problem {
		e.set.Transport = on
		e.remember(setMark(e.set.Name)+" mode", a, "")
		return nil
	}
}
