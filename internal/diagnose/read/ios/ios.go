// Package ios reads what Cisco IOS and the PIX of old print: debugs of ISAKMP,
// IPsec, the engine and PKI, syslog, and shows.
//
// The SA that a line is about stands in its prefix, which every release writes in
// another way; before there is a number, the peer of the last packet tells. It
// must not conclude: what an observation means is the rules' business.
//
// The files: session.go (prefixes and SAs), packets.go (the messages of phase 1),
// offers.go (what was compared), phase2.go, keys.go, life.go, syslog.go, pki.go,
// overlay.go, and show_*.go.
package ios

import (
	"net/netip"

	"qmidle/internal/diagnose"
	"qmidle/internal/diagnose/read"
)

// Vendor is Cisco IOS.
func Vendor() *read.Vendor {
	return &read.Vendor{
		Name: "Cisco IOS",
		Marks: []string{"ISAKMP:", "ISAKMP (", "ISAKMP-", "IPSEC(", "IPSEC:(", "%CRYPTO-", "CRYPTO_ENGINE", "CryptoEngine", "CRYPTO_PKI", "%PKI-",
			"crypto_engine", "Crypto mapdb"},
		Phrases: read.Join(packets, offers, keys, phase2, life, syslog, pki, overlay, showISAKMP, showIPsec, showSession, showRoute, showRun, noise),
		New:     func() any { return newMemory() },
		Begin:   begin,
		Rest:    rest,
		End:     end,
	}
}

// memory is what is known of one log.
type memory struct {
	half    *read.Session // without a number yet, of the last packet
	pending *pending      // a message that came, and was not looked at yet
	offer   offer
	flow    flow
	tables  tables
	config  configuration
	here    map[netip.Addr]bool // addresses of this router
	there   map[netip.Addr]bool // of peers

	lastNumber int // the SA that the last line was about, and its key
	lastKey    string
}

func newMemory() *memory {
	return &memory{here: make(map[netip.Addr]bool), there: make(map[netip.Addr]bool), tables: newTables()}
}

func remember(x *read.Context) *memory { return x.Memory.(*memory) }

// maxAddresses bounds the addresses that are remembered.
const maxAddresses = 4096

func (m *memory) ends(here, there netip.Addr) {
	if here.IsValid() && len(m.here) < maxAddresses {
		m.here[here] = true
	}
	if there.IsValid() && len(m.there) < maxAddresses {
		m.there[there] = true
	}
}

// says is a phrase that tells a kind about phase 1.
func says(text string, kind diagnose.Kind, message int) read.Phrase {
	return read.Says(text, kind, diagnose.Phase1, message)
}

// does is a phrase with a function.
func does(text string, do func(*read.Context, *read.Match)) read.Phrase {
	return read.Phrase{Text: text, Do: do}
}

func rest(x *read.Context) {
	if m := remember(x); !m.tables.row(x, m) {
		x.Block = false
	}
}

func end(x *read.Context) {
	m := remember(x)
	m.settle(x)
	m.tables.end(x, m)
	m.config.end(x)
}
