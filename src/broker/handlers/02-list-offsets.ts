// ListOffsets, versions 1 to 11: where a partition begins and ends, and which record is the first
// at or after a time. Negative timestamps ask for special places, which came with the versions; a
// special that the request's version does not know is refused for its partition [L4].
import { ErrorCode } from '../../base/error-codes.ts'
import { OperatingError } from '../../base/errors.ts'
import { repeated } from '../../cluster/decision.ts'
import type { Leader } from '../../replication/leader.ts'
import type {
  ListOffsetsPartition,
  ListOffsetsPartitionResponse,
  ListOffsetsRequest,
  ListOffsetsResponse,
} from '../../wire/messages/02-list-offsets.ts'
import type { Input } from '../../wire/schema.ts'
import type { Handler } from '../handler.ts'
import type { LeaderLookup } from '../leader-lookup.ts'

const LATEST = -1
const EARLIEST = -2
const MAX_TIMESTAMP = -3
const EARLIEST_LOCAL = -4
const LATEST_TIERED = -5
const EARLIEST_PENDING_UPLOAD = -6

/** First version that knows each special timestamp. */
const SINCE: ReadonlyMap<number, number> = new Map([
  [LATEST, 1],
  [EARLIEST, 1],
  [MAX_TIMESTAMP, 7],
  [EARLIEST_LOCAL, 8],
  [LATEST_TIERED, 9],
  [EARLIEST_PENDING_UPLOAD, 11],
])

type Answer = Input<ListOffsetsPartitionResponse>

/** Answers ListOffsets. */
export const listOffsets =
  (deps: {
    readonly leaders: LeaderLookup
  }): Handler<ListOffsetsRequest, Input<ListOffsetsResponse>> =>
  async ({ topics, isolationLevel }, { version }) => {
    // A topic, too, may be named more than once.
    const twice = repeated(
      topics.flatMap(({ name, partitions }) =>
        partitions.map(({ partitionIndex }) => `${name}/${partitionIndex}`),
      ),
    )
    const answered = topics.map(async ({ name, partitions }) => {
      const answers = partitions.map(async (wish) => {
        if (twice.has(`${name}/${wish.partitionIndex}`)) {
          return failed(wish, ErrorCode.INVALID_REQUEST)
        }
        const found = await deps.leaders.byName(name, wish.partitionIndex)
        if (typeof found === 'number') return failed(wish, found)
        return look(found, wish, version, isolationLevel === 1 ? 1 : 0).catch((error: unknown) => {
          // An archive that cannot be reached is no reason to lose the connection.
          if (error instanceof OperatingError) return failed(wish, ErrorCode.KAFKA_STORAGE_ERROR)
          throw error
        })
      })
      return { name, partitions: await Promise.all(answers) }
    })
    return { topics: await Promise.all(answered) }
  }

const failed = ({ partitionIndex }: ListOffsetsPartition, errorCode: number): Answer => ({
  partitionIndex,
  errorCode,
  timestamp: -1,
  offset: -1,
  leaderEpoch: -1,
})

async function look(
  leader: Leader,
  wish: ListOffsetsPartition,
  version: number,
  isolation: 0 | 1,
): Promise<Answer> {
  const { partitionIndex, currentLeaderEpoch: epoch, timestamp } = wish
  if (epoch >= 0 && epoch < leader.leaderEpoch) return failed(wish, ErrorCode.FENCED_LEADER_EPOCH)
  if (epoch > leader.leaderEpoch) return failed(wish, ErrorCode.UNKNOWN_LEADER_EPOCH)
  if (timestamp !== EARLIEST) await leader.readable()
  const { offsets } = leader
  const at = (offset: number): Answer => ({
    partitionIndex,
    errorCode: 0,
    timestamp: -1,
    offset,
    leaderEpoch: offset < 0 ? -1 : leader.epochAt(offset),
  })
  if (timestamp >= 0) {
    const hit = await leader.findTimestamp(timestamp, isolation)
    if (hit === null) return at(-1)
    return {
      partitionIndex,
      errorCode: 0,
      timestamp: hit.timestampMs,
      offset: hit.offset,
      leaderEpoch: hit.leaderEpoch,
    }
  }
  if (version < (SINCE.get(timestamp) ?? Infinity)) {
    return failed(wish, ErrorCode.UNSUPPORTED_VERSION)
  }
  if (timestamp === LATEST) return at(isolation === 1 ? offsets.lastStable : offsets.highWatermark)
  if (timestamp === EARLIEST) return at(offsets.logStart)
  if (timestamp === EARLIEST_LOCAL) return at(leader.log.localStart)
  if (timestamp === LATEST_TIERED || timestamp === EARLIEST_PENDING_UPLOAD) {
    const end = leader.tier?.archivedEnd ?? null
    if (timestamp === LATEST_TIERED)
      return at(end === null || end <= offsets.logStart ? -1 : end - 1)
    if (leader.tier === null) return at(-1)
    return at(Math.max(end ?? 0, offsets.logStart))
  }
  if (timestamp !== MAX_TIMESTAMP) return at(-1)
  const hit = await leader.findMaxTimestamp()
  if (hit === null) return at(-1)
  return {
    partitionIndex,
    errorCode: 0,
    timestamp: hit.timestampMs,
    offset: hit.offset,
    leaderEpoch: hit.leaderEpoch,
  }
}
