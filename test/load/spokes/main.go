// Command spokes runs a crowd of sites against a gateway, and writes how it stands
// as lines of JSON, one an interval. A line of its standard input has it rest: it sends
// nothing through the tunnels any more. It ends with the input, and deletes the tunnels.
package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/signal"
	"syscall"
	"time"

	"qmidle/internal/ike"
	"qmidle/internal/ipsec"
	"qmidle/internal/isakmp"
	"qmidle/internal/secret"
	"qmidle/test/load"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "spokes:", err)
		os.Exit(1)
	}
}

func run() error {
	cfg := load.Config{Rand: bufio.NewReaderSize(rand.Reader, 4096)}
	address := func(to *netip.Addr, name, usual, usage string) {
		*to = netip.MustParseAddr(usual)
		flag.TextVar(to, name, *to, usage)
	}
	address(&cfg.Hub, "hub", "192.1.1.40", "the gateway")
	address(&cfg.First, "first", "10.0.0.1", "address of the first site")
	address(&cfg.Inner, "inner", "11.0.0.0", "network of the first site, a /28")
	flag.TextVar(&cfg.Net, "net", netip.MustParsePrefix("192.168.2.0/24"), "network behind the gateway")
	flag.IntVar(&cfg.Sites, "sites", 1000, "how many sites")
	flag.IntVar(&cfg.Window, "window", 64, "negotiations at a time; 0 for all")
	flag.IntVar(&cfg.Rate, "rate", 0, "echo requests a second through the tunnels, all together")
	address(&cfg.Echo, "echo", "192.168.2.10", "who answers them")
	flag.BoolVar(&cfg.Idle, "idle", false, "tunnels are not renewed by the sites")
	flag.DurationVar(&cfg.Retransmit, "retransmit", 10*time.Second, "between retransmissions")
	group := flag.Uint("group", 14, "Diffie-Hellman group")
	pfs := flag.Uint("pfs", 0, "group of perfect forward secrecy; 0 for none")
	phase1 := flag.Uint("phase1", 86400, "lifetime of ISAKMP SAs, in seconds")
	phase2 := flag.Uint("phase2", 3600, "lifetime of IPsec SAs, in seconds")
	dpd := flag.Duration("dpd", 0, "interval of dead peer detection; 0 only answers")
	interval := flag.Duration("interval", 100*time.Millisecond, "between lines")
	key := flag.String("key", "an-example-key", "pre-shared key")
	flag.Parse()
	cfg.Key, cfg.Group, cfg.PFS = secret.FromString(*key), isakmp.Group(*group), isakmp.Group(*pfs)
	cfg.Phase1Life, cfg.Phase2Life = uint32(*phase1), uint32(*phase2)
	if *dpd > 0 {
		cfg.Keepalive = &ike.Keepalive{Interval: *dpd, Retry: 2 * time.Second, Periodic: true}
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	rest := make(chan struct{})
	go func() {
		input := bufio.NewReader(os.Stdin)
		if _, err := input.ReadString('\n'); err == nil {
			close(rest)
		}
		// However the input ends, nobody wants the tunnels any more.
		_, _ = io.Copy(io.Discard, input)
		stop()
	}()
	lines := json.NewEncoder(os.Stdout)
	return load.Run(ctx, cfg, *interval, rest, func(s load.Stats) { _ = lines.Encode(line(s)) })
}

// line is what is written of Stats.
func line(s load.Stats) any {
	return struct {
		Time                                   float64 // of Unix, in seconds
		Sites, Up, Underway                    int
		Established, Renewed, Failed, Lost     uint64
		Phase1, Retransmits, DPDSent, DPDHeard uint64
		Dropped                                uint64
		Sent, Answered, Twice, Strange         uint64 // echo requests, and answers
		Refused                                map[string]uint64
	}{float64(time.Now().UnixMicro()) / 1e6, s.Sites, s.Up, s.Underway, s.Established, s.Renewed, s.Failed, s.Lost,
		s.Engine.Phase1Up, s.Engine.Retransmits, s.Engine.DPDSent, s.Engine.DPDReceived, sum(s.Engine.Dropped[:]),
		s.Packets.Sent, s.Packets.Answered, s.Packets.Twice, s.Packets.Strange, refused(s.Packets)}
}

// refused are the ESP packets that could not be opened, by reason.
func refused(p load.Packets) map[string]uint64 {
	reasons := make(map[string]uint64)
	for d, n := range p.Refused {
		if n > 0 {
			reasons[ipsec.Drop(d).String()] = n
		}
	}
	return reasons
}

func sum(list []uint64) (n uint64) {
	for _, x := range list {
		n += x
	}
	return n
}
