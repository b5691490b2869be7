// OffsetCommit (key 8), versions 2 to 10. Version 5 dropped the retention time, 6 added the leader
// epoch, 7 static members, 9 GROUP_ID_NOT_FOUND, 10 topic ids in place of names. Topics and
// partitions that do not exist are refused one by one; the others are committed.
import { ErrorCode } from '../../base/error-codes.ts'
import type { GroupCoordinator } from '../../group/coordinator.ts'
import { commitOffsets } from '../../group/offset-service.ts'
import type { CommitItem } from '../../group/offset-service.ts'
import type {
  OffsetCommitRequest,
  OffsetCommitRequestTopic,
  OffsetCommitResponse,
} from '../../wire/messages/08-offset-commit.ts'
import type { Handler } from '../handler.ts'
import { TOPIC_IDS_FROM } from './group-topics.ts'
import type { KnownTopic, TopicLookup } from './group-topics.ts'

const GROUP_ID_NOT_FOUND_FROM = 9

/** The handler over a coordinator and the cluster's topics. */
export const offsetCommitHandler =
  (
    coordinator: GroupCoordinator,
    topics: TopicLookup,
  ): Handler<OffsetCommitRequest, OffsetCommitResponse> =>
  async (request, { version }) => {
    const withIds = version >= TOPIC_IDS_FROM
    const known = request.topics.map(({ name, topicId }) =>
      withIds ? topics.byId(topicId) : topics.byName(name),
    )
    const items = request.topics.flatMap((topic, i) => itemsOf(topic, known[i]))
    const codes =
      items.length === 0
        ? []
        : await commitOffsets(coordinator, {
            groupId: request.groupId,
            who: { memberId: request.memberId, instanceId: request.groupInstanceId },
            generation: request.generationIdOrMemberEpoch,
            retentionMs: request.retentionTimeMs,
            unknownGroupCode:
              version >= GROUP_ID_NOT_FOUND_FROM
                ? ErrorCode.GROUP_ID_NOT_FOUND
                : ErrorCode.ILLEGAL_GENERATION,
            items,
          })
    const unknown = withIds ? ErrorCode.UNKNOWN_TOPIC_ID : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    let next = 0
    return {
      throttleTimeMs: 0,
      topics: request.topics.map(({ name, topicId, partitions }, i) => ({
        name,
        topicId,
        partitions: partitions.map(({ partitionIndex }) => ({
          partitionIndex,
          errorCode: exists(known[i], partitionIndex)
            ? (codes[next++] as number)
            : known[i] === undefined
              ? unknown
              : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
        })),
      })),
    }
  }

const exists = (known: KnownTopic | undefined, partition: number): known is KnownTopic =>
  known !== undefined && partition >= 0 && partition < known.partitions

function itemsOf(topic: OffsetCommitRequestTopic, known: KnownTopic | undefined): CommitItem[] {
  const items: CommitItem[] = []
  for (const partition of topic.partitions) {
    if (!exists(known, partition.partitionIndex)) continue
    items.push({
      topic: known.topic,
      topicId: known.topicId,
      partition: partition.partitionIndex,
      offset: partition.committedOffset,
      leaderEpoch: partition.committedLeaderEpoch,
      metadata: partition.committedMetadata,
    })
  }
  return items
}
