// The group coordinator of one broker: which partitions of `__consumer_offsets` it leads, and the
// way of each request to the one that keeps the group. Every answer is a value with a code. While
// a partition loads its groups answer COORDINATOR_LOAD_IN_PROGRESS, elsewhere NOT_COORDINATOR
// [G19]. Offsets have a file of their own; the wire's messages are the handlers' business.
import { assert } from '../base/assert.ts'
import { ErrorCode } from '../base/error-codes.ts'
import type { Cancel } from '../ports/clock.ts'
import { joinFailed, syncFailed } from './classic/types.ts'
import type { GroupDescription, JoinReply, MemberIdentity, SyncReply } from './classic/types.ts'
import { partitionFor } from './hash.ts'
import { groupCounters } from './metrics.ts'
import type { GroupCounters } from './metrics.ts'
import { checkDelete } from './offsets.ts'
import type { GroupLimits, GroupPorts } from './options.ts'
import { PartitionCoordinator } from './partition.ts'
import type { JoinRequest, PartitionShared, SyncRequest } from './partition.ts'
import type { GroupEntry } from './shard.ts'

/** Longest name (UTF-16 units) of a member, instance or protocol: it fits a stored text. */
const NAME_MAX = 10_000

/** Where a partition stands on this broker. Every take-over has a slot of its own. */
interface Slot {
  state: 'loading' | 'failed' | PartitionCoordinator
  retry: Cancel | null
}

/** One group in a listing. */
export interface ListedGroup {
  readonly groupId: string
  readonly protocolType: string
  readonly state: string
}

/** Answer to a LeaveGroup. */
export interface LeaveReply {
  /** For the request as a whole. */
  readonly code: number
  /** One code for each identity; empty when the whole failed. */
  readonly codes: readonly number[]
}

/** The coordinator of all groups on this broker. */
export class GroupCoordinator {
  readonly limits: GroupLimits
  readonly counters: GroupCounters
  readonly #ports: GroupPorts
  readonly #shared: PartitionShared
  readonly #slots = new Map<number, Slot>()
  #cancelExpiry: Cancel | null = null
  #isClosed = false

  constructor(limits: GroupLimits, ports: GroupPorts) {
    this.limits = limits
    this.counters = groupCounters(ports.telemetry)
    this.#ports = ports
    this.#shared = {
      ports,
      limits,
      counters: this.counters,
      hasRoomForGroup: () => this.groupCount < limits.groupsMax,
      onLost: (index, isFenced) => this.#lost(index, isFenced),
    }
  }

  /** Registers the gauges and begins to look for what has expired. */
  start(): void {
    this.#ports.telemetry.gauge('stratalog_groups', 'Groups on this broker by state', () =>
      this.#countStates(),
    )
    this.#planExpiry()
  }

  /** Groups on this broker. */
  get groupCount(): number {
    let count = 0
    for (const partition of this.#active()) count += partition.shard.size
    return count
  }

  /** The partition of `__consumer_offsets` that keeps `groupId` [G18]. */
  partitionFor(groupId: string): number {
    return partitionFor(groupId, this.limits.offsetsPartitions)
  }

  /** This broker leads the partition now: loads it; requests are sent away until that is done. */
  lead(index: number): void {
    assert(index >= 0 && index < this.limits.offsetsPartitions, 'No such partition of groups')
    if (this.#isClosed || this.#slots.has(index)) return
    const slot: Slot = { state: 'loading', retry: null }
    this.#slots.set(index, slot)
    this.#load(index, slot)
  }

  /** This broker does not lead the partition any more: everybody is sent to the new one. */
  resign(index: number): void {
    const slot = this.#slots.get(index)
    if (slot === undefined) return
    this.#slots.delete(index)
    slot.retry?.()
    if (slot.state instanceof PartitionCoordinator) slot.state.close(ErrorCode.NOT_COORDINATOR)
  }

  /** Ends everything; requests that wait are sent away. */
  close(): void {
    this.#isClosed = true
    this.#cancelExpiry?.()
    for (const index of [...this.#slots.keys()]) this.resign(index)
  }

  /** The active coordinator of a group, or the code to answer with. */
  locate(groupId: string): PartitionCoordinator | number {
    if (this.#isClosed) return ErrorCode.COORDINATOR_NOT_AVAILABLE
    const slot = this.#slots.get(this.partitionFor(groupId))
    if (slot === undefined) return ErrorCode.NOT_COORDINATOR
    if (slot.state === 'loading') return ErrorCode.COORDINATOR_LOAD_IN_PROGRESS
    if (slot.state === 'failed') return ErrorCode.COORDINATOR_NOT_AVAILABLE
    return slot.state
  }

  /** The active coordinators of this broker. */
  partitions(): readonly PartitionCoordinator[] {
    return [...this.#active()]
  }

  /** Answers when the joining phase ends, or at once with an error. Byte arrays are kept. */
  join(groupId: string, request: JoinRequest): Promise<JoinReply> | JoinReply {
    const { memberId } = request
    if (groupId === '' || groupId.length > this.limits.groupIdLengthMax) {
      return joinFailed(ErrorCode.INVALID_GROUP_ID, memberId)
    }
    const { sessionTimeoutMinMs, sessionTimeoutMaxMs } = this.limits
    const { sessionTimeoutMs } = request
    if (sessionTimeoutMs < sessionTimeoutMinMs || sessionTimeoutMs > sessionTimeoutMaxMs) {
      return joinFailed(ErrorCode.INVALID_SESSION_TIMEOUT, memberId)
    }
    if (!areNames(request)) return joinFailed(ErrorCode.INVALID_REQUEST, memberId)
    const partition = this.locate(groupId)
    if (typeof partition === 'number') return joinFailed(partition, memberId)
    if (partition.isFull) return joinFailed(ErrorCode.COORDINATOR_NOT_AVAILABLE, memberId)
    // Only a member without an id may bring a group into being.
    const entry = memberId === '' ? partition.obtain(groupId) : partition.shard.get(groupId)
    if (entry === undefined) return joinFailed(ErrorCode.UNKNOWN_MEMBER_ID, memberId)
    if (entry === null) return joinFailed(ErrorCode.COORDINATOR_NOT_AVAILABLE, memberId)
    return new Promise((resolve) => partition.join(entry, request, resolve))
  }

  /** Answers when the leader's assignment is durable, or at once. Byte arrays are kept. */
  sync(groupId: string, request: SyncRequest): Promise<SyncReply> | SyncReply {
    const found = this.#find(groupId)
    if (typeof found === 'number') return syncFailed(found)
    const { partition, entry } = found
    if (entry === undefined) return syncFailed(ErrorCode.UNKNOWN_MEMBER_ID)
    return new Promise((resolve) => partition.sync(entry, request, resolve))
  }

  /** The code for a Heartbeat. While loading it is 0: the member is not known to be gone. */
  heartbeat(groupId: string, who: MemberIdentity, generation: number): number {
    const found = this.#find(groupId)
    if (found === ErrorCode.COORDINATOR_LOAD_IN_PROGRESS) return ErrorCode.NONE
    if (typeof found === 'number') return found
    const { partition, entry } = found
    if (entry === undefined) return ErrorCode.UNKNOWN_MEMBER_ID
    // A heartbeat only moves a deadline further away, so that the group's timer stays right.
    return entry.group.heartbeat(who, generation, partition.now())
  }

  /** Answers once the departure is durable, if it has to be. */
  leave(groupId: string, leaving: readonly MemberIdentity[]): Promise<LeaveReply> | LeaveReply {
    const found = this.#find(groupId)
    if (typeof found === 'number') return { code: found, codes: [] }
    const { partition, entry } = found
    const unknown = ErrorCode.UNKNOWN_MEMBER_ID
    if (entry === undefined) return { code: ErrorCode.NONE, codes: leaving.map(() => unknown) }
    const codes = partition.leave(entry, leaving)
    return new Promise((resolve) => {
      partition.whenDurable((code) => resolve({ code, codes: code === 0 ? codes : [] }))
    })
  }

  /** A group's members and state; null when there is no such group. A number is the code. */
  describe(groupId: string): GroupDescription | null | number {
    const partition = this.locate(groupId)
    if (typeof partition === 'number') return partition
    return partition.shard.get(groupId)?.group.describe() ?? null
  }

  /** All groups of this broker; COORDINATOR_LOAD_IN_PROGRESS while one of its partitions loads. */
  list(): readonly ListedGroup[] | number {
    if (this.#isClosed) return ErrorCode.COORDINATOR_NOT_AVAILABLE
    const groups: ListedGroup[] = []
    for (const { state } of this.#slots.values()) {
      if (state === 'loading') return ErrorCode.COORDINATOR_LOAD_IN_PROGRESS
      if (state === 'failed') return ErrorCode.COORDINATOR_NOT_AVAILABLE
      for (const { groupId, group } of state.shard.entries()) {
        groups.push({ groupId, protocolType: group.protocolType ?? '', state: group.state })
      }
    }
    return groups
  }

  /** Deletes a group that has no members, with its offsets; answers once that is durable [G22]. */
  delete(groupId: string): Promise<number> | number {
    const partition = this.locate(groupId)
    if (typeof partition === 'number') return partition
    const entry = partition.shard.get(groupId)
    if (entry === undefined) return ErrorCode.GROUP_ID_NOT_FOUND
    const code = checkDelete(entry.group)
    if (code !== ErrorCode.NONE) return code
    if (partition.isFull) return ErrorCode.COORDINATOR_NOT_AVAILABLE
    partition.delete(entry)
    return new Promise((resolve) => partition.whenDurable(resolve))
  }

  /** Forgets all offsets of deleted topics. */
  topicsDeleted(topics: ReadonlySet<string>): void {
    for (const partition of this.#active()) partition.forgetTopics(topics)
  }

  #find(
    groupId: string,
  ): { partition: PartitionCoordinator; entry: GroupEntry | undefined } | number {
    if (groupId === '') return ErrorCode.INVALID_GROUP_ID
    const partition = this.locate(groupId)
    if (typeof partition === 'number') return partition
    return { partition, entry: partition.shard.get(groupId) }
  }

  *#active(): Generator<PartitionCoordinator, void, undefined> {
    for (const { state } of this.#slots.values()) {
      if (state instanceof PartitionCoordinator) yield state
    }
  }

  #load(index: number, slot: Slot): void {
    const { telemetry, clock } = this.#ports
    slot.state = 'loading'
    slot.retry = null
    const beganMs = clock.monotonicMs()
    const isWanted = (): boolean => this.#slots.get(index) === slot
    PartitionCoordinator.load(index, this.#shared, isWanted).then(
      (partition) => {
        if (partition === null) return
        if (!isWanted()) return partition.close(ErrorCode.NOT_COORDINATOR)
        slot.state = partition
        const ms = clock.monotonicMs() - beganMs
        const groups = partition.shard.size
        telemetry.log('info', 'group.loaded', { partition: index, groups, ms })
      },
      (cause: unknown) => {
        if (!isWanted()) return
        telemetry.log('error', 'group.load-failed', { partition: index, cause })
        this.#retry(index, slot)
      },
    )
  }

  #retry(index: number, slot: Slot): void {
    slot.state = 'failed'
    slot.retry = this.#ports.clock.after(this.limits.reloadDelayMs, () => this.#load(index, slot))
  }

  #lost(index: number, isFenced: boolean): void {
    const slot = this.#slots.get(index)
    if (slot === undefined) return
    // Fenced: another broker leads. Forgotten here, so that a later `lead` begins afresh.
    if (isFenced) this.#slots.delete(index)
    else this.#retry(index, slot)
  }

  #planExpiry(): void {
    this.#cancelExpiry = this.#ports.clock.after(this.limits.expiryIntervalMs, () => {
      for (const partition of this.partitions()) partition.expire()
      this.#planExpiry()
    })
  }

  #countStates(): Iterable<readonly [Readonly<Record<string, string>>, number]> {
    const counts = new Map<string, number>()
    for (const partition of this.#active()) {
      for (const { group } of partition.shard.entries()) {
        counts.set(group.state, (counts.get(group.state) ?? 0) + 1)
      }
    }
    return Array.from(counts, ([state, count]) => [{ state }, count] as const)
  }
}

const isName = (text: string): boolean => text.length <= NAME_MAX

const areNames = (request: JoinRequest): boolean =>
  isName(request.memberId) &&
  isName(request.instanceId ?? '') &&
  isName(request.clientId) &&
  isName(request.protocolType) &&
  request.protocols.every(({ name }) => isName(name))
