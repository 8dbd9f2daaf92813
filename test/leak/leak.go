// Package leak finds keys and passwords in what a program prints. Tests of every
// package hold their output against it: a log, a debug, an error or JSON must
// show no key of the configurations in use, in clear or in a common encoding.
//
// It knows how configurations write keys, and where IOS shows them by its own
// custom. It must not know what this program prints.
package leak

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// written are the ways in which IOS and strongSwan write a key; the key is the
// last group.
var written = []*regexp.Regexp{
	regexp.MustCompile(`(?m)^\s*(?:no )?crypto isakmp key (?:[06] )?(\S+) (?:address|hostname)`),
	regexp.MustCompile(`(?m)^\s*(?:no )?pre-shared-key .* key (?:[06] )?(\S+)`),
	regexp.MustCompile(`(?m)^\s*(?:no )?set aggressive-mode password (?:[06] )?(\S+)`),
	regexp.MustCompile(`(?m)^\s*username \S+ .*(?:password|secret) (?:[0-9] )?(\S+)`),
	regexp.MustCompile(`(?m)^ key (?:[067] )?(\S+)`),
	regexp.MustCompile(`(?m)^ group \S+ key (?:[06] )?(\S+)`),
	regexp.MustCompile(`(?m)^\s*(?:IPSec secret|Xauth password|GroupPwd=|UserPassword=) ?(\S+)`),
	regexp.MustCompile(`(?m)^\s*radius-server (?:host .* )?key (?:[067] )?(\S+)`),
	regexp.MustCompile(`(?m)^\s*(?:enable )?(?:password|secret) (?:[057] )?(\S+)`),
	regexp.MustCompile(`(?m)\bsecret\s*=\s*"?([^"\s]+)`),
	regexp.MustCompile(`(?m)\bPSK\s+"?([^"\s]+)`),
}

// Keys are the keys and passwords in a configuration, each once.
func Keys(config string) []string {
	var keys []string
	for _, w := range written {
		for _, m := range w.FindAllStringSubmatch(config, -1) {
			if key := m[len(m)-1]; !slices.Contains(keys, key) {
				keys = append(keys, key)
			}
		}
	}
	return keys
}

// Find returns a sentence for each key and each form of it that stands in a
// text, with the line where it is first.
func Find(text string, keys []string) (found []string) {
	for _, key := range keys {
		for form, shape := range forms([]byte(key)) {
			at := strings.Index(text, shape)
			if at < 0 {
				continue
			}
			from, to := strings.LastIndexByte(text[:at], '\n')+1, len(text)
			if end := strings.IndexByte(text[at:], '\n'); end >= 0 {
				to = at + end
			}
			found = append(found, fmt.Sprintf("the key %q stands %s in: %s", key, form, text[from:to]))
		}
	}
	slices.Sort(found)
	return found
}

// FindOctets is Find for keys that are no text, such as derived ones.
func FindOctets(text string, keys ...[]byte) []string {
	var all []string
	for _, k := range keys {
		if len(k) >= 8 {
			all = append(all, string(k))
		}
	}
	return Find(text, all)
}

// forms are the ways in which octets may be printed, by name.
func forms(key []byte) map[string]string {
	low := hex.EncodeToString(key)
	all := map[string]string{
		"in clear":                   string(key),
		"in hexadecimal":             low,
		"in hexadecimal capitals":    strings.ToUpper(low),
		"in hexadecimal with blanks": fmt.Sprintf("% x", key),
		"as decimal numbers":         strings.Trim(fmt.Sprint(key), "[]"),
		"as a Go literal":            strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", key), "[]byte{"), "}"),
		"in base64":                  base64.RawStdEncoding.EncodeToString(key),
	}
	if quoted, err := json.Marshal(string(key)); err == nil && utf8.Valid(key) {
		all["in JSON"] = strings.Trim(string(quoted), `"`)
	}
	for name, shape := range all {
		// A number or two may stand anywhere.
		if len(key) < 3 || name != "in clear" && shape == string(key) {
			delete(all, name)
		}
	}
	return all
}

var prompt = regexp.MustCompile(`^[A-Za-z0-9._-]+(\([a-z0-9-]+\))?[#>] ?`)

// shows are the commands whose output has keys by IOS's own custom.
var shows = [][]string{{"show", "running-config"}, {"show", "crypto", "isakmp", "key"}}

// Transcript is a session at one or more consoles without what the operator
// typed in configuration mode, and without the output of commands that show
// keys: the rest must not have any.
func Transcript(session string) string {
	var kept strings.Builder
	showing := false
	for line := range strings.Lines(session) {
		if at := prompt.FindStringSubmatch(line); at != nil {
			command := line[len(at[0]):]
			showing = ShowsKeys(command)
			if at[1] != "" {
				continue
			}
		} else if showing {
			continue
		}
		kept.WriteString(line)
	}
	return kept.String()
}

// ShowsKeys says whether a command, abbreviated or filtered or not, is one of
// those that show keys.
func ShowsKeys(command string) bool {
	command, _, _ = strings.Cut(command, "|")
	words := strings.Fields(strings.ToLower(command))
	if len(words) > 0 && words[0] == "do" {
		words = words[1:]
	}
	return slices.ContainsFunc(shows, func(show []string) bool {
		if len(words) != len(show) {
			return false
		}
		for i := range show {
			if !strings.HasPrefix(show[i], words[i]) {
				return false
			}
		}
		return true
	})
}
