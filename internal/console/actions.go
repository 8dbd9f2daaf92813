package console

import (
	"fmt"
	"strings"

	"qmidle/internal/config"
)

// DebugState is show debugging.
type DebugState struct {
	ISAKMP         bool `json:"isakmp"`
	IPsec          bool `json:"ipsec"`
	Engine         bool `json:"engine"`
	Authentication bool `json:"aaa_authentication"`
	Authorization  bool `json:"aaa_authorization"`
	RADIUS         bool `json:"radius"`

	PKIMessages     bool `json:"pki_messages"`
	PKITransactions bool `json:"pki_transactions"`
	PKIValidation   bool `json:"pki_validation"`
}

func debugState(r Router) DebugState { return DebugState(*r.Debug()) }

// debug is one of the debugs: its switch, and IOS's words for it.
type debug struct {
	subsystem, name string
	is              func(*Debug) *bool
}

var (
	debugAuthentication = debug{"General OS", "AAA Authentication", func(d *Debug) *bool { return &d.Authentication }}
	debugAuthorization  = debug{"General OS", "AAA Authorization", func(d *Debug) *bool { return &d.Authorization }}
	debugISAKMP         = debug{"Cryptographic Subsystem", "Crypto ISAKMP", func(d *Debug) *bool { return &d.ISAKMP }}
	debugIPsec          = debug{"Cryptographic Subsystem", "Crypto IPSEC", func(d *Debug) *bool { return &d.IPsec }}
	debugEngine         = debug{"Cryptographic Subsystem", "Crypto Engine", func(d *Debug) *bool { return &d.Engine }}
	debugPKIMsg         = debug{"Cryptographic Subsystem", "Crypto PKI Msg", func(d *Debug) *bool { return &d.PKIMessages }}
	debugPKITrans       = debug{"Cryptographic Subsystem", "Crypto PKI Trans", func(d *Debug) *bool { return &d.PKITransactions }}
	debugPKIValid       = debug{"Cryptographic Subsystem", "Crypto PKI Validation", func(d *Debug) *bool { return &d.PKIValidation }}
	debugRADIUS         = debug{"", "Radius protocol", func(d *Debug) *bool { return &d.RADIUS }}
)

// Text lists what is on; it is empty when nothing is. The words of AAA, RADIUS
// and PKI are recalled.
func (s DebugState) Text() string {
	var b strings.Builder
	d, heading := Debug(s), ""
	for _, x := range []debug{debugAuthentication, debugAuthorization, debugISAKMP, debugIPsec, debugEngine, debugPKIMsg, debugPKITrans, debugPKIValid, debugRADIUS} {
		if !*x.is(&d) {
			continue
		}
		indent := "  "
		switch {
		case x.subsystem == "":
			indent = ""
		case x.subsystem != heading:
			if b.Len() > 0 {
				b.WriteString("\n")
			}
			heading = x.subsystem
			b.WriteString(heading + ":\n")
		}
		fmt.Fprintf(&b, "%s%s debugging is on\n", indent, x.name)
	}
	if b.Len() == 0 {
		return ""
	}
	return b.String() + "\n"
}

// DebugChange is debug, no debug and undebug: what is on afterwards.
type DebugChange struct {
	Debug DebugState `json:"debug"`

	message string
}

// Text is IOS's confirmation.
func (c DebugChange) Text() string { return c.message }

// setDebug makes the action that switches one debug.
func setDebug(x debug, on bool) config.Action[*call] {
	state := "off"
	if on {
		state = "on"
	}
	return do(func(r Router, _ config.Args) (View, error) {
		*x.is(r.Debug()) = on
		return DebugChange{debugState(r), fmt.Sprintf("%s debugging is %s\n", x.name, state)}, nil
	})
}

func undebugAll(r Router) DebugChange {
	*r.Debug() = Debug{}
	return DebugChange{debugState(r), "All possible debugging has been turned off\n"}
}
