// The requests that tests make most, in short forms: one topic, one partition, sensible values for
// everything a test does not speak of. What a version does not carry is left out by the tables.
import { must } from '../../src/base/assert.ts'
import * as m00 from '../../src/wire/messages/00-produce.ts'
import * as m01 from '../../src/wire/messages/01-fetch.ts'
import * as m02 from '../../src/wire/messages/02-list-offsets.ts'
import * as m03 from '../../src/wire/messages/03-metadata.ts'
import * as m08 from '../../src/wire/messages/08-offset-commit.ts'
import * as m09 from '../../src/wire/messages/09-offset-fetch.ts'
import * as m10 from '../../src/wire/messages/10-find-coordinator.ts'
import * as m11 from '../../src/wire/messages/11-join-group.ts'
import * as m12 from '../../src/wire/messages/12-heartbeat.ts'
import * as m13 from '../../src/wire/messages/13-leave-group.ts'
import * as m14 from '../../src/wire/messages/14-sync-group.ts'
import * as m15 from '../../src/wire/messages/15-describe-groups.ts'
import * as m16 from '../../src/wire/messages/16-list-groups.ts'
import * as m18 from '../../src/wire/messages/18-api-versions.ts'
import * as m19 from '../../src/wire/messages/19-create-topics.ts'
import * as m20 from '../../src/wire/messages/20-delete-topics.ts'
import * as m21 from '../../src/wire/messages/21-delete-records.ts'
import * as m22 from '../../src/wire/messages/22-init-producer-id.ts'
import * as m23 from '../../src/wire/messages/23-offset-for-leader-epoch.ts'
import * as m32 from '../../src/wire/messages/32-describe-configs.ts'
import * as m33 from '../../src/wire/messages/33-alter-configs.ts'
import * as m35 from '../../src/wire/messages/35-describe-log-dirs.ts'
import * as m37 from '../../src/wire/messages/37-create-partitions.ts'
import * as m42 from '../../src/wire/messages/42-delete-groups.ts'
import * as m44 from '../../src/wire/messages/44-incremental-alter-configs.ts'
import * as m47 from '../../src/wire/messages/47-offset-delete.ts'
import * as m60 from '../../src/wire/messages/60-describe-cluster.ts'
import * as m74 from '../../src/wire/messages/74-list-config-resources.ts'
import * as m75 from '../../src/wire/messages/75-describe-topic-partitions.ts'
import type { Client, Pair } from './harness.ts'

const pair = <Q, R>(request: Pair<Q, R>['request'], response: Pair<Q, R>['response']) => ({
  request,
  response,
})

/** Every API that the broker serves. */
export const Api = {
  produce: pair(m00.produceRequest, m00.produceResponse),
  fetch: pair(m01.fetchRequest, m01.fetchResponse),
  listOffsets: pair(m02.listOffsetsRequest, m02.listOffsetsResponse),
  metadata: pair(m03.metadataRequest, m03.metadataResponse),
  offsetCommit: pair(m08.offsetCommitRequest, m08.offsetCommitResponse),
  offsetFetch: pair(m09.offsetFetchRequest, m09.offsetFetchResponse),
  findCoordinator: pair(m10.findCoordinatorRequest, m10.findCoordinatorResponse),
  joinGroup: pair(m11.joinGroupRequest, m11.joinGroupResponse),
  heartbeat: pair(m12.heartbeatRequest, m12.heartbeatResponse),
  leaveGroup: pair(m13.leaveGroupRequest, m13.leaveGroupResponse),
  syncGroup: pair(m14.syncGroupRequest, m14.syncGroupResponse),
  describeGroups: pair(m15.describeGroupsRequest, m15.describeGroupsResponse),
  listGroups: pair(m16.listGroupsRequest, m16.listGroupsResponse),
  apiVersions: pair(m18.apiVersionsRequest, m18.apiVersionsResponse),
  createTopics: pair(m19.createTopicsRequest, m19.createTopicsResponse),
  deleteTopics: pair(m20.deleteTopicsRequest, m20.deleteTopicsResponse),
  deleteRecords: pair(m21.deleteRecordsRequest, m21.deleteRecordsResponse),
  initProducerId: pair(m22.initProducerIdRequest, m22.initProducerIdResponse),
  offsetForLeaderEpoch: pair(m23.offsetForLeaderEpochRequest, m23.offsetForLeaderEpochResponse),
  describeConfigs: pair(m32.describeConfigsRequest, m32.describeConfigsResponse),
  alterConfigs: pair(m33.alterConfigsRequest, m33.alterConfigsResponse),
  describeLogDirs: pair(m35.describeLogDirsRequest, m35.describeLogDirsResponse),
  createPartitions: pair(m37.createPartitionsRequest, m37.createPartitionsResponse),
  deleteGroups: pair(m42.deleteGroupsRequest, m42.deleteGroupsResponse),
  incrementalAlterConfigs: pair(
    m44.incrementalAlterConfigsRequest,
    m44.incrementalAlterConfigsResponse,
  ),
  offsetDelete: pair(m47.offsetDeleteRequest, m47.offsetDeleteResponse),
  describeCluster: pair(m60.describeClusterRequest, m60.describeClusterResponse),
  listConfigResources: pair(m74.listConfigResourcesRequest, m74.listConfigResourcesResponse),
  describeTopicPartitions: pair(
    m75.describeTopicPartitionsRequest,
    m75.describeTopicPartitionsResponse,
  ),
}

/** A topic as requests may name it. */
export interface TopicRef {
  readonly name: string
  readonly topicId: string
}

let made = 0

/** Creates a topic of a new name. */
export async function createTopic(
  client: Client,
  options: {
    readonly name?: string
    readonly partitions?: number
    readonly configs?: Readonly<Record<string, string>>
  } = {},
): Promise<TopicRef> {
  const name = options.name ?? `topic-${++made}`
  const configs = Object.entries(options.configs ?? {}).map(([key, value]) => ({
    name: key,
    value,
  }))
  const answer = await client.call(Api.createTopics, 7, {
    timeoutMs: 5000,
    topics: [{ name, numPartitions: options.partitions ?? 1, replicationFactor: 1, configs }],
  })
  const topic = must(answer.topics[0], 'created topic')
  if (topic.errorCode !== 0) throw new Error(`Not created: ${String(topic.errorMessage)}`)
  return { name, topicId: topic.topicId }
}

/** A fresh producer id. */
export const newProducer = async (client: Client): Promise<number> =>
  (await client.call(Api.initProducerId, 4, { transactionTimeoutMs: 1000, ...NO_PRODUCER }))
    .producerId

const NO_PRODUCER = { transactionalId: null, producerId: -1, producerEpoch: -1 }

/** The body of a Produce request for one partition. */
export const produceBody = (
  { name, topicId }: TopicRef,
  records: Uint8Array | null,
  options: {
    readonly partition?: number
    readonly acks?: number
    readonly timeoutMs?: number
  } = {},
) => ({
  transactionalId: null,
  acks: options.acks ?? -1,
  timeoutMs: options.timeoutMs ?? 5000,
  topicData: [{ name, topicId, partitionData: [{ index: options.partition ?? 0, records }] }],
})

/** Produces one batch and gives the partition's answer. */
export async function produce(
  client: Client,
  topic: TopicRef,
  records: Uint8Array | null,
  options: {
    readonly version?: number
    readonly partition?: number
    readonly acks?: number
    readonly timeoutMs?: number
    readonly clientId?: string
  } = {},
): Promise<m00.PartitionProduceResponse> {
  const { version = 13, clientId = 'test' } = options
  const body = produceBody(topic, records, options)
  const { responses } = await client.call(Api.produce, version, body, { clientId })
  return must(responses[0]?.partitionResponses[0], 'produced partition')
}

/** What a fetch may say besides the place to read from. */
export interface FetchOptions {
  readonly version?: number
  readonly partition?: number
  readonly maxWaitMs?: number
  readonly minBytes?: number
  readonly maxBytes?: number
  readonly partitionMaxBytes?: number
  readonly isolationLevel?: number
  readonly currentLeaderEpoch?: number
  readonly lastFetchedEpoch?: number
  readonly sessionId?: number
  readonly sessionEpoch?: number
}

/** The body of a Fetch request for one partition. */
export const fetchBody = (
  { name, topicId }: TopicRef,
  from: number,
  options: FetchOptions = {},
) => ({
  maxWaitMs: options.maxWaitMs ?? 0,
  minBytes: options.minBytes ?? 1,
  maxBytes: options.maxBytes ?? 1 << 20,
  isolationLevel: options.isolationLevel ?? 0,
  sessionId: options.sessionId ?? 0,
  sessionEpoch: options.sessionEpoch ?? -1,
  topics: [
    {
      topic: name,
      topicId,
      partitions: [
        {
          partition: options.partition ?? 0,
          fetchOffset: from,
          currentLeaderEpoch: options.currentLeaderEpoch ?? -1,
          lastFetchedEpoch: options.lastFetchedEpoch ?? -1,
          partitionMaxBytes: options.partitionMaxBytes ?? 1 << 20,
        },
      ],
    },
  ],
})

/** Fetches from one partition and gives the partition's answer. */
export async function fetch(
  client: Client,
  topic: TopicRef,
  from: number,
  options: FetchOptions = {},
): Promise<m01.PartitionData> {
  const { version = 16 } = options
  const answer = await client.call(Api.fetch, version, fetchBody(topic, from, options))
  return must(answer.responses[0]?.partitions[0], 'fetched partition')
}

/** Looks up one offset by time or by one of the special times. */
export async function listOffset(
  client: Client,
  topic: TopicRef,
  timestamp: number,
  options: { readonly version?: number; readonly isolationLevel?: number } = {},
): Promise<m02.ListOffsetsPartitionResponse> {
  const answer = await client.call(Api.listOffsets, options.version ?? 11, {
    replicaId: -1,
    isolationLevel: options.isolationLevel ?? 0,
    topics: [{ name: topic.name, partitions: [{ partitionIndex: 0, timestamp }] }],
  })
  return must(answer.topics[0]?.partitions[0], 'listed partition')
}

/** Moves the start of a partition up. */
export async function deleteRecords(
  client: Client,
  topic: TopicRef,
  to: number,
): Promise<m21.DeleteRecordsPartitionResult> {
  const answer = await client.call(Api.deleteRecords, 2, {
    timeoutMs: 1000,
    topics: [{ name: topic.name, partitions: [{ partitionIndex: 0, offset: to }] }],
  })
  return must(answer.topics[0]?.partitions[0], 'trimmed partition')
}

/** Metadata of one topic. */
export async function describeTopic(
  client: Client,
  name: string,
  options: { readonly version?: number; readonly create?: boolean } = {},
): Promise<m03.MetadataResponseTopic> {
  const answer = await client.call(Api.metadata, options.version ?? 12, {
    topics: [{ name }],
    allowAutoTopicCreation: options.create ?? false,
  })
  return must(answer.topics[0], 'described topic')
}
