#!/usr/bin/env bash
# Object stores that npm does not bring: Ceph's RADOS gateway from Debian, versitygw and
# fake-gcs-server from Go's module proxy. The contract of the object store is held against each of
# them, and the fetch adapters run inside of workerd against them. What is missing is installed;
# what cannot be is a failure.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../lane.sh"
CHECK_SECONDS=${CHECK_SECONDS:-400}
export PATH="$root/node_modules/.bin:$CACHE/bin:$PATH"

VERSITYGW=github.com/versity/versitygw/cmd/versitygw@v1.8.0
FAKE_GCS=github.com/fsouza/fake-gcs-server@v1.56.1

install_ceph() {
  if command -v radosgw && command -v ceph-mon && command -v ceph-osd; then return; fi
  as_root=
  if [ "$(id -u)" != 0 ]; then as_root='sudo -n'; fi
  export DEBIAN_FRONTEND=noninteractive
  $as_root apt-get update
  $as_root apt-get install --yes --no-install-recommends radosgw ceph-mon ceph-osd
}

# One build for each version that is asked for; a cache that was made for another does not count.
install_go() {
  local name=$1 package=$2
  if [ "$(cat "$CACHE/bin/$name.version" 2>/dev/null)" = "$package" ]; then return; fi
  GOBIN=$CACHE/bin go install "$package"
  echo "$package" >"$CACHE/bin/$name.version"
}

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

mkdir -p "$CACHE/bin"
export root WORK CACHE
export -f install_ceph install_go contract
check 'Ceph is installed' bash -euc install_ceph
check 'versitygw is built' bash -euc "install_go versitygw $VERSITYGW"
check 'fake-gcs-server is built' bash -euc "install_go fake-gcs-server $FAKE_GCS"
for each in s3 gcs workers; do
  check_program "$each" bash -euc "contract $each"
done
lane_end
