// OffsetFetch (key 9), versions 1 to 10. Version 2 added the code for the whole answer and null for
// all topics, 5 the leader epoch, 7 require_stable, 8 several groups in one request, 9 a member id
// and epoch (which classic groups ignore), 10 topic ids. What a group has not committed is offset
// -1 without an error; what could not be looked up is an error with offset -1.
import { ErrorCode } from '../../base/error-codes.ts'
import type { GroupCoordinator } from '../../group/coordinator.ts'
import { fetchOffsets } from '../../group/offset-service.ts'
import type { FetchedOffset, FetchReply, FetchTopic } from '../../group/offset-service.ts'
import type {
  OffsetFetchRequest,
  OffsetFetchRequestGroup,
  OffsetFetchResponse,
  OffsetFetchResponseGroup,
  OffsetFetchResponsePartitions,
} from '../../wire/messages/09-offset-fetch.ts'
import { ZERO_UUID } from '../../wire/schema.ts'
import type { Handler } from '../handler.ts'
import { TOPIC_IDS_FROM } from './group-topics.ts'
import type { TopicLookup } from './group-topics.ts'

const WHOLE_CODE_FROM = 2
const SEVERAL_GROUPS_FROM = 8

/** The handler over a coordinator and the cluster's topics. */
export const offsetFetchHandler =
  (
    coordinator: GroupCoordinator,
    topics: TopicLookup,
  ): Handler<OffsetFetchRequest, OffsetFetchResponse> =>
  async (request, { version }) => {
    if (version >= SEVERAL_GROUPS_FROM) {
      const { requireStable } = request
      const fetch =
        version >= TOPIC_IDS_FROM
          ? (group: OffsetFetchRequestGroup) => byIds(coordinator, topics, group, requireStable)
          : (group: OffsetFetchRequestGroup) => byNames(coordinator, topics, group, requireStable)
      const groups = await Promise.all(request.groups.map(fetch))
      return { throttleTimeMs: 0, topics: [], errorCode: ErrorCode.NONE, groups }
    }
    const { groupId, requireStable } = request
    const asked = request.topics?.map(({ name, partitionIndexes }) =>
      named(topics, name, partitionIndexes),
    )
    const reply = await fetchOffsets(coordinator, groupId, asked ?? null, requireStable)
    // Version 1 has no place for a code of the whole answer: every partition carries it.
    const { code } = reply
    const found = version < WHOLE_CODE_FROM ? spread(reply, asked ?? []) : reply.topics
    return {
      throttleTimeMs: 0,
      topics: found.map(({ topic, partitions }) => ({
        name: topic,
        partitions: partitions.map(partitionOf),
      })),
      errorCode: code,
      groups: [],
    }
  }

async function byNames(
  coordinator: GroupCoordinator,
  topics: TopicLookup,
  group: OffsetFetchRequestGroup,
  requireStable: boolean,
): Promise<OffsetFetchResponseGroup> {
  const { groupId } = group
  const asked = group.topics?.map(({ name, partitionIndexes }) =>
    named(topics, name, partitionIndexes),
  )
  const reply = await fetchOffsets(coordinator, groupId, asked ?? null, requireStable)
  return {
    groupId,
    topics: reply.topics.map(({ topic, partitions }) => ({
      name: topic,
      topicId: ZERO_UUID,
      partitions: partitions.map(partitionOf),
    })),
    errorCode: reply.code,
  }
}

async function byIds(
  coordinator: GroupCoordinator,
  topics: TopicLookup,
  group: OffsetFetchRequestGroup,
  requireStable: boolean,
): Promise<OffsetFetchResponseGroup> {
  const { groupId } = group
  const known = group.topics?.map(({ topicId }) => topics.byId(topicId))
  const asked: FetchTopic[] = []
  group.topics?.forEach(({ topicId, partitionIndexes }, i) => {
    const topic = known?.[i]?.topic
    if (topic !== undefined) asked.push({ topic, topicId, partitions: partitionIndexes })
  })
  const isAll = group.topics === null
  const reply = await fetchOffsets(coordinator, groupId, isAll ? null : asked, requireStable)
  if (reply.code !== ErrorCode.NONE) return { groupId, topics: [], errorCode: reply.code }
  if (group.topics === null) {
    const found = reply.topics.flatMap(({ topic, partitions }) => {
      // A topic that is gone has no id to call it by.
      const topicId = topics.byName(topic)?.topicId
      if (topicId === undefined) return []
      return [{ name: topic, topicId, partitions: partitions.map(partitionOf) }]
    })
    return { groupId, topics: found, errorCode: ErrorCode.NONE }
  }
  let next = 0
  const found = group.topics.map(({ topicId, partitionIndexes }, i) => {
    const partitions =
      known?.[i] === undefined
        ? partitionIndexes.map((partition) => failed(partition, ErrorCode.UNKNOWN_TOPIC_ID))
        : (reply.topics[next++]?.partitions ?? [])
    return { name: known?.[i]?.topic ?? '', topicId, partitions: partitions.map(partitionOf) }
  })
  return { groupId, topics: found, errorCode: ErrorCode.NONE }
}

const named = (topics: TopicLookup, topic: string, partitions: readonly number[]): FetchTopic => ({
  topic,
  topicId: topics.byName(topic)?.topicId ?? null,
  partitions,
})

const failed = (partition: number, code: number): FetchedOffset => ({
  partition,
  code,
  offset: -1,
  leaderEpoch: -1,
  metadata: '',
})

const spread = (reply: FetchReply, asked: readonly FetchTopic[]): FetchReply['topics'] =>
  reply.code === ErrorCode.NONE
    ? reply.topics
    : asked.map(({ topic, partitions }) => ({
        topic,
        partitions: partitions.map((partition) => failed(partition, reply.code)),
      }))

const partitionOf = (fetched: FetchedOffset): OffsetFetchResponsePartitions => ({
  partitionIndex: fetched.partition,
  committedOffset: fetched.offset,
  committedLeaderEpoch: fetched.leaderEpoch,
  metadata: fetched.metadata,
  errorCode: fetched.code,
})
