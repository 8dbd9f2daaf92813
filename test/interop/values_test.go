package interop

// value is one algorithm, as each side calls it.
type value struct {
	ios      string   // in the configuration
	shown    string   // in what qmidle shows as JSON
	proposal string   // in charon's configuration
	listed   string   // in charon's list of SAs
	needs    []string // in charon's list of algorithms
}

// The values of a suite, all that the configuration has a word for.
var (
	ciphers = []value{
		{"aes", "AES-CBC 128", "aes128", "AES_CBC-128", []string{"AES_CBC"}},
		{"3des", "3DES-CBC", "3des", "3DES_CBC", []string{"3DES_CBC"}},
		{"aes 192", "AES-CBC 192", "aes192", "AES_CBC-192", []string{"AES_CBC"}},
		{"aes 256", "AES-CBC 256", "aes256", "AES_CBC-256", []string{"AES_CBC"}},
		{"des", "DES-CBC", "des", "DES_CBC", []string{"DES_CBC"}},
	}
	hashes = []value{
		{"sha", "SHA-1", "sha1", "HMAC_SHA1_96/PRF_HMAC_SHA1", []string{"HASH_SHA1", "PRF_HMAC_SHA1"}},
		{"md5", "MD5", "md5", "HMAC_MD5_96/PRF_HMAC_MD5", []string{"HASH_MD5", "PRF_HMAC_MD5"}},
		{"sha256", "SHA2-256", "sha256", "HMAC_SHA2_256_128/PRF_HMAC_SHA2_256", []string{"HASH_SHA2_256", "PRF_HMAC_SHA2_256"}},
		{"sha384", "SHA2-384", "sha384", "HMAC_SHA2_384_192/PRF_HMAC_SHA2_384", []string{"HASH_SHA2_384", "PRF_HMAC_SHA2_384"}},
		{"sha512", "SHA2-512", "sha512", "HMAC_SHA2_512_256/PRF_HMAC_SHA2_512", []string{"HASH_SHA2_512", "PRF_HMAC_SHA2_512"}},
	}
	groups = []value{
		{"2", "2", "modp1024", "MODP_1024", []string{"MODP_1024"}},
		{"1", "1", "modp768", "MODP_768", []string{"MODP_768"}},
		{"5", "5", "modp1536", "MODP_1536", []string{"MODP_1536"}},
		{"14", "14", "modp2048", "MODP_2048", []string{"MODP_2048"}},
		{"15", "15", "modp3072", "MODP_3072", []string{"MODP_3072"}},
		{"16", "16", "modp4096", "MODP_4096", []string{"MODP_4096"}},
		{"19", "19", "ecp256", "ECP_256", []string{"ECP_256"}},
		{"20", "20", "ecp384", "ECP_384", []string{"ECP_384"}},
		{"21", "21", "ecp521", "ECP_521", []string{"ECP_521"}},
		{"24", "24", "modp2048s256", "MODP_2048_256", []string{"MODP_2048_256"}},
	}
	espCiphers = []value{
		{"esp-aes", "esp-aes", "aes128", "AES_CBC-128", []string{"AES_CBC"}},
		{"esp-3des", "esp-3des", "3des", "3DES_CBC", []string{"3DES_CBC"}},
		{"esp-aes 192", "esp-192-aes", "aes192", "AES_CBC-192", []string{"AES_CBC"}},
		{"esp-aes 256", "esp-256-aes", "aes256", "AES_CBC-256", []string{"AES_CBC"}},
		{"esp-des", "esp-des", "des", "DES_CBC", []string{"DES_CBC"}},
		{"esp-gcm", "esp-gcm", "aes128gcm16", "AES_GCM_16-128", []string{"AES_GCM_16"}},
		{"esp-gcm 192", "esp-192-gcm", "aes192gcm16", "AES_GCM_16-192", []string{"AES_GCM_16"}},
		{"esp-gcm 256", "esp-256-gcm", "aes256gcm16", "AES_GCM_16-256", []string{"AES_GCM_16"}},
		{"esp-null", "esp-null", "null", "NULL", []string{"NULL"}},
	}
	// The truncations are charon's to find wrong: packets must pass.
	espAuths = []value{
		{"esp-sha-hmac", "esp-sha-hmac", "sha1", "HMAC_SHA1_96", []string{"HMAC_SHA1_96"}},
		{"esp-md5-hmac", "esp-md5-hmac", "md5", "HMAC_MD5_96", []string{"HMAC_MD5_96"}},
		{"esp-sha256-hmac", "esp-sha256-hmac", "sha256", "HMAC_SHA2_256_128", []string{"HMAC_SHA2_256_128"}},
		{"esp-sha384-hmac", "esp-sha384-hmac", "sha384", "HMAC_SHA2_384_192", []string{"HMAC_SHA2_384_192"}},
		{"esp-sha512-hmac", "esp-sha512-hmac", "sha512", "HMAC_SHA2_512_256", []string{"HMAC_SHA2_512_256"}},
		{}, // with AES-GCM
	}
	// 12.3 knows NAT-T's drafts only.
	releases = []value{{ios: "15.2"}, {ios: "12.3"}}
)

// pfsGroups are no PFS, and PFS with each group.
var pfsGroups = append([]value{{shown: "0"}}, groups...)

// charonLacks are the values that Debian's charon does not have, by its word for
// them, with the reason. There are none today: TestCharonHasTheAlgorithms asks it.
// Two things are not among the values. Transport mode: kernel-libipsec has none,
// as TestTransportMode shows. And AES-GCM with an ICV of 8 or 12
// octets, which charon has: IOS has no word for it.
var charonLacks = map[string]string{}
