// Resident memory: idle as a broker stands after its start, and the most of any row so far under
// load, with a cache of 128 MiB.
import { startSystem } from '../bench.ts'
import type { Row } from '../bench.ts'
import { residentMib, sleep } from '../process.ts'

/** After its start, until what the start needed is given back. */
const IDLE_MS = 3000
const IDLE_MIB_MAX = 100
const LOADED_MIB_MAX = 400

/** The row; it looks at the rows before it. */
export const heaviestMemory: Row = {
  name: 'memory',
  title: 'resident memory, idle and in the heaviest row',
  run: async (bench) => {
    const target = await startSystem(bench, 'ours', { ackAfter: 'write' })
    if (target === null) return { figures: {}, checks: [], skipped: 'no broker' }
    await sleep(IDLE_MS)
    const idle = residentMib(target.pid)
    await target.remove()
    if (idle === null) return { figures: {}, checks: [], skipped: 'no /proc on this system' }
    const loaded = bench.reports
      .map((report) => ({ name: report.name, mib: report.figures.ours?.loadedMib ?? 0 }))
      .reduce((most, one) => (one.mib > most.mib ? one : most), { name: 'none', mib: 0 })
    const most = { bound: 'most', unit: 'MiB' } as const
    const heaviest = {
      what: `in ${loaded.name}`,
      value: loaded.mib,
      limit: LOADED_MIB_MAX,
      ...most,
    }
    return {
      figures: {},
      checks: [
        { what: 'idle', value: idle, limit: IDLE_MIB_MAX, ...most },
        ...(loaded.mib === 0 ? [] : [heaviest]),
      ],
    }
  },
}
