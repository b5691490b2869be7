// SyncGroup (key 14), versions 0 to 5. Version 3 added static members, 5 the protocol type and
// name, which must then be the group's (KIP-559).
import type { GroupCoordinator } from '../../group/coordinator.ts'
import type { SyncGroupRequest, SyncGroupResponse } from '../../wire/messages/14-sync-group.ts'
import type { Handler } from '../handler.ts'

/** The handler over a coordinator. */
export const syncGroupHandler =
  (coordinator: GroupCoordinator): Handler<SyncGroupRequest, SyncGroupResponse> =>
  async (request) => {
    const reply = await coordinator.sync(request.groupId, {
      memberId: request.memberId,
      instanceId: request.groupInstanceId,
      generation: request.generationId,
      protocolType: request.protocolType,
      protocol: request.protocolName,
      assignments: new Map(
        request.assignments.map(({ memberId, assignment }) => [
          memberId,
          Uint8Array.from(assignment),
        ]),
      ),
    })
    return {
      throttleTimeMs: 0,
      errorCode: reply.code,
      protocolType: reply.protocolType,
      protocolName: reply.protocol,
      assignment: reply.assignment,
    }
  }
