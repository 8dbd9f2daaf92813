package trace

import (
	"net/netip"
	"strings"
)

// AAAListPicked is a method list that a client's user, or its group, is to be
// looked up by. Session numbers the client's login.
type AAAListPicked struct {
	Session       uint64
	List          string
	Authorization bool // of a group, not of a user
	Exists        bool // otherwise nobody passes
}

// AAAAuthentication is what one method of a list says of a user: the method's
// name is as the list has it, "" where none was asked. Of an error the next
// method is asked.
type AAAAuthentication struct {
	Session uint64
	User    string
	Method  string
	Verdict AAAVerdict
	Refusal Refusal
}

// AAAAuthorization is what one method of a list says of a group.
type AAAAuthorization struct {
	Session uint64
	Group   string
	Method  string
	Verdict AAAVerdict
	Refusal Refusal
}

// RADIUSSent is a packet to a server. Message is the packet's kind, Attributes
// has a line for each attribute, passwords hidden.
type RADIUSSent struct {
	Session    uint64
	Server     netip.AddrPort
	Message    string
	Identifier uint8
	Length     uint16
	Try        uint32 // from 1 on
	Attributes string
}

// RADIUSReceived is a server's answer that is believed.
type RADIUSReceived struct {
	Session    uint64
	Server     netip.AddrPort
	Message    string
	Identifier uint8
	Length     uint16
	Attributes string
}

// RADIUSReplyDropped is a packet from a server's address that is not believed.
// The request, if there is one, waits on.
type RADIUSReplyDropped struct {
	Server     netip.AddrPort
	Identifier uint8
	Problem    RADIUSProblem
}

// RADIUSServerChanged is a server that is taken for dead, or no longer.
type RADIUSServerChanged struct {
	Server         netip.AddrPort
	AccountingPort uint16
	Dead           bool
}

// AddressLeased is an address of a pool that a client gets.
type AddressLeased struct {
	Session uint64
	Pool    string
	Address netip.Addr
	User    string
}

// AddressFreed is one that nobody has any more.
type AddressFreed struct {
	Session uint64
	Pool    string
	Address netip.Addr
}

// AddressRefused is a client that gets no address.
type AddressRefused struct {
	Session uint64
	Pool    string
	Refusal Refusal
}

// AccountingLost is an accounting record that no server has taken.
type AccountingLost struct {
	Session uint64
	User    string
}

// AAAVerdict is what a method says of a user or a group.
type AAAVerdict uint8

// Verdicts of a method.
const (
	AAAPass AAAVerdict = iota
	AAAFail
	AAAError     // it does not answer
	AAAChallenge // the user is to answer once more
)

var aaaVerdictNames = [...]string{"PASS", "FAIL", "ERROR", "GETDATA"}

func (v AAAVerdict) String() string { return name(aaaVerdictNames[:], v) }

func (*AAAListPicked) Code() Code       { return CodeAAAListPicked }
func (*AAAAuthentication) Code() Code   { return CodeAAAAuthentication }
func (*AAAAuthorization) Code() Code    { return CodeAAAAuthorization }
func (*RADIUSSent) Code() Code          { return CodeRADIUSSent }
func (*RADIUSReceived) Code() Code      { return CodeRADIUSReceived }
func (*RADIUSReplyDropped) Code() Code  { return CodeRADIUSReplyDropped }
func (*RADIUSServerChanged) Code() Code { return CodeRADIUSServerChanged }
func (*AddressLeased) Code() Code       { return CodeAddressLeased }
func (*AddressFreed) Code() Code        { return CodeAddressFreed }
func (*AddressRefused) Code() Code      { return CodeAddressRefused }
func (*AccountingLost) Code() Code      { return CodeAccountingLost }

func (e *AAAListPicked) Fields(f *Fields) {
	f.U64("session", &e.Session)
	f.Str("list", &e.List)
	f.Bool("authorization", &e.Authorization)
	f.Bool("exists", &e.Exists)
}
func (e *AAAAuthentication) Fields(f *Fields) {
	f.U64("session", &e.Session)
	f.Str("user", &e.User)
	f.Str("method", &e.Method)
	Enum(f, "verdict", &e.Verdict)
	Enum(f, "refusal", &e.Refusal)
}
func (e *AAAAuthorization) Fields(f *Fields) {
	f.U64("session", &e.Session)
	f.Str("group", &e.Group)
	f.Str("method", &e.Method)
	Enum(f, "verdict", &e.Verdict)
	Enum(f, "refusal", &e.Refusal)
}
func (e *RADIUSSent) Fields(f *Fields) {
	f.U64("session", &e.Session)
	f.AddrPort("server", &e.Server)
	f.Str("message", &e.Message)
	f.U8("identifier", &e.Identifier)
	f.U16("length", &e.Length)
	f.U32("try", &e.Try)
	f.Str("attributes", &e.Attributes)
}
func (e *RADIUSReceived) Fields(f *Fields) {
	f.U64("session", &e.Session)
	f.AddrPort("server", &e.Server)
	f.Str("message", &e.Message)
	f.U8("identifier", &e.Identifier)
	f.U16("length", &e.Length)
	f.Str("attributes", &e.Attributes)
}
func (e *RADIUSReplyDropped) Fields(f *Fields) {
	f.AddrPort("server", &e.Server)
	f.U8("identifier", &e.Identifier)
	Enum(f, "problem", &e.Problem)
}
func (e *RADIUSServerChanged) Fields(f *Fields) {
	f.AddrPort("server", &e.Server)
	f.U16("accounting_port", &e.AccountingPort)
	f.Bool("dead", &e.Dead)
}
func (e *AddressLeased) Fields(f *Fields) {
	f.U64("session", &e.Session)
	f.Str("pool", &e.Pool)
	f.Addr("address", &e.Address)
	f.Str("user", &e.User)
}
func (e *AddressFreed) Fields(f *Fields) {
	f.U64("session", &e.Session)
	f.Str("pool", &e.Pool)
	f.Addr("address", &e.Address)
}
func (e *AddressRefused) Fields(f *Fields) {
	f.U64("session", &e.Session)
	f.Str("pool", &e.Pool)
	Enum(f, "refusal", &e.Refusal)
}
func (e *AccountingLost) Fields(f *Fields) {
	f.U64("session", &e.Session)
	f.Str("user", &e.User)
}

// writeAAA prints what debug aaa authentication and debug aaa authorization have
// for an event. Picking a list is recalled, as are the words of a status; the
// others are this project's.
func (w *iosWriter) writeAAA(event Event) {
	switch e := event.(type) {
	case *AAAListPicked:
		kind := "AUTHEN/LOGIN"
		if e.Authorization {
			kind = "AUTHOR"
		}
		if !e.Exists {
			w.module("AAA/%s (%08X): there is no method list '%s'", kind, e.Session, printable([]byte(e.List)))
			return
		}
		w.module("AAA/%s (%08X): Pick method list '%s' ", kind, e.Session, printable([]byte(e.List)))
	case *AAAAuthentication:
		w.aaaStatus("AUTHEN", "user", e.User, e.Session, e.Method, e.Verdict, e.Refusal)
	case *AAAAuthorization:
		w.aaaStatus("AUTHOR", "group", e.Group, e.Session, e.Method, e.Verdict, e.Refusal)
	}
}

func (w *iosWriter) aaaStatus(kind, what, who string, session uint64, method string, v AAAVerdict, why Refusal) {
	if method == "" {
		method = "none"
	}
	because := ""
	if why != RefusalNone {
		because = " (" + why.String() + ")"
	}
	w.module("AAA/%s (%08X): Method=%s %s='%s': Status = %s%s", kind, session, printable([]byte(method)), what, printable([]byte(who)), v, because)
}

// writeRADIUS prints what debug radius has. The lines of packets are recalled;
// those of what is dropped are this project's.
func (w *iosWriter) writeRADIUS(event Event) {
	switch e := event.(type) {
	case *RADIUSSent:
		verb := "Send"
		if e.Try > 1 {
			verb = "Retransmit"
		}
		w.module("RADIUS(%08X): %s %s to %s id %d, len %d", e.Session, verb, printable([]byte(e.Message)), e.Server, e.Identifier, e.Length)
		w.radiusAttributes(e.Attributes)
	case *RADIUSReceived:
		w.module("RADIUS: Received from id %d %s, %s, len %d", e.Identifier, e.Server, printable([]byte(e.Message)), e.Length)
		w.radiusAttributes(e.Attributes)
	case *RADIUSReplyDropped:
		w.module("RADIUS: Dropped id %d from %s: the packet %s", e.Identifier, e.Server, e.Problem)
	case *AccountingLost:
		w.module("RADIUS(%08X): no server has taken an accounting record of user '%s'", e.Session, printable([]byte(e.User)))
	}
}

func (w *iosWriter) radiusAttributes(all string) {
	for line := range strings.Lines(all) {
		w.module("RADIUS:  %s", printable([]byte(strings.TrimSuffix(line, "\n"))))
	}
}

// radiusServerChanged prints the system messages of servers, which are recalled.
func (w *iosWriter) radiusServerChanged(e *RADIUSServerChanged) {
	if e.Dead {
		w.system("%%RADIUS-4-RADIUS_DEAD: RADIUS server %s:%d,%d is not responding.", e.Server.Addr(), e.Server.Port(), e.AccountingPort)
		return
	}
	w.system("%%RADIUS-4-RADIUS_ALIVE: RADIUS server %s:%d,%d is being marked alive.", e.Server.Addr(), e.Server.Port(), e.AccountingPort)
}
