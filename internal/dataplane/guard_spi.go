package dataplane

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"qmidle/internal/ipsec"
	"qmidle/internal/isakmp"
)

// The kernel tells nobody of ESP that it has no state for. So the guard shows the
// daemon a packet of every SPI that comes, once a minute.
const (
	logPrefixSPI = "qmidle spi"
	spiSet       = "spis"
	spiSetSize   = 65535
	spiForget    = 2 * time.Minute
	offsetSPI    = udpHeaderLen // of ESP in UDP
	udpHeaderLen = 8
	// spiGrace is how long what comes for an SA that was removed is no news.
	spiGrace   = 2 * time.Second
	maxRemoved = 1024 // SAs that are remembered for it
	lengthSPI  = 4
)

// showSPIs adds the set and the rules to the chain of what arrives.
func (p *guardPlan) showSPIs(chain string) error {
	set := &nftables.Set{Table: p.table, Name: spiSet, KeyType: nftables.TypeInteger, Dynamic: true, HasTimeout: true, Timeout: spiForget, Size: spiSetSize}
	if err := p.nft.AddSet(set, nil); err != nil {
		return err
	}
	p.rule(chain, protocolIs(protoESP), toThisHost(), loadSPI(0), oncePerMinute(set), logSPI())
	isESP := []expr.Any{&expr.Cmp{Op: expr.CmpOpNeq, Register: register, Data: make([]byte, ipsec.NonESPMarkerLen)}}
	p.rule(chain, protocolIs(protoUDP), portsWithin(lengthPort, ipsec.PortRange{Lo: isakmp.PortNATT, Hi: isakmp.PortNATT}), toThisHost(),
		loadSPI(offsetSPI), isESP, oncePerMinute(set), logSPI())
	return nil
}

func loadSPI(offset uint32) []expr.Any {
	return []expr.Any{&expr.Payload{DestRegister: register, Base: expr.PayloadBaseTransportHeader, Offset: offset, Len: lengthSPI}}
}

func oncePerMinute(set *nftables.Set) []expr.Any {
	return []expr.Any{&expr.Dynset{SrcRegKey: register, SetName: set.Name, SetID: set.ID, Operation: unix.NFT_DYNSET_OP_UPDATE,
		Exprs: []expr.Any{&expr.Limit{Type: expr.LimitTypePkts, Rate: 1, Burst: 1, Unit: expr.LimitTimeMinute}}}}
}

// logSPI shows the packet at once: later its SA may have gone.
func logSPI() []expr.Any {
	return []expr.Any{&expr.Log{Key: 1<<unix.NFTA_LOG_GROUP | 1<<unix.NFTA_LOG_PREFIX | 1<<unix.NFTA_LOG_QTHRESHOLD, Group: guardLogGroup,
		Data: []byte(logPrefixSPI), QThreshold: 1}}
}

// spiOf reads the SPI of a packet that the guard has shown, and where it came from and
// went to: with the ports of UDP, or 0.
func spiOf(packet []byte) (spi uint32, from, to netip.AddrPort, ok bool) {
	esp, src, dst, _, ok := stripOuter(packet)
	if !ok {
		return 0, from, to, false
	}
	from, to = netip.AddrPortFrom(src, 0), netip.AddrPortFrom(dst, 0)
	if packet[9] == protoUDP {
		if len(esp) < udpHeaderLen {
			return 0, from, to, false
		}
		from = netip.AddrPortFrom(src, binary.BigEndian.Uint16(esp))
		to = netip.AddrPortFrom(dst, binary.BigEndian.Uint16(esp[2:]))
		esp = esp[udpHeaderLen:]
	}
	spi = ipsec.SPIOf(esp)
	return spi, from, to, spi != 0
}
