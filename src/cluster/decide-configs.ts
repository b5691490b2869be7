// Changing the settings of topics and brokers, whole or bit by bit (KIP-339). The outcome of a
// resource is all or nothing: one bad setting and none of its settings change. A change of a
// topic's quorums takes effect with a new epoch, because N, W and R are fixed within one.
import { ErrorCode } from '../base/error-codes.ts'
import type { ConfigEntry, ControllerPolicy, Decision, Outcome } from './decision.ts'
import { OK, refuse, repeated } from './decision.ts'
import type { ClusterImage, ConfigMap } from './image.ts'
import { NO_CONFIGS } from './image.ts'
import type { ConfigOwner, MetadataRecord } from './records.ts'
import { topicNameFault } from './topic-name.ts'

/** Kafka's numbers for the kinds of resource that have settings. */
export const ResourceType = {
  TOPIC: 2,
  BROKER: 4,
  BROKER_LOGGER: 8,
  CLIENT_METRICS: 16,
  GROUP: 32,
} as const

/** Kafka's numbers for what may be done to one setting. */
export const ConfigOperation = { SET: 0, DELETE: 1, APPEND: 2, SUBTRACT: 3 } as const

/** One step of an incremental change. */
export interface ConfigStep extends ConfigEntry {
  readonly operation: number
}

/** All new settings of a resource, or steps from the ones it has. */
export interface ConfigChange {
  readonly resourceType: number
  readonly resourceName: string
  /** The full set: what it leaves out returns to its default. */
  readonly replace?: readonly ConfigEntry[]
  readonly steps?: readonly ConfigStep[]
}

/** The outcome for one resource. */
export interface ChangedConfigs extends Outcome {
  readonly resourceType: number
  readonly resourceName: string
}

interface Target {
  readonly owner: ConfigOwner
  readonly ownerId: string
  readonly configs: ConfigMap
}

const targetOf = (image: ClusterImage, change: ConfigChange): Target | Outcome => {
  const { resourceType, resourceName } = change
  if (resourceType === ResourceType.TOPIC) {
    const fault = topicNameFault(resourceName)
    if (fault !== null) return refuse(ErrorCode.INVALID_TOPIC_EXCEPTION, fault)
    const topic = image.topicByName(resourceName)
    return topic === undefined
      ? refuse(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `The topic '${resourceName}' does not exist.`)
      : { owner: 'topic', ownerId: topic.id, configs: topic.configs }
  }
  if (resourceType !== ResourceType.BROKER) {
    return refuse(
      ErrorCode.INVALID_REQUEST,
      `Settings of resource type ${resourceType} cannot be altered.`,
    )
  }
  const id = Number(resourceName)
  if (resourceName !== '' && (String(id) !== resourceName || image.broker(id) === undefined)) {
    return refuse(ErrorCode.INVALID_REQUEST, `No broker with id '${resourceName}' is registered.`)
  }
  return { owner: 'broker', ownerId: resourceName, configs: image.brokerConfigs(resourceName) }
}

const replaced = (entries: readonly ConfigEntry[]): ConfigMap | Outcome => {
  const next = new Map<string, string>()
  for (const { name, value } of entries) {
    if (value === null) {
      return refuse(ErrorCode.INVALID_REQUEST, `Null value not supported for: ${name}`)
    }
    next.set(name, value)
  }
  return next
}

const listOf = (value: string): string[] =>
  value
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')

const stepped = (
  target: Target,
  steps: readonly ConfigStep[],
  policy: ControllerPolicy,
): ConfigMap | Outcome => {
  const next = new Map(target.configs)
  for (const { name, value, operation } of steps) {
    if (operation === ConfigOperation.DELETE) {
      next.delete(name)
      continue
    }
    if (operation < ConfigOperation.SET || operation > ConfigOperation.SUBTRACT) {
      return refuse(ErrorCode.INVALID_REQUEST, `Operation ${operation} on ${name} is not known.`)
    }
    if (value === null) {
      return refuse(ErrorCode.INVALID_REQUEST, `Null value not supported for: ${name}`)
    }
    if (operation === ConfigOperation.SET) {
      next.set(name, value)
      continue
    }
    const start = policy.listDefault(target.owner, name)
    if (start === null) {
      const verb = operation === ConfigOperation.APPEND ? 'APPEND to' : 'SUBTRACT from'
      return refuse(
        ErrorCode.INVALID_CONFIG,
        `Can't ${verb} key ${name} because its type is not LIST.`,
      )
    }
    const items = new Set(listOf(next.get(name) ?? start))
    for (const item of listOf(value)) {
      if (operation === ConfigOperation.APPEND) items.add(item)
      else items.delete(item)
    }
    next.set(name, [...items].join(','))
  }
  return next
}

const replicasOf = (image: ClusterImage, topicId: string): number =>
  image.partition(topicId, 0)?.replicas.length ?? 1

const faultOf = (
  image: ClusterImage,
  policy: ControllerPolicy,
  target: Target,
  next: ConfigMap,
): Outcome => {
  if (target.owner === 'topic') {
    const fault = policy.topicConfigFault(next, replicasOf(image, target.ownerId))
    return fault === null ? OK : refuse(ErrorCode.INVALID_CONFIG, fault)
  }
  const fault = policy.brokerConfigFault(target.ownerId, next)
  return fault === null ? OK : refuse(ErrorCode.INVALID_REQUEST, fault)
}

const configRecords = (target: Target, next: ConfigMap): MetadataRecord[] => {
  const { owner, ownerId, configs } = target
  const records: MetadataRecord[] = []
  for (const name of new Set([...configs.keys(), ...next.keys()])) {
    const value = next.get(name) ?? null
    if (value === (configs.get(name) ?? null)) continue
    records.push({ kind: 'config', owner, ownerId, name, value })
  }
  return records
}

/** New epochs for the partitions whose quorums the new settings change. */
const quorumRecords = (
  image: ClusterImage,
  policy: ControllerPolicy,
  topicId: string,
  next: ConfigMap,
): MetadataRecord[] => {
  const records: MetadataRecord[] = []
  for (const partition of image.topicById(topicId)?.partitions.values() ?? []) {
    const quorum = policy.quorum(next, partition.replicas.length)
    const { write, seal } = partition.quorum
    if (quorum.write === write && quorum.seal === seal) continue
    const { index, leader, leaderBrokerEpoch } = partition
    const leaderEpoch = partition.leaderEpoch + 1
    const open = { topicId, index, leader, leaderEpoch, leaderBrokerEpoch }
    records.push({ kind: 'openEpoch', ...open, replicas: null, quorum })
  }
  return records
}

const keyOf = ({ resourceType, resourceName }: ConfigChange): string =>
  `${resourceType}/${resourceName}`

const shapeFault = (change: ConfigChange, twice: ReadonlySet<string>): Outcome => {
  if (twice.has(keyOf(change))) {
    return refuse(ErrorCode.INVALID_REQUEST, 'Each resource must appear at most once.')
  }
  const names = (change.replace ?? change.steps ?? []).map(({ name }) => name)
  return repeated(names).size === 0
    ? OK
    : refuse(ErrorCode.INVALID_REQUEST, 'Error due to duplicate config keys.')
}

/** Decides changes of settings; one answer per resource, in the order given. */
export const alterConfigs = (
  image: ClusterImage,
  policy: ControllerPolicy,
  changes: readonly ConfigChange[],
  validateOnly: boolean,
): Decision<readonly ChangedConfigs[]> => {
  const entries: MetadataRecord[][] = []
  const twice = repeated(changes.map(keyOf))
  const decide = (change: ConfigChange): Outcome => {
    const shape = shapeFault(change, twice)
    if (shape.code !== 0) return shape
    const target = targetOf(image, change)
    if ('code' in target) return target
    const next =
      change.replace !== undefined
        ? replaced(change.replace)
        : stepped(target, change.steps ?? [], policy)
    if ('code' in next) return next
    const fault = faultOf(image, policy, target, next.size === 0 ? NO_CONFIGS : next)
    if (fault.code !== 0) return fault
    const records = configRecords(target, next)
    if (target.owner === 'topic') {
      records.push(...quorumRecords(image, policy, target.ownerId, next))
    }
    if (records.length > 0) entries.push(records)
    return OK
  }
  const result = changes.map((change) => {
    const { resourceType, resourceName } = change
    return { resourceType, resourceName, ...decide(change) }
  })
  return { entries: validateOnly ? [] : entries, result }
}
