package console

import (
	"fmt"
	"strings"

	"qmidle/internal/config"
	"qmidle/internal/isakmp"
	"qmidle/internal/trace"
)

// TransformSets is show crypto ipsec transform-set.
type TransformSets struct {
	Sets []TransformSet `json:"sets"`
}

// TransformSet is one transform set.
type TransformSet struct {
	Name       string   `json:"name"`
	Transforms []string `json:"transforms"` // as configured: "esp-aes 256"
	Mode       string   `json:"mode"`       // Tunnel or Transport

	shown string
}

func transformSets(r Router) TransformSets {
	view := TransformSets{Sets: []TransformSet{}}
	for _, t := range r.Config().TransformSets {
		view.Sets = append(view.Sets, transformSet(t))
	}
	return view
}

func transformSet(t *config.TransformSet) TransformSet {
	encap := isakmp.EncapTunnel
	if t.Transport {
		encap = isakmp.EncapTransport
	}
	suite := trace.IPsecSuite{Transform: t.Cipher, KeyBits: t.KeyBits, Auth: t.Auth}
	return TransformSet{t.Name, t.Transforms(), settingsText(encap), transformText(suite)}
}

// Text is IOS's listing. The blanks at the ends of lines are IOS's.
func (v TransformSets) Text() string {
	var b strings.Builder
	for _, t := range v.Sets {
		fmt.Fprintf(&b, "Transform set %s: { %s  } \n", t.Name, t.shown)
		fmt.Fprintf(&b, "   will negotiate = { %s,  }, \n\n", t.Mode)
	}
	return b.String()
}

// IPsecLifetime is show crypto ipsec security-association lifetime: what a
// crypto map entry has that names no lifetime of its own.
type IPsecLifetime struct {
	Kilobytes uint32 `json:"lifetime_kilobytes"` // 0: no limit
	Seconds   uint32 `json:"lifetime_seconds"`
}

func ipsecLifetime(r Router) IPsecLifetime {
	i := r.Config().IPsec
	return IPsecLifetime{i.LifetimeKilobytes, i.LifetimeSeconds}
}

// Text is IOS's line.
func (l IPsecLifetime) Text() string {
	return fmt.Sprintf("Security association lifetime: %d kilobytes/%d seconds\n", l.Kilobytes, l.Seconds)
}
