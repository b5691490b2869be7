#!/usr/bin/env bash
# The story of a tiered topic, told on each kind of store: produced, archived, killed, replayed by a
# client of Kafka, verified, lost and restored. Then what a broker does while its store refuses it.
# STORY_MIB says how much is produced, 96 MiB if absent; 5120 is the full form. STORY_STORES and PARTS
# choose among stores, and between story and trouble. What no time is left for is skipped.
set -euo pipefail
export STORY_MIB=${STORY_MIB:-96}
PARTS=${PARTS:-story trouble}
# What does not depend on the size, and a second for each 3 MiB.
story_s=$((60 + STORY_MIB / 3))
trouble_s=200
CHECK_SECONDS=${CHECK_SECONDS:-$((2 * (story_s > trouble_s ? story_s : trouble_s)))}
source "$(dirname "${BASH_SOURCE[0]}")/../lane.sh"
source "$root/test/lanes/support/stores.sh"

tell() {
  cd "$root"
  # KafkaJS sets timers in the past after a broker was away.
  node --disable-warning=TimeoutNegativeWarning "test/lanes/tier-clouds/$1.ts" "${@:2}"
}

install_faketime() {
  if command -v faketime; then return; fi
  as_root=
  if [ "$(id -u)" != 0 ]; then as_root='sudo -n'; fi
  DEBIAN_FRONTEND=noninteractive $as_root apt-get install --yes --no-install-recommends faketime
}

# A part that can end in the time that is left; without a limit there is always time.
part() { # PART STORE SECONDS
  [[ " $PARTS " = *" $1 "* ]] || return 0
  if [ $((${LANE_SECONDS:-1000000} - SECONDS)) -ge "$3" ]; then
    check_program "$1 on $2" bash -euc "tell $1 $2"
  else
    skip "$1 on $2" 'no time is left'
  fi
}

export root
export -f tell install_faketime
install_stores
check 'faketime is installed' bash -euc install_faketime
for store in ${STORY_STORES:-azurite versitygw fake-gcs-server rgw}; do
  part story "$store" "$story_s"
  # Another server of the same protocol would only say the same again.
  if [ "$store" != rgw ]; then part trouble "$store" "$trouble_s"; fi
done
lane_end
