//go:build kernel

package kernel

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// modules are what the guest's kernel gets.
var modules = strings.Fields(`
	drbg esp4 xfrm_user xfrm_interface
	authenc echainiv seqiv gcm ghash-generic ctr ecb cbc cryptd des_generic sha512_generic md5 crypto_null
	veth tun nf_tables nft_fib nft_fib_ipv4 nft_fib_ipv6 nft_fib_inet nft_limit nft_log nft_objref nft_ct nft_nat nft_chain_nat
	nfnetlink_log nf_conntrack_netlink nf_defrag_ipv4 nft_xfrm`)

// builtin says that the kernel has a module in itself.
func builtin(list, module string) bool {
	return strings.Contains(strings.ReplaceAll(list, "_", "-"), "/"+strings.ReplaceAll(module, "_", "-")+".ko")
}

// addKernel adds the modules with those that they need, and returns the image.
func addKernel(t *testing.T, root string) (image string) {
	t.Helper()
	images, err := filepath.Glob(filepath.Join(*kernelDir, "boot/vmlinuz-*"))
	must(t, err)
	if len(images) != 1 {
		t.Fatalf("%s has no kernel: `make test-packages` unpacks one there", *kernelDir)
	}
	version := strings.TrimPrefix(filepath.Base(images[0]), "vmlinuz-")
	must(t, exec.Command("depmod", "-b", *kernelDir, version).Run())
	from, to := filepath.Join(*kernelDir, "lib/modules", version), filepath.Join(root, "lib/modules", version)
	deps, err := os.ReadFile(filepath.Join(from, "modules.dep"))
	must(t, err)
	there, err := os.ReadFile(filepath.Join(from, "modules.builtin"))
	must(t, err)
	needs := map[string][]string{}
	for _, line := range strings.Split(string(deps), "\n") {
		file, rest, _ := strings.Cut(line, ":")
		name := strings.ReplaceAll(strings.TrimSuffix(filepath.Base(file), ".ko"), "_", "-")
		needs[name] = append([]string{file}, strings.Fields(rest)...)
	}
	for _, m := range modules {
		files := needs[strings.ReplaceAll(m, "_", "-")]
		if files == nil && !builtin(string(there), m) {
			t.Errorf("the kernel has no module %s", m)
		}
		for _, f := range files {
			copyFile(t, filepath.Join(from, f), filepath.Join(to, f))
		}
	}
	for _, name := range []string{"modules.builtin", "modules.builtin.modinfo", "modules.order"} {
		copyFile(t, filepath.Join(from, name), filepath.Join(to, name))
	}
	must(t, exec.Command("depmod", "-b", root, version).Run())
	return images[0]
}
