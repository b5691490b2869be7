#!/usr/bin/env bash
# Power cuts on real file systems: three rounds on each quickly, `--rounds 50` in full. Needs root, loop
# devices, python3, and e2fsprogs or xfsprogs; what is missing is skipped by name. 77: nothing ran.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
ran=0
if [ "$(id -u)" != 0 ] || [ ! -e /dev/loop-control ]; then
  echo 'skip  powercut: needs root and loop devices'
  exit 77
fi
for file_system in ext4 xfs; do
  if ! command -v "mkfs.$file_system" >/dev/null || ! command -v python3 >/dev/null; then
    echo "skip  powercut on $file_system: mkfs.$file_system or python3 is missing"
    continue
  fi
  node test/lanes/powercut/powercut.ts --file-system "$file_system" "$@"
  ran=1
done
[ "$ran" = 1 ] || exit 77
