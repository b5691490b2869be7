# Shared by the lanes: a broker of one's own on free ports in a temporary directory, a count of what
# passed, and an end that leaves nothing behind. Sourced by each run.sh, which then calls
#
#   lane_start [start's flags]     sets BOOTSTRAP, WORK (scratch), CACHE (kept between runs)
#   check NAME COMMAND...          runs it for at most CHECK_SECONDS, counts it, shows its end if it failed
#   skip NAME REASON               counts what cannot be run here
#   lane_end                       prints the totals last and exits: 0, 1, or 77 when nothing ran
lane_dir=$(cd "$(dirname "${BASH_SOURCE[1]}")" && pwd)
root=$(cd "$lane_dir/../../.." && pwd)
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/stratalog-lanes/$(basename "$lane_dir")
mkdir -p "$CACHE"
WORK=$(mktemp -d "${TMPDIR:-/tmp}/stratalog-lane.XXXXXX")
CHECK_SECONDS=${CHECK_SECONDS:-120}
passed=0 failed=0 skipped=0 broker_pid=

lane_cleanup() {
  if [ -n "$broker_pid" ]; then
    kill "$broker_pid" 2>/dev/null || true
    for _ in $(seq 100); do kill -0 "$broker_pid" 2>/dev/null || break; sleep 0.1; done
    kill -9 "$broker_pid" 2>/dev/null || true
  fi
  rm -rf "$WORK"
}
trap lane_cleanup EXIT
trap 'exit 1' INT TERM

lane_start() {
  "$root/bin/stratalog" start --data-dir "$WORK/data" --kafka 127.0.0.1:0 --http 127.0.0.1:0 \
    --set group.initial.rebalance.delay.ms=0 "$@" >"$WORK/broker.out" 2>"$WORK/broker.err" &
  broker_pid=$!
  for _ in $(seq 300); do
    if ! kill -0 "$broker_pid" 2>/dev/null; then break; fi
    BOOTSTRAP=$(sed -n 's/^ready kafka=\([^ ]*\).*/\1/p' "$WORK/broker.out")
    if [ -n "$BOOTSTRAP" ]; then return; fi
    sleep 0.1
  done
  echo 'the broker did not start:' >&2
  cat "$WORK/broker.out" "$WORK/broker.err" >&2
  exit 1
}

check() {
  local name=$1 code=0
  shift
  timeout -k 5 "$CHECK_SECONDS" "$@" >"$WORK/check.out" 2>&1 </dev/null || code=$?
  if [ "$code" = 0 ]; then
    passed=$((passed + 1))
    echo "ok    $name"
  else
    failed=$((failed + 1))
    echo "FAIL  $name (exit $code)"
    tail -n 25 "$WORK/check.out" | sed 's/^/      /'
  fi
}

# A program that prints `ok NAME`, `FAIL NAME` and `skip NAME` itself, a line for each of its checks.
check_program() {
  local name=$1 code=0
  shift
  timeout -k 5 "$CHECK_SECONDS" "$@" >"$WORK/check.out" 2>&1 </dev/null || code=$?
  cat "$WORK/check.out"
  local good bad
  good=$(grep -c '^ok ' "$WORK/check.out" || true)
  bad=$(grep -c '^FAIL ' "$WORK/check.out" || true)
  passed=$((passed + good))
  failed=$((failed + bad))
  skipped=$((skipped + $(grep -c '^skip ' "$WORK/check.out" || true)))
  if [ "$bad" = 0 ] && { [ "$code" != 0 ] || [ "$good" = 0 ]; }; then
    failed=$((failed + 1))
    echo "FAIL  $name (exit $code)"
  fi
}

skip() {
  skipped=$((skipped + 1))
  echo "skip  $1: $2"
}

# SIGTERM must end the broker with 0 after it has flushed.
lane_stop() {
  local code=0
  kill "$broker_pid" 2>/dev/null || true
  (sleep 20 && kill -9 "$broker_pid" 2>/dev/null) &
  local guard=$!
  wait "$broker_pid" || code=$?
  kill "$guard" 2>/dev/null || true
  broker_pid=
  if [ "$code" = 0 ]; then
    passed=$((passed + 1))
    echo 'ok    the broker stops when told to'
  else
    failed=$((failed + 1))
    echo "FAIL  the broker stops when told to (exit $code)"
  fi
}

lane_end() {
  if [ -s "$WORK/broker.err" ] && grep -q '"level":[56]0' "$WORK/broker.err"; then
    failed=$((failed + 1))
    echo 'FAIL  the broker logged errors:'
    grep '"level":[56]0' "$WORK/broker.err" | head -n 5
  fi
  if [ -n "$broker_pid" ]; then lane_stop; fi
  echo "$passed passed, $failed failed, $skipped skipped"
  if [ "$failed" -gt 0 ]; then exit 1; fi
  if [ "$passed" = 0 ]; then exit 77; fi
  exit 0
}
