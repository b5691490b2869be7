#!/usr/bin/env bash
# Recovers many legal crash states of the log store on the simulated disk: `run.sh [IMAGES] [SEED]`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
STRATALOG_CRASH_IMAGES=${1:-100000} STRATALOG_SEED=${2:-1} \
  exec npx vitest run test/log/crash-images.test.ts --disable-console-intercept
