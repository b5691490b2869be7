// Positions in partitions: the first, the last, the one at a time, and what a group has committed.
// Each question goes to the partition's leader or the group's coordinator, again when they move.
import { ErrorCode } from '../../base/error-codes.ts'
import { KafkaError } from '../../base/errors.ts'
import type { Position } from '../values.ts'
import { listOffsets, offsetCommit, offsetFetch } from './apis.ts'
import type { Client } from './client.ts'
import { check, isRetriableCode, retrying } from './retry.ts'

const LATEST = -1
const EARLIEST = -2

/** One partition. */
export interface Place {
  readonly topic: string
  readonly partition: number
}

/** A partition and a position in it. */
export interface PlaceOffset extends Place {
  readonly offset: number
}

/** What a reader may see: also records of open transactions, or only committed ones. */
export type IsolationName = 'uncommitted' | 'committed'

/** The wire's number for an isolation. */
export const isolationLevel = (name: IsolationName): 0 | 1 => (name === 'committed' ? 1 : 0)

/** Turns a position into an offset: a time becomes the first record at or after it, or the end. */
export async function resolvePosition(
  client: Client,
  place: Place,
  position: Position,
  isolation: IsolationName = 'uncommitted',
): Promise<number> {
  switch (position.kind) {
    case 'offset':
      return position.offset
    case 'start':
      return askOffset(client, place, EARLIEST, isolation)
    case 'end':
      return askOffset(client, place, LATEST, isolation)
    case 'time': {
      const found = await askOffset(client, place, position.timeMs, isolation)
      return found >= 0 ? found : askOffset(client, place, LATEST, isolation)
    }
  }
}

function askOffset(
  client: Client,
  { topic, partition }: Place,
  timestamp: number,
  isolation: IsolationName,
): Promise<number> {
  return retrying(client.stopped, async () => {
    const leader = await client.leaderOf(topic, partition)
    const answer = await leader.call(listOffsets, {
      replicaId: -1,
      isolationLevel: isolationLevel(isolation),
      topics: [{ name: topic, partitions: [{ partitionIndex: partition, timestamp }] }],
    })
    const found = answer.topics[0]?.partitions[0]
    const code = found?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR
    if (isRetriableCode(code)) client.forget(topic)
    check(code, `Cannot find an offset of ${topic}-${String(partition)}`)
    return found?.offset ?? -1
  })
}

/** Everything that a group has committed, in the order of topics and partitions. */
export async function committedOffsets(client: Client, group: string): Promise<PlaceOffset[]> {
  return retrying(client.stopped, async () => {
    const coordinator = await client.coordinatorOf(group)
    const answer = await coordinator.call(offsetFetch, {
      groupId: group,
      topics: null,
      groups: [{ groupId: group, topics: null }],
      requireStable: false,
    })
    const act = `Cannot read the offsets of group ${group}`
    const ours = answer.groups[0] ?? answer
    check(ours.errorCode, act)
    const found: PlaceOffset[] = []
    for (const { name, partitions } of ours.topics) {
      for (const { partitionIndex, committedOffset, errorCode } of partitions) {
        check(errorCode, act)
        if (committedOffset < 0) continue
        found.push({ topic: name, partition: partitionIndex, offset: committedOffset })
      }
    }
    return found.toSorted(inOrder)
  })
}

function inOrder(a: PlaceOffset, b: PlaceOffset): number {
  if (a.topic !== b.topic) return a.topic < b.topic ? -1 : 1
  return a.partition - b.partition
}

/**
 * Commits offsets for a group without being a member, which the coordinator takes only while the
 * group has none. Throws KafkaError otherwise.
 */
export async function commitOffsets(
  client: Client,
  group: string,
  offsets: readonly PlaceOffset[],
): Promise<void> {
  if (offsets.length === 0) return
  const topics = Map.groupBy(offsets, ({ topic }) => topic)
  await retrying(client.stopped, async () => {
    const coordinator = await client.coordinatorOf(group)
    const answer = await coordinator.call(offsetCommit, {
      groupId: group,
      generationIdOrMemberEpoch: -1,
      memberId: '',
      topics: [...topics].map(([name, ofTopic]) => ({
        name,
        partitions: ofTopic.map(({ partition, offset }) => ({
          partitionIndex: partition,
          committedOffset: offset,
          committedLeaderEpoch: -1,
          committedMetadata: '',
        })),
      })),
    })
    for (const { partitions } of answer.topics) {
      for (const { errorCode } of partitions) checkCommit(errorCode, group)
    }
  })
}

function checkCommit(code: number, group: string): void {
  if (code === ErrorCode.UNKNOWN_MEMBER_ID || code === ErrorCode.ILLEGAL_GENERATION) {
    throw new KafkaError(code, `Group ${group} has members; stop them first`)
  }
  check(code, `Cannot commit offsets for group ${group}`)
}
