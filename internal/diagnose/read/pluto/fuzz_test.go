package pluto

import (
	"testing"

	"qmidle/internal/diagnose/read/readtest"
)

func FuzzRead(f *testing.F) {
	readtest.Fuzz(f, []string{
		"\"a\"[1] 203.0.113.7 #3: STATE_MAIN_R2: sent MR2, expecting MI3\n\"a\" #4: initiating Quick Mode {using isakmp#3 msgid:}\n\"a\" #4: STATE_QUICK_I1: retransmission; will wait 1s\n",
		"packet from 203.0.113.7:500: initial Main Mode message received on 1.2.3.4:500 but no connection has been authorized\n",
		"#3: cannot respond to IPsec SA request because no connection is known for a===b...c===d\n",
		"000 \"a\": 10.0.0.0/8===1.2.3.4...1.2.3.5===; unrouted; eroute owner: #0\n000 #1: \"a\":500 STATE_MAIN_I1 (sent MI1, expecting MR1)\n",
	}, Vendor())
}
