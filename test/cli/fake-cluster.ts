// A cluster small enough to read: brokers that share one memory, speak the wire tables, keep
// batches as they came and answer what the command line asks. Tests move leaders, cut connections
// and refuse requests by hand. It is no model of a broker: no quorum, no disk, no limits.
import { createServer } from 'node:net'
import type { Server, Socket } from 'node:net'
import { ErrorCode } from '../../src/base/error-codes.ts'
import { Reader } from '../../src/base/reader.ts'
import { Writer } from '../../src/base/writer.ts'
import { crc32c } from '../../src/base/crc32c.ts'
import type { Operation } from '../../src/cli/client/apis.ts'
import * as header from '../../src/record/header.ts'
import type { RecordTools } from '../../src/record/section.ts'
import { decode } from '../../src/wire/codec.ts'
import { FrameAssembler, writeResponseFrame } from '../../src/wire/frame.ts'
import { readRequestHeader } from '../../src/wire/headers.ts'
import type { Input } from '../../src/wire/schema.ts'
import type { PartitionProduceData } from '../../src/wire/messages/00-produce.ts'

/** Checksums of our own, and no codec. */
export const tools: RecordTools = {
  crypto: { crc32c },
  compression: {
    compress: () => {
      throw new Error('the fake cluster has no codecs')
    },
    decompress: () => {
      throw new Error('the fake cluster has no codecs')
    },
  },
}

export interface FakePartition {
  leader: number
  batches: Uint8Array[]
  end: number
  /** Producer id → next sequence, and offsets of what it sent. */
  readonly sequences: Map<number, { next: number; readonly offsets: Map<number, number> }>
}

export interface FakeTopic {
  readonly partitions: FakePartition[]
  readonly settings: Map<string, string>
}

export interface FakeGroup {
  state: string
  readonly offsets: Map<string, number>
}

/** An aborted transaction, from its first record to its marker. */
export interface AbortedRange {
  readonly producerId: number
  readonly firstOffset: number
  readonly markerOffset: number
}

type Answer = (request: never, cluster: FakeCluster, node: number) => Input<object> | null

/** One answer of the table in fake-answers.ts. */
export interface Handler {
  readonly operation: Operation<unknown, unknown>
  readonly answer: Answer
}

export class FakeCluster {
  readonly topics = new Map<string, FakeTopic>()
  readonly groups = new Map<string, FakeGroup>()
  readonly ports: number[] = []
  /** Called before each request is answered; false drops the connection instead. */
  intercept: (apiKey: number, node: number) => boolean = () => true
  /** Error codes to answer the next Produce requests with, before anything is appended. */
  readonly refusals: number[] = []
  readonly seen: { readonly apiKey: number; readonly version: number; readonly node: number }[] = []
  /** Reads CreateTopics requests and never answers. */
  silent = false
  /** What committed readers are told of aborted transactions. */
  aborted: AbortedRange[] = []
  #nextProducerId = 1000
  readonly #answers: readonly Handler[]
  readonly #servers: Server[] = []
  readonly #sockets = new Set<Socket>()

  /** Use `startCluster`, which knows the answers. */
  static async start(nodes: number, answers: readonly Handler[]): Promise<FakeCluster> {
    const cluster = new FakeCluster(answers)
    for (let node = 0; node < nodes; node++) {
      const server = createServer((socket) => cluster.#serve(socket, node))
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      const address = server.address()
      if (address === null || typeof address === 'string') throw new Error('no port')
      cluster.#servers.push(server)
      cluster.ports.push(address.port)
    }
    return cluster
  }

  private constructor(answers: readonly Handler[]) {
    this.#answers = answers
  }

  get bootstrap(): string {
    return `127.0.0.1:${String(this.ports[0])}`
  }

  async stop(): Promise<void> {
    this.dropConnections()
    for (const server of this.#servers) {
      await new Promise<void>((resolve) => server.close(() => resolve()))
    }
  }

  dropConnections(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  topic(name: string, partitions = 1): FakeTopic {
    const topic: FakeTopic = { settings: new Map(), partitions: [] }
    for (let index = 0; index < partitions; index++) {
      topic.partitions.push({ leader: 0, batches: [], end: 0, sequences: new Map() })
    }
    this.topics.set(name, topic)
    return topic
  }

  newProducerId(): number {
    return this.#nextProducerId++
  }

  /** Appends as a broker does: offsets stamped, repeats of an idempotent producer dropped. */
  append(topic: string, data: PartitionProduceData, node: number): Input<object> {
    const partition = this.topics.get(topic)?.partitions[data.index]
    const refused = (errorCode: number): Input<object> => ({
      index: data.index,
      errorCode,
      baseOffset: -1,
    })
    if (partition === undefined) return refused(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    if (partition.leader !== node) return refused(ErrorCode.NOT_LEADER_OR_FOLLOWER)
    const refusal = this.refusals.shift()
    if (refusal !== undefined) return refused(refusal)
    const batch = Uint8Array.from(data.records ?? [])
    const producerId = header.producerId(batch, 0)
    if (producerId >= 0) {
      const sequence = header.baseSequence(batch, 0)
      let known = partition.sequences.get(producerId)
      if (known === undefined) {
        known = { next: 0, offsets: new Map() }
        partition.sequences.set(producerId, known)
      }
      const repeat = known.offsets.get(sequence)
      if (repeat !== undefined) return { index: data.index, errorCode: 0, baseOffset: repeat }
      if (sequence !== known.next) return refused(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)
      known.next += header.recordCount(batch, 0)
      known.offsets.set(sequence, partition.end)
    }
    const baseOffset = partition.end
    this.store(partition, batch)
    return { index: data.index, errorCode: 0, baseOffset }
  }

  /** Puts a batch at the end of a partition. */
  store(partition: FakePartition, batch: Uint8Array): void {
    new DataView(batch.buffer, batch.byteOffset).setBigInt64(0, BigInt(partition.end))
    partition.batches.push(batch)
    partition.end = header.nextOffset(batch, 0)
  }

  #serve(socket: Socket, node: number): void {
    const frames = new FrameAssembler(256 * 1024 * 1024)
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
    socket.on('error', () => undefined)
    socket.on('data', (chunk: Uint8Array) => {
      frames.push(Uint8Array.from(chunk), (frame) => this.#answer(socket, frame, node))
    })
  }

  #answer(socket: Socket, frame: Uint8Array, node: number): void {
    const reader = new Reader(frame)
    const { api, apiKey, apiVersion, correlationId } = readRequestHeader(reader)
    this.seen.push({ apiKey, version: apiVersion, node })
    if (!this.intercept(apiKey, node)) {
      socket.destroy()
      return
    }
    const handler = this.#answers.find(({ operation }) => operation.api.key === apiKey)
    if (handler === undefined) throw new Error(`the fake cluster does not serve ${api.name}`)
    const request = decode(handler.operation.request, apiVersion, reader)
    const body = handler.answer(request as never, this, node)
    if (body === null || (this.silent && apiKey === 19)) return
    const writer = new Writer()
    const { response: schema } = handler.operation
    writeResponseFrame(writer, api, { schema, apiVersion, correlationId, body })
    socket.write(writer.copy())
  }
}
