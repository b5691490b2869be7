#!/usr/bin/env bash
# Lives of the tier under chaos, in virtual time: `run.sh [LIVES] [SEED]`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
export PATH="$PWD/node_modules/.bin:$PATH"
exec node test/lanes/tier-chaos/run.ts "$@"
