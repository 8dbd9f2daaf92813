package gateway

import (
	"bufio"
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// echoing is a control socket that answers with the command.
func echoing(t *testing.T) string {
	t.Helper()
	wantNoLeak(t)
	path := filepath.Join(t.TempDir(), "dir", "sock")
	c, err := listenControl(path)
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		c.serve(func(_ context.Context, q Request) Response { return Response{OK: true, Output: q.Line} })
	})
	t.Cleanup(func() {
		if err := c.close(); err != nil {
			t.Error(err)
		}
		serving.Wait()
	})
	return path
}

// A request says what its screen shows; one that says nothing gets plain text.
func TestRequestsCarryTheirScreen(t *testing.T) {
	var q Request
	if err := json.Unmarshal([]byte(`{"line":"x","console":true,"width":80,"height":24,"utf8":true,"color":true}`), &q); err != nil {
		t.Fatal(err)
	}
	if want := (Request{Line: "x", Console: true, Screen: Screen{80, 24, true, true}}); q != want || !q.style().Color || !q.style().UTF8 {
		t.Errorf("%+v, want %+v", q, want)
	}
	b, err := json.Marshal(Request{Line: "x"})
	if err != nil || string(b) != `{"line":"x"}` {
		t.Errorf("%s, %v", b, err)
	}
}

func TestControlSocketIsForItsOwnerOnly(t *testing.T) {
	path := echoing(t)
	for file, mode := range map[string]os.FileMode{path: os.ModeSocket | 0o600, filepath.Dir(path): os.ModeDir | 0o700} {
		info, err := os.Stat(file)
		if err != nil || info.Mode() != mode {
			t.Errorf("%s: %v, %v, want %v", file, info.Mode(), err, mode)
		}
	}
	p, err := Ask(path, Request{Line: "show version"})
	if err != nil || !p.OK || p.Output != "show version" {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestSecondDaemonOnASocketIsRefused(t *testing.T) {
	path := echoing(t)
	_, err := listenControl(path)
	if err == nil || !strings.HasPrefix(err.Error(), "another qmidle runs with the control socket "+path+"\n  hint: stop it") {
		t.Errorf("%v", err)
	}
	if p, err := Ask(path, Request{Line: "x"}); err != nil || !p.OK {
		t.Errorf("the first daemon lost its socket: %+v, %v", p, err)
	}
}

func TestSocketOfAKilledDaemonIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sock")
	old, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	old.SetUnlinkOnClose(false)
	old.Close()
	if _, err := Ask(path, Request{}); err == nil || !strings.Contains(err.Error(), "no daemon answers at "+path) {
		t.Errorf("stale socket: %v", err)
	}
	c, err := listenControl(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.close(); err != nil {
		t.Error(err)
	}
	if _, err := Ask(path, Request{}); err == nil || !strings.Contains(err.Error(), "hint: start it with `qmidle run -c FILE`") {
		t.Errorf("no socket: %v", err)
	}
}

func TestFileInTheSocketsPlaceStays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "precious")
	if err := os.WriteFile(path, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := listenControl(path); err == nil || !strings.Contains(err.Error(), "is there and no socket") {
		t.Errorf("%v", err)
	}
	if b, _ := os.ReadFile(path); string(b) != "text" {
		t.Errorf("the file holds %q", b)
	}
}

func TestBadRequestsAreAnswered(t *testing.T) {
	path := echoing(t)
	for name, x := range map[string]struct{ request, want string }{
		"no JSON":  {"show version\n", "is not one that this release understands"},
		"too long": {strings.Repeat("x", maxRequest+1) + "\n", "The command is too long"},
		"two":      {"{\"line\":\"a\"}\n{\"line\":\"b\"}\n", ""},
	} {
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write([]byte(x.request)); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(conn)
		var outputs string
		for range strings.Count(x.request, "\n") {
			var p Response
			if !lines.Scan() || json.Unmarshal(lines.Bytes(), &p) != nil {
				t.Fatalf("%s: answer %q", name, lines.Text())
			}
			if !strings.Contains(p.Error, x.want) {
				t.Errorf("%s: %+v", name, p)
			}
			outputs += p.Output
		}
		if x.want == "" && outputs != "ab" {
			t.Errorf("two requests by one connection yield %q", outputs)
		}
		conn.Close()
	}
}

func TestClientsAreBounded(t *testing.T) {
	path := echoing(t)
	var open []net.Conn
	for range maxClients {
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		// An answer shows that the daemon has counted the client.
		if _, err := conn.Write([]byte("{\"line\":\"a\"}\n")); err != nil {
			t.Fatal(err)
		}
		if _, err := bufio.NewReader(conn).ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		open = append(open, conn)
	}
	p, err := Ask(path, Request{Line: "show version"})
	if err != nil || p.OK || !strings.Contains(p.Error, "Too many commands at once") {
		t.Errorf("one client more: %+v, %v", p, err)
	}
	open[0].Close()
	waitFor(t, "room for a client", func() bool {
		p, err := Ask(path, Request{Line: "show version"})
		return err == nil && p.OK
	})
}

func TestUnusablePathIsExplained(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := listenControl(filepath.Join(file, "sock"))
	if err == nil || !strings.Contains(err.Error(), "not a directory") {
		t.Errorf("%v", err)
	}
}
