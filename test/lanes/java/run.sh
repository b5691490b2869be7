#!/usr/bin/env bash
# Apache Kafka's Java clients and command line tools, 4.3.1, from Maven: a program of ours, then the
# tools as an operator runs them. Needs java and javac 17, mvn, and Maven Central on the first run.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../lane.sh"

for tool in java javac mvn; do
  if ! command -v "$tool" >/dev/null; then
    echo "$tool is missing"
    echo '0 passed, 0 failed, 1 skipped'
    exit 77
  fi
done
stamp=$CACHE/lib/done-$(cksum <"$lane_dir/pom.xml" | cut -d' ' -f1)
if [ ! -f "$stamp" ]; then
  rm -rf "$CACHE/lib"
  if ! timeout 600 mvn -q -B -f "$lane_dir/pom.xml" dependency:copy-dependencies \
    -DoutputDirectory="$CACHE/lib" -DincludeScope=runtime >"$WORK/mvn.out" 2>&1; then
    tail -n 3 "$WORK/mvn.out"
    echo '0 passed, 0 failed, 1 skipped'
    exit 77
  fi
  touch "$stamp"
fi
java=(java -Xmx256m -XX:TieredStopAtLevel=1 -cp "$WORK/classes:$CACHE/lib/*")
javac -nowarn -d "$WORK/classes" -cp "$CACHE/lib/*" "$lane_dir/Lane.java"

lane_start
CHECK_SECONDS=240 check_program 'java' "${java[@]}" Lane "$BOOTSTRAP"

tools=org.apache.kafka.tools
# Runs a tool, and fails unless its output matches the expression.
tool() {
  local expected=$1 class=$2
  shift 2
  "${java[@]}" "$class" "$@" >"$WORK/tool.out" 2>&1 || { cat "$WORK/tool.out"; return 1; }
  [ -z "$expected" ] || grep -Eq -- "$expected" "$WORK/tool.out" || { cat "$WORK/tool.out"; return 1; }
}
# What `check` runs in a shell of its own: the tool's name in words, then what its output must match.
try() {
  local name=$1
  shift
  check "$name" bash -c "$(declare -p java WORK); $(declare -f tool); tool \"\$@\"" tool "$@"
}
b=(--bootstrap-server "$BOOTSTRAP")

try 'kafka-topics --create' 'Created topic t' $tools.TopicCommand "${b[@]}" --create --topic t \
  --partitions 3 --replication-factor 1 --config retention.ms=86400000
try 'kafka-topics --list' '^t$' $tools.TopicCommand "${b[@]}" --list
try 'kafka-topics --describe' 'PartitionCount: 3.*retention.ms=86400000' \
  $tools.TopicCommand "${b[@]}" --describe --topic t
try 'kafka-topics --alter' '' $tools.TopicCommand "${b[@]}" --alter --topic t --partitions 4
try 'kafka-configs --alter' 'Completed updating config' kafka.admin.ConfigCommand "${b[@]}" --alter \
  --entity-type topics --entity-name t --add-config segment.bytes=1048576
try 'kafka-configs --describe' 'segment.bytes=1048576' kafka.admin.ConfigCommand "${b[@]}" --describe \
  --entity-type topics --entity-name t
try 'kafka-configs --describe --all of the broker' 'log.retention' kafka.admin.ConfigCommand "${b[@]}" \
  --describe --all --entity-type brokers --entity-name 1
try 'kafka-producer-perf-test' '20000 records sent' $tools.ProducerPerformance \
  --bootstrap-server "$BOOTSTRAP" --topic t --num-records 20000 --record-size 100 --throughput -1
try 'kafka-consumer-perf-test' ', 20000, ' $tools.ConsumerPerformance "${b[@]}" --topic t \
  --num-records 20000 --timeout 30000
printf 'k1\tv1\nk2\tv2\n' >"$WORK/lines"
check 'kafka-console-producer' bash -c "$(declare -p java); \"\${java[@]}\" $tools.ConsoleProducer \
  --bootstrap-server $BOOTSTRAP --topic lines --reader-property parse.key=true <'$WORK/lines'"
try 'kafka-console-consumer in a group' '^k1.v1$' $tools.consumer.ConsoleConsumer "${b[@]}" \
  --topic lines --from-beginning --max-messages 2 --group lane --formatter-property print.key=true
groups=$tools.consumer.group.ConsumerGroupCommand
try 'kafka-consumer-groups --list' '^lane$' $groups "${b[@]}" --list
try 'kafka-consumer-groups --describe' 'lines +0 +2 +2 +0' $groups "${b[@]}" --describe --group lane
try 'kafka-consumer-groups --reset-offsets' 'lines +0 +0' $groups "${b[@]}" --reset-offsets \
  --group lane --topic lines --to-earliest --execute
try 'kafka-consumer-groups --delete-offsets' 'success|Successful' $groups "${b[@]}" --delete-offsets \
  --group lane --topic lines
try 'kafka-consumer-groups --delete' 'was successful' $groups "${b[@]}" --delete --group lane
try 'kafka-get-offsets' 'lines:0:2' $tools.GetOffsetShell "${b[@]}" --topic lines
printf '{"version":1,"partitions":[{"topic":"lines","partition":0,"offset":1}]}' >"$WORK/delete.json"
try 'kafka-delete-records' 'low_watermark: 1' $tools.DeleteRecordsCommand "${b[@]}" \
  --offset-json-file "$WORK/delete.json"
try 'kafka-broker-api-versions' 'Produce\(0\): 0 to 13 \[usable: 13\]' \
  $tools.BrokerApiVersionsCommand "${b[@]}"
try 'kafka-cluster cluster-id' 'Cluster ID: ' $tools.ClusterTool cluster-id "${b[@]}"
try 'kafka-log-dirs' '"partition":"lines-0"' $tools.LogDirsCommand "${b[@]}" --describe
try 'kafka-groups --list' '' $tools.GroupsCommand "${b[@]}" --list
try 'kafka-topics --delete' '' $tools.TopicCommand "${b[@]}" --delete --topic t
lane_end
