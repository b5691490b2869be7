// Heartbeat (key 12), versions 0 to 4. Version 3 added static members. The hottest request of a
// group: answered at once, without a promise.
import type { GroupCoordinator } from '../../group/coordinator.ts'
import type { HeartbeatRequest, HeartbeatResponse } from '../../wire/messages/12-heartbeat.ts'
import type { Handler } from '../handler.ts'

/** The handler over a coordinator. */
export const heartbeatHandler =
  (coordinator: GroupCoordinator): Handler<HeartbeatRequest, HeartbeatResponse> =>
  ({ groupId, memberId, groupInstanceId, generationId }) => {
    const who = { memberId, instanceId: groupInstanceId }
    return { throttleTimeMs: 0, errorCode: coordinator.heartbeat(groupId, who, generationId) }
  }
