#!/usr/bin/env bash
# A sync that fails stops a real broker: `--rounds N`. Needs strace; 77 without it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
if ! command -v strace >/dev/null; then
  echo 'skip  fsync-error: strace is missing'
  exit 77
fi
exec node test/lanes/fsync-error/fsync-error.ts "$@"
