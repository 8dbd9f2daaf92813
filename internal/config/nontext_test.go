package config

import (
	"bytes"
	"compress/flate"
	"io"
	"math/rand"
	"strings"
	"testing"
	"unicode"
	"unicode/utf16"
)

// small is a whole configuration, for what is done to its bytes.
var small = "hostname r\n" + whole

// utf16of is a text as Windows calls it Unicode.
func utf16of(text string) []byte {
	b := []byte{0xff, 0xfe}
	for _, c := range utf16.Encode([]rune(text)) {
		b = append(b, byte(c), byte(c>>8))
	}
	return b
}

// packed is a text as an archive has it.
func packed(text string) []byte {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, flate.BestCompression)
	io.WriteString(w, text)
	w.Close()
	return b.Bytes()
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.New(rand.NewSource(1)).Read(b)
	return b
}

// strange are files that are no text, or hardly. Those that are refused say why.
var strange = map[string]struct {
	text    []byte
	refused string // "" loads
}{
	"a byte order mark":           {[]byte("\ufeff" + small), ""},
	"CR LF":                       {[]byte(strings.ReplaceAll(small, "\n", "\r\n")), ""},
	"CR CR LF":                    {[]byte(strings.ReplaceAll(small, "\n", "\r\r\n")), ""},
	"CR LF and LF":                {[]byte(strings.Replace(small, "\n", "\r\n", 3)), ""},
	"no last line end":            {[]byte(strings.TrimRight(small, "\n")), ""},
	"tabs":                        {[]byte(strings.ReplaceAll(small, "\n ", "\n\t\t")), ""},
	"Latin-1 in a description":    {[]byte("interface Ethernet0\n description Z\xfcrich\n"), ""},
	"a long comment":              {[]byte("!" + strings.Repeat("x", maxSize-1)), ""},
	"a long line of a banner":     {[]byte("banner motd #\n" + strings.Repeat("x", maxSize-100) + "\n#\n"), ""},
	"blank lines":                 {bytes.Repeat([]byte("\n"), maxSize), ""},
	"CRs alone":                   {bytes.Repeat([]byte("\r"), maxSize), ""},
	"blanks":                      {bytes.Repeat([]byte(" "), maxSize), ""},
	"nothing":                     {nil, ""},
	"deep indentation":            {[]byte(strings.ReplaceAll(small, "\n ", "\n"+strings.Repeat(" ", 4000))), ""},
	"UTF-16":                      {utf16of(small), "it may be UTF-16"},
	"a NUL":                       {[]byte(small + "\x00"), "not text: it has a byte 0x00"},
	"NULs":                        {make([]byte, maxSize), "not text: it has a byte 0x00"},
	"CR as line end":              {[]byte(strings.ReplaceAll(small, "\n", "\r")), "byte 0x0d is not part"},
	"an archive":                  {packed(small), "not text"},
	"random bytes":                {random(100000), "not text: it has a byte 0x00"},
	"random bytes without NULs":   {bytes.ReplaceAll(random(100000), []byte{0}, []byte{1}), "byte 0x"},
	"bytes of no character":       {bytes.Repeat([]byte("\xff\xc0\x9b\n"), 1000), "Invalid input"},
	"steering the terminal":       {[]byte("hostname \x1b[2J\n"), "byte 0x1b"},
	"steering it in UTF-8":        {[]byte("hostname \u009b2J\n"), "Invalid input"},
	"turning the writing round":   {[]byte("crypto map M\u202e 1 ipsec-isakmp\n set transform-set T\u202e\n"), "does not exist"},
	"a long line":                 {bytes.Repeat([]byte("x"), maxSize), "more than any command"},
	"a line of many words":        {bytes.Repeat([]byte("x "), maxSize/2), "more than any command"},
	"a long list":                 {[]byte("crypto map M 1 ipsec-isakmp\n set transform-set" + strings.Repeat(" T", maxSize/4)), "more than any command"},
	"many addresses":              {[]byte("ip host h" + strings.Repeat(" 10.0.0.1", maxSize/10)), "more than any command"},
	"a long key":                  {[]byte("crypto isakmp key " + strings.Repeat("x", maxLine-40) + " address 192.0.2.1\n"), "longer than 128 characters"},
	"a banner without end":        {[]byte("banner motd #\n" + small), "closing \"#\" is missing"},
	"half of a line":              {[]byte(small[:len(small)-4]), "Incomplete command"},
	"more than any configuration": {bytes.Repeat([]byte("!\n"), maxSize), "more than 4194304 bytes"},
}

// TestStrangeFiles: whatever the bytes, a load ends at once, and says
// in a few lines that a terminal can show what is wrong.
func TestStrangeFiles(t *testing.T) {
	for name, f := range strange {
		t.Run(name, func(t *testing.T) {
			timed(t, func() {
				c, ds := Load("strange", f.text)
				if (c == nil) != (f.refused != "") {
					t.Errorf("refused: %v\n%.500v", c == nil, ds.Err())
				}
				shown := ds.String()
				if !strings.Contains(shown, f.refused) {
					t.Errorf("%q is not in\n%.500s", f.refused, shown)
				}
				if len(shown) > 4*maxLine+maxErrors*1000 {
					t.Errorf("%d octets to show", len(shown))
				}
				if i := strings.IndexFunc(shown, func(r rune) bool {
					return r != '\n' && r != '\t' && !unicode.IsPrint(r) || r == unicode.ReplacementChar
				}); i >= 0 {
					t.Errorf("it shows %q", shown[max(0, i-20):i+4])
				}
			})
		})
	}
}

// TestRead: a device or a file that never ends is read no further than it takes
// to refuse it.
func TestRead(t *testing.T) {
	text, err := Read(neverEnding{})
	if err != nil || len(text) <= maxSize || len(text) > 2*maxSize {
		t.Fatalf("%d octets, %v", len(text), err)
	}
	if _, ds := Load("x", text); ds.Err() == nil {
		t.Error("it loads")
	}
}

type neverEnding struct{}

func (neverEnding) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '\n'
	}
	return len(p), nil
}

// TestPagerInALog: a log of a terminal has the pager's prompt, what wiped it
// away, and the line that took its place.
func TestPagerInALog(t *testing.T) {
	const wiped = "\b\b\b\b\b\b\b\b\b        \b\b\b\b\b\b\b\b\b"
	for name, text := range map[string]string{
		"backspaces":      "crypto map M 1 ipsec-isakmp\n --More-- " + wiped + " set peer 192.0.2.1\n",
		"carriage return": "crypto map M 1 ipsec-isakmp\r\n --More-- \r         \r set peer 192.0.2.1\r\n",
		"screen":          "crypto map M 1 ipsec-isakmp\n --More-- \n set peer 192.0.2.1\n",
	} {
		c, ds := Load(name, []byte(text))
		if c == nil {
			t.Errorf("%s: %v", name, ds.Err())
			continue
		}
		if m := c.CryptoMap("M"); m == nil || len(m.Entries[0].Peers) != 1 {
			t.Errorf("%s: the line after the pager is lost: %+v", name, m)
		}
	}
}
