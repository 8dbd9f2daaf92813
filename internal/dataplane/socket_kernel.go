package dataplane

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"qmidle/internal/dataplane/xfrm"
)

// Numbers of linux/udp.h.
const (
	optionUDPEncap = 100 // UDP_ENCAP
	espInUDP       = 2   // UDP_ENCAP_ESPINUDP
)

// LeaveToKernel exempts what the socket itself sends and receives from the kernel's
// policies. With esp the kernel takes ESP in UDP that comes to it, and NAT keepalives,
// and leaves IKE behind its marker to Receive.
func (s *UDPSocket) LeaveToKernel(esp bool) error {
	var errs []error
	err := s.control(func(f uintptr) {
		fd := int(f)
		for _, d := range []xfrm.Direction{xfrm.In, xfrm.Out} {
			errs = append(errs, os.NewSyscallError("IP_XFRM_POLICY", unix.SetsockoptString(fd, unix.IPPROTO_IP, unix.IP_XFRM_POLICY, string(xfrm.Exemption(d)))))
		}
		if esp {
			errs = append(errs, os.NewSyscallError("UDP_GRO", unix.SetsockoptInt(fd, unix.IPPROTO_UDP, unix.UDP_GRO, 0)),
				os.NewSyscallError("UDP_ENCAP", unix.SetsockoptInt(fd, unix.IPPROTO_UDP, optionUDPEncap, espInUDP)))
		}
	})
	return errors.Join(append(errs, err)...)
}
