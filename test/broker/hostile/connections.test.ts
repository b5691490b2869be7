// Too many connections, silent ones, and half frames: limits hold, and others are served.
import { afterEach, expect, it } from 'vitest'
import { KiB, MiB } from '../../../src/base/units.ts'
import type { RunningBroker, StartBrokerOptions } from '../../../src/main.ts'
import { startBroker } from '../../../src/main.ts'
import {
  apiVersionsRequest,
  apiVersionsResponse,
} from '../../../src/wire/messages/18-api-versions.ts'
import { frameOf, HostileClient } from './client.ts'

let broker: RunningBroker | null = null
const clients: HostileClient[] = []

afterEach(async () => {
  for (const client of clients.splice(0)) client.close()
  await broker?.close()
  broker = null
})

async function start(settings: NonNullable<StartBrokerOptions['settings']>): Promise<void> {
  broker = await startBroker({ memory: true, settings })
}

async function connect(): Promise<HostileClient> {
  if (broker === null) throw new Error('no broker')
  const client = await HostileClient.connect(broker.kafka.port)
  clients.push(client)
  return client
}

const isServed = async (client: HostileClient): Promise<boolean> =>
  (await client.ask(apiVersionsRequest, apiVersionsResponse, 0, {}))?.errorCode === 0

/** The first part of a frame that announces `announced` bytes. */
function beginning(announced: number, sent: number): Uint8Array {
  const bytes = new Uint8Array(4 + sent)
  new DataView(bytes.buffer).setInt32(0, announced)
  return bytes
}

it('max.connections closes what comes beyond it, and gives a freed place again', async () => {
  await start({ 'max.connections': '20' })
  const served: HostileClient[] = []
  for (let i = 0; i < 20; i++) served.push(await connect())
  for (const client of served) expect(await isServed(client)).toBe(true)
  const refused = await connect()
  expect(await isServed(refused)).toBe(false)
  served[0]?.close()
  await served[0]?.closed
  let again = false
  for (let tries = 0; tries < 100 && !again; tries++) again = await isServed(await connect())
  expect(again).toBe(true)
})

it('max.connections.per.ip holds for each address', async () => {
  await start({ 'max.connections.per.ip': '3' })
  for (let i = 0; i < 3; i++) expect(await isServed(await connect())).toBe(true)
  expect(await isServed(await connect())).toBe(false)
})

it('silent connections are closed after connections.max.idle.ms, busy ones are not', async () => {
  await start({ 'connections.max.idle.ms': '1500' })
  const silent = await connect()
  const half = await connect()
  half.send(beginning(100, 10))
  const busy = await connect()
  const beat = setInterval(() => void isServed(busy), 200)
  await Promise.all([silent.closed, half.closed])
  clearInterval(beat)
  expect(busy.isClosed).toBe(false)
  expect(await isServed(busy)).toBe(true)
})

it('hundreds of connections that announce 100 MiB cost next to nothing', async () => {
  await start({})
  const before = process.memoryUsage().rss
  const announcers = await Promise.all(Array.from({ length: 400 }, () => connect()))
  for (const client of announcers) client.send(beginning(100 * MiB, 100))
  expect(await isServed(await connect())).toBe(true)
  expect(process.memoryUsage().rss - before).toBeLessThan(60 * MiB)
})

it('half frames that use up the memory are closed once an honest client waits for it', async () => {
  await start({ 'queued.max.request.bytes': String(2 * MiB) })
  const hogs = await Promise.all(Array.from({ length: 60 }, () => connect()))
  for (const client of hogs) client.send(beginning(90 * MiB, 300 * KiB))
  // Whoever begins after the hogs outlives them.
  await new Promise((resolve) => setTimeout(resolve, 1500))
  const honest = await connect()
  // Three times as long as any receive buffer, so that it comes in pieces.
  const frame = frameOf(apiVersionsRequest, 3, {
    clientSoftwareName: 'x'.repeat(30_000),
    clientSoftwareVersion: 'y'.repeat(30_000),
  })
  honest.send(frame.subarray(0, 20_000))
  await new Promise((resolve) => setTimeout(resolve, 300))
  honest.send(frame.subarray(20_000))
  const answer = await honest.next()
  expect(answer).not.toBeNull()
}, 30_000)

it('requests without end from one connection are answered as fast as it reads', async () => {
  await start({ 'connection.requests.max': '10' })
  const client = await connect()
  const frame = frameOf(apiVersionsRequest, 0, {})
  for (let i = 0; i < 2000; i++) client.send(frame)
  for (let i = 0; i < 2000; i++) expect(await client.next()).not.toBeNull()
})
