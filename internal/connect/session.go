package connect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"qmidle/internal/clientfile"
	"qmidle/internal/console"
	"qmidle/internal/gateway"
	"qmidle/internal/ike"
	"qmidle/internal/secret"
)

// User is who sits before the client.
type User interface {
	// Ask shows a prompt and returns the line that is typed; hidden ones are not
	// shown. An error is that nobody can be asked, or that he has given up.
	Ask(ctx context.Context, prompt string, hidden bool) (string, error)
	// Status replaces the one line that says how it goes.
	Status(line string)
	// Say shows something that stays.
	Say(text string)
}

// Options are what a client is run with.
type Options struct {
	Profile clientfile.File
	// Outside is the Linux interface by which the server is reached; "" for that of
	// the route.
	Outside string
	Socket  string
	State   string
	Log     io.Writer
	Version console.VersionInfo
	User    User
	Cores   int // as gateway.Options has them
}

// Run connects, and stays connected until ctx ends. An error is that the tunnel did
// not come up, or what the gateway could not have.
func Run(ctx context.Context, o Options) error {
	if NeedsKey(o.Profile) {
		key, err := o.User.Ask(ctx, fmt.Sprintf("Key of group %s: ", o.Profile.Group), true)
		if err != nil {
			return err
		}
		o.Profile.Secret = secret.FromString(key)
	}
	cfg, notes, err := Configuration(o.Profile)
	if err != nil {
		return err
	}
	if len(notes) > 0 {
		o.User.Say("the profile's settings have no effect: " + strings.Join(notes, ", "))
	}
	// What a client has left that was killed would keep the server out of reach.
	if err := gateway.Release(o.State); err != nil {
		return err
	}
	if o.Outside == "" {
		if o.Outside, err = gateway.InterfaceTo(ctx, o.Profile.Gateway); err != nil {
			return err
		}
	}
	cfg.EasyVPNFor(Name).Beside = gateway.Networks()
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	s := &session{Options: o, end: end, known: Credentials{o.Profile.Username, o.Profile.Domain, o.Profile.Password}, changes: make(chan console.EasyVPNClient, 1)}
	s.gateway, err = gateway.Open(gateway.Options{Config: cfg, Interfaces: map[string]string{outside: o.Outside}, Socket: o.Socket, State: o.State, Log: o.Log,
		Version: o.Version, Release: true, EasyVPN: s.changed, Cores: o.Cores})
	if err != nil {
		return err
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.watch(ctx)
	}()
	err = s.gateway.Run(ctx)
	end(nil)
	<-done
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return errors.Join(cause, err)
	}
	return err
}

// session is a client that runs.
type session struct {
	Options
	gateway *gateway.Gateway
	end     context.CancelCauseFunc
	changes chan console.EasyVPNClient // the newest

	// The watcher's own.
	known  Credentials
	asked  uint64 // the question that was answered last
	wasUp  bool
	lost   time.Time // since when there is no tunnel any more; zero while there is one
	banner string
}

// changed hears from the gateway's loop, which must not wait.
func (s *session) changed(all []console.EasyVPNClient) {
	if len(all) != 1 {
		return
	}
	select {
	case <-s.changes:
	default:
	}
	s.changes <- all[0]
}

// watch shows how it goes, and answers the server's questions.
func (s *session) watch(ctx context.Context) {
	s.User.Status("connecting to " + title(s.Profile))
	for {
		select {
		case <-ctx.Done():
			s.User.Status("disconnecting")
			return
		case c := <-s.changes:
			if err := s.follow(ctx, c); err != nil {
				s.end(err)
				return
			}
		}
	}
}

// follow takes one change. An error is the end.
func (s *session) follow(ctx context.Context, c console.EasyVPNClient) error {
	switch {
	case c.Asks != 0 && c.Asks != s.asked:
		s.asked = c.Asks
		return s.answer(ctx, c)
	case c.State == console.EasyVPNActive:
		s.up(c)
	case c.Failures > 0 && !s.wasUp:
		return fmt.Errorf("there is no tunnel to %s\n%s", title(s.Profile), s.why())
	case s.wasUp && !c.Next.IsZero() && c.State == console.EasyVPNConnectRequired:
		if s.lost.IsZero() {
			s.lost = time.Now()
		}
		s.User.Status(fmt.Sprintf("no tunnel to %s since %s: trying again", title(s.Profile), s.lost.Format(time.TimeOnly)))
	case c.State == console.EasyVPNReady:
		s.User.Status("connecting to " + title(s.Profile))
	}
	return nil
}

func (s *session) up(c console.EasyVPNClient) {
	s.wasUp, s.lost = true, time.Time{}
	if c.Config.Banner != "" && c.Config.Banner != s.banner {
		s.banner = c.Config.Banner
		s.User.Say(s.banner)
	}
	s.User.Status(statusOf(c))
}

// statusOf is the line of a tunnel that is up.
func statusOf(c console.EasyVPNClient) string {
	networks := "everything"
	if len(c.Config.Split) > 0 {
		var words []string
		for _, n := range c.Config.Split {
			words = append(words, n.Network.String())
		}
		networks = strings.Join(words, ", ")
	}
	line := fmt.Sprintf("connected to %s: address %s, tunnel for %s", c.Peer, c.Config.Address, networks)
	if len(c.Config.DNS) > 0 {
		var words []string
		for _, a := range c.Config.DNS {
			words = append(words, a.String())
		}
		line += ", names by " + strings.Join(words, ", ")
	}
	return line
}

// why is what the diagnosis makes of a failure.
func (s *session) why() string {
	text, err := s.gateway.Command("explain last")
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(text)
}

// answer tells the server who the user is. What the profile has is not asked for;
// what the server has refused is.
func (s *session) answer(ctx context.Context, c console.EasyVPNClient) error {
	if c.Question.Message != "" {
		s.User.Say(c.Question.Message)
	}
	if c.Question.Try > 1 {
		s.User.Say("the server did not accept that")
		s.known.Password = secret.Secret{}
	}
	reply, err := s.credentials(ctx, c.Question)
	if err != nil {
		return err
	}
	s.User.Status("logging in to " + title(s.Profile))
	if !s.gateway.AnswerEasyVPN(Name, reply) {
		return nil // the server waits no longer; what comes of it is another change
	}
	s.known.User, s.known.Password = reply.User, reply.Password
	return nil
}

// credentials are what the server asks for. A password that was typed is used again
// for a reconnection; what is of one use only is not.
func (s *session) credentials(ctx context.Context, q ike.AskCredentials) (c ike.Credentials, err error) {
	c = ike.Credentials{Given: true, User: s.known.User, Domain: s.known.Domain}
	if c.User == "" {
		if c.User, err = s.User.Ask(ctx, "Username: ", false); err != nil {
			return c, err
		}
	}
	for _, p := range q.Prompts {
		if p == ike.PromptPassword && !s.known.Password.IsZero() {
			c.Password = s.known.Password
			continue
		}
		text, err := s.User.Ask(ctx, console.PromptText(p), true)
		if err != nil {
			return c, err
		}
		console.SetAnswer(&c, p, secret.FromString(text))
	}
	return c, nil
}
