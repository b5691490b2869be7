// The story of a tiered topic on one store, told with real processes: a broker archives what a
// client produces and lets go of its own copy, is killed again and again while it uploads, and
// serves every acknowledged byte; then it is lost, and another is built from the bucket alone.
//   node test/lanes/tier-clouds/story.ts azurite|fake-gcs-server|rgw|versitygw
// STORY_MIB is how much is produced, in at least a hundred segments. Prints a line for each step.
import * as fs from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { openObjectStore } from '../../../adapters/object-store/open.ts'
import type { StoreServerName } from '../../stores/server.ts'
import type { BrokerProcess } from '../support/durability.ts'
import { commitOffsets, committedOffsets, settingsOf } from './admin.ts'
import { PARTITIONS, Producing, replay, type Sums } from './records.ts'
import {
  archivedOf,
  createTopic,
  metric,
  ran,
  Stage,
  stopped,
  until,
  verified,
  type ArchivedPartition,
} from './stage.ts'

const MiB = 1 << 20
const name = (process.argv[2] ?? 'azurite') as StoreServerName
const storyBytes = Number(process.env['STORY_MIB'] ?? 96) * MiB
const SEGMENTS = 100
const segmentBytes = Math.max(MiB, Math.floor(storyBytes / (SEGMENTS + 2 * PARTITIONS)))
const KILLS = 4
const LIMIT_MS = 600_000
const TOPIC = 'story'
const GROUP = 'readers'
const SETTINGS = {
  'segment.bytes': segmentBytes,
  'local.retention.bytes': 2 * segmentBytes,
  'retention.ms': -1,
  'tier.upload.max.lag.ms': 3_000,
}

const begun = performance.now()
const stage = await Stage.open(name)
const place = stage.place()

/** A scene that the others build on: without it there is no story. */
async function step<T>(what: string, task: () => Promise<readonly [T, string]>): Promise<T> {
  const results: T[] = []
  const isWell = await stage.scene(what, async () => {
    const [result, saw] = await task()
    results.push(result)
    return saw
  })
  if (!isWell) throw new Error(`The story ends here: ${what}`)
  return results[0] as T
}

function expectSame(read: unknown, expected: unknown): void {
  if (isDeepStrictEqual(read, expected)) return
  throw new Error(`got ${JSON.stringify(read)}, not ${JSON.stringify(expected)}`)
}

const recordsOf = (sums: Sums): number => sums.reduce((sum, { records }) => sum + records, 0)

/** Keys of the bucket's snapshots. */
async function snapshots(): Promise<string> {
  const store = await openObjectStore(place.store, place.environment)
  try {
    const { objects } = await store.list({ prefix: 'meta/', limit: 1_000 })
    return objects.map(({ key }) => key).join()
  } finally {
    await store.close()
  }
}

async function tellIt(broker: BrokerProcess): Promise<void> {
  await step('tier doctor', async () => {
    const out = await ran(['tier', 'doctor', '--store', place.store], place.environment)
    const [speed = ''] = out.split('\n').filter((line) => line.includes('large object'))
    return [undefined, speed.replace(/^.*object */, '')]
  })
  await broker.start()
  await createTopic(broker, TOPIC, SETTINGS, PARTITIONS)

  const acknowledged = await step(`producing, killed ${KILLS} times while it uploads`, async () => {
    const producing = new Producing(broker.bootstrap, TOPIC)
    const all = producing.run(storyBytes)
    all.catch(() => {})
    const busy: number[] = []
    for (let kill = 1; kill <= KILLS; kill++) {
      const enough = (kill / (KILLS + 1)) * storyBytes
      const look = async (): Promise<boolean> => {
        await Promise.race([all, Promise.resolve()])
        if (producing.acknowledgedBytes < enough) return false
        busy[kill - 1] = await metric(broker, 'stratalog_store_requests_running')
        return (busy[kill - 1] ?? 0) > 0
      }
      await until(look, LIMIT_MS, 5)
      await broker.stop('SIGKILL')
      await broker.start()
    }
    await all
    const sums = producing.sums()
    const kills = `${busy.join(', ')} requests under way when it was killed`
    return [sums, `${recordsOf(sums)} records, ${storyBytes / MiB} MiB, ${kills}`]
  })

  await step('everything is archived, and the local copy goes', async () => {
    let rows: readonly ArchivedPartition[] = []
    const look = async (): Promise<boolean> => {
      rows = await archivedOf(place, TOPIC)
      return rows.reduce((sum, { end }) => sum + end, 0) === recordsOf(acknowledged)
    }
    await until(look, LIMIT_MS, 1_000)
    // A partition keeps local.retention.bytes, the segment that makes it full, the active one.
    const most = PARTITIONS * 4 * segmentBytes
    await until(() => stage.localBytes('data') <= most)
    const archived = rows.reduce((sum, row) => sum + row.segments, 0)
    if (segmentBytes > 2 * MiB && archived < SEGMENTS) throw new Error(`${archived} segments`)
    const local = (stage.localBytes('data') / MiB).toFixed(0)
    const cut = `segments of ${(segmentBytes / MiB).toFixed(1)} MiB`
    return [undefined, `${cut}, ${archived} after merges in the bucket, ${local} MiB on disk`]
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
    await until(async () => {
      const { findings } = await verified(place, '--names')
      const bad = findings.filter(({ fault }) => fault !== 'orphaned')
      if (bad.length > 0) throw new Error(JSON.stringify(bad))
      orphansMost = Math.max(orphansMost, findings.length)
      return findings.length === 0
    }, LIMIT_MS)
    const { findings, segments: whole } = await verified(place)
    if (findings.length > 0) throw new Error(JSON.stringify(findings))
    return [undefined, `0 findings in ${whole} segments, ${orphansMost} orphans before`]
  })

  await step('the broker is lost, another is built from the bucket', async () => {
    const offsets = acknowledged.map(({ records }) => Math.floor(records / 2))
    const before = await snapshots()
    await commitOffsets(broker.bootstrap, GROUP, TOPIC, offsets)
    await until(async () => (await snapshots()) !== before)
    const settings = await settingsOf(broker.bootstrap, TOPIC, Object.keys(SETTINGS))
    await broker.stop('SIGKILL')
    fs.rmSync(join(stage.directory, 'data'), { recursive: true })

    const words = ['--data-dir', join(stage.directory, 'again'), '--store', place.store]
    await ran(['tier', 'restore', ...words], place.environment)
    const again = await stage.broker('again', place)
    await again.start()
    expectSame(await replay(again.bootstrap, TOPIC), acknowledged)
    expectSame(await committedOffsets(again.bootstrap, GROUP, TOPIC), offsets)
    expectSame(await settingsOf(again.bootstrap, TOPIC, Object.keys(SETTINGS)), settings)
    await stopped(again)
    return [
      undefined,
      `its replay is identical, offsets ${offsets.join('/')} and settings are back`,
    ]
  })
}

try {
  await tellIt(await stage.broker('data', place))
  console.log(`${name}: ${((performance.now() - begun) / 1000).toFixed(0)} s`)
} finally {
  await stage.close()
}
