// One archived segment as a manifest tells of it: enough to find, read and verify any of its
// batches with one ranged request and nothing else. Entries are varints and the block table's rows.
import { FormatError } from '../../base/errors.ts'
import type { Reader } from '../../base/reader.ts'
import { leaderEpoch, offset, type LeaderEpoch, type Offset } from '../../base/units.ts'
import type { Writer } from '../../base/writer.ts'
import { HASH_BYTES } from '../../log/segment/segment-hash.ts'
import { BLOCK_BYTES, BLOCK_ROW_BYTES, BlockTable } from './block-table.ts'

/** An archived segment. */
export interface SegmentEntry {
  /** Offsets `[base, end)` that are read from this object. */
  readonly base: Offset
  readonly end: Offset
  /**
   * First offset that the object has: part of its key. Below `base` where a new leader's segments
   * have other borders than those that are archived already.
   */
  readonly objectBase: Offset
  /** Epoch of the leader that wrote the object: part of its key. */
  readonly epoch: LeaderEpoch
  /** 16 hex digits: part of its key. */
  readonly nonce: string
  /** Size of the object. */
  readonly objectBytes: number
  /** Bytes of batches, which stand from byte 0 on. */
  readonly dataLength: number
  readonly recordCount: number
  /** Span of the batches' timestamps in ms; both -1 when there is none. */
  readonly minTimestamp: number
  readonly maxTimestamp: number
  /** Whether its trailer lists aborted transactions. */
  readonly hasAborted: boolean
  /**
   * Every transaction that began below was decided by the end of the segment: `end` unless one was
   * still open then. No abort marker behind it reaches back below.
   */
  readonly stable: Offset
  /** Root of the SHA-256 tree over its data. */
  readonly root: Uint8Array
  readonly blocks: BlockTable
}

const NONCE_BYTES = 8
const FLAG_ABORTED = 1
const FLAG_OPEN = 2
const FLAGS_KNOWN = FLAG_ABORTED | FLAG_OPEN
/** The largest data that an entry may tell of: offsets and positions in a segment fit 32 bits. */
const DATA_BYTES_MAX = 2 ** 32

/** Bytes that `entry` takes in a manifest, about: never less than it does. */
export const entryBytesMax = (entry: SegmentEntry): number => 104 + entry.blocks.bytes.length

/** Writes `entry`. */
export function encodeEntry(to: Writer, entry: SegmentEntry): void {
  to.uvarlong(entry.base)
  to.uvarlong(entry.end - entry.base)
  to.uvarlong(entry.base - entry.objectBase)
  to.uvarint(entry.epoch)
  for (let i = 0; i < NONCE_BYTES; i++) {
    to.uint8(Number.parseInt(entry.nonce.substring(i * 2, i * 2 + 2), 16))
  }
  const hasOpen = entry.stable < entry.end
  to.uint8((entry.hasAborted ? FLAG_ABORTED : 0) | (hasOpen ? FLAG_OPEN : 0))
  if (hasOpen) to.uvarlong(entry.end - entry.stable)
  to.uvarlong(entry.objectBytes)
  to.uvarlong(entry.dataLength)
  to.uvarlong(entry.recordCount)
  to.varlong(entry.minTimestamp)
  to.varlong(entry.maxTimestamp)
  to.raw(entry.root)
  to.raw(entry.blocks.bytes)
}

/** Reads an entry; its table is a view of what is read. Throws FormatError when it cannot be. */
export function decodeEntry(from: Reader): SegmentEntry {
  const base = from.uvarlong()
  const end = base + from.uvarlong()
  if (!Number.isSafeInteger(end)) throw new FormatError('A segment entry ends behind all offsets')
  if (end === base) throw new FormatError('A segment entry has no offsets')
  const objectBase = base - from.uvarlong()
  if (objectBase < 0) throw new FormatError('A segment entry begins below all offsets')
  const epoch = from.uvarint()
  let nonce = ''
  for (let i = 0; i < NONCE_BYTES; i++) nonce += from.uint8().toString(16).padStart(2, '0')
  const flags = from.uint8()
  if ((flags & ~FLAGS_KNOWN) !== 0) throw new FormatError('A segment entry has unknown flags')
  const stable = (flags & FLAG_OPEN) === 0 ? end : end - from.uvarlong()
  if (stable < 0) throw new FormatError('A segment entry has a transaction below all offsets')
  const objectBytes = from.uvarlong()
  const dataLength = from.uvarlong()
  if (dataLength > DATA_BYTES_MAX || objectBytes < dataLength) {
    throw new FormatError('A segment entry has impossible sizes')
  }
  const recordCount = from.uvarlong()
  const minTimestamp = from.varlong()
  const maxTimestamp = from.varlong()
  const root = from.raw(HASH_BYTES)
  const blocks = new BlockTable(from.raw(Math.ceil(dataLength / BLOCK_BYTES) * BLOCK_ROW_BYTES))
  blocks.check(dataLength)
  return {
    base: offset(base),
    end: offset(end),
    objectBase: offset(objectBase),
    epoch: leaderEpoch(epoch),
    nonce,
    objectBytes,
    dataLength,
    recordCount,
    minTimestamp,
    maxTimestamp,
    hasAborted: (flags & FLAG_ABORTED) !== 0,
    stable: offset(stable),
    root,
    blocks,
  }
}

/** Index of the last of `entries` (ascending) that begins at or below `at`; -1 when none does. */
export function floorEntry(entries: readonly { readonly base: number }[], at: number): number {
  let low = 0
  let high = entries.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((entries[middle] as { readonly base: number }).base <= at) low = middle + 1
    else high = middle
  }
  return low - 1
}
