package router

import (
	"time"

	"qmidle/internal/trace"
)

// So many system messages about dropped datagrams are printed in a time: anybody
// can send what is dropped, and must not fill the log by it. All are counted.
const (
	messageInterval = time.Second
	messageBurst    = 10
)

// messageLimit counts those of the present interval, and those not printed.
type messageLimit struct {
	since      time.Time
	told, lost uint32
}

// limited says whether anybody can cause the messages of an event.
func limited(e trace.Event) bool {
	switch e.(type) {
	case *trace.PacketDropped, *trace.AuthenticationFailed:
		return true
	}
	return false
}

// admits says whether one more may be printed, and how many were not before it.
func (l *messageLimit) admits(now time.Time) (lost uint32, ok bool) {
	if since := now.Sub(l.since); since >= messageInterval || since < 0 {
		l.since, l.told = now, 0
	}
	if l.told >= messageBurst {
		l.lost++
		return 0, false
	}
	l.told++
	lost, l.lost = l.lost, 0
	return lost, true
}

// print gives the words of an event to the log.
func (r *Router) print(rec *trace.Record) {
	r.text = r.ios.Append(r.text[:0], rec)
	if len(r.text) == 0 {
		return
	}
	if limited(rec.Event) {
		lost, ok := r.messages.admits(rec.Time)
		if !ok {
			return
		}
		if lost > 0 {
			words := r.text
			r.text = nil
			r.Record(&trace.Record{Time: rec.Time, Event: &trace.MessagesLost{Count: lost}})
			r.text = words
		}
	}
	r.opts.Text(r.text)
}
