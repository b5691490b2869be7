// ListGroups (key 16), versions 0 to 5. Version 4 added a filter by state (KIP-518), 5 one by type
// (KIP-848). Filters are compared without regard to case; an empty one lets everything through.
import { ErrorCode } from '../../base/error-codes.ts'
import type { GroupCoordinator } from '../../group/coordinator.ts'
import type { ListGroupsRequest, ListGroupsResponse } from '../../wire/messages/16-list-groups.ts'
import type { Handler } from '../handler.ts'

const GROUP_TYPE = 'classic'

/** The handler over a coordinator. */
export const listGroupsHandler =
  (coordinator: GroupCoordinator): Handler<ListGroupsRequest, ListGroupsResponse> =>
  ({ statesFilter, typesFilter }) => {
    const listed = coordinator.list()
    if (typeof listed === 'number') return { throttleTimeMs: 0, errorCode: listed, groups: [] }
    const states = filterOf(statesFilter)
    const types = filterOf(typesFilter)
    const groups = listed
      .filter(({ state }) => states(state) && types(GROUP_TYPE))
      .map(({ groupId, protocolType, state }) => ({
        groupId,
        protocolType,
        groupState: state,
        groupType: GROUP_TYPE,
      }))
    return { throttleTimeMs: 0, errorCode: ErrorCode.NONE, groups }
  }

function filterOf(names: readonly string[]): (name: string) => boolean {
  const wanted = new Set(names.map((name) => name.toLowerCase()))
  return (name) => wanted.size === 0 || wanted.has(name.toLowerCase())
}
