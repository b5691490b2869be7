// Every API of a broker's listener, in the order of their keys, for the registry.
// Generated from Kafka's message definitions by infra/codegen/generate-messages.ts; a change made
// here is lost.
import type { Schema } from '../schema.ts'
import { produceRequest, produceResponse } from './00-produce.ts'
import { fetchRequest, fetchResponse } from './01-fetch.ts'
import { listOffsetsRequest, listOffsetsResponse } from './02-list-offsets.ts'
import { metadataRequest, metadataResponse } from './03-metadata.ts'
import { offsetCommitRequest, offsetCommitResponse } from './08-offset-commit.ts'
import { offsetFetchRequest, offsetFetchResponse } from './09-offset-fetch.ts'
import { findCoordinatorRequest, findCoordinatorResponse } from './10-find-coordinator.ts'
import { joinGroupRequest, joinGroupResponse } from './11-join-group.ts'
import { heartbeatRequest, heartbeatResponse } from './12-heartbeat.ts'
import { leaveGroupRequest, leaveGroupResponse } from './13-leave-group.ts'
import { syncGroupRequest, syncGroupResponse } from './14-sync-group.ts'
import { describeGroupsRequest, describeGroupsResponse } from './15-describe-groups.ts'
import { listGroupsRequest, listGroupsResponse } from './16-list-groups.ts'
import { saslHandshakeRequest, saslHandshakeResponse } from './17-sasl-handshake.ts'
import { apiVersionsRequest, apiVersionsResponse } from './18-api-versions.ts'
import { createTopicsRequest, createTopicsResponse } from './19-create-topics.ts'
import { deleteTopicsRequest, deleteTopicsResponse } from './20-delete-topics.ts'
import { deleteRecordsRequest, deleteRecordsResponse } from './21-delete-records.ts'
import { initProducerIdRequest, initProducerIdResponse } from './22-init-producer-id.ts'
import {
  offsetForLeaderEpochRequest,
  offsetForLeaderEpochResponse,
} from './23-offset-for-leader-epoch.ts'
import {
  addPartitionsToTxnRequest,
  addPartitionsToTxnResponse,
} from './24-add-partitions-to-txn.ts'
import { addOffsetsToTxnRequest, addOffsetsToTxnResponse } from './25-add-offsets-to-txn.ts'
import { endTxnRequest, endTxnResponse } from './26-end-txn.ts'
import { writeTxnMarkersRequest, writeTxnMarkersResponse } from './27-write-txn-markers.ts'
import { txnOffsetCommitRequest, txnOffsetCommitResponse } from './28-txn-offset-commit.ts'
import { describeAclsRequest, describeAclsResponse } from './29-describe-acls.ts'
import { createAclsRequest, createAclsResponse } from './30-create-acls.ts'
import { deleteAclsRequest, deleteAclsResponse } from './31-delete-acls.ts'
import { describeConfigsRequest, describeConfigsResponse } from './32-describe-configs.ts'
import { alterConfigsRequest, alterConfigsResponse } from './33-alter-configs.ts'
import {
  alterReplicaLogDirsRequest,
  alterReplicaLogDirsResponse,
} from './34-alter-replica-log-dirs.ts'
import { describeLogDirsRequest, describeLogDirsResponse } from './35-describe-log-dirs.ts'
import { saslAuthenticateRequest, saslAuthenticateResponse } from './36-sasl-authenticate.ts'
import { createPartitionsRequest, createPartitionsResponse } from './37-create-partitions.ts'
import {
  createDelegationTokenRequest,
  createDelegationTokenResponse,
} from './38-create-delegation-token.ts'
import {
  renewDelegationTokenRequest,
  renewDelegationTokenResponse,
} from './39-renew-delegation-token.ts'
import {
  expireDelegationTokenRequest,
  expireDelegationTokenResponse,
} from './40-expire-delegation-token.ts'
import {
  describeDelegationTokenRequest,
  describeDelegationTokenResponse,
} from './41-describe-delegation-token.ts'
import { deleteGroupsRequest, deleteGroupsResponse } from './42-delete-groups.ts'
import { electLeadersRequest, electLeadersResponse } from './43-elect-leaders.ts'
import {
  incrementalAlterConfigsRequest,
  incrementalAlterConfigsResponse,
} from './44-incremental-alter-configs.ts'
import {
  alterPartitionReassignmentsRequest,
  alterPartitionReassignmentsResponse,
} from './45-alter-partition-reassignments.ts'
import {
  listPartitionReassignmentsRequest,
  listPartitionReassignmentsResponse,
} from './46-list-partition-reassignments.ts'
import { offsetDeleteRequest, offsetDeleteResponse } from './47-offset-delete.ts'
import {
  describeClientQuotasRequest,
  describeClientQuotasResponse,
} from './48-describe-client-quotas.ts'
import { alterClientQuotasRequest, alterClientQuotasResponse } from './49-alter-client-quotas.ts'
import {
  describeUserScramCredentialsRequest,
  describeUserScramCredentialsResponse,
} from './50-describe-user-scram-credentials.ts'
import {
  alterUserScramCredentialsRequest,
  alterUserScramCredentialsResponse,
} from './51-alter-user-scram-credentials.ts'
import { describeQuorumRequest, describeQuorumResponse } from './55-describe-quorum.ts'
import { updateFeaturesRequest, updateFeaturesResponse } from './57-update-features.ts'
import { describeClusterRequest, describeClusterResponse } from './60-describe-cluster.ts'
import { describeProducersRequest, describeProducersResponse } from './61-describe-producers.ts'
import { unregisterBrokerRequest, unregisterBrokerResponse } from './64-unregister-broker.ts'
import {
  describeTransactionsRequest,
  describeTransactionsResponse,
} from './65-describe-transactions.ts'
import { listTransactionsRequest, listTransactionsResponse } from './66-list-transactions.ts'
import {
  consumerGroupHeartbeatRequest,
  consumerGroupHeartbeatResponse,
} from './68-consumer-group-heartbeat.ts'
import {
  consumerGroupDescribeRequest,
  consumerGroupDescribeResponse,
} from './69-consumer-group-describe.ts'
import {
  getTelemetrySubscriptionsRequest,
  getTelemetrySubscriptionsResponse,
} from './71-get-telemetry-subscriptions.ts'
import { pushTelemetryRequest, pushTelemetryResponse } from './72-push-telemetry.ts'
import {
  listConfigResourcesRequest,
  listConfigResourcesResponse,
} from './74-list-config-resources.ts'
import {
  describeTopicPartitionsRequest,
  describeTopicPartitionsResponse,
} from './75-describe-topic-partitions.ts'
import {
  shareGroupHeartbeatRequest,
  shareGroupHeartbeatResponse,
} from './76-share-group-heartbeat.ts'
import { shareGroupDescribeRequest, shareGroupDescribeResponse } from './77-share-group-describe.ts'
import { shareFetchRequest, shareFetchResponse } from './78-share-fetch.ts'
import { shareAcknowledgeRequest, shareAcknowledgeResponse } from './79-share-acknowledge.ts'
import { addRaftVoterRequest, addRaftVoterResponse } from './80-add-raft-voter.ts'
import { removeRaftVoterRequest, removeRaftVoterResponse } from './81-remove-raft-voter.ts'
import {
  initializeShareGroupStateRequest,
  initializeShareGroupStateResponse,
} from './83-initialize-share-group-state.ts'
import {
  readShareGroupStateRequest,
  readShareGroupStateResponse,
} from './84-read-share-group-state.ts'
import {
  writeShareGroupStateRequest,
  writeShareGroupStateResponse,
} from './85-write-share-group-state.ts'
import {
  deleteShareGroupStateRequest,
  deleteShareGroupStateResponse,
} from './86-delete-share-group-state.ts'
import {
  readShareGroupStateSummaryRequest,
  readShareGroupStateSummaryResponse,
} from './87-read-share-group-state-summary.ts'
import {
  streamsGroupHeartbeatRequest,
  streamsGroupHeartbeatResponse,
} from './88-streams-group-heartbeat.ts'
import {
  streamsGroupDescribeRequest,
  streamsGroupDescribeResponse,
} from './89-streams-group-describe.ts'
import {
  describeShareGroupOffsetsRequest,
  describeShareGroupOffsetsResponse,
} from './90-describe-share-group-offsets.ts'
import {
  alterShareGroupOffsetsRequest,
  alterShareGroupOffsetsResponse,
} from './91-alter-share-group-offsets.ts'
import {
  deleteShareGroupOffsetsRequest,
  deleteShareGroupOffsetsResponse,
} from './92-delete-share-group-offsets.ts'

/** Name, request and response of each API. */
export const allMessages: readonly (readonly [string, Schema<unknown>, Schema<unknown>])[] = [
  ['Produce', produceRequest, produceResponse],
  ['Fetch', fetchRequest, fetchResponse],
  ['ListOffsets', listOffsetsRequest, listOffsetsResponse],
  ['Metadata', metadataRequest, metadataResponse],
  ['OffsetCommit', offsetCommitRequest, offsetCommitResponse],
  ['OffsetFetch', offsetFetchRequest, offsetFetchResponse],
  ['FindCoordinator', findCoordinatorRequest, findCoordinatorResponse],
  ['JoinGroup', joinGroupRequest, joinGroupResponse],
  ['Heartbeat', heartbeatRequest, heartbeatResponse],
  ['LeaveGroup', leaveGroupRequest, leaveGroupResponse],
  ['SyncGroup', syncGroupRequest, syncGroupResponse],
  ['DescribeGroups', describeGroupsRequest, describeGroupsResponse],
  ['ListGroups', listGroupsRequest, listGroupsResponse],
  ['SaslHandshake', saslHandshakeRequest, saslHandshakeResponse],
  ['ApiVersions', apiVersionsRequest, apiVersionsResponse],
  ['CreateTopics', createTopicsRequest, createTopicsResponse],
  ['DeleteTopics', deleteTopicsRequest, deleteTopicsResponse],
  ['DeleteRecords', deleteRecordsRequest, deleteRecordsResponse],
  ['InitProducerId', initProducerIdRequest, initProducerIdResponse],
  ['OffsetForLeaderEpoch', offsetForLeaderEpochRequest, offsetForLeaderEpochResponse],
  ['AddPartitionsToTxn', addPartitionsToTxnRequest, addPartitionsToTxnResponse],
  ['AddOffsetsToTxn', addOffsetsToTxnRequest, addOffsetsToTxnResponse],
  ['EndTxn', endTxnRequest, endTxnResponse],
  ['WriteTxnMarkers', writeTxnMarkersRequest, writeTxnMarkersResponse],
  ['TxnOffsetCommit', txnOffsetCommitRequest, txnOffsetCommitResponse],
  ['DescribeAcls', describeAclsRequest, describeAclsResponse],
  ['CreateAcls', createAclsRequest, createAclsResponse],
  ['DeleteAcls', deleteAclsRequest, deleteAclsResponse],
  ['DescribeConfigs', describeConfigsRequest, describeConfigsResponse],
  ['AlterConfigs', alterConfigsRequest, alterConfigsResponse],
  ['AlterReplicaLogDirs', alterReplicaLogDirsRequest, alterReplicaLogDirsResponse],
  ['DescribeLogDirs', describeLogDirsRequest, describeLogDirsResponse],
  ['SaslAuthenticate', saslAuthenticateRequest, saslAuthenticateResponse],
  ['CreatePartitions', createPartitionsRequest, createPartitionsResponse],
  ['CreateDelegationToken', createDelegationTokenRequest, createDelegationTokenResponse],
  ['RenewDelegationToken', renewDelegationTokenRequest, renewDelegationTokenResponse],
  ['ExpireDelegationToken', expireDelegationTokenRequest, expireDelegationTokenResponse],
  ['DescribeDelegationToken', describeDelegationTokenRequest, describeDelegationTokenResponse],
  ['DeleteGroups', deleteGroupsRequest, deleteGroupsResponse],
  ['ElectLeaders', electLeadersRequest, electLeadersResponse],
  ['IncrementalAlterConfigs', incrementalAlterConfigsRequest, incrementalAlterConfigsResponse],
  [
    'AlterPartitionReassignments',
    alterPartitionReassignmentsRequest,
    alterPartitionReassignmentsResponse,
  ],
  [
    'ListPartitionReassignments',
    listPartitionReassignmentsRequest,
    listPartitionReassignmentsResponse,
  ],
  ['OffsetDelete', offsetDeleteRequest, offsetDeleteResponse],
  ['DescribeClientQuotas', describeClientQuotasRequest, describeClientQuotasResponse],
  ['AlterClientQuotas', alterClientQuotasRequest, alterClientQuotasResponse],
  [
    'DescribeUserScramCredentials',
    describeUserScramCredentialsRequest,
    describeUserScramCredentialsResponse,
  ],
  [
    'AlterUserScramCredentials',
    alterUserScramCredentialsRequest,
    alterUserScramCredentialsResponse,
  ],
  ['DescribeQuorum', describeQuorumRequest, describeQuorumResponse],
  ['UpdateFeatures', updateFeaturesRequest, updateFeaturesResponse],
  ['DescribeCluster', describeClusterRequest, describeClusterResponse],
  ['DescribeProducers', describeProducersRequest, describeProducersResponse],
  ['UnregisterBroker', unregisterBrokerRequest, unregisterBrokerResponse],
  ['DescribeTransactions', describeTransactionsRequest, describeTransactionsResponse],
  ['ListTransactions', listTransactionsRequest, listTransactionsResponse],
  ['ConsumerGroupHeartbeat', consumerGroupHeartbeatRequest, consumerGroupHeartbeatResponse],
  ['ConsumerGroupDescribe', consumerGroupDescribeRequest, consumerGroupDescribeResponse],
  [
    'GetTelemetrySubscriptions',
    getTelemetrySubscriptionsRequest,
    getTelemetrySubscriptionsResponse,
  ],
  ['PushTelemetry', pushTelemetryRequest, pushTelemetryResponse],
  ['ListConfigResources', listConfigResourcesRequest, listConfigResourcesResponse],
  ['DescribeTopicPartitions', describeTopicPartitionsRequest, describeTopicPartitionsResponse],
  ['ShareGroupHeartbeat', shareGroupHeartbeatRequest, shareGroupHeartbeatResponse],
  ['ShareGroupDescribe', shareGroupDescribeRequest, shareGroupDescribeResponse],
  ['ShareFetch', shareFetchRequest, shareFetchResponse],
  ['ShareAcknowledge', shareAcknowledgeRequest, shareAcknowledgeResponse],
  ['AddRaftVoter', addRaftVoterRequest, addRaftVoterResponse],
  ['RemoveRaftVoter', removeRaftVoterRequest, removeRaftVoterResponse],
  [
    'InitializeShareGroupState',
    initializeShareGroupStateRequest,
    initializeShareGroupStateResponse,
  ],
  ['ReadShareGroupState', readShareGroupStateRequest, readShareGroupStateResponse],
  ['WriteShareGroupState', writeShareGroupStateRequest, writeShareGroupStateResponse],
  ['DeleteShareGroupState', deleteShareGroupStateRequest, deleteShareGroupStateResponse],
  [
    'ReadShareGroupStateSummary',
    readShareGroupStateSummaryRequest,
    readShareGroupStateSummaryResponse,
  ],
  ['StreamsGroupHeartbeat', streamsGroupHeartbeatRequest, streamsGroupHeartbeatResponse],
  ['StreamsGroupDescribe', streamsGroupDescribeRequest, streamsGroupDescribeResponse],
  [
    'DescribeShareGroupOffsets',
    describeShareGroupOffsetsRequest,
    describeShareGroupOffsetsResponse,
  ],
  ['AlterShareGroupOffsets', alterShareGroupOffsetsRequest, alterShareGroupOffsetsResponse],
  ['DeleteShareGroupOffsets', deleteShareGroupOffsetsRequest, deleteShareGroupOffsetsResponse],
]
