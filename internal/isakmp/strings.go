package isakmp

import "fmt"

// name looks v up in names and falls back to its number.
func name[T ~uint8 | ~uint16](names map[T]string, v T, kind string) string {
	if s, ok := names[v]; ok {
		return s
	}
	return fmt.Sprintf("%s %d", kind, v)
}

var payloadTypeNames = map[PayloadType]string{
	PayloadNone: "NONE", PayloadSA: "SA", PayloadProposal: "PROPOSAL", PayloadTransform: "TRANSFORM",
	PayloadKE: "KE", PayloadID: "ID", PayloadCert: "CERT", PayloadCertRequest: "CERTREQ",
	PayloadHash: "HASH", PayloadSignature: "SIG", PayloadNonce: "NONCE", PayloadNotify: "NOTIFY",
	PayloadDelete: "DELETE", PayloadVendorID: "VID", PayloadAttributes: "ATTRIBUTES",
	PayloadNATDDraft04: "NAT-D (draft 04)", PayloadNATOADraft04: "NAT-OA (draft 04)",
	PayloadNATD: "NAT-D", PayloadNATOA: "NAT-OA",
	PayloadNATDDraft: "NAT-D (draft)", PayloadNATOADraft: "NAT-OA (draft)", PayloadFragment: "FRAGMENT",
}

// String is the short name of RFC 2408 section 3.1 or RFC 3947 section 9.
func (t PayloadType) String() string { return name(payloadTypeNames, t, "type") }

var exchangeTypeNames = map[ExchangeType]string{
	ExchangeNone: "none", ExchangeBase: "base", ExchangeIdentity: "main mode", ExchangeAuthOnly: "authentication only",
	ExchangeAggressive: "aggressive mode", ExchangeInformational: "informational", ExchangeTransaction: "transaction",
	ExchangeQuick: "quick mode", ExchangeNewGroup: "new group mode",
}

// String is the exchange's name in RFC 2409.
func (t ExchangeType) String() string { return name(exchangeTypeNames, t, "exchange") }

var protocolNames = map[ProtocolID]string{
	ProtocolISAKMP: "ISAKMP", ProtocolAH: "AH", ProtocolESP: "ESP", ProtocolIPCOMP: "IPCOMP",
}

// String is the protocol's usual name.
func (p ProtocolID) String() string { return name(protocolNames, p, "protocol") }

var encryptionNames = map[EncryptionAlgorithm]string{
	EncrDESCBC: "DES-CBC", EncrIDEACBC: "IDEA-CBC", EncrBlowfishCBC: "Blowfish-CBC", EncrRC5CBC: "RC5-CBC",
	Encr3DESCBC: "3DES-CBC", EncrCASTCBC: "CAST-CBC", EncrAESCBC: "AES-CBC", EncrCamelliaCBC: "Camellia-CBC",
}

// String is the cipher's name; the key length is an attribute of its own.
func (a EncryptionAlgorithm) String() string { return name(encryptionNames, a, "encryption") }

var hashNames = map[HashAlgorithm]string{
	HashMD5: "MD5", HashSHA1: "SHA-1", HashTiger: "Tiger",
	HashSHA256: "SHA2-256", HashSHA384: "SHA2-384", HashSHA512: "SHA2-512",
}

// String is the hash's name.
func (a HashAlgorithm) String() string { return name(hashNames, a, "hash") }

var authMethodNames = map[AuthMethod]string{
	AuthPSK: "pre-shared key", AuthDSS: "DSS signatures", AuthRSASig: "RSA signatures",
	AuthRSAEnc: "RSA encryption", AuthRSARevEnc: "revised RSA encryption",
	AuthECDSA256: "ECDSA-256", AuthECDSA384: "ECDSA-384", AuthECDSA521: "ECDSA-521",
	AuthHybridInitRSA: "hybrid RSA, initiator", AuthHybridRespRSA: "hybrid RSA, responder",
	AuthXAUTHInitPSK: "XAUTH with pre-shared key, initiator", AuthXAUTHRespPSK: "XAUTH with pre-shared key, responder",
	AuthXAUTHInitRSA: "XAUTH with RSA signatures, initiator", AuthXAUTHRespRSA: "XAUTH with RSA signatures, responder",
	AuthXAUTHInitRSAEn: "XAUTH with RSA encryption, initiator", AuthXAUTHRespRSAEn: "XAUTH with RSA encryption, responder",
}

// String is the method's name; the XAUTH and hybrid ones say whom they authenticate.
func (m AuthMethod) String() string { return name(authMethodNames, m, "authentication") }

var groupNames = map[Group]string{
	GroupNone: "none", GroupMODP768: "MODP-768", GroupMODP1024: "MODP-1024", GroupMODP1536: "MODP-1536",
	GroupMODP2048: "MODP-2048", GroupMODP3072: "MODP-3072", GroupMODP4096: "MODP-4096",
	GroupECP256: "ECP-256", GroupECP384: "ECP-384", GroupECP521: "ECP-521", GroupMODP2048S256: "MODP-2048-256",
}

// String is the group's kind and size.
func (g Group) String() string { return name(groupNames, g, "group") }

var lifeTypeNames = map[LifeType]string{LifeSeconds: "seconds", LifeKilobytes: "kilobytes"}

// String is the unit that the life duration counts.
func (t LifeType) String() string { return name(lifeTypeNames, t, "life type") }

var espTransformNames = map[ESPTransform]string{
	ESPDES: "DES-CBC", ESP3DES: "3DES-CBC", ESPRC5: "RC5-CBC", ESPIDEA: "IDEA-CBC", ESPCAST: "CAST-CBC",
	ESPBlowfish: "Blowfish-CBC", ESPNull: "NULL", ESPAES: "AES-CBC", ESPAESCTR: "AES-CTR",
	ESPAESCCM8: "AES-CCM-8", ESPAESCCM12: "AES-CCM-12", ESPAESCCM16: "AES-CCM-16",
	ESPAESGCM8: "AES-GCM-8", ESPAESGCM12: "AES-GCM-12", ESPAESGCM16: "AES-GCM-16", ESPAESGMAC: "AES-GMAC",
}

// String is the cipher's name, with the ICV's length in bytes for AEADs.
func (t ESPTransform) String() string { return name(espTransformNames, t, "ESP transform") }

var authAlgorithmNames = map[AuthAlgorithm]string{
	AuthAlgNone: "none", AuthAlgHMACMD5: "HMAC-MD5", AuthAlgHMACSHA1: "HMAC-SHA1", AuthAlgDESMAC: "DES-MAC",
	AuthAlgKPDK: "KPDK", AuthAlgHMACSHA256: "HMAC-SHA2-256", AuthAlgHMACSHA384: "HMAC-SHA2-384",
	AuthAlgHMACSHA512: "HMAC-SHA2-512",
}

// String is the integrity algorithm's name.
func (a AuthAlgorithm) String() string {
	return name(authAlgorithmNames, a, "authentication algorithm")
}

var encapsulationNames = map[Encapsulation]string{
	EncapTunnel: "tunnel", EncapTransport: "transport", EncapUDPTunnel: "UDP tunnel", EncapUDPTransport: "UDP transport",
	EncapUDPTunnelDraft: "UDP tunnel (draft)", EncapUDPTransportDraft: "UDP transport (draft)",
}

// String is the mode's name.
func (e Encapsulation) String() string { return name(encapsulationNames, e, "encapsulation") }

var idTypeNames = map[IDType]string{
	IDIPv4Addr: "ID_IPV4_ADDR", IDFQDN: "ID_FQDN", IDUserFQDN: "ID_USER_FQDN", IDIPv4AddrSubnet: "ID_IPV4_ADDR_SUBNET",
	IDIPv6Addr: "ID_IPV6_ADDR", IDIPv6AddrSubnet: "ID_IPV6_ADDR_SUBNET", IDIPv4AddrRange: "ID_IPV4_ADDR_RANGE",
	IDIPv6AddrRange: "ID_IPV6_ADDR_RANGE", IDDERASN1DN: "ID_DER_ASN1_DN", IDDERASN1GN: "ID_DER_ASN1_GN", IDKeyID: "ID_KEY_ID",
}

// String is the type's name in RFC 2407 section 4.6.2.1.
func (t IDType) String() string { return name(idTypeNames, t, "ID type") }

var notifyTypeNames = map[NotifyType]string{
	0:                        "none",
	NotifyInvalidPayloadType: "INVALID-PAYLOAD-TYPE", NotifyDOINotSupported: "DOI-NOT-SUPPORTED",
	NotifySituationUnsupported: "SITUATION-NOT-SUPPORTED", NotifyInvalidCookie: "INVALID-COOKIE",
	NotifyInvalidMajor: "INVALID-MAJOR-VERSION", NotifyInvalidMinor: "INVALID-MINOR-VERSION",
	NotifyInvalidExchange: "INVALID-EXCHANGE-TYPE", NotifyInvalidFlags: "INVALID-FLAGS",
	NotifyInvalidMessageID: "INVALID-MESSAGE-ID", NotifyInvalidProtocolID: "INVALID-PROTOCOL-ID",
	NotifyInvalidSPI: "INVALID-SPI", NotifyInvalidTransformID: "INVALID-TRANSFORM-ID",
	NotifyAttrsNotSupported: "ATTRIBUTES-NOT-SUPPORTED", NotifyNoProposalChosen: "NO-PROPOSAL-CHOSEN",
	NotifyBadProposalSyntax: "BAD-PROPOSAL-SYNTAX", NotifyPayloadMalformed: "PAYLOAD-MALFORMED",
	NotifyInvalidKeyInfo: "INVALID-KEY-INFORMATION", NotifyInvalidIDInfo: "INVALID-ID-INFORMATION",
	NotifyInvalidCertEncoding: "INVALID-CERT-ENCODING", NotifyInvalidCertificate: "INVALID-CERTIFICATE",
	NotifyCertTypeUnsupported: "CERT-TYPE-UNSUPPORTED", NotifyInvalidCertAuthority: "INVALID-CERT-AUTHORITY",
	NotifyInvalidHashInfo: "INVALID-HASH-INFORMATION", NotifyAuthFailed: "AUTHENTICATION-FAILED",
	NotifyInvalidSignature: "INVALID-SIGNATURE", NotifyAddressNotification: "ADDRESS-NOTIFICATION",
	NotifySALifetime: "NOTIFY-SA-LIFETIME", NotifyCertUnavailable: "CERTIFICATE-UNAVAILABLE",
	NotifyUnsupportedExchange: "UNSUPPORTED-EXCHANGE-TYPE", NotifyUnequalPayloadLength: "UNEQUAL-PAYLOAD-LENGTHS",
	NotifyConnected: "CONNECTED", NotifyResponderLifetime: "RESPONDER-LIFETIME", NotifyReplayStatus: "REPLAY-STATUS",
	NotifyInitialContact: "INITIAL-CONTACT", NotifyRUThere: "R-U-THERE", NotifyRUThereAck: "R-U-THERE-ACK",
	NotifyLoadBalance: "LOAD-BALANCE",
}

// String is the type's name in RFC 2408 section 3.14.1, RFC 2407 section
// 4.6.3 or RFC 3706 section 5.3.
func (t NotifyType) String() string { return name(notifyTypeNames, t, "notify type") }

var configTypeNames = map[ConfigType]string{
	ConfigRequest: "ISAKMP-CFG-REQUEST", ConfigReply: "ISAKMP-CFG-REPLY", ConfigSet: "ISAKMP-CFG-SET", ConfigAck: "ISAKMP-CFG-ACK",
}

// String is the type's name in the mode config draft.
func (t ConfigType) String() string { return name(configTypeNames, t, "configuration type") }

var phase1AttributeNames = map[AttributeType]string{
	AttrEncryption: "encryption algorithm", AttrHash: "hash algorithm", AttrAuthMethod: "authentication method",
	AttrGroup: "group description", AttrGroupType: "group type", AttrGroupPrime: "group prime",
	AttrGroupGenerator: "group generator", AttrLifeType: "life type", AttrLifeDuration: "life duration",
	AttrPRF: "PRF", AttrKeyLength: "key length", AttrFieldSize: "field size", AttrGroupOrder: "group order",
}

// Phase1Name is the type's name in RFC 2409 appendix A.
func (t AttributeType) Phase1Name() string { return name(phase1AttributeNames, t, "attribute") }

var phase2AttributeNames = map[AttributeType]string{
	IPsecAttrLifeType: "life type", IPsecAttrLifeDuration: "life duration", IPsecAttrGroup: "group description",
	IPsecAttrEncapsulation: "encapsulation mode", IPsecAttrAuth: "authentication algorithm",
	IPsecAttrKeyLength: "key length", IPsecAttrKeyRounds: "key rounds",
	IPsecAttrCompressDict: "compression dictionary size", IPsecAttrCompressAlg: "private compression algorithm",
	IPsecAttrECNTunnel: "ECN tunnel", IPsecAttrESN: "extended sequence numbers",
}

// Phase2Name is the type's name in RFC 2407 section 4.5.
func (t AttributeType) Phase2Name() string { return name(phase2AttributeNames, t, "attribute") }

var configAttributeNames = map[AttributeType]string{
	ConfigIP4Address: "INTERNAL-IP4-ADDRESS", ConfigIP4Netmask: "INTERNAL-IP4-NETMASK", ConfigIP4DNS: "INTERNAL-IP4-DNS",
	ConfigIP4NBNS: "INTERNAL-IP4-NBNS", ConfigAddressExpiry: "INTERNAL-ADDRESS-EXPIRY", ConfigIP4DHCP: "INTERNAL-IP4-DHCP",
	ConfigApplication: "APPLICATION-VERSION", ConfigIP6Address: "INTERNAL-IP6-ADDRESS",
	ConfigIP6Netmask: "INTERNAL-IP6-NETMASK", ConfigIP6DNS: "INTERNAL-IP6-DNS", ConfigIP6NBNS: "INTERNAL-IP6-NBNS",
	ConfigIP6DHCP: "INTERNAL-IP6-DHCP", ConfigIP4Subnet: "INTERNAL-IP4-SUBNET", ConfigSupported: "SUPPORTED-ATTRIBUTES",
	ConfigIP6Subnet: "INTERNAL-IP6-SUBNET",
	XAUTHType:       "XAUTH-TYPE", XAUTHUserName: "XAUTH-USER-NAME", XAUTHUserPassword: "XAUTH-USER-PASSWORD",
	XAUTHPasscode: "XAUTH-PASSCODE", XAUTHMessage: "XAUTH-MESSAGE", XAUTHChallenge: "XAUTH-CHALLENGE",
	XAUTHDomain: "XAUTH-DOMAIN", XAUTHStatus: "XAUTH-STATUS", XAUTHNextPIN: "XAUTH-NEXT-PIN", XAUTHAnswer: "XAUTH-ANSWER",
	UnityBanner: "UNITY-BANNER", UnitySavePassword: "UNITY-SAVE-PASSWORD", UnityDefaultDomain: "UNITY-DEFAULT-DOMAIN",
	UnitySplitDNS: "UNITY-SPLIT-DNS", UnitySplitInclude: "UNITY-SPLIT-INCLUDE", UnityNATTPort: "UNITY-NATT-PORT",
	UnityLocalLAN: "UNITY-LOCAL-LAN", UnityPFS: "UNITY-PFS", UnityFirewallType: "UNITY-FIREWALL-TYPE",
	UnityBackupServers: "UNITY-BACKUP-SERVERS", UnityDDNSHostname: "UNITY-DDNS-HOSTNAME",
}

// ConfigName is the type's name in the mode config and XAUTH drafts.
func (t AttributeType) ConfigName() string { return name(configAttributeNames, t, "attribute") }
