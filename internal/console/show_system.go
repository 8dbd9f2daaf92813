package console

import (
	"fmt"
	"strings"
	"time"

	"qmidle/internal/ipsec"
	"qmidle/internal/trace"
)

// RunningConfig is show running-config. Like IOS's, the text holds pre-shared
// keys.
type RunningConfig struct {
	Hostname string `json:"hostname"`
	Config   string `json:"config"`
}

func runningConfig(r Router) RunningConfig {
	return RunningConfig{r.Hostname(), r.Config().RunningConfig()}
}

// Text is the configuration.
func (v RunningConfig) Text() string { return v.Config }

// Version is show version.
type Version struct {
	Hostname      string    `json:"hostname"`
	Version       string    `json:"version"`
	Commit        string    `json:"commit,omitempty"`
	GoVersion     string    `json:"go_version"`
	Platform      string    `json:"platform"`
	ConfigFile    string    `json:"config_file,omitempty"`
	Started       time.Time `json:"started"`
	UptimeSeconds int64     `json:"uptime_seconds"`
}

func version(r Router) Version {
	v := r.Version()
	return Version{
		Hostname: r.Hostname(), Version: v.Version, Commit: v.Commit, GoVersion: v.GoVersion, Platform: v.Platform,
		ConfigFile: v.ConfigFile, Started: r.Started(), UptimeSeconds: int64(r.Now().Sub(r.Started()) / time.Second),
	}
}

// Text has IOS's order: the software, the uptime, the files.
func (v Version) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "qmidle Software, Version %s, IKEv1 IPsec gateway\n", v.Version)
	fmt.Fprintf(&b, "Compiled with %s for %s", v.GoVersion, v.Platform)
	if v.Commit != "" {
		fmt.Fprintf(&b, " from commit %s", v.Commit)
	}
	fmt.Fprintf(&b, "\n\n%s uptime is %s\n", v.Hostname, uptime(v.UptimeSeconds))
	fmt.Fprintf(&b, "System started at %s\n", v.Started.UTC().Format("15:04:05 MST Mon Jan 2 2006"))
	if v.ConfigFile != "" {
		fmt.Fprintf(&b, "Configuration file is \"%s\"\n", v.ConfigFile)
	}
	return b.String()
}

// uptime counts weeks, days, hours and minutes; those of 0 are left out.
func uptime(seconds int64) string {
	minutes := seconds / 60
	var parts []string
	for _, unit := range []struct {
		name    string
		minutes int64
	}{{"week", 7 * 24 * 60}, {"day", 24 * 60}, {"hour", 60}, {"minute", 1}} {
		n := minutes / unit.minutes
		minutes -= n * unit.minutes
		if n == 1 {
			parts = append(parts, "1 "+unit.name)
		} else if n > 1 {
			parts = append(parts, fmt.Sprintf("%d %ss", n, unit.name))
		}
	}
	if len(parts) == 0 {
		return "0 minutes"
	}
	return strings.Join(parts, ", ")
}

// Statistics is show crypto isakmp statistics: counts since the start.
type Statistics struct {
	DatagramsIn          uint64            `json:"datagrams_in"`
	DatagramsOut         uint64            `json:"datagrams_out"`
	Retransmissions      uint64            `json:"retransmissions"`
	Phase1Up             uint64            `json:"phase1_up"`
	Phase1Failed         uint64            `json:"phase1_failed"`
	Phase2Up             uint64            `json:"phase2_up"`
	Phase2Failed         uint64            `json:"phase2_failed"`
	DPDSent              uint64            `json:"dpd_sent"`
	DPDReceived          uint64            `json:"dpd_received"`
	NotifiesIgnored      uint64            `json:"notifies_ignored"`
	HalfOpenEvicted      uint64            `json:"half_open_evicted"`
	DiffieHellmanResults uint64            `json:"diffie_hellman_computations"`
	Dropped              map[string]uint64 `json:"dropped"`         // by reason, every reason
	PacketsDropped       map[string]uint64 `json:"packets_dropped"` // of the data plane, likewise
}

func statistics(r Router) Statistics {
	s := r.Statistics()
	v := Statistics{
		DatagramsIn: s.DatagramsIn, DatagramsOut: s.DatagramsOut, Retransmissions: s.Retransmits,
		Phase1Up: s.Phase1Up, Phase1Failed: s.Phase1Failed, Phase2Up: s.Phase2Up, Phase2Failed: s.Phase2Failed,
		DPDSent: s.DPDSent, DPDReceived: s.DPDReceived, NotifiesIgnored: s.NotifyIgnored,
		HalfOpenEvicted: s.Evicted, DiffieHellmanResults: s.Exponentiation, Dropped: map[string]uint64{},
	}
	for d := range trace.NumDrops {
		v.Dropped[dropName(d)] = s.Dropped[d]
	}
	v.PacketsDropped = map[string]uint64{}
	for d, n := range r.PacketDrops() {
		if ipsec.Drop(d) != ipsec.DropNone {
			v.PacketsDropped[packetDropName(ipsec.Drop(d))] = n
		}
	}
	return v
}

// dropName is a reason for dropping as a member's name.
func dropName(d trace.Drop) string { return strings.ToLower(strings.ReplaceAll(d.String(), " ", "_")) }

// Text lists every counter, and of the reasons for dropping those that
// happened.
func (v Statistics) Text() string {
	var b strings.Builder
	row := func(name string, n uint64) { fmt.Fprintf(&b, "  %-42s%10d\n", name, n) }
	b.WriteString("ISAKMP statistics\n")
	row("datagrams received", v.DatagramsIn)
	row("datagrams sent", v.DatagramsOut)
	row("retransmissions", v.Retransmissions)
	row("phase 1 negotiations up", v.Phase1Up)
	row("phase 1 negotiations failed", v.Phase1Failed)
	row("phase 2 negotiations up", v.Phase2Up)
	row("phase 2 negotiations failed", v.Phase2Failed)
	row("DPD messages sent", v.DPDSent)
	row("DPD messages received", v.DPDReceived)
	row("unauthenticated notifies ignored", v.NotifiesIgnored)
	row("half-open SAs evicted", v.HalfOpenEvicted)
	row("Diffie-Hellman computations", v.DiffieHellmanResults)
	table := func(title string, reasons int, name func(int) (string, uint64)) {
		b.WriteString(title + " dropped by reason\n")
		none := true
		for d := range reasons {
			if name, n := name(d); n > 0 {
				row(name, n)
				none = false
			}
		}
		if none {
			b.WriteString("  none\n")
		}
	}
	table("Datagrams", int(trace.NumDrops), func(d int) (string, uint64) {
		return trace.Drop(d).String(), v.Dropped[dropName(trace.Drop(d))]
	})
	table("IPsec packets", ipsec.DropCount, func(d int) (string, uint64) {
		return ipsec.Drop(d).String(), v.PacketsDropped[packetDropName(ipsec.Drop(d))]
	})
	return b.String()
}
