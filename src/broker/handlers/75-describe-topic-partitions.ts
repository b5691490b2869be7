// DescribeTopicPartitions (75), version 0: Metadata in pages (KIP-966). Topics come in the order of
// their names, partitions in that of their numbers; a cursor names the first that was left out.
// A page holds at most as many partitions as the client asks for, and as the broker allows.
import { ErrorCode } from '../../base/error-codes.ts'
import { KafkaError } from '../../base/errors.ts'
import type { ClusterImage, TopicImage } from '../../cluster/image.ts'
import { INTERNAL_TOPICS, topicNameFault } from '../../cluster/topic-name.ts'
import type {
  DescribeTopicPartitionsRequest,
  DescribeTopicPartitionsResponse,
  DescribeTopicPartitionsResponseCursor,
  DescribeTopicPartitionsResponsePartition,
  DescribeTopicPartitionsResponseTopic,
} from '../../wire/messages/75-describe-topic-partitions.ts'
import type { Input } from '../../wire/schema.ts'
import type { Handler } from '../handler.ts'
import { ListenerView, TOPIC_OPERATIONS } from '../topic-view.ts'

/** What the handler needs. */
export interface DescribeTopicPartitionsDeps {
  readonly selfId: number
  readonly image: () => ClusterImage
  /** Setting max.request.partition.size.limit, as it is now. */
  readonly partitionsMax: () => number
}

/** Partitions `[from, to)` of a topic. */
const partitionsOf = (
  view: ListenerView,
  topic: TopicImage,
  from: number,
  to: number,
): DescribeTopicPartitionsResponsePartition[] => {
  const partitions: DescribeTopicPartitionsResponsePartition[] = []
  for (let index = from; index < to; index++) {
    const partition = topic.partitions.get(index)
    if (partition === undefined) continue
    const { code, leader, leaderEpoch, replicas, inSync, offline } = view.partition(partition)
    partitions.push({
      errorCode: code,
      partitionIndex: index,
      leaderId: leader,
      leaderEpoch,
      replicaNodes: replicas,
      isrNodes: inSync,
      eligibleLeaderReplicas: [],
      lastKnownElr: [],
      offlineReplicas: offline,
    })
  }
  return partitions
}

/** Where sorted `names` reach `from`: the first that is not below it. */
const firstAtLeast = (names: readonly string[], from: string): number => {
  let low = 0
  let high = names.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((names[middle] ?? '') < from) low = middle + 1
    else high = middle
  }
  return low
}

const absent = (name: string): Input<DescribeTopicPartitionsResponseTopic> => ({
  errorCode:
    topicNameFault(name) === null
      ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
      : ErrorCode.INVALID_TOPIC_EXCEPTION,
  name,
  isInternal: INTERNAL_TOPICS.has(name),
})

/** Answers DescribeTopicPartitions. Throws KafkaError 42 for a cursor that names no partition. */
export const describeTopicPartitions =
  (
    deps: DescribeTopicPartitionsDeps,
  ): Handler<DescribeTopicPartitionsRequest, Input<DescribeTopicPartitionsResponse>> =>
  ({ topics: asked, responsePartitionLimit, cursor }, { advertised }) => {
    if (cursor !== null && cursor.partitionIndex < 0) {
      const text = 'DescribeTopicPartitions needs a cursor with a partition of 0 or more'
      throw new KafkaError(ErrorCode.INVALID_REQUEST, text)
    }
    const image = deps.image()
    const view = new ListenerView(image, deps.selfId, advertised)
    // No names ask for all topics. Names sort by code unit, like the cursor that continues them.
    const names =
      asked.length === 0
        ? image.topicNames()
        : [...new Set(asked.map(({ name }) => name))].sort((a, b) => (a < b ? -1 : 1))
    let room = Math.max(1, Math.min(responsePartitionLimit, deps.partitionsMax()))
    const topics: Input<DescribeTopicPartitionsResponseTopic>[] = []
    let nextCursor: DescribeTopicPartitionsResponseCursor | null = null
    for (let at = firstAtLeast(names, cursor?.topicName ?? ''); at < names.length; at++) {
      const name = names[at] ?? ''
      const topic = image.topicByName(name)
      const from = name === cursor?.topicName ? cursor.partitionIndex : 0
      if (room === 0) {
        nextCursor = { topicName: name, partitionIndex: from }
        break
      }
      if (topic === undefined) {
        topics.push(absent(name))
        continue
      }
      const to = Math.min(topic.partitions.size, from + room)
      topics.push({
        errorCode: ErrorCode.NONE,
        name,
        topicId: topic.id,
        isInternal: INTERNAL_TOPICS.has(name),
        partitions: partitionsOf(view, topic, from, to),
        topicAuthorizedOperations: TOPIC_OPERATIONS,
      })
      room -= Math.max(0, to - from)
      if (to < topic.partitions.size) {
        nextCursor = { topicName: name, partitionIndex: to }
        break
      }
    }
    return { topics, nextCursor }
  }
