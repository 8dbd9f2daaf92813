package password

import "crypto/md5"

// md5crypt is the MD5 scheme of crypt(3), as FreeBSD has it: a thousand rounds
// over the password and up to eight octets of salt. It returns the 22 characters
// behind the salt.
func md5crypt(clear []byte, salt string) string {
	salt = salt[:min(len(salt), 8)]
	d := md5.New()
	d.Write(clear)
	d.Write([]byte("$1$" + salt))
	alternate := md5.Sum(join(clear, []byte(salt), clear))
	for n := len(clear); n > 0; n -= md5.Size {
		d.Write(alternate[:min(n, md5.Size)])
	}
	for n := len(clear); n > 0; n >>= 1 {
		if n&1 == 1 {
			d.Write([]byte{0})
		} else {
			d.Write(clear[:1])
		}
	}
	sum := d.Sum(nil)
	for i := range 1000 {
		d.Reset()
		if i%2 == 1 {
			d.Write(clear)
		} else {
			d.Write(sum)
		}
		if i%3 != 0 {
			d.Write([]byte(salt))
		}
		if i%7 != 0 {
			d.Write(clear)
		}
		if i%2 == 1 {
			d.Write(sum)
		} else {
			d.Write(clear)
		}
		sum = d.Sum(nil)
	}
	return md5Text(sum)
}

func join(parts ...[]byte) []byte {
	var all []byte
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// md5Text writes the sum in crypt's order: three octets at a time, the lowest
// bits first.
func md5Text(sum []byte) string {
	var out []byte
	put := func(v uint32, n int) {
		for range n {
			out = append(out, alphabet[v&63])
			v >>= 6
		}
	}
	for _, i := range [][3]int{{0, 6, 12}, {1, 7, 13}, {2, 8, 14}, {3, 9, 15}, {4, 10, 5}} {
		put(uint32(sum[i[0]])<<16|uint32(sum[i[1]])<<8|uint32(sum[i[2]]), 4)
	}
	put(uint32(sum[11]), 2)
	return string(out)
}
