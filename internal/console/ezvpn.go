package console

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"qmidle/internal/config"
	"qmidle/internal/ike"
	"qmidle/internal/secret"
)

// EasyVPN is a Router that is a client of Easy VPN servers. Each method that names
// a client is false where there is none, or where nothing waits for it.
type EasyVPN interface {
	EasyVPNClients() []EasyVPNClient
	ConnectEasyVPN(name string) bool
	AnswerEasyVPN(name string, c ike.Credentials) bool
	// ClearEasyVPN ends the tunnel of a client, or of all for "", and returns how
	// many clients there are.
	ClearEasyVPN(name string) int
}

// EasyVPNState is how far a client is, in IOS's word.
type EasyVPNState string

// States. Those of the way up are recalled.
const (
	EasyVPNConnectRequired EasyVPNState = "CONNECT_REQUIRED"
	EasyVPNReady           EasyVPNState = "READY"
	EasyVPNAsked           EasyVPNState = "XAUTH_REQ"
	EasyVPNReplied         EasyVPNState = "XAUTH_REPLIED"
	EasyVPNOpen            EasyVPNState = "SS_OPEN"
	EasyVPNActive          EasyVPNState = "IPSEC_ACTIVE"
)

// EasyVPNEvent is what brought a client there, in IOS's word.
type EasyVPNEvent string

// Events. Those of the way up are recalled.
const (
	EasyVPNReset      EasyVPNEvent = "RESET"
	EasyVPNConnect    EasyVPNEvent = "CONNECT"
	EasyVPNRequest    EasyVPNEvent = "XAUTH_REQUEST"
	EasyVPNModeConfig EasyVPNEvent = "MODE_CONFIG_REPLY"
	EasyVPNSocketUp   EasyVPNEvent = "SOCKET_UP"
)

// EasyVPNClient is a client and what its server gave.
type EasyVPNClient struct {
	Name    string
	Outside string
	Inside  []string
	State   EasyVPNState
	Event   EasyVPNEvent
	Peer    netip.Addr // invalid where its name is not resolved
	Network bool       // network extension: the server gives no address
	Wanted  bool
	Next    time.Time        // of the next try, where it is wanted and not up
	Config  ike.ClientConfig // its address is invalid where there is none

	Failures int    // in a row
	Asks     uint64 // the number of the server's question to the operator; 0 for none
	Question ike.AskCredentials
}

// EasyVPNShown is show crypto ipsec client ezvpn.
type EasyVPNShown struct {
	Clients []EasyVPNStatus `json:"clients"`
}

// EasyVPNStatus is one client.
type EasyVPNStatus struct {
	Name         string       `json:"name"`
	Inside       []string     `json:"inside_interfaces"`
	Outside      string       `json:"outside_interface"`
	State        EasyVPNState `json:"state"`
	Event        EasyVPNEvent `json:"last_event"`
	Address      string       `json:"address,omitempty"`
	Mask         string       `json:"mask,omitempty"`
	DNS          []netip.Addr `json:"dns"`
	WINS         []netip.Addr `json:"wins"`
	Domain       string       `json:"domain,omitempty"`
	SavePassword bool         `json:"save_password"`
	Split        []string     `json:"split_networks"`
	Peer         string       `json:"peer,omitempty"`

	split []ike.SplitNetwork
}

func easyVPNs(r Router) EasyVPNShown {
	view := EasyVPNShown{Clients: []EasyVPNStatus{}}
	e, ok := r.(EasyVPN)
	if !ok {
		return view
	}
	for _, c := range e.EasyVPNClients() {
		x := EasyVPNStatus{Name: c.Name, Inside: append([]string{}, c.Inside...), Outside: c.Outside, State: c.State, Event: c.Event,
			DNS: append([]netip.Addr{}, c.Config.DNS...), WINS: append([]netip.Addr{}, c.Config.WINS...), Domain: c.Config.Domain,
			SavePassword: c.Config.SavePassword, Split: []string{}, split: c.Config.Split}
		if c.Config.Address.IsValid() {
			x.Address, x.Mask = c.Config.Address.String(), "255.255.255.255"
		}
		if c.Config.Netmask.IsValid() {
			x.Mask = c.Config.Netmask.String()
		}
		for _, n := range c.Config.Split {
			x.Split = append(x.Split, n.Network.String())
		}
		if c.Peer.IsValid() {
			x.Peer = c.Peer.String()
		}
		view.Clients = append(view.Clients, x)
	}
	return view
}

// Text is IOS's. The lines of DNS, WINS and the domain are recalled.
func (v EasyVPNShown) Text() string {
	var b strings.Builder
	b.WriteString("Easy VPN Remote Phase: 6\n")
	for _, c := range v.Clients {
		fmt.Fprintf(&b, "\nTunnel name : %s\nInside interface list: %s\nOutside interface: %s \nCurrent State: %s\nLast Event: %s\n", c.Name,
			strings.Join(c.Inside, ", "), c.Outside, c.State, c.Event)
		if c.Address != "" {
			fmt.Fprintf(&b, "Address: %s \nMask: %s\n", c.Address, c.Mask)
		}
		pairOfLines(&b, "DNS", c.DNS)
		pairOfLines(&b, "NBMS/WINS", c.WINS)
		if c.Domain != "" {
			fmt.Fprintf(&b, "Default Domain: %s\n", c.Domain)
		}
		allowed := "Disallowed"
		if c.SavePassword {
			allowed = "Allowed"
		}
		fmt.Fprintf(&b, "Save Password: %s\n", allowed)
		for i, n := range c.split {
			if i == 0 {
				b.WriteString("Split Tunnel List: 1  \n")
			}
			fmt.Fprintf(&b, "       Address    : %s\n       Mask       : %s\n       Protocol   : 0x%X\n       Source Port: %d\n       Dest Port  : %d\n",
				n.Network.Addr(), maskText(n.Network), n.Protocol, n.SourcePort, n.DstPort)
		}
		if c.Peer != "" {
			fmt.Fprintf(&b, "Current EzVPN Peer: %s\n", c.Peer)
		}
	}
	return b.String()
}

func pairOfLines(b *strings.Builder, what string, addrs []netip.Addr) {
	for i, a := range addrs {
		switch i {
		case 0:
			fmt.Fprintf(b, "%s Primary: %s\n", what, a)
		case 1:
			fmt.Fprintf(b, "%s Secondary: %s\n", what, a)
		}
	}
}

// ezvpnCommands follow `crypto ipsec client ezvpn` in exec mode.
var ezvpnCommands = []*node{
	{Text: "connect", Help: "Bring the tunnel up", Do: do(connectEasyVPN), Next: []*node{
		{Kind: config.Word, Text: "WORD", Arg: "name", Help: "Name of the Easy VPN client", Do: do(connectEasyVPN)},
	}},
	{Text: "xauth", Help: "Answer the server's question for a user", Do: answerEasyVPN, Next: []*node{
		{Kind: config.Word, Text: "WORD", Arg: "name", Help: "Name of the Easy VPN client", Do: answerEasyVPN},
	}},
}

var errNoEasyVPN = errors.New("there is no Easy VPN client")

// clientMeant is the client of a name, or the only one that fits for "".
func clientMeant(r Router, name string, fits func(EasyVPNClient) bool) (c EasyVPNClient, e EasyVPN, err error) {
	e, ok := r.(EasyVPN)
	if !ok {
		return c, nil, errNoEasyVPN
	}
	var found []EasyVPNClient
	all := e.EasyVPNClients()
	for _, c := range all {
		if name == c.Name || name == "" && fits(c) {
			found = append(found, c)
		}
	}
	switch {
	case len(all) == 0:
		return c, e, errNoEasyVPN
	case name != "" && len(found) == 0:
		return c, e, fmt.Errorf("there is no Easy VPN client %s on an interface", name)
	case len(found) > 1:
		return c, e, errors.New("there are several Easy VPN clients: name one of them")
	case len(found) == 0:
		return c, e, nil
	}
	return found[0], e, nil
}

func connectEasyVPN(r Router, a config.Args) (View, error) {
	c, e, err := clientMeant(r, a.Text("name"), func(EasyVPNClient) bool { return true })
	if err != nil {
		return nil, err
	}
	if c.State == EasyVPNActive {
		return nil, fmt.Errorf("the tunnel of %s is up", c.Name)
	}
	e.ConnectEasyVPN(c.Name)
	return say(), nil
}

// answerEasyVPN asks the operator for what a server wants to know.
func answerEasyVPN(call *call, a config.Args) *config.Problem {
	call.view, call.err = call.askEasyVPN(a.Text("name"))
	if call.err != nil {
		call.err = fmt.Errorf("%% %w", call.err)
	}
	return nil
}

func (call *call) askEasyVPN(name string) (View, error) {
	c, e, err := clientMeant(call.router, name, func(c EasyVPNClient) bool { return c.Asks != 0 })
	if err != nil {
		return nil, err
	}
	if c.Asks == 0 {
		return nil, errors.New("no server waits for a user")
	}
	message := say()
	if c.Question.Message != "" {
		message = say(c.Question.Message)
	}
	return call.ask(message, "Username: ", func(user string) (View, error) {
		return call.askSecrets(e, c, ike.Credentials{Given: true, User: user}, c.Question.Prompts)
	})
}

// askSecrets asks for the secrets that a server wants, one after the other, and
// then tells them.
func (call *call) askSecrets(e EasyVPN, c EasyVPNClient, answer ike.Credentials, prompts []ike.Prompt) (View, error) {
	if len(prompts) == 0 {
		if !e.AnswerEasyVPN(c.Name, answer) {
			return nil, errors.New("the server waits no longer")
		}
		return say(), nil
	}
	return call.hidden(say(), PromptText(prompts[0]), func(text string) (View, error) {
		SetAnswer(&answer, prompts[0], secret.FromString(text))
		return call.askSecrets(e, c, answer, prompts[1:])
	})
}

// PromptText is what an operator is asked for a secret.
func PromptText(p ike.Prompt) string {
	switch p {
	case ike.PromptPasscode:
		return "Passcode: "
	case ike.PromptNextPIN:
		return "Next PIN: "
	case ike.PromptAnswer:
		return "Answer: "
	}
	return "Password: "
}

// SetAnswer puts a secret where it belongs.
func SetAnswer(c *ike.Credentials, p ike.Prompt, s secret.Secret) {
	switch p {
	case ike.PromptPasscode:
		c.Passcode = s
	case ike.PromptNextPIN:
		c.NextPIN = s
	case ike.PromptAnswer:
		c.Reply = s
	default:
		c.Password = s
	}
}

func clearEasyVPN(r Router, a config.Args) (View, error) {
	name := a.Text("name")
	_, e, err := clientMeant(r, name, func(EasyVPNClient) bool { return false })
	if err != nil {
		return nil, err
	}
	return Cleared{Cleared: "ezvpn", Count: e.ClearEasyVPN(name)}, nil
}
