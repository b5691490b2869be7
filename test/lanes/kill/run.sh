#!/usr/bin/env bash
# Kills a broker under load: three rounds quickly, `--rounds 200` in full.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
exec node test/lanes/kill/kill.ts "$@"
