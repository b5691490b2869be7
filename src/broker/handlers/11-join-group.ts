// JoinGroup (key 11), versions 0 to 9. Version 1 added the rebalance timeout (before, the session
// timeout counted), 4 MEMBER_ID_REQUIRED (KIP-394), 5 static members, 7 the protocol type and null
// for no protocol, 8 a reason (for logs only), 9 skip_assignment (KIP-814).
import type { GroupCoordinator } from '../../group/coordinator.ts'
import type { JoinGroupRequest, JoinGroupResponse } from '../../wire/messages/11-join-group.ts'
import type { Handler } from '../handler.ts'

const MEMBER_ID_REQUIRED_FROM = 4
const NULL_PROTOCOL_FROM = 7
const SKIP_ASSIGNMENT_FROM = 9

/** The handler over a coordinator. */
export const joinGroupHandler =
  (coordinator: GroupCoordinator): Handler<JoinGroupRequest, JoinGroupResponse> =>
  async (request, { version, clientId, peer }) => {
    const { sessionTimeoutMs, rebalanceTimeoutMs } = request
    const reply = await coordinator.join(request.groupId, {
      memberId: request.memberId,
      instanceId: request.groupInstanceId,
      clientId,
      clientHost: hostOf(peer),
      sessionTimeoutMs,
      rebalanceTimeoutMs: rebalanceTimeoutMs < 0 ? sessionTimeoutMs : rebalanceTimeoutMs,
      protocolType: request.protocolType,
      protocols: request.protocols.map(({ name, metadata }) => ({
        name,
        metadata: Uint8Array.from(metadata),
      })),
      memberIdRequired: version >= MEMBER_ID_REQUIRED_FROM,
      canSkipAssignment: version >= SKIP_ASSIGNMENT_FROM,
    })
    return {
      throttleTimeMs: 0,
      errorCode: reply.code,
      generationId: reply.generation,
      protocolType: reply.protocolType,
      protocolName: version >= NULL_PROTOCOL_FROM ? reply.protocol : (reply.protocol ?? ''),
      leader: reply.leader,
      skipAssignment: reply.skipAssignment,
      memberId: reply.memberId,
      members: reply.members.map(({ memberId, instanceId, metadata }) => ({
        memberId,
        groupInstanceId: instanceId,
        metadata,
      })),
    }
  }

/** The peer's address without its port, with the slash that Java puts before an address. */
const hostOf = (peer: string): string => {
  const end = peer.lastIndexOf(':')
  return `/${end < 0 ? peer : peer.slice(0, end)}`
}
