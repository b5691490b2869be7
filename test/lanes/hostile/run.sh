#!/bin/sh
# Full sizes of bad input against a broker in a process of its own, over loopback: ten thousand idle
# connections, five thousand that announce 100 MiB, ten thousand slow writers, a thousand consumers
# that never read. What the broker's memory and another client's latency do meanwhile is printed,
# and held against their bounds. Takes about a minute.
set -eu
here=$(CDPATH='' cd -P "${0%/*}" && pwd)
root=$(CDPATH='' cd -P "$here/../../.." && pwd)
# The broker holds one end of every connection and the lane the other, each in its own process.
ulimit -n "$(ulimit -Hn)" 2>/dev/null || true
PATH=$root/node_modules/.bin:$PATH exec node "$here/lane.ts"
