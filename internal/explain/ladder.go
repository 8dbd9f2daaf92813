package explain

import (
	"fmt"
	"strings"

	"qmidle/internal/diagnose"
)

// maxRungs is how many messages of a source are drawn: the last ones.
const maxRungs = 40

// Ladder draws the messages that the sources tell of, a source after the other.
func (e *Explanation) Ladder() string {
	var b strings.Builder
	for _, s := range e.Sources {
		var rungs []string
		for i := range s.Observations {
			if r := rung(&s.Observations[i]); r != "" {
				rungs = append(rungs, r)
			}
		}
		if len(rungs) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n%s:\n", s.Name)
		if n := len(rungs) - maxRungs; n > 0 {
			fmt.Fprintf(&b, "  (%d before)\n", n)
			rungs = rungs[n:]
		}
		b.WriteString(strings.Join(rungs, ""))
	}
	if b.Len() == 0 {
		return "\nNo message of an exchange is told of.\n"
	}
	return b.String()
}

// arrows are how messages are drawn, and what is said of them.
var arrows = map[diagnose.Kind]struct{ way, note string }{
	diagnose.MessageSent: {"---->", ""}, diagnose.MessageReceived: {"<----", ""},
	diagnose.Retransmitted: {"- - >", "again"}, diagnose.DuplicateSeen: {"< - -", "again"},
	diagnose.NotifyReceived: {"<----", "notify"}, diagnose.NotifySent: {"---->", "notify"},
	diagnose.DeleteReceived: {"<----", "delete"}, diagnose.DeleteSent: {"---->", "delete"},
}

// milestones are what stands between messages.
var milestones = map[diagnose.Kind]string{
	diagnose.Phase1Up: "phase 1 is up", diagnose.Phase2Up: "phase 2 is up", diagnose.GaveUp: "given up", diagnose.SADeleted: "deleted",
	diagnose.AllOffersRefused: "the offer is refused", diagnose.Undecryptable: "cannot be decrypted", diagnose.ProxyRefused: "the networks are refused",
	diagnose.TransformRefused: "the transform is refused", diagnose.PFSRefused: "the group is refused", diagnose.KeyMissing: "no key",
	diagnose.PeerDead: "the peer is given up", diagnose.PortsFloated: "on to UDP 4500",
}

func rung(o *diagnose.Observation) string {
	if m, ok := milestones[o.Kind]; ok {
		return fmt.Sprintf("  %6d          | %s\n", o.Evidence.Line, strings.TrimRight(m+" "+o.Detail, " "))
	}
	a, ok := arrows[o.Kind]
	if !ok {
		return ""
	}
	what := o.Phase.String()
	if o.Message > 0 && a.note != "notify" && a.note != "delete" {
		what += fmt.Sprintf(", message %d", o.Message)
	}
	if a.note != "" {
		what += ", " + strings.TrimRight(a.note+" "+o.Detail, " ")
	}
	peer := "the peer"
	if o.Peer.IsValid() {
		peer = o.Peer.String()
	}
	return fmt.Sprintf("  %6d  here %s %-15s  %s\n", o.Evidence.Line, a.way, peer, what)
}
