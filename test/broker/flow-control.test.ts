// What holds a connection back and what lets it go on, with a socket, a clock and handlers that the
// test holds in its hands.
import { describe, expect, it } from 'vitest'
import { KiB, MiB } from '../../src/base/units.ts'
import type { ConnectionHost } from '../../src/broker/kafka/connection-host.ts'
import { KafkaConnection } from '../../src/broker/kafka/connection.ts'
import { FrameMemory } from '../../src/broker/kafka/frame-memory.ts'
import { ResponseMemory } from '../../src/broker/kafka/response-memory.ts'
import { ResponseQueue } from '../../src/broker/kafka/response-queue.ts'
import type { Connection } from '../../src/ports/network.ts'
import { apiVersionsRequest } from '../../src/wire/messages/18-api-versions.ts'
import { frameOf } from './hostile/client.ts'

const ANSWER = new Uint8Array(10 * KiB)

/** A socket that takes bytes only when told to. */
class HeldSocket implements Connection {
  readonly peer = '10.0.0.1:1'
  queuedBytes = 0
  paused = false
  ended = false
  destroyed = false
  sent = 0
  #written: (() => void)[] = []

  write(parts: readonly Uint8Array[], written?: () => void): void {
    for (const part of parts) this.queuedBytes += part.length
    if (written !== undefined) this.#written.push(written)
  }

  /** The peer takes everything. */
  take(): void {
    this.sent += this.queuedBytes
    this.queuedBytes = 0
    for (const written of this.#written.splice(0)) written()
  }

  pause(): void {
    this.paused = true
  }

  resume(): void {
    this.paused = false
  }

  end(): void {
    this.ended = true
  }

  destroy(): void {
    this.destroyed = true
  }
}

/** A connection with its surroundings; `answer` is what every request gets. */
function connected(answer: () => Uint8Array | Promise<Uint8Array> = () => ANSWER) {
  const turns: (() => void)[] = []
  const reliefs: (() => void)[] = []
  const seen = { requests: 0, produced: 0, failed: 0, pressed: false }
  const host: ConnectionHost = {
    clock: {
      wallMs: () => 0,
      monotonicMs: () => 0,
      after: () => () => undefined,
      turn: (run: () => void) => void turns.push(run),
    },
    limits: { requestBytesMax: MiB, requestsInFlightMax: 10, queuedBytesMax: 100 * KiB },
    frames: new FrameMemory(MiB),
    answers: new ResponseMemory(4 * MiB),
    advertised: { host: 'h', port: 1 },
    coarseNowMs: 0,
    log: {
      get pressed() {
        return seen.pressed
      },
      onRelief: (run) => void reliefs.push(run),
    },
    produce: {
      handle: () => {
        seen.produced++
        return null
      },
    },
    fetch: { handle: () => null },
    dispatch: {
      handle: () => {
        seen.requests++
        return answer()
      },
    },
    closed: () => undefined,
    failed: () => void seen.failed++,
  }
  const socket = new HeldSocket()
  const connection = new KafkaConnection(host, socket, 1)
  return {
    host,
    seen,
    socket,
    connection,
    endTurn: () => {
      for (const turn of turns.splice(0)) turn()
    },
    relieve: () => {
      seen.pressed = false
      for (const relief of reliefs.splice(0)) relief()
    },
  }
}

const REQUEST = frameOf(apiVersionsRequest, 0, {})
const requests = (count: number): Uint8Array =>
  Uint8Array.from(Buffer.concat(Array.from({ length: count }, () => REQUEST)))
const PRODUCE = new Uint8Array(24)
new DataView(PRODUCE.buffer).setInt32(0, 20)
PRODUCE[7] = 3

describe('KafkaConnection', () => {
  it('stops at the requests in flight, and goes on as they are answered', () => {
    const { connection, seen, socket, endTurn } = connected()
    connection.onBytes(requests(35))
    expect(seen.requests).toBe(10)
    for (let turn = 0; turn < 3; turn++) {
      endTurn()
      socket.take()
      connection.onDrain()
    }
    endTurn()
    expect(seen.requests).toBe(35)
    expect(socket.queuedBytes + socket.sent).toBe(35 * ANSWER.length)
  })

  it('stops while its peer takes nothing, and goes on with the drain', () => {
    const { connection, seen, socket, endTurn } = connected()
    for (let i = 0; i < 40; i++) {
      connection.onBytes(REQUEST)
      endTurn()
    }
    expect(socket.queuedBytes).toBeLessThanOrEqual(110 * KiB)
    expect(socket.paused).toBe(true)
    while (socket.queuedBytes > 0) {
      socket.take()
      connection.onDrain()
      endTurn()
    }
    expect(seen.requests).toBe(40)
    expect(socket.paused).toBe(false)
  })

  it('a request under way lets none behind it begin', async () => {
    let finish: (answer: Uint8Array) => void = () => undefined
    const { connection, seen, endTurn } = connected(
      () => new Promise((resolve) => (finish = resolve)),
    )
    connection.onBytes(requests(3))
    expect(seen.requests).toBe(1)
    finish(ANSWER)
    await Promise.resolve()
    await Promise.resolve()
    endTurn()
    expect(seen.requests).toBe(2)
  })

  it('whoever produces waits for a pressed log; whoever does not goes on', () => {
    const producer = connected()
    producer.seen.pressed = true
    producer.connection.onBytes(Uint8Array.from(Buffer.concat([PRODUCE, PRODUCE, PRODUCE])))
    expect(producer.seen.produced).toBe(1)
    producer.relieve()
    expect(producer.seen.produced).toBe(3)
    const reader = connected()
    reader.seen.pressed = true
    reader.connection.onBytes(requests(5))
    expect(reader.seen.requests).toBe(5)
  })

  it('overdue() tells a peer that takes nothing while others wait for memory', () => {
    const { connection, host, socket, endTurn } = connected()
    connection.onBytes(REQUEST)
    endTurn()
    expect(socket.queuedBytes).toBeGreaterThan(0)
    expect(connection.overdue(0, -1)).toBe(false)
    expect(connection.overdue(60_000, -1)).toBe(false)
    while (host.answers.reserve(4 * MiB) > 0);
    expect(host.answers.crowded).toBe(true)
    expect(connection.overdue(60_001, -1)).toBe(true)
    socket.take()
    expect(connection.overdue(60_002, -1)).toBe(false)
  })

  it('overdue() tells a peer that takes nothing for as long as a silent one may be', () => {
    const { connection, endTurn } = connected()
    connection.onBytes(REQUEST)
    endTurn()
    expect(connection.overdue(0, 600_000)).toBe(false)
    expect(connection.overdue(600_000, 600_000)).toBe(false)
    expect(connection.overdue(600_001, 600_000)).toBe(true)
  })

  it('overdue() tells half a frame while others wait for its memory', () => {
    const { connection, host } = connected()
    const half = new Uint8Array(40 * KiB)
    new DataView(half.buffer).setInt32(0, 900 * KiB)
    connection.onBytes(half)
    expect(connection.overdue(1, -1)).toBe(false)
    expect(connection.overdue(20_000, -1)).toBe(false)
    host.frames.onFreed(() => undefined)
    expect(connection.overdue(20_001, -1)).toBe(true)
    connection.onClose()
    expect(host.frames.usedBytes).toBe(0)
  })

  it('gives back all memory when it closes', () => {
    const { connection, host, endTurn } = connected()
    connection.onBytes(requests(25))
    endTurn()
    connection.onBytes(new Uint8Array(1000))
    expect(host.answers.queuedBytes).toBeGreaterThan(0)
    expect(host.frames.asideBytes).toBeGreaterThan(0)
    connection.onClose()
    expect(host.answers.queuedBytes).toBe(0)
    expect(host.frames.asideBytes).toBe(0)
    expect(host.frames.usedBytes).toBe(0)
  })
})

describe('ResponseMemory', () => {
  it('reserve() gives an eighth of what is left, and nothing when that is too little', () => {
    const memory = new ResponseMemory(64 * MiB)
    expect(memory.reserve(100 * MiB)).toBe(8 * MiB)
    expect(memory.reserve(100 * MiB)).toBe(7 * MiB)
    expect(memory.reserve(1)).toBe(MiB)
    let grants = 0
    while (memory.reserve(100 * MiB) > 0) grants++
    expect(grants).toBeLessThan(60)
    expect(memory.crowded).toBe(true)
    expect(memory.usedBytes).toBeLessThanOrEqual(64 * MiB)
  })

  it('give() wakes those that wait, a few at a time, in their order', () => {
    const memory = new ResponseMemory(4 * MiB)
    const granted: number[] = []
    for (let grant = memory.reserve(MiB); grant > 0; grant = memory.reserve(MiB)) {
      granted.push(grant)
    }
    const woken: number[] = []
    const cancels = Array.from({ length: 20 }, (_, i) => memory.onFreed(() => void woken.push(i)))
    cancels[0]?.()
    for (const grant of granted) memory.give(grant)
    expect(woken.slice(0, 8)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    expect(memory.usedBytes).toBe(0)
  })
})

describe('ResponseQueue', () => {
  it('drain() gives the answered front only, in the order of the requests', () => {
    const queue = new ResponseQueue()
    const slots = Array.from({ length: 5 }, (_, i) => queue.take(0, i))
    const fill = (i: number): void => {
      const slot = slots[i]
      if (slot === undefined) throw new Error('no slot')
      slot.parts = [Uint8Array.of(i)]
      slot.state = 2
    }
    const drained = (): number[] => {
      const parts: Uint8Array[] = []
      queue.drain(parts, [])
      return parts.map((part) => part[0] ?? -1)
    }
    fill(1)
    fill(2)
    expect(queue.ready).toBe(false)
    expect(drained()).toEqual([])
    fill(0)
    expect(drained()).toEqual([0, 1, 2])
    fill(4)
    expect(drained()).toEqual([])
    fill(3)
    expect(drained()).toEqual([3, 4])
    expect(queue.length).toBe(0)
  })

  it('clear() gives back what was never sent, once', () => {
    const queue = new ResponseQueue()
    let released = 0
    const slot = queue.take(1, 1)
    slot.parts = [new Uint8Array(1)]
    slot.release = () => void released++
    slot.state = 2
    queue.take(1, 2)
    queue.clear()
    queue.clear()
    expect(released).toBe(1)
    expect(queue.length).toBe(0)
  })
})
