// Everything this broker serves, in one table: key, versions, handler. Clients are told exactly
// this list, so an API belongs here only when all its versions are handled in full. Produce and
// Fetch have ways of their own and stand here for their versions only; Produce is advertised from
// 0, though served from 3, because older librdkafka switches compression off otherwise
// (KAFKA-18659).
import { FormatError } from '../base/errors.ts'
import { Writer } from '../base/writer.ts'
import type { Controller } from '../cluster/controller.ts'
import type { ClusterImage } from '../cluster/image.ts'
import type { Settings } from '../config/settings.ts'
import type { GroupCoordinator } from '../group/coordinator.ts'
import { writeResponseFrame } from '../wire/frame.ts'
import * as m08 from '../wire/messages/08-offset-commit.ts'
import * as m09 from '../wire/messages/09-offset-fetch.ts'
import * as m02 from '../wire/messages/02-list-offsets.ts'
import * as m03 from '../wire/messages/03-metadata.ts'
import * as m10 from '../wire/messages/10-find-coordinator.ts'
import * as m11 from '../wire/messages/11-join-group.ts'
import * as m12 from '../wire/messages/12-heartbeat.ts'
import * as m13 from '../wire/messages/13-leave-group.ts'
import * as m14 from '../wire/messages/14-sync-group.ts'
import * as m15 from '../wire/messages/15-describe-groups.ts'
import * as m16 from '../wire/messages/16-list-groups.ts'
import * as m18 from '../wire/messages/18-api-versions.ts'
import * as m19 from '../wire/messages/19-create-topics.ts'
import * as m20 from '../wire/messages/20-delete-topics.ts'
import * as m21 from '../wire/messages/21-delete-records.ts'
import * as m22 from '../wire/messages/22-init-producer-id.ts'
import * as m23 from '../wire/messages/23-offset-for-leader-epoch.ts'
import * as m32 from '../wire/messages/32-describe-configs.ts'
import * as m33 from '../wire/messages/33-alter-configs.ts'
import * as m35 from '../wire/messages/35-describe-log-dirs.ts'
import * as m37 from '../wire/messages/37-create-partitions.ts'
import * as m42 from '../wire/messages/42-delete-groups.ts'
import * as m44 from '../wire/messages/44-incremental-alter-configs.ts'
import * as m47 from '../wire/messages/47-offset-delete.ts'
import * as m60 from '../wire/messages/60-describe-cluster.ts'
import * as m74 from '../wire/messages/74-list-config-resources.ts'
import * as m75 from '../wire/messages/75-describe-topic-partitions.ts'
import type { ServedApi } from './kafka/dispatch.ts'
import { serve } from './kafka/dispatch.ts'
import { offsetCommitHandler } from './handlers/08-offset-commit.ts'
import { offsetFetchHandler } from './handlers/09-offset-fetch.ts'
import { listOffsets } from './handlers/02-list-offsets.ts'
import { metadata } from './handlers/03-metadata.ts'
import { findCoordinator } from './handlers/10-find-coordinator.ts'
import { joinGroupHandler } from './handlers/11-join-group.ts'
import { heartbeatHandler } from './handlers/12-heartbeat.ts'
import { leaveGroupHandler } from './handlers/13-leave-group.ts'
import { syncGroupHandler } from './handlers/14-sync-group.ts'
import { describeGroupsHandler } from './handlers/15-describe-groups.ts'
import { listGroupsHandler } from './handlers/16-list-groups.ts'
import { apiVersions, tooNewApiVersions } from './handlers/18-api-versions.ts'
import { createTopics } from './handlers/19-create-topics.ts'
import { deleteTopics } from './handlers/20-delete-topics.ts'
import { deleteRecords } from './handlers/21-delete-records.ts'
import { initProducerId } from './handlers/22-init-producer-id.ts'
import { offsetForLeaderEpoch } from './handlers/23-offset-for-leader-epoch.ts'
import { describeConfigs } from './handlers/32-describe-configs.ts'
import { alterConfigs } from './handlers/33-alter-configs.ts'
import { describeLogDirs } from './handlers/35-describe-log-dirs.ts'
import { createPartitions } from './handlers/37-create-partitions.ts'
import { deleteGroupsHandler } from './handlers/42-delete-groups.ts'
import { incrementalAlterConfigs } from './handlers/44-incremental-alter-configs.ts'
import { offsetDeleteHandler } from './handlers/47-offset-delete.ts'
import { describeCluster } from './handlers/60-describe-cluster.ts'
import { listConfigResources } from './handlers/74-list-config-resources.ts'
import { describeTopicPartitions } from './handlers/75-describe-topic-partitions.ts'
import type { TopicLookup } from './handlers/group-topics.ts'
import { leaderLookup } from './leader-lookup.ts'
import type { Partitions } from './partitions.ts'
import type { ProducerIds } from './producer-ids.ts'
import type { TopicCreator } from './topic-creator.ts'

/** What the handlers are made of. */
export interface ApiDeps {
  readonly nodeId: number
  readonly settings: Settings
  readonly controller: Controller
  readonly partitions: Partitions
  readonly groups: GroupCoordinator
  readonly producerIds: ProducerIds
  readonly creator: TopicCreator
  readonly dataDirectory: string
  image(): ClusterImage
  volume(): Promise<{ readonly totalBytes: number; readonly usableBytes: number }>
}

const range = (key: number, minVersion: number, maxVersion: number) => ({
  key,
  minVersion,
  maxVersion,
})

/** Produce and Fetch, as they are told to clients. */
const HOT = [
  { apiKey: 0, minVersion: 0, maxVersion: 13 },
  { apiKey: 1, minVersion: 4, maxVersion: 18 },
]

/** Operations on a group that a client without an authorizer may do: all of them (KIP-430). */
const GROUP_OPERATIONS = 0b1_0000_1100_1000

/** The served APIs, but for Produce and Fetch. */
export function servedApis(deps: ApiDeps): readonly ServedApi[] {
  const apis = [...topicApis(deps), ...groupApis(deps)]
  const advertised = [...HOT, ...apis.map(told), { apiKey: 18, minVersion: 0, maxVersion: 4 }]
  return [...apis, versionsApi(deps, advertised)]
}

const told = ({ key, minVersion, maxVersion }: ServedApi) => ({
  apiKey: key,
  minVersion,
  maxVersion,
})

function topicApis(deps: ApiDeps): readonly ServedApi[] {
  const { nodeId, settings, controller, partitions, creator } = deps
  const image = (): ClusterImage => deps.image()
  const leaders = leaderLookup(partitions)
  const self = { selfId: nodeId, image, settings }
  const logDirs = {
    image,
    partition: async (topicId: string, index: number) => {
      const topic = partitions.byId(topicId)
      return topic === null ? undefined : partitions.lead(topic, index)
    },
    directory: deps.dataDirectory,
    volume: () => deps.volume(),
  }
  const autoCreates = (): boolean => settings.broker.autoCreatesTopics
  const allowsDeletion = (): boolean => settings.broker.allowsTopicDeletion
  const partitionsMax = (): number => settings.broker.describedPartitionsMax
  const { producerIds } = deps
  return [
    serve(
      range(2, 1, 11),
      m02.listOffsetsRequest,
      m02.listOffsetsResponse,
      listOffsets({ leaders }),
    ),
    serve(
      range(3, 0, 13),
      m03.metadataRequest,
      m03.metadataResponse,
      metadata({ ...self, autoCreates, creator }),
    ),
    serve(
      range(10, 0, 6),
      m10.findCoordinatorRequest,
      m10.findCoordinatorResponse,
      findCoordinator({ ...self, creator }),
    ),
    serve(
      range(19, 2, 7),
      m19.createTopicsRequest,
      m19.createTopicsResponse,
      createTopics({ controller, settings }),
    ),
    serve(
      range(20, 1, 6),
      m20.deleteTopicsRequest,
      m20.deleteTopicsResponse,
      deleteTopics({ controller, allowsDeletion }),
    ),
    serve(
      range(21, 0, 2),
      m21.deleteRecordsRequest,
      m21.deleteRecordsResponse,
      deleteRecords({ leaders }),
    ),
    serve(
      range(22, 0, 5),
      m22.initProducerIdRequest,
      m22.initProducerIdResponse,
      initProducerId({ producerIds }),
    ),
    serve(
      range(23, 2, 4),
      m23.offsetForLeaderEpochRequest,
      m23.offsetForLeaderEpochResponse,
      offsetForLeaderEpoch({ leaders }),
    ),
    serve(
      range(32, 1, 4),
      m32.describeConfigsRequest,
      m32.describeConfigsResponse,
      describeConfigs(self),
    ),
    serve(
      range(33, 0, 2),
      m33.alterConfigsRequest,
      m33.alterConfigsResponse,
      alterConfigs({ controller }),
    ),
    serve(
      range(35, 1, 5),
      m35.describeLogDirsRequest,
      m35.describeLogDirsResponse,
      describeLogDirs(logDirs),
    ),
    serve(
      range(37, 0, 3),
      m37.createPartitionsRequest,
      m37.createPartitionsResponse,
      createPartitions({ controller }),
    ),
    serve(
      range(44, 0, 1),
      m44.incrementalAlterConfigsRequest,
      m44.incrementalAlterConfigsResponse,
      incrementalAlterConfigs({ controller }),
    ),
    serve(
      range(60, 0, 2),
      m60.describeClusterRequest,
      m60.describeClusterResponse,
      describeCluster(self),
    ),
    serve(
      range(74, 0, 1),
      m74.listConfigResourcesRequest,
      m74.listConfigResourcesResponse,
      listConfigResources(self),
    ),
    serve(
      range(75, 0, 0),
      m75.describeTopicPartitionsRequest,
      m75.describeTopicPartitionsResponse,
      describeTopicPartitions({ ...self, partitionsMax }),
    ),
  ]
}

function groupApis(deps: ApiDeps): readonly ServedApi[] {
  const { groups } = deps
  const topics = topicLookup(() => deps.image())
  return [
    serve(
      range(8, 2, 10),
      m08.offsetCommitRequest,
      m08.offsetCommitResponse,
      offsetCommitHandler(groups, topics),
    ),
    serve(
      range(9, 1, 10),
      m09.offsetFetchRequest,
      m09.offsetFetchResponse,
      offsetFetchHandler(groups, topics),
    ),
    serve(range(11, 0, 9), m11.joinGroupRequest, m11.joinGroupResponse, joinGroupHandler(groups)),
    serve(range(12, 0, 4), m12.heartbeatRequest, m12.heartbeatResponse, heartbeatHandler(groups)),
    serve(
      range(13, 0, 5),
      m13.leaveGroupRequest,
      m13.leaveGroupResponse,
      leaveGroupHandler(groups),
    ),
    serve(range(14, 0, 5), m14.syncGroupRequest, m14.syncGroupResponse, syncGroupHandler(groups)),
    serve(
      range(15, 0, 6),
      m15.describeGroupsRequest,
      m15.describeGroupsResponse,
      describeGroupsHandler(groups, () => GROUP_OPERATIONS),
    ),
    serve(
      range(16, 0, 5),
      m16.listGroupsRequest,
      m16.listGroupsResponse,
      listGroupsHandler(groups),
    ),
    serve(
      range(42, 0, 2),
      m42.deleteGroupsRequest,
      m42.deleteGroupsResponse,
      deleteGroupsHandler(groups),
    ),
    serve(
      range(47, 0, 0),
      m47.offsetDeleteRequest,
      m47.offsetDeleteResponse,
      offsetDeleteHandler(groups, topics),
    ),
  ]
}

/**
 * ApiVersions answers even versions that it does not have, in the one that everybody reads [V1].
 */
function versionsApi(deps: ApiDeps, served: Parameters<typeof tooNewApiVersions>[0]): ServedApi {
  const known = serve(
    range(18, 0, 4),
    m18.apiVersionsRequest,
    m18.apiVersionsResponse,
    apiVersions({ served, features: [], image: () => deps.image() }),
  )
  return {
    ...known,
    handle(request) {
      const { api, apiVersion, correlationId } = request.header
      if (apiVersion < 0) throw new FormatError('A version is never negative')
      if (apiVersion <= known.maxVersion) return known.handle(request)
      const writer = new Writer(64)
      writeResponseFrame(writer, api, {
        schema: m18.apiVersionsResponse,
        apiVersion: 0,
        correlationId,
        body: tooNewApiVersions(served),
      })
      return writer.bytes()
    },
  }
}

/** Topics for the handlers of offsets. */
function topicLookup(image: () => ClusterImage): TopicLookup {
  const known = (topic: ReturnType<ClusterImage['topicById']>) =>
    topic === undefined
      ? undefined
      : { topic: topic.name, topicId: topic.id, partitions: topic.partitions.size }
  return {
    byName: (name) => known(image().topicByName(name)),
    byId: (id) => known(image().topicById(id)),
  }
}
