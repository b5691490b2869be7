// How far a group is behind, for the `group` command and for metrics: its offsets against the ends
// of the partitions, next to the member that owns each. Ends come from whoever knows them.
import type { GroupDescription } from './classic/types.ts'
import { assignedPartitions, CONSUMER_PROTOCOL_TYPE } from './classic/subscription.ts'
import type { FetchedTopic } from './offset-service.ts'

/** One partition of a group. */
export interface PartitionLag {
  readonly topic: string
  readonly partition: number
  /** -1 when nothing was committed. */
  readonly committed: number
  /** End of what readers may see; -1 when unknown. */
  readonly end: number
  /** Records between the two; -1 when one of them is unknown. */
  readonly lag: number
  /** The member that reads it; "" for none. */
  readonly memberId: string
  readonly clientId: string
  readonly clientHost: string
}

/** The end of what readers of a partition may see; -1 when it is not known here. */
export type PartitionEnd = (topic: string, partition: number) => number

/**
 * The partitions a group has committed or is assigned, by topic and partition. Assignments that
 * are not a consumer's stay out of it. Throws FormatError on an assignment that is malformed.
 */
export function groupLag(
  group: GroupDescription | null,
  offsets: readonly FetchedTopic[],
  endOf: PartitionEnd,
): readonly PartitionLag[] {
  const lags = new Map<string, PartitionLag>()
  const none = { memberId: '', clientId: '', clientHost: '' }
  for (const { topic, partitions } of offsets) {
    for (const { partition, offset } of partitions) {
      const end = endOf(topic, partition)
      const lag = offset < 0 || end < 0 ? -1 : Math.max(0, end - offset)
      lags.set(keyOf(topic, partition), { topic, partition, committed: offset, end, lag, ...none })
    }
  }
  const members = group?.protocolType === CONSUMER_PROTOCOL_TYPE ? group.members : []
  for (const { memberId, clientId, clientHost, assignment } of members) {
    for (const { topic, partitions } of assignedPartitions(assignment)) {
      for (const partition of partitions) {
        const key = keyOf(topic, partition)
        const end = endOf(topic, partition)
        const known = lags.get(key) ?? { topic, partition, committed: -1, end, lag: -1 }
        lags.set(key, { ...known, memberId, clientId, clientHost })
      }
    }
  }
  return [...lags.values()].sort((a, b) =>
    a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1,
  )
}

const keyOf = (topic: string, partition: number): string => `${topic}\n${partition}`
