package isakmp

// PayloadType is the "next payload" number of RFC 2408 section 3.1.
type PayloadType uint8

// Payload types. The NAT-T ones differ by draft: RFC 3947 has 20 and 21,
// drafts 00 to 03 have 130 and 131, drafts 04 to 08 have 15 and 16.
const (
	PayloadNone         PayloadType = 0
	PayloadSA           PayloadType = 1
	PayloadProposal     PayloadType = 2
	PayloadTransform    PayloadType = 3
	PayloadKE           PayloadType = 4
	PayloadID           PayloadType = 5
	PayloadCert         PayloadType = 6
	PayloadCertRequest  PayloadType = 7
	PayloadHash         PayloadType = 8
	PayloadSignature    PayloadType = 9
	PayloadNonce        PayloadType = 10
	PayloadNotify       PayloadType = 11
	PayloadDelete       PayloadType = 12
	PayloadVendorID     PayloadType = 13
	PayloadAttributes   PayloadType = 14
	PayloadNATDDraft04  PayloadType = 15
	PayloadNATOADraft04 PayloadType = 16
	PayloadNATD         PayloadType = 20
	PayloadNATOA        PayloadType = 21
	PayloadNATDDraft    PayloadType = 130
	PayloadNATOADraft   PayloadType = 131
	PayloadFragment     PayloadType = 132
)

// ExchangeType is the exchange number of RFC 2408 section 3.1 and RFC 2409.
type ExchangeType uint8

// Exchange types.
const (
	ExchangeNone          ExchangeType = 0
	ExchangeBase          ExchangeType = 1
	ExchangeIdentity      ExchangeType = 2 // main mode
	ExchangeAuthOnly      ExchangeType = 3
	ExchangeAggressive    ExchangeType = 4
	ExchangeInformational ExchangeType = 5
	ExchangeTransaction   ExchangeType = 6 // mode config, XAUTH
	ExchangeQuick         ExchangeType = 32
	ExchangeNewGroup      ExchangeType = 33
)

// Header flags (RFC 2408 section 3.1).
const (
	FlagEncryption uint8 = 1 << 0
	FlagCommit     uint8 = 1 << 1
	FlagAuthOnly   uint8 = 1 << 2
)

// DOI numbers (RFC 2407 section 4.2).
const (
	DOIISAKMP uint32 = 0
	DOIIPsec  uint32 = 1
)

// SituationIdentityOnly is SIT_IDENTITY_ONLY (RFC 2407 section 4.2.1).
const SituationIdentityOnly uint32 = 1

// ProtocolID is RFC 2407 section 4.4.1's security protocol.
type ProtocolID uint8

// Protocols.
const (
	ProtocolISAKMP ProtocolID = 1
	ProtocolAH     ProtocolID = 2
	ProtocolESP    ProtocolID = 3
	ProtocolIPCOMP ProtocolID = 4
)

// TransformKeyIKE is KEY_IKE, the only ISAKMP transform (RFC 2407 section 4.4.2).
const TransformKeyIKE uint8 = 1

// AttributeType is a data attribute's number without the AF bit. Phase 1 and
// phase 2 number theirs separately.
type AttributeType uint16

// Phase 1 attributes (RFC 2409 appendix A).
const (
	AttrEncryption     AttributeType = 1
	AttrHash           AttributeType = 2
	AttrAuthMethod     AttributeType = 3
	AttrGroup          AttributeType = 4
	AttrGroupType      AttributeType = 5
	AttrGroupPrime     AttributeType = 6
	AttrGroupGenerator AttributeType = 7
	AttrLifeType       AttributeType = 11
	AttrLifeDuration   AttributeType = 12
	AttrPRF            AttributeType = 13
	AttrKeyLength      AttributeType = 14
	AttrFieldSize      AttributeType = 15
	AttrGroupOrder     AttributeType = 16
)

// Phase 2 attributes (RFC 2407 section 4.5).
const (
	IPsecAttrLifeType      AttributeType = 1
	IPsecAttrLifeDuration  AttributeType = 2
	IPsecAttrGroup         AttributeType = 3
	IPsecAttrEncapsulation AttributeType = 4
	IPsecAttrAuth          AttributeType = 5
	IPsecAttrKeyLength     AttributeType = 6
	IPsecAttrKeyRounds     AttributeType = 7
	IPsecAttrCompressDict  AttributeType = 8
	IPsecAttrCompressAlg   AttributeType = 9
	IPsecAttrECNTunnel     AttributeType = 10
	IPsecAttrESN           AttributeType = 11
)

// EncryptionAlgorithm is a phase 1 cipher (RFC 2409 appendix A, RFC 3602).
type EncryptionAlgorithm uint16

// Phase 1 ciphers, all in CBC mode.
const (
	EncrDESCBC      EncryptionAlgorithm = 1
	EncrIDEACBC     EncryptionAlgorithm = 2
	EncrBlowfishCBC EncryptionAlgorithm = 3
	EncrRC5CBC      EncryptionAlgorithm = 4
	Encr3DESCBC     EncryptionAlgorithm = 5
	EncrCASTCBC     EncryptionAlgorithm = 6
	EncrAESCBC      EncryptionAlgorithm = 7
	EncrCamelliaCBC EncryptionAlgorithm = 8
)

// HashAlgorithm is a phase 1 hash; the PRF is its HMAC (RFC 2409 section 4).
type HashAlgorithm uint16

// Phase 1 hashes.
const (
	HashMD5    HashAlgorithm = 1
	HashSHA1   HashAlgorithm = 2
	HashTiger  HashAlgorithm = 3
	HashSHA256 HashAlgorithm = 4
	HashSHA384 HashAlgorithm = 5
	HashSHA512 HashAlgorithm = 6
)

// AuthMethod is a phase 1 authentication method (RFC 2409 appendix A; the
// numbers above 64220 are those of the hybrid and XAUTH drafts).
type AuthMethod uint16

// Authentication methods.
const (
	AuthPSK            AuthMethod = 1
	AuthDSS            AuthMethod = 2
	AuthRSASig         AuthMethod = 3
	AuthRSAEnc         AuthMethod = 4
	AuthRSARevEnc      AuthMethod = 5
	AuthECDSA256       AuthMethod = 9
	AuthECDSA384       AuthMethod = 10
	AuthECDSA521       AuthMethod = 11
	AuthHybridInitRSA  AuthMethod = 64221
	AuthHybridRespRSA  AuthMethod = 64222
	AuthXAUTHInitPSK   AuthMethod = 65001
	AuthXAUTHRespPSK   AuthMethod = 65002
	AuthXAUTHInitRSA   AuthMethod = 65005
	AuthXAUTHRespRSA   AuthMethod = 65006
	AuthXAUTHInitRSAEn AuthMethod = 65007
	AuthXAUTHRespRSAEn AuthMethod = 65008
)

// Group is a Diffie-Hellman group number (RFC 2409, 3526, 5114, 5903).
type Group uint16

// Diffie-Hellman groups. GroupNone means no PFS where a group is optional.
const (
	GroupNone         Group = 0
	GroupMODP768      Group = 1
	GroupMODP1024     Group = 2
	GroupMODP1536     Group = 5
	GroupMODP2048     Group = 14
	GroupMODP3072     Group = 15
	GroupMODP4096     Group = 16
	GroupECP256       Group = 19
	GroupECP384       Group = 20
	GroupECP521       Group = 21
	GroupMODP2048S256 Group = 24 // RFC 5114 section 2.3: 2048 bits, 256-bit subgroup
)

// LifeType says what a life duration counts. Phase 1 (RFC 2409 appendix A)
// and phase 2 (RFC 2407 section 4.5) use the same numbers.
type LifeType uint16

// Life types.
const (
	LifeSeconds   LifeType = 1
	LifeKilobytes LifeType = 2
)

// ESPTransform is an ESP transform ID (RFC 2407 section 4.4.4, RFC 3602,
// RFC 4106). AES-GCM's ICV length is part of the number.
type ESPTransform uint8

// ESP transforms.
const (
	ESPDES      ESPTransform = 2
	ESP3DES     ESPTransform = 3
	ESPRC5      ESPTransform = 4
	ESPIDEA     ESPTransform = 5
	ESPCAST     ESPTransform = 6
	ESPBlowfish ESPTransform = 7
	ESPNull     ESPTransform = 11
	ESPAES      ESPTransform = 12 // CBC
	ESPAESCTR   ESPTransform = 13
	ESPAESCCM8  ESPTransform = 14
	ESPAESCCM12 ESPTransform = 15
	ESPAESCCM16 ESPTransform = 16
	ESPAESGCM8  ESPTransform = 18
	ESPAESGCM12 ESPTransform = 19
	ESPAESGCM16 ESPTransform = 20
	ESPAESGMAC  ESPTransform = 23
)

// AuthAlgorithm is a phase 2 integrity algorithm (RFC 2407 section 4.5,
// RFC 4868). AuthNone is the absence of the attribute.
type AuthAlgorithm uint16

// Phase 2 integrity algorithms.
const (
	AuthAlgNone       AuthAlgorithm = 0
	AuthAlgHMACMD5    AuthAlgorithm = 1
	AuthAlgHMACSHA1   AuthAlgorithm = 2
	AuthAlgDESMAC     AuthAlgorithm = 3
	AuthAlgKPDK       AuthAlgorithm = 4
	AuthAlgHMACSHA256 AuthAlgorithm = 5
	AuthAlgHMACSHA384 AuthAlgorithm = 6
	AuthAlgHMACSHA512 AuthAlgorithm = 7
)

// Encapsulation is RFC 2407 section 4.5's mode, with RFC 3947 section 5.1's
// and its drafts' UDP forms.
type Encapsulation uint16

// Encapsulation modes.
const (
	EncapTunnel            Encapsulation = 1
	EncapTransport         Encapsulation = 2
	EncapUDPTunnel         Encapsulation = 3
	EncapUDPTransport      Encapsulation = 4
	EncapUDPTunnelDraft    Encapsulation = 61443
	EncapUDPTransportDraft Encapsulation = 61444
)

// IDType is RFC 2407 section 4.6.2.1's identification type.
type IDType uint8

// Identification types.
const (
	IDIPv4Addr       IDType = 1
	IDFQDN           IDType = 2
	IDUserFQDN       IDType = 3
	IDIPv4AddrSubnet IDType = 4
	IDIPv6Addr       IDType = 5
	IDIPv6AddrSubnet IDType = 6
	IDIPv4AddrRange  IDType = 7
	IDIPv6AddrRange  IDType = 8
	IDDERASN1DN      IDType = 9
	IDDERASN1GN      IDType = 10
	IDKeyID          IDType = 11
)

// NotifyType is RFC 2408 section 3.14.1's notify message type, with those of
// RFC 2407 section 4.6.3 and RFC 3706.
type NotifyType uint16

// Notify message types.
const (
	NotifyInvalidPayloadType   NotifyType = 1
	NotifyDOINotSupported      NotifyType = 2
	NotifySituationUnsupported NotifyType = 3
	NotifyInvalidCookie        NotifyType = 4
	NotifyInvalidMajor         NotifyType = 5
	NotifyInvalidMinor         NotifyType = 6
	NotifyInvalidExchange      NotifyType = 7
	NotifyInvalidFlags         NotifyType = 8
	NotifyInvalidMessageID     NotifyType = 9
	NotifyInvalidProtocolID    NotifyType = 10
	NotifyInvalidSPI           NotifyType = 11
	NotifyInvalidTransformID   NotifyType = 12
	NotifyAttrsNotSupported    NotifyType = 13
	NotifyNoProposalChosen     NotifyType = 14
	NotifyBadProposalSyntax    NotifyType = 15
	NotifyPayloadMalformed     NotifyType = 16
	NotifyInvalidKeyInfo       NotifyType = 17
	NotifyInvalidIDInfo        NotifyType = 18
	NotifyInvalidCertEncoding  NotifyType = 19
	NotifyInvalidCertificate   NotifyType = 20
	NotifyCertTypeUnsupported  NotifyType = 21
	NotifyInvalidCertAuthority NotifyType = 22
	NotifyInvalidHashInfo      NotifyType = 23
	NotifyAuthFailed           NotifyType = 24
	NotifyInvalidSignature     NotifyType = 25
	NotifyAddressNotification  NotifyType = 26
	NotifySALifetime           NotifyType = 27
	NotifyCertUnavailable      NotifyType = 28
	NotifyUnsupportedExchange  NotifyType = 29
	NotifyUnequalPayloadLength NotifyType = 30

	NotifyConnected         NotifyType = 16384
	NotifyResponderLifetime NotifyType = 24576
	NotifyReplayStatus      NotifyType = 24577
	NotifyInitialContact    NotifyType = 24578
	NotifyRUThere           NotifyType = 36136 // RFC 3706 section 5.3
	NotifyRUThereAck        NotifyType = 36137
	NotifyLoadBalance       NotifyType = 40501 // Cisco
)

// Ports of IKE and of its NAT-T form (RFC 3947 section 4).
const (
	PortIKE  uint16 = 500
	PortNATT uint16 = 4500
)
