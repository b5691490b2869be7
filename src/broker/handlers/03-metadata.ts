// Metadata (3), versions 0-13: brokers, topics and who leads their partitions.
// v1 null asks for all topics, [] for none · v4 the client may forbid creation · v5 offline
// replicas · v7 leader epochs · v8 authorized operations · v9 flexible · v10 topic ids in answers
// · v11 no cluster operations · v12 topics by id · v13 top-level error.
import { ErrorCode } from '../../base/error-codes.ts'
import type { ClusterImage, TopicImage } from '../../cluster/image.ts'
import { INTERNAL_TOPICS, topicNameFault } from '../../cluster/topic-name.ts'
import type {
  MetadataRequest,
  MetadataRequestTopic,
  MetadataResponse,
  MetadataResponsePartition,
  MetadataResponseTopic,
} from '../../wire/messages/03-metadata.ts'
import type { Input } from '../../wire/schema.ts'
import { ZERO_UUID } from '../../wire/schema.ts'
import type { Handler } from '../handler.ts'
import type { TopicCreator } from '../topic-creator.ts'
import {
  CLUSTER_OPERATIONS,
  ListenerView,
  OPERATIONS_UNKNOWN,
  TOPIC_OPERATIONS,
} from '../topic-view.ts'

/** What the handler needs. */
export interface MetadataDeps {
  readonly selfId: number
  readonly image: () => ClusterImage
  /** Setting auto.create.topics.enable, as it is now. */
  readonly autoCreates: () => boolean
  readonly creator: Pick<TopicCreator, 'create'>
}

type Topic = Input<MetadataResponseTopic>

const partitionOf = (
  view: ListenerView,
  topic: TopicImage,
  index: number,
  version: number,
): MetadataResponsePartition | null => {
  const partition = topic.partitions.get(index)
  if (partition === undefined) return null
  const { code, leader, leaderEpoch, replicas, inSync, offline } = view.partition(partition)
  // Version 0 clients look every replica up among the brokers, so they get no absent ones.
  const isOldest = version === 0
  const known = (ids: readonly number[]): readonly number[] =>
    isOldest ? ids.filter((id) => !offline.includes(id)) : ids
  let errorCode = code
  if (code === ErrorCode.LISTENER_NOT_FOUND && version < 6) {
    errorCode = ErrorCode.LEADER_NOT_AVAILABLE
  } else if (code === 0 && isOldest && offline.length > 0) {
    errorCode = ErrorCode.REPLICA_NOT_AVAILABLE
  }
  return {
    errorCode,
    partitionIndex: index,
    leaderId: leader,
    leaderEpoch,
    replicaNodes: known(replicas),
    isrNodes: known(inSync),
    offlineReplicas: offline,
  }
}

const found = (
  view: ListenerView,
  topic: TopicImage,
  version: number,
  operations: number,
): Topic => {
  const partitions: MetadataResponsePartition[] = []
  for (let index = 0; index < topic.partitions.size; index++) {
    const partition = partitionOf(view, topic, index, version)
    if (partition !== null) partitions.push(partition)
  }
  return {
    errorCode: ErrorCode.NONE,
    name: topic.name,
    topicId: topic.id,
    isInternal: INTERNAL_TOPICS.has(topic.name),
    partitions,
    topicAuthorizedOperations: operations,
  }
}

const absent = (errorCode: number, name: string | null, topicId = ZERO_UUID): Topic => ({
  errorCode,
  name,
  topicId,
  isInternal: name !== null && INTERNAL_TOPICS.has(name),
})

/** Each topic once, however often it is named. */
const distinct = (topics: readonly MetadataRequestTopic[]): readonly MetadataRequestTopic[] => [
  ...new Map(topics.map((topic) => [`${topic.topicId}/${topic.name ?? ''}`, topic])).values(),
]

/** Answers Metadata. */
export const metadata =
  (deps: MetadataDeps): Handler<MetadataRequest, Input<MetadataResponse>> =>
  (request, { version, advertised }) => {
    const image = deps.image()
    const view = new ListenerView(image, deps.selfId, advertised)
    const operations = request.includeTopicAuthorizedOperations
      ? TOPIC_OPERATIONS
      : OPERATIONS_UNKNOWN
    const mayCreate = deps.autoCreates() && (version < 4 || request.allowAutoTopicCreation)
    const toCreate: string[] = []

    const answer = ({ topicId, name }: MetadataRequestTopic): Topic => {
      const isById = topicId !== ZERO_UUID
      // Versions 10 and 11 have the fields, but ids came to work with 12 only.
      if ((isById && version < 12) || (!isById && name === null)) {
        return absent(ErrorCode.INVALID_REQUEST, name ?? '', topicId)
      }
      const topic = isById ? image.topicById(topicId) : image.topicByName(name ?? '')
      if (topic !== undefined) return found(view, topic, version, operations)
      if (isById) return absent(ErrorCode.UNKNOWN_TOPIC_ID, null, topicId)
      const asked = name ?? ''
      if (topicNameFault(asked) !== null) return absent(ErrorCode.INVALID_TOPIC_EXCEPTION, asked)
      if (mayCreate) toCreate.push(asked)
      return absent(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, asked)
    }

    const isAll = request.topics === null || (version === 0 && request.topics.length === 0)
    const topics = isAll
      ? [...image.allTopics()].map((topic) => found(view, topic, version, operations))
      : distinct(request.topics ?? []).map(answer)
    if (toCreate.length > 0) deps.creator.create(toCreate)
    const asksCluster = request.includeClusterAuthorizedOperations
    return {
      brokers: view.live().map(({ id, host, port, rack }) => ({ nodeId: id, host, port, rack })),
      clusterId: image.clusterId,
      controllerId: image.controllerId,
      topics,
      clusterAuthorizedOperations: asksCluster ? CLUSTER_OPERATIONS : OPERATIONS_UNKNOWN,
    }
  }
