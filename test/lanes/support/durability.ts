// What the kill and power-cut lanes share: a broker as a real process, idempotent producers that
// never give up and write down every acknowledgement, and the comparison of what they were told
// with what the broker still has.
import { spawn, type ChildProcess } from 'node:child_process'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Kafka, logLevel, type Producer } from 'kafkajs'
import { must } from '../../../src/base/assert.ts'

const launcher = fileURLToPath(new URL('../../../bin/stratalog', import.meta.url))

/** A port that is free now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('No port was given')
  return address.port
}

/** What a broker is started with besides: flags of `start`, variables of its environment. */
export interface BrokerWords {
  readonly flags?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
}

/** One broker process at a time on one directory and one port. */
export class BrokerProcess {
  readonly bootstrap: string
  readonly #directory: string
  readonly #wrapper: readonly string[]
  readonly #more: BrokerWords
  #child: ChildProcess | null = null
  /** What the latest process said on standard error. */
  errors = ''
  /** Where the latest process serves HTTP: `host:port`. */
  http = ''

  /** `wrapper` is a command that runs the broker, such as a tracer with its options. */
  constructor(
    directory: string,
    port: number,
    wrapper: readonly string[] = [],
    more: BrokerWords = {},
  ) {
    this.#wrapper = wrapper
    this.#more = more
    this.#directory = directory
    this.bootstrap = `127.0.0.1:${port}`
  }

  /** Starts it and waits for its ready line. */
  async start(): Promise<void> {
    const flags = ['--data-dir', this.#directory, '--kafka', this.bootstrap]
    const { flags: others = [], environment = {} } = this.#more
    const command = [...this.#wrapper, launcher, 'start', ...flags, '--http', '127.0.0.1:0']
    const child = spawn(command[0] ?? launcher, [...command.slice(1), ...others], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...environment },
    })
    this.#child = child
    this.errors = ''
    child.stderr.on('data', (data: Buffer) => {
      this.errors = (this.errors + data.toString()).slice(-20_000)
    })
    let out = ''
    for await (const data of child.stdout) {
      out += String(data)
      if (/^ready .*\n/m.test(out)) {
        this.http = /http=(\S+)/.exec(out)?.[1] ?? ''
        child.stdout.resume()
        return
      }
    }
    throw new Error(`The broker does not start: ${this.errors}`)
  }

  /** Waits at most `waitMs` for it to end by itself; its exit code, or null when it lives on. */
  async ended(waitMs: number): Promise<number | null> {
    const child = this.#child
    if (child === null) return null
    if (child.exitCode === null) {
      await Promise.race([once(child, 'exit'), pause(waitMs, null, { ref: false })])
    }
    return child.exitCode
  }

  /** Ends it with `signal` and waits until it is gone; its exit code or signal. */
  async stop(signal: NodeJS.Signals): Promise<number | string | null> {
    const child = this.#child
    this.#child = null
    if (child === null) return null
    if (child.exitCode !== null || child.signalCode !== null) {
      return child.exitCode ?? child.signalCode
    }
    child.kill(signal)
    await once(child, 'exit')
    return child.exitCode ?? child.signalCode
  }
}

/** Runs the command line tool; `take` gets each line of its output. Throws when it fails. */
export async function cli(
  bootstrap: string,
  args: readonly string[],
  take: (line: string) => void = () => undefined,
): Promise<void> {
  const child = spawn(launcher, [...args, '--bootstrap', bootstrap], { stdio: 'pipe' })
  let errors = ''
  child.stderr.on('data', (data: Buffer) => (errors += data.toString()))
  const closed = once(child, 'close')
  for await (const line of createInterface({ input: child.stdout })) take(line)
  await closed
  if (child.exitCode !== 0) throw new Error(`stratalog ${args.join(' ')}: ${errors}`)
}

/** What is known of a topic's offsets: the number of the record at each, by partition. */
type Places = number[][]

const PARTITIONS = 3
const noPlaces = (): Places => Array.from({ length: PARTITIONS }, () => [])

/** The `n`th record of a producer: so much of it is known that only its number need be kept. */
const valueOf = (producer: number, n: number): string =>
  `${producer}:${n}:${'x'.repeat(n % 7 === 0 ? 3_000 : 30)}`

/** The number of a record, unlike that of any other; -1 for a value that nobody has sent. */
function numberOf(value: string): number {
  const [producer, n] = value.split(':', 2).map(Number)
  if (producer === undefined || n === undefined || value !== valueOf(producer, n)) return -1
  return producer * 2 ** 40 + n
}

/** What a comparison found: `lost`, `twice` and `renamed` count broken promises. */
interface Comparison {
  readonly records: number
  readonly acknowledged: number
  readonly lost: number
  readonly twice: number
  readonly renamed: number
}

/** One topic under load, and everything its producers were told. */
export class Load {
  readonly topic: string
  readonly #acknowledged = noPlaces()
  /** Offsets that were acknowledged to two records. */
  #toldTwice = 0
  readonly #producers: Producer[] = []
  #running: Promise<void>[] = []
  #stopping = false
  /** What each offset was seen to hold: it must never hold anything else. */
  readonly #seen = noPlaces()

  constructor(topic: string) {
    this.topic = topic
  }

  /**
   * Begins to produce with `count` producers. Where acknowledged records may be lost they are not
   * idempotent: a broker that has forgotten some rightly refuses the next sequence number.
   */
  async start(bootstrap: string, count: number, idempotent = true): Promise<void> {
    for (let i = 0; i < count; i++) {
      const kafka = new Kafka({
        clientId: `${this.topic}-${i}`,
        brokers: [bootstrap],
        logLevel: logLevel.NOTHING,
        connectionTimeout: 1_000,
        requestTimeout: 5_000,
        retry: { retries: 1_000_000, initialRetryTime: 20, maxRetryTime: 200 },
      })
      const producer = kafka.producer({ idempotent, maxInFlightRequests: 1 })
      await producer.connect()
      this.#producers.push(producer)
      this.#running.push(this.#produce(producer, i))
    }
  }

  async #produce(producer: Producer, id: number): Promise<void> {
    for (let n = 0; !this.#stopping;) {
      const partition = n % PARTITIONS
      const values = Array.from({ length: 1 + (n % 9) }, (_, i) => valueOf(id, n + i))
      n += values.length
      const messages = values.map((value) => ({ value, partition }))
      const [told] = await producer.send({ topic: this.topic, acks: -1, messages })
      const base = Number(told?.baseOffset ?? -1)
      if (base < 0) throw new Error('An acknowledgement has no offset')
      const places = must(this.#acknowledged[partition], 'A partition')
      for (const [i, value] of values.entries()) {
        if (places[base + i] !== undefined) this.#toldTwice++
        places[base + i] = numberOf(value)
      }
    }
  }

  /** Lets go of the producers at once, whatever they wait for. */
  abandon(): void {
    this.#stopping = true
    for (const running of this.#running) running.catch(() => undefined)
    for (const producer of this.#producers) void producer.disconnect().catch(() => undefined)
    this.#running = []
  }

  /** Ends the producers once what they have sent is acknowledged. */
  async stop(): Promise<void> {
    this.#stopping = true
    await Promise.all(this.#running)
    for (const producer of this.#producers) await producer.disconnect()
    this.#running = []
  }

  /** Reads the topic and compares. */
  async verify(bootstrap: string): Promise<Comparison> {
    const known = this.#acknowledged.map((places) => [...places])
    const there = noPlaces()
    const numbers = new Set<number>()
    let records = 0
    let twice = 0
    let renamed = this.#toldTwice
    const args = ['consume', this.topic, '--format', 'json', '--from', 'start', '--until-end']
    await cli(bootstrap, args, (line) => {
      const record = JSON.parse(line) as { partition: number; offset: number; value: string }
      const { partition, offset } = record
      const number = numberOf(record.value)
      records++
      must(there[partition], 'A partition')[offset] = number
      if (numbers.has(number)) twice++
      numbers.add(number)
      const seen = must(this.#seen[partition], 'A partition')
      if ((seen[offset] ?? number) !== number) renamed++
      seen[offset] = number
    })
    let acknowledged = 0
    let lost = 0
    for (const [partition, places] of known.entries()) {
      for (const [offset, number] of places.entries()) {
        // What was not told of is a hole here: lost acknowledgements, retried by the producer.
        if (number === undefined) continue
        acknowledged++
        if (there[partition]?.[offset] !== number) lost++
      }
    }
    return { records, acknowledged, lost, twice, renamed }
  }
}
