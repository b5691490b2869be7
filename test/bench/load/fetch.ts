// The reading loads in TypeScript: to the end of a partition, single reads at random offsets, and
// the latency from send to delivery. An answer is received into the memory that it stays in and
// only the headers of its batches are looked at.
import { createNetwork } from '../../../src/platform/network.ts'
import type { Connection, ConnectionHandler } from '../../../src/ports/network.ts'
import { encodeBatch, encodeFetch, encodeProduce, walkFetch } from './frames.ts'
import type { Fetched } from './frames.ts'
import type { Histogram } from './histogram.ts'
import type { LoadOptions } from './options.ts'
import { ProduceConnection } from './produce.ts'

const POLL_MS = 500
const GIVE_UP_MS = 10_000

/** What one process read. */
export interface Read {
  readonly requests: number
  readonly records: number
  readonly bytes: number
  readonly seconds: number
  readonly next: number
  readonly cpu: number
}

/** One connection with one fetch at a time. */
class FetchConnection implements ConnectionHandler {
  readonly #options: LoadOptions
  readonly #partition: number
  readonly #memory: Uint8Array
  readonly #view: DataView
  #connection: Connection | null = null
  #have = 0
  #want = 4
  #offset = 0
  #askedMs = 0
  #resolve: (fetched: Fetched & { readonly ms: number }) => void = () => undefined

  constructor(options: LoadOptions, partition: number) {
    this.#options = options
    this.#partition = partition
    this.#memory = new Uint8Array(options.maxBytes + 17 * 1024 * 1024)
    this.#view = new DataView(this.#memory.buffer)
  }

  async open(): Promise<void> {
    const { host, port } = this.#options
    await createNetwork().connect({ host, port }, (connection) => {
      this.#connection = connection
      return this
    })
  }

  /** Fetches once from `offset`. */
  fetch(offset: number, waitMs: number): Promise<Fetched & { readonly ms: number }> {
    const request = encodeFetch(this.#options, { partition: this.#partition, offset, waitMs })
    this.#offset = offset
    this.#have = 0
    this.#want = 4
    return new Promise((resolve) => {
      this.#resolve = resolve
      this.#askedMs = performance.now()
      this.#connection?.write([request])
    })
  }

  close(): void {
    const connection = this.#connection
    this.#connection = null
    connection?.destroy()
  }

  receiveInto(): Uint8Array | null {
    return this.#want > 4 ? this.#memory.subarray(this.#have, this.#want) : null
  }

  onBytes(bytes: Uint8Array): void {
    if (bytes.buffer !== this.#memory.buffer) this.#memory.set(bytes, this.#have)
    this.#have += bytes.length
    if (this.#want === 4 && this.#have >= 4) {
      this.#want = 4 + this.#view.getUint32(0)
      if (this.#want > this.#memory.length) throw new Error('An answer is larger than it may be')
    }
    if (this.#want === 4 || this.#have < this.#want) return
    const ms = performance.now() - this.#askedMs
    const view = new DataView(this.#memory.buffer, 4, this.#want - 4)
    this.#resolve({ ...walkFetch(view, this.#offset), ms })
  }

  onDrain(): void {
    // Requests are small.
  }

  onClose(error: Error | undefined): void {
    if (this.#connection !== null) throw error ?? new Error('The broker closed the connection')
  }
}

/** Reads on the connections [first, first + count): to the end, or at random offsets. */
export async function runFetch(
  options: LoadOptions,
  share: { readonly first: number; readonly count: number; readonly random: boolean },
  histogram: Histogram,
): Promise<Read> {
  const total = { requests: 0, records: 0, bytes: 0, next: 0 }
  const start = performance.now()
  const end = start + options.seconds * 1000
  const usage = process.cpuUsage()
  const draw = (): number => options.from + Math.floor(Math.random() * (options.to - options.from))
  const read = async (index: number): Promise<void> => {
    const connection = new FetchConnection(options, index % options.partitions)
    await connection.open()
    let offset = share.random ? draw() : options.from
    while (performance.now() < end) {
      const fetched = await connection.fetch(offset, 0)
      histogram.add(fetched.ms)
      total.requests++
      total.records += fetched.records
      total.bytes += fetched.bytes
      if (share.random) {
        if (fetched.next === offset) throw new Error(`Nothing was read at offset ${String(offset)}`)
        offset = draw()
      } else if (fetched.next !== offset) offset = fetched.next
      else if (options.loop && offset > options.from) offset = options.from
      else break
      if (index === 0) total.next = offset
    }
    connection.close()
  }
  await Promise.all(Array.from({ length: share.count }, (_, i) => read(share.first + i)))
  const seconds = (performance.now() - start) / 1000
  const { user, system } = process.cpuUsage(usage)
  return { ...total, seconds, cpu: (user + system) / 1e6 / seconds }
}

/** Sends at a rate on one connection and reads by long poll on another; returns how many came. */
export async function runTail(options: LoadOptions, histogram: Histogram): Promise<number> {
  let base = -1
  let known: () => void = () => undefined
  const ended = new Promise<void>((resolve) => {
    known = resolve
  })
  const request = encodeProduce(options, encodeBatch(options))
  const writer = new ProduceConnection(
    { ...options, connections: 1 },
    0,
    request,
    (_times, offset) => {
      if (base >= 0) return
      base = offset + options.records
      known()
    },
  )
  const reader = new FetchConnection(options, 0)
  await Promise.all([writer.open(), reader.open()])
  // The first answer tells where the partition ends.
  writer.issue(performance.now())
  writer.flush()
  await ended
  const total = Math.floor(options.rate * (options.warmup + options.seconds))
  const skipped = Math.floor(options.rate * options.warmup)
  const start = performance.now() + 50
  const dueOf = (index: number): number => start + (index * 1000) / options.rate
  let sent = 0
  const step = (): void => {
    while (sent < total && dueOf(sent) <= performance.now() && writer.hasSlot) {
      writer.issue(dueOf(sent++))
      writer.flush()
    }
    if (sent < total) setImmediate(step)
  }
  step()
  let got = 0
  const giveUp = dueOf(total) + GIVE_UP_MS
  for (let offset = base; got < total;) {
    if (performance.now() > giveUp) throw new Error(`${String(total - got)} were not delivered`)
    offset = (await reader.fetch(offset, POLL_MS)).next
    const now = performance.now()
    const upTo = Math.floor((offset - base) / options.records)
    if (upTo > sent) throw new Error('Someone else writes to the partition')
    for (; got < upTo; got++) {
      if (got === skipped) histogram.clear()
      histogram.add(now - dueOf(got))
    }
  }
  writer.close()
  reader.close()
  return got
}
