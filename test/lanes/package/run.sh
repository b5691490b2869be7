#!/usr/bin/env bash
# The package as npm publishes it: built and packed from what is committed, installed into an empty
# project, imported there, and started through its bin. Needs the network that npm needs.
set -euo pipefail
CHECK_SECONDS=${CHECK_SECONDS:-300}
source "$(dirname "${BASH_SOURCE[0]}")/../lane.sh"
export PATH="$root/node_modules/.bin:$PATH"

# A clone of its own, so that no dist is left in the tree.
git clone --quiet --no-hardlinks "$root" "$WORK/clone"
ln -s "$(cd "$root/node_modules" && pwd -P)" "$WORK/clone/node_modules"
app=$WORK/app
mkdir "$app"
echo '{ "name": "app", "version": "1.0.0", "private": true, "type": "module" }' >"$app/package.json"

pack() { cd "$WORK/clone" && npm pack --silent --pack-destination "$WORK"; }
install_it() { cd "$app" && npm install --silent --no-audit --no-fund "$WORK"/stratalog-*.tgz; }

only_what_is_meant() {
  tar -tzf "$WORK"/stratalog-*.tgz | sed 's,^package/,,' >"$WORK/list"
  ! grep -vE '^(bin/stratalog|dist/.+\.(js|d\.ts)|deno\.json|package\.json|README\.md|LICENSE|CHANGELOG\.md)$' "$WORK/list"
}

embed() {
  cat >"$app/use.mjs" <<'JS'
import { startBroker } from 'stratalog'
const broker = await startBroker({ memory: true })
if (!(broker.kafka.port > 0)) throw new Error('no port')
await broker.close()
JS
  cd "$app" && node use.mjs && [ ! -e data ]
}

# Its types resolve for a strict TypeScript project.
typed() {
  cat >"$app/use.mts" <<'TS'
import { startBroker } from 'stratalog'
import type { RunningBroker } from 'stratalog'
const broker: RunningBroker = await startBroker({ memory: true })
const port: number = broker.kafka.port
await broker.close()
export { port }
TS
  cd "$app" && "$root/node_modules/.bin/tsc" --noEmit --strict --skipLibCheck \
    --module nodenext --target es2024 use.mts
}

# Started by npx's own link; SIGTERM goes to the broker itself and gives exit code 0.
serve() {
  cd "$app"
  node_modules/.bin/stratalog start --kafka 127.0.0.1:0 --http 127.0.0.1:0 >"$WORK/out" 2>"$WORK/err" &
  local pid=$! code=0 bootstrap=
  for _ in $(seq 300); do
    bootstrap=$(sed -n 's/^ready kafka=\([^ ]*\).*/\1/p' "$WORK/out")
    if [ -n "$bootstrap" ] || ! kill -0 "$pid"; then break; fi
    sleep 0.1
  done
  export STRATALOG_BOOTSTRAP=$bootstrap
  npx stratalog topic create orders || code=1
  printf 'first\nsecond\n' | npx stratalog produce orders || code=1
  [ "$(npx stratalog consume orders --until-end | sort | tr '\n' ' ')" = 'first second ' ] || code=1
  kill -TERM "$pid"
  wait "$pid" || code=1
  cat "$WORK/err"
  return "$code"
}

export root WORK app
export -f pack install_it only_what_is_meant embed typed serve
check 'npm pack builds' bash -euc pack
check 'the package holds what is meant' bash -euc only_what_is_meant
check 'npm install' bash -euc install_it
check "import { startBroker } from 'stratalog'" bash -euc embed
check 'its types' bash -euc typed
check 'stratalog start, produce, consume, SIGTERM' bash -euc serve
lane_end
