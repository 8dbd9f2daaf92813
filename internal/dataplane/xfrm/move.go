package xfrm

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/mdlayher/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// needed are the attributes without which the kernel takes no change of a state.
var needed = []uint16{nl.XFRMA_ALG_AUTH_TRUNC, nl.XFRMA_ALG_CRYPT, nl.XFRMA_ALG_AEAD, nl.XFRMA_ENCAP, nl.XFRMA_SET_MARK, nl.XFRMA_IF_ID}

// MovePort makes a state of ESP in UDP follow its peer to another port: the
// destination's, or with outbound false the source's. Counters and window stay. What
// the change needs of the state, its keys too, passes here and is not kept.
func (c *Conn) MovePort(id ID, outbound bool, port uint16) error {
	x := wireID(id)
	answers, err := c.ask(nl.XFRM_MSG_GETSA, 0, x.Serialize())
	if err != nil {
		return plain(err)
	}
	if len(answers) == 0 || len(answers[0].Data) < nl.SizeofXfrmUsersaInfo {
		return unix.ESRCH
	}
	data := answers[0].Data
	var list []netlink.Attribute
	each(data, nl.SizeofXfrmUsersaInfo, func(kind uint16, v []byte) {
		if slices.Contains(needed, kind) {
			list = append(list, netlink.Attribute{Type: kind, Data: v})
		}
	})
	for _, a := range list {
		movePort(a, outbound, port)
	}
	body, err := attributes(slices.Clone(data[:nl.SizeofXfrmUsersaInfo]), list...)
	if err := c.do(nl.XFRM_MSG_UPDSA, body, err); err != nil {
		return fmt.Errorf("move SA 0x%X to port %d: %w", id.SPI, port, err)
	}
	return nil
}

// movePort changes the peer's port of ESP in UDP.
func movePort(a netlink.Attribute, outbound bool, port uint16) {
	if a.Type != nl.XFRMA_ENCAP || len(a.Data) < nl.SizeofXfrmEncapTmpl {
		return
	}
	at := 2 // of the source port, behind the type
	if outbound {
		at += 2
	}
	binary.BigEndian.PutUint16(a.Data[at:], port)
}
