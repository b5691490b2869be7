// Brokers coming, going and coming back. A broker registers with each start of its process and gets
// an epoch larger than any before; whoever still acts under an older one is refused. What it led
// gets a new leader epoch once per restart, so that nothing the old process promised is taken for
// the new one's word (KIP-320, and the reason why leader epochs never repeat).
import { ErrorCode } from '../base/error-codes.ts'
import { KafkaError } from '../base/errors.ts'
import type { Decision } from './decision.ts'
import { chunked } from './decision.ts'
import type { BrokerImage, ClusterImage, PartitionImage } from './image.ts'
import type { Endpoint, MetadataRecord } from './records.ts'

/** A broker process that asks to join. */
export interface BrokerRegistration {
  readonly id: number
  readonly clusterId: string
  /** Random for each start of the process. */
  readonly incarnation: string
  readonly endpoints: readonly Endpoint[]
  readonly rack: string | null
  readonly host: string
}

/** Ids one broker may give to producers without asking again: `[first, first + count)`. */
export interface ProducerIdBlock {
  readonly first: number
  readonly count: number
}

/** Ids in a block, as in Kafka. */
export const PRODUCER_ID_BLOCK = 1000

/** First offset of an epoch that a leader opened, by partition; null where it is not known yet. */
export type StartOf = (topicId: string, index: number) => number | null

const registered = (image: ClusterImage, id: number, epoch: number): BrokerImage => {
  const broker = image.broker(id)
  if (broker === undefined) {
    throw new KafkaError(ErrorCode.BROKER_ID_NOT_REGISTERED, `Broker ${id} is not registered`)
  }
  if (broker.epoch !== epoch) {
    const text = `Broker ${id} acts under epoch ${epoch}, but its epoch is ${broker.epoch}`
    throw new KafkaError(ErrorCode.STALE_BROKER_EPOCH, text)
  }
  return broker
}

/**
 * Registers a broker process, fenced until it says that it is ready. A repeat of the same
 * incarnation gets the epoch it has. Throws KafkaError 104 for a broker of another cluster.
 */
export const registerBroker = (
  image: ClusterImage,
  registration: BrokerRegistration,
): Decision<{ readonly epoch: number }> => {
  const { clusterId, ...rest } = registration
  if (clusterId !== image.clusterId) {
    const text = `Cannot register broker ${rest.id} of ${clusterId} in ${image.clusterId}`
    throw new KafkaError(ErrorCode.INCONSISTENT_CLUSTER_ID, text)
  }
  const before = image.broker(rest.id)
  if (before !== undefined && before.incarnation === rest.incarnation) {
    return { entries: [], result: { epoch: before.epoch } }
  }
  const epoch = Math.max(image.version, before?.epoch ?? 0) + 1
  return { entries: [[{ kind: 'broker', epoch, ...rest }]], result: { epoch } }
}

const openedBy = (
  topicId: string,
  partition: PartitionImage,
  leader: BrokerImage | null,
): Extract<MetadataRecord, { kind: 'openEpoch' }> => ({
  kind: 'openEpoch',
  topicId,
  index: partition.index,
  leader: leader?.id ?? -1,
  leaderEpoch: partition.leaderEpoch + 1,
  leaderBrokerEpoch: leader?.epoch ?? -1,
  replicas: null,
  quorum: null,
})

/**
 * Opens the next epoch of every partition that the broker led before its restart. Doing it twice
 * changes nothing the second time.
 */
export const openEpochs = (
  image: ClusterImage,
  broker: { readonly id: number; readonly epoch: number },
  startOf: StartOf = () => null,
): Decision<{ readonly opened: number }> => {
  const leader = registered(image, broker.id, broker.epoch)
  const records: MetadataRecord[] = []
  let opened = 0
  for (const topic of image.allTopics()) {
    for (const partition of topic.partitions.values()) {
      if (partition.leader !== leader.id || partition.leaderBrokerEpoch === leader.epoch) continue
      const open = openedBy(topic.id, partition, leader)
      records.push(open)
      opened += 1
      const { topicId, index, leaderEpoch: epoch } = open
      const startOffset = startOf(topicId, index)
      if (startOffset !== null) {
        records.push({ kind: 'epochStart', topicId, index, epoch, startOffset })
      }
    }
  }
  return { entries: chunked(records), result: { opened } }
}

/** Records where epochs begin, once their leaders have sealed the ones before. */
export const reportEpochStarts = (
  image: ClusterImage,
  broker: { readonly id: number; readonly epoch: number },
  starts: readonly {
    readonly topicId: string
    readonly index: number
    readonly epoch: number
    readonly startOffset: number
  }[],
): Decision<null> => {
  registered(image, broker.id, broker.epoch)
  const records: MetadataRecord[] = []
  for (const start of starts) {
    const partition = image.partition(start.topicId, start.index)
    const isLeader = partition?.leader === broker.id && partition.leaderEpoch === start.epoch
    if (isLeader) records.push({ kind: 'epochStart', ...start })
  }
  return { entries: chunked(records), result: null }
}

/** A live member of the copyset to lead next, if enough of them live to seal the last epoch. */
const elect = (
  image: ClusterImage,
  partition: PartitionImage,
  isLive: (broker: BrokerImage) => boolean,
): BrokerImage | null => {
  const live = partition.replicas
    .map((id) => image.broker(id))
    .filter((broker) => broker !== undefined)
    .filter(isLive)
  return live.length >= partition.quorum.seal ? (live[0] ?? null) : null
}

/**
 * Takes a broker out of service, or back in. Fencing moves what it led to live replicas where R of
 * the copyset remain, and leaves the rest without a leader; unfencing gives those leaders again.
 */
export const setFenced = (
  image: ClusterImage,
  broker: { readonly id: number; readonly epoch: number },
  fenced: boolean,
): Decision<null> => {
  const { id, epoch, fenced: was } = registered(image, broker.id, broker.epoch)
  if (was === fenced) return { entries: [], result: null }
  const isLive = (other: BrokerImage): boolean => (other.id === id ? !fenced : !other.fenced)
  const records: MetadataRecord[] = []
  for (const topic of image.allTopics()) {
    for (const partition of topic.partitions.values()) {
      const isAffected = fenced ? partition.leader === id : partition.leader === -1
      if (!isAffected || !partition.replicas.includes(id)) continue
      const leader = elect(image, partition, isLive)
      if (leader !== null || fenced) records.push(openedBy(topic.id, partition, leader))
    }
  }
  const fence: MetadataRecord = { kind: 'fence', id, epoch, fenced }
  return { entries: [[fence], ...chunked(records)], result: null }
}

/** Gives a broker the next block of producer ids; no id is ever in two blocks. */
export const allocateProducerIds = (
  image: ClusterImage,
  broker: { readonly id: number; readonly epoch: number },
): Decision<ProducerIdBlock> => {
  const { id, epoch } = registered(image, broker.id, broker.epoch)
  const first = image.state.nextProducerId
  const next = first + PRODUCER_ID_BLOCK
  return {
    entries: [[{ kind: 'producerIds', brokerId: id, brokerEpoch: epoch, next }]],
    result: { first, count: PRODUCER_ID_BLOCK },
  }
}
