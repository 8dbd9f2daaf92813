/* libreswan hands its SAs to the kernel. On one without ESP that fails, and
 * nothing can be said of the negotiation's end. Preloaded, this lets the
 * kernel's "protocol not supported" pass for success; no packet is encrypted. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <linux/netlink.h>
#include <sys/socket.h>

typedef ssize_t (*receiver)(int, void *, size_t, int, struct sockaddr *, socklen_t *);

ssize_t recvfrom(int fd, void *buf, size_t len, int flags, struct sockaddr *from, socklen_t *fromlen)
{
	receiver real = (receiver)dlsym(RTLD_NEXT, "recvfrom");
	ssize_t n = real(fd, buf, len, flags, from, fromlen);
	struct nlmsghdr *h = buf;
	if (!from || from->sa_family != AF_NETLINK || n < (ssize_t)NLMSG_LENGTH(sizeof(int)) || h->nlmsg_type != NLMSG_ERROR)
		return n;
	struct nlmsgerr *e = NLMSG_DATA(h);
	if (e->error == -EPROTONOSUPPORT)
		e->error = 0;
	return n;
}

/* The form that the C library puts in its place when it knows the buffer's size. */
ssize_t __recvfrom_chk(int fd, void *buf, size_t len, size_t size, int flags, struct sockaddr *from, socklen_t *fromlen)
{
	return recvfrom(fd, buf, len, flags, from, fromlen);
}
