// A store that refuses: wrong credentials, no bucket, a bucket of another cluster, one that ignores
// conditions, no permission to delete, a clock that is an hour off, a store that is gone for a
// while, a bucket that was restored elsewhere. The broker starts, takes records and gives them
// back, says once in a sentence what is wrong, and archives everything once it is mended.
//   node test/lanes/tier-clouds/trouble.ts azurite|fake-gcs-server|versitygw [part of a name]
import { execFileSync } from 'node:child_process'
import { setTimeout as pause } from 'node:timers/promises'
import { openObjectStore } from '../../../adapters/object-store/open.ts'
import type { StoreServerName } from '../../stores/server.ts'
import type { BrokerProcess } from '../support/durability.ts'
import { Middlebox } from './middlebox.ts'
import { Producing, replay } from './records.ts'
import {
  absentBucket,
  endpointOf,
  withoutConditions,
  withoutDelete,
  type Refusal,
} from './refusals.ts'
import {
  archivedEnds,
  becomesWhole,
  createTopic,
  ran,
  Stage,
  stopped,
  until,
  type Environment,
  type Place,
} from './stage.ts'

const TOPIC = 'orders'
const RECORDS = 40
const VALUE = 'v'.repeat(60_000)
const TIERED = { 'segment.bytes': 1 << 20, 'tier.upload.max.lag.ms': 1_000 }
/** How long a broker goes on with its trouble after it has said what it is. */
const FRUITLESS_MS = 3_000

const [, , storeName = 'azurite', wanted = ''] = process.argv
const name = storeName as StoreServerName
const isS3 = name !== 'azurite' && name !== 'fake-gcs-server'
const stage = await Stage.open(name)
const box = new Middlebox(Number(endpointOf(stage.server).port))

/** The same bucket through the middlebox. */
async function through(prefix: string, refusal: Refusal | null): Promise<Place> {
  await box.down()
  box.rule = refusal?.rule ?? ((passing) => passing)
  const { origin } = endpointOf(stage.server)
  const { store, environment } = stage.place(prefix)
  const boxed = store.replace(origin, `http://127.0.0.1:${String(await box.up())}`)
  return { store: boxed, environment: refusal?.environment ?? environment }
}

async function started(data: string, place: Place): Promise<BrokerProcess> {
  const broker = await stage.broker(data, place)
  await broker.start()
  return broker
}

async function produce(broker: BrokerProcess, topic = TOPIC): Promise<void> {
  const lines = Array.from({ length: RECORDS }, (_, i) => `${String(i)} ${VALUE}\n`)
  await ran(['produce', topic, '--bootstrap', broker.bootstrap], {}, lines.join(''))
}

/** Reads to the end; how many records there were. */
async function consume(broker: BrokerProcess, from: string, topic = TOPIC): Promise<number> {
  const words = ['consume', topic, '--from', from, '--until-end', '--bootstrap', broker.bootstrap]
  const out = await ran(words)
  return out.split('\n').length - 1
}

/** Produces, and reads all that should be there. */
async function useHot(broker: BrokerProcess, expected: number): Promise<void> {
  await produce(broker)
  const count = await consume(broker, 'start')
  if (count !== expected) throw new Error(`${count} records came back, not ${expected}`)
}

/** Objects of the bucket whose key fits. */
async function objects({ store, environment }: Place, pattern: RegExp): Promise<number> {
  const opened = await openObjectStore(store, environment)
  try {
    const { objects: all } = await opened.list({ prefix: '', limit: 1_000 })
    return all.filter(({ key }) => pattern.test(key)).length
  } finally {
    await opened.close()
  }
}

/** What a broker has logged at or above warning. */
const complaints = (broker: BrokerProcess): string[] =>
  broker.errors.split('\n').filter((line) => /"level":"(warn|error|fatal)"/.test(line))

/** One sentence, none beside it, and no secret in any line. */
function onlyOne(broker: BrokerProcess, sentence: RegExp): string {
  const all = complaints(broker)
  const [first = ''] = all
  if (all.length !== 1 || !sentence.test(first)) {
    throw new Error(`it said ${String(all.length)} things: ${all.join('\n')}`)
  }
  const secrets = Object.values(stage.server.environment)
  const leaks = secrets.some((secret) => broker.errors.includes(secret))
  if (leaks || broker.errors.includes('sig=')) throw new Error('a secret is logged')
  return sentence.exec(first)?.[0] ?? ''
}

const complains = (broker: BrokerProcess, sentence: RegExp): Promise<void> =>
  until(() => complaints(broker).some((line) => sentence.test(line)))

/** Everything up to `end` is archived. */
async function archives(place: Place, end: number, topic = TOPIC): Promise<void> {
  let now = 0
  const look = async (): Promise<boolean> => {
    now = await archivedEnds(place, topic)
    return now === end
  }
  await until(look).catch((cause: unknown) => {
    throw new Error(`${now} of ${end} records of ${topic} are archived`, { cause })
  })
}

/** Starts with what is wrong, uses the broker, and starts again with what is right. */
async function mended(data: string, wrong: Place, sentence: RegExp): Promise<string> {
  const right = stage.place(data)
  const ill = await started(data, wrong)
  await createTopic(ill, TOPIC, TIERED)
  await useHot(ill, RECORDS)
  await complains(ill, sentence)
  await pause(FRUITLESS_MS)
  await useHot(ill, 2 * RECORDS)
  const said = onlyOne(ill, sentence)
  await stopped(ill)
  const well = await started(data, right)
  await useHot(well, 3 * RECORDS)
  await archives(right, 3 * RECORDS)
  await stopped(well)
  return `"${said}"; all is archived since it was mended`
}

/** What makes a program believe that it is an hour earlier; its timers go as they do. */
function hourBehind(): Environment {
  const words = ['-f', '-1h', 'printenv', 'LD_PRELOAD']
  const library = execFileSync('faketime', words, { encoding: 'utf8' }).trim()
  return { LD_PRELOAD: library, FAKETIME: '-1h', DONT_FAKE_MONOTONIC: '1' }
}

const scenes: Record<string, () => Promise<string>> = {
  'wrong credentials': () => {
    const environment = stage.server.wrongEnvironment ?? {}
    const wrong = { store: stage.place('one').store, environment }
    return mended('one', wrong, /Cannot \w+ \w+:[^"]*(credentials|access denied)[^"]*/)
  },

  'no bucket': () => {
    const { store, environment } = stage.place('two')
    const wrong = { store: absentBucket(store), environment }
    return mended('two', wrong, /Cannot \w+ \w+:[^"]*there is no such (bucket|container)[^"]*/)
  },

  'a bucket of another cluster': async () => {
    const place = stage.place('taken')
    const other = await started('other', place)
    await until(async () => (await objects(place, /cluster\.json/)) > 0)
    await stopped(other)
    return mended('three', place, /Cannot use \w+:[^"]*it belongs to cluster[^"]*/)
  },

  'a store that ignores conditions': async () => {
    const wrong = await through('four', await withoutConditions(name, stage.server))
    return mended('four', wrong, /Cannot archive to [^"]*ignores conditions[^"]*/)
  },

  'no permission to delete': async () => {
    const place = stage.place('five')
    const ill = await started(
      'five',
      await through('five', await withoutDelete(name, stage.server)),
    )
    await createTopic(ill, TOPIC, TIERED)
    await useHot(ill, RECORDS)
    await archives(place, RECORDS)
    await ran(['topic', 'delete', TOPIC, '--bootstrap', ill.bootstrap])
    const sentence = /Cannot delete \w+:[^"]*access denied[^"]*/
    await complains(ill, sentence)
    await pause(FRUITLESS_MS)
    await createTopic(ill, TOPIC, TIERED)
    await useHot(ill, RECORDS)
    await archives(place, RECORDS)
    const said = onlyOne(ill, sentence)
    const before = await objects(place, /\.seg$/)
    await stopped(ill)
    const well = await started('five', place)
    await until(async () => (await objects(place, /^gone\//)) === 0)
    const after = await objects(place, /\.seg$/)
    await stopped(well)
    if (after >= before) throw new Error(`${after} segments stay of ${before}`)
    return `"${said}"; ${before} segments before it was mended, ${after} after`
  },

  'a clock that is an hour behind': async () => {
    const place = stage.place('six')
    const environment = { ...place.environment, ...hourBehind() }
    const ill = await started('six', { ...place, environment })
    await createTopic(ill, TOPIC, TIERED)
    await useHot(ill, RECORDS)
    const sentence = /Cannot \w+ \w+:[^"]*the clocks differ[^"]*/
    // The SDK has learned the store's time from its answer: nobody has to mend anything.
    await archives(place, RECORDS)
    const said = onlyOne(ill, sentence)
    await stopped(ill)
    return `"${said}"; archived by the store's clock since`
  },

  'a store that is gone while records come': async () => {
    const place = stage.place('seven')
    const ill = await started('seven', await through('seven', null))
    await createTopic(ill, TOPIC, { ...TIERED, 'local.retention.bytes': 1 })
    await createTopic(ill, 'steady', { ...TIERED, 'local.retention.bytes': 1 }, 3)
    await useHot(ill, RECORDS)
    await archives(place, RECORDS)
    const producing = new Producing(ill.bootstrap, 'steady')
    const all = producing.run(24 << 20)
    await until(() => producing.acknowledgedBytes > 4 << 20, 30_000, 5)
    await box.down()
    for (let i = 0; i < 2; i++) await produce(ill)
    const sentence = /[^"]*cannot be reached[^"]*/
    await complains(ill, sentence)
    await pause(FRUITLESS_MS)
    const said = onlyOne(ill, sentence)
    await ill.stop('SIGKILL')
    await ill.start()
    await produce(ill)
    await all
    const hot = await consume(ill, String(RECORDS))
    if (hot !== 3 * RECORDS) throw new Error(`${hot} records are hot`)
    await box.up()
    await archives(place, 4 * RECORDS)
    const sums = producing.sums()
    const records = sums.reduce((sum, one) => sum + one.records, 0)
    await archives(place, records, 'steady')
    if ((await consume(ill, 'start')) !== 4 * RECORDS) throw new Error('records are lost')
    const read = await replay(ill.bootstrap, 'steady')
    if (JSON.stringify(read) !== JSON.stringify(sums)) throw new Error('another replay')
    await becomesWhole(place)
    await stopped(ill)
    return `"${said}"; all is archived since it is back`
  },

  'a bucket that was restored elsewhere': async () => {
    const place = stage.place('eight')
    const old = await started('eight', place)
    await createTopic(old, TOPIC, TIERED)
    await useHot(old, RECORDS)
    await archives(place, RECORDS)
    await until(async () => (await objects(place, /^meta\//)) > 0)
    await pause(FRUITLESS_MS)
    const words = ['--data-dir', `${stage.directory}/elsewhere`, '--store', place.store]
    await ran(['tier', 'restore', ...words], place.environment)
    const young = await started('elsewhere', place)
    await useHot(young, 2 * RECORDS)
    await useHot(old, 2 * RECORDS)
    await createTopic(old, 'another', TIERED)
    await produce(old, 'another')
    const sentence = /Cannot archive to [^"]*lives on there[^"]*/
    await complains(old, sentence)
    await ran(['topic', 'delete', TOPIC, '--bootstrap', old.bootstrap])
    await pause(FRUITLESS_MS)
    const said = onlyOne(old, sentence)
    await archives(place, 2 * RECORDS)
    await useHot(young, 3 * RECORDS)
    await becomesWhole(place)
    if ((await archivedEnds(place, 'another')) > 0) throw new Error('it archives another topic')
    if (complaints(young).length > 0) throw new Error(complaints(young).join('\n'))
    await stopped(old)
    await stopped(young)
    return `"${said}"; the new life is whole`
  },
}

/** Why a scene cannot be played on this store; null when it can. */
function missing(what: string): string | null {
  if (what === 'wrong credentials' && stage.server.wrongEnvironment === undefined) {
    return 'it looks at none'
  }
  return what === 'a clock that is an hour behind' && !isS3 ? 'it looks at no clock' : null
}

try {
  for (const [what, play] of Object.entries(scenes)) {
    if (!what.includes(wanted)) continue
    const reason = missing(what)
    if (reason === null) await stage.scene(what, play)
    else console.log(`skip ${name}: ${what}: ${reason}`)
    await stage.clear()
  }
} finally {
  await box.down()
  await stage.close()
}
