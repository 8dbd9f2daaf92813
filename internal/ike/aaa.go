package ike

import (
	"net/netip"
	"time"

	"qmidle/internal/secret"
	"qmidle/internal/trace"
)

// What the engine asks about clients of remote access, and what it tells of
// them. Users, groups, pools and servers are the driver's: an Ask goes out as a
// Question, and its answer comes in by Engine.Answer, at once or after a server's
// patience. The engine does not wait for ever (Config.AAATimeout), and an answer
// that nobody waits for any more is dropped; an address in it is given back.

// Ask is a question that no computation answers. It is one of FindGroupKey,
// AuthenticateUser, AuthorizeClient, AllocateAddress, AskCredentials and JudgePeer.
type Ask interface{ ask() }

// Answer is what a question yields: a DHResult, a Signed, a Verified, or what the
// comment of an Ask names.
type Answer interface{ answer() }

// Client is whom a question or a record is about.
type Client struct {
	// Session numbers the login: all that is asked and told about it has the
	// same one. It is never 0 and never comes again.
	Session       uint64
	Local, Remote netip.AddrPort
	Group         string // as phase 1 named it; "" for none
	User          string // "" until XAUTH has asked
}

// FindGroupKey asks for the pre-shared key of the group that an initiator of
// aggressive mode names, before anything of it is proven. Its Session is of no
// login: nothing else is asked or told by it. The answer is a GroupKey.
type FindGroupKey struct {
	Client
	List string // of aaa authorization network
}

// GroupKey answers FindGroupKey. A refusal of trace.RefusalNone has a key.
type GroupKey struct {
	Refusal trace.Refusal
	Key     secret.Secret
}

// AuthenticateUser asks whether a user is who he says that he is. Of the secrets
// those are set that he has sent. The answer is an Authenticated.
type AuthenticateUser struct {
	Client
	List     string // of aaa authentication login
	Domain   string
	Password secret.Secret // XAUTH-USER-PASSWORD
	Passcode secret.Secret // of a token
	NextPIN  secret.Secret
	Reply    secret.Secret // XAUTH-ANSWER
	Dialogue []byte        // of the challenge that this answers; nil for none
}

// Verdict is what became of a user's credentials.
type Verdict uint8

// Verdicts. The zero value accepts nobody.
const (
	Rejected   Verdict = iota
	Accepted           // and authenticated
	Challenged         // the user is to answer once more
)

// Prompt is what a user is asked for besides his name.
type Prompt uint8

// Prompts.
const (
	PromptPassword Prompt = iota
	PromptPasscode
	PromptNextPIN
	PromptAnswer // to a message (draft-beaulieu-ike-xauth-02 section 6.2)
)

// Authenticated answers AuthenticateUser.
type Authenticated struct {
	Verdict Verdict
	Refusal trace.Refusal // why, when rejected
	Message string        // for the user; of a challenge, what he is asked
	Prompt  Prompt        // of a challenge
	// Dialogue of a challenge comes back with what the user answers.
	Dialogue []byte
	// Policy of an accepted user goes over his group's, field by field.
	Policy ClientPolicy
}

// AuthorizeClient asks for what a client gets: its group's attributes. The
// answer is an Authorized.
type AuthorizeClient struct {
	Client
	List string // of aaa authorization network
}

// Authorized answers AuthorizeClient. A refusal of trace.RefusalNone allows.
type Authorized struct {
	Refusal trace.Refusal
	Policy  ClientPolicy
}

// AllocateAddress asks for an address out of a pool. The answer is an Allocated.
type AllocateAddress struct {
	Client
	Pool   string     // "" for the one of all clients
	Wanted netip.Addr // the client's choice, which need not be heeded; invalid for none
}

// Allocated answers AllocateAddress. Session is the client's, so that an address
// can be given back which comes too late.
type Allocated struct {
	Session uint64
	Address netip.Addr // invalid when refused
	Refusal trace.Refusal
}

// AskCredentials asks, for a client's end, what its operator has to say to the
// server's XAUTH. The answer is a Credentials.
type AskCredentials struct {
	Connection uint32 // Connection.Tag
	Server     netip.AddrPort
	Message    string // of the server, its control characters replaced
	Prompts    []Prompt
	Try        int // from 1 on
}

// Credentials answers AskCredentials. Those that were not asked for are ignored.
type Credentials struct {
	Given    bool // false gives up
	User     string
	Domain   string
	Password secret.Secret
	Passcode secret.Secret
	NextPIN  secret.Secret
	Reply    secret.Secret
}

func (FindGroupKey) ask()     {}
func (AuthenticateUser) ask() {}
func (AuthorizeClient) ask()  {}
func (AllocateAddress) ask()  {}
func (AskCredentials) ask()   {}
func (GroupKey) answer()      {}
func (Authenticated) answer() {}
func (Authorized) answer()    {}
func (Allocated) answer()     {}
func (Credentials) answer()   {}
func (DHResult) answer()      {}

// ClientPolicy is what a group or a user gets. Zero values leave out.
type ClientPolicy struct {
	Pool            string     // of the address
	Address         netip.Addr // fixed, in the place of a pool's
	Netmask         netip.Addr
	DNS, WINS       []netip.Addr
	Domain          string
	SplitName       string         // of the access list, to be shown
	Split           []SplitNetwork // empty tunnels all
	SplitDNS        []string
	Banner          string
	BackupServers   []netip.Addr
	SavePassword    bool
	IncludeLocalLAN bool
	PFS             bool
	UDPPort         uint16        // ours of Cisco's encapsulation; 0 for none
	SessionTimeout  time.Duration // from the login on
	IdleTimeout     time.Duration
	Interim         time.Duration // between interim accounting records
	Class           [][]byte      // for the records
}

// SplitNetwork is what a client is to send through the tunnel.
type SplitNetwork struct {
	Network             netip.Prefix
	Protocol            uint8
	SourcePort, DstPort uint16
}

// ReleasedAddress gives an address back.
type ReleasedAddress struct {
	Session uint64
	Address netip.Addr
}

// SessionStage is what a SessionRecord tells.
type SessionStage uint8

// Stages of a session. Every session that a question was asked about ends with
// exactly one SessionEnded, whether it has begun or not: by it AAA counts logins.
const (
	SessionBegun SessionStage = iota // authenticated, and with its address if it gets one
	SessionInterim
	SessionEnded
)

// SessionRecord is an accounting record, in all but the octets, which the data
// plane counts.
type SessionRecord struct {
	Client
	Stage   SessionStage
	Started bool   // a SessionBegun came before an end
	List    string // of aaa accounting network
	Address netip.Addr
	Since   time.Time
	Cause   trace.Reason // of the end
	Class   [][]byte
}

// Clients is how a crypto map or a profile treats clients of remote access.
type Clients struct {
	Authentication string // the list of XAUTH; "" asks for no user
	Authorization  string // the list that has the groups
	AskGroups      bool   // it is not for Config.Groups alone: AAA has their keys too
	Accounting     string
	Respond        bool // client configuration address respond
	Initiate       bool
}

// DefaultAAATimeout is how long the engine waits for AAA: longer than a driver
// that asks several servers in turn.
const DefaultAAATimeout = 90 * time.Second

func (c *Config) aaaTimeout() time.Duration {
	if c.AAATimeout > 0 {
		return c.AAATimeout
	}
	return DefaultAAATimeout
}
