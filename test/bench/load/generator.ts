// The load generator for machines without a C compiler: the options and the JSON of load.c, in as
// many processes as there are cores to spare. The parent only forks and adds up.
//
//   node test/bench/load/generator.ts produce --port P --topic T [options of load.c]
import { fork } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { runFetch, runTail } from './fetch.ts'
import type { Read } from './fetch.ts'
import { Histogram } from './histogram.ts'
import { parseLoadWords } from './options.ts'
import type { LoadMode, LoadOptions, LoadResult } from './options.ts'
import { runProduce } from './produce.ts'
import type { Produced } from './produce.ts'

interface Share {
  readonly first: number
  readonly count: number
}

/** What a child tells its parent. */
interface Told {
  readonly figures: Produced | Read
  readonly histogram: { readonly counts: readonly number[]; readonly maxNs: number }
}

/** Marks a child: its share, as JSON, behind the other words. */
const SHARE = '--share='

const [mode = '', ...words] = process.argv.slice(2)
const last = words.at(-1) ?? ''
if (last.startsWith(SHARE)) {
  const share = JSON.parse(last.slice(SHARE.length)) as Share
  process.send?.(await runShare(mode as LoadMode, parseLoadWords(words.slice(0, -1)), share))
  process.disconnect()
} else {
  const result = await runAll(mode as LoadMode, parseLoadWords(words))
  const rounded = JSON.stringify(result, (_key, value: unknown) =>
    typeof value === 'number' ? Math.round(value * 1000) / 1000 : value,
  )
  process.stdout.write(`${rounded}\n`)
}

async function runShare(mode: LoadMode, options: LoadOptions, share: Share): Promise<Told> {
  const histogram = new Histogram()
  const rate = (options.rate * share.count) / options.connections
  const figures =
    mode === 'produce'
      ? await runProduce(options, { ...share, rate }, histogram)
      : await runFetch(options, { ...share, random: mode === 'random' }, histogram)
  return { figures, histogram: histogram.toJSON() }
}

async function runAll(mode: LoadMode, options: LoadOptions): Promise<LoadResult> {
  if (mode === 'tail') {
    const histogram = new Histogram()
    const delivered = await runTail(options, histogram)
    return { op: mode, client: 'node', delivered, ...histogram.result() }
  }
  // The broker needs a core as well; one connection cannot be shared.
  const processes = Math.max(1, Math.min(options.connections, availableParallelism() - 1, 4))
  const shares = Array.from({ length: processes }, (_, i) => {
    const first = Math.floor((options.connections * i) / processes)
    return { first, count: Math.floor((options.connections * (i + 1)) / processes) - first }
  })
  const told = await Promise.all(
    shares.length === 1
      ? shares.map((share) => runShare(mode, options, share))
      : shares.map((share) => inChild(share)),
  )
  return addUp(mode, options, told)
}

function inChild(share: Share): Promise<Told> {
  const child = fork(fileURLToPath(import.meta.url), [
    mode,
    ...words,
    `${SHARE}${JSON.stringify(share)}`,
  ])
  return new Promise((resolve, reject) => {
    let told: Told | null = null
    child.on('message', (message) => {
      told = message as Told
    })
    child.on('error', reject)
    child.on('exit', (code) => {
      if (told === null) reject(new Error(`A load process ended with code ${String(code)}`))
      else resolve(told)
    })
  })
}

function addUp(mode: LoadMode, options: LoadOptions, told: readonly Told[]): LoadResult {
  const histogram = new Histogram()
  for (const one of told) histogram.merge(one.histogram)
  const figures = told.map((one) => one.figures)
  const sum = (value: (one: Produced | Read) => number): number =>
    figures.reduce((total, one) => total + value(one), 0)
  const requests = sum((one) => one.requests / one.seconds)
  const common = {
    op: mode,
    client: 'node' as const,
    seconds: Math.max(...figures.map((one) => one.seconds)),
    requests_per_s: requests,
    ...histogram.result(),
    client_cpu: sum((one) => one.cpu),
  }
  const [first] = figures
  if (first !== undefined && 'requestBytes' in first) {
    const late = Math.max(...figures.map((one) => ('lateMs' in one ? one.lateMs : 0)))
    return {
      ...common,
      records_per_s: requests * options.records,
      mib_per_s: (requests * first.requestBytes) / 1024 ** 2,
      late_us: late * 1000,
    }
  }
  const read = (value: (one: Read) => number): number =>
    sum((one) => ('next' in one ? value(one) : 0))
  return {
    ...common,
    records_per_s: read((one) => one.records / one.seconds),
    mib_per_s: read((one) => one.bytes / one.seconds) / 1024 ** 2,
    records: read((one) => one.records),
    next_offset: first !== undefined && 'next' in first ? first.next : 0,
  }
}
