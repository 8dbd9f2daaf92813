package compare

import (
	"path/filepath"
	"strings"

	"qmidle/internal/config"
)

// File is a configuration with where its parts were written.
type File struct {
	Name     string
	Warnings config.Diagnostics // that loading gave

	cfg     *config.Config
	source  *config.Source
	foreign foreign
}

// Read loads a configuration. The error shows what makes it unreadable; what is
// only not supported yet is left out, and told as not compared.
func Read(name string, text []byte) (*File, error) {
	cfg, source, ds := config.LoadSource(name, text)
	if cfg == nil {
		return nil, &config.LoadError{Diagnostics: ds.Of(config.Error)}
	}
	return &File{Name: name, Warnings: ds.Of(config.Warning), cfg: cfg, source: source, foreign: scan(string(text))}, nil
}

// label names the gateway of a file: by its host name, else by the file's.
func (f *File) label() string {
	if f.cfg.Hostname != config.New().Hostname {
		return f.cfg.Hostname
	}
	base := filepath.Base(f.Name)
	return strings.TrimSuffix(base, filepath.Ext(base))
}

// names gives each file's gateway a name that no other has.
func names(files []*File) []string {
	all, count := make([]string, len(files)), make(map[string]int)
	for i, f := range files {
		all[i] = f.label()
		count[all[i]]++
	}
	for i, f := range files {
		if count[all[i]] > 1 {
			all[i] = f.Name
		}
	}
	return all
}

// Quote is a line of a file, or what the file lacks: then it has no number.
type Quote struct {
	File string
	Line int
	Text string
	Note string // behind the line, as "by default"; or in its place
}

func (f *File) quote(l config.Line, note string) Quote {
	if !l.Written() {
		if note == "" {
			note = "not written"
		}
		return Quote{File: f.Name, Note: note}
	}
	return Quote{File: f.Name, Line: l.Number, Text: l.Text, Note: note}
}

func quotes(f *File, list []config.Unsupported) (all []Quote) {
	for _, u := range list {
		all = append(all, f.quote(u.Line, ""))
	}
	return all[:min(len(all), maxQuotes)]
}

// none quotes what a file does not have.
func (f *File) none(what string) Quote { return Quote{File: f.Name, Note: what} }

// unsupported are the constructs in use that have words in their names.
func (f *File) unsupported(words ...string) (all []config.Unsupported) {
	for _, u := range f.source.Unsupported {
		for _, w := range words {
			if strings.Contains(u.Feature, w) {
				all = append(all, u)
				break
			}
		}
	}
	return all
}
