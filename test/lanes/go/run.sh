#!/usr/bin/env bash
# franz-go and sarama against a broker, by a small program. Needs go 1.26, and the module proxy on
# the first run. Its build cache is go's own.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../lane.sh"

if ! command -v go >/dev/null; then
  echo 'go is missing'
  echo '0 passed, 0 failed, 1 skipped'
  exit 77
fi
if ! (cd "$lane_dir" && timeout 600 go build -mod=readonly -o "$CACHE/lane" .) >"$WORK/go.out" 2>&1; then
  tail -n 5 "$WORK/go.out"
  if grep -q 'dial tcp\|proxyconnect\|lookup ' "$WORK/go.out"; then
    echo '0 passed, 0 failed, 1 skipped'
    exit 77
  fi
  echo '0 passed, 1 failed, 0 skipped'
  exit 1
fi
lane_start
CHECK_SECONDS=240 check_program 'go' "$CACHE/lane" "$BOOTSTRAP"
lane_end
