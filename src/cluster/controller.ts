// The one writer of the metadata. A request is decided at once, against an image that has all
// earlier decisions in it whether or not they are committed yet; its entries are proposed, and the
// answer is given once they are applied. So requests are pipelined through the log and never
// contradict each other. When a proposal fails, all that was decided on top of it is forgotten, and
// decisions begin again from the committed image as soon as nothing is in flight.
// It refuses to know how the log is agreed on (ControllerLog) and what settings mean (the policy).
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

/** The metadata log as the controller sees it. */
export interface ControllerLog {
  /**
   * Appends entries in order. Resolves once all of them are committed and applied to what
   * `image()` returns; rejects, with a KafkaError that a client may be told, when this node
   * may no longer propose; then it is unknown whether they will be.
   */
  propose(entries: readonly Uint8Array[]): Promise<void>
  /** The image with everything applied that is committed here. */
  image(): ClusterImage
  /**
   * The term in which this node may propose, or null. Not null only when all entries of earlier
   * terms are applied to `image()`.
   */
  leadingTerm(): number | null
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
  /** What the log will have made of the image once all that is in flight is applied. */
  #head: ClusterImage | null = null
  #headTerm = -1
  #inFlight = 0
  /** The proposal made last: entries are applied in order, so when it is done all are. */
  #last: Promise<void> = Promise.resolve()
  /** Set while proposals are in flight of which an earlier one failed. */
  #isBroken = false

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
    if (term === null || this.#isBroken) {
      throw new KafkaError(ErrorCode.NOT_CONTROLLER, 'This node does not lead the metadata log')
    }
    if (this.#inFlight > 0 && this.#headTerm !== term) {
      throw new KafkaError(
        ErrorCode.NOT_CONTROLLER,
        'The lead of the metadata log has just changed',
      )
    }
    let head = this.#head ?? this.#log.image()
    const { entries, result } = decide(head)
    if (entries.length === 0) return this.#settled(result)
    for (const records of entries) {
      head = applyEntry(head, records, { index: head.version + 1, term })
    }
    this.#head = head
    this.#headTerm = term
    await this.#propose(entries.map(encodeEntry))
    return result
  }

  /** An answer that changes nothing may still tell of changes in flight: it waits for them. */
  async #settled<Result>(result: Result): Promise<Result> {
    if (this.#inFlight > 0) await this.#last
    return result
  }

  async #propose(entries: readonly Uint8Array[]): Promise<void> {
    this.#inFlight += 1
    let isDone = false
    try {
      this.#last = this.#log.propose(entries)
      await this.#last
      isDone = true
    } finally {
      this.#inFlight -= 1
      assert(this.#inFlight >= 0, 'A proposal settles once')
      if (!isDone) this.#isBroken = true
      if (this.#inFlight === 0) {
        this.#head = null
        this.#isBroken = false
      }
    }
  }
}
