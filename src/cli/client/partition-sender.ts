// Sends the batches of one partition in order, a few at a time. Batches wait in a queue until they
// are acknowledged; when anything goes wrong that may pass, the leader is looked up again and all
// that is not acknowledged is sent again. An idempotent producer's brokers drop what they already
// have, so that nothing is doubled; without it one batch at a time keeps at least the order.
import { must } from '../../base/assert.ts'
import { ErrorCode } from '../../base/error-codes.ts'
import { KafkaError, OperatingError } from '../../base/errors.ts'
import type { PartitionProduceResponse, ProduceRequest } from '../../wire/messages/00-produce.ts'
import type { Input } from '../../wire/schema.ts'
import { produce } from './apis.ts'
import type { Client } from './client.ts'
import type { BrokerConnection } from './connection.ts'
import type { Place } from './offsets.ts'
import { RETRY_MS, isRetriable, pause } from './retry.ts'

/** Batches of an idempotent producer in flight: as many as a broker remembers. */
const IN_FLIGHT_MAX = 5
const PAUSE_MS = 100
const ACK_TIMEOUT_MS = 30_000

/** How many acknowledgements a batch needs: none, the leader's, or the write quorum's. */
export type Acks = 0 | 1 | -1

/** A batch ready to be sent. */
export interface SealedBatch {
  readonly bytes: Uint8Array
  readonly records: number
}

/** What a sender tells its owner. */
export interface SenderEvents {
  /** A batch is acknowledged; `baseOffset` is -1 with acks=0. `ms` since it was first sent. */
  onSent(batch: SealedBatch, baseOffset: number, ms: number): void
  /** Nothing more will be sent. */
  onFailure(error: unknown): void
}

interface Queued extends SealedBatch {
  sentAt: number
}

interface InFlight {
  readonly batch: Queued
  readonly answer: Promise<PartitionProduceResponse>
}

/** The queue of one partition. */
export class PartitionSender {
  readonly #client: Client
  readonly #place: Place
  readonly #acks: Acks
  readonly #windowMax: number
  readonly #events: SenderEvents
  readonly #queue: Queued[] = []
  #running = false

  constructor(
    client: Client,
    place: Place,
    options: { readonly acks: Acks; readonly idempotent: boolean },
    events: SenderEvents,
  ) {
    this.#client = client
    this.#place = place
    this.#acks = options.acks
    this.#windowMax = options.idempotent ? IN_FLIGHT_MAX : 1
    this.#events = events
  }

  /** Adds a batch behind the others; its bytes must not change any more. */
  send(batch: SealedBatch): void {
    this.#queue.push({ ...batch, sentAt: -1 })
    if (this.#running) return
    this.#running = true
    this.#run().then(
      () => (this.#running = false),
      (error: unknown) => this.#events.onFailure(error),
    )
  }

  async #run(): Promise<void> {
    let failingSince: number | null = null
    while (this.#queue.length > 0) {
      const waiting = this.#queue.length
      try {
        const leader = await this.#client.leaderOf(this.#place.topic, this.#place.partition)
        await (this.#acks === 0 ? this.#tell(leader) : this.#stream(leader))
      } catch (error) {
        const now = performance.now()
        if (failingSince === null || this.#queue.length < waiting) failingSince = now
        if (!isRetriable(error) || now - failingSince > RETRY_MS) throw error
        this.#client.forget(this.#place.topic)
        await pause(PAUSE_MS, this.#client.stopped)
      }
    }
  }

  async #tell(leader: BrokerConnection): Promise<void> {
    for (let batch = this.#queue[0]; batch !== undefined; batch = this.#queue[0]) {
      const sentAt = performance.now()
      await leader.tell(produce, this.#request(batch))
      this.#queue.shift()
      this.#events.onSent(batch, -1, performance.now() - sentAt)
    }
  }

  /** Sends until the queue is empty; throws at the first batch that was not taken. */
  async #stream(leader: BrokerConnection): Promise<void> {
    const inFlight: InFlight[] = []
    try {
      for (;;) {
        while (inFlight.length < this.#windowMax && inFlight.length < this.#queue.length) {
          inFlight.push(this.#ask(leader, must(this.#queue[inFlight.length], 'A batch is missing')))
        }
        const [first] = inFlight
        if (first === undefined) return
        const { baseOffset } = this.#checked(await first.answer)
        inFlight.shift()
        this.#queue.shift()
        this.#events.onSent(first.batch, baseOffset, performance.now() - first.batch.sentAt)
      }
    } finally {
      // What is in flight must be settled before any of it is sent again.
      await Promise.allSettled(inFlight.map(({ answer }) => answer))
    }
  }

  #ask(leader: BrokerConnection, batch: Queued): InFlight {
    if (batch.sentAt < 0) batch.sentAt = performance.now()
    const answer = leader.call(produce, this.#request(batch)).then(({ responses }) => {
      const found = responses[0]?.partitionResponses[0]
      if (found === undefined) throw new OperatingError('refused', 'A produce answer is empty')
      return found
    })
    answer.catch(() => undefined) // looked at in its turn
    return { batch, answer }
  }

  #request(batch: SealedBatch): Input<ProduceRequest> {
    const { topic, partition } = this.#place
    return {
      transactionalId: null,
      acks: this.#acks,
      timeoutMs: ACK_TIMEOUT_MS,
      topicData: [{ name: topic, partitionData: [{ index: partition, records: batch.bytes }] }],
    }
  }

  #checked(answer: PartitionProduceResponse): PartitionProduceResponse {
    if (answer.errorCode === ErrorCode.NONE) return answer
    const { topic, partition } = this.#place
    const [bad] = answer.recordErrors
    const why = bad?.batchIndexErrorMessage ?? answer.errorMessage
    const act = `Cannot produce to ${topic}-${String(partition)}`
    throw new KafkaError(answer.errorCode, why === null ? act : `${act}: ${why}`)
  }
}
