// What the fake cluster says to each request, one entry per API.
// Everything it needs is in the cluster that it is given.
import { ErrorCode } from '../../src/base/error-codes.ts'
import * as apis from '../../src/cli/client/apis.ts'
import type { Operation } from '../../src/cli/client/apis.ts'
import { maxTimestamp, nextOffset } from '../../src/record/header.ts'
import type { Input } from '../../src/wire/schema.ts'
import { FakeCluster } from './fake-cluster.ts'
import type { FakePartition, Handler } from './fake-cluster.ts'

function on<Request, Response>(
  operation: Operation<Request, Response>,
  answer: (request: Request, cluster: FakeCluster, node: number) => Input<Response> | null,
): Handler {
  return { operation, answer } as unknown as Handler
}

const unknownTopic = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION

function offsetAt(partition: FakePartition, timestamp: number): number {
  if (timestamp === -1) return partition.end
  if (timestamp === -2) return 0
  for (const batch of partition.batches) {
    if (maxTimestamp(batch, 0) >= timestamp) return nextOffset(batch, 0) - 1
  }
  return -1
}

const group = (cluster: FakeCluster, name: string) => {
  const known = cluster.groups.get(name) ?? { state: 'Empty', offsets: new Map<string, number>() }
  cluster.groups.set(name, known)
  return known
}

const answers: readonly Handler[] = [
  on(apis.apiVersions, () => ({
    apiKeys: answers.map(({ operation: { api } }) => ({
      apiKey: api.key,
      minVersion: api.advertisedMin,
      maxVersion: api.max,
    })),
  })),
  on(apis.metadata, ({ topics }, cluster) => {
    const names = topics?.map(({ name }) => name ?? '') ?? [...cluster.topics.keys()]
    return {
      brokers: cluster.ports.map((port, nodeId) => ({ nodeId, host: '127.0.0.1', port })),
      clusterId: 'fake',
      controllerId: 0,
      topics: names.map((name) => {
        const topic = cluster.topics.get(name)
        return {
          name,
          errorCode: topic === undefined ? unknownTopic : 0,
          isInternal: name.startsWith('__'),
          partitions: (topic?.partitions ?? []).map(({ leader }, partitionIndex) => ({
            partitionIndex,
            leaderId: leader,
            leaderEpoch: 4,
            replicaNodes: [leader],
            isrNodes: [leader],
          })),
        }
      }),
    }
  }),
  on(apis.produce, ({ topicData, acks }, cluster, node) => {
    const responses = topicData.map(({ name, partitionData }) => ({
      name,
      partitionResponses: partitionData.map((data) => cluster.append(name, data, node)),
    }))
    return acks === 0 ? null : { responses }
  }),
  on(apis.fetch, ({ topics }, cluster, node) => ({
    responses: topics.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map(({ partition: partitionIndex, fetchOffset }) => {
        const partition = cluster.topics.get(topic)?.partitions[partitionIndex]
        if (partition === undefined) return { partitionIndex, errorCode: unknownTopic }
        if (partition.leader !== node) {
          return { partitionIndex, errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER }
        }
        if (fetchOffset > partition.end) {
          return { partitionIndex, errorCode: ErrorCode.OFFSET_OUT_OF_RANGE }
        }
        // Two batches an answer, so that several answers are needed.
        const batches = partition.batches.filter((batch) => nextOffset(batch, 0) > fetchOffset)
        const records = Buffer.concat(batches.slice(0, 2))
        const abortedTransactions = cluster.aborted.filter((at) => at.markerOffset >= fetchOffset)
        return { partitionIndex, highWatermark: partition.end, records, abortedTransactions }
      }),
    })),
  })),
  on(apis.listOffsets, ({ topics }, cluster) => ({
    topics: topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex, timestamp }) => {
        const partition = cluster.topics.get(name)?.partitions[partitionIndex]
        if (partition === undefined) return { partitionIndex, errorCode: unknownTopic }
        return { partitionIndex, timestamp: -1, offset: offsetAt(partition, timestamp) }
      }),
    })),
  })),
  on(apis.initProducerId, (_request, cluster) => ({
    producerId: cluster.newProducerId(),
    producerEpoch: 0,
  })),
  on(apis.createTopics, ({ topics }, cluster) => ({
    topics: topics.map(({ name, numPartitions, configs }) => {
      if (cluster.topics.has(name)) {
        const errorMessage = `Topic '${name}' already exists.`
        return { name, errorCode: ErrorCode.TOPIC_ALREADY_EXISTS, errorMessage }
      }
      const made = cluster.topic(name, numPartitions < 0 ? 1 : numPartitions)
      for (const config of configs) made.settings.set(config.name, config.value ?? '')
      return { name }
    }),
  })),
  on(apis.deleteTopics, ({ topicNames }, cluster) => ({
    responses: topicNames.map((name) => ({
      name,
      errorCode: cluster.topics.delete(name) ? 0 : unknownTopic,
    })),
  })),
  on(apis.createPartitions, ({ topics }, cluster) => ({
    results: topics.map(({ name, count }) => {
      const topic = cluster.topics.get(name)
      if (topic === undefined) return { name, errorCode: unknownTopic }
      while (topic.partitions.length < count) {
        topic.partitions.push({ leader: 0, batches: [], end: 0, sequences: new Map() })
      }
      return { name }
    }),
  })),
  on(apis.describeConfigs, ({ resources }, cluster) => ({
    results: resources.map(({ resourceName, resourceType }) => ({
      resourceName,
      resourceType,
      configs: [
        { name: 'cleanup.policy', value: 'delete', configSource: 5 },
        ...[...(cluster.topics.get(resourceName)?.settings ?? [])].map(([name, value]) => ({
          name,
          value,
          configSource: 1,
        })),
      ],
    })),
  })),
  on(apis.incrementalAlterConfigs, ({ resources }, cluster) => ({
    responses: resources.map(({ resourceName, resourceType, configs }) => {
      const settings = cluster.topics.get(resourceName)?.settings
      for (const { name, value, configOperation } of configs) {
        if (configOperation === 1) settings?.delete(name)
        else settings?.set(name, value ?? '')
      }
      return { resourceName, resourceType, errorCode: settings === undefined ? unknownTopic : 0 }
    }),
  })),
  on(apis.findCoordinator, ({ coordinatorKeys }, cluster) => ({
    coordinators: coordinatorKeys.map((key) => ({
      key,
      nodeId: 0,
      host: '127.0.0.1',
      port: cluster.ports[0] ?? 0,
    })),
  })),
  on(apis.offsetCommit, ({ groupId, topics }, cluster) => {
    const { state, offsets } = group(cluster, groupId)
    const errorCode = state === 'Empty' ? 0 : ErrorCode.UNKNOWN_MEMBER_ID
    return {
      topics: topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex, committedOffset }) => {
          if (errorCode === 0) offsets.set(`${name}/${String(partitionIndex)}`, committedOffset)
          return { partitionIndex, errorCode }
        }),
      })),
    }
  }),
  on(apis.offsetFetch, ({ groups }, cluster) => ({
    groups: groups.map(({ groupId }) => ({
      groupId,
      topics: [...(cluster.groups.get(groupId)?.offsets ?? [])].map(([place, committedOffset]) => ({
        name: place.split('/')[0] ?? '',
        partitions: [{ partitionIndex: Number(place.split('/')[1]), committedOffset }],
      })),
    })),
  })),
  on(apis.listGroups, (_request, cluster, node) => ({
    groups:
      node > 0
        ? []
        : [...cluster.groups].map(([groupId, { state }]) => ({
            groupId,
            groupState: state,
            protocolType: 'consumer',
            groupType: 'classic',
          })),
  })),
  on(apis.describeGroups, ({ groups }, cluster) => ({
    groups: groups.map((groupId) => ({
      groupId,
      groupState: cluster.groups.get(groupId)?.state ?? 'Dead',
    })),
  })),
  on(apis.deleteGroups, ({ groupsNames }, cluster) => ({
    results: groupsNames.map((groupId) => {
      const found = cluster.groups.get(groupId)
      if (found === undefined) return { groupId, errorCode: ErrorCode.GROUP_ID_NOT_FOUND }
      if (found.state !== 'Empty') return { groupId, errorCode: ErrorCode.NON_EMPTY_GROUP }
      cluster.groups.delete(groupId)
      return { groupId }
    }),
  })),
]

/** Starts a cluster of that many brokers, whose answers are those above. */
export const startCluster = (nodes = 1): Promise<FakeCluster> => FakeCluster.start(nodes, answers)
