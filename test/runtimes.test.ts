// The same broker, as a process, on each runtime: Kafka clients and our own command line against
// it, then `kill -9` and everything acknowledged is there again, then SIGTERM and exit code 0.
// How fast each of them is, is the bench's business.
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Kafka, logLevel } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { services } from '../src/cli/wiring.ts'
import { runCli } from './cli/harness.ts'

const launcher = fileURLToPath(new URL('../bin/stratalog', import.meta.url))
/** A runtime that has nothing cached yet, on a machine that is busy. */
const START_MS = 30_000
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stratalog-runtimes-'))
})

afterAll(() => rm(folder, { recursive: true, force: true }))

interface Running {
  readonly bootstrap: string
  readonly http: string
  readonly child: ChildProcess
  /** Resolves with exit code, signal and what it said on standard error. */
  readonly ended: Promise<{ code: number | null; signal: string | null; err: string }>
}

function start(runtime: string, dataDir: string): Promise<Running> {
  const words = ['start', '--data-dir', dataDir, '--kafka', '127.0.0.1:0', '--http', '127.0.0.1:0']
  const env = { ...process.env, STRATALOG_RUNTIME: runtime }
  const child = spawn(launcher, words, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  let out = ''
  let err = ''
  child.stderr.on('data', (chunk: Uint8Array) => (err += String(chunk)))
  const ended: Running['ended'] = new Promise((resolve) =>
    child.once('close', (code, signal) => resolve({ code, signal, err })),
  )
  return new Promise((resolve, reject) => {
    child.stdout.on('data', (chunk: Uint8Array) => {
      out += String(chunk)
      const line = /^ready kafka=(\S+) http=(\S+)$/m.exec(out)
      if (line?.[1] === undefined || line[2] === undefined) return
      resolve({ bootstrap: line[1], http: line[2], child, ended })
    })
    void ended.then(() => reject(new Error(`the broker ended: ${out}${err}`)))
    setTimeout(() => {
      child.kill('SIGKILL')
      reject(new Error(`no ready line in time: ${out}${err}`))
    }, START_MS).unref()
  })
}

const kafkaOf = ({ bootstrap }: Running): Kafka =>
  new Kafka({ brokers: [bootstrap], logLevel: logLevel.NOTHING, retry: { initialRetryTime: 50 } })

const values = Array.from({ length: 200 }, (_, i) => `value ${String(i)} ${'x'.repeat(i)}`)

async function produceAsLibrary(broker: Running): Promise<void> {
  const producer = kafkaOf(broker).producer({ idempotent: true, maxInFlightRequests: 1 })
  await producer.connect()
  for (let i = 0; i < values.length; i += 50) {
    const messages = values.slice(i, i + 50).map((value) => ({ value }))
    await producer.send({ topic: 'library', messages })
  }
  await producer.disconnect()
}

/** Reads to the end as the group's only member, which commits what it read. */
async function consumeAsGroup(broker: Running, groupId: string): Promise<string[]> {
  const consumer = kafkaOf(broker).consumer({ groupId, sessionTimeout: 10_000 })
  await consumer.connect()
  await consumer.subscribe({ topic: 'library', fromBeginning: true })
  const read: string[] = []
  await new Promise<void>((resolve) => {
    void consumer.run({
      eachMessage: ({ message }) => {
        if (read.push(String(message.value)) === values.length) resolve()
        return Promise.resolve()
      },
    })
  })
  await consumer.disconnect()
  return read
}

/** All bytes but the line feed, which ends a record, in records of many lengths. */
function binaryLines(): Uint8Array {
  const bytes = Uint8Array.from({ length: 60_000 }, (_, i) => (i * 7 + (i >> 8)) & 0xff)
  return bytes.map((byte, i) => (i === bytes.length - 1 ? 10 : byte === 10 && i % 3 ? 11 : byte))
}

describe.each(['node', 'deno', 'bun'])('a broker on %s', (runtime) => {
  test(
    'serves clients, survives kill -9 with all it acknowledged, and ends by SIGTERM',
    { timeout: 120_000 },
    async () => {
      const dataDir = join(folder, runtime)
      const first = await start(runtime, dataDir)
      const health = await fetch(`http://${first.http}/readyz`)
      expect([health.status, await health.text()]).toEqual([200, expect.any(String)])
      await produceAsLibrary(first)
      expect(await consumeAsGroup(first, 'readers')).toEqual(values)

      const at = ['--bootstrap', first.bootstrap]
      const create = ['topic', 'create', 'bytes', '--partitions', '2', ...at]
      expect(await runCli(create, { services })).toMatchObject({ code: 0, err: '' })
      const bytes = binaryLines()
      for (const codec of ['none', 'zstd']) {
        const words = ['produce', 'bytes', '--partition', '0', '--compression', codec, ...at]
        expect(await runCli(words, { services, input: [bytes] })).toMatchObject({
          code: 0,
          err: '',
        })
      }
      const whole = Buffer.concat([bytes, bytes])
      const consume = ['consume', 'bytes', '--partition', '0', '--until-end']
      const read = await runCli([...consume, ...at], { services })
      expect(Buffer.compare(read.bytes, whole)).toBe(0)

      first.child.kill('SIGKILL')
      expect(await first.ended).toMatchObject({ signal: 'SIGKILL' })
      const second = await start(runtime, dataDir)
      const again = await runCli([...consume, '--bootstrap', second.bootstrap], { services })
      expect(Buffer.compare(again.bytes, whole)).toBe(0)
      expect(await consumeAsGroup(second, 'others')).toEqual(values)
      const told = await runCli(
        ['group', 'describe', 'readers', '--json', '--bootstrap', second.bootstrap],
        { services },
      )
      expect(told.out).toContain(`"lag": 0`)

      second.child.kill('SIGTERM')
      expect(await second.ended).toMatchObject({ code: 0, signal: null })
    },
  )
})
