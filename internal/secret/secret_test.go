package secret

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestSecretNeverPrints(t *testing.T) {
	s := FromString("mekmitasdigoat")
	wrapped := struct {
		Name string
		Key  Secret
	}{"hub", s}
	hidden := struct{ key Secret }{s}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t"} {
		for _, v := range []any{s, &s, wrapped, hidden, &hidden, []Secret{s}, map[string]Secret{"k": s}} {
			out := fmt.Sprintf(verb, v)
			for _, leak := range []string{"mekmit", "6d656b", "6D656B", "109 101"} {
				if strings.Contains(out, leak) {
					t.Errorf("%s of %T shows the secret: %s", verb, v, out)
				}
			}
		}
	}
	out, err := json.Marshal(wrapped)
	if err != nil || strings.Contains(string(out), "mek") {
		t.Errorf("json: %s, %v", out, err)
	}
}
