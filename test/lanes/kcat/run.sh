#!/usr/bin/env bash
# kcat as Debian ships it: librdkafka 2.0, which reads from ApiVersions what it may compress with.
# Installs it with apt-get where it is missing and that is allowed.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../lane.sh"

if ! command -v kcat >/dev/null; then
  if ! { apt-get update -qq && apt-get install -y -qq kcat; } >"$WORK/apt.out" 2>&1; then
    echo 'kcat is missing and cannot be installed'
    echo '0 passed, 0 failed, 1 skipped'
    exit 77
  fi
fi
kcat -V | sed -n 's/.*\(librdkafka [0-9.]*\).*/\1/p'
lane_start
export BOOTSTRAP WORK
CHECK_SECONDS=40

# The commands are shell text for `bash -c`, which sees only BOOTSTRAP and WORK.
# shellcheck disable=SC2016
{
  seq 1 5000 | sed 's/$/: some text that a codec makes smaller, again and again and again/' >"$WORK/lines"
  check 'metadata' bash -euo pipefail -c 'kcat -b $BOOTSTRAP -L | grep -q "1 brokers"'
  check 'metadata as JSON' bash -euo pipefail -c 'kcat -b $BOOTSTRAP -L -J | grep -q "\"controllerid\":1"'
  for codec in none gzip snappy lz4 zstd; do
    check "compression $codec comes back as it went" bash -euo pipefail -c '
      kcat -b $BOOTSTRAP -P -t codec-'$codec' -p 0 -z '$codec' -l $WORK/lines
      kcat -b $BOOTSTRAP -C -t codec-'$codec' -p 0 -e -q >$WORK/back
      cmp $WORK/lines $WORK/back'
  done
  for acks in 0 1 all; do
    check "acks $acks" bash -euo pipefail -c '
      seq 1 100 | kcat -b $BOOTSTRAP -P -t acks-'$acks' -p 0 -X acks='$acks'
      for try in 1 2 3 4 5 6 7 8 9 10; do
        test "$(kcat -b $BOOTSTRAP -C -t acks-'$acks' -p 0 -e -q)" = "$(seq 1 100)" && exit 0
        sleep 0.3
      done
      exit 1'
  done
  check 'idempotent' bash -euo pipefail -c '
    kcat -b $BOOTSTRAP -P -t idem -p 0 -X enable.idempotence=true -X batch.num.messages=50 -l $WORK/lines
    kcat -b $BOOTSTRAP -C -t idem -p 0 -e -q | cmp $WORK/lines'
  check 'keys, headers, null and empty values' bash -euo pipefail -c '
    printf "k=v\nonly=\n" | kcat -b $BOOTSTRAP -P -t shapes -p 0 -K= -H a=1 -H a=2 -H b=
    printf "gone=\n" | kcat -b $BOOTSTRAP -P -t shapes -p 0 -K= -Z
    kcat -b $BOOTSTRAP -C -t shapes -p 0 -e -q -f "%k|%S|%s|%h\n" >$WORK/shapes
    printf "k|1|v|a=1,a=2,b=\nonly|0||a=1,a=2,b=\ngone|-1||\n" | cmp - $WORK/shapes'
  check 'a record of nearly 1 MiB' bash -euo pipefail -c '
    head -c 999000 /dev/zero | tr "\0" x >$WORK/large
    kcat -b $BOOTSTRAP -P -t large -p 0 $WORK/large
    kcat -b $BOOTSTRAP -C -t large -p 0 -e -q -f %s | cmp $WORK/large'
  check 'from the middle, from the end backwards, by time' bash -euo pipefail -c '
    test "$(kcat -b $BOOTSTRAP -C -t acks-all -p 0 -o 41 -c 1 -q)" = 42
    test "$(kcat -b $BOOTSTRAP -C -t acks-all -p 0 -o -3 -e -q)" = "$(seq 98 100)"
    test "$(kcat -b $BOOTSTRAP -C -t acks-all -p 0 -o s@0 -o e@99999999999999 -e -q)" = "$(seq 1 100)"
    kcat -b $BOOTSTRAP -Q -t acks-all:0:0 | grep -q "offset 0"
    kcat -b $BOOTSTRAP -Q -t acks-all:0:-1 | grep -q "offset 100"'
  check 'a group commits and resumes' bash -euo pipefail -c '
    test "$(timeout 20 kcat -b $BOOTSTRAP -G kcat-group -c 60 -q -o beginning \
      -X auto.offset.reset=earliest acks-all)" = "$(seq 1 60)"
    test "$(timeout 20 kcat -b $BOOTSTRAP -G kcat-group -c 40 -q \
      -X auto.offset.reset=earliest acks-all)" = "$(seq 61 100)"'
}
lane_end
