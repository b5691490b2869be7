// What the story and the trouble are played on: a store server, brokers as real processes that use
// it, the command line's words on the bucket, and scenes that say in a line how they came out.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { startStoreServer, type StoreServer, type StoreServerName } from '../../stores/server.ts'
import { BrokerProcess, freePort } from '../support/durability.ts'

const launcher = fileURLToPath(new URL('../../../bin/stratalog', import.meta.url))

/** Settings of every broker: it looks after its disk and its archive every moment. */
const SETTINGS: Readonly<Record<string, number>> = {
  'log.retention.check.interval.ms': 300,
  'tier.check.interval.ms': 100,
  'tier.snapshot.interval.ms': 500,
  'tier.delete.grace.ms': 1_000,
  'tier.scrub.interval.ms': 1_000,
  'tier.scrub.bytes.per.second': 0,
  'group.initial.rebalance.delay.ms': 0,
}

/** Variables by name. */
export type Environment = Readonly<Record<string, string>>

/** A bucket and who asks for it. */
export interface Place {
  readonly store: string
  readonly environment: Environment
}

/** What a command printed, and its exit code. */
export interface Told {
  readonly code: number | null
  readonly out: string
  readonly errors: string
}

/** Looks again every `everyMs` until it is well. */
export async function until(
  look: () => Promise<boolean> | boolean,
  limitMs = 120_000,
  everyMs = 100,
): Promise<void> {
  const deadline = performance.now() + limitMs
  while (!(await look())) {
    if (performance.now() > deadline) throw new Error('it takes too long')
    await pause(everyMs)
  }
}

/** Runs the command line with `input`, for at most two minutes. */
export async function run(
  words: readonly string[],
  environment: Environment = {},
  input = '',
): Promise<Told> {
  const child = spawn(launcher, words, { env: { ...process.env, ...environment }, stdio: 'pipe' })
  let out = ''
  let errors = ''
  child.stdout.on('data', (data: Buffer) => (out += data.toString()))
  child.stderr.on('data', (data: Buffer) => (errors += data.toString()))
  child.stdin.on('error', () => undefined)
  child.stdin.end(input)
  await once(child, 'close')
  return { code: child.exitCode, out, errors }
}

/** The same, for what must go well; what it printed. */
export async function ran(
  words: readonly string[],
  environment: Environment = {},
  input = '',
): Promise<string> {
  const { code, out, errors } = await run(words, environment, input)
  if (code !== 0) throw new Error(`${words.join(' ')} ended with ${String(code)}: ${out}${errors}`)
  return out
}

/** One store server, everything that runs against it, and one directory for all their data. */
export class Stage {
  readonly name: StoreServerName
  readonly server: StoreServer
  readonly directory: string
  readonly #brokers: BrokerProcess[] = []

  private constructor(name: StoreServerName, server: StoreServer) {
    this.name = name
    this.server = server
    this.directory = fs.mkdtempSync(join(tmpdir(), 'stratalog-clouds-'))
  }

  /** Also ended, with all that runs on it, when this process is told to end. */
  static async open(name: StoreServerName): Promise<Stage> {
    const stage = new Stage(name, await startStoreServer(name))
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.once(signal, () => void stage.close().finally(() => process.exit(1)))
    }
    return stage
  }

  /** The bucket, or a prefix of it, by whom it lets in. */
  place(prefix = ''): Place {
    const { url, environment } = this.server
    return { store: prefix === '' ? url : url.replace('?', `/${prefix}?`), environment }
  }

  /** A broker on a data directory, not yet started. */
  async broker(dataDir: string, { store, environment }: Place): Promise<BrokerProcess> {
    const settings = Object.entries(SETTINGS).flatMap(([k, v]) => ['--set', `${k}=${String(v)}`])
    const broker = new BrokerProcess(join(this.directory, dataDir), await freePort(), [], {
      flags: ['--store', store, ...settings],
      environment,
    })
    this.#brokers.push(broker)
    return broker
  }

  /** Bytes of all topics in a data directory. */
  localBytes(dataDir: string): number {
    const topics = join(this.directory, dataDir, 'topics')
    const all = fs.readdirSync(topics, { recursive: true, withFileTypes: true })
    const sizes = all.map((one) => {
      // A segment may go while it is looked at.
      const found = fs.statSync(join(one.parentPath, one.name), { throwIfNoEntry: false })
      return found?.isFile() === true ? found.size : 0
    })
    return sizes.reduce((sum, size) => sum + size, 0)
  }

  /** What the brokers said last, for whoever looks for what went wrong. */
  get words(): string {
    return this.#brokers.map(({ errors }) => errors.slice(-6_000)).join('\n')
  }

  /** Kills the brokers that still run, and forgets them. */
  async clear(): Promise<void> {
    for (const broker of this.#brokers) await broker.stop('SIGKILL')
    this.#brokers.length = 0
  }

  /** Ends everything and removes what it left. */
  async close(): Promise<void> {
    await this.clear()
    await this.server.stop()
    fs.rmSync(this.directory, { recursive: true, force: true })
  }

  /** Plays a scene and says how it came out; what it returns, or null when it failed. */
  async scene(what: string, task: () => Promise<string>): Promise<boolean> {
    const begun = performance.now()
    try {
      const saw = await task()
      const seconds = ((performance.now() - begun) / 1000).toFixed(1)
      console.log(`ok ${this.name}: ${what}: ${saw} (${seconds} s)`)
      return true
    } catch (error) {
      console.log(`FAIL ${this.name}: ${what}: ${String(error)}`)
      console.log(this.words)
      process.exitCode = 1
      return false
    }
  }
}

/** Ends a broker as an operator does; it must end well. */
export async function stopped(broker: BrokerProcess): Promise<void> {
  const code = await broker.stop('SIGTERM')
  if (code !== 0) throw new Error(`the broker ended with ${String(code)}: ${broker.errors}`)
}

/** Creates a tiered topic. */
export async function createTopic(
  broker: BrokerProcess,
  topic: string,
  configs: Readonly<Record<string, string | number>>,
  partitions = 1,
): Promise<void> {
  const all = { 'remote.storage.enable': 'true', ...configs }
  const flags = Object.entries(all).flatMap(([key, value]) => ['--config', `${key}=${value}`])
  const where = ['--partitions', String(partitions), '--bootstrap', broker.bootstrap]
  await ran(['topic', 'create', topic, ...where, ...flags])
}

/** A row of `tier ls TOPIC --json`. */
export interface ArchivedPartition {
  readonly end: number
  readonly segments: number
}

/** What is archived of a topic; empty while nothing is. */
export async function archivedOf(
  { store, environment }: Place,
  topic: string,
): Promise<readonly ArchivedPartition[]> {
  const told = await run(['tier', 'ls', topic, '--json', '--store', store], environment)
  return told.code === 0 ? (JSON.parse(told.out) as ArchivedPartition[]) : []
}

/** Offsets that are archived, of all partitions together. */
export const archivedEnds = async (place: Place, topic: string): Promise<number> =>
  (await archivedOf(place, topic)).reduce((sum, { end }) => sum + end, 0)

/** What `tier verify --json` says. */
export interface VerifyReport {
  readonly findings: readonly { readonly fault: string; readonly text: string }[]
  readonly segments: number
}

/** Waits until nothing is wrong with a bucket, orphans included. */
export async function becomesWhole(place: Place): Promise<void> {
  let report: VerifyReport | null = null
  const look = async (): Promise<boolean> => {
    report = await verified(place)
    return report.findings.length === 0
  }
  await until(look).catch((cause: unknown) => {
    throw new Error(`not whole: ${JSON.stringify(report)}`, { cause })
  })
}

/** Verifies a bucket. */
export async function verified(place: Place, ...words: string[]): Promise<VerifyReport> {
  const all = ['tier', 'verify', '--json', '--store', place.store, ...words]
  return JSON.parse((await run(all, place.environment)).out) as VerifyReport
}

/** The sum of all samples of a metric that have `label` among their labels. */
export async function metric(broker: BrokerProcess, name: string, label = ''): Promise<number> {
  const text = await (await fetch(`http://${broker.http}/metrics`)).text()
  let sum = 0
  for (const line of text.split('\n')) {
    const isOne = new RegExp(`^${name}[ {]`).test(line) && line.includes(label)
    if (isOne) sum += Number(line.split(' ').at(-1))
  }
  return sum
}
