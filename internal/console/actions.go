package console

import (
	"fmt"
	"strings"

	"qmidle/internal/config"
)

// DebugState is show debugging.
type DebugState struct {
	ISAKMP bool `json:"isakmp"`
	IPsec  bool `json:"ipsec"`
	Engine bool `json:"engine"`
}

func debugState(r Router) DebugState {
	d := r.Debug()
	return DebugState{d.ISAKMP, d.IPsec, d.Engine}
}

// Text lists what is on; it is empty when nothing is.
func (s DebugState) Text() string {
	var b strings.Builder
	for _, d := range []struct {
		on   bool
		name string
	}{{s.ISAKMP, debugISAKMP}, {s.IPsec, debugIPsec}, {s.Engine, debugEngine}} {
		if d.on {
			fmt.Fprintf(&b, "  Crypto %s debugging is on\n", d.name)
		}
	}
	if b.Len() == 0 {
		return ""
	}
	return "Cryptographic Subsystem:\n" + b.String() + "\n"
}

// IOS's words for the debugs.
const (
	debugISAKMP = "ISAKMP"
	debugIPsec  = "IPSEC"
	debugEngine = "Engine"
)

// DebugChange is debug, no debug and undebug: what is on afterwards.
type DebugChange struct {
	Debug DebugState `json:"debug"`

	message string
}

// Text is IOS's confirmation.
func (c DebugChange) Text() string { return c.message }

// setDebug makes the action that switches one debug.
func setDebug(name string, on bool) config.Action[*call] {
	state := "off"
	if on {
		state = "on"
	}
	return do(func(r Router, _ config.Args) (View, error) {
		d := r.Debug()
		switch name {
		case debugISAKMP:
			d.ISAKMP = on
		case debugIPsec:
			d.IPsec = on
		case debugEngine:
			d.Engine = on
		}
		return DebugChange{debugState(r), fmt.Sprintf("Crypto %s debugging is %s\n", name, state)}, nil
	})
}

func undebugAll(r Router) DebugChange {
	*r.Debug() = Debug{}
	return DebugChange{debugState(r), "All possible debugging has been turned off\n"}
}
