// A cluster as a client sees it: which brokers there are, who leads what, and one connection to
// each broker that is asked. Answers about leaders are cached until a caller says that they were
// wrong. What is asked of the brokers is the business of the files beside this one.
import { ErrorCode } from '../../base/error-codes.ts'
import { KafkaError, OperatingError, UsageError } from '../../base/errors.ts'
import type { MetadataResponse, MetadataResponseTopic } from '../../wire/messages/03-metadata.ts'
import type { Input } from '../../wire/schema.ts'
import type { HostPort } from '../values.ts'
import { hostPortText } from '../values.ts'
import { findCoordinator, metadata } from './apis.ts'
import type { Operation } from './apis.ts'
import { BrokerConnection } from './connection.ts'
import { check, retrying } from './retry.ts'

const GROUP_KEY = 0

/** A broker of the cluster. */
export interface Broker extends HostPort {
  readonly nodeId: number
}

/** A topic's partitions by index, with the leader of each (-1 for none). */
export interface TopicLayout {
  readonly name: string
  readonly leaders: readonly number[]
}

/** A connection to a cluster. `close` it; it opens what it needs. */
export class Client {
  /** Aborted when the user wants to stop; long waits end then. */
  readonly stopped: AbortSignal
  readonly #bootstrap: HostPort
  readonly #connections = new Map<string, Promise<BrokerConnection>>()
  readonly #topics = new Map<string, TopicLayout>()
  #brokers = new Map<number, Broker>()
  #controllerId = -1

  private constructor(bootstrap: HostPort, stopped: AbortSignal) {
    this.#bootstrap = bootstrap
    this.stopped = stopped
  }

  /** Connects to one broker and learns of the others. Throws OperatingError `retry`. */
  static async connect(bootstrap: HostPort, stopped: AbortSignal): Promise<Client> {
    const client = new Client(bootstrap, stopped)
    await client.metadata([])
    return client
  }

  /** Closes every connection; idempotent. */
  close(): void {
    for (const opening of this.#connections.values()) {
      void opening.then(
        (connection) => connection.close(),
        () => undefined, // it never opened
      )
    }
    this.#connections.clear()
  }

  /** The brokers known from the last answer about the cluster. */
  get brokers(): readonly Broker[] {
    return [...this.#brokers.values()]
  }

  /** Asks about topics (null: all) and remembers brokers and controller. */
  async metadata(names: readonly string[] | null): Promise<MetadataResponse> {
    const answer = await this.callAny(metadata, {
      topics: names === null ? null : names.map((name) => ({ name })),
      allowAutoTopicCreation: false,
    })
    this.#controllerId = answer.controllerId
    this.#brokers = new Map(
      answer.brokers.map(({ nodeId, host, port }) => [nodeId, { nodeId, host, port }]),
    )
    return answer
  }

  /** A topic's layout, asked again after `forget`. Throws KafkaError when there is no topic. */
  async layout(name: string): Promise<TopicLayout> {
    const known = this.#topics.get(name)
    if (known !== undefined) return known
    const topic = await retrying(this.stopped, async () => {
      const [found] = (await this.metadata([name])).topics
      checkTopic(found, name)
      return found
    })
    const leaders = new Array<number>(topic.partitions.length).fill(-1)
    for (const { partitionIndex, leaderId } of topic.partitions) leaders[partitionIndex] = leaderId
    const layout = { name, leaders }
    this.#topics.set(name, layout)
    return layout
  }

  /** Drops what is known of a topic: a leader has moved. */
  forget(name: string): void {
    this.#topics.delete(name)
  }

  /** The broker that leads a partition. Throws `retry` while it has no leader. */
  async leaderOf(topic: string, partition: number): Promise<BrokerConnection> {
    const { leaders } = await this.layout(topic)
    const leader = leaders[partition]
    if (leader === undefined) {
      const last = String(leaders.length - 1)
      throw new UsageError(`${topic} has partitions 0 to ${last}, not ${String(partition)}`)
    }
    try {
      if (leader >= 0) return await this.node(leader)
    } catch (error) {
      this.forget(topic)
      throw error
    }
    this.forget(topic)
    throw new OperatingError('retry', `Partition ${topic}-${String(partition)} has no leader now`)
  }

  /** A connection to a broker by its id. Throws `retry` when it is not there now. */
  async node(nodeId: number): Promise<BrokerConnection> {
    let broker = this.#brokers.get(nodeId)
    if (broker === undefined) {
      await this.metadata([])
      broker = this.#brokers.get(nodeId)
    }
    if (broker === undefined) {
      throw new OperatingError('retry', `Broker ${String(nodeId)} is not in the cluster now`)
    }
    return this.#connection(broker)
  }

  /** Asks any broker, first the one given at the start. */
  async callAny<Request, Response>(
    operation: Operation<Request, Response>,
    body: Input<Request>,
  ): Promise<Response> {
    let failure: OperatingError | undefined
    for (const address of [this.#bootstrap, ...this.#brokers.values()]) {
      try {
        const connection = await this.#connection(address)
        return await connection.call(operation, body)
      } catch (error) {
        if (!(error instanceof OperatingError) || error.kind !== 'retry') throw error
        failure ??= error
      }
    }
    throw failure ?? new OperatingError('retry', 'There is no broker to ask')
  }

  /** Asks the controller, or any broker while it is unknown: brokers pass such requests on. */
  async callController<Request, Response>(
    operation: Operation<Request, Response>,
    body: Input<Request>,
  ): Promise<Response> {
    if (!this.#brokers.has(this.#controllerId)) return this.callAny(operation, body)
    const connection = await this.node(this.#controllerId)
    return connection.call(operation, body)
  }

  /** The broker that coordinates a consumer group. */
  async coordinatorOf(group: string): Promise<BrokerConnection> {
    const answer = await this.callAny(findCoordinator, {
      key: group,
      keyType: GROUP_KEY,
      coordinatorKeys: [group],
    })
    const found = answer.coordinators[0] ?? answer
    check(found.errorCode, `Cannot find the coordinator of group ${group}`, found.errorMessage)
    return this.#connection({ host: found.host, port: found.port })
  }

  async #connection(address: HostPort): Promise<BrokerConnection> {
    const key = hostPortText(address)
    const known = this.#connections.get(key)
    if (known !== undefined) {
      const connection = await known
      if (connection.isOpen) return connection
      // Another caller may have replaced it while this one waited.
      if (this.#connections.get(key) === known) this.#connections.delete(key)
      return this.#connection(address)
    }
    const opening = BrokerConnection.open(address)
    this.#connections.set(key, opening)
    try {
      return await opening
    } catch (error) {
      if (this.#connections.get(key) === opening) this.#connections.delete(key)
      throw error
    }
  }
}

/** Throws when a topic is absent or has an error of its own. */
export function checkTopic(
  topic: MetadataResponseTopic | undefined,
  name: string,
): asserts topic is MetadataResponseTopic {
  if (topic === undefined || topic.errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) {
    throw new KafkaError(
      ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
      `There is no topic ${name}; make it with 'stratalog topic create ${name}'`,
    )
  }
  check(topic.errorCode, `Cannot describe topic ${name}`)
}
