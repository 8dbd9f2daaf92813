package gateway

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"qmidle/internal/config"
	"qmidle/internal/router"
)

// reconfigure makes a configuration without errors the one that runs, and
// returns what is to be said about it. After an error the old one runs on. It
// is for the loop, or for who has it on lease.
func (g *Gateway) reconfigure(now time.Time, cfg *config.Config) (notices []string, err error) {
	host, err := g.world.interfaces()
	if err != nil {
		return nil, fmt.Errorf("list the host's interfaces: %w", err)
	}
	bound, err := g.bindings.again(g.opts.Config, cfg, g.opts.Interfaces, host)
	if err != nil {
		return nil, err
	}
	change, err := g.router.Prepare(cfg, bound.local)
	if err != nil {
		return nil, &OperatorError{Message: err.Error()}
	}
	other := cfg.DataPlane != g.opts.Config.DataPlane
	if err := g.adopt(now, cfg, bound, change); err != nil {
		return nil, err
	}
	warnings := g.warnMissing(nil)
	if other {
		warnings = append(warnings, "qmidle data-plane: the other data plane is used from the next start on")
	}
	warnings = append(warnings, g.setRoutes()...)
	if err := g.shapePackets(cfg); err != nil {
		warnings = append(warnings, deviceError(err).Error())
	}
	return append(change.Notices, warnings...), nil
}

// adopt makes a prepared change. After an error all is as it was.
func (g *Gateway) adopt(now time.Time, cfg *config.Config, bound bindings, change *router.Change) error {
	opened, err := g.openSockets(cfg, change.Connections)
	if err != nil {
		return err
	}
	if policies := change.Policies(); !slices.Equal(policies, g.router.Policies()) {
		if err := g.plane.SetPolicies(policies); err != nil {
			g.closeSockets(opened)
			return deviceError(err)
		}
	}
	g.opts.Config, g.bindings = cfg, bound
	g.authorities.agent.Configure(cfg)
	g.carry(g.router.Reconfigure(now, change))
	for local, s := range opened {
		g.readers.Go(func() { g.receive(local, s) })
	}
	g.retire(cfg, change)
	g.radius.keep(cfg.AAA.Asks)
	g.setSampler()
	return nil
}

// setRoutes installs the routes of the configuration, and returns what cannot be.
func (g *Gateway) setRoutes() []string {
	routes, warnings := g.bindings.staticRoutes(g.opts.Config)
	g.routeWarnings = append(warnings, routeWarnings(g.plane.SetStaticRoutes(routes))...)
	return g.routeWarnings
}

// warnMissing adds a warning for each interface that has no address yet.
func (g *Gateway) warnMissing(warnings []string) []string {
	for _, name := range g.bindings.missing(g.opts.Config) {
		warnings = append(warnings, fmt.Sprintf("interface %s has no address: its tunnels can come up when it has one, and what they protect is blocked", name))
	}
	return warnings
}

// retire closes the sockets that the configuration does not want any more, now
// that the deletes have left by them.
func (g *Gateway) retire(cfg *config.Config, change *router.Change) {
	wanted := wantedSockets(cfg, change.Connections)
	g.sockets.change(func(m map[netip.AddrPort]udpSocket) {
		for local, s := range m {
			if !slices.Contains(wanted, local) {
				s.Close()
				delete(m, local)
			}
		}
	})
}

// Reload reads the startup configuration anew and makes it the one that runs;
// tunnels that it does not change stay up. What there is to say goes to the
// log, and what is wrong with the file comes back too; then the old
// configuration runs on.
func (g *Gateway) Reload() error {
	v := &view{Router: g.router, g: g}
	var notices []string
	var err error
	if fault := v.lease(func() { notices, err = v.Reload() }); fault != nil {
		err = fault
	}
	if err != nil {
		g.say("the startup configuration was not read anew, and the old one runs on: %v", err)
		return err
	}
	for _, n := range notices {
		g.say("%s", n)
	}
	g.say("%s was read anew", g.opts.File)
	return nil
}

// Reload implements console.Reloader.
func (v *view) Reload() (notices []string, err error) {
	var cfg *config.Config
	var warnings []string
	err = v.Aside(func() (err error) {
		cfg, warnings, err = v.g.readStartup()
		return err
	})
	if err != nil {
		return nil, err
	}
	notices, err = v.g.reconfigure(v.now, cfg)
	return append(warnings, notices...), err
}

// say puts a line of the gateway's own in the log.
func (g *Gateway) say(format string, args ...any) {
	g.log.write(fmt.Appendf(nil, "qmidle: "+format+"\n", args...))
}

func (g *Gateway) readStartup() (cfg *config.Config, warnings []string, err error) {
	f, err := os.Open(g.opts.File)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %s", g.opts.File, plainly(err))
	}
	defer f.Close()
	text, err := config.Read(f)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %s", g.opts.File, plainly(err))
	}
	cfg, diagnostics := config.Load(g.opts.File, text)
	if err := diagnostics.Err(); err != nil {
		return nil, nil, fmt.Errorf("it cannot be used:\n%w", err)
	}
	for _, d := range diagnostics.Of(config.Warning) {
		warnings = append(warnings, strings.TrimRight(fmt.Sprint(config.Diagnostics{d}), "\n"))
	}
	return cfg, append(warnings, g.authorities.restore(cfg)...), nil
}

// writeStartup replaces the startup configuration in one step: a reader, and a
// host that loses power, has the old file or the new one.
func (g *Gateway) writeStartup(text string) error {
	if g.opts.File == "" {
		return errors.New("the gateway runs without a file")
	}
	return replaceFile(g.opts.File, []byte(text))
}

// replaceFile writes a file in one step, which its owner alone can read.
func replaceFile(file string, text []byte) error {
	dir := filepath.Dir(file)
	f, err := os.CreateTemp(dir, "."+filepath.Base(file)+".*") // its mode is 0600
	if err != nil {
		return errors.New(plainly(err))
	}
	defer os.Remove(f.Name()) // where it was not renamed
	_, err = f.Write(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		return errors.New(plainly(err))
	}
	return syncDir(dir)
}

// syncDir makes a new name last.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return errors.New(plainly(err))
	}
	return errors.Join(d.Sync(), d.Close())
}
