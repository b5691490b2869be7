// OffsetForLeaderEpoch, versions 2 to 4: where the records of an epoch end, so that a client can
// tell whether what it read is still in the log (KIP-320) [E2].
import { ErrorCode } from '../../base/error-codes.ts'
import { leaderEpoch } from '../../base/units.ts'
import type {
  EpochEndOffset,
  OffsetForLeaderEpochRequest,
  OffsetForLeaderEpochResponse,
} from '../../wire/messages/23-offset-for-leader-epoch.ts'
import type { Input } from '../../wire/schema.ts'
import type { Handler } from '../handler.ts'
import type { LeaderLookup } from '../leader-lookup.ts'

/** Answers OffsetForLeaderEpoch. */
export const offsetForLeaderEpoch =
  (deps: {
    readonly leaders: LeaderLookup
  }): Handler<OffsetForLeaderEpochRequest, Input<OffsetForLeaderEpochResponse>> =>
  async ({ topics }) => {
    const answered = topics.map(async ({ topic, partitions }) => {
      const answers = partitions.map(async (wish): Promise<Input<EpochEndOffset>> => {
        const { partition, currentLeaderEpoch } = wish
        const answer = (errorCode: number, epoch: number, endOffset: number) => ({
          errorCode,
          partition,
          leaderEpoch: epoch,
          endOffset,
        })
        const leader = await deps.leaders.byName(topic, partition)
        if (typeof leader === 'number') return answer(leader, -1, -1)
        if (currentLeaderEpoch >= 0 && currentLeaderEpoch < leader.leaderEpoch) {
          return answer(ErrorCode.FENCED_LEADER_EPOCH, -1, -1)
        }
        if (currentLeaderEpoch > leader.leaderEpoch) {
          return answer(ErrorCode.UNKNOWN_LEADER_EPOCH, -1, -1)
        }
        const found = leader.endOfEpoch(leaderEpoch(wish.leaderEpoch))
        return found === null ? answer(0, -1, -1) : answer(0, found.epoch, found.end)
      })
      return { topic, partitions: await Promise.all(answers) }
    })
    return { topics: await Promise.all(answered) }
  }
