package connect

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"qmidle/internal/clientfile"
	"qmidle/internal/config"
	"qmidle/internal/isakmp"
	"qmidle/internal/secret"
)

// Name is the Easy VPN client that a profile becomes.
const Name = "profile"

// outside is the interface by which the server is reached, to be bound to a Linux
// interface.
const outside = "Ethernet0/0"

// retryDPD is the time between questions to a server that does not answer.
const retryDPD = 5 * time.Second

// A user waits for the verdict: it comes sooner than a router's.
const (
	resend  = 5 * time.Second
	resends = 3
)

// Configuration makes a configuration of a profile that is complete. notes say what
// of the profile has no effect. An error says what cannot be done.
func Configuration(f clientfile.File) (cfg *config.Config, notes []string, err error) {
	if err := possible(f); err != nil {
		return nil, nil, err
	}
	text := "hostname client\ncrypto ipsec client ezvpn " + Name + "\n group GROUP key KEY\n"
	for _, server := range append([]string{f.Gateway}, f.Backup...) {
		text += " peer " + server + "\n"
	}
	text += "interface " + outside + "\n crypto ipsec client ezvpn " + Name + "\n"
	cfg, found := config.Load("profile", []byte(text))
	if err := found.Err(); err != nil {
		return nil, nil, fmt.Errorf("the profile cannot be used:\n%w", err)
	}
	v := cfg.EasyVPNFor(Name)
	v.Group, v.Key = f.Group, f.Secret // as they are: the text has no way to write every character
	v.DHGroup, v.Targets = isakmp.Group(f.DHGroup), f.Targets
	if f.PFS == clientfile.PFSGroup {
		v.PFS = isakmp.Group(f.PFSGroup)
	}
	cfg.ISAKMP.Retransmission.Interval, cfg.ISAKMP.Retransmission.Tries = resend, resends
	if f.DPDSeconds > 0 {
		cfg.ISAKMP.Keepalive = &config.Keepalive{Interval: time.Duration(f.DPDSeconds) * time.Second, Retry: retryDPD, Periodic: true}
	}
	return cfg, ignored(f), nil
}

// possible says why a profile cannot be used.
func possible(f clientfile.File) error {
	switch {
	case f.Auth != clientfile.AuthPSK:
		return errors.New("the profile wants certificates, which a client has no use for yet: only a group's key is supported")
	case f.NAT == clientfile.NATCiscoUDP:
		return errors.New("the profile wants Cisco's own encapsulation in UDP, which is not supported\n  hint: `NAT Traversal Mode natt` (vpnc), or `TunnelingMode=0` (.pcf)")
	case f.NoEncryption:
		return errors.New("the profile allows tunnels without encryption, which are not supported")
	}
	return f.Check()
}

func ignored(f clientfile.File) (notes []string) {
	for _, x := range []struct {
		set  bool
		what string
	}{{f.Interface != "", "Interface name"}, {f.MTU > 0, "Interface MTU"}, {f.LocalAddress.IsValid(), "Local Addr"}, {f.NAT == clientfile.NATForced, "forced NAT traversal"},
		{f.NAT == clientfile.NATNone, "NAT traversal switched off"}, {f.WeakEncryption, "weak encryption"}} {
		if x.set {
			notes = append(notes, x.what)
		}
	}
	return append(notes, f.Ignored...)
}

// Credentials are what a profile has of its user.
type Credentials struct {
	User, Domain string
	Password     secret.Secret
}

// NeedsKey says whether the group's key is to be asked for.
func NeedsKey(f clientfile.File) bool { return f.Auth == clientfile.AuthPSK && f.Secret.IsZero() }

// title is how the tunnel is named to the user.
func title(f clientfile.File) string { return cmp.Or(f.Gateway, "the server") }
