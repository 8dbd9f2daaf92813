package leak

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestKeys(t *testing.T) {
	got := Keys(`hostname hub
crypto isakmp key first-key address 192.1.1.42
crypto isakmp key 0 second-key hostname far.example.com no-xauth
  pre-shared-key address 0.0.0.0 0.0.0.0 key third-key
username admin privilege 15 password 0 fourth-key
secrets { ike-a { secret = "fifth-key" } }
192.1.1.1 : PSK "sixth-key"
crypto isakmp policy 10
 authentication pre-share
`)
	want := []string{"first-key", "second-key", "third-key", "fourth-key", "fifth-key", "sixth-key"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// Each way in which a program may give a key away is found; what has none is
// clean.
func TestFind(t *testing.T) {
	const key = "lab-key\"of<two"
	quoted, err := json.Marshal(struct{ Key string }{key})
	if err != nil {
		t.Fatal(err)
	}
	for _, leak := range []string{
		"the key is " + key + "!",
		string(quoted),
		fmt.Sprintf("%v", []byte(key)),
		fmt.Sprintf("%x", key),
		fmt.Sprintf("%X", key),
		fmt.Sprintf("% x", key),
		fmt.Sprintf("%#v", []byte(key)),
		fmt.Sprintf("%+v", struct{ K []byte }{[]byte(key)}),
		base64.StdEncoding.EncodeToString([]byte(key)),
	} {
		found := Find("first line\n"+leak+"\nlast line", []string{"another", key})
		if len(found) == 0 || strings.Contains(found[0], "first line") || strings.Contains(found[0], "last line") {
			t.Errorf("%q: found %q", leak, found)
		}
	}
	if found := Find("a key of two, and one more\n", []string{key}); len(found) != 0 {
		t.Errorf("found %q where there is none", found)
	}
	if found := FindOctets("00ff00ff00ff00ff and more", []byte{0, 255, 0, 255, 0, 255, 0, 255}, []byte{1}); len(found) != 1 {
		t.Errorf("of octets: found %q", found)
	}
}

// A transcript loses what shows keys by custom and keeps what follows.
func TestTranscript(t *testing.T) {
	got := Transcript(`hub#show running-config
crypto isakmp key lab-key address 192.1.1.42
hub#sh cry isa key | json
lab-key
hub#configure terminal
Enter configuration commands, one per line.  End with CNTL/Z.
hub(config)#crypto isakmp key lab-key address 192.1.1.43
% Warning: lab-key is weak
hub(config)#do show running-config
lab-key
hub(config)#end
hub#show crypto isakmp key-of-nothing
lab-key
`)
	want := `hub#show running-config
hub#sh cry isa key | json
hub#configure terminal
Enter configuration commands, one per line.  End with CNTL/Z.
% Warning: lab-key is weak
hub#show crypto isakmp key-of-nothing
lab-key
`
	if got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
