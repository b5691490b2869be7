// A classic group as others see it: the leader, a member, the log, an administrator. Pure
// functions of the group's present state; nothing here changes it.
import { ErrorCode } from '../../base/error-codes.ts'
import { metadataFor } from './roster.ts'
import type { Member, Roster } from './roster.ts'
import { noBytes } from './types.ts'
import type {
  GroupDescription,
  GroupState,
  JoinedMember,
  JoinReply,
  StoredGroup,
  SyncReply,
} from './types.ts'

/** The part of a group's state that can be seen. */
export interface GroupView {
  readonly groupId: string
  readonly roster: Roster
  readonly state: GroupState
  readonly generation: number
  /** null for a group that never had members. */
  readonly protocolType: string | null
  readonly protocol: string | null
  /** Wall time of the last change of state; -1 when unknown. */
  readonly stateTimestampMs: number
}

/** Everybody with the metadata of the chosen protocol, as the leader gets it. */
export const joinedMembers = (group: GroupView): readonly JoinedMember[] =>
  Array.from(group.roster.values(), (member) => ({
    memberId: member.id,
    instanceId: member.instanceId,
    metadata: metadataFor(member, group.protocol) ?? noBytes,
  }))

/** The JoinGroup answer of the current generation. */
export const joinReplyOf = (group: GroupView, member: Member): JoinReply => ({
  code: ErrorCode.NONE,
  memberId: member.id,
  generation: group.generation,
  protocolType: group.protocolType,
  protocol: group.protocol,
  leader: group.roster.leader ?? '',
  skipAssignment: false,
  members: group.roster.leader === member.id ? joinedMembers(group) : [],
})

/** The SyncGroup answer of the current generation. */
export const syncReplyOf = (group: GroupView, member: Member): SyncReply => ({
  code: ErrorCode.NONE,
  protocolType: group.protocolType,
  protocol: group.protocol,
  assignment: member.assignment,
})

/** The group as it is stored, with `assignments`, if given, in place of the members' own. */
export const storedForm = (
  group: GroupView,
  assignments: ReadonlyMap<string, Uint8Array> | null,
): StoredGroup => ({
  groupId: group.groupId,
  protocolType: group.protocolType ?? '',
  generation: group.generation,
  protocol: group.protocol,
  leader: group.roster.leader,
  stateTimestampMs: group.stateTimestampMs,
  members: Array.from(group.roster.values(), (member) => ({
    memberId: member.id,
    instanceId: member.instanceId,
    clientId: member.clientId,
    clientHost: member.clientHost,
    rebalanceTimeoutMs: member.rebalanceTimeoutMs,
    sessionTimeoutMs: member.sessionTimeoutMs,
    subscription: metadataFor(member, group.protocol) ?? noBytes,
    assignment: assignments === null ? member.assignment : (assignments.get(member.id) ?? noBytes),
  })),
})

/** The group for DescribeGroups and the command line: metadata only while it is Stable. */
export function describeGroup(group: GroupView): GroupDescription {
  const isStable = group.state === 'Stable'
  return {
    groupId: group.groupId,
    state: group.state,
    protocolType: group.protocolType ?? '',
    protocol: isStable ? (group.protocol ?? '') : '',
    generation: group.generation,
    leader: group.roster.leader ?? '',
    members: Array.from(group.roster.values(), (member) => ({
      memberId: member.id,
      instanceId: member.instanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      metadata: isStable ? (metadataFor(member, group.protocol) ?? noBytes) : noBytes,
      assignment: member.assignment,
    })),
  }
}
