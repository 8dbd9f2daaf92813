//go:build integration

package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// The daemon has three capabilities and can get no more, in any thread, and its
// memory cannot be dumped.
func TestDaemonIsConfined(t *testing.T) {
	hub := serveIn(t, network(t), "hub")
	pid := hub.cmd.Process.Pid
	want := fmt.Sprintf("%016x", uint64(kept))
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil || len(threads) < 2 {
		t.Fatal(err, len(threads))
	}
	for _, thread := range threads {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/status", pid, thread.Name()))
		if err != nil {
			continue // it has ended
		}
		for _, field := range []string{"CapEff:\t" + want, "CapPrm:\t" + want, "CapBnd:\t" + want, "CapInh:\t0000000000000000", "NoNewPrivs:\t1"} {
			if !strings.Contains(string(status), field+"\n") {
				t.Errorf("thread %s lacks %q:\n%s", thread.Name(), field, status)
			}
		}
	}
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", pid))
	if err != nil || !strings.Contains(strings.Join(strings.Fields(string(limits)), " "), "Max core file size 0 0") {
		t.Errorf("%v\n%s", err, limits)
	}
}
