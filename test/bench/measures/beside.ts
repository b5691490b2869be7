// A produce row beside things that do nothing: ten thousand open connections, ten thousand idle
// partitions. The row is measured on the same broker before, with and again before, in turns, so
// that the machine's mood falls on both.
import { connect, type Socket } from 'node:net'
import { startSystem } from '../bench.ts'
import type { Bench, Row } from '../bench.ts'
import { medianFigures } from '../report.ts'
import type { Figures } from '../report.ts'
import type { Target } from '../targets/target.ts'
import { produceOnce } from './produce.ts'
import type { ProduceRow } from './produce.ts'

const CONNECTIONS = 10_000
const PARTITIONS = 10_000
/** Connections opened at the same time; the listener's backlog is no part of what is measured. */
const OPENED_AT_ONCE = 200
const LOSS_MAX = 0.2

/** Opens that many connections and sends nothing on them. */
async function openIdle(port: number, count: number): Promise<Socket[]> {
  const sockets: Socket[] = []
  while (sockets.length < count) {
    const most = Math.min(OPENED_AT_ONCE, count - sockets.length)
    sockets.push(...(await Promise.all(Array.from({ length: most }, () => openOne(port)))))
  }
  return sockets
}

function openOne(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => resolve(socket))
    socket.on('error', reject)
  })
}

/** A row beside 10,000 idle connections. */
export const besideConnections = (row: ProduceRow): Row => ({
  name: `connections-${row.name}`,
  title: `${row.title} beside 10,000 idle connections`,
  run: (bench) =>
    compare(bench, row, async (target) => {
      const sockets = await openIdle(target.port, bench.plan.isQuick ? 1000 : CONNECTIONS)
      const one = await produceOnce(bench, target, row)
      for (const socket of sockets) socket.destroy()
      return one
    }),
})

/** A row beside 10,000 partitions that nobody writes to. */
export const besidePartitions = (row: ProduceRow): Row => ({
  name: `partitions-${row.name}`,
  title: `${row.title} beside 10,000 partitions`,
  run: (bench) =>
    compare(bench, row, async (target) => {
      const partitions = bench.plan.isQuick ? 1000 : PARTITIONS
      await target.makeTopic({ name: 'bench-idle', partitions, ackAfter: row.ackAfter })
      const one = await produceOnce(bench, target, row)
      await target.dropTopic('bench-idle')
      return one
    }),
})

async function compare(
  bench: Bench,
  row: ProduceRow,
  beside: (target: Target) => Promise<Figures>,
): ReturnType<Row['run']> {
  const settings = { 'max.connections': String(CONNECTIONS * 2) }
  const target = await startSystem(bench, 'ours', { ackAfter: row.ackAfter, settings })
  if (target === null) return { figures: {}, checks: [], skipped: 'no broker' }
  const alone: Figures[] = []
  const accompanied: Figures[] = []
  for (let round = 0; round < bench.plan.rounds; round++) {
    alone.push(await produceOnce(bench, target, row))
    accompanied.push(await beside(target))
  }
  await target.remove()
  const ours = medianFigures(accompanied)
  const value = ours.perSecond / medianFigures(alone).perSecond
  const check = { what: 'of alone', bound: 'least', limit: 1 - LOSS_MAX, unit: '%' } as const
  return { figures: { ours }, checks: [{ ...check, value }] }
}
