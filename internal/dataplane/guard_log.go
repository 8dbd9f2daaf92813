package dataplane

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"qmidle/internal/ipsec"
)

// Attributes of nfnetlink_log messages, of linux/netfilter/nfnetlink_log.h.
const (
	nflogPacket     = 0 // NFULNL_MSG_PACKET
	nflogConfig     = 1 // NFULNL_MSG_CONFIG
	nflogPayload    = 9
	nflogPrefix     = 10
	nflogCfgCmd     = 1
	nflogCfgMode    = 2
	nflogBind       = 1 // NFULNL_CFG_CMD_BIND
	nflogCopyPacket = 2
	nfgenmsgLen     = 4
	// nflogRange is what is copied of a packet: all of it, for a flow is read
	// of whole packets only.
	nflogRange = 0xffff
)

// guardLog receives what the guard has dropped, as far as its rate goes.
type guardLog struct{ conn *netlink.Conn }

// openGuardLog listens in the calling thread's network namespace.
func openGuardLog() (*guardLog, error) {
	conn, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return nil, fmt.Errorf("netfilter log: %w", err)
	}
	bind := []netlink.Attribute{{Type: nflogCfgCmd, Data: []byte{nflogBind}}}
	mode := []netlink.Attribute{{Type: nflogCfgMode, Data: append(binary.BigEndian.AppendUint32(nil, nflogRange), nflogCopyPacket, 0)}}
	for _, attrs := range [][]netlink.Attribute{bind, mode} {
		if err := configureLog(conn, attrs); err != nil {
			return nil, errors.Join(fmt.Errorf("netfilter log group %d: %w", guardLogGroup, err), conn.Close())
		}
	}
	return &guardLog{conn}, nil
}

func configureLog(conn *netlink.Conn, attrs []netlink.Attribute) error {
	body, err := netlink.MarshalAttributes(attrs)
	if err != nil {
		return err
	}
	head := binary.BigEndian.AppendUint16([]byte{unix.AF_UNSPEC, unix.NFNETLINK_V0}, guardLogGroup)
	_, err = conn.Execute(netlink.Message{
		Header: netlink.Header{Type: unix.NFNL_SUBSYS_ULOG<<8 | nflogConfig, Flags: netlink.Request | netlink.Acknowledge},
		Data:   append(head, body...),
	})
	return err
}

// receive calls handle for each packet that was dropped until the log is closed. out
// says that the packet would have left, not come in. shown is called for those that
// are shown for their SPI.
func (l *guardLog) receive(handle func(out bool, flow ipsec.Flow), shown func(packet []byte)) {
	for failures := 0; failures < maxFailures; {
		messages, err := l.conn.Receive()
		if errors.Is(err, os.ErrClosed) || errors.Is(err, unix.EBADF) {
			return
		}
		failures = countFailures(failures, err)
		for _, m := range messages {
			switch prefix, packet, ok := parseLogged(m); {
			case !ok:
			case prefix == logPrefixSPI:
				shown(packet)
			default:
				// What cannot be read to the end still has its addresses.
				flow, _ := ipsec.ParseFlow(packet)
				handle(prefix == logPrefixOut, flow)
			}
		}
	}
}

func parseLogged(m netlink.Message) (prefix string, packet []byte, ok bool) {
	if m.Header.Type != unix.NFNL_SUBSYS_ULOG<<8|nflogPacket || len(m.Data) < nfgenmsgLen {
		return "", nil, false
	}
	attrs, err := netlink.NewAttributeDecoder(m.Data[nfgenmsgLen:])
	if err != nil {
		return "", nil, false
	}
	for attrs.Next() {
		switch attrs.Type() {
		case nflogPrefix:
			prefix = attrs.String()
		case nflogPayload:
			packet = attrs.Bytes()
		}
	}
	return prefix, packet, attrs.Err() == nil && packet != nil
}

func (l *guardLog) close() error { return l.conn.Close() }
