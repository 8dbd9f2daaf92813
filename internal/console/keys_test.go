package console

import (
	"errors"
	"strings"
	"testing"
)

// holder is a router that can write keys.
type holder struct {
	Router
	n     int
	err   error
	files *[]string
}

func (h holder) WriteKeys(file string) (int, error) {
	*h.files = append(*h.files, file)
	return h.n, h.err
}

func TestKeysAreCopiedOnlyIfMeant(t *testing.T) {
	var files []string
	c := New(holder{n: 2, files: &files})
	if r := c.Run("copy isakmp-keys /run/keys"); r.Err == nil || !strings.Contains(r.Err.Error(), "users' names and passwords") || !strings.Contains(r.Err.Error(), "`copy isakmp-keys /run/keys reveal`") || len(files) > 0 {
		t.Errorf("without the last word: %+v, files %q", r, files)
	}
	if r := c.Run("copy isakmp-keys /run/keys reveal"); r.Err != nil || !strings.HasPrefix(r.Output, "Wrote the encryption keys of 2 ISAKMP SAs to /run/keys:\n") || !strings.Contains(r.Output, "not the traffic") || len(files) != 1 {
		t.Errorf("%+v, files %q", r, files)
	}
	if r := New(holder{files: &files}).Run("copy isakmp-keys /run/keys reveal"); r.Err != nil || !strings.Contains(r.Output, "nothing was written") {
		t.Errorf("no keys: %+v", r)
	}
	if r := New(holder{err: errors.New("file exists"), files: &files}).Run("copy isakmp-keys /run/keys reveal"); r.Err == nil || r.Err.Error() != "% the keys were not written: file exists" {
		t.Errorf("%+v", r)
	}
	if r := New(struct{ Router }{}).Run("copy isakmp-keys /run/keys reveal"); r.Err == nil || r.Err.Error() != "% this router has no files" {
		t.Errorf("%+v", r)
	}
}
