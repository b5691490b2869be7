// OffsetDelete (key 47), version 0 (KIP-496). Offsets go one partition at a time, except those of
// topics that a member of the group reads. Topics that do not exist are refused: their offsets
// went with them.
import { ErrorCode } from '../../base/error-codes.ts'
import type { GroupCoordinator } from '../../group/coordinator.ts'
import { deleteOffsets } from '../../group/offset-service.ts'
import type {
  OffsetDeleteRequest,
  OffsetDeleteResponse,
} from '../../wire/messages/47-offset-delete.ts'
import type { Handler } from '../handler.ts'
import type { TopicLookup } from './group-topics.ts'

/** The handler over a coordinator and the cluster's topics. */
export const offsetDeleteHandler =
  (
    coordinator: GroupCoordinator,
    topics: TopicLookup,
  ): Handler<OffsetDeleteRequest, OffsetDeleteResponse> =>
  async ({ groupId, topics: asked }) => {
    const known = asked.map(({ name }) => topics.byName(name) !== undefined)
    const partitions = asked.flatMap(({ name, partitions }, i) =>
      known[i] === true
        ? partitions.map(({ partitionIndex }) => ({ topic: name, partition: partitionIndex }))
        : [],
    )
    const { code, codes } = await deleteOffsets(coordinator, groupId, partitions)
    if (code !== ErrorCode.NONE) return { errorCode: code, throttleTimeMs: 0, topics: [] }
    let next = 0
    return {
      errorCode: ErrorCode.NONE,
      throttleTimeMs: 0,
      topics: asked.map(({ name, partitions }, i) => ({
        name,
        partitions: partitions.map(({ partitionIndex }) => ({
          partitionIndex,
          errorCode:
            known[i] === true ? (codes[next++] as number) : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
        })),
      })),
    }
  }
