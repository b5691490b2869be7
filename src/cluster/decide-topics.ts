// Creating, growing and deleting topics, checked as Kafka's controller checks (its
// ReplicationControlManager is what clients were written against): one bad topic fails no other,
// and topics of one request are checked against each other too.
import { ErrorCode } from '../base/error-codes.ts'
import type { ConfigEntry, ControllerPolicy, Decision, Outcome } from './decision.ts'
import { OK, refuse, repeated } from './decision.ts'
import type { ClusterImage, ConfigMap, TopicImage } from './image.ts'
import type { Load } from './placement.ts'
import { placePartitions } from './placement.ts'
import type { MetadataRecord } from './records.ts'
import { lookalike, METADATA_TOPIC, topicNameFault } from './topic-name.ts'

/** New partitions one request may ask for, as in Kafka. */
export const PARTITIONS_PER_REQUEST_MAX = 10_000

/** Brokers for one partition, by hand. */
export interface ManualAssignment {
  readonly index: number
  readonly brokerIds: readonly number[]
}

/** A topic to create; -1 asks for the default. */
export interface NewTopic {
  readonly name: string
  readonly partitions: number
  readonly replicas: number
  readonly assignments: readonly ManualAssignment[]
  readonly configs: readonly ConfigEntry[]
}

/** A created (or, when validating, creatable) topic; ids and counts are of use only for code 0. */
export interface CreatedTopic extends Outcome {
  readonly name: string
  readonly topicId: string
  readonly partitions: number
  readonly replicas: number
  readonly configs: ConfigMap
}

/** A topic named by id or by name; exactly one of them is not null. */
export interface TopicReference {
  readonly name: string | null
  readonly topicId: string | null
}

/** More partitions for a topic; `assignments` has an item for each new one, or is null. */
export interface MorePartitions {
  readonly name: string
  /** How many the topic shall have. */
  readonly count: number
  readonly assignments: readonly (readonly number[])[] | null
}

type Placement = { readonly replicas: readonly (readonly number[])[] } | Outcome

const loadOf = (image: ClusterImage): ((id: number) => Load) => {
  const loads = new Map<number, { replicas: number; leaders: number }>()
  for (const topic of image.allTopics()) {
    for (const partition of topic.partitions.values()) {
      for (const id of partition.replicas) {
        const load = loads.get(id) ?? { replicas: 0, leaders: 0 }
        load.replicas += 1
        if (partition.replicas[0] === id) load.leaders += 1
        loads.set(id, load)
      }
    }
  }
  return (id) => loads.get(id) ?? { replicas: 0, leaders: 0 }
}

const nameFault = (
  image: ClusterImage,
  name: string,
  pending: ReadonlyMap<string, string>,
): Outcome => {
  if (name === METADATA_TOPIC) {
    return refuse(ErrorCode.INVALID_REQUEST, `Creation of internal topic ${name} is prohibited.`)
  }
  const fault = topicNameFault(name)
  if (fault !== null) return refuse(ErrorCode.INVALID_TOPIC_EXCEPTION, fault)
  if (image.topicByName(name) !== undefined) {
    return refuse(ErrorCode.TOPIC_ALREADY_EXISTS, `Topic '${name}' already exists.`)
  }
  const shape = lookalike(name)
  if (shape === null) return OK
  const taken = image.state.lookalikes.get(shape)?.[0] ?? pending.get(shape)
  return taken === undefined
    ? OK
    : refuse(
        ErrorCode.INVALID_TOPIC_EXCEPTION,
        `Topic '${name}' collides with existing topic: ${taken}`,
      )
}

const configsOf = (entries: readonly ConfigEntry[]): ConfigMap | Outcome => {
  const configs = new Map<string, string>()
  for (const { name, value } of entries) {
    if (configs.has(name)) {
      return refuse(ErrorCode.INVALID_REQUEST, `Setting ${name} is given more than once.`)
    }
    if (value === null) {
      return refuse(ErrorCode.INVALID_CONFIG, `Null value not supported for topic configs: ${name}`)
    }
    configs.set(name, value)
  }
  return configs
}

const assignmentFault = (image: ClusterImage, ids: readonly number[]): string | null => {
  if (ids.length === 0) return 'The manual partition assignment includes an empty replica list.'
  if (new Set(ids).size !== ids.length) {
    return `The manual partition assignment includes a broker more than once: ${ids.join(', ')}.`
  }
  const unknown = ids.find((id) => image.broker(id) === undefined)
  return unknown === undefined
    ? null
    : `The manual partition assignment names broker ${unknown}, which is not registered.`
}

const placeManually = (image: ClusterImage, topic: NewTopic): Placement => {
  const which = topic.replicas !== -1 ? 'replication factor' : 'number of partitions'
  if (topic.replicas !== -1 || topic.partitions !== -1) {
    const message = `A manual partition assignment was specified, but ${which} was not set to -1.`
    return refuse(ErrorCode.INVALID_REQUEST, message)
  }
  const sorted = [...topic.assignments].sort((a, b) => a.index - b.index)
  const size = sorted[0]?.brokerIds.length ?? 0
  for (const [at, { index, brokerIds }] of sorted.entries()) {
    let fault = assignmentFault(image, brokerIds)
    if (index !== at) fault = 'Partitions should be a consecutive 0-based integer sequence.'
    else if (brokerIds.length !== size) {
      fault = 'The manual partition assignment has replica lists of different lengths.'
    }
    if (fault !== null) return refuse(ErrorCode.INVALID_REPLICA_ASSIGNMENT, fault)
  }
  return { replicas: sorted.map(({ brokerIds }) => brokerIds) }
}

const tooFewBrokers = (replicas: number, live: number): Outcome =>
  refuse(
    ErrorCode.INVALID_REPLICATION_FACTOR,
    `Unable to replicate the partition ${replicas} time(s): only ${live} broker(s) are available.`,
  )

const placeByCount = (
  image: ClusterImage,
  count: number,
  replicas: number,
  load: (id: number) => Load,
): Placement => {
  const brokers = image.liveBrokers()
  const placed = placePartitions({ brokers, count, replicas, load })
  return placed === null ? tooFewBrokers(replicas, brokers.length) : { replicas: placed }
}

const place = (
  image: ClusterImage,
  topic: NewTopic,
  policy: ControllerPolicy,
  room: number,
  load: (id: number) => Load,
): Placement => {
  if (topic.assignments.length > 0) return placeManually(image, topic)
  const defaults = policy.topicDefaults()
  if (topic.replicas < -1 || topic.replicas === 0) {
    return refuse(
      ErrorCode.INVALID_REPLICATION_FACTOR,
      'Replication factor must be larger than 0, or -1 to use the default value.',
    )
  }
  if (topic.partitions < -1 || topic.partitions === 0) {
    return refuse(
      ErrorCode.INVALID_PARTITIONS,
      'Number of partitions must be larger than 0, or -1 to use the default value.',
    )
  }
  const count = topic.partitions === -1 ? defaults.partitions : topic.partitions
  if (count > room) return tooMany()
  const replicas = topic.replicas === -1 ? defaults.replicas : topic.replicas
  return placeByCount(image, count, replicas, load)
}

const tooMany = (): Outcome =>
  refuse(
    ErrorCode.POLICY_VIOLATION,
    `A request may ask for at most ${PARTITIONS_PER_REQUEST_MAX} new partitions.`,
  )

const partitionRecord = (
  image: ClusterImage,
  policy: ControllerPolicy,
  topic: { readonly topicId: string; readonly index: number; readonly configs: ConfigMap },
  replicas: readonly number[],
): MetadataRecord => {
  const quorum = policy.quorum(topic.configs, replicas.length)
  const live = replicas.filter((id) => image.broker(id)?.fenced === false)
  // The first epoch has nothing to seal, so one live replica is enough to lead it.
  const leader = live[0] ?? -1
  const { topicId, index } = topic
  return {
    kind: 'partition',
    topicId,
    index,
    leader,
    leaderEpoch: 0,
    leaderBrokerEpoch: image.broker(leader)?.epoch ?? -1,
    replicas,
    quorum,
    lineage: [{ epoch: 0, startOffset: 0, replicas }],
  }
}

const topicEntry = (
  image: ClusterImage,
  policy: ControllerPolicy,
  created: CreatedTopic,
  placed: readonly (readonly number[])[],
): MetadataRecord[] => {
  const { topicId, name, configs } = created
  const entry: MetadataRecord[] = [{ kind: 'topic', topicId, name }]
  for (const [config, value] of configs) {
    entry.push({ kind: 'config', owner: 'topic', ownerId: topicId, name: config, value })
  }
  for (const [index, replicas] of placed.entries()) {
    entry.push(partitionRecord(image, policy, { topicId, index, configs }, replicas))
  }
  return entry
}

/**
 * Decides which of `topics` can be created, one answer each in the order given; a name that comes
 * twice is answered once. Entries are empty when `validateOnly`.
 */
export const createTopics = (
  image: ClusterImage,
  policy: ControllerPolicy,
  topics: readonly NewTopic[],
  validateOnly: boolean,
): Decision<readonly CreatedTopic[]> => {
  const entries: MetadataRecord[][] = []
  const results = new Map<string, CreatedTopic>()
  const twice = repeated(topics.map(({ name }) => name))
  // Names of this request by how they read where '.' is '_'.
  const pending = new Map<string, string>()
  let load: ((id: number) => Load) | null = null
  let room = PARTITIONS_PER_REQUEST_MAX
  for (const topic of topics) {
    const { name } = topic
    const fail = ({ code, message }: Outcome): void => {
      const none = { topicId: '', partitions: -1, replicas: -1, configs: new Map() }
      results.set(name, { name, code, message, ...none })
    }
    if (twice.has(name)) {
      fail(refuse(ErrorCode.INVALID_REQUEST, 'Duplicate topic name.'))
      continue
    }
    const named = nameFault(image, name, pending)
    if (named.code !== 0) {
      fail(named)
      continue
    }
    const configs = configsOf(topic.configs)
    if ('code' in configs) {
      fail(configs)
      continue
    }
    load ??= loadOf(image)
    const placed = place(image, topic, policy, room, load)
    if ('code' in placed) {
      fail(placed)
      continue
    }
    const count = placed.replicas.length
    if (count > room) {
      fail(tooMany())
      continue
    }
    const replicas = placed.replicas[0]?.length ?? 0
    const fault = policy.topicConfigFault(configs, replicas)
    if (fault !== null) {
      fail(refuse(ErrorCode.INVALID_CONFIG, fault))
      continue
    }
    room -= count
    pending.set(lookalike(name) ?? name, name)
    const topicId = policy.newTopicId()
    const created = { ...OK, name, topicId, partitions: count, replicas, configs }
    results.set(name, created)
    entries.push(topicEntry(image, policy, created, placed.replicas))
  }
  return { entries: validateOnly ? [] : entries, result: [...results.values()] }
}

/** Decides which topics go. One answer for each reference, with both its names where known. */
export const deleteTopics = (
  image: ClusterImage,
  references: readonly TopicReference[],
): Decision<readonly (Outcome & TopicReference)[]> => {
  const entries: MetadataRecord[][] = []
  const gone = new Set<string>()
  const result = references.map((reference) => {
    const { name, topicId } = reference
    let topic: TopicImage | undefined
    if (topicId !== null) topic = image.topicById(topicId)
    else if (name !== null) topic = image.topicByName(name)
    if (topic === undefined || gone.has(topic.id)) {
      const outcome =
        topicId === null
          ? refuse(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, 'This server does not host this topic.')
          : refuse(ErrorCode.UNKNOWN_TOPIC_ID, 'This server does not host this topic id.')
      return { ...reference, ...outcome }
    }
    gone.add(topic.id)
    entries.push([{ kind: 'removeTopic', topicId: topic.id }])
    return { ...OK, name: topic.name, topicId: topic.id }
  })
  return { entries, result }
}

const growthFault = (
  image: ClusterImage,
  topic: TopicImage | undefined,
  wish: MorePartitions,
): Outcome => {
  if (topic === undefined) {
    return refuse(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `The topic '${wish.name}' does not exist.`)
  }
  const has = topic.partitions.size
  if (wish.count <= has) {
    const message =
      wish.count === has
        ? `Topic already has ${has} partition(s).`
        : `The topic ${wish.name} currently has ${has} partition(s); ` +
          `${wish.count} would not be an increase.`
    return refuse(ErrorCode.INVALID_PARTITIONS, message)
  }
  const more = wish.count - has
  if (wish.assignments === null) return OK
  let fault: string | null = null
  if (wish.assignments.length !== more) {
    fault = `Adding ${more} partition(s) takes as many assignments, not ${wish.assignments.length}.`
  }
  const replicas = topic.partitions.get(0)?.replicas.length ?? 0
  for (const ids of wish.assignments) {
    fault ??= assignmentFault(image, ids)
    if (ids.length !== replicas) fault ??= `Each new partition needs ${replicas} replica(s).`
  }
  return fault === null ? OK : refuse(ErrorCode.INVALID_REPLICA_ASSIGNMENT, fault)
}

/** Decides which topics grow. One answer for each topic named, in the order of first mention. */
export const createPartitions = (
  image: ClusterImage,
  policy: ControllerPolicy,
  wishes: readonly MorePartitions[],
  validateOnly: boolean,
): Decision<readonly (Outcome & { readonly name: string })[]> => {
  const entries: MetadataRecord[][] = []
  const results = new Map<string, Outcome & { readonly name: string }>()
  const twice = repeated(wishes.map(({ name }) => name))
  let room = PARTITIONS_PER_REQUEST_MAX
  let load: ((id: number) => Load) | null = null
  for (const wish of wishes) {
    const { name } = wish
    const topic = image.topicByName(name)
    let outcome = twice.has(name)
      ? refuse(ErrorCode.INVALID_REQUEST, 'Duplicate topic name.')
      : growthFault(image, topic, wish)
    if (outcome.code === 0 && topic !== undefined) {
      const has = topic.partitions.size
      const count = wish.count - has
      const size = topic.partitions.get(0)?.replicas.length ?? 1
      const placed =
        count > room
          ? tooMany()
          : wish.assignments === null
            ? placeByCount(image, count, size, (load ??= loadOf(image)))
            : { replicas: wish.assignments }
      if ('code' in placed) outcome = placed
      else {
        room -= count
        const { id: topicId, configs } = topic
        entries.push(
          placed.replicas.map((replicas, i) =>
            partitionRecord(image, policy, { topicId, index: has + i, configs }, replicas),
          ),
        )
      }
    }
    results.set(name, { name, ...outcome })
  }
  return { entries: validateOnly ? [] : entries, result: [...results.values()] }
}
