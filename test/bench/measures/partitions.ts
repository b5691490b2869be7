// Durable produce over a thousand partitions against the same over one: the shared journal must
// make the number of partitions nearly free. Both run on one broker, in turns.
import { startSystem } from '../bench.ts'
import type { Row } from '../bench.ts'
import { medianFigures } from '../report.ts'
import type { Figures } from '../report.ts'
import { produceOnce } from './produce.ts'

const LOAD = { connections: 64, depth: 4 }
const MANY = 1000

/** The row. */
export const partitionsRow: Row = {
  name: 'partitions-fsync',
  title: '16 KiB, 64 × 4 over 1,000 partitions',
  run: async (bench) => {
    const target = await startSystem(bench, 'ours', { ackAfter: 'fsync' })
    if (target === null) return { figures: {}, checks: [], skipped: 'no broker' }
    const one: Figures[] = []
    const many: Figures[] = []
    for (let round = 0; round < bench.plan.rounds; round++) {
      one.push(await produceOnce(bench, target, { ackAfter: 'fsync', load: LOAD }))
      const load = { ...LOAD, partitions: MANY }
      many.push(await produceOnce(bench, target, { ackAfter: 'fsync', load }))
    }
    await target.remove()
    const ours = medianFigures(many)
    const value = ours.perSecond / medianFigures(one).perSecond
    return {
      figures: { ours },
      checks: [{ what: 'of one partition', value, bound: 'least', limit: 0.7, unit: '%' }],
    }
  },
}
