// DeleteGroups (key 42), versions 0 to 2. A group goes with its offsets if it has no members; each
// group has a code of its own.
import type { GroupCoordinator } from '../../group/coordinator.ts'
import type {
  DeleteGroupsRequest,
  DeleteGroupsResponse,
} from '../../wire/messages/42-delete-groups.ts'
import type { Handler } from '../handler.ts'

/** The handler over a coordinator. */
export const deleteGroupsHandler =
  (coordinator: GroupCoordinator): Handler<DeleteGroupsRequest, DeleteGroupsResponse> =>
  async ({ groupsNames }) => {
    // All are begun before any is waited for, so that they share one append.
    const codes = await Promise.all(groupsNames.map(async (groupId) => coordinator.delete(groupId)))
    const results = groupsNames.map((groupId, i) => ({ groupId, errorCode: codes[i] as number }))
    return { throttleTimeMs: 0, results }
  }
