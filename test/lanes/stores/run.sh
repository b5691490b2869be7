#!/usr/bin/env bash
# Object stores that npm does not bring: Ceph's RADOS gateway from Debian, versitygw and
# fake-gcs-server from Go's module proxy. The contract of the object store is held against each of
# them, and the fetch adapters run inside of workerd against them. What is missing is installed;
# what cannot be is a failure.
set -euo pipefail
CHECK_SECONDS=${CHECK_SECONDS:-400}
source "$(dirname "${BASH_SOURCE[0]}")/../lane.sh"
source "$root/test/lanes/support/stores.sh"

contract() {
  local report=$WORK/$1.json code=0
  cd "$root"
  vitest run --config test/lanes/stores/vitest.config.ts "test/lanes/stores/$1.test.ts" \
    --reporter=default --reporter=json --outputFile.json="$report" || code=$?
  node -e '
    const report = JSON.parse(require("node:fs").readFileSync(process.argv[1], "utf8"))
    for (const { assertionResults } of report.testResults) {
      for (const { status, fullName } of assertionResults) {
        if (status === "passed") console.log(`ok    ${fullName}`)
        if (status === "failed") console.log(`FAIL  ${fullName}`)
      }
    }
  ' "$report"
  return "$code"
}

export root WORK
export -f contract
install_stores
for each in s3 gcs workers; do
  check_program "$each" bash -euc "contract $each"
done
lane_end
