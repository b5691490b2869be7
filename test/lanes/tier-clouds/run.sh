#!/usr/bin/env bash
# The story of a tiered topic, told on each kind of store: produced, archived, killed, replayed by a
# client of Kafka, verified, lost and restored. Then what a broker does while its store refuses it.
# STORY_MIB says how much is produced, 96 MiB if absent; 5120 is the full form. Stores for which no
# time is left are skipped.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../lane.sh"
source "$root/test/lanes/support/stores.sh"
export STORY_MIB=${STORY_MIB:-96}
# A minute for what does not depend on the size, and a second for each 4 MiB.
story_s=$((60 + STORY_MIB / 4))
CHECK_SECONDS=${CHECK_SECONDS:-$((2 * story_s))}

tell() {
  cd "$root"
  # KafkaJS sets timers in the past after a broker was away.
  node --disable-warning=TimeoutNegativeWarning "test/lanes/tier-clouds/$1.ts" "${@:2}"
}

# Whether a story can end in the time that is left; without a limit there is always time.
time_left() { [ $((${LANE_SECONDS:-1000000} - SECONDS)) -ge "$story_s" ]; }

export root
export -f tell
install_stores
if time_left; then check_program trouble bash -euc 'tell trouble'; else skip trouble 'no time is left'; fi
for store in azurite fake-gcs-server versitygw rgw; do
  if time_left; then
    check_program "$store" bash -euc "tell story $store"
  else
    skip "$store" 'no time is left'
  fi
done
lane_end
