package config

// namedValue is a number that IOS has a word for.
type namedValue struct {
	text  string
	value uint64
	help  string
}

// protocols are the IP protocols that IOS's access lists name, `ip` being any.
var protocols = []namedValue{
	{"ahp", 51, "Authentication Header Protocol"},
	{"eigrp", 88, "Cisco's EIGRP routing protocol"},
	{"esp", 50, "Encapsulation Security Payload"},
	{"gre", 47, "Cisco's GRE tunneling"},
	{"icmp", 1, "Internet Control Message Protocol"},
	{"igmp", 2, "Internet Gateway Message Protocol"},
	{"ip", 0, "Any Internet Protocol"},
	{"ipinip", 4, "IP in IP tunneling"},
	{"nos", 94, "KA9Q NOS compatible IP over IP tunneling"},
	{"ospf", 89, "OSPF routing protocol"},
	{"pcp", 108, "Payload Compression Protocol"},
	{"pim", 103, "Protocol Independent Multicast"},
	{"sctp", 132, "Stream Control Transmission Protocol"},
	{"tcp", 6, "Transmission Control Protocol"},
	{"udp", 17, "User Datagram Protocol"},
}

// tcpPorts are the TCP ports that IOS names.
var tcpPorts = []namedValue{
	{"bgp", 179, "Border Gateway Protocol"},
	{"chargen", 19, "Character generator"},
	{"cmd", 514, "Remote commands"},
	{"daytime", 13, "Daytime"},
	{"discard", 9, "Discard"},
	{"domain", 53, "Domain Name Service"},
	{"echo", 7, "Echo"},
	{"exec", 512, "Exec"},
	{"finger", 79, "Finger"},
	{"ftp", 21, "File Transfer Protocol"},
	{"ftp-data", 20, "FTP data connections"},
	{"gopher", 70, "Gopher"},
	{"hostname", 101, "NIC hostname server"},
	{"ident", 113, "Ident Protocol"},
	{"irc", 194, "Internet Relay Chat"},
	{"klogin", 543, "Kerberos login"},
	{"kshell", 544, "Kerberos shell"},
	{"login", 513, "Login"},
	{"lpd", 515, "Printer service"},
	{"nntp", 119, "Network News Transport Protocol"},
	{"pim-auto-rp", 496, "PIM Auto-RP"},
	{"pop2", 109, "Post Office Protocol v2"},
	{"pop3", 110, "Post Office Protocol v3"},
	{"smtp", 25, "Simple Mail Transport Protocol"},
	{"sunrpc", 111, "Sun Remote Procedure Call"},
	{"tacacs", 49, "TAC Access Control System"},
	{"talk", 517, "Talk"},
	{"telnet", 23, "Telnet"},
	{"time", 37, "Time"},
	{"uucp", 540, "Unix-to-Unix Copy Program"},
	{"whois", 43, "Nicname"},
	{"www", 80, "World Wide Web (HTTP)"},
}

// udpPorts are the UDP ports that IOS names.
var udpPorts = []namedValue{
	{"biff", 512, "Biff (mail notification)"},
	{"bootpc", 68, "Bootstrap Protocol (BOOTP) client"},
	{"bootps", 67, "Bootstrap Protocol (BOOTP) server"},
	{"discard", 9, "Discard"},
	{"dnsix", 195, "DNSIX security protocol auditing"},
	{"domain", 53, "Domain Name Service (DNS)"},
	{"echo", 7, "Echo"},
	{"isakmp", 500, "Internet Security Association and Key Management Protocol"},
	{"mobile-ip", 434, "Mobile IP registration"},
	{"nameserver", 42, "IEN116 name service (obsolete)"},
	{"netbios-dgm", 138, "NetBios datagram service"},
	{"netbios-ns", 137, "NetBios name service"},
	{"netbios-ss", 139, "NetBios session service"},
	{"non500-isakmp", 4500, "Internet Security Association and Key Management Protocol"},
	{"ntp", 123, "Network Time Protocol"},
	{"pim-auto-rp", 496, "PIM Auto-RP"},
	{"rip", 520, "Routing Information Protocol"},
	{"snmp", 161, "Simple Network Management Protocol"},
	{"snmptrap", 162, "SNMP Traps"},
	{"sunrpc", 111, "Sun Remote Procedure Call"},
	{"syslog", 514, "System Logger"},
	{"tacacs", 49, "TAC Access Control System"},
	{"talk", 517, "Talk"},
	{"tftp", 69, "Trivial File Transfer Protocol"},
	{"time", 37, "Time"},
	{"who", 513, "Who service"},
	{"xdmcp", 177, "X Display Manager Control Protocol"},
}

// icmpMessages are the ICMP messages that IOS names; code -1 is any code.
var icmpMessages = []struct {
	text      string
	typ, code int
}{
	{"administratively-prohibited", 3, 13},
	{"echo", 8, -1},
	{"echo-reply", 0, -1},
	{"host-unknown", 3, 7},
	{"host-unreachable", 3, 1},
	{"information-reply", 16, -1},
	{"information-request", 15, -1},
	{"mask-reply", 18, -1},
	{"mask-request", 17, -1},
	{"net-unreachable", 3, 0},
	{"packet-too-big", 3, 4},
	{"parameter-problem", 12, -1},
	{"port-unreachable", 3, 3},
	{"protocol-unreachable", 3, 2},
	{"redirect", 5, -1},
	{"router-advertisement", 9, -1},
	{"router-solicitation", 10, -1},
	{"source-quench", 4, -1},
	{"time-exceeded", 11, -1},
	{"timestamp-reply", 14, -1},
	{"timestamp-request", 13, -1},
	{"traceroute", 30, -1},
	{"ttl-exceeded", 11, 0},
	{"unreachable", 3, -1},
}
