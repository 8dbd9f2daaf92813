GO       ?= go
# Runs of each fuzz target. A time would do too, but go test -fuzz may then end
# with "context deadline exceeded" though nothing failed.
FUZZTIME ?= 20000x
# Of `fuzz-long`: seconds of processor for each target, and which, as `grep -E` finds them.
FUZZLONG ?= 600
FUZZONLY ?= .
BENCH    ?= .
PARALLEL ?= 4
# Seeds of the simulator, from FROM on; SEED shows one of them.
SEEDS    ?= 500
FROM     ?= 1
SEED     ?=
# Packets a second of `make flood`, and how long each flood takes.
RATES    ?= 30000 100000
FLOOD    ?= 15s
SOAK     ?= 30m
# Rounds of the benchmark of tunnels, and more of its flags, as test/interop/bench_test.go has them.
ROUNDS   ?= 5
TUNNELS  ?=
# More flags of the benchmark of handshakes, as test/interop/bench_handshakes_test.go has them.
HANDSHAKES ?=
# And of that of size, as test/interop/bench_size_test.go has them.
SIZE     ?=

# What the tests against real peers, and Go's race detector, need of Debian.
PACKAGES := iproute2 iputils-ping procps tcpdump tshark nftables conntrack gcc libc6-dev \
	strongswan-charon strongswan-swanctl libstrongswan-standard-plugins libcharon-extra-plugins libcharon-extauth-plugins \
	scep openssl \
	qemu-system-x86 busybox-static cpio kmod \
	freeradius vpnc iperf3 libnss3-tools libldns3 libevent-pthreads-2.1-7 libcurl3-nss libcap-ng0 libunbound8 libldap-2.5-0

# libreswan's package and strongSwan's exclude each other: it is unpacked here.
LIBRESWAN := bin/peers/libreswan

# The kernel of the machine that QEMU makes for test/kernel.
GUEST_KERNEL := bin/guest/kernel

# Directories of the tests behind the tag `integration`, and of those with golden files.
INTEGRATION = $(sort $(dir $(shell grep -rl --include='*_test.go' '^//go:build integration' cmd internal)))
GOLDEN      = $(sort $(dir $(shell grep -rl --include='*_test.go' 'flag.Bool("update"' cmd internal)))

# The tests on this machine are of ESP in user space, also where its kernel has ESP.
export QMIDLE_DATA_PLANE := user-space

MAKEFLAGS += --no-print-directory
.NOTPARALLEL:
.PHONY: help build demo test test-packages test-style test-unit test-integration test-guest test-kernel test-interop simulate flood soak fuzz fuzz-long bench bench-tunnel bench-handshakes bench-size diagnosis update-golden clean root

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 18

build: ## bin/qmidle
	$(GO) build -o bin/qmidle ./cmd/qmidle

demo: build ## two routers in memory, from no SA to QM_IDLE and a ping
	bin/qmidle lab examples/site-to-site --script examples/site-to-site/demo.script

test: root test-packages test-style test-unit test-integration test-guest test-interop ## everything, as root; installs the peers

root:
	@test "$$(id -u)" = 0 || { echo "make test needs root: it installs packages and makes network namespaces. Without root: go test ./..." >&2; exit 1; }

test-packages: root ## install what the tests need and Debian has
	@missing=; for p in $(PACKAGES); do \
		dpkg-query -W -f '$${Status}\n' $$p 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$p"; done; \
	if [ -n "$$missing" ]; then \
		apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $$missing; fi
	@test -x $(LIBRESWAN)/usr/libexec/ipsec/pluto || { rm -rf $(LIBRESWAN); mkdir -p $(LIBRESWAN); cd $(LIBRESWAN); \
		apt-get download libreswan || { apt-get update; apt-get download libreswan; }; \
		dpkg -x libreswan_*.deb . && rm libreswan_*.deb; }
	@test -d $(GUEST_KERNEL)/boot || { rm -rf $(GUEST_KERNEL); mkdir -p $(GUEST_KERNEL); cd $(GUEST_KERNEL); \
		image() { apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: \(linux-image-[0-9]\)/\1/p' | head -1; }; \
		apt-get download $$(image) || { apt-get update; apt-get download $$(image); }; \
		dpkg -x linux-image-*.deb . && rm linux-image-*.deb; }

test-style: ## gofmt and go vet
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "gofmt -l: $$unformatted" >&2; exit 1; }
	$(GO) vet ./...
	$(GO) vet -tags integration,interop,bench ./...
	$(GO) vet -tags kernel ./test/kernel && $(GO) vet -tags guest ./test/kernel/guest ./internal/dataplane

test-unit: ## go test ./... with the race detector; needs no root
	$(GO) test -race -timeout 30m ./...

test-integration: root ## the daemon and its data plane in network namespaces
	$(GO) test -count=1 -p 1 -tags integration $(addprefix ./,$(INTEGRATION))

test-guest: ## the daemon with a kernel that has ESP, which QEMU boots
	$(GO) test -count=1 -tags kernel -timeout 20m -run TestKernel ./test/kernel

test-kernel: root test-packages ## the same, and with strongSwan and libreswan there
	$(GO) test -count=1 -tags kernel -timeout 40m -v ./test/kernel

test-interop: root ## the daemon with strongSwan and libreswan, its AAA with FreeRADIUS
	$(GO) test -count=1 -tags interop -parallel $(PARALLEL) -timeout 20m ./test/interop
	$(GO) test -count=1 -tags interop -run FreeRADIUS ./internal/gateway
	$(GO) test -count=1 -tags interop -run Tshark ./internal/lab/simulate

flood: root test-packages ## RATES of packets of each kind from nobody against the daemon, FLOOD long each; figures go to bin/flood.txt
	@mkdir -p bin; rm -f bin/flood.txt
	@set -e; for rate in $(RATES); do \
		$(GO) test -count=1 -tags integration -run 'TestFlood(Peers)?$$' ./cmd/qmidle -flood-rate $$rate -flood-length $(FLOOD) -flood-report $(CURDIR)/bin/flood.txt; done
	@cat bin/flood.txt

soak: root test-packages ## 1,000 tunnels with short lifetimes, packets in each and 1 % loss for SOAK
	$(GO) test -count=1 -tags interop,bench -timeout 0 -run 'TestSoak$$' -v ./test/interop -soak $(SOAK)

simulate: ## SEEDS runs of the lab on networks that misbehave, from FROM on; SEED=N shows one
	GOGC=400 $(GO) test ./internal/lab/simulate -count=1 -timeout 0 -run 'TestSeeds$$' $(if $(SEED),-v -seed $(SEED),-seeds $(SEEDS) -from $(FROM))

fuzz: ## each fuzz target FUZZTIME, such as 20000x
	@set -e; for file in $$(grep -rl --include='*_test.go' '^func Fuzz' cmd internal); do \
		for target in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\).*/\1/p' $$file); do \
			echo "== $$target in $$(dirname $$file)"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x ./$$(dirname $$file); \
		done; done

fuzz-long: ## each fuzz target FUZZLONG seconds of processor, on one idle core; goes on where it was; FUZZONLY=REGEXP chooses
	@GO="$(GO)" test/fuzz/long.sh $(FUZZLONG) '$(FUZZONLY)'

bench: ## benchmarks; BENCH=REGEXP chooses; that of tunnels draws docs/size-lab.svg
	QMIDLE_CURVE=$(CURDIR)/docs/size-lab.svg $(GO) test -run '^$$' -bench '$(BENCH)' -benchmem ./...

bench-tunnel: root test-packages ## throughput beside charon, wireguard-go and a bare wire, in network namespaces
	$(GO) test -count=1 -tags interop,bench -timeout 2h -run TestBenchTunnel -v ./test/interop -rounds $(ROUNDS) $(TUNNELS)

bench-handshakes: root test-packages ## tunnels a second and core beside charon, with 2,000 and with 10,000 of them
	$(GO) test -count=1 -tags interop,bench -timeout 3h -run TestBenchHandshakes -v ./test/interop -rounds $(ROUNDS) $(HANDSHAKES)

bench-size: root test-packages ## 10,000 tunnels kept up; memory and CPU against tunnels, drawn into docs/size.svg
	$(GO) test -count=1 -tags interop,bench -timeout 1h -run 'TestBenchSize|TestBenchCurve' -v ./test/interop -svg $(CURDIR)/docs/size.svg $(SIZE)

diagnosis: ## inject faults in the lab, and write and show what each end can know of them
	$(GO) test -count=1 ./internal/lab -run 'TestFaults' -update
	@sed -n '/<!-- faults -->/,/<!-- end of faults -->/p' docs/diagnosis.md | grep '^|'

update-golden: root ## write the golden files anew; read every line that changes
	$(GO) test $(addprefix ./,$(GOLDEN)) -update
	$(GO) test -count=1 -tags interop ./test/interop -run TestShow -update

clean: ## remove what was built
	rm -rf bin
