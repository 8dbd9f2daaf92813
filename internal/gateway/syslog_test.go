package gateway

import (
	"fmt"
	"log/syslog"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestSeverityIsTheMnemonics(t *testing.T) {
	for _, x := range []struct {
		line, message string
		severity      syslog.Priority
	}{
		{"%CRYPTO-6-ISAKMP_ON_OFF: ISAKMP is ON", "%CRYPTO-6-ISAKMP_ON_OFF: ISAKMP is ON", 6},
		{"*Mar  1 00:00:00.468: %CRYPTO-4-IKMP_NO_SA: IKE message", "%CRYPTO-4-IKMP_NO_SA: IKE message", 4},
		{"Mar  1 05:06:03: %SYS-5-CONFIG_I: Configured", "%SYS-5-CONFIG_I: Configured", 5},
		{"1d02h: %CRYPTO-4-RECVD_PKT_NOT_IPSEC: x", "%CRYPTO-4-RECVD_PKT_NOT_IPSEC: x", 4},
		{"00:44:01: ISAKMP: x", "00:44:01: ISAKMP: x", 7},
		{"qmidle: UDP 500 receives nothing", "UDP 500 receives nothing", 4},
		{"ISAKMP: identity %CRYPTO-0-FORGED: x", "ISAKMP: identity %CRYPTO-0-FORGED: x", 7},
		{"%CRYPTO-9-X: no digit of a severity", "%CRYPTO-9-X: no digit of a severity", 7},
	} {
		if severity, message := severityOf(x.line); severity != x.severity || message != x.message {
			t.Errorf("%q: %d %q, want %d %q", x.line, severity, message, x.severity, x.message)
		}
	}
}

func TestEveryLineIsAMessageOfSyslog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s, err := dialSyslog("unixgram", path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := fmt.Fprint(s, "%CRYPTO-6-ISAKMP_ON_OFF: ISAKMP is ON\nISAKMP: one \n\nISAKMP: two\n"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []struct{ begin, end string }{
		{"<190>", ": %CRYPTO-6-ISAKMP_ON_OFF: ISAKMP is ON\n"}, {"<191>", ": ISAKMP: one\n"}, {"<191>", ": ISAKMP: two\n"},
	} {
		buf := make([]byte, 1024)
		l.SetReadDeadline(time.Now().Add(10 * time.Second))
		n, err := l.Read(buf)
		if got := string(buf[:n]); err != nil || !strings.HasPrefix(got, want.begin) || !strings.HasSuffix(got, want.end) || !strings.Contains(got, " qmidle[") {
			t.Errorf("message %q, %v, want %q ... %q", got, err, want.begin, want.end)
		}
	}
}

func TestMissingSyslogIsExplained(t *testing.T) {
	_, err := dialSyslog("unixgram", filepath.Join(t.TempDir(), "none"))
	if err == nil || !strings.HasPrefix(err.Error(), "no syslog answers on this host: no such file or directory\n  hint: ") {
		t.Errorf("%v", err)
	}
}
