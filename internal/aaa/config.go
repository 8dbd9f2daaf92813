package aaa

import (
	"io"
	"net/netip"
	"time"

	"qmidle/internal/ike"
	"qmidle/internal/password"
	"qmidle/internal/secret"
	"qmidle/internal/trace"
)

// Config is what an operator has set.
type Config struct {
	Enabled       bool            // `aaa new-model`: without it no list exists
	Login         map[string]List // aaa authentication login
	Authorization map[string]List // aaa authorization network
	Accounting    map[string]List // aaa accounting network
	Users         map[string]User
	Groups        map[string]Group // by name; DefaultGroup for any other
	Pools         []Pool
	// SplitList is what an access list that a server names has a client send
	// through the tunnel; nil for a list that is not there.
	SplitList   func(name string) []ike.SplitNetwork
	DefaultPool string // of clients whose group has none; "" for none
	Interim     time.Duration
	RADIUS      RADIUS

	Hostname string     // NAS-Identifier
	Rand     io.Reader  // of authenticators
	Events   trace.Sink // nil for none
	// Epoch tells this run's sessions from those of other runs.
	Epoch uint32
}

// DefaultGroup is the group of clients whose own does not exist.
const DefaultGroup = "default"

// List is the methods of a list, tried in order.
type List struct {
	Methods  []Method
	StopOnly bool // of accounting
}

// MethodKind is where a Method looks.
type MethodKind uint8

// Kinds of Method.
const (
	Local MethodKind = iota
	LocalCase
	Servers // of a group
	None    // everybody passes
	Other   // one that no client can use
)

// Method is one of a list's.
type Method struct {
	Kind  MethodKind
	Group string // of Servers, a key of RADIUS.Groups
	Name  string // as it is shown: "local", "group radius"
}

// User is a local user.
type User struct {
	Password password.Stored
}

// Group is a local group's attributes.
type Group struct {
	Key       secret.Secret // of phase 1; empty where it has none
	Policy    ike.ClientPolicy
	Lock      bool // `group-lock`
	MaxUsers  int  // 0: no limit
	MaxLogins int  // 0: no limit
}

// Pool is an address pool.
type Pool struct {
	Name    string
	Ranges  []Range
	Recycle time.Duration // how long a freed address rests
}

// Range is the addresses from Low to High, both included.
type Range struct{ Low, High netip.Addr }

// RADIUS is how servers are asked.
type RADIUS struct {
	Groups map[string]ServerGroup
	// Unsigned takes answers without a Message-Authenticator.
	Unsigned bool
	CHAP     bool // send CHAP-Password in place of User-Password
	Dead     DeadCriteria
}

// DeadCriteria is when a server is taken for dead. Zero values: as soon as one
// request has had all its sendings without an answer.
type DeadCriteria struct {
	Time  time.Duration // since it last answered, or was first asked in vain
	Tries int           // sendings in a row without an answer
}

// ServerGroup is servers in the order of preference.
type ServerGroup struct {
	Servers  []Server
	DeadTime time.Duration // how long a dead one is left alone; 0: none is
}

// Server is one RADIUS server.
type Server struct {
	Name       string // as it is shown; "" for its address
	Auth, Acct netip.AddrPort
	Key        secret.Secret
	Timeout    time.Duration
	Retransmit int // sendings after the first
}

// Effects is what an input causes. The caller keeps one and calls Reset between
// inputs.
type Effects struct {
	Answers []Answered
	Send    []Datagram
	Work    []Work
	Leases  []LeaseChange
}

// Reset empties fx and keeps its memory.
func (fx *Effects) Reset() {
	*fx = Effects{fx.Answers[:0], fx.Send[:0], fx.Work[:0], fx.Leases[:0]}
}

// Answered is the answer to a question of the engine.
type Answered struct {
	ID     uint64
	Answer ike.Answer
}

// Datagram goes to a server. Socket numbers the local UDP socket that is to send
// it, one for each pair of a server and a number: an answer counts only if it
// comes from there.
type Datagram struct {
	Server netip.AddrPort
	Socket uint8
	Data   []byte
}

// Work is a slow computation, a password's hash. It may run on another
// goroutine; what it yields goes to Service.Worked.
type Work struct {
	ID  uint64
	Run func() bool
}

// LeaseChange is to be kept over a restart.
type LeaseChange struct {
	Pool  string
	Lease Lease
}
