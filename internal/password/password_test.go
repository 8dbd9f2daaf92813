package password

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"testing"

	"qmidle/internal/secret"
)

func stored(t Type, text string) Stored { return Stored{t, secret.FromString(text)} }

// published are pairs that others have published. Those of the password
// "hashcat" are the examples of hashcat's manual.
var published = []struct {
	stored Stored
	clear  string
}{
	{stored(MD5, "$1$28772684$iEwNOgGugqO9.bIz5sk8k/"), "hashcat"},
	{stored(PBKDF2, "$8$TnGX/fE4KGHOVU$pEhnEvxrvaynpi8j4f.EMHr6M.FzU8xnZnBr/tJdFWk"), "hashcat"},
	{stored(Scrypt, "$9$2MJBozw/9R3UsU$2lFhcKvpghcyw8deP25GOfyZaagyUOGBymkryvOdfo6"), "hashcat"},
	{stored(Reversible, "094F471A1A0A"), "cisco"},
	{stored(Reversible, "13061E010803"), "cisco"},
	{stored(Clear, "alice pw"), "alice pw"},
}

func TestPublished(t *testing.T) {
	for _, c := range published {
		if err := c.stored.Check(); err != nil {
			t.Errorf("type %d: %v", c.stored.Type, err)
		}
		if !c.stored.Verify(secret.FromString(c.clear)) {
			t.Errorf("type %d does not take its password", c.stored.Type)
		}
		for _, wrong := range []string{"", c.clear + "x", c.clear[1:], "Hashcat"} {
			if c.stored.Verify(secret.FromString(wrong)) {
				t.Errorf("type %d takes %q", c.stored.Type, wrong)
			}
		}
	}
}

func TestHashIsSaltedAndVerifies(t *testing.T) {
	clear := secret.FromString("correct horse")
	a, err := Hash(clear, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := Hash(clear, rand.Reader)
	if a.Type != Scrypt || a.Text.Equal(b.Text) {
		t.Errorf("type %d, the same twice: %v", a.Type, a.Text.Equal(b.Text))
	}
	if err := a.Check(); err != nil || !a.Verify(clear) || a.Verify(secret.FromString("correct hors")) {
		t.Errorf("the hash does not fit its own password: %v", err)
	}
	if _, ok := a.InClear(); ok {
		t.Error("a hash has its password in clear")
	}
	if _, err := Hash(clear, bytes.NewReader(nil)); err == nil {
		t.Error("a hash without a salt")
	}
}

func TestMalformed(t *testing.T) {
	for _, c := range []struct {
		stored Stored
		want   error
	}{
		{stored(MD5, ""), ErrShape},
		{stored(MD5, "<removed>"), ErrShape},
		{stored(MD5, "$1$abcd$0123"), ErrShape},
		{stored(MD5, "$9$2MJBozw/9R3UsU$2lFhcKvpghcyw8deP25GOfyZaagyUOGBymkryvOdfo6"), ErrShape},
		{stored(PBKDF2, "$8$short$pEhnEvxrvaynpi8j4f.EMHr6M.FzU8xnZnBr/tJdFWk"), ErrShape},
		{stored(PBKDF2, "$8$TnGX/fE4KGHOVU$pEhnEvxrvaynpi8j4f.EMHr6M.FzU8xnZnBr/tJdF"), ErrShape},
		{stored(Scrypt, "$9$2MJBozw/9R3UsU$2lFhcKvpghcyw8deP25GOfyZaagyUOGBymkryvOdfo="), ErrShape},
		{stored(Reversible, "0"), ErrShape},
		{stored(Reversible, "99AB"), ErrShape},
		{stored(Reversible, "02ZZ"), ErrShape},
		{stored(4, "anything"), ErrUnknownType},
	} {
		if err := c.stored.Check(); !errors.Is(err, c.want) {
			t.Errorf("type %d: %v, want %v", c.stored.Type, err, c.want)
		}
		if c.stored.Verify(secret.Secret{}) || c.stored.Verify(secret.FromString("hashcat")) {
			t.Errorf("type %d: a broken password fits", c.stored.Type)
		}
	}
}

func TestDecoysFitNothing(t *testing.T) {
	for typ, d := range decoys {
		if err := d.Check(); err != nil {
			t.Errorf("type %d's decoy does no work: %v", typ, err)
		}
		if d.Verify(secret.Secret{}) {
			t.Errorf("type %d's decoy fits", typ)
		}
	}
	if got := Dearest([]Stored{{Type: Clear}, {Type: PBKDF2}, {Type: MD5}}); got != PBKDF2 {
		t.Errorf("the dearest is %d", got)
	}
}

func TestNothingPrinted(t *testing.T) {
	if s := fmt.Sprintf("%v %+v %#v", published[3].stored, published[0].stored, published[0].stored); bytes.Contains([]byte(s), []byte("0822")) || bytes.Contains([]byte(s), []byte("28772684")) {
		t.Error(s)
	}
}
