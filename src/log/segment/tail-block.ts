// One block of a segment's tail file: a checkpoint under one CRC that is seeded with the block's
// own position, so that it fits only where it was written. Pure.
//
//   magic u32 · kind u8 · version u8 · 0 u16 · payload length u32 · crc u32 over all the rest
//   · base i64 · end i64 · data length i64 · batches i64 · records i64 · min timestamp i64
//   · max timestamp i64 · max epoch i32 · first index entry u32 · first aborted entry u32
//   · index bytes u32 · payload = index entries · aborted list · lineage · producer snapshot
import { assert } from '../../base/assert.ts'
import { FormatError } from '../../base/errors.ts'
import { Reader } from '../../base/reader.ts'
import { MiB, leaderEpoch, offset } from '../../base/units.ts'
import { Writer } from '../../base/writer.ts'
import type { Crypto } from '../../ports/crypto.ts'
import type { AbortedList } from '../state/aborted.ts'
import type { Lineage } from '../state/lineage.ts'
import { encodeProducers } from '../state/producer-snapshot.ts'
import type { Producers } from '../state/producers.ts'
import type { SegmentBuilder, SegmentState } from './segment-builder.ts'

/** Bytes of a block before its payload. */
export const TAIL_HEADER_BYTES = 88
/** A larger block is taken for damage. */
export const TAIL_BLOCK_BYTES_MAX: number = 64 * MiB

const MAGIC = 0x53545442
const VERSION = 1
const CHECKPOINT = 1
const CLOSED = 2
const LENGTH_AT = 8
const CRC_AT = 12

/** Everything that a checkpoint keeps; the parts stay their owners'. */
export interface TailParts {
  readonly builder: SegmentBuilder
  /** Aborted transactions whose markers lie in this segment. */
  readonly aborted: AbortedList
  /** Lineage of the segment, with an epoch that begins at its very end. */
  readonly lineage: Lineage
  readonly producers: Producers
}

/** A block as it was read. */
export interface TailBlock {
  /** Bytes of the whole block. */
  readonly length: number
  /** Written by a clean close. */
  readonly closed: boolean
  readonly state: SegmentState
  readonly firstIndex: number
  readonly firstAborted: number
  readonly indexView: Uint8Array
  /** Stands at the aborted list; lineage and producers follow. */
  readonly rest: Reader
}

/** The bytes of a block that will stand at `place.at`. The builder is settled. */
export function encodeTailBlock(
  crypto: Crypto,
  parts: TailParts,
  place: {
    readonly closed: boolean
    readonly at: number
    /** First entries that the block before did not have, or had provisionally. */
    readonly firstIndex: number
    readonly firstAborted: number
  },
): Uint8Array {
  const { builder, aborted, lineage, producers } = parts
  const entries = builder.index.entryBytes(place.firstIndex)
  const to = new Writer(TAIL_HEADER_BYTES + entries.length + 4096)
  to.uint32(MAGIC)
  to.uint8(place.closed ? CLOSED : CHECKPOINT)
  to.uint8(VERSION)
  to.uint16(0)
  to.uint32(0)
  to.uint32(0)
  to.int64(builder.baseOffset)
  to.int64(builder.endOffset)
  to.int64(builder.dataLength)
  to.int64(builder.batchCount)
  to.int64(builder.recordCount)
  to.int64(builder.minTimestamp)
  to.int64(builder.maxTimestamp)
  to.int32(builder.maxEpoch)
  to.uint32(place.firstIndex)
  to.uint32(place.firstAborted)
  to.uint32(entries.length)
  assert(to.at === TAIL_HEADER_BYTES, 'A tail block header has its size')
  to.raw(entries)
  aborted.encode(to, place.firstAborted)
  lineage.encode(to)
  encodeProducers(producers, to)
  to.patchUint32(LENGTH_AT, to.at - TAIL_HEADER_BYTES)
  const bytes = to.bytes()
  assert(bytes.length <= TAIL_BLOCK_BYTES_MAX, 'A tail block keeps its bound')
  to.patchUint32(CRC_AT, blockCrc(crypto, bytes, place.at))
  return bytes
}

/** CRC of a whole block but the CRC itself, seeded with its position so that it fits only there. */
function blockCrc(crypto: Crypto, block: Uint8Array, at: number): number {
  const front = crypto.crc32c(block.subarray(0, CRC_AT), at >>> 0)
  return crypto.crc32c(block.subarray(CRC_AT + 4), front)
}

/** Bytes of the block that begins with these 88; 0 when none does. */
export function tailBlockBytes(front: Uint8Array): number {
  if (front.length < TAIL_HEADER_BYTES || new Reader(front).uint32() !== MAGIC) return 0
  const length = TAIL_HEADER_BYTES + new Reader(front, LENGTH_AT).uint32()
  return length > TAIL_BLOCK_BYTES_MAX ? 0 : length
}

/**
 * Reads a whole block that stands at `at`; null when its CRC is wrong. Throws FormatError when the
 * CRC is right and the version is not known or the fields make no sense.
 */
export function decodeTailBlock(crypto: Crypto, block: Uint8Array, at: number): TailBlock | null {
  assert(block.length >= TAIL_HEADER_BYTES, 'A tail block has a header')
  if (blockCrc(crypto, block, at) !== new Reader(block, CRC_AT).uint32()) return null
  const from = new Reader(block)
  from.take(4)
  const kind = from.uint8()
  if (from.uint8() !== VERSION) throw new FormatError('A segment tail has an unknown version')
  if (kind !== CHECKPOINT && kind !== CLOSED)
    throw new FormatError('A tail block has no known kind')
  from.take(10)
  const state = {
    baseOffset: offset(from.int64()),
    endOffset: offset(from.int64()),
    dataLength: from.int64(),
    batchCount: from.int64(),
    recordCount: from.int64(),
    minTimestamp: from.int64(),
    maxTimestamp: from.int64(),
    maxEpoch: leaderEpoch(from.int32()),
  }
  const firstIndex = from.uint32()
  const firstAborted = from.uint32()
  const indexView = from.raw(from.uint32())
  if (state.dataLength < 0 || state.endOffset < state.baseOffset || state.baseOffset < 0) {
    throw new FormatError('A tail block has impossible bounds')
  }
  const length = block.length
  const closed = kind === CLOSED
  return { length, closed, state, firstIndex, firstAborted, indexView, rest: from }
}
