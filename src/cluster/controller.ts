// The one writer of the metadata. A request is decided at once, against an image that has all
// earlier decisions in it whether or not they are committed yet. Decisions wait in a queue: one
// proposal is in flight at a time, and takes along all that were decided meanwhile. So the log is
// never asked to take a decision without the ones it was built on, and a slow disk is shared. When
// a proposal fails, all that was decided on top of it fails too, and decisions begin again from
// the committed image. It refuses to know how the log is agreed on (ControllerLog) and what
// settings mean (the policy).
import { assert } from '../base/assert.ts'
import { ErrorCode } from '../base/error-codes.ts'
import { KafkaError } from '../base/errors.ts'
import type { BrokerRegistration, ProducerIdBlock, StartOf } from './decide-brokers.ts'
import * as brokers from './decide-brokers.ts'
import type { ChangedConfigs, ConfigChange } from './decide-configs.ts'
import { alterConfigs } from './decide-configs.ts'
import type { CreatedTopic, MorePartitions, NewTopic, TopicReference } from './decide-topics.ts'
import { createPartitions, createTopics, deleteTopics } from './decide-topics.ts'
import type { ControllerPolicy, Decision, Outcome } from './decision.ts'
import { applyEntry } from './image-apply.ts'
import type { ClusterImage } from './image.ts'
import { encodeEntry } from './records.ts'

/** The metadata log as the controller sees it: the Raft driver and the image that it applies to. */
export interface ControllerLog {
  /**
   * Resolves once `entry`, which is taken over, is committed and applied to what `image()` returns.
   * Rejects with `retry` when it was not taken; with anything else it is unknown whether it will be
   * committed, and this node no longer leads in this term.
   */
  propose(entry: Uint8Array): Promise<unknown>
  /** The image with everything applied that is committed here. */
  image(): ClusterImage
  /**
   * The term in which this node may propose, or null. Not null only when all entries of earlier
   * terms are applied to `image()`.
   */
  leadingTerm(): number | null
}

/** Bytes of one proposal, unless a single entry is larger. */
export const PROPOSAL_BYTES_MAX = 1_048_576

/** Decisions that wait at most; more are refused as if there were no controller. */
export const DECISIONS_QUEUED_MAX = 10_000

/** One entry on its way; `done` and `fail` are those of its decision, for its last entry. */
interface Queued {
  readonly entry: Uint8Array
  readonly done: () => void
  readonly fail: (error: unknown) => void
}

const notController = (why: string): KafkaError =>
  new KafkaError(ErrorCode.NOT_CONTROLLER, `Cannot change metadata: ${why}`)

const concatenate = (parts: readonly Uint8Array[]): Uint8Array => {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

/** A broker by id and the epoch of its process. */
export interface BrokerIdentity {
  readonly id: number
  readonly epoch: number
}

/** Decides all changes of the metadata. Methods throw KafkaError 41 where it cannot decide. */
export class Controller {
  readonly #log: ControllerLog
  readonly #policy: ControllerPolicy
  /** What the log will have made of the image once all that is queued is applied. */
  #head: ClusterImage | null = null
  #headTerm = -1
  #queue: Queued[] = []
  /** The proposal in flight, if any; these have left the queue. */
  #inFlight: readonly Queued[] = []
  /** The decision made last: entries are applied in order, so when it is done all are. */
  #last: Promise<void> = Promise.resolve()

  constructor(log: ControllerLog, policy: ControllerPolicy) {
    this.#log = log
    this.#policy = policy
  }

  /** Creates the topics that can be, unless `validateOnly`. */
  createTopics(
    topics: readonly NewTopic[],
    validateOnly: boolean,
  ): Promise<readonly CreatedTopic[]> {
    return this.#decide((image) => createTopics(image, this.#policy, topics, validateOnly))
  }

  deleteTopics(
    references: readonly TopicReference[],
  ): Promise<readonly (Outcome & TopicReference)[]> {
    return this.#decide((image) => deleteTopics(image, references))
  }

  createPartitions(
    wishes: readonly MorePartitions[],
    validateOnly: boolean,
  ): Promise<readonly (Outcome & { readonly name: string })[]> {
    return this.#decide((image) => createPartitions(image, this.#policy, wishes, validateOnly))
  }

  alterConfigs(
    changes: readonly ConfigChange[],
    validateOnly: boolean,
  ): Promise<readonly ChangedConfigs[]> {
    return this.#decide((image) => alterConfigs(image, this.#policy, changes, validateOnly))
  }

  /** Writes the cluster's id, once; a second call with the same id does nothing. */
  formatCluster(clusterId: string): Promise<null> {
    return this.#decide((image) => {
      if (image.clusterId === clusterId) return { entries: [], result: null }
      if (image.clusterId !== '') {
        const text = `Cannot format as cluster ${clusterId}: this is ${image.clusterId}`
        throw new KafkaError(ErrorCode.INCONSISTENT_CLUSTER_ID, text)
      }
      return { entries: [[{ kind: 'cluster', clusterId, format: 1 }]], result: null }
    })
  }

  /** Registers a broker's process and tells it its epoch; it stays fenced until `setFenced`. */
  registerBroker(registration: BrokerRegistration): Promise<{ readonly epoch: number }> {
    return this.#decide((image) => brokers.registerBroker(image, registration))
  }

  setFenced(broker: BrokerIdentity, fenced: boolean): Promise<null> {
    return this.#decide((image) => brokers.setFenced(image, broker, fenced))
  }

  /** Opens new epochs of what `broker` led before its restart: once, however often it is called. */
  openEpochs(broker: BrokerIdentity, startOf?: StartOf): Promise<{ readonly opened: number }> {
    return this.#decide((image) => brokers.openEpochs(image, broker, startOf))
  }

  reportEpochStarts(
    broker: BrokerIdentity,
    starts: Parameters<typeof brokers.reportEpochStarts>[2],
  ): Promise<null> {
    return this.#decide((image) => brokers.reportEpochStarts(image, broker, starts))
  }

  allocateProducerIds(broker: BrokerIdentity): Promise<ProducerIdBlock> {
    return this.#decide((image) => brokers.allocateProducerIds(image, broker))
  }

  async #decide<Result>(decide: (image: ClusterImage) => Decision<Result>): Promise<Result> {
    const term = this.#log.leadingTerm()
    if (term === null) throw notController('this node does not lead the metadata log')
    if (this.#head !== null && this.#headTerm !== term) throw notController('the lead has changed')
    if (this.#queue.length >= DECISIONS_QUEUED_MAX) throw notController('too much is waiting')
    let head = this.#head ?? this.#log.image()
    const { entries, result } = decide(head)
    if (entries.length > 0) {
      for (const records of entries) {
        head = applyEntry(head, records, { index: head.version + 1, term })
      }
      this.#head = head
      this.#headTerm = term
      this.#last = this.#enqueue(entries.map(encodeEntry))
      await this.#last
    } else if (this.#head !== null) {
      // An answer that changes nothing may still tell of changes that are under way.
      await this.#last
    }
    return result
  }

  #enqueue(entries: readonly Uint8Array[]): Promise<void> {
    return new Promise((done, fail) => {
      for (const [at, entry] of entries.entries()) {
        const isLast = at === entries.length - 1
        this.#queue.push({ entry, fail, done: isLast ? done : () => undefined })
      }
      if (this.#inFlight.length === 0) this.#proposeNext()
    })
  }

  #proposeNext(): void {
    assert(this.#inFlight.length === 0, 'One proposal is in flight at a time')
    if (this.#queue.length === 0) {
      this.#head = null
      return
    }
    if (this.#log.leadingTerm() !== this.#headTerm) {
      this.#failAll(notController('the lead has changed'))
      return
    }
    let count = 1
    let bytes = this.#queue[0]?.entry.length ?? 0
    for (; count < this.#queue.length; count++) {
      bytes += this.#queue[count]?.entry.length ?? 0
      if (bytes > PROPOSAL_BYTES_MAX) break
    }
    const taken = this.#queue.splice(0, count)
    this.#inFlight = taken
    // Entries one after the other are an entry: what was decided together is applied together.
    this.#log.propose(concatenate(taken.map(({ entry }) => entry))).then(
      () => {
        this.#inFlight = []
        for (const { done } of taken) done()
        this.#proposeNext()
      },
      (error: unknown) => this.#failAll(error),
    )
  }

  #failAll(error: unknown): void {
    const lost = [...this.#inFlight, ...this.#queue]
    this.#inFlight = []
    this.#queue = []
    this.#head = null
    for (const { fail } of lost) fail(error)
  }
}
