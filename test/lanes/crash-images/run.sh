#!/usr/bin/env bash
# Recovers many legal crash states of the log store on the simulated disk: `run.sh [IMAGES] [SEED]`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
export PATH="$PWD/node_modules/.bin:$PATH"
exec node test/lanes/crash-images/run.ts "$@"
