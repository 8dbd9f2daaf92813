package console

import (
	"fmt"
	"strings"

	"qmidle/internal/config"
)

// ISAKMPProfiles is show crypto isakmp profile.
type ISAKMPProfiles struct {
	Profiles []ISAKMPProfile `json:"profiles"`
}

// ISAKMPProfile is one ISAKMP profile. SAs counts the ISAKMP SAs that are up
// under it.
type ISAKMPProfile struct {
	Name              string          `json:"name"`
	Description       string          `json:"description,omitempty"`
	Identities        []MatchIdentity `json:"identities"`
	IdentityPresented string          `json:"identity_presented"` // ip-address, fqdn or user-fqdn, with its value where one is configured
	Keyrings          []string        `json:"keyrings"`
	LocalAddress      string          `json:"local_address,omitempty"` // an address or an interface; "" for every address
	KeepaliveSeconds  int             `json:"keepalive_seconds,omitempty"`
	RetrySeconds      int             `json:"keepalive_retry_seconds,omitempty"`
	SAs               int             `json:"isakmp_sas"`
}

// MatchIdentity is an identity that a profile matches. Type is ip-address, fqdn,
// fqdn domain, user-fqdn or user-fqdn domain.
type MatchIdentity struct {
	Type  string `json:"type"`
	Value string `json:"value"`
}

func isakmpProfiles(r Router) ISAKMPProfiles {
	view := ISAKMPProfiles{Profiles: []ISAKMPProfile{}}
	cfg := r.Config()
	for _, p := range cfg.Profiles {
		shown := ISAKMPProfile{Name: p.Name, Description: p.Description, Identities: []MatchIdentity{},
			IdentityPresented: presentedText(cfg, p.SelfIdentity), Keyrings: p.KeyringNames(), LocalAddress: p.Local.String()}
		for _, m := range p.Match {
			shown.Identities = append(shown.Identities, matchIdentity(m))
		}
		if k := p.Keepalive; k != nil {
			shown.KeepaliveSeconds, shown.RetrySeconds = int(k.Interval.Seconds()), int(k.Retry.Seconds())
		}
		for _, sa := range r.ISAKMPSAs() {
			if upIdle(sa) && sa.Profile == p.Name {
				shown.SAs++
			}
		}
		view.Profiles = append(view.Profiles, shown)
	}
	return view
}

func matchIdentity(m config.IdentityMatch) MatchIdentity {
	switch m.Kind {
	case config.MatchHost:
		return MatchIdentity{"fqdn", m.Name}
	case config.MatchHostDomain:
		return MatchIdentity{"fqdn domain", m.Name}
	case config.MatchUser:
		return MatchIdentity{"user-fqdn", m.Name}
	case config.MatchUserDomain:
		return MatchIdentity{"user-fqdn domain", m.Name}
	}
	return MatchIdentity{"ip-address", maskedText(m.Prefix)}
}

// presentedText is what a profile presents: without a `self-identity` of its own
// what the gateway does.
func presentedText(cfg *config.Config, s config.SelfIdentity) string {
	kind := map[config.SelfIdentityType]string{config.SelfAddress: "ip-address", config.SelfFQDN: "fqdn", config.SelfUserFQDN: "user-fqdn"}[s.Type]
	switch {
	case s.Type == config.SelfGlobal && cfg.ISAKMP.Identity == config.IdentityHostname:
		return "fqdn"
	case s.Type == config.SelfGlobal:
		return "ip-address"
	case s.Addr.IsValid():
		return kind + " " + s.Addr.String()
	case s.Name != "":
		return kind + " " + s.Name
	}
	return kind
}

// Text is the listing of 12.3, with the keyrings of later releases. It is
// recalled, not seen in a source.
func (v ISAKMPProfiles) Text() string {
	if len(v.Profiles) == 0 {
		return "No ISAKMP profiles are configured.\n"
	}
	var b strings.Builder
	for i, p := range v.Profiles {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "ISAKMP PROFILE %s\n   Identities matched are:\n", p.Name)
		for _, m := range p.Identities {
			fmt.Fprintf(&b, "    %s %s \n", m.Type, m.Value)
		}
		fmt.Fprintf(&b, "   Identity presented is: %s\n   keyring(s): %s\n", p.IdentityPresented, strings.Join(p.Keyrings, " "))
	}
	return b.String()
}
