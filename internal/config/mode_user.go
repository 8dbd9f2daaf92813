package config

import (
	"crypto/rand"
	"slices"

	"qmidle/internal/password"
	"qmidle/internal/secret"
)

// userNodes follow `username`. What else a router's users have is skipped.
var userNodes = []*node{
	{Kind: Word, Text: "WORD", Arg: "user", Help: "User name", Do: setUser, No: noUser, Open: true, Next: userOptions},
}

var userOptions = []*node{
	{Text: "nopassword", Foreign: true},
	{Text: "password", Help: "Specify the password for the user", Next: []*node{
		{Text: "0", Help: "Specifies an UNENCRYPTED password will follow", Next: []*node{clearPassword(setUserPassword(password.Clear))}},
		{Text: "6", Help: "Specifies an ENCRYPTED password will follow", Next: []*node{storedPassword(6)}},
		{Text: "7", Help: "Specifies a HIDDEN password will follow", Next: []*node{storedPassword(password.Reversible)}},
		clearPassword(setUserPassword(password.Clear)),
	}},
	{Text: "privilege", Help: "Set user privilege level", Next: []*node{
		{Kind: Number, Lo: 0, Hi: 15, Arg: "privilege", Help: "User privilege level", Do: setUser, Open: true},
	}},
	{Text: "secret", Help: "Specify the secret for the user", Next: []*node{
		{Text: "0", Help: "Specifies an UNENCRYPTED secret will follow", Next: []*node{clearPassword(setUserSecret)}},
		{Text: "4", Help: "Specifies a SHA256 ENCRYPTED secret will follow", Next: []*node{storedPassword(4)}},
		{Text: "5", Help: "Specifies a MD5 HASHED secret will follow", Next: []*node{storedPassword(password.MD5)}},
		{Text: "8", Help: "Specifies a PBKDF2 HASHED secret will follow", Next: []*node{storedPassword(password.PBKDF2)}},
		{Text: "9", Help: "Specifies a SCRYPT HASHED secret will follow", Next: []*node{storedPassword(password.Scrypt)}},
		clearPassword(setUserSecret),
	}},
}

func init() {
	for _, n := range userOptions {
		if n.Text == "privilege" {
			n.Next[0].Next = userOptions
		}
	}
}

func clearPassword(do Action[*Editor]) *node {
	return &node{Kind: Rest, Text: "LINE", Arg: "password", Help: "The UNENCRYPTED (cleartext) user password", Secret: true, Do: do}
}

func storedPassword(t password.Type) *node {
	return &node{Kind: Word, Text: "WORD", Arg: "password", Help: "The password as it is stored", Secret: true, Do: setUserPassword(t)}
}

const (
	maxUserName = 64
	maxPassword = 127
)

func userMark(name string) string { return "username " + name }

// makeUser returns the user that a line names, made if need be.
func (e *Editor) makeUser(a Args) (*User, *Problem) {
	name := a.Text("user")
	if len(name) > maxUserName {
		return nil, &Problem{Code: CodeValue, Arg: "user", Message: "the name is longer than 64 characters"}
	}
	u := e.cfg.User(name)
	if u == nil {
		u = &User{Name: name, Privilege: 1}
		e.cfg.AAA.Users = append(e.cfg.AAA.Users, u)
	}
	if a.Has("privilege") {
		u.Privilege = int(a.Number("privilege"))
	}
	e.remember(userMark(name), a, "user")
	return u, nil
}

func setUser(e *Editor, a Args) *Problem {
	_, p := e.makeUser(a)
	return p
}

func setUserPassword(t password.Type) Action[*Editor] {
	return func(e *Editor, a Args) *Problem {
		if t == password.Clear && len(a.Text("password")) > maxPassword {
			return longPassword
		}
		u, p := e.makeUser(a)
		if p != nil {
			return p
		}
		u.Password = password.Stored{Type: t, Text: secret.FromString(a.Text("password"))}
		u.Secret = t != password.Clear && t != password.Reversible && t != 6
		return nil
	}
}

var longPassword = &Problem{Code: CodeValue, Arg: "password", Message: "the password is longer than 127 characters"}

// maxHashed is how many secrets in clear a file may have: each costs a
// hundredth of a second and more.
const maxHashed = 50

// setUserSecret reads a secret in clear, of which only the hash is kept.
func setUserSecret(e *Editor, a Args) *Problem {
	if len(a.Text("password")) > maxPassword {
		return longPassword
	}
	if e.hashed++; e.loading && e.hashed > maxHashed {
		return &Problem{Code: CodeValue, Arg: "password", Message: "a file may have 50 secrets in clear",
			Hint: "write them as `secret 9`, as `show running-config` does"}
	}
	u, p := e.makeUser(a)
	if p != nil {
		return p
	}
	hash, err := password.Hash(secret.FromString(a.Text("password")), rand.Reader)
	if err != nil {
		return &Problem{Code: CodeValue, Arg: "password", Message: "the secret cannot be hashed: " + err.Error()}
	}
	u.Password, u.Secret = hash, true
	return nil
}

func noUser(e *Editor, a Args) *Problem {
	before := len(e.cfg.AAA.Users)
	e.cfg.AAA.Users = slices.DeleteFunc(e.cfg.AAA.Users, func(u *User) bool { return u.Name == a.Text("user") })
	if len(e.cfg.AAA.Users) == before {
		return &Problem{Code: CodeReference, Arg: "user", Message: "there is no such user"}
	}
	return nil
}
