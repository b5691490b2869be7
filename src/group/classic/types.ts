// The words of the classic group protocol (KIP-62, KIP-345, KIP-394): states, what comes into the
// state machine and what comes out. Time and new member ids are arguments, waiting requests are
// tickets, and anything that must be durable is a `store` effect. Nothing here knows of promises,
// clocks, connections or how a record is laid out.

/** State of a classic group, spelled as Kafka's admin clients show it. */
export type GroupState = 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable' | 'Dead'

/** One moment, seen on both clocks: monotonic for deadlines, wall time for what is stored. */
export interface Instant {
  readonly monotonicMs: number
  readonly wallMs: number
}

/** A protocol (assignor) that a member offers; `metadata` is opaque and never rewritten. */
export interface GroupProtocol {
  readonly name: string
  readonly metadata: Uint8Array
}

/** A JoinGroup request. The group keeps the byte arrays, so they must not be borrowed views. */
export interface JoinEvent {
  readonly at: Instant
  /** Names the request that waits; answered exactly once by a `joined` effect. */
  readonly ticket: number
  /** "" for a member that has no id yet. */
  readonly memberId: string
  /** Set for static members (KIP-345). */
  readonly instanceId: string | null
  /** The id to give if the group hands out a new one. */
  readonly freshMemberId: string
  readonly clientId: string
  readonly clientHost: string
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  readonly protocolType: string
  readonly protocols: readonly GroupProtocol[]
  /** From version 4 a dynamic member must come back with the id it was given (KIP-394). */
  readonly memberIdRequired: boolean
  /** From version 9 a rejoining static leader can be told to skip the assignment (KIP-814). */
  readonly canSkipAssignment: boolean
}

/** One member as the leader sees it. */
export interface JoinedMember {
  readonly memberId: string
  readonly instanceId: string | null
  readonly metadata: Uint8Array
}

/** Answer to a JoinGroup. */
export interface JoinReply {
  readonly code: number
  readonly memberId: string
  /** -1 with an error. */
  readonly generation: number
  readonly protocolType: string | null
  readonly protocol: string | null
  /** "" with an error. */
  readonly leader: string
  readonly skipAssignment: boolean
  /** Everybody for the leader, nobody for the others. */
  readonly members: readonly JoinedMember[]
}

/** A SyncGroup request. The group keeps the assignments' bytes. */
export interface SyncEvent {
  readonly at: Instant
  /** Names the request that waits; answered exactly once by a `synced` effect. */
  readonly ticket: number
  readonly memberId: string
  readonly instanceId: string | null
  readonly generation: number
  /** null below version 5: not compared. */
  readonly protocolType: string | null
  readonly protocol: string | null
  /** What the leader assigned; empty from followers. */
  readonly assignments: ReadonlyMap<string, Uint8Array>
}

/** Answer to a SyncGroup. */
export interface SyncReply {
  readonly code: number
  readonly protocolType: string | null
  readonly protocol: string | null
  readonly assignment: Uint8Array
}

/** Who speaks: heartbeats, leaves and commits carry it. */
export interface MemberIdentity {
  readonly memberId: string
  readonly instanceId: string | null
}

/** One member as it is stored. */
export interface StoredMember extends MemberIdentity {
  readonly clientId: string
  readonly clientHost: string
  readonly rebalanceTimeoutMs: number
  readonly sessionTimeoutMs: number
  readonly subscription: Uint8Array
  readonly assignment: Uint8Array
}

/** A group as it is stored: all that a new coordinator needs to go on without a rebalance. */
export interface StoredGroup {
  readonly groupId: string
  /** "" for a group that never had members. */
  readonly protocolType: string
  readonly generation: number
  readonly protocol: string | null
  readonly leader: string | null
  /** Wall time of the last change of state; -1 when unknown. */
  readonly stateTimestampMs: number
  readonly members: readonly StoredMember[]
}

/** What the driver has to do, in order. */
export type GroupEffect =
  | { readonly kind: 'joined'; readonly ticket: number; readonly reply: JoinReply }
  | { readonly kind: 'synced'; readonly ticket: number; readonly reply: SyncReply }
  /** Make the group durable, then call `stored(token)`; `storeRefused(token)` if it cannot. */
  | { readonly kind: 'store'; readonly token: number; readonly group: StoredGroup }

/** The bounds and delays of classic groups; the values come from the settings. */
export interface ClassicLimits {
  /** Members of one group; one more gets GROUP_MAX_SIZE_REACHED. */
  readonly membersMax: number
  /** Ids handed out by MEMBER_ID_REQUIRED that have not come back. */
  readonly pendingJoinsMax: number
  /** How long the first rebalance of an empty group waits for more members. */
  readonly initialDelayMs: number
  /** How long a new member may wait for its first JoinGroup answer before it counts as gone. */
  readonly newMemberJoinTimeoutMs: number
}

/** One member for DescribeGroups and the command line. */
export interface MemberDescription extends MemberIdentity {
  readonly clientId: string
  readonly clientHost: string
  readonly metadata: Uint8Array
  readonly assignment: Uint8Array
}

/** A group for DescribeGroups and the command line. */
export interface GroupDescription {
  readonly groupId: string
  readonly state: GroupState
  readonly protocolType: string
  /** "" unless Stable. */
  readonly protocol: string
  readonly generation: number
  readonly leader: string
  readonly members: readonly MemberDescription[]
}

const NO_BYTES = new Uint8Array(0)

/** Zero bytes, shared. */
export const noBytes: Uint8Array = NO_BYTES

/** The answer to a JoinGroup that failed. */
export const joinFailed = (code: number, memberId: string): JoinReply => ({
  code,
  memberId,
  generation: -1,
  protocolType: null,
  protocol: null,
  leader: '',
  skipAssignment: false,
  members: [],
})

/** The answer to a SyncGroup that failed. */
export const syncFailed = (code: number): SyncReply => ({
  code,
  protocolType: null,
  protocol: null,
  assignment: NO_BYTES,
})
