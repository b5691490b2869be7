// DescribeGroups (key 15), versions 0 to 6. Version 3 added authorized operations, 4 instance ids,
// 6 GROUP_ID_NOT_FOUND for a group that does not exist (KIP-1043); before, such a group is Dead
// and there is no error.
import { ErrorCode } from '../../base/error-codes.ts'
import type { GroupDescription } from '../../group/classic/types.ts'
import type { GroupCoordinator } from '../../group/coordinator.ts'
import type {
  DescribedGroup,
  DescribeGroupsRequest,
  DescribeGroupsResponse,
} from '../../wire/messages/15-describe-groups.ts'
import type { Handler } from '../handler.ts'

const NOT_FOUND_FROM = 6

/** "Nobody asked", as Kafka spells it. */
const NO_OPERATIONS = -2147483648

/** The handler over a coordinator; `operationsOf` gives the bits of what the client may do. */
export const describeGroupsHandler =
  (
    coordinator: GroupCoordinator,
    operationsOf: (groupId: string) => number,
  ): Handler<DescribeGroupsRequest, DescribeGroupsResponse> =>
  ({ groups, includeAuthorizedOperations }, { version }) => ({
    throttleTimeMs: 0,
    groups: groups.map((groupId) => {
      const described = describe(groupId, coordinator.describe(groupId), version)
      if (!includeAuthorizedOperations || described.errorCode !== ErrorCode.NONE) return described
      return { ...described, authorizedOperations: operationsOf(groupId) }
    }),
  })

function describe(
  groupId: string,
  group: GroupDescription | null | number,
  version: number,
): DescribedGroup {
  const bare = {
    errorCode: ErrorCode.NONE,
    errorMessage: null,
    groupId,
    groupState: '',
    protocolType: '',
    protocolData: '',
    members: [],
    authorizedOperations: NO_OPERATIONS,
  }
  if (typeof group === 'number') return { ...bare, errorCode: group }
  if (group === null) {
    const dead = { ...bare, groupState: 'Dead' }
    if (version < NOT_FOUND_FROM) return dead
    const errorMessage = `Group ${groupId} not found.`
    return { ...dead, errorCode: ErrorCode.GROUP_ID_NOT_FOUND, errorMessage }
  }
  return {
    ...bare,
    groupState: group.state,
    protocolType: group.protocolType,
    protocolData: group.protocol,
    members: group.members.map((member) => ({
      memberId: member.memberId,
      groupInstanceId: member.instanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      memberMetadata: member.metadata,
      memberAssignment: member.assignment,
    })),
  }
}
