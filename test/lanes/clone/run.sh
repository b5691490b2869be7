#!/usr/bin/env bash
# The README from nothing: a clean clone, a real `npm ci`, every example. Takes about two minutes
# and the network that npm needs; 77 when there is no broker to start yet.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
[ -f src/main.ts ] || exit 77
STRATALOG_README=full exec npx vitest run test/readme.test.ts
