// The produce load in TypeScript: each connection has as many whole requests in memory as it may
// have in flight; what may be sent is one write of neighbouring requests, patched in place. One
// pass over the answers of a read checks three numbers of each. At a rate it spins, because timers
// of the runtime are a millisecond coarse: latencies at a rate want the native generator.
import { createNetwork } from '../../../src/platform/network.ts'
import type { Connection, ConnectionHandler } from '../../../src/ports/network.ts'
import { CORRELATION_AT, checkAnswer, encodeBatch } from './frames.ts'
import { encodeProduce, produceAnswerBytes } from './frames.ts'
import type { Histogram } from './histogram.ts'
import type { LoadOptions } from './options.ts'

const DRAIN_MS = 2000

/** What one process counted in the measured time. */
export interface Produced {
  readonly requests: number
  readonly seconds: number
  readonly requestBytes: number
  readonly lateMs: number
  readonly cpu: number
}

/** Told of each answer: when its request was due, when the answer came, and its base offset. */
type OnAnswer = (times: { readonly dueMs: number; readonly nowMs: number }, base: number) => void

/** One connection with its requests; numbers count up for ever, slots are numbers modulo depth. */
export class ProduceConnection implements ConnectionHandler {
  readonly #options: LoadOptions
  readonly #index: number
  readonly #memory: Uint8Array
  readonly #view: DataView
  readonly #frameBytes: number
  readonly #partitionAt: number
  readonly #answerBytes: number
  readonly #due: Float64Array
  readonly #onAnswer: OnAnswer
  #connection: Connection | null = null
  #done = 0
  #written = 0
  #issued = 0
  #kept = new Uint8Array(0)

  constructor(
    options: LoadOptions,
    index: number,
    request: { readonly bytes: Uint8Array; readonly partitionAt: number },
    onAnswer: OnAnswer,
  ) {
    this.#options = options
    this.#index = index
    this.#frameBytes = request.bytes.length
    this.#partitionAt = request.partitionAt
    this.#answerBytes = produceAnswerBytes(options.topic)
    this.#memory = new Uint8Array(options.depth * request.bytes.length)
    for (let slot = 0; slot < options.depth; slot++) {
      this.#memory.set(request.bytes, slot * request.bytes.length)
    }
    this.#view = new DataView(this.#memory.buffer)
    this.#due = new Float64Array(options.depth)
    this.#onAnswer = onAnswer
  }

  async open(): Promise<void> {
    const { host, port } = this.#options
    await createNetwork().connect({ host, port }, (connection) => {
      this.#connection = connection
      return this
    })
  }

  /** Whether a request may be sent. */
  get hasSlot(): boolean {
    return this.#issued - this.#done < this.#options.depth
  }

  get isIdle(): boolean {
    return this.#issued === this.#done
  }

  /** Makes one request ready that was due at `dueMs`. */
  issue(dueMs: number): void {
    const { depth, connections, partitions } = this.#options
    const slot = this.#issued % depth
    const at = slot * this.#frameBytes
    const turn = this.#index + this.#issued * connections
    this.#view.setUint32(at + CORRELATION_AT, this.#issued >>> 0)
    this.#view.setUint32(at + this.#partitionAt, turn % partitions)
    this.#due[slot] = dueMs
    this.#issued++
  }

  /** Writes all that was issued: one piece of memory, or two where the slots wrap. */
  flush(): void {
    const { depth, acks } = this.#options
    while (this.#written < this.#issued) {
      const slot = this.#written % depth
      const count = Math.min(this.#issued - this.#written, depth - slot)
      const bytes = this.#memory.subarray(
        slot * this.#frameBytes,
        (slot + count) * this.#frameBytes,
      )
      this.#written += count
      // Without answers a slot is free once its bytes are gone.
      if (acks === 0) this.#connection?.write([bytes], () => this.#answered(count))
      else this.#connection?.write([bytes])
    }
  }

  close(): void {
    const connection = this.#connection
    this.#connection = null
    connection?.destroy()
  }

  onBytes(bytes: Uint8Array): void {
    let view = bytes
    if (this.#kept.length > 0) {
      view = new Uint8Array(this.#kept.length + bytes.length)
      view.set(this.#kept)
      view.set(bytes, this.#kept.length)
    }
    const data = new DataView(view.buffer, view.byteOffset, view.length)
    const size = 4 + this.#answerBytes
    const nowMs = performance.now()
    let at = 0
    while (view.length - at >= size) {
      if (data.getUint32(at) !== this.#answerBytes)
        throw new Error('This is no answer of Produce v7')
      const correlation = this.#done >>> 0
      const base = checkAnswer(data, at + 4, { length: this.#answerBytes, correlation })
      this.#onAnswer({ dueMs: this.#dueOf(this.#done), nowMs }, base)
      this.#done++
      at += size
    }
    this.#kept = Uint8Array.from(view.subarray(at))
    this.onAnswers(this)
  }

  /** Called after the answers of one read; the owner sends on. */
  onAnswers: (connection: ProduceConnection) => void = () => undefined

  onDrain(): void {
    // What waits in the socket is bounded by the depth.
  }

  onClose(error: Error | undefined): void {
    if (this.#connection !== null) throw error ?? new Error('The broker closed the connection')
  }

  #dueOf(request: number): number {
    return this.#due[request % this.#options.depth] ?? 0
  }

  #answered(count: number): void {
    const nowMs = performance.now()
    for (let i = 0; i < count; i++) {
      this.#onAnswer({ dueMs: this.#dueOf(this.#done), nowMs }, -1)
      this.#done++
    }
    this.onAnswers(this)
  }
}

/**
 * Runs the load of `options` on the connections [first, first + count) of it; `rate` is this
 * process's share.
 */
export async function runProduce(
  options: LoadOptions,
  share: { readonly first: number; readonly count: number; readonly rate: number },
  histogram: Histogram,
): Promise<Produced> {
  const request = encodeProduce(options, encodeBatch(options))
  let requests = 0
  const onAnswer: OnAnswer = ({ dueMs, nowMs }) => {
    histogram.add(nowMs - dueMs)
    requests++
  }
  const all = Array.from(
    { length: share.count },
    (_, i) => new ProduceConnection(options, share.first + i, request, onAnswer),
  )
  for (const connection of all) await connection.open()
  const start = performance.now()
  const warm = start + options.warmup * 1000
  const end = warm + options.seconds * 1000
  let lateMs = 0
  const fill = (connection: ProduceConnection): void => {
    const now = performance.now()
    if (share.rate > 0 || now >= end) return
    while (connection.hasSlot) connection.issue(now)
    connection.flush()
  }
  for (const connection of all) {
    connection.onAnswers = fill
    fill(connection)
  }
  const pace = share.rate > 0 ? paced(all, { start, end, rate: share.rate }) : null
  await sleep(warm - performance.now())
  histogram.clear()
  requests = 0
  pace?.forgetLate()
  const from = performance.now()
  const cpu = process.cpuUsage()
  await sleep(end - performance.now())
  const seconds = (performance.now() - from) / 1000
  const { user, system } = process.cpuUsage(cpu)
  const counted = requests
  const frozen = histogram.toJSON()
  if (pace !== null) lateMs = pace.lateMs()
  while (!all.every((one) => one.isIdle) && performance.now() < end + DRAIN_MS) await sleep(5)
  histogram.clear()
  histogram.merge(frozen)
  for (const connection of all) connection.close()
  const requestBytes = request.bytes.length
  return { requests: counted, seconds, requestBytes, lateMs, cpu: (user + system) / 1e6 / seconds }
}

/** Sends when due, in turn over the connections; spins until `end`. */
function paced(
  connections: readonly ProduceConnection[],
  plan: { readonly start: number; readonly end: number; readonly rate: number },
): { lateMs: () => number; forgetLate: () => void } {
  let planned = 0
  let turn = 0
  let late = 0
  const step = (): void => {
    const now = performance.now()
    if (now >= plan.end) return
    for (let full = 0; full < connections.length;) {
      const due = plan.start + (planned * 1000) / plan.rate
      if (due > now) break
      const connection = connections[turn++ % connections.length]
      if (connection?.hasSlot !== true) {
        full++
        continue
      }
      late = Math.max(late, now - due)
      connection.issue(due)
      connection.flush()
      planned++
      full = 0
    }
    setImmediate(step)
  }
  step()
  return { lateMs: () => late, forgetLate: () => void (late = 0) }
}

const sleep = (ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)))
