// Rows that read: from the write cache, from the device, at random offsets, and as soon as it
// comes. What the device gives is measured in the same run, by direct reads of the same size.
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { OUR_SETTINGS, measure, startSystem, withTopic } from '../bench.ts'
import type { Bench, Row } from '../bench.ts'
import { run } from '../process.ts'
import { median, medianFigures } from '../report.ts'
import type { Check, Figures, RowReport } from '../report.ts'
import { startOurs } from '../targets/ours.ts'
import { ROOT, STRATALOG, SYSTEMS } from '../targets/target.ts'
import type { Target } from '../targets/target.ts'
import { checksOf } from './produce.ts'

const MiB = 1024 * 1024
const BATCH_RECORDS = 158
const CACHED = { connections: 4, depth: 8, rate: 4000, seconds: 1, warmup: 0 }
const TOPIC = { partitions: 1, ackAfter: 'write' } as const

/** Writes until the topic holds at least `mib`; returns a lower bound of its end offset. */
async function fill(
  bench: Bench,
  target: Target,
  options: { readonly topic: string; readonly mib: number },
): Promise<number> {
  let batches = 0
  for (let mib = 0; mib < options.mib;) {
    const load = { topic: options.topic, connections: 4, seconds: 1, warmup: 0 }
    const { result } = await measure(bench, target, 'produce', load)
    batches += Math.floor((result.requests_per_s ?? 0) * (result.seconds ?? 0))
    mib += (result.mib_per_s ?? 0) * (result.seconds ?? 0)
  }
  return batches * BATCH_RECORDS
}

/** Fetching 64 MiB that were just written, over and over. */
export const fetchFromCache: Row = {
  name: 'fetch-cache',
  title: 'fetch of what was just written, MiB/s',
  run: async (bench) => {
    const figures: RowReport['figures'] = {}
    for (const system of SYSTEMS.slice(1)) {
      const target = await startSystem(bench, system, { ackAfter: 'write' })
      if (target === null) continue
      figures[system] = await withTopic(target, TOPIC, async (topic) => {
        await measure(bench, target, 'produce', { ...CACHED, topic })
        const all: Figures[] = []
        for (let round = 0; round <= bench.plan.rounds; round++) {
          const read = await measure(bench, target, 'fetch', { topic, loop: true })
          if (round > 0) all.push({ ...read.figures, perSecond: read.figures.mibPerS })
        }
        return medianFigures(all)
      })
      await target.remove()
    }
    return { figures, checks: checksOf({ timesKafka: 1 }, figures) }
  },
}

/** Fetching from the device: the broker was started anew and the page cache was emptied. */
export const fetchFromDisk: Row = {
  name: 'fetch-disk',
  title: 'fetch from the device, MiB/s',
  run: async (bench) => {
    const { parent, isQuick, rounds } = bench.plan
    const mib = isQuick ? 512 : 2048
    let target: Target | null = await startSystem(bench, 'ours', { ackAfter: 'write' })
    if (target === null) return { figures: {}, checks: [], skipped: 'no broker' }
    const first = target
    const topic = 'bench-disk'
    await first.makeTopic({ ...TOPIC, name: topic })
    await fill(bench, first, { topic, mib })
    await first.stop()
    const all: Figures[] = []
    const shares: number[] = []
    for (let round = 0; round < rounds; round++) {
      await dropPageCache(first.directory)
      target = await startOurs({ parent, directory: first.directory, settings: OUR_SETTINGS })
      const { figures } = await measure(bench, target, 'fetch', { topic, seconds: 60 })
      await target.stop()
      all.push({ ...figures, perSecond: figures.mibPerS })
      shares.push(figures.mibPerS / (await deviceReadMibPerS(parent, Math.min(mib, 1024))))
    }
    await first.remove()
    const check = { what: 'of the direct read', bound: 'least', limit: 0.7, unit: '%' } as const
    return { figures: { ours: medianFigures(all) }, checks: [{ ...check, value: median(shares) }] }
  },
}

/** Makes the kernel forget the pages of all files below; a file system without it keeps them. */
async function dropPageCache(directory: string): Promise<void> {
  for (const file of filesBelow(directory)) {
    await run(['dd', `if=${file}`, 'iflag=nocache', 'count=0', 'status=none'])
  }
}

async function deviceReadMibPerS(parent: string, mib: number): Promise<number> {
  const words = [STRATALOG, 'bench', 'limits', '--json', '--mib', String(mib)]
  const printed = await run([...words, '--data-dir', parent], ROOT)
  return (JSON.parse(printed) as { readMibPerS: number }).readMibPerS
}

/** Reads at random offsets of 1 GiB against reading through to them, and the size of the index. */
export const randomReads: Row = {
  name: 'random',
  title: 'single reads at random offsets of 1 GiB',
  run: async (bench) => {
    const target = await startSystem(bench, 'ours', { ackAfter: 'write' })
    if (target === null) return { figures: {}, checks: [], skipped: 'no broker' }
    const topic = 'bench-random'
    await target.makeTopic({
      ...TOPIC,
      name: topic,
      settings: { 'segment.bytes': String(128 * MiB) },
    })
    const to = await fill(bench, target, { topic, mib: bench.plan.isQuick ? 256 : 1024 })
    const scan = await measure(bench, target, 'fetch', { topic, seconds: 60 })
    const scanMs = (scan.result.seconds ?? 0) * 1000
    const all: Figures[] = []
    for (let round = 0; round < bench.plan.rounds; round++) {
      const load = { topic, to, maxBytes: 4096 }
      all.push((await measure(bench, target, 'random', load)).figures)
    }
    const ours = medianFigures(all)
    await target.stop()
    const index = indexShare(target.directory, scan.result.mib_per_s ?? 0, scanMs / 1000)
    await target.remove()
    // Without an index half of the log is read on the way to an offset.
    const times = scanMs / 2 / (ours.p50Us / 1000)
    const checks: Check[] = [
      { what: 'against a scan', value: times, bound: 'least', limit: 100, unit: 'x' },
      { what: 'index', value: index, bound: 'most', limit: 0.002, unit: '%' },
    ]
    return { figures: { ours }, checks }
  },
}

/** What the segment files hold besides batches, as a share of the batches. */
function indexShare(directory: string, mibPerS: number, seconds: number): number {
  const batches = mibPerS * seconds * MiB
  const segments = filesBelow(directory).filter((file) => file.endsWith('.seg'))
  const bytes = segments.reduce((sum, file) => sum + statSync(file).size, 0)
  return Math.max(0, bytes - batches) / batches
}

/** All files below a directory. */
export function filesBelow(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
}

/** From send to delivery, at 1,000 records a second. */
export const deliveryRow: Row = {
  name: 'delivery-write',
  title: 'send to delivery of 1 KiB at 1,000/s',
  run: async (bench) => {
    const figures: RowReport['figures'] = {}
    const load = { rate: 1000, records: 1, bytes: 1024, depth: 64 }
    for (const system of SYSTEMS.slice(1)) {
      const target = await startSystem(bench, system, { ackAfter: 'write' })
      if (target === null) continue
      const all: Figures[] = []
      for (let round = 0; round <= bench.plan.rounds; round++) {
        const one = await withTopic(target, TOPIC, (topic) =>
          measure(bench, target, 'tail', { ...load, topic }),
        )
        // The first is a warm-up.
        if (round > 0) all.push({ ...one.figures, perSecond: load.rate })
      }
      figures[system] = medianFigures(all)
      await target.remove()
    }
    return { figures, checks: checksOf({ p50Us: 200, p99Us: 1000, p50OfKafka: 1 }, figures) }
  },
}
