// LeaveGroup (key 13), versions 0 to 5. Before version 3 one member leaves and its code is the
// answer's; since then a batch leaves, by member id or instance id, with a code for each. Version
// 5 added a reason (for logs only).
import { ErrorCode } from '../../base/error-codes.ts'
import type { GroupCoordinator } from '../../group/coordinator.ts'
import type { LeaveGroupRequest, LeaveGroupResponse } from '../../wire/messages/13-leave-group.ts'
import type { Handler } from '../handler.ts'

const BATCH_FROM = 3

/** The handler over a coordinator. */
export const leaveGroupHandler =
  (coordinator: GroupCoordinator): Handler<LeaveGroupRequest, LeaveGroupResponse> =>
  async (request, { version }) => {
    const leaving =
      version >= BATCH_FROM
        ? request.members.map(({ memberId, groupInstanceId }) => ({
            memberId,
            instanceId: groupInstanceId,
          }))
        : [{ memberId: request.memberId, instanceId: null }]
    const { code, codes } = await coordinator.leave(request.groupId, leaving)
    if (version < BATCH_FROM) {
      const errorCode = code !== ErrorCode.NONE ? code : (codes[0] ?? ErrorCode.NONE)
      return { throttleTimeMs: 0, errorCode, members: [] }
    }
    const members = codes.map((errorCode, i) => ({
      memberId: leaving[i]?.memberId ?? '',
      groupInstanceId: leaving[i]?.instanceId ?? null,
      errorCode,
    }))
    return { throttleTimeMs: 0, errorCode: code, members }
  }
