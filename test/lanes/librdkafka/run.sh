#!/usr/bin/env bash
# Clients of Python against a broker: confluent-kafka (a current librdkafka in a wheel), kafka-python
# and aiokafka, each an implementation of its own. Needs python3 with venv, and PyPI on the first run.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../lane.sh"

venv=$CACHE/venv
if [ ! -f "$venv/done-2" ]; then
  if ! command -v python3 >/dev/null; then
    echo 'python3 is missing'
    echo '0 passed, 0 failed, 1 skipped'
    exit 77
  fi
  if ! { python3 -m venv "$venv" && "$venv/bin/pip" install --quiet \
    confluent-kafka==2.16.1 kafka-python==3.0.12 aiokafka==0.14.0 cramjam python-snappy lz4 zstandard; } >"$WORK/pip.out" 2>&1; then
    tail -n 3 "$WORK/pip.out"
    echo '0 passed, 0 failed, 1 skipped'
    exit 77
  fi
  touch "$venv/done-2"
fi

lane_start
check_program 'confluent-kafka' "$venv/bin/python" "$lane_dir/confluent.py" "$BOOTSTRAP"
check_program 'kafka-python' "$venv/bin/python" "$lane_dir/kafka_python.py" "$BOOTSTRAP"
check_program 'aiokafka' "$venv/bin/python" "$lane_dir/aio.py" "$BOOTSTRAP"
lane_end
