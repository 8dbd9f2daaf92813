package console

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"qmidle/internal/config"
)

// What IOS's ping sends unless asked otherwise.
const (
	pingCount   = 5
	pingSize    = 100
	pingTimeout = 2 * time.Second
	pingLine    = 70 // marks in a line
)

// Bounds of what may be asked for. IOS counts to 2147483647; all results are
// kept.
const (
	pingMaxCount = 100000
	pingMinSize  = 36
	pingMaxSize  = 18024
	pingMaxWait  = 3600 // seconds
)

// pingOptions are the options of ping that were not given yet, in any order.
func pingOptions(left ...string) []*node {
	var nodes []*node
	for i, name := range left {
		rest := pingOptions(slices.Delete(slices.Clone(left), i, i+1)...)
		switch name {
		case "repeat":
			nodes = append(nodes, &node{Text: name, Help: "Specify repeat count", Next: []*node{
				{Kind: config.Number, Lo: 1, Hi: pingMaxCount, Arg: "repeat", Help: "Repeat count", Do: do(ping), Next: rest}}})
		case "size":
			nodes = append(nodes, &node{Text: name, Help: "Specify datagram size", Next: []*node{
				{Kind: config.Number, Lo: pingMinSize, Hi: pingMaxSize, Arg: "size", Help: "Datagram size", Do: do(ping), Next: rest}}})
		case "timeout":
			nodes = append(nodes, &node{Text: name, Help: "Specify timeout interval", Next: []*node{
				{Kind: config.Number, Lo: 0, Hi: pingMaxWait, Arg: "timeout", Help: "Timeout in seconds", Do: do(ping), Next: rest}}})
		case "source":
			nodes = append(nodes, &node{Text: name, Help: "Specify source address or name", Next: []*node{
				{Kind: config.Address, Text: "A.B.C.D", Arg: "source", Help: "Source address", Do: do(ping), Next: rest},
				{Kind: config.Word, Text: "WORD", Arg: "interface", Help: "Source interface", Do: do(ping), Next: rest}}})
		}
	}
	return nodes
}

// Ping is a finished ping. The round-trip times are those of the answered
// requests; 0 where there is none.
type Ping struct {
	Target          netip.Addr `json:"target"`
	Source          netip.Addr `json:"source,omitzero"` // as asked for
	Sent            int        `json:"sent"`
	Received        int        `json:"received"`
	MinMicroseconds int64      `json:"min_microseconds"`
	AvgMicroseconds int64      `json:"avg_microseconds"`
	MaxMicroseconds int64      `json:"max_microseconds"`
	// Marks has IOS's character for each request: ! reply, . time-out, U
	// unreachable.
	Marks string `json:"marks"`

	request PingRequest
}

func ping(r Router, a config.Args) (View, error) {
	req := PingRequest{Target: a.Addr("target"), Count: pingCount, Size: pingSize, Timeout: pingTimeout}
	if a.Has("repeat") {
		req.Count = int(a.Number("repeat"))
	}
	if a.Has("size") {
		req.Size = int(a.Number("size"))
	}
	if a.Has("timeout") {
		req.Timeout = time.Duration(a.Number("timeout")) * time.Second
	}
	if a.Has("source") {
		req.Source = a.Addr("source")
	}
	if name := a.Text("interface"); name != "" {
		i := r.Config().Interface(name)
		if i != nil {
			req.Source = addressOf(r, i)
		}
		if !req.Source.IsValid() {
			return nil, fmt.Errorf("no address on source interface %s", name)
		}
	}
	result, err := r.Ping(req)
	if err != nil {
		return nil, err
	}
	return pingView(req, result), nil
}

func pingView(req PingRequest, result PingResult) Ping {
	v := Ping{Target: req.Target, Source: req.Source, Sent: len(result.Probes), request: req}
	var sum, least, most time.Duration
	for _, p := range result.Probes {
		switch p.Outcome {
		case PingReply:
			v.Marks += "!"
		case PingUnreachable:
			v.Marks += "U"
			continue
		default:
			v.Marks += "."
			continue
		}
		if v.Received == 0 || p.RTT < least {
			least = p.RTT
		}
		most = max(most, p.RTT)
		sum += p.RTT
		v.Received++
	}
	if v.Received > 0 {
		v.MinMicroseconds, v.MaxMicroseconds = least.Microseconds(), most.Microseconds()
		v.AvgMicroseconds = (sum / time.Duration(v.Received)).Microseconds()
	}
	return v
}

// Text is IOS's. Times are in milliseconds, and less than one is shown as one.
func (v Ping) Text() string {
	var b strings.Builder
	b.WriteString("Type escape sequence to abort.\n")
	fmt.Fprintf(&b, "Sending %d, %d-byte ICMP Echos to %s, timeout is %d seconds:\n",
		v.request.Count, v.request.Size, v.Target, v.request.Timeout/time.Second)
	if v.Source.IsValid() {
		fmt.Fprintf(&b, "Packet sent with a source address of %s \n", v.Source)
	}
	percent := 0
	if v.Sent > 0 {
		percent = v.Received * 100 / v.Sent
	}
	for line := range slices.Chunk([]byte(v.Marks), pingLine) {
		fmt.Fprintf(&b, "%s\n", line)
	}
	fmt.Fprintf(&b, "Success rate is %d percent (%d/%d)", percent, v.Received, v.Sent)
	if v.Received > 0 {
		fmt.Fprintf(&b, ", round-trip min/avg/max = %d/%d/%d ms",
			milliseconds(v.MinMicroseconds), milliseconds(v.AvgMicroseconds), milliseconds(v.MaxMicroseconds))
	}
	b.WriteByte('\n')
	return b.String()
}

func milliseconds(micro int64) int64 { return max(1, (micro+500)/1000) }
