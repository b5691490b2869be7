// Finds the leader of a partition for handlers that may wait until its log is open, or the error
// code to answer with.
import { ErrorCode } from '../base/error-codes.ts'
import type { Leader } from '../replication/leader.ts'
import type { Partitions } from './partitions.ts'

/** Leaders by topic name and partition. */
export interface LeaderLookup {
  /**
   * The leader, or 3 when there is no such partition, 6 when it is led elsewhere, 56 when broken.
   */
  byName(topic: string, index: number): Promise<Leader | number>
}

/** A look-up over the partitions of this broker. */
export const leaderLookup = (partitions: Partitions): LeaderLookup => ({
  byName: async (name, index) => {
    const topic = partitions.byName(name)
    if (topic === null) return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    if (partitions.describe(topic.id, index) === undefined) {
      return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    }
    const leader = await partitions.lead(topic, index)
    if (leader !== undefined) return leader
    if (partitions.isBroken(topic.id, index)) return ErrorCode.KAFKA_STORAGE_ERROR
    return ErrorCode.NOT_LEADER_OR_FOLLOWER
  },
})
