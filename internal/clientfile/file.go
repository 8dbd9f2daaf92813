package clientfile

import (
	"fmt"
	"net/netip"
	"strings"

	"qmidle/internal/secret"
)

// File is what a profile says. Zero values are what a file leaves out, unless a
// field says otherwise.
type File struct {
	Gateway  string // an address or a name
	Backup   []string
	Group    string // ID_KEY_ID of phase 1
	Secret   secret.Secret
	Username string
	Password secret.Secret
	Domain   string // of the user

	Auth     Auth
	DHGroup  int // 2 by default
	PFS      PFS
	PFSGroup int // for PFSGroup
	NAT      NATMode

	LocalAddress netip.Addr     // invalid: as the route has it
	LocalPort    int            // of ISAKMP; 500 by default, 0 for any
	UDPPort      int            // of Cisco's own encapsulation; 10000 by default
	DPDSeconds   int            // 300 by default; 0 for none
	Targets      []netip.Prefix // what goes into the tunnel; everything by default
	Interface    string
	MTU          int // 0: by itself
	Application  string
	Debug        int

	WeakEncryption, NoEncryption, WeakAuthentication bool
	Noninteractive, NoDetach                         bool

	// Ignored are the settings that were read and have no meaning here, as they
	// are named in the file.
	Ignored []string
}

// Auth is how the two ends prove themselves.
type Auth uint8

// Methods.
const (
	AuthPSK    Auth = iota // the group's key
	AuthHybrid             // the gateway by its certificate
	AuthCert               // both by certificates
)

// PFS is which group quick mode uses.
type PFS uint8

// Choices.
const (
	PFSServer PFS = iota // the one that the gateway tells
	PFSNone
	PFSGroup
)

// NATMode is how ESP passes a NAT.
type NATMode uint8

// Modes.
const (
	NATTraversal NATMode = iota // RFC 3947, when there is a NAT
	NATForced                   // RFC 3947, always
	NATNone                     // raw ESP
	NATCiscoUDP                 // Cisco's encapsulation, by port 10000
)

// Default returns what a file that says nothing means.
func Default() File {
	return File{DHGroup: 2, LocalPort: 500, UDPPort: 10000, DPDSeconds: 300}
}

// Error is a line that cannot be used. It never quotes a password.
type Error struct {
	Line int // from 1; 0 for the file as a whole
	Text string
	Hint string
}

// Error is the place, what is wrong and what to do, in one line.
func (e *Error) Error() string {
	text := e.Text
	if e.Line > 0 {
		text = fmt.Sprintf("line %d: %s", e.Line, text)
	}
	if e.Hint != "" {
		text += "; " + e.Hint
	}
	return text
}

// MaxSize bounds a file, in octets.
const MaxSize = 1 << 20

// Read reads a profile of either kind. name ends in .pcf for Cisco's; without such
// an end the first line that says something decides.
func Read(name string, text []byte) (File, error) {
	if len(text) > MaxSize {
		return File{}, &Error{Text: "the file is too large for a profile", Hint: "a profile has some dozen lines"}
	}
	if strings.HasSuffix(strings.ToLower(name), ".pcf") || looksLikePCF(string(text)) {
		return readPCF(string(text))
	}
	return readVPNC(string(text))
}

// Check says what a profile lacks to log in with.
func (f *File) Check() error {
	switch {
	case f.Gateway == "":
		return &Error{Text: "the profile names no gateway", Hint: "`IPSec gateway ADDRESS` (vpnc) or `Host=ADDRESS` (.pcf)"}
	case f.Auth == AuthPSK && f.Group == "":
		return &Error{Text: "the profile names no group", Hint: "`IPSec ID GROUP` (vpnc) or `GroupName=GROUP` (.pcf)"}
	}
	return nil
}
