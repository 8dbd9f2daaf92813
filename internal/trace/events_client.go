package trace

import (
	"net/netip"

	"qmidle/internal/isakmp"
)

// ConfigAttr is the type of an attribute of mode config or XAUTH.
type ConfigAttr uint16

// String is the attribute's name in the drafts.
func (a ConfigAttr) String() string { return isakmp.AttributeType(a).ConfigName() }

// UserNeeded is the end of phase 1 with a peer whose user has to log in: XAUTH
// begins.
type UserNeeded struct{}

// XAUTHAttribute is an attribute that XAUTH asks a user for, or one that he has
// sent. What he has sent is never told.
type XAUTHAttribute struct {
	Reply bool
	Attr  ConfigAttr
}

// ConfigSending is a message of XAUTH or mode config that is sent next: an answer
// to the peer's, or one that begins an exchange.
type ConfigSending struct {
	Answer bool
	Node   uint32 // the exchange's message ID
}

// ConfigReceived is such a message of the peer, proven by its HASH.
type ConfigReceived struct {
	Node uint32 // the exchange's message ID
	Type isakmp.ConfigType
}

// XAUTHAcknowledged is the client's word that it knows of its user's success.
type XAUTHAcknowledged struct{}

// UnityClient is a client that has sent the vendor ID of Cisco's clients.
type UnityClient struct{}

// UserJudged is AAA's word about a user, or its silence.
type UserJudged struct {
	User, Group string
	Accepted    bool
	Challenged  bool    // he is asked for more
	Refusal     Refusal // when neither
	Try, Max    uint8
}

// ConfigChecked is the beginning of what is in the peer's request, or in what it
// sets.
type ConfigChecked struct{ Set bool }

// ConfigAttributeSeen is one attribute in it.
type ConfigAttributeSeen struct{ Attr ConfigAttr }

// GroupRequested is the question to AAA for the attributes of a client's group.
type GroupRequested struct{ Group, User string }

// AddressAllocated is the address that a client gets.
type AddressAllocated struct{ Address netip.Addr }

// ConfigAttributeSent is one attribute that a client gets. Which fields are set
// depends on it.
type ConfigAttributeSent struct {
	Attr                    ConfigAttr
	Address, Mask           netip.Addr
	Number                  uint32
	Text                    string // of split networks, the access list's name
	Protocol                uint8
	SourcePort, Destination uint16
}

// ConfigAttributeUnknown is one that a client has asked for and does not get.
type ConfigAttributeUnknown struct{ Attr ConfigAttr }

// ClientRefused is the end of a client for which AAA has nothing.
type ClientRefused struct {
	Group, User string
	Refusal     Refusal
}

// ClientSession is the beginning or the end of a client's login.
type ClientSession struct {
	Begun       bool
	Session     uint32
	Group, User string
	Address     netip.Addr
	Reason      Reason // of the end
}

// CredentialsAsked is a server's request for a user, at the client's end.
type CredentialsAsked struct{ Try uint8 }

// XAUTHUnknown is a server's request of a kind, its XAUTH-TYPE, that there is no
// answer to here but failure.
type XAUTHUnknown struct{ Type uint16 }

// CredentialsSent is the answer to it, of which nobody is told the password.
type CredentialsSent struct {
	User   string
	Secret bool // there is one in it
}

// XAUTHStatusReceived is the server's word about the user.
type XAUTHStatusReceived struct{ OK bool }

// ConfigNeeded is the beginning of mode config at the client's end.
type ConfigNeeded struct{}

// ConfigReplied is the server's reply to it.
type ConfigReplied struct{}

// ClientConfigured is what a client has got from its server.
type ClientConfigured struct {
	Address, Mask netip.Addr
	DNS, WINS     string // addresses, with a blank between
	Domain        string
	Split         string // networks likewise
	Banner        string
}

func (*UserNeeded) Code() Code             { return CodeUserNeeded }
func (*XAUTHAttribute) Code() Code         { return CodeXAUTHAttribute }
func (*ConfigSending) Code() Code          { return CodeConfigSending }
func (*ConfigReceived) Code() Code         { return CodeConfigReceived }
func (*XAUTHAcknowledged) Code() Code      { return CodeXAUTHAcknowledged }
func (*UnityClient) Code() Code            { return CodeUnityClient }
func (*UserJudged) Code() Code             { return CodeUserJudged }
func (*ConfigChecked) Code() Code          { return CodeConfigChecked }
func (*ConfigAttributeSeen) Code() Code    { return CodeConfigAttributeSeen }
func (*GroupRequested) Code() Code         { return CodeGroupRequested }
func (*AddressAllocated) Code() Code       { return CodeAddressAllocated }
func (*ConfigAttributeSent) Code() Code    { return CodeConfigAttributeSent }
func (*ConfigAttributeUnknown) Code() Code { return CodeConfigAttributeUnknown }
func (*ClientRefused) Code() Code          { return CodeClientRefused }
func (*ClientSession) Code() Code          { return CodeClientSession }
func (*CredentialsAsked) Code() Code       { return CodeCredentialsAsked }
func (*XAUTHUnknown) Code() Code           { return CodeXAUTHUnknown }
func (*CredentialsSent) Code() Code        { return CodeCredentialsSent }
func (*XAUTHStatusReceived) Code() Code    { return CodeXAUTHStatusReceived }
func (*ConfigNeeded) Code() Code           { return CodeConfigNeeded }
func (*ConfigReplied) Code() Code          { return CodeConfigReplied }
func (*ClientConfigured) Code() Code       { return CodeClientConfigured }

func (*UserNeeded) Fields(*Fields) {}
func (e *XAUTHAttribute) Fields(f *Fields) {
	f.Bool("reply", &e.Reply)
	Enum(f, "attribute", &e.Attr)
}
func (e *ConfigSending) Fields(f *Fields) {
	f.Bool("answer", &e.Answer)
	f.U32("node", &e.Node)
}
func (e *ConfigReceived) Fields(f *Fields) {
	f.U32("node", &e.Node)
	Enum(f, "type", &e.Type)
}
func (*XAUTHAcknowledged) Fields(*Fields) {}
func (*UnityClient) Fields(*Fields)       {}
func (e *UserJudged) Fields(f *Fields) {
	f.Str("user", &e.User)
	f.Str("group", &e.Group)
	f.Bool("accepted", &e.Accepted)
	f.Bool("challenged", &e.Challenged)
	Enum(f, "refusal", &e.Refusal)
	f.U8("try", &e.Try)
	f.U8("max", &e.Max)
}
func (e *ConfigChecked) Fields(f *Fields)       { f.Bool("set", &e.Set) }
func (e *ConfigAttributeSeen) Fields(f *Fields) { Enum(f, "attribute", &e.Attr) }
func (e *GroupRequested) Fields(f *Fields) {
	f.Str("group", &e.Group)
	f.Str("user", &e.User)
}
func (e *AddressAllocated) Fields(f *Fields) { f.Addr("address", &e.Address) }
func (e *ConfigAttributeSent) Fields(f *Fields) {
	Enum(f, "attribute", &e.Attr)
	f.Addr("address", &e.Address)
	f.Addr("mask", &e.Mask)
	f.U32("number", &e.Number)
	f.Str("text", &e.Text)
	f.U8("protocol", &e.Protocol)
	f.U16("source_port", &e.SourcePort)
	f.U16("destination_port", &e.Destination)
}
func (e *ConfigAttributeUnknown) Fields(f *Fields) { Enum(f, "attribute", &e.Attr) }
func (e *ClientRefused) Fields(f *Fields) {
	f.Str("group", &e.Group)
	f.Str("user", &e.User)
	Enum(f, "refusal", &e.Refusal)
}
func (e *ClientSession) Fields(f *Fields) {
	f.Bool("begun", &e.Begun)
	f.U32("session", &e.Session)
	f.Str("group", &e.Group)
	f.Str("user", &e.User)
	f.Addr("address", &e.Address)
	Enum(f, "reason", &e.Reason)
}
func (e *CredentialsAsked) Fields(f *Fields) { f.U8("try", &e.Try) }
func (e *XAUTHUnknown) Fields(f *Fields)     { f.U16("type", &e.Type) }
func (e *CredentialsSent) Fields(f *Fields) {
	f.Str("user", &e.User)
	f.Bool("secret", &e.Secret)
}
func (e *XAUTHStatusReceived) Fields(f *Fields) { f.Bool("ok", &e.OK) }
func (*ConfigNeeded) Fields(*Fields)            {}
func (*ConfigReplied) Fields(*Fields)           {}
func (e *ClientConfigured) Fields(f *Fields) {
	f.Addr("address", &e.Address)
	f.Addr("mask", &e.Mask)
	f.Str("dns", &e.DNS)
	f.Str("wins", &e.WINS)
	f.Str("domain", &e.Domain)
	f.Str("split", &e.Split)
	f.Str("banner", &e.Banner)
}
