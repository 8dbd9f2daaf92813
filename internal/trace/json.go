package trace

import "time"

// AppendJSON appends one record as a JSON object on a line of its own. Members
// come in a fixed order: time (RFC 3339 with nanoseconds, UTC), event (the
// code's name), local and remote (absent when unknown), peer, sa, conn, role,
// state, and fields, an object with the event's own members.
func AppendJSON(dst []byte, r *Record) []byte {
	dst = append(dst, `{"time":"`...)
	dst = r.Time.UTC().AppendFormat(dst, time.RFC3339Nano)
	dst = append(dst, `","event":`...)
	dst = appendJSONString(dst, r.Event.Code().String())
	f := Fields{mode: jsonFields, buf: dst}
	f.context(&r.Context)
	f.buf = append(f.buf, `,"fields":{`...)
	r.Event.Fields(&f)
	return append(f.buf, "}}\n"...)
}

func (f *Fields) context(c *Context) {
	if c.Local.IsValid() {
		f.AddrPort("local", &c.Local)
	}
	if c.Remote.IsValid() {
		f.AddrPort("remote", &c.Remote)
	}
	f.U32("peer", &c.Peer)
	f.U32("sa", &c.SA)
	f.U32("conn", &c.Conn)
	Enum(f, "role", &c.Role)
	Enum(f, "state", &c.State)
}
