// The coordinator of the groups of one partition of `__consumer_offsets`, from the moment this
// broker leads it until it does not. Requests change state at once; an answer that depends on
// state leaves when that state is durable. One timer per group, armed for its earliest deadline.
// A failed append means that memory may be ahead of the log: everybody is sent away and the state
// is loaded anew. It does not know of other partitions.
import { assert } from '../base/assert.ts'
import { ErrorCode } from '../base/error-codes.ts'
import { OperatingError } from '../base/errors.ts'
import type { Cancel } from '../ports/clock.ts'
import { fits, unpackBatches } from './batches.ts'
import type {
  GroupEffect,
  Instant,
  JoinEvent,
  JoinReply,
  MemberIdentity,
  SyncEvent,
  SyncReply,
} from './classic/types.ts'
import { Journal } from './journal.ts'
import type { GroupCounters } from './metrics.ts'
import type { GroupLimits, GroupPorts } from './options.ts'
import { encodeRecord } from './records.ts'
import type { GroupRecord } from './records.ts'
import { Rewrite } from './rewrite.ts'
import { Shard } from './shard.ts'
import type { GroupEntry } from './shard.ts'

/** A JoinGroup without what the coordinator adds. */
export type JoinRequest = Omit<JoinEvent, 'at' | 'ticket' | 'freshMemberId'>
/** A SyncGroup without what the coordinator adds. */
export type SyncRequest = Omit<SyncEvent, 'at' | 'ticket'>

/** What a waiting request is told: its result, or the code with which the partition was lost. */
export type Answer<T> = (code: number, result: T | null) => void

interface Timer {
  readonly dueMs: number
  readonly cancel: Cancel
}

/** What one partition's coordinator shares with the others. */
export interface PartitionShared {
  readonly ports: GroupPorts
  readonly limits: GroupLimits
  readonly counters: GroupCounters
  /** Whether this broker may take one more group. */
  readonly hasRoomForGroup: () => boolean
  /** The partition lost its state to a failed append and must be loaded again, or was fenced. */
  readonly onLost: (partition: number, isFenced: boolean) => void
}

/** The active coordinator of one partition. Made by `load`; `close` ends it. */
export class PartitionCoordinator {
  readonly index: number
  readonly shard: Shard
  readonly #shared: PartitionShared
  readonly #journal: Journal
  readonly #rewrite: Rewrite
  readonly #joins = new Map<number, (reply: JoinReply) => void>()
  readonly #syncs = new Map<number, (reply: SyncReply) => void>()
  readonly #timers = new Map<string, Timer>()
  /** Answers that wait for the log, told the code if it fails. */
  readonly #waiting = new Set<(code: number) => void>()
  #tickets = 0
  #isClosed = false

  private constructor(index: number, shard: Shard, replayed: number, shared: PartitionShared) {
    this.index = index
    this.shard = shard
    this.#shared = shared
    const { ports, limits } = shared
    this.#journal = new Journal({
      clock: ports.clock,
      tools: ports,
      batchBytesMax: limits.batchBytesMax,
      queuedRecordsMax: limits.queuedRecordsMax,
      append: (batch) => ports.log.append(index, batch),
      onFailure: (reason) => this.#fail(reason),
    })
    this.#rewrite = new Rewrite({
      shard,
      journal: this.#journal,
      recordsBefore: replayed,
      recordsMin: limits.rewriteRecordsMin,
      trim: (before) => this.#trim(before),
    })
  }

  /**
   * Replays the partition's log and takes its groups over. `isWanted` is asked between chunks: it
   * answers false once the partition is led by another broker, and null is returned. Throws
   * FormatError on a log that cannot be understood, and whatever the log's reader throws.
   */
  static async load(
    index: number,
    shared: PartitionShared,
    isWanted: () => boolean,
  ): Promise<PartitionCoordinator | null> {
    const { ports, limits } = shared
    const shard = new Shard(limits)
    let replayed = 0
    for await (const chunk of ports.log.read(index, 0)) {
      if (!isWanted()) return null
      for (const record of unpackBatches(chunk, ports.compression, limits.batchBytesMax)) {
        shard.apply(record)
        replayed++
      }
    }
    if (!isWanted()) return null
    const partition = new PartitionCoordinator(index, shard, replayed, shared)
    shard.activate(partition.now())
    for (const entry of shard.entries()) partition.#arm(entry)
    return partition
  }

  now(): Instant {
    const { clock } = this.#shared.ports
    return { monotonicMs: clock.monotonicMs(), wallMs: clock.wallMs() }
  }

  /** Whether so much waits for the log that a change must be refused. */
  get isFull(): boolean {
    return this.#journal.isFull
  }

  /** The group, made if need be; null when there are too many. */
  obtain(groupId: string): GroupEntry | null {
    const entry = this.shard.get(groupId)
    if (entry !== undefined) return entry
    return this.#shared.hasRoomForGroup() ? this.shard.obtain(groupId) : null
  }

  join(entry: GroupEntry, request: JoinRequest, done: (reply: JoinReply) => void): void {
    const ticket = ++this.#tickets
    this.#joins.set(ticket, done)
    const prefix = request.instanceId ?? request.clientId
    const freshMemberId = `${prefix}-${this.#shared.ports.crypto.uuid()}`
    this.#follow(entry, entry.group.join({ ...request, at: this.now(), ticket, freshMemberId }))
  }

  sync(entry: GroupEntry, request: SyncRequest, done: (reply: SyncReply) => void): void {
    const ticket = ++this.#tickets
    this.#syncs.set(ticket, done)
    this.#follow(entry, entry.group.sync({ ...request, at: this.now(), ticket }))
  }

  leave(entry: GroupEntry, leaving: readonly MemberIdentity[]): readonly number[] {
    const { codes, effects } = entry.group.leave(leaving, this.now())
    this.#follow(entry, effects)
    return codes
  }

  /** Makes changes of state durable; they have been applied already. */
  write(records: readonly GroupRecord[]): void {
    if (records.length === 0) return
    this.#journal.append(records.map(encodeRecord))
    this.#rewrite.consider()
  }

  /** Calls `run` with 0 once all state is durable, or with the code with which it was lost. */
  whenDurable(run: (code: number) => void): void {
    this.#waiting.add(run)
    this.#journal.whenDurable(() => {
      if (this.#waiting.delete(run)) run(ErrorCode.NONE)
    })
  }

  /** Keeps timer and existence of a group right after its offsets or sessions changed. */
  settle(entry: GroupEntry): void {
    this.#follow(entry, [])
  }

  /** Forgets what has expired. */
  expire(): void {
    const { limits } = this.#shared
    const records = this.shard.expire(this.now().wallMs, limits.offsetsRetentionMs)
    for (const groupId of this.#timers.keys()) {
      if (this.shard.get(groupId) === undefined) this.#disarm(groupId)
    }
    this.#shared.counters.expired.value += records.length
    this.write(records)
  }

  /** Forgets all offsets of deleted topics. */
  forgetTopics(topics: ReadonlySet<string>): void {
    const records = this.shard.forgetTopics(topics)
    this.write(records)
    for (const groupId of new Set(records.map((record) => record.groupId))) {
      const entry = this.shard.get(groupId)
      if (entry !== undefined) this.settle(entry)
    }
  }

  /** Removes a group with its offsets; the log is told. */
  delete(entry: GroupEntry): void {
    const records = this.shard.tombstones(entry)
    this.shard.remove(entry)
    this.#disarm(entry.groupId)
    this.#follow(entry, entry.group.end(ErrorCode.GROUP_ID_NOT_FOUND, this.now()))
    this.write(records)
  }

  /** Sends everybody away with `code`; nothing is written any more. */
  close(code: number): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#journal.close()
    for (const { cancel } of this.#timers.values()) cancel()
    this.#timers.clear()
    for (const { group } of this.shard.entries()) this.#answer(group.end(code, this.now()))
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const run of waiting) run(code)
    assert(this.#joins.size === 0, 'A partition closes with joins unanswered')
    assert(this.#syncs.size === 0, 'A partition closes with syncs unanswered')
  }

  /** Does what a group asked for, keeps its timer right, and drops it if nothing is left of it. */
  #follow(entry: GroupEntry, effects: readonly GroupEffect[]): void {
    for (const effect of effects) {
      if (effect.kind === 'store') this.#store(entry, effect)
    }
    this.#answer(effects)
    const present = this.shard.get(entry.groupId)
    if (present === undefined) this.#disarm(entry.groupId)
    if (present !== entry) return
    const isBare = entry.stored === null && entry.offsets.size === 0
    if (isBare && entry.group.isVacant) {
      this.shard.remove(entry)
      this.#disarm(entry.groupId)
    } else this.#arm(entry)
  }

  #answer(effects: readonly GroupEffect[]): void {
    for (const effect of effects) {
      if (effect.kind === 'joined') {
        const done = this.#joins.get(effect.ticket)
        this.#joins.delete(effect.ticket)
        assert(done !== undefined, 'A join is answered twice')
        done(effect.reply)
      } else if (effect.kind === 'synced') {
        const done = this.#syncs.get(effect.ticket)
        this.#syncs.delete(effect.ticket)
        assert(done !== undefined, 'A sync is answered twice')
        done(effect.reply)
      }
    }
  }

  #store(entry: GroupEntry, effect: GroupEffect & { readonly kind: 'store' }): void {
    const { groupId } = entry
    const record = encodeRecord({ kind: 'group', groupId, group: effect.group })
    const { token } = effect
    if (!fits(record, this.#shared.limits.batchBytesMax)) {
      const code = ErrorCode.UNKNOWN_SERVER_ERROR
      this.#shared.counters.refusedStores.value++
      // Told in a turn of its own: the group is still in the midst of this one.
      this.#shared.ports.clock.turn(() => {
        if (this.#isClosed) return
        this.#follow(entry, entry.group.storeRefused(token, code, this.now()))
      })
      return
    }
    entry.stored = effect.group
    this.#shared.counters.stores.value++
    this.#journal.append([record])
    this.#journal.whenDurable(() => this.#follow(entry, entry.group.stored(token, this.now())))
    this.#rewrite.consider()
  }

  #arm(entry: GroupEntry): void {
    const { groupId, group } = entry
    const dueMs = group.earliestMs
    const timer = this.#timers.get(groupId)
    if (timer !== undefined && timer.dueMs <= dueMs) return
    timer?.cancel()
    if (dueMs === Number.POSITIVE_INFINITY) return
    const { clock } = this.#shared.ports
    const delayMs = Math.max(0, dueMs - clock.monotonicMs())
    const cancel = clock.after(delayMs, () => this.#fire(entry, dueMs))
    this.#timers.set(groupId, { dueMs, cancel })
  }

  #disarm(groupId: string): void {
    this.#timers.get(groupId)?.cancel()
    this.#timers.delete(groupId)
  }

  #fire(entry: GroupEntry, dueMs: number): void {
    assert(!this.#isClosed, 'A timer fires in a partition that is closed')
    this.#timers.delete(entry.groupId)
    assert(this.shard.get(entry.groupId) === entry, 'A timer outlives its group')
    const at = this.now()
    const lateMs = at.monotonicMs - dueMs
    const { lateTimerMs } = this.#shared.limits
    if (lateMs > lateTimerMs) {
      this.#shared.counters.lateTimers.value++
      entry.group.forgive(lateMs + lateTimerMs, at)
    }
    this.#follow(entry, entry.group.expire(at))
  }

  #trim(before: number): void {
    const { log, telemetry } = this.#shared.ports
    log.trim(this.index, before).then(
      () => telemetry.log('info', 'group.log.trimmed', { partition: this.index, before }),
      // Only room is lost: the next rewrite trims further.
      (cause: unknown) =>
        telemetry.log('warn', 'group.log.trim-failed', { partition: this.index, cause }),
    )
  }

  #fail(reason: unknown): void {
    const kind = reason instanceof OperatingError ? reason.kind : 'broken'
    const isFenced = kind === 'fenced' || kind === 'closed'
    const { telemetry } = this.#shared.ports
    telemetry.log('warn', 'group.append-failed', { partition: this.index, kind, cause: reason })
    this.close(isFenced ? ErrorCode.NOT_COORDINATOR : ErrorCode.COORDINATOR_NOT_AVAILABLE)
    this.#shared.onLost(this.index, isFenced)
  }
}
