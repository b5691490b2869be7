// How brokers and partitions look to a client of one listener: Metadata, DescribeTopicPartitions,
// DescribeCluster and FindCoordinator tell the same things from here. Addresses are those of the
// listener that the request came in on; which that is, is told by the address under which this
// broker is advertised there, so a broker without that listener is one the client cannot reach.
import { ErrorCode } from '../base/error-codes.ts'
import type { BrokerImage, ClusterImage, PartitionImage } from '../cluster/image.ts'
import type { RequestContext } from './handler.ts'

/** A broker as a client reaches it. */
export interface BrokerView {
  readonly id: number
  readonly host: string
  readonly port: number
  readonly rack: string | null
  readonly fenced: boolean
}

/** A partition as a client sees it. */
export interface PartitionView {
  /** 0, 5 LEADER_NOT_AVAILABLE or 72 LISTENER_NOT_FOUND. */
  readonly code: number
  /** -1 with a code other than 0. */
  readonly leader: number
  readonly leaderEpoch: number
  readonly replicas: readonly number[]
  /**
   * Replicas in sync. Metadata does not track lag, so these are the live replicas; W of them hold
   * all that was acknowledged.
   */
  readonly inSync: readonly number[]
  readonly offline: readonly number[]
}

/** Bits of all operations on a topic, for when nobody is kept from any (KIP-430). */
export const TOPIC_OPERATIONS = 0b1101_1111_1000
/** Bits of all operations on the cluster. */
export const CLUSTER_OPERATIONS = 0b1_1111_1010_0000
/** Says that operations were not asked for. */
export const OPERATIONS_UNKNOWN = -2147483648

/** What one image looks like from one listener. Made for one request. */
export class ListenerView {
  readonly #image: ClusterImage
  readonly #brokers = new Map<number, BrokerView>()

  constructor(image: ClusterImage, selfId: number, advertised: RequestContext['advertised']) {
    this.#image = image
    const { host, port } = advertised
    const listener = image
      .broker(selfId)
      ?.endpoints.find((endpoint) => endpoint.host === host && endpoint.port === port)?.listener
    for (const { id, rack, fenced, endpoints } of image.brokers()) {
      const there = endpoints.find((endpoint) => endpoint.listener === listener)
      const address = id === selfId ? advertised : there
      if (address === undefined) continue
      this.#brokers.set(id, { id, host: address.host, port: address.port, rack, fenced })
    }
  }

  /** Live brokers that have the listener, by ascending id. */
  live(): readonly BrokerView[] {
    return this.all().filter(({ fenced }) => !fenced)
  }

  /** All brokers that have the listener, by ascending id. */
  all(): readonly BrokerView[] {
    return [...this.#brokers.values()]
  }

  /** A live broker that has the listener. */
  reach(id: number): BrokerView | undefined {
    const broker = this.#brokers.get(id)
    return broker?.fenced === false ? broker : undefined
  }

  /** A partition, with the reason why a client cannot use it, if it cannot. */
  partition(partition: PartitionImage): PartitionView {
    const { replicas, leaderEpoch } = partition
    const isReachable = this.reach(partition.leader) !== undefined
    return {
      code: isReachable ? ErrorCode.NONE : this.#absence(this.#image.broker(partition.leader)),
      leader: isReachable ? partition.leader : -1,
      leaderEpoch,
      replicas,
      inSync: replicas.filter((id) => this.#image.broker(id)?.fenced === false),
      offline: replicas.filter((id) => this.reach(id) === undefined),
    }
  }

  #absence(leader: BrokerImage | undefined): number {
    return leader?.fenced === false ? ErrorCode.LISTENER_NOT_FOUND : ErrorCode.LEADER_NOT_AVAILABLE
  }
}
