package capture

import (
	"bytes"
	"testing"
	"time"

	"qmidle/test/pcap"
)

// BenchmarkRead reads a capture of a busy tunnel: ESP both ways, IKE now and
// then. It yields the packets in a second of one core.
func BenchmarkRead(b *testing.B) {
	f := pcap.New(pcap.Ethernet, 96)
	head := append(make([]byte, 12), 8, 0)
	n := 0
	put := func(p []byte) {
		f.Packet(start.Add(time.Duration(n)*time.Microsecond), append(bytes.Clone(head), p...))
		n++
	}
	for _, p := range join(mainMode(), quickMode(7)) {
		put(p)
	}
	for seq := range uint32(200_000) {
		put(ip(left, right, protoESP, espOf(0x1111, seq+1, 1400)))
		put(ip(right, left, protoUDP, udpOf(4500, 4500, espOf(0x2222, seq+1, 60))))
	}
	b.SetBytes(int64(f.Len()))
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		if _, err := Read(bytes.NewReader(f.Bytes()), Options{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "packets/s")
}

// BenchmarkFlood reads first messages of ever new negotiations, the dearest
// packets that anybody can send.
func BenchmarkFlood(b *testing.B) {
	f := pcap.New(pcap.Raw, 0)
	const n = 50_000
	for i := range n {
		p := ike500(left, right, message1(aes256))
		p[28], p[29], p[30] = byte(i>>16), byte(i>>8), byte(i)
		f.Packet(start.Add(time.Duration(i)*time.Millisecond), p)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		if _, err := Read(bytes.NewReader(f.Bytes()), Options{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "packets/s")
}
