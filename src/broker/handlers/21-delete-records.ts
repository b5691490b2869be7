// DeleteRecords, versions 0 to 2: moves the start of a partition up [A7]. The new start is durable
// before it is answered. Topics that only compact refuse it: their start moves by nothing else.
import { ErrorCode } from '../../base/error-codes.ts'
import { offset } from '../../base/units.ts'
import type {
  DeleteRecordsPartitionResult,
  DeleteRecordsRequest,
  DeleteRecordsResponse,
} from '../../wire/messages/21-delete-records.ts'
import type { Input } from '../../wire/schema.ts'
import type { Handler } from '../handler.ts'
import type { LeaderLookup } from '../leader-lookup.ts'

/** Stands for the high watermark. */
const HIGH_WATERMARK = -1

/** Answers DeleteRecords. */
export const deleteRecords =
  (deps: {
    readonly leaders: LeaderLookup
  }): Handler<DeleteRecordsRequest, Input<DeleteRecordsResponse>> =>
  async ({ topics }) => {
    const answered = topics.map(async ({ name, partitions }) => {
      const one = async (
        index: number,
        wanted: number,
      ): Promise<Input<DeleteRecordsPartitionResult>> => {
        const answer = (errorCode: number, lowWatermark: number) => ({
          partitionIndex: index,
          lowWatermark,
          errorCode,
        })
        const leader = await deps.leaders.byName(name, index)
        if (typeof leader === 'number') return answer(leader, -1)
        if (!leader.log.settings.deletes) return answer(ErrorCode.POLICY_VIOLATION, -1)
        await leader.readable()
        const { highWatermark } = leader.offsets
        const to = wanted === HIGH_WATERMARK ? highWatermark : offset(wanted)
        const { code, logStart } = await leader.deleteRecords(to)
        return answer(code, logStart)
      }
      const results = partitions.map((wish) => one(wish.partitionIndex, wish.offset))
      return { name, partitions: await Promise.all(results) }
    })
    return { topics: await Promise.all(answered) }
  }
