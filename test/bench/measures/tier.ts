// Rows of the tier: how fast a topic is archived and comes back, held against what AWS's SDK alone
// does with the same server; what a store costs that takes 60 ms for each request; and what
// producers notice of uploads and of cold readers beside them.
import { readdirSync } from 'node:fs'
import { measure } from '../bench.ts'
import type { Bench, Row } from '../bench.ts'
import { cpuSeconds, residentMib, run, sleep } from '../process.ts'
import { medianFigures } from '../report.ts'
import type { Check, Figures } from '../report.ts'
import { startOurs } from '../targets/ours.ts'
import { ROOT, STRATALOG } from '../targets/target.ts'
import type { Target } from '../targets/target.ts'
import { bySdkAlone, startStore, type BenchStore } from '../tier/store.ts'

const SEGMENT_MIB = 64
const TOPIC = {
  partitions: 1,
  ackAfter: 'write' as const,
  settings: {
    'remote.storage.enable': 'true',
    'remote.log.copy.disable': 'true',
    'local.retention.bytes': '1',
    'segment.bytes': String(SEGMENT_MIB * 1024 * 1024),
  },
}
const SETTINGS = {
  'cache.bytes': String(128 * 1024 * 1024),
  'tier.check.interval.ms': '50',
  'log.retention.check.interval.ms': '200',
  'tier.cache.bytes': '0',
}
const DEADLINE_MS = 120_000

const startBroker = (bench: Bench, store: BenchStore, directory?: string): Promise<Target> =>
  startOurs({
    parent: bench.plan.parent,
    settings: { ...SETTINGS, 'store.url': store.url },
    ...(directory === undefined ? {} : { directory }),
  })

/** Writes about `mib` MiB to a topic that is not archived yet. */
async function fill(bench: Bench, target: Target, topic: string, mib: number): Promise<void> {
  await target.makeTopic({ ...TOPIC, name: topic })
  for (let done = 0; done < mib;) {
    const load = { topic, connections: 4, seconds: 1, warmup: 0, rate: 10_000 }
    const { result } = await measure(bench, target, 'produce', load)
    done += (result.mib_per_s ?? 0) * (result.seconds ?? 0)
  }
}

const segmentsHere = (target: Target): number =>
  readdirSync(`${target.directory}/topics`, { recursive: true })
    .map(String)
    .filter((name) => name.endsWith('.seg')).length

/** Lets what a topic has be archived, or not. */
async function setCopying(target: Target, topic: string, isOn: boolean): Promise<void> {
  const words = ['topic', 'alter', topic, '--bootstrap', `127.0.0.1:${String(target.port)}`]
  await run([STRATALOG, ...words, '--config', `remote.log.copy.disable=${String(!isOn)}`], ROOT)
}

/** Lets the topic be archived and waits until only its end is here; seconds and bytes it took. */
async function archive(
  target: Target,
  topic: string,
): Promise<{ readonly seconds: number; readonly mb: number; readonly cpuPer100Mb: number }> {
  const segments = segmentsHere(target) - 1
  const cpu = cpuSeconds(target.pid) ?? 0
  const began = performance.now()
  await setCopying(target, topic, true)
  while (segmentsHere(target) > 2) {
    if (performance.now() - began > DEADLINE_MS) throw new Error('It is not archived in time')
    await sleep(50)
  }
  const seconds = (performance.now() - began) / 1000
  const mb = (segments * SEGMENT_MIB * 1024 * 1024) / 1e6
  const cpuPer100Mb = ((cpuSeconds(target.pid) ?? 0) - cpu) / (mb / 100)
  return { seconds, mb, cpuPer100Mb }
}

const least = (what: string, value: number, limit: number, unit: string): Check => ({
  ...{ what, value, limit, unit },
  bound: 'least',
})
const most = (what: string, value: number, limit: number, unit: string): Check => ({
  ...{ what, value, limit, unit },
  bound: 'most',
})

/** Archiving, and reading back, on a server of the same machine, against the SDK alone. */
export const tierThroughput: Row = {
  name: 'tier-local',
  title: 'archive and replay on a local S3 server, against the SDK alone',
  run: async (bench) => {
    const mib = bench.plan.isQuick ? 256 : 1024
    const store = await startStore(0)
    const target = await startBroker(bench, store)
    await fill(bench, target, 'bench-tier', mib)
    const up = await archive(target, 'bench-tier')
    await target.stop()
    const again = await startBroker(bench, store, target.directory)
    const load = { topic: 'bench-tier', seconds: 60, maxBytes: 4 * 1024 * 1024, depth: 1 }
    const { figures } = await measure(bench, again, 'fetch', load)
    await again.stop()
    await target.remove()
    const written = await bySdkAlone(store, 'write', mib)
    const read = await bySdkAlone(store, 'read', mib)
    await store.stop()
    const upMbPerS = up.mb / up.seconds
    const downMbPerS = figures.mibPerS * 1.048576
    bench.say(
      `  up ${upMbPerS.toFixed(0)} of ${written.mbPerS.toFixed(0)} MB/s, ` +
        `down ${downMbPerS.toFixed(0)} of ${read.mbPerS.toFixed(0)} MB/s`,
    )
    return {
      figures: { ours: { ...figures, perSecond: figures.mibPerS } },
      checks: [
        least('archived, of the SDK alone', upMbPerS / written.mbPerS, 0.7, '%'),
        most('CPU for 100 MB up', up.cpuPer100Mb, 0.2, 's'),
        least('replayed, of the SDK alone', downMbPerS / read.mbPerS, 0.7, '%'),
      ],
    }
  },
}

const FAR_MS = 60

/** Reading from a store that takes 60 ms for every request. */
export const tierFar: Row = {
  name: 'tier-far',
  title: `replay of one partition, ${String(FAR_MS)} ms a request`,
  run: async (bench) => {
    const mib = bench.plan.isQuick ? 256 : 1024
    const store = await startStore(FAR_MS)
    const target = await startBroker(bench, store)
    await fill(bench, target, 'bench-tier', mib)
    await archive(target, 'bench-tier')
    await target.stop()
    const replays: Figures[] = []
    const firsts: Figures[] = []
    for (let round = 0; round < bench.plan.rounds; round++) {
      const again = await startBroker(bench, store, target.directory)
      const one = { topic: 'bench-tier', seconds: 60, maxBytes: 4 * 1024 * 1024, depth: 1 }
      replays.push((await measure(bench, again, 'fetch', one)).figures)
      await again.stop()
      const other = await startBroker(bench, store, target.directory)
      const to = Math.floor((mib / 2) * 1024 * 8)
      const random = { topic: 'bench-tier', to, maxBytes: 4096, depth: 1, seconds: 2 }
      firsts.push((await measure(bench, other, 'random', random)).figures)
      await other.stop()
    }
    await target.remove()
    await store.stop()
    const replay = medianFigures(replays)
    const first = medianFigures(firsts)
    return {
      figures: { ours: { ...replay, p50Us: first.p50Us, p99Us: first.p99Us } },
      checks: [
        least('replayed', replay.mibPerS * 1.048576, 300, 'MB/s'),
        most('cold first byte, of the latency', first.p50Us / 1000 / FAR_MS, 2.2, 'x'),
      ],
    }
  },
}

const READERS = 16

/** Producers beside uploads and sixteen readers of what is archived. */
export const tierBeside: Row = {
  name: 'tier-beside',
  title: `producing beside uploads and ${String(READERS)} cold readers`,
  run: async (bench) => {
    const store = await startStore(0)
    const target = await startBroker(bench, store)
    await fill(bench, target, 'bench-old', bench.plan.isQuick ? 256 : 1024)
    await archive(target, 'bench-old')
    await target.makeTopic({ name: 'bench-new', partitions: 1, ackAfter: 'write' })
    const load = { topic: 'bench-new', connections: 4, depth: 4, rate: 2000 }
    const alone: Figures[] = []
    const beside: Figures[] = []
    let heldMib = 0
    for (let round = 0; round < bench.plan.rounds; round++) {
      // More than can be archived while the producers are measured.
      const uploaded = `bench-up-${String(round)}`
      await fill(bench, target, uploaded, bench.plan.isQuick ? 128 : 1024)
      alone.push((await measure(bench, target, 'produce', load)).figures)
      const before = residentMib(target.pid) ?? 0
      const seconds = bench.plan.seconds + 3
      const cold = { topic: 'bench-old', connections: READERS, loop: true, rate: 64 }
      const reading = { ...cold, depth: 1, maxBytes: 1 << 20 }
      const quiet = await measure(bench, target, 'fetch', { ...reading, seconds: 2 })
      heldMib = Math.max(heldMib, (quiet.figures.loadedMib ?? 0) - before)
      await setCopying(target, uploaded, true)
      const readers = measure(bench, target, 'fetch', { ...reading, seconds })
      await sleep(1000)
      const both = await measure(bench, target, 'produce', load)
      beside.push(both.figures)
      await readers
      await setCopying(target, uploaded, false)
    }
    await target.remove()
    await store.stop()
    const [one, two] = [medianFigures(alone), medianFigures(beside)]
    return {
      figures: { ours: two },
      checks: [
        least('throughput, of without', two.perSecond / one.perSecond, 0.7, '%'),
        most('p99, of without', two.p99Us / one.p99Us, 1.5, 'x'),
        most('memory of the readers', heldMib, 64, 'MiB'),
      ],
    }
  },
}
