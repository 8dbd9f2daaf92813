//go:build interop

package interop

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"qmidle/test/printed"
)

// process is a daemon in a namespace.
type process struct {
	name   string
	cmd    *exec.Cmd
	output *printed.Output
	ended  chan error
	gone   bool
}

// start runs a program in a namespace, or in this one for "". The test's end kills it if it still
// runs then, and shows what it printed if the test failed.
func start(t *testing.T, name, ns string, env []string, args ...string) *process {
	t.Helper()
	p := &process{name: name, output: &printed.Output{}, ended: make(chan error, 1)}
	if ns != "" {
		args = append([]string{"ip", "netns", "exec", ns}, args...)
	}
	p.cmd = exec.Command(args[0], args[1:]...)
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = p.output, p.output
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.ended <- p.cmd.Wait() }()
	t.Cleanup(func() {
		if !p.gone {
			p.cmd.Process.Kill()
			<-p.ended
		}
		if t.Failed() {
			t.Logf("%s printed:\n%s", name, p.output)
		}
	})
	return p
}

// stop asks the process to end by a signal and waits for it.
func (p *process) stop(t *testing.T, signal syscall.Signal) error {
	t.Helper()
	if p.gone {
		return nil
	}
	p.cmd.Process.Signal(signal)
	select {
	case err := <-p.ended:
		p.gone = true
		return err
	case <-time.After(10 * time.Second):
		t.Fatalf("%s does not end within 10 s of %v", p.name, signal)
		return nil
	}
}

// printed waits until a text is in what the process prints.
func (p *process) printed(t *testing.T, text string) {
	t.Helper()
	eventually(t, p.name+" prints "+text, 15*time.Second, func() (bool, string) { return strings.Contains(p.output.String(), text), p.output.String() })
}

// exited says whether the process has ended.
func (p *process) exited() bool {
	if p.gone {
		return true
	}
	select {
	case err := <-p.ended:
		p.ended <- err
		return true
	default:
		return false
	}
}
