// Gathers records into batches, one open batch per partition, and hands full ones to the
// partition's sender. Memory is bounded by the bytes that are sealed but not acknowledged: above
// the limit `append` makes its caller wait. Idempotent unless told otherwise (KIP-98).
import { must } from '../../base/assert.ts'
import { OperatingError, UsageError } from '../../base/errors.ts'
import { MiB } from '../../base/units.ts'
import type { Codec } from '../../ports/compression.ts'
import { buildBatch } from '../../record/builder.ts'
import type { NewRecord } from '../../record/builder.ts'
import type { RecordTools } from '../../record/section.ts'
import { initProducerId } from './apis.ts'
import type { Client } from './client.ts'
import { PartitionSender } from './partition-sender.ts'
import type { Acks } from './partition-sender.ts'
import { Partitioner } from './partitioner.ts'
import { check, retrying } from './retry.ts'

/** Sealed bytes that may wait for acknowledgement before `append` makes its caller wait. */
const UNACKED_BYTES_MAX = 64 * MiB
/** Bytes that a record takes in a batch besides key, value and headers, at most. */
const RECORD_OVERHEAD_BYTES = 40
const SEQUENCES = 0x80000000

/** How to produce. */
export interface ProducerOptions {
  readonly topic: string
  /** All records to this partition; by key if absent. */
  readonly partition?: number
  readonly acks: Acks
  readonly codec: Codec
  readonly idempotent: boolean
  /** A batch is sealed when the next record would make it larger, before compression. */
  readonly batchBytes: number
  /** Called with each batch's time from first sending to acknowledgement. */
  readonly onAck?: (ms: number, records: number) => void
}

/** What one partition took. Offsets are -1 where the broker told none (acks=0). */
export interface PartitionTotal {
  readonly partition: number
  records: number
  bytes: number
  firstOffset: number
  lastOffset: number
}

interface Open {
  readonly sender: PartitionSender
  readonly total: PartitionTotal
  records: NewRecord[]
  bytes: number
  sequence: number
}

/** A producer to one topic. */
export class Producer {
  readonly #tools: RecordTools
  readonly #options: ProducerOptions
  readonly #partitioner: Partitioner
  readonly #identity: { readonly producerId: number; readonly producerEpoch: number } | null
  readonly #open: Open[] = []
  #unackedBytes = 0
  #failure: unknown = null
  #wake: (() => void)[] = []

  private constructor(
    client: Client,
    tools: RecordTools,
    options: ProducerOptions,
    known: {
      readonly partitions: number
      readonly identity: { readonly producerId: number; readonly producerEpoch: number } | null
    },
  ) {
    this.#tools = tools
    this.#options = options
    this.#identity = known.identity
    this.#partitioner = new Partitioner(known.partitions)
    for (let partition = 0; partition < known.partitions; partition++) {
      const total = { partition, records: 0, bytes: 0, firstOffset: -1, lastOffset: -1 }
      const sender = new PartitionSender(client, { topic: options.topic, partition }, options, {
        onSent: (batch, baseOffset, ms) => {
          this.#unackedBytes -= batch.bytes.length
          options.onAck?.(ms, batch.records)
          if (baseOffset >= 0) {
            if (total.firstOffset < 0) total.firstOffset = baseOffset
            total.lastOffset = baseOffset + batch.records - 1
          }
          this.#wakeAll()
        },
        onFailure: (error) => {
          this.#failure ??= error
          this.#wakeAll()
        },
      })
      this.#open.push({ sender, total, records: [], bytes: 0, sequence: 0 })
    }
  }

  /** Looks the topic up and gets a producer id. Throws KafkaError when there is no such topic. */
  static async open(
    client: Client,
    tools: RecordTools,
    options: ProducerOptions,
  ): Promise<Producer> {
    const { leaders } = await client.layout(options.topic)
    const { partition } = options
    if (partition !== undefined && partition >= leaders.length) {
      const last = String(leaders.length - 1)
      throw new UsageError(`${options.topic} has partitions 0 to ${last}, not ${String(partition)}`)
    }
    const identity = options.idempotent ? await newProducerId(client) : null
    return new Producer(client, tools, options, { partitions: leaders.length, identity })
  }

  /**
   * Adds a record; its bytes are borrowed until its batch is sealed. Returns a promise when the
   * caller must wait before the next one. Throws the failure of any batch before.
   */
  append(record: NewRecord): Promise<void> | undefined {
    if (this.#failure !== null) throw failureOf(this.#failure)
    const partition = this.#options.partition ?? this.#partitioner.choose(record.key)
    const open = must(this.#open[partition], 'A record was given a partition that is not there')
    const size = recordBytes(record)
    if (open.records.length > 0 && open.bytes + size > this.#options.batchBytes) this.#seal(open)
    open.records.push(record)
    open.bytes += size
    return this.#unackedBytes > UNACKED_BYTES_MAX ? this.#until(UNACKED_BYTES_MAX) : undefined
  }

  /** Sends what has been gathered, without waiting. */
  seal(): void {
    for (const open of this.#open) if (open.records.length > 0) this.#seal(open)
  }

  /** Sends what has been gathered and waits until all of it is acknowledged. */
  async flush(): Promise<void> {
    this.seal()
    await this.#until(0)
  }

  /** What each partition took, without those that took nothing. */
  get totals(): readonly PartitionTotal[] {
    return this.#open.map(({ total }) => total).filter(({ records }) => records > 0)
  }

  #seal(open: Open): void {
    const { records } = open
    const batch = buildBatch(
      records,
      {
        codec: this.#options.codec,
        ...(this.#identity === null
          ? {}
          : { ...this.#identity, baseSequence: open.sequence % SEQUENCES }),
      },
      this.#tools,
    )
    open.records = []
    open.bytes = 0
    open.sequence += records.length
    open.total.records += records.length
    open.total.bytes += batch.length
    this.#unackedBytes += batch.length
    this.#partitioner.moveOn(open.total.partition)
    open.sender.send({ bytes: batch, records: records.length })
  }

  async #until(bytes: number): Promise<void> {
    while (this.#unackedBytes > bytes && this.#failure === null) {
      await new Promise<void>((resolve) => this.#wake.push(resolve))
    }
    if (this.#failure !== null) throw failureOf(this.#failure)
  }

  #wakeAll(): void {
    const waiting = this.#wake
    this.#wake = []
    for (const wake of waiting) wake()
  }
}

async function newProducerId(
  client: Client,
): Promise<{ readonly producerId: number; readonly producerEpoch: number }> {
  return retrying(client.stopped, async () => {
    const answer = await client.callAny(initProducerId, {
      transactionalId: null,
      transactionTimeoutMs: 60_000,
      producerId: -1,
      producerEpoch: -1,
    })
    check(answer.errorCode, 'Cannot get a producer id')
    return { producerId: answer.producerId, producerEpoch: answer.producerEpoch }
  })
}

function failureOf(failure: unknown): Error {
  if (failure instanceof Error) return failure
  return new OperatingError('refused', String(failure))
}

function recordBytes(record: NewRecord): number {
  let size = RECORD_OVERHEAD_BYTES + (record.key?.length ?? 0) + (record.value?.length ?? 0)
  for (const { key, value } of record.headers ?? []) size += key.length + (value?.length ?? 0) + 10
  return size
}
