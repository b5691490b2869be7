// One round over one partition, in steps that whoever runs it may pause between or end at: first
// the newest offset of each dirty key is noted, as far as the map has room; then all segments below
// that are written anew, neighbours together, and replaced one group after the other, oldest first.
// A round that ends early leaves what it has replaced, which is as good as before and smaller.
import { OperatingError } from '../../base/errors.ts'
import { offset } from '../../base/units.ts'
import type { Offset } from '../../base/units.ts'
import type { Crypto } from '../../ports/crypto.ts'
import { RecordCursor } from '../../record/cursor.ts'
import * as header from '../../record/header.ts'
import { recordsSection } from '../../record/section.ts'
import type { RecordTools } from '../../record/section.ts'
import type { PartitionLog } from '../partition-log.ts'
import type { Segment } from '../segment.ts'
import { CleanedFile } from './cleaned-file.ts'
import { DECOMPRESSED_MAX, filterBatch } from './filter.ts'
import type { KeepRules } from './filter.ts'
import { OffsetMap } from './offset-map.ts'
import { groupSegments } from './plan.ts'
import type { CompactionPlan, CompactionSegment } from './plan.ts'
import { holdsAll, replaceSegments } from './replace.ts'
import { SegmentWalk, WINDOW_BYTES, WalkMemory } from './segment-walk.ts'

/** What a round works with. */
export interface CleanerTools extends RecordTools {
  readonly crypto: Crypto
}

/** How a round goes. */
export interface CleanOptions {
  /** Memory of the map of keys, in bytes. */
  readonly mapBytesMax: number
  /** Share of the map that may be filled. */
  readonly mapLoadFactor: number
  /** Time by which tombstones go, ms since 1970: never ahead of the wall clock. */
  readonly nowMs: number
  /** Milliseconds since 1970, from which the horizon of new tombstones is counted. */
  readonly wallMs: number
}

/** What a round has done so far. */
export interface CleanStats {
  bytesRead: number
  bytesWritten: number
  recordsRemoved: number
  /** Bytes of batches of the segments that were replaced, and of those that replaced them. */
  bytesBefore: number
  bytesAfter: number
  /** Everything below is clean. */
  cleanedTo: number
}

/** Before a round. */
export const noStats = (): CleanStats => ({
  bytesRead: 0,
  bytesWritten: 0,
  recordsRemoved: 0,
  bytesBefore: 0,
  bytesAfter: 0,
  cleanedTo: 0,
})

/** How a segment looks to the plan. */
export const viewOf = (segment: Segment): CompactionSegment & { readonly segment: Segment } => ({
  segment,
  base: segment.base,
  end: segment.end,
  dataLength: segment.dataLength,
  maxTimestamp: segment.maxTimestamp,
  footer: segment.sealed?.footer ?? null,
})

/** Compacts one partition once. */
export class Cleaner {
  readonly stats: CleanStats = noStats()
  readonly #log: PartitionLog
  readonly #plan: CompactionPlan
  readonly #tools: CleanerTools
  readonly #options: CleanOptions
  readonly #memory = new WalkMemory()

  constructor(log: PartitionLog, plan: CompactionPlan, tools: CleanerTools, options: CleanOptions) {
    this.#log = log
    this.#plan = plan
    this.#tools = tools
    this.#options = options
  }

  /**
   * The steps of the round; each reads and writes about WINDOW_BYTES, and whoever takes no more of
   * them must `return` it, so that nothing is left behind. Throws `corrupt` or FormatError for
   * damage and what else the disk says; the segments that were not replaced are as they were.
   */
  async *steps(): AsyncGenerator<void, void, void> {
    const { end } = this.#plan
    const map = this.#newMap()
    const mapEnd = yield* this.#fill(map)
    const segments = this.#log.segments.filter(
      (segment) => segment.sealed !== null && segment.end <= end && segment.base < mapEnd,
    )
    const limits = { bytesMax: this.#log.settings.segmentBytes }
    const groups = groupSegments(segments.map(viewOf), limits)
    const last = segments.at(-1)
    if (last === undefined) return
    for (const group of groups) {
      const sources = group.map(({ segment }) => segment)
      const isReplaced = yield* this.#rewrite(sources, this.#rules(map, mapEnd, last.end))
      if (!isReplaced) return
    }
    this.stats.cleanedTo = mapEnd
  }

  #newMap(): OffsetMap {
    let keysMax = 0
    for (const { sealed, end } of this.#log.segments) {
      const isDirty = end > this.#plan.firstDirty && end <= this.#plan.end
      if (isDirty) keysMax += sealed?.footer.recordCount ?? 0
    }
    const { mapBytesMax: bytesMax, mapLoadFactor: loadFactor } = this.#options
    return new OffsetMap(this.#tools.crypto, { bytesMax, loadFactor, keysMax })
  }

  /** Notes the keys of the dirty records; returns the exclusive end of those that had room. */
  async *#fill(map: OffsetMap): AsyncGenerator<void, Offset, void> {
    const { firstDirty, end } = this.#plan
    let mapEnd = firstDirty
    for (const segment of [...this.#log.segments]) {
      if (segment.end <= firstDirty || segment.end > end || segment.sealed === null) continue
      const walk = this.#walk(segment)
      let told = 0
      while (await walk.next()) {
        const full = this.#note(walk.bytes, walk.at, map)
        if (full !== null) return full
        if (walk.bytesRead - told < WINDOW_BYTES) continue
        this.stats.bytesRead += walk.bytesRead - told
        told = walk.bytesRead
        yield
      }
      this.stats.bytesRead += walk.bytesRead - told
      mapEnd = segment.end
      yield
    }
    return mapEnd
  }

  #walk(segment: Segment): SegmentWalk {
    // Retention may take what this round is reading.
    if (segment.removed)
      throw new OperatingError('closed', `Cannot read ${segment.path}: it is gone`)
    return new SegmentWalk(segment, this.#tools.crypto, this.#memory)
  }

  /** Notes the keys of one batch; the offset of the first that had no room, or null. */
  #note(bytes: Uint8Array, at: number, map: OffsetMap): Offset | null {
    if (header.isControl(bytes, at) || header.isTransactional(bytes, at)) return null
    if (header.nextOffset(bytes, at) <= this.#plan.firstDirty) return null
    const { compression } = this.#tools
    const source = { compression, decompressedMax: DECOMPRESSED_MAX }
    const cursor = new RecordCursor(recordsSection(bytes, at, source))
    const base = header.baseOffset(bytes, at)
    while (cursor.next()) {
      const record = base + cursor.offsetDelta
      const key = cursor.key()
      if (record < this.#plan.firstDirty || key === null) continue
      if (!map.put(key, record)) return offset(record)
    }
    return null
  }

  #rules(map: OffsetMap, mapEnd: Offset, roundEnd: Offset): KeepRules {
    const { nowMs, wallMs } = this.#options
    const retentionMs = this.#log.settings.compaction?.deleteRetentionMs ?? 0
    const lastOfProducers = new Set<number>()
    for (const entry of this.#log.state.producers.parts.entries) {
      if (entry.count > 0) lastOfProducers.add(entry.endOffsetAt(entry.count - 1))
    }
    return {
      newest: map,
      mapEnd,
      nowMs,
      horizonMs: Math.min(wallMs + retentionMs, Number.MAX_SAFE_INTEGER),
      // The last batch of the round stays, so that readers come to the end of the offsets.
      mustStay: (bytes, at) => {
        const end = header.nextOffset(bytes, at)
        if (end === roundEnd) return true
        return header.producerId(bytes, at) >= 0 && lastOfProducers.has(end)
      },
    }
  }

  /** Writes one file for a group and replaces it; false when the log has let go of some of it. */
  async *#rewrite(
    sources: readonly Segment[],
    rules: KeepRules,
  ): AsyncGenerator<void, boolean, void> {
    const { host, identity } = this.#log
    const { stats } = this
    if (!holdsAll(this.#log, sources)) return false
    const file = new CleanedFile(host, identity, sources)
    let isReplaced = false
    let removed = 0
    try {
      await file.begin()
      for (const segment of sources) {
        const walk = this.#walk(segment)
        let told = 0
        while (await walk.next()) {
          const { bytes, at, length } = walk
          const left = filterBatch(bytes, at, length, rules, this.#tools)
          removed += left.removed
          if (left.bytes !== null) await file.append(left.bytes)
          if (walk.bytesRead - told < WINDOW_BYTES) continue
          stats.bytesRead += walk.bytesRead - told
          told = walk.bytesRead
          yield
        }
        stats.bytesRead += walk.bytesRead - told
        yield
      }
      const cleanedTo = offset(Math.min(rules.mapEnd, file.end))
      const made = await file.finish(cleanedTo)
      stats.bytesWritten += file.bytesWritten
      yield
      isReplaced = await replaceSegments(this.#log, sources, file, made)
      if (isReplaced) {
        stats.recordsRemoved += removed
        stats.bytesAfter += made.dataLength
        for (const { dataLength } of sources) stats.bytesBefore += dataLength
      }
    } finally {
      // What could not be removed now is removed by the next opening.
      if (!isReplaced) await file.discard().catch(() => undefined)
    }
    return isReplaced
  }
}
