// Walks stored batches and says how far they can be trusted. What follows the first invalid byte
// decides what that byte means: nothing valid behind it is a torn tail, which may be cut; a valid
// batch further on is corruption, which may not.
//
// A batch's first 21 bytes lie outside its CRC and only continuity protects them here; the index's
// prefix CRCs do the rest once a segment is sealed. A value that holds batches of its own, made to
// continue the log, can make a torn tail look like corruption: the safe side, since it is repaired.
import { assert } from '../../base/assert.ts'
import { OperatingError } from '../../base/errors.ts'
import {
  alignDown,
  alignUp,
  leaderEpoch,
  offset,
  type LeaderEpoch,
  type Offset,
} from '../../base/units.ts'
import type { Crypto } from '../../ports/crypto.ts'
import { DIRECT_ALIGNMENT, pageAlignedPiece, type DiskFile } from '../../ports/disk.ts'
import {
  BATCH_BYTES_MAX,
  BatchFault,
  checkBatch,
  checkHeader,
  type Continuity,
} from './batch-check.ts'
import {
  BATCH_HEADER_BYTES,
  baseOffsetOf,
  batchBytesOf,
  lastOffsetDeltaOf,
  leaderEpochOf,
} from './batch-view.ts'

/** Bytes read at once. */
const WINDOW_BYTES = 1 << 20
/** Bytes of candidates whose CRC is computed in one scan's searches for valid batches. */
const RESYNC_BYTES_MAX = 2 ** 30
/** Gaps listed in one result; a scan stops at the first one above it. */
const GAPS_MAX = 1_000
/** The largest step of offsets that a search for the next valid batch believes. */
const RESYNC_OFFSETS_MAX = 2 ** 40
/** Where the magic byte stands in a batch. */
const MAGIC_POSITION = 16

/** Called for every valid batch: `bytes[at, at + length)` is borrowed until it returns. */
export type BatchVisitor = (
  bytes: Uint8Array,
  at: number,
  length: number,
  /** Position of the batch in the file. */
  position: number,
) => void

/** A damaged range of a file with valid batches behind it (or none found within the limits). */
export interface ScanGap {
  /** Bytes `[from, to)` that belong to no valid batch. */
  readonly from: number
  readonly to: number
  /**
   * Offsets `[fromOffset, toOffset)` that are missing with them; equal when the end is unknown.
   * With an `epoch` fault it may be the batch just before whose epoch is damaged.
   */
  readonly fromOffset: Offset
  readonly toOffset: Offset
  readonly fault: BatchFault
}

/** How a scan ended. */
export interface ScanResult {
  /**
   * `clean`: batches up to the limit, or only zeros behind them. `torn`: invalid bytes and nothing
   * valid behind: cut at `end`. `corrupt`: invalid bytes with valid batches behind, see `gaps`.
   */
  readonly outcome: 'clean' | 'torn' | 'corrupt'
  /** Exclusive end in bytes of the last valid batch. */
  readonly end: number
  /** Exclusive end in bytes of the valid batches before the first fault; `end` unless corrupt. */
  readonly trustedEnd: number
  readonly nextOffset: Offset
  readonly epoch: LeaderEpoch
  readonly batches: number
  readonly gaps: readonly ScanGap[]
  /** What was wrong at `end` for `torn`; null for `clean`. */
  readonly fault: BatchFault | null
}

/** Where a scan begins and ends, and what its first batch must continue. */
export interface ScanRange {
  /** Bytes `[from, to)` of the file; `from` is the first byte of a batch. */
  readonly from: number
  readonly to: number
  readonly nextOffset: Offset
  /** -1 when unknown. */
  readonly epoch: LeaderEpoch
  readonly gaps?: boolean
  readonly batchBytesMax?: number
}

/** Scans bytes that are in memory, as if they were a file whose position 0 is `bytes[0]`. */
export function scanBytes(
  crypto: Crypto,
  bytes: Uint8Array,
  range: ScanRange,
  visit: BatchVisitor,
): ScanResult {
  const to = Math.max(Math.min(range.to, bytes.length), range.from)
  const scan = new Scan(crypto, { ...range, to }, visit)
  const wanted = scan.run(bytes, 0, bytes.length)
  assert(wanted === null, 'A scan wants no bytes beyond its range')
  return scan.result()
}

/**
 * Scans a file in large reads. Bytes behind the end of the file count as absent. Memory: 1 MiB, or
 * the largest batch if that is larger. For a direct file positions and memory are kept aligned.
 */
export async function scanFile(
  crypto: Crypto,
  file: DiskFile,
  range: ScanRange,
  visit: BatchVisitor,
): Promise<ScanResult> {
  const limit = Math.max(Math.min(range.to, await file.size()), range.from)
  const scan = new Scan(crypto, { ...range, to: limit }, visit)
  const memory = (size: number): Uint8Array =>
    file.direct ? pageAlignedPiece(alignUp(size, DIRECT_ALIGNMENT)) : new Uint8Array(size)
  const span = alignUp(limit - alignDown(range.from, DIRECT_ALIGNMENT), DIRECT_ALIGNMENT)
  let window = memory(Math.min(WINDOW_BYTES, Math.max(span, DIRECT_ALIGNMENT)))
  let wanted: Wanted | null = { from: range.from, least: 0 }
  while (wanted !== null) {
    const start = alignDown(wanted.from, DIRECT_ALIGNMENT)
    const room = alignUp(wanted.from - start + wanted.least, DIRECT_ALIGNMENT)
    if (room > window.length) window = memory(room)
    const filled = start < limit ? await file.read(start, window) : 0
    if (filled < Math.min(window.length, limit - start)) {
      throw new OperatingError('retry', `Cannot scan ${file.path}: it shrank to ${start + filled}`)
    }
    wanted = scan.run(window, start, filled)
  }
  return scan.result()
}

/** Bytes that a scan needs next: `[from, from + least)`, which the file has. */
interface Wanted {
  readonly from: number
  readonly least: number
}

/**
 * The state of one scan, fed with windows of the file until it wants no more.
 *
 *   walk ──fault──▶ probe (the damaged batch's own length) ──no──▶ search (every byte) ──▶ done
 *    ▲                │ valid batch behind                           │ valid batch behind
 *    └────────────────┴──────────────────────────────────────────────┘
 */
class Scan {
  readonly #crypto: Crypto
  readonly #visit: BatchVisitor
  readonly #limit: number
  readonly #bytesMax: number
  readonly #expect: Continuity
  /** What a batch behind a fault must continue. */
  readonly #behind: Continuity
  readonly #gaps: ScanGap[] = []
  #stage: 'walk' | 'probe' | 'search' = 'walk'
  /** Where the next batch should be. */
  #position: number
  /** Where the search behind a fault stands. */
  #searching = 0
  #searchedBytes = 0
  #end: number
  #batches = 0
  #fault: BatchFault | null = null
  /** False once a byte other than zero was seen at or behind the fault. */
  #zeros = true

  constructor(crypto: Crypto, range: ScanRange, visit: BatchVisitor) {
    this.#crypto = crypto
    this.#visit = visit
    this.#limit = range.to
    this.#bytesMax = range.batchBytesMax ?? BATCH_BYTES_MAX
    const { nextOffset, epoch } = range
    // A scan begins at most 2^31 offsets behind the segment's base.
    const offsetLimit = Math.min(nextOffset + 2 ** 31, Number.MAX_SAFE_INTEGER - 2 ** 32)
    this.#expect = { nextOffset, epoch, gaps: range.gaps === true, offsetLimit }
    this.#behind = { nextOffset, epoch: leaderEpoch(-1), gaps: true, offsetLimit }
    this.#position = range.from
    this.#end = range.from
  }

  /** Goes on with `bytes[0, filled)`, which stand at `start` in the file; null when it is done. */
  run(bytes: Uint8Array, start: number, filled: number): Wanted | null {
    const end = Math.min(filled, this.#limit - start)
    for (;;) {
      const step = this.#step(bytes, start, end)
      if (step !== 'go on') return step
    }
  }

  result(): ScanResult {
    const clean = this.#fault === null || this.#zeros
    return {
      outcome: this.#gaps.length > 0 ? 'corrupt' : clean ? 'clean' : 'torn',
      end: this.#end,
      trustedEnd: this.#gaps[0]?.from ?? this.#end,
      nextOffset: this.#expect.nextOffset,
      epoch: this.#expect.epoch,
      batches: this.#batches,
      gaps: this.#gaps,
      fault: clean ? null : this.#fault,
    }
  }

  #step(bytes: Uint8Array, start: number, end: number): Wanted | null | 'go on' {
    if (this.#stage === 'walk') return this.#walk(bytes, start, end)
    if (this.#stage === 'probe') return this.#probe(bytes, start, end)
    return this.#search(bytes, start, end)
  }

  /** Takes valid batches until the window ends, the limit is reached or one is invalid. */
  #walk(bytes: Uint8Array, start: number, end: number): Wanted | null | 'go on' {
    while (this.#position < this.#limit) {
      const at = this.#position - start
      const outcome = checkBatch(this.#crypto, bytes, at, end, this.#expect, this.#bytesMax)
      if (outcome > 0) {
        this.#take(bytes, at, outcome)
        continue
      }
      const wanted =
        outcome === BatchFault.short ? this.#whole(bytes, this.#position, start, end) : null
      if (wanted !== null) return wanted
      this.#fault = outcome as BatchFault
      this.#zeros = true
      const claimed = end - at < BATCH_HEADER_BYTES ? 0 : batchBytesOf(bytes, at)
      const leads = claimed >= BATCH_HEADER_BYTES && claimed <= this.#limit - this.#position
      this.#stage = leads ? 'probe' : 'search'
      this.#searching = leads ? this.#position + claimed : this.#position
      return 'go on'
    }
    return null
  }

  #take(bytes: Uint8Array, at: number, length: number): void {
    this.#visit(bytes, at, length, this.#position)
    this.#expect.nextOffset = offset(baseOffsetOf(bytes, at) + lastOffsetDeltaOf(bytes, at) + 1)
    this.#expect.epoch = leaderEpochOf(bytes, at)
    this.#position += length
    this.#end = this.#position
    this.#batches++
  }

  /**
   * A damaged batch whose length is whole leads straight to the next one. Tried before the search,
   * so that batches inside its values are not taken for the log's own.
   */
  #probe(bytes: Uint8Array, start: number, end: number): Wanted | 'go on' | null {
    const at = this.#searching - start
    if (this.#searching < this.#limit) {
      const length = at > end ? BatchFault.short : this.#checkBehind(bytes, at, end)
      if (length > 0) return this.#resume(bytes, at)
      if (length === BatchFault.short) {
        const wanted = this.#whole(bytes, this.#searching, start, end)
        if (wanted !== null) return wanted
      }
    }
    this.#stage = 'search'
    this.#searching = this.#position
    return this.#position < start ? { from: this.#position, least: 0 } : 'go on'
  }

  /** Looks for the next valid batch behind a fault, byte by byte. */
  #search(bytes: Uint8Array, start: number, end: number): Wanted | null | 'go on' {
    while (this.#searchedBytes <= RESYNC_BYTES_MAX) {
      const at = this.#searching - start
      // A batch at p has its magic at p + 16, so the places to look at are 16 before every 2.
      const magic = bytes.indexOf(2, at + MAGIC_POSITION)
      const found = magic >= 0 && magic < end
      const next = found ? magic - MAGIC_POSITION : Math.max(end - MAGIC_POSITION, at)
      if (this.#zeros) this.#zeros = allZero(bytes, at, found ? magic : end)
      this.#searching = start + next
      if (!found) {
        if (start + end >= this.#limit) return null
        return { from: this.#searching, least: Math.min(64, this.#limit - this.#searching) }
      }
      this.#zeros = false
      // The faulty batch itself may be whole and only out of its place.
      const self = this.#searching === this.#position
      const length = self ? BatchFault.offset : this.#checkBehind(bytes, next, end)
      if (length > 0) return this.#resume(bytes, next)
      if (length === BatchFault.short) {
        const wanted = this.#whole(bytes, this.#searching, start, end)
        if (wanted !== null) return wanted
      }
      this.#searching++
    }
    // Too many near misses to be chance: called corrupt, so that nothing is cut.
    this.#noteGap(this.#limit, this.#expect.nextOffset)
    return null
  }

  /** What is missing of the batch at `position`; null if the file does not have it either. */
  #whole(bytes: Uint8Array, position: number, start: number, end: number): Wanted | null {
    const at = position - start
    const header = end - at < BATCH_HEADER_BYTES
    const least = header ? BATCH_HEADER_BYTES : batchBytesOf(bytes, at)
    return least <= this.#limit - position ? { from: position, least } : null
  }

  /**
   * The length of a batch at `at` that may stand behind the fault, or its fault. Its epoch proves
   * nothing: one damaged epoch that is too high must not make all that follows look torn.
   */
  #checkBehind(bytes: Uint8Array, at: number, end: number): number {
    this.#behind.nextOffset = this.#expect.nextOffset
    const header = checkHeader(bytes, at, end, this.#behind, this.#bytesMax)
    if (header < 0) return header
    const ahead = baseOffsetOf(bytes, at) - this.#expect.nextOffset
    if (ahead > RESYNC_OFFSETS_MAX) return BatchFault.offset
    this.#searchedBytes += batchBytesOf(bytes, at)
    return checkBatch(this.#crypto, bytes, at, end, this.#behind, this.#bytesMax)
  }

  /** Notes the gap and goes on with the valid batch behind it. */
  #resume(bytes: Uint8Array, at: number): 'go on' | null {
    const next = baseOffsetOf(bytes, at)
    if (!this.#noteGap(this.#searching, next)) return null
    this.#position = this.#searching
    this.#expect.nextOffset = next
    this.#expect.epoch = leaderEpochOf(bytes, at)
    this.#fault = null
    this.#stage = 'walk'
    return 'go on'
  }

  /** True when the scan may go on. */
  #noteGap(to: number, toOffset: Offset): boolean {
    assert(this.#fault !== null, 'A gap begins with a fault')
    assert(to > this.#position, 'A gap is not empty')
    const fromOffset = this.#expect.nextOffset
    this.#gaps.push({ from: this.#position, to, fromOffset, toOffset, fault: this.#fault })
    return this.#gaps.length < GAPS_MAX
  }
}

/** True when `bytes[from, to)` are all zero. */
function allZero(bytes: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (bytes[i] !== 0) return false
  return true
}

/** The continuity of a log's very first batch at `base`. */
export const startingAt = (base: Offset): Pick<ScanRange, 'nextOffset' | 'epoch'> => ({
  nextOffset: base,
  epoch: leaderEpoch(-1),
})
