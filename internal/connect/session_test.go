package connect

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"testing"

	"qmidle/internal/console"
	"qmidle/internal/ike"
	"qmidle/internal/secret"
)

// typist answers what he is asked.
type typist struct {
	answers []string
	asked   []string
	said    []string
}

func (u *typist) Ask(_ context.Context, prompt string, hidden bool) (string, error) {
	if hidden {
		prompt += "(hidden)"
	}
	u.asked = append(u.asked, prompt)
	if len(u.answers) == 0 {
		return "", errors.New("nobody")
	}
	a := u.answers[0]
	u.answers = u.answers[1:]
	return a, nil
}

func (u *typist) Status(line string) { u.said = append(u.said, line) }
func (u *typist) Say(text string)    { u.said = append(u.said, text) }

func TestOnlyWhatIsMissingIsAsked(t *testing.T) {
	password := secret.FromString("a-password")
	for _, c := range []struct {
		name    string
		known   Credentials
		prompts []ike.Prompt
		asked   []string
	}{
		{"all is in the profile", Credentials{User: "alice", Password: password}, []ike.Prompt{ike.PromptPassword}, nil},
		{"no password", Credentials{User: "alice"}, []ike.Prompt{ike.PromptPassword}, []string{"Password: (hidden)"}},
		{"nothing", Credentials{}, []ike.Prompt{ike.PromptPassword}, []string{"Username: ", "Password: (hidden)"}},
		{"a token", Credentials{User: "alice", Password: password}, []ike.Prompt{ike.PromptPasscode, ike.PromptNextPIN}, []string{"Passcode: (hidden)", "Next PIN: (hidden)"}},
		{"a challenge", Credentials{User: "alice", Password: password}, []ike.Prompt{ike.PromptAnswer}, []string{"Answer: (hidden)"}},
	} {
		u := &typist{answers: []string{"first", "second"}}
		s := session{Options: Options{User: u}, known: c.known}
		got, err := s.credentials(t.Context(), ike.AskCredentials{Prompts: c.prompts})
		if err != nil || !got.Given || !slices.Equal(u.asked, c.asked) {
			t.Errorf("%s: asked %q, %v", c.name, u.asked, err)
		}
	}
	s := session{Options: Options{User: &typist{}}, known: Credentials{User: "alice"}}
	if _, err := s.credentials(t.Context(), ike.AskCredentials{Prompts: []ike.Prompt{ike.PromptPassword}}); err == nil {
		t.Error("nobody is asked, and something is sent")
	}
}

func TestStatusLine(t *testing.T) {
	c := console.EasyVPNClient{Peer: netip.MustParseAddr("192.0.2.1"), Config: ike.ClientConfig{Address: netip.MustParseAddr("10.0.0.9")}}
	if got := statusOf(c); got != "connected to 192.0.2.1: address 10.0.0.9, tunnel for everything" {
		t.Error(got)
	}
	c.Config.Split = []ike.SplitNetwork{{Network: netip.MustParsePrefix("10.1.0.0/16")}, {Network: netip.MustParsePrefix("10.2.0.0/16")}}
	c.Config.DNS = []netip.Addr{netip.MustParseAddr("10.1.0.53")}
	if got := statusOf(c); got != "connected to 192.0.2.1: address 10.0.0.9, tunnel for 10.1.0.0/16, 10.2.0.0/16, names by 10.1.0.53" {
		t.Error(got)
	}
}
