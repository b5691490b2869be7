// The lane itself: starts a broker, presses on it in one way after another, and measures.
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { KiB, MiB } from '../../../src/base/units.ts'
import {
  createTopicsRequest,
  createTopicsResponse,
} from '../../../src/wire/messages/19-create-topics.ts'
import { build } from '../../record/support.ts'
import { fetchFrame, fetchOnce, HostileClient, produce } from '../../broker/hostile/client.ts'

const TOPIC = 'lane'
const BATCH = build([{ timestampMs: 1, key: null, value: new Uint8Array(100 * KiB).fill(120) }])
const SMALL = build([{ timestampMs: 1, key: null, value: new Uint8Array(100).fill(120) }])
const IDLE = 10_000
const ANNOUNCERS = 5000
const SLOW = 10_000
const STUCK = 1000
const OPEN_AT_ONCE = 500

const directory = mkdtempSync(join(tmpdir(), 'stratalog-hostile-'))
const launcher = fileURLToPath(new URL('../../../bin/stratalog', import.meta.url))
let failures = 0
let passes = 0

function say(what: string, ok: boolean, numbers: string): void {
  if (ok) passes++
  else failures++
  process.stdout.write(`${ok ? 'ok  ' : 'FAIL'} ${what}: ${numbers}\n`)
}

/** Starts a broker; its port once it serves. */
async function start(): Promise<{ readonly child: ChildProcess; readonly port: number }> {
  const settings = ['max.connections=30000', 'connections.max.idle.ms=-1']
  const child = spawn(
    launcher,
    ['start', '--data-dir', directory, '--kafka', '127.0.0.1:0', '--http', '127.0.0.1:0'].concat(
      settings.flatMap((setting) => ['--set', setting]),
    ),
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const port = await new Promise<number>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`The broker ended with ${code}`)))
    child.stdout.on('data', (bytes: Uint8Array) => {
      const match = /kafka=[^ ]*:(\d+)/.exec(String(bytes))
      if (match !== null) resolve(Number(match[1]))
    })
  })
  return { child, port }
}

/** Resident memory of the broker in MiB. */
function residentMiB(child: ChildProcess): number {
  const text = readFileSync(`/proc/${child.pid}/status`, 'utf8')
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(text)?.[1] ?? 0) / 1024)
}

async function connectMany(port: number, count: number): Promise<HostileClient[]> {
  const clients: HostileClient[] = []
  while (clients.length < count) {
    const some = Math.min(OPEN_AT_ONCE, count - clients.length)
    const open = Array.from({ length: some }, () => HostileClient.connect(port))
    clients.push(...(await Promise.all(open)))
  }
  return clients
}

async function closeAll(clients: readonly HostileClient[]): Promise<void> {
  for (const client of clients) client.close()
  await Promise.all(clients.map(({ closed }) => closed))
}

/** Milliseconds of produce, half and worst, and whether all were accepted. */
async function latency(
  client: HostileClient,
): Promise<{ half: number; worst: number; ok: boolean }> {
  const times: number[] = []
  let ok = true
  for (let i = 0; i < 100; i++) {
    const beganMs = performance.now()
    ok = (await produce(client, TOPIC, SMALL)) === 0 && ok
    times.push(performance.now() - beganMs)
  }
  times.sort((a, b) => a - b)
  return { half: times[50] ?? 0, worst: times[99] ?? 0, ok }
}

const { child, port } = await start()
const honest = await HostileClient.connect(port)
await honest.ask(createTopicsRequest, createTopicsResponse, 7, {
  topics: [{ name: TOPIC, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }],
  timeoutMs: 10_000,
})
for (let i = 0; i < 400; i++) await produce(honest, TOPIC, BATCH)
const calm = await latency(honest)

/** Presses on the broker, then holds memory and the honest client's latency against bounds. */
async function press(
  what: string,
  count: number,
  boundMiB: number,
  act: (clients: readonly HostileClient[]) => Promise<void>,
): Promise<void> {
  const before = residentMiB(child)
  const clients = await connectMany(port, count)
  await act(clients)
  const during = await latency(honest)
  const grown = residentMiB(child) - before
  const isCalm = during.half < calm.half * 5 + 20 && during.worst < calm.worst * 5 + 500
  const held = clients.filter(({ isClosed }) => !isClosed).length
  say(
    what,
    during.ok && isCalm && grown <= boundMiB,
    `${held} open, memory +${grown} MiB of ${boundMiB}, produce ${during.half.toFixed(1)} ms, ` +
      `worst ${during.worst.toFixed(1)} ms`,
  )
  await closeAll(clients)
}

const nothing = (): Promise<void> => Promise.resolve()
const per = (count: number, bytes: number): number => Math.ceil((count * bytes) / MiB)

/** The beginning of a frame that announces 100 MiB. */
function announcement(sent: number): Uint8Array {
  const bytes = new Uint8Array(4 + sent)
  new DataView(bytes.buffer).setInt32(0, 100 * MiB)
  return bytes
}

try {
  say('calm', calm.ok, `produce ${calm.half.toFixed(1)} ms, worst ${calm.worst.toFixed(1)} ms`)
  await press(`${IDLE} idle connections`, IDLE, per(IDLE, 16 * KiB) + 64, nothing)
  await press(
    `${ANNOUNCERS} announce 100 MiB`,
    ANNOUNCERS,
    64 + per(ANNOUNCERS, 16 * KiB),
    (clients) => {
      for (const client of clients) client.send(announcement(0))
      return nothing()
    },
  )
  await press(`${SLOW} slow writers`, SLOW, 64 + per(SLOW, 16 * KiB), async (clients) => {
    for (const client of clients) client.send(announcement(100))
    for (let round = 0; round < 3; round++) {
      for (const client of clients) client.send(new Uint8Array(500))
      await new Promise((resolve) => setTimeout(resolve, 500))
    }
  })
  // Half frames of 128 KiB each are four times the memory that all half frames may have.
  await press('2000 half frames', 2000, 64 + 256 + 100 + per(2000, 16 * KiB), (clients) => {
    for (const client of clients) client.send(announcement(128 * KiB))
    return new Promise((resolve) => setTimeout(resolve, 2000))
  })
  await press(
    `${STUCK} stuck consumers`,
    STUCK,
    64 + 48 + per(STUCK, 64 * KiB),
    async (clients) => {
      for (const [i, client] of clients.entries()) {
        client.socket.pause()
        const offset = i % 2 === 0 ? 0 : 380
        for (let n = 0; n < 3; n++) client.send(fetchFrame(TOPIC, { offset, maxBytes: 16 * MiB }))
      }
      await new Promise((resolve) => setTimeout(resolve, 2000))
      for (let i = 0; i < 200; i++) await produce(honest, TOPIC, BATCH)
    },
  )
  const read = await fetchOnce(honest, TOPIC, { offset: 0, maxBytes: MiB, maxWaitMs: 15_000 })
  say('a reader afterwards', (read?.bytes ?? 0) > 0, `${read?.bytes} bytes`)
} finally {
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  const code = await ended
  say('the broker stops', code === 0, `exit code ${code}`)
  rmSync(directory, { recursive: true, force: true })
}
honest.close()
process.stdout.write(`${passes} passed, ${failures} failed, 0 skipped\n`)
process.exitCode = failures === 0 ? 0 : 1
