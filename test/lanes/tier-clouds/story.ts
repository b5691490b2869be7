// The story of a tiered topic on one store, told with real processes: a broker archives what a
// client produces and lets go of its own copy, is killed twice while it uploads, and still serves
// every acknowledged byte; then it is lost, and another is built from the bucket alone.
//   node test/lanes/tier-clouds/story.ts azurite|fake-gcs-server|rgw|versitygw|fake-s3
// STORY_MIB is how much is produced. Prints a line for each step.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual } from 'node:util'
import { startStoreServer, type StoreServerName } from '../../stores/server.ts'
import { BrokerProcess, cli, freePort } from '../support/durability.ts'
import { PARTITIONS, Producing, replay, type Sums } from './records.ts'

const MiB = 1 << 20
const launcher = fileURLToPath(new URL('../../../bin/stratalog', import.meta.url))
const name = (process.argv[2] ?? 'azurite') as StoreServerName
const storyBytes = Number(process.env['STORY_MIB'] ?? 96) * MiB
const segments = storyBytes >= 1024 * MiB ? 108 : 30
const segmentBytes = Math.max(MiB, Math.floor(storyBytes / segments))
const TOPIC = 'story'

const begun = performance.now()
const directory = fs.mkdtempSync(join(tmpdir(), 'stratalog-story-'))
const server = await startStoreServer(name)
const brokers: BrokerProcess[] = []

/** A broker on a data directory, which looks after its archive every moment. */
async function brokerOn(dataDir: string): Promise<BrokerProcess> {
  const settings = {
    'tier.check.interval.ms': 200,
    'tier.snapshot.interval.ms': 1_000,
    'tier.delete.grace.ms': 1_000,
    'tier.scrub.interval.ms': 2_000,
    'group.initial.rebalance.delay.ms': 0,
  }
  const flags = Object.entries(settings).flatMap(([key, value]) => ['--set', `${key}=${value}`])
  const broker = new BrokerProcess(join(directory, dataDir), await freePort(), [], {
    flags: ['--store', server.url, ...flags],
    environment: server.environment,
  })
  brokers.push(broker)
  return broker
}

/** Runs `stratalog tier …` on the bucket: its exit code and what it printed. */
async function tier(...words: string[]): Promise<{ code: number | null; out: string }> {
  const child = spawn(launcher, ['tier', ...words, '--store', server.url], {
    env: { ...process.env, ...server.environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let out = ''
  let err = ''
  child.stdout.on('data', (data: Buffer) => (out += data.toString()))
  child.stderr.on('data', (data: Buffer) => (err += data.toString()))
  await once(child, 'close')
  return { code: child.exitCode, out: out + (child.exitCode === 0 ? '' : err) }
}

/** The sum of all samples of a metric that have `label` among their labels. */
async function metric(broker: BrokerProcess, metricName: string, label = ''): Promise<number> {
  const text = await (await fetch(`http://${broker.http}/metrics`)).text()
  let sum = 0
  for (const line of text.split('\n')) {
    const isOne = new RegExp(`^${metricName}[ {]`).test(line) && line.includes(label)
    if (isOne) sum += Number(line.split(' ').at(-1))
  }
  return sum
}

/** Looks again every `everyMs` until what it sees is well. */
async function until(limitMs: number, everyMs: number, look: () => Promise<boolean>) {
  const deadline = performance.now() + limitMs
  while (!(await look())) {
    if (performance.now() > deadline) throw new Error('it takes too long')
    await pause(everyMs)
  }
}

/** Runs one step of the story and says how it came out. */
async function step<T>(what: string, task: () => Promise<readonly [T, string]>): Promise<T> {
  const from = performance.now()
  try {
    const [result, saw] = await task()
    const seconds = ((performance.now() - from) / 1000).toFixed(1)
    console.log(`ok ${name}: ${what}: ${saw} (${seconds} s)`)
    return result
  } catch (error) {
    console.log(`FAIL ${name}: ${what}: ${String(error)}`)
    console.log(brokers.map(({ errors }) => errors.slice(-3_000)).join('\n'))
    throw error
  }
}

function expectSame(read: Sums, acknowledged: Sums): void {
  if (isDeepStrictEqual(read, acknowledged)) return
  throw new Error(`read ${JSON.stringify(read)}, not ${JSON.stringify(acknowledged)}`)
}

const recordsOf = (sums: Sums): number => sums.reduce((sum, { records }) => sum + records, 0)

/** Bytes of the topic in the data directory. */
function localBytes(dataDir: string): number {
  const topics = join(directory, dataDir, 'topics')
  const all = fs.readdirSync(topics, { recursive: true, withFileTypes: true })
  const sizes = all.map((one) => {
    // A segment may go while it is looked at.
    const found = fs.statSync(join(one.parentPath, one.name), { throwIfNoEntry: false })
    return found?.isFile() === true ? found.size : 0
  })
  return sizes.reduce((sum, size) => sum + size, 0)
}

try {
  await step('tier doctor', async () => {
    const { code, out } = await tier('doctor')
    if (code !== 0) throw new Error(out)
    const [speed = ''] = out.split('\n').filter((line) => line.includes('large object'))
    return [undefined, speed.replace(/^.*object */, '')]
  })
  const broker = await brokerOn('data')
  await broker.start()
  const configs = {
    'remote.storage.enable': 'true',
    'segment.bytes': segmentBytes,
    'local.retention.bytes': 2 * segmentBytes,
    'tier.upload.max.lag.ms': 3_000,
  }
  const flags = Object.entries(configs).flatMap(([key, value]) => ['--config', `${key}=${value}`])
  await cli(broker.bootstrap, ['topic', 'create', TOPIC, '--partitions', '3', ...flags])

  const acknowledged = await step('producing, killed twice while it uploads', async () => {
    const producing = new Producing(broker.bootstrap, TOPIC)
    const all = producing.run(storyBytes)
    all.catch(() => {})
    let running = 0
    for (const share of [1 / 3, 2 / 3]) {
      await until(600_000, 5, async () => {
        await Promise.race([all, Promise.resolve()])
        if (producing.acknowledgedBytes < share * storyBytes) return false
        running = await metric(broker, 'stratalog_store_requests_running')
        return running > 0
      })
      await broker.stop('SIGKILL')
      await broker.start()
    }
    await all
    const sums = producing.sums()
    const requests = `${running} requests under way when it was killed`
    return [sums, `${recordsOf(sums)} records, ${storyBytes / MiB} MiB, ${requests}`]
  })

  await step('everything is archived, and the local copy goes', async () => {
    let rows: { readonly end: number; readonly segments: number }[] = []
    await until(600_000, 1_000, async () => {
      const { out } = await tier('ls', TOPIC, '--json')
      rows = out.startsWith('[') ? (JSON.parse(out) as typeof rows) : []
      const ended = rows.reduce((sum, { end }) => sum + end, 0)
      return rows.length === PARTITIONS && ended === recordsOf(acknowledged)
    })
    // What a partition keeps: local.retention.bytes, the segment that makes it full, the active one.
    const most = PARTITIONS * 4 * segmentBytes
    await until(60_000, 500, () => Promise.resolve(localBytes('data') <= most))
    const archived = rows.reduce((sum, row) => sum + row.segments, 0)
    const local = (localBytes('data') / MiB).toFixed(0)
    return [undefined, `${archived} segments in the bucket, ${local} MiB on disk`]
  })

  await step('a replay by KafkaJS', async () => {
    const bytes = (): Promise<number> => metric(broker, 'stratalog_store_bytes_total', 'down')
    const before = await bytes()
    expectSame(await replay(broker.bootstrap, TOPIC), acknowledged)
    const down = (await bytes()) - before
    if (down < storyBytes / 2) throw new Error(`only ${down} bytes came from the store`)
    return [undefined, `identical, ${(down / MiB).toFixed(0)} MiB of it from the store`]
  })

  await step('tier verify, once orphans of the kills are gone', async () => {
    let orphansMost = 0
    interface Report {
      readonly findings: readonly { readonly fault: string; readonly text: string }[]
      readonly segments: number
    }
    const verified = async (...words: string[]): Promise<Report> =>
      JSON.parse((await tier('verify', '--json', ...words)).out) as Report
    await until(60_000, 1_000, async () => {
      const { findings } = await verified('--names')
      const bad = findings.filter(({ fault }) => fault !== 'orphaned')
      if (bad.length > 0) throw new Error(JSON.stringify(bad))
      orphansMost = Math.max(orphansMost, findings.length)
      return findings.length === 0
    })
    const { findings, segments: whole } = await verified()
    if (findings.length > 0) throw new Error(JSON.stringify(findings))
    return [undefined, `0 findings in ${whole} segments, ${orphansMost} orphans before`]
  })

  await step('the broker is lost, another is built from the bucket', async () => {
    const code = await broker.stop('SIGTERM')
    if (code !== 0) throw new Error(`the broker ended with ${String(code)}`)
    fs.rmSync(join(directory, 'data'), { recursive: true })
    const restored = await tier('restore', '--data-dir', join(directory, 'again'))
    if (restored.code !== 0) throw new Error(restored.out)
    const again = await brokerOn('again')
    await again.start()
    expectSame(await replay(again.bootstrap, TOPIC), acknowledged)
    const ended = await again.stop('SIGTERM')
    if (ended !== 0) throw new Error(`the broker ended with ${String(ended)}`)
    return [undefined, 'its replay is identical']
  })
  console.log(`${name}: ${((performance.now() - begun) / 1000).toFixed(0)} s`)
} finally {
  for (const broker of brokers) await broker.stop('SIGKILL')
  await server.stop()
  fs.rmSync(directory, { recursive: true, force: true })
}
