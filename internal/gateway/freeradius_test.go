//go:build interop

package gateway

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"qmidle/internal/aaa"
	"qmidle/internal/ike"
	"qmidle/internal/secret"
	"qmidle/internal/trace"
)

// freeRADIUSConf is a server with one site. Debian's release does not sign its
// answers by itself: the site does, but for one user's.
const freeRADIUSConf = `
prefix = /usr
libdir = /usr/lib/freeradius
raddbdir = DIR
logdir = DIR
run_dir = DIR
pidfile = DIR/pid
max_request_time = 10
cleanup_delay = 0
max_requests = 4096
hostname_lookups = no
proxy_requests = no
log {
  destination = stdout
}
security {
  allow_core_dumps = no
  max_attributes = 200
  reject_delay = 0
  status_server = no
}
modules {
  always handled {
    rcode = handled
  }
  pap {
  }
  chap {
  }
  files {
    usersfile = DIR/users
  }
  detail {
    filename = DIR/detail
    permissions = 0600
  }
}
client gateway {
  ipaddr = 127.0.0.1
  secret = radsecret
}
server access {
  listen {
    type = auth
    ipaddr = 127.0.0.1
    port = AUTH
  }
  listen {
    type = acct
    ipaddr = 127.0.0.1
    port = ACCT
  }
  authorize {
    if (&User-Name == "carol" && !&State) {
      update control {
        Auth-Type := Ask
      }
    }
    else {
      chap
      files
      pap
    }
  }
  authenticate {
    Auth-Type PAP {
      pap
    }
    Auth-Type CHAP {
      chap
    }
    Auth-Type Ask {
      update reply {
        Reply-Message := "Enter the code"
        State := 0x737461746537
      }
      update control {
        Response-Packet-Type := Access-Challenge
      }
      handled
    }
  }
  post-auth {
    if (&User-Name != "unsigned") {
      update reply {
        Message-Authenticator := 0x00
      }
    }
    Post-Auth-Type REJECT {
      update reply {
        Message-Authenticator := 0x00
        Reply-Message := "Not today"
      }
    }
    Post-Auth-Type Challenge {
      update reply {
        Message-Authenticator := 0x00
      }
    }
  }
  accounting {
    detail
  }
}
`

const freeRADIUSUsers = `alice Cleartext-Password := "alicepw"
	Framed-IP-Address = 10.55.0.77,
	Framed-IP-Netmask = 255.255.255.255,
	Class = 0x726174657374,
	Session-Timeout = 3600,
	Idle-Timeout = 600
carol Cleartext-Password := "123456"
unsigned Cleartext-Password := "unsignedpw"
sales Cleartext-Password := "cisco"
	Cisco-AVPair = "ipsec:key-exchange=ike",
	Cisco-AVPair += "ipsec:tunnel-password=groupsecret",
	Cisco-AVPair += "ipsec:addr-pool=P",
	Cisco-AVPair += "ipsec:default-domain=lab.example",
	Cisco-AVPair += "ipsec:dns-servers=10.1.1.1 10.1.1.2",
	Cisco-AVPair += "ipsec:split-include=10.0.0.0/8"
field Cleartext-Password := "cisco"
	Tunnel-Password:0 = "a key of more than fifteen octets",
	Cisco-AVPair = "ipsec:addr-pool=P"
`

// freeRADIUS is a running server.
type freeRADIUS struct {
	dir        string
	auth, acct netip.AddrPort
}

func startFreeRADIUS(t *testing.T) *freeRADIUS {
	t.Helper()
	program, err := exec.LookPath("freeradius")
	if err != nil {
		t.Fatal("freeradius is not installed: `make test-packages` installs what the tests need")
	}
	f := &freeRADIUS{dir: t.TempDir(), auth: freePort(t), acct: freePort(t)}
	conf := strings.NewReplacer("DIR", f.dir, "AUTH", fmt.Sprint(f.auth.Port()), "ACCT", fmt.Sprint(f.acct.Port())).Replace(freeRADIUSConf)
	for name, text := range map[string]string{"radiusd.conf": conf, "users": freeRADIUSUsers} {
		if err := os.WriteFile(filepath.Join(f.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(program, "-n", "radiusd", "-f", "-l", "stdout", "-d", f.dir)
	out := &readiness{ready: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-ended
	})
	select {
	case <-out.ready:
	case err := <-ended:
		ended <- err
		t.Fatalf("freeradius has ended: %v\n%s", err, out.text.String())
	case <-time.After(30 * time.Second):
		t.Fatalf("freeradius is not ready\n%s", out.text.String())
	}
	return f
}

// readiness waits for the line that says that a server takes requests.
type readiness struct {
	text  bytes.Buffer
	ready chan struct{}
	done  bool
}

// Write implements io.Writer, for one goroutine.
func (r *readiness) Write(b []byte) (int, error) {
	r.text.Write(b)
	if !r.done && strings.Contains(r.text.String(), "Ready to process requests") {
		r.done = true
		close(r.ready)
	}
	return len(b), nil
}

// freePort is a port that nobody had a moment ago.
func freePort(t *testing.T) netip.AddrPort {
	c := listenUDP(t)
	defer c.Close()
	return c.LocalAddr().(interface{ AddrPort() netip.AddrPort }).AddrPort()
}

// asker drives AAA with real sockets and real time.
type asker struct {
	*testing.T
	s      *aaa.Service
	fx     aaa.Effects
	c      *radiusClient
	events []string
	lastID uint64
}

// Record implements trace.Sink.
func (a *asker) Record(r *trace.Record) {
	a.events = append(a.events, string(trace.AppendText(nil, r)))
}

func newAsker(t *testing.T, servers []aaa.Server, change func(*aaa.Config)) *asker {
	a := &asker{T: t, c: newRADIUSClient()}
	t.Cleanup(a.c.close)
	list := aaa.List{Methods: []aaa.Method{{Kind: aaa.Servers, Group: "radius", Name: "group radius"}}}
	cfg := aaa.Config{Enabled: true, Login: map[string]aaa.List{"L": list}, Authorization: map[string]aaa.List{"L": list}, Accounting: map[string]aaa.List{"L": list},
		RADIUS:   aaa.RADIUS{Groups: map[string]aaa.ServerGroup{"radius": {Servers: servers, DeadTime: time.Minute}}},
		Hostname: "gateway", Rand: rand.Reader, Events: a}
	if change != nil {
		change(&cfg)
	}
	a.s = aaa.New(cfg, nil)
	return a
}

// carry sends what is to be sent, and hands on what comes, until done.
func (a *asker) carry(done func() bool) {
	a.Helper()
	patience := time.After(30 * time.Second)
	for {
		for _, d := range a.fx.Send {
			if err := a.c.send(d); err != nil {
				a.Fatal(err)
			}
		}
		a.fx.Send = nil
		if done() {
			return
		}
		var due <-chan time.Time
		if at, ok := a.s.NextDeadline(); ok {
			due = time.After(time.Until(at))
		}
		select {
		case r := <-a.c.replies:
			a.s.Reply(time.Now(), r.from.server, r.from.number, r.data, &a.fx)
		case <-due:
			a.s.Timeout(time.Now(), &a.fx)
		case <-patience:
			a.Fatalf("nothing comes of it\n%s", strings.Join(a.events, "\n"))
		}
	}
}

func (a *asker) ask(q ike.Ask) ike.Answer {
	a.Helper()
	a.lastID++
	a.fx.Answers = nil
	a.s.Ask(time.Now(), a.lastID, q, &a.fx)
	a.carry(func() bool { return len(a.fx.Answers) > 0 })
	return a.fx.Answers[0].Answer
}

func (a *asker) login(user, password string) ike.Authenticated {
	a.Helper()
	return a.ask(ike.AuthenticateUser{Client: clientOf(user), List: "L", Password: secret.FromString(password)}).(ike.Authenticated)
}

func clientOf(user string) ike.Client {
	return ike.Client{Session: 7, Local: netip.MustParseAddrPort("192.0.2.1:500"), Remote: netip.MustParseAddrPort("198.51.100.9:500"), Group: "sales", User: user}
}

func (f *freeRADIUS) server() aaa.Server {
	return aaa.Server{Auth: f.auth, Acct: f.acct, Key: secret.FromString("radsecret"), Timeout: 5 * time.Second, Retransmit: 2}
}

func TestFreeRADIUS(t *testing.T) {
	f := startFreeRADIUS(t)
	for _, chap := range []bool{false, true} {
		t.Run(fmt.Sprintf("CHAP %v", chap), func(t *testing.T) {
			a := newAsker(t, []aaa.Server{f.server()}, func(c *aaa.Config) { c.RADIUS.CHAP = chap })
			got := a.login("alice", "alicepw")
			p := got.Policy
			if got.Verdict != ike.Accepted || p.Address.String() != "10.55.0.77" || p.Netmask.String() != "255.255.255.255" || len(p.Class) != 1 ||
				string(p.Class[0]) != "ratest" || p.SessionTimeout != time.Hour || p.IdleTimeout != 10*time.Minute {
				t.Errorf("%+v", got)
			}
			if got := a.login("alice", "wrong"); got.Verdict != ike.Rejected || got.Refusal != trace.RefusalCredentials || got.Message != "Not today" {
				t.Errorf("a wrong password: %+v", got)
			}
			if got := a.login("nobody", "alicepw"); got.Verdict != ike.Rejected {
				t.Errorf("an unknown user: %+v", got)
			}
			challenged := a.login("carol", "anything")
			if challenged.Verdict != ike.Challenged || challenged.Message != "Enter the code" {
				t.Fatalf("a challenge: %+v", challenged)
			}
			for code, want := range map[string]ike.Verdict{"000000": ike.Rejected, "123456": ike.Accepted} {
				q := ike.AuthenticateUser{Client: clientOf("carol"), List: "L", Reply: secret.FromString(code), Dialogue: challenged.Dialogue}
				if got := a.ask(q).(ike.Authenticated); got.Verdict != want {
					t.Errorf("the code %s: %+v", code, got)
				}
			}
		})
	}
	t.Run("group", func(t *testing.T) {
		a := newAsker(t, []aaa.Server{f.server()}, nil)
		got := a.ask(ike.AuthorizeClient{Client: clientOf("alice"), List: "L"}).(ike.Authorized)
		p := got.Policy
		if got.Refusal != trace.RefusalNone || p.Pool != "P" || p.Domain != "lab.example" || len(p.DNS) != 2 || len(p.Split) != 1 {
			t.Errorf("%+v", got)
		}
		if text := strings.Join(a.events, "\n"); strings.Contains(text, "groupsecret") || strings.Contains(text, "radsecret") {
			t.Error(text)
		}
	})
	t.Run("keys of groups", func(t *testing.T) {
		a := newAsker(t, []aaa.Server{f.server()}, nil)
		for group, want := range map[string]string{"sales": "groupsecret", "field": "a key of more than fifteen octets", "alice": "", "nobody": ""} {
			c := clientOf("")
			c.Group = group
			got := a.ask(ike.FindGroupKey{Client: c, List: "L"}).(ike.GroupKey)
			if !got.Key.Equal(secret.FromString(want)) || (got.Refusal == trace.RefusalNone) != (want != "") {
				t.Errorf("%s: %+v", group, got)
			}
		}
		if text := strings.Join(a.events, "\n"); strings.Contains(text, "groupsecret") || strings.Contains(text, "fifteen") {
			t.Error(text)
		}
	})
	t.Run("unsigned", func(t *testing.T) {
		impatient := f.server()
		impatient.Timeout, impatient.Retransmit = time.Second, 1
		a := newAsker(t, []aaa.Server{impatient}, nil)
		if got := a.login("unsigned", "unsignedpw"); got.Verdict != ike.Rejected || got.Refusal != trace.RefusalSilence {
			t.Errorf("an answer without Message-Authenticator: %+v", got)
		}
		if c := a.s.ServerStatuses([]aaa.Server{impatient})[0].Counters.Authentication; c.Disbelieved == 0 {
			t.Errorf("%+v", c)
		}
		a = newAsker(t, []aaa.Server{f.server()}, func(c *aaa.Config) { c.RADIUS.Unsigned = true })
		if got := a.login("unsigned", "unsignedpw"); got.Verdict != ike.Accepted {
			t.Errorf("where it need not be there: %+v", got)
		}
	})
	t.Run("failover", func(t *testing.T) {
		dead := aaa.Server{Auth: freePort(t), Acct: freePort(t), Key: secret.FromString("x"), Timeout: 200 * time.Millisecond, Retransmit: 1}
		a := newAsker(t, []aaa.Server{dead, f.server()}, nil)
		if got := a.login("alice", "alicepw"); got.Verdict != ike.Accepted {
			t.Errorf("%+v", got)
		}
		began := time.Now()
		if got := a.login("alice", "alicepw"); got.Verdict != ike.Accepted || time.Since(began) > dead.Timeout {
			t.Errorf("the dead server is asked again: %+v after %s", got, time.Since(began))
		}
		if s := a.s.ServerStatuses([]aaa.Server{dead})[0]; !s.Dead || s.Counters.Authentication.Timeouts != 2 {
			t.Errorf("%+v", s)
		}
	})
	t.Run("another key", func(t *testing.T) {
		s := f.server()
		s.Key, s.Timeout, s.Retransmit = secret.FromString("other"), 300*time.Millisecond, 0
		a := newAsker(t, []aaa.Server{s}, nil)
		if got := a.login("alice", "alicepw"); got.Verdict != ike.Rejected || got.Refusal != trace.RefusalSilence {
			t.Errorf("%+v", got)
		}
	})
	t.Run("accounting", func(t *testing.T) { accountAtFreeRADIUS(t, f) })
}

// accountAtFreeRADIUS reads the records back from the server's file.
func accountAtFreeRADIUS(t *testing.T, f *freeRADIUS) {
	a := newAsker(t, []aaa.Server{f.server()}, nil)
	began := time.Now().Add(-90 * time.Second)
	r := ike.SessionRecord{Client: clientOf("alice"), List: "L", Address: netip.MustParseAddr("10.55.0.77"), Since: began, Class: [][]byte{[]byte("ratest")}}
	usage := aaa.Usage{InOctets: 5<<32 + 1234, InPackets: 12, OutOctets: 4321, OutPackets: 34}
	for stage := ike.SessionBegun; stage <= ike.SessionEnded; stage++ {
		r.Stage, r.Started, r.Cause = stage, stage > ike.SessionBegun, trace.ReasonPeerDead
		before := a.s.ServerStatuses([]aaa.Server{f.server()})[0].Counters.Accounting.Accepted
		a.s.Session(time.Now(), r, usage, &a.fx)
		a.carry(func() bool {
			return a.s.ServerStatuses([]aaa.Server{f.server()})[0].Counters.Accounting.Accepted == before+1
		})
	}
	detail, err := os.ReadFile(filepath.Join(f.dir, "detail"))
	if err != nil {
		t.Fatal(err)
	}
	records := strings.Split(strings.TrimSpace(string(detail)), "\n\n")
	if len(records) != 3 {
		t.Fatalf("%d records:\n%s", len(records), detail)
	}
	for i, want := range [][]string{
		{"Acct-Status-Type = Start", `User-Name = "alice"`, `Acct-Session-Id = "0000000000000007"`, "Framed-IP-Address = 10.55.0.77", "Class = 0x726174657374",
			"NAS-IP-Address = 192.0.2.1", `NAS-Identifier = "gateway"`, `Calling-Station-Id = "198.51.100.9"`},
		{"Acct-Status-Type = Interim-Update", "Acct-Session-Time = 90", "Acct-Input-Octets = 1234", "Acct-Input-Gigawords = 5", "Acct-Output-Octets = 4321"},
		{"Acct-Status-Type = Stop", "Acct-Input-Packets = 12", "Acct-Output-Packets = 34", "Acct-Terminate-Cause = Lost-Carrier"},
	} {
		for _, line := range want {
			if !strings.Contains(records[i], "\t"+line) {
				t.Errorf("record %d has no %s:\n%s", i+1, line, records[i])
			}
		}
	}
}
