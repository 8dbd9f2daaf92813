package lab

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"qmidle/internal/config"
	"qmidle/internal/console"
)

// Options say what to run.
type Options struct {
	// Dir is the folder whose *.cfg files are the gateways. A file NAME.pem beside
	// NAME.cfg has a gateway's certificates and private keys.
	Dir string
	// Script is the file with the commands; "" runs the demonstration.
	Script string
	// Seed decides everything that is random.
	Seed uint64
	// Engines is how many each gateway has side by side; 0 is one.
	Engines int
	// Prefix puts the gateway's name before its debug lines.
	Prefix bool
	// Version is what `show version` shows.
	Version console.VersionInfo
	// Diagnostics takes what is to be said about the configurations; nil for
	// nothing.
	Diagnostics io.Writer

	apart bool // see network
}

// Run runs the lab and writes its transcript to stdout. The exit code is 0 when
// the script ran or, without one, every ping was answered, else 1. The error is
// about what could not be read or run; the code is then 1 too.
func Run(o Options, stdout io.Writer) (exitCode int, err error) {
	configs, err := readGateways(o)
	if err != nil {
		return 1, err
	}
	l, err := newLab(configs, o, stdout)
	if err != nil {
		return 1, err
	}
	ok := true
	if o.Script == "" {
		ok = l.demonstrate()
	} else if err := l.runFile(o.Script); err != nil {
		return 1, err
	}
	if len(l.refused) > 0 {
		return 1, fmt.Errorf("a data plane refused an SA: %w", errors.Join(l.refused...))
	}
	if !ok {
		return 1, nil
	}
	return 0, nil
}

func (l *lab) runFile(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return l.script(file, string(text))
}

// readGateways loads every configuration of the folder, in the order of names.
func readGateways(o Options) ([]gatewayConfig, error) {
	if info, err := os.Stat(o.Dir); err != nil {
		return nil, err
	} else if !info.IsDir() {
		return nil, fmt.Errorf("%s is not a folder", o.Dir)
	}
	files, err := filepath.Glob(filepath.Join(escapeGlob(o.Dir), "*.cfg"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s has no *.cfg file: each is a gateway", o.Dir)
	}
	var all []gatewayConfig
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		c, err := loadGateway(file, text, o.Diagnostics)
		if err != nil {
			return nil, err
		}
		pem, err := os.ReadFile(strings.TrimSuffix(file, ".cfg") + ".pem")
		if err == nil {
			err = c.give(pem)
		} else if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

// escapeGlob makes a path stand for itself in a pattern.
func escapeGlob(path string) string {
	var out []rune
	for _, r := range path {
		switch r {
		case '*', '?', '[', '\\':
			out = append(out, '\\')
		}
		out = append(out, r)
	}
	return string(out)
}

// loadGateway loads one configuration. A file without `hostname` names its
// gateway by itself.
func loadGateway(file string, text []byte, diagnostics io.Writer) (gatewayConfig, error) {
	cfg, ds := config.Load(file, text)
	if err := ds.Err(); err != nil {
		return gatewayConfig{}, err
	}
	if diagnostics != nil {
		fmt.Fprint(diagnostics, ds.Of(config.Warning))
	}
	if cfg.Hostname == config.New().Hostname {
		base := filepath.Base(file)
		cfg.Hostname = base[:len(base)-len(filepath.Ext(base))]
	}
	return gatewayConfig{name: cfg.Hostname, cfg: cfg}, nil
}
