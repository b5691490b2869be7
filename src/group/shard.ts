// The groups of one partition of `__consumer_offsets`: each with its members and its offsets. The
// same state is reached by replaying the log, so a record is all that it takes to move it. It
// also answers what of it is live, for rewriting the log, and what has expired. It knows nothing
// of requests, timers or appends.
import { assert } from '../base/assert.ts'
import { ClassicGroup } from './classic/group.ts'
import type { ClassicLimits, Instant, StoredGroup } from './classic/types.ts'
import { GroupOffsets } from './offsets.ts'
import type { GroupRecord } from './records.ts'

/** One group with all that belongs to it. */
export interface GroupEntry {
  readonly groupId: string
  group: ClassicGroup
  readonly offsets: GroupOffsets
  /** The group as the log last got it; null if the log has no record of it. */
  stored: StoredGroup | null
}

/** The state of one partition. */
export class Shard {
  readonly #limits: ClassicLimits
  readonly #entries = new Map<string, GroupEntry>()
  #offsets = 0

  constructor(limits: ClassicLimits) {
    this.#limits = limits
  }

  /** How many groups there are. */
  get size(): number {
    return this.#entries.size
  }

  /** Records that a log with nothing superseded would have, roughly. */
  get liveRecords(): number {
    return this.#entries.size + this.#offsets
  }

  get(groupId: string): GroupEntry | undefined {
    return this.#entries.get(groupId)
  }

  entries(): IterableIterator<GroupEntry> {
    return this.#entries.values()
  }

  /** The group of that name, made if need be: empty and without a protocol. */
  obtain(groupId: string): GroupEntry {
    let entry = this.#entries.get(groupId)
    if (entry === undefined) {
      const group = new ClassicGroup(groupId, this.#limits)
      entry = { groupId, group, offsets: new GroupOffsets(), stored: null }
      this.#entries.set(groupId, entry)
    }
    return entry
  }

  /** Forgets a group; what it still has in the log needs tombstones, see `tombstones`. */
  remove(entry: GroupEntry): void {
    assert(this.#entries.get(entry.groupId) === entry, 'Shard removes a group it does not have')
    this.#offsets -= entry.offsets.size
    this.#entries.delete(entry.groupId)
  }

  /** Follows one record, live or replayed. Members are not rebuilt before `activate`. */
  apply(record: GroupRecord): void {
    if (record.kind === 'group') {
      const entry = this.obtain(record.groupId)
      entry.stored = record.group
      if (record.group === null && entry.offsets.size === 0) this.remove(entry)
      return
    }
    const { groupId, topic, partition, committed } = record
    if (committed === null) {
      const entry = this.#entries.get(groupId)
      if (entry?.offsets.delete(topic, partition) !== true) return
      this.#offsets--
      if (entry.offsets.size === 0 && entry.stored === null && entry.group.isVacant) {
        this.remove(entry)
      }
      return
    }
    const entry = this.obtain(groupId)
    const before = entry.offsets.size
    entry.offsets.set(topic, partition, committed)
    this.#offsets += entry.offsets.size - before
  }

  /** After the last replayed record: every group goes on as it was stored, from `at`. */
  activate(at: Instant): void {
    for (const entry of this.#entries.values()) {
      if (entry.stored === null) continue
      entry.group = ClassicGroup.restore(entry.stored, this.#limits, at)
    }
  }

  /** All live state as records. Groups and offsets may change while it is being iterated. */
  *records(): Generator<GroupRecord, void, undefined> {
    for (const { groupId, stored, offsets } of this.#entries.values()) {
      if (stored !== null) yield { kind: 'group', groupId, group: stored }
      for (const [topic, partitions] of offsets.topics()) {
        for (const [partition, committed] of partitions) {
          yield { kind: 'offset', groupId, topic, partition, committed }
        }
      }
    }
  }

  /** What makes the log forget a group: a tombstone for each thing it has there. */
  tombstones(entry: GroupEntry): GroupRecord[] {
    const { groupId } = entry
    const records: GroupRecord[] = []
    for (const [topic, partitions] of entry.offsets.topics()) {
      for (const partition of partitions.keys()) {
        records.push({ kind: 'offset', groupId, topic, partition, committed: null })
      }
    }
    if (entry.stored !== null) records.push({ kind: 'group', groupId, group: null })
    return records
  }

  /**
   * Forgets the offsets that have expired at wall time `nowMs`, and groups that have nothing left;
   * returns the tombstones to write [O8].
   */
  expire(nowMs: number, retentionMs: number): GroupRecord[] {
    const records: GroupRecord[] = []
    for (const entry of this.#entries.values()) {
      const { groupId, group, offsets } = entry
      for (const { topic, partition } of offsets.expired(group, nowMs, retentionMs)) {
        records.push({ kind: 'offset', groupId, topic, partition, committed: null })
        offsets.delete(topic, partition)
        this.#offsets--
      }
      if (offsets.size > 0 || !group.isVacant) continue
      records.push(...this.tombstones(entry))
      this.remove(entry)
    }
    return records
  }

  /** Forgets all offsets of deleted topics; returns the tombstones to write. */
  forgetTopics(topics: ReadonlySet<string>): GroupRecord[] {
    const records: GroupRecord[] = []
    for (const { groupId, offsets } of this.#entries.values()) {
      for (const topic of topics) {
        for (const partition of offsets.partitionsOf(topic)) {
          records.push({ kind: 'offset', groupId, topic, partition, committed: null })
          offsets.delete(topic, partition)
          this.#offsets--
        }
      }
    }
    return records
  }
}
