// A store that refuses: wrong credentials, no bucket, a bucket of another cluster, no permission to
// delete. The broker starts, takes records and gives them back, says once in a sentence what is
// wrong, and archives as soon as it is started with what is right. On Azurite, which checks keys,
// containers and the permissions of a SAS.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import {
  ContainerClient,
  ContainerSASPermissions,
  StorageSharedKeyCredential,
} from '@azure/storage-blob'
import { openObjectStore } from '../../../adapters/object-store/open.ts'
import { startStoreServer } from '../../stores/server.ts'
import { BrokerProcess, cli, freePort } from '../support/durability.ts'

const launcher = fileURLToPath(new URL('../../../bin/stratalog', import.meta.url))
const TOPIC = 'orders'
const RECORDS = 40
const VALUE = 'v'.repeat(60_000)
const FRUITLESS_MS = 3_000

const directory = fs.mkdtempSync(join(tmpdir(), 'stratalog-trouble-'))
const server = await startStoreServer('azurite')
const running = new Set<BrokerProcess>()

type Environment = Readonly<Record<string, string>>

async function start(
  data: string,
  store: string,
  environment: Environment,
): Promise<BrokerProcess> {
  const settings = ['tier.check.interval.ms=100', 'tier.delete.grace.ms=1000']
  const broker = new BrokerProcess(join(directory, data), await freePort(), [], {
    flags: ['--store', store, ...settings.flatMap((one) => ['--set', one])],
    environment,
  })
  await broker.start()
  running.add(broker)
  return broker
}

async function stop(broker: BrokerProcess): Promise<void> {
  running.delete(broker)
  const code = await broker.stop('SIGTERM')
  if (code !== 0) throw new Error(`the broker ended with ${String(code)}: ${broker.errors}`)
}

async function createTopic(broker: BrokerProcess): Promise<void> {
  const configs = ['remote.storage.enable=true', 'segment.bytes=1048576']
  configs.push('tier.upload.max.lag.ms=1000')
  const flags = configs.flatMap((one) => ['--config', one])
  await cli(broker.bootstrap, ['topic', 'create', TOPIC, ...flags])
}

/** Produces by the command line, and reads all that should be there. */
async function useHot(broker: BrokerProcess, expected: number): Promise<void> {
  const child = spawn(launcher, ['produce', TOPIC, '--bootstrap', broker.bootstrap], {
    stdio: ['pipe', 'ignore', 'pipe'],
  })
  for (let i = 0; i < RECORDS; i++) child.stdin.write(`${String(i)} ${VALUE}\n`)
  child.stdin.end()
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`produce ended with ${String(code)}`)
  let lines = 0
  const words = ['consume', TOPIC, '--until-end', '--from', 'start']
  await cli(broker.bootstrap, words, () => {
    lines++
  })
  if (lines !== expected) {
    throw new Error(`${String(lines)} records came back, not ${String(expected)}`)
  }
}

/** Objects of the bucket whose key fits. */
async function objects(store: string, environment: Environment, pattern: RegExp): Promise<number> {
  const opened = await openObjectStore(store, environment)
  try {
    const { objects } = await opened.list({ prefix: '', limit: 1_000 })
    return objects.filter(({ key }) => pattern.test(key)).length
  } finally {
    await opened.close()
  }
}

const archived = async (store: string): Promise<boolean> =>
  (await objects(store, server.environment, /\.seg$/)) > 0

async function until(look: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 30_000
  while (!(await look())) {
    if (performance.now() > deadline) throw new Error('it takes too long')
    await pause(200)
  }
}

/** What a broker has logged at or above warning, as messages. */
const complaints = (broker: BrokerProcess): string[] =>
  broker.errors.split('\n').filter((line) => /"level":"(warn|error|fatal)"/.test(line))

/** One sentence, and no more than one for the same trouble. */
function expectOne(broker: BrokerProcess, sentence: RegExp): string {
  const said = complaints(broker).filter((line) => sentence.test(line))
  if (said.length !== 1) {
    throw new Error(`it said ${String(said.length)} times ${String(sentence)}: ${broker.errors}`)
  }
  const secrets = Object.values(server.environment)
  if (secrets.some((secret) => broker.errors.includes(secret)))
    throw new Error('a secret is logged')
  return sentence.exec(said[0] ?? '')?.[0] ?? ''
}

async function scene(what: string, task: () => Promise<string>): Promise<void> {
  try {
    console.log(`ok ${what}: ${await task()}`)
  } catch (error) {
    console.log(`FAIL ${what}: ${String(error)}`)
    process.exitCode = 1
  }
  for (const broker of running) await broker.stop('SIGKILL')
  running.clear()
}

/** Starts with what is wrong, uses the broker, and starts again with what is right. */
async function mended(
  data: string,
  wrong: { readonly store: string; readonly environment: Environment },
  right: string,
  sentence: RegExp,
): Promise<string> {
  const ill = await start(data, wrong.store, wrong.environment)
  await createTopic(ill)
  await useHot(ill, RECORDS)
  await until(() => Promise.resolve(complaints(ill).some((line) => sentence.test(line))))
  await pause(FRUITLESS_MS)
  await useHot(ill, 2 * RECORDS)
  const said = expectOne(ill, sentence)
  await stop(ill)
  const well = await start(data, right, server.environment)
  await until(() => archived(right))
  await useHot(well, 3 * RECORDS)
  await stop(well)
  return `"${said}"; archived after it was mended`
}

const below = (prefix: string): string => server.url.replace('?', `/${prefix}?`)

try {
  await scene('wrong credentials', () => {
    const environment = server.wrongEnvironment ?? {}
    const wrong = { store: below('one'), environment }
    return mended('one', wrong, below('one'), /Cannot \w+ az:[^"]*(credentials|access denied)[^"]*/)
  })

  await scene('no container', () => {
    const store = below('two').replace('/container/', '/absent/')
    const wrong = { store, environment: server.environment }
    return mended('two', wrong, below('two'), /Cannot \w+ az:[^"]*there is no such container[^"]*/)
  })

  await scene('a container of another cluster', () => {
    // The one of the first scene has claimed it.
    const wrong = { store: below('one'), environment: server.environment }
    return mended('three', wrong, below('three'), /[^"]*another cluster[^"]*|[^"]*belongs to[^"]*/)
  })

  await scene('no permission to delete', async () => {
    const { host: account, searchParams } = new URL(server.url)
    const key = server.environment['AZURE_STORAGE_KEY'] ?? ''
    const endpoint = searchParams.get('endpoint') ?? ''
    const signer = new StorageSharedKeyCredential(account, key)
    const sas = await new ContainerClient(`${endpoint}/container`, signer).generateSasUrl({
      permissions: ContainerSASPermissions.parse('racwl'),
      expiresOn: new Date(Date.now() + 3_600_000),
    })
    const store = below('four')
    const environment = { AZURE_STORAGE_SAS_TOKEN: new URL(sas).search.replace('?', '') }
    const ill = await start('four', store, environment)
    await createTopic(ill)
    await useHot(ill, RECORDS)
    await until(() => archived(store))
    await cli(ill.bootstrap, ['topic', 'delete', TOPIC])
    const sentence = /Cannot delete az:[^"]*access denied[^"]*/
    await until(() => Promise.resolve(complaints(ill).some((line) => sentence.test(line))))
    await pause(FRUITLESS_MS)
    await createTopic(ill)
    await useHot(ill, RECORDS)
    const said = expectOne(ill, sentence)
    if (ill.errors.includes('sig=')) throw new Error('a signature is logged')
    const before = await objects(store, server.environment, /\.seg$/)
    await stop(ill)
    const well = await start('four', store, server.environment)
    await until(async () => (await objects(store, server.environment, /^gone\//)) === 0)
    const after = await objects(store, server.environment, /\.seg$/)
    await stop(well)
    return `"${said}"; ${String(before)} segments before it was mended, ${String(after)} after`
  })
} finally {
  for (const broker of running) await broker.stop('SIGKILL')
  await server.stop()
  fs.rmSync(directory, { recursive: true, force: true })
}
