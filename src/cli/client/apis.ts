// The requests that the command line sends, each with its tables and the highest version in which
// it is sent. Produce, Fetch and the offset APIs stop below the versions that name topics by id,
// so that one code path serves every broker.
import { must } from '../../base/assert.ts'
import { produceRequest, produceResponse } from '../../wire/messages/00-produce.ts'
import { fetchRequest, fetchResponse } from '../../wire/messages/01-fetch.ts'
import { listOffsetsRequest, listOffsetsResponse } from '../../wire/messages/02-list-offsets.ts'
import { metadataRequest, metadataResponse } from '../../wire/messages/03-metadata.ts'
import { offsetCommitRequest, offsetCommitResponse } from '../../wire/messages/08-offset-commit.ts'
import { offsetFetchRequest, offsetFetchResponse } from '../../wire/messages/09-offset-fetch.ts'
import {
  findCoordinatorRequest,
  findCoordinatorResponse,
} from '../../wire/messages/10-find-coordinator.ts'
import {
  describeGroupsRequest,
  describeGroupsResponse,
} from '../../wire/messages/15-describe-groups.ts'
import { listGroupsRequest, listGroupsResponse } from '../../wire/messages/16-list-groups.ts'
import { apiVersionsRequest, apiVersionsResponse } from '../../wire/messages/18-api-versions.ts'
import { createTopicsRequest, createTopicsResponse } from '../../wire/messages/19-create-topics.ts'
import { deleteTopicsRequest, deleteTopicsResponse } from '../../wire/messages/20-delete-topics.ts'
import {
  initProducerIdRequest,
  initProducerIdResponse,
} from '../../wire/messages/22-init-producer-id.ts'
import {
  describeConfigsRequest,
  describeConfigsResponse,
} from '../../wire/messages/32-describe-configs.ts'
import {
  createPartitionsRequest,
  createPartitionsResponse,
} from '../../wire/messages/37-create-partitions.ts'
import { deleteGroupsRequest, deleteGroupsResponse } from '../../wire/messages/42-delete-groups.ts'
import {
  incrementalAlterConfigsRequest,
  incrementalAlterConfigsResponse,
} from '../../wire/messages/44-incremental-alter-configs.ts'
import { apiOf } from '../../wire/registry.ts'
import type { Api } from '../../wire/registry.ts'
import type { Schema } from '../../wire/schema.ts'

/** One kind of request and its answer. */
export interface Operation<Request, Response> {
  readonly api: Api
  readonly request: Schema<Request>
  readonly response: Schema<Response>
  /** Highest version in which it is sent, inclusive. */
  readonly versionMax: number
}

function operation<Request, Response>(
  request: Schema<Request>,
  response: Schema<Response>,
  versionMax: number = request.max,
): Operation<Request, Response> {
  const api = must(apiOf(request.key ?? -1), 'A request of the client is not in the registry')
  return { api, request, response, versionMax }
}

type Body<S> = S extends Schema<infer T> ? T : never
type Asks<A, B> = Operation<Body<A>, Body<B>>

/** Produce, up to the last version that names topics by name. */
export const produce: Asks<typeof produceRequest, typeof produceResponse> = operation(
  produceRequest,
  produceResponse,
  12,
)
/** Fetch, up to the last version that names topics by name. */
export const fetch: Asks<typeof fetchRequest, typeof fetchResponse> = operation(
  fetchRequest,
  fetchResponse,
  12,
)
/** ListOffsets. */
export const listOffsets: Asks<typeof listOffsetsRequest, typeof listOffsetsResponse> = operation(
  listOffsetsRequest,
  listOffsetsResponse,
)
/** Metadata. */
export const metadata: Asks<typeof metadataRequest, typeof metadataResponse> = operation(
  metadataRequest,
  metadataResponse,
)
/** OffsetCommit, by topic name. */
export const offsetCommit: Asks<typeof offsetCommitRequest, typeof offsetCommitResponse> =
  operation(offsetCommitRequest, offsetCommitResponse, 9)
/** OffsetFetch, by topic name. */
export const offsetFetch: Asks<typeof offsetFetchRequest, typeof offsetFetchResponse> = operation(
  offsetFetchRequest,
  offsetFetchResponse,
  9,
)
/** FindCoordinator. */
export const findCoordinator: Asks<typeof findCoordinatorRequest, typeof findCoordinatorResponse> =
  operation(findCoordinatorRequest, findCoordinatorResponse)
/** DescribeGroups. */
export const describeGroups: Asks<typeof describeGroupsRequest, typeof describeGroupsResponse> =
  operation(describeGroupsRequest, describeGroupsResponse)
/** ListGroups. */
export const listGroups: Asks<typeof listGroupsRequest, typeof listGroupsResponse> = operation(
  listGroupsRequest,
  listGroupsResponse,
)
/** ApiVersions, in the version that every broker in use answers. */
export const apiVersions: Asks<typeof apiVersionsRequest, typeof apiVersionsResponse> = operation(
  apiVersionsRequest,
  apiVersionsResponse,
  3,
)
/** CreateTopics. */
export const createTopics: Asks<typeof createTopicsRequest, typeof createTopicsResponse> =
  operation(createTopicsRequest, createTopicsResponse)
/** DeleteTopics, by name. */
export const deleteTopics: Asks<typeof deleteTopicsRequest, typeof deleteTopicsResponse> =
  operation(deleteTopicsRequest, deleteTopicsResponse, 5)
/** InitProducerId. */
export const initProducerId: Asks<typeof initProducerIdRequest, typeof initProducerIdResponse> =
  operation(initProducerIdRequest, initProducerIdResponse, 5)
/** DescribeConfigs. */
export const describeConfigs: Asks<typeof describeConfigsRequest, typeof describeConfigsResponse> =
  operation(describeConfigsRequest, describeConfigsResponse)
/** CreatePartitions. */
export const createPartitions: Asks<
  typeof createPartitionsRequest,
  typeof createPartitionsResponse
> = operation(createPartitionsRequest, createPartitionsResponse)
/** DeleteGroups. */
export const deleteGroups: Asks<typeof deleteGroupsRequest, typeof deleteGroupsResponse> =
  operation(deleteGroupsRequest, deleteGroupsResponse)
/** IncrementalAlterConfigs. */
export const incrementalAlterConfigs: Asks<
  typeof incrementalAlterConfigsRequest,
  typeof incrementalAlterConfigsResponse
> = operation(incrementalAlterConfigsRequest, incrementalAlterConfigsResponse)
