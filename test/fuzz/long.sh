#!/bin/sh
# Fuzzes each target whose directory and name match ONLY until it has had SECONDS of
# processor, on one core and behind whatever else the machine does. What each turn
# got is kept in TABLE, so that a run that was broken off is gone on with; in the end
# the table is summed up. A failing input stays in the target's testdata/fuzz, as
# go test leaves it; the exit status is 1 then.
#
#   test/fuzz/long.sh SECONDS [ONLY [TABLE]]
set -u
wanted=${1:?seconds of processor for each target}
only=${2:-.}
table=${3:-bin/fuzz-long.tsv}
turn=120
go=${GO:-go}
log=$(mktemp)
trap 'rm -f "$log" "$log.times"' EXIT
failed=
mkdir -p "$(dirname "$table")"
touch "$table"

# seconds reads what the builtin times wrote of a shell's children that are over.
seconds() {
	tail -n 1 "$1" | sed 's/[ms]/ /g' | awk '{ printf "%d", 60 * $1 + $2 + 60 * $3 + $4 }'
}

# had is the processor's seconds of a target so far.
had() {
	awk -v dir="$1" -v target="$2" '$1 == dir && $2 == target { s += $3 } END { printf "%d", s }' "$table"
}

fuzz() {
	GOMAXPROCS=1 chrt --idle 0 "$go" test -run '^$' -fuzz "^$2\$" -fuzztime "$3" -fuzzminimizetime 10x -parallel 1 "./$1" >"$log" 2>&1
}

# A subshell, so that the times are this turn's alone.
one() (
	left=$((wanted - $(had "$1" "$2") + 3))
	fuzz "$1" "$2" "$((left < 30 ? 30 : left < turn ? left : turn))s"
	status=$?
	times >"$log.times"
	exit $status
)

# reached is whether the time of a turn was over while the worker was asked to stop,
# which go test calls a failure though no input failed.
reached() {
	grep -q 'context deadline exceeded' "$log" && ! grep -q 'Failing input written' "$log"
}

# starved is whether a worker was taken for hung, after ten seconds, only because the
# machine had no time for it: the input that it was at passes. It is no finding then.
starved() {
	grep -q 'process hung or terminated' "$log" || return 1
	input=$(sed -n 's,.*Failing input written to testdata/fuzz/[^/]*/,,p' "$log" | tail -n 1)
	[ -n "$input" ] && "$go" test -run "^$2\$/^$input\$" -count=1 "./$1" >/dev/null 2>&1 || return 1
	rm -f "$1/testdata/fuzz/$2/$input"
}

target() {
	fuzz "$1" "$2" 1x # to build it, which is not the target's time
	while [ "$(had "$1" "$2")" -lt "$wanted" ]; do
		if ! one "$1" "$2" && ! reached && ! starved "$1" "$2"; then
			echo "$1 $2: FAILED" >&2
			cat "$log" >&2
			return 1
		fi
		execs=$(sed -n 's/.*execs: \([0-9]*\).*/\1/p' "$log" | tail -n 1)
		inputs=$(sed -n 's/.*new interesting: [0-9]* (total: \([0-9]*\)).*/\1/p' "$log" | tail -n 1)
		printf '%s\t%s\t%d\t%d\t%d\n' "$1" "$2" "$(seconds "$log.times")" "${execs:-0}" "${inputs:-0}" >>"$table"
	done
}

for file in $(grep -rl --include='*_test.go' '^func Fuzz' cmd internal | sort); do
	for name in $(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\).*/\1/p' "$file"); do
		dir=$(dirname "$file")
		echo "$dir $name" | grep -Eq "$only" || continue
		target "$dir" "$name" || failed="$failed $dir:$name"
	done
done
awk '{ k = $1 " " $2; s[k] += $3; e[k] += $4; i[k] = $5 }
	END { for (k in s) printf "%s: %d executions, %d inputs, %d s of processor\n", k, e[k], i[k], s[k] }' "$table" | sort
if [ -n "$failed" ]; then
	echo "failed:$failed" >&2
	exit 1
fi
