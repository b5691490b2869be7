// Whether stored bytes are the batch that should stand there: length, magic and counts plausible,
// CRC right, offsets continuing the ones before, leader epoch not falling. Header checks come
// first, so a stranger's bytes seldom cost a CRC. A length and a fault share one number, because
// this runs per batch and must not allocate; the view that the CRC port takes is the exception.
import type { LeaderEpoch, Offset } from '../../base/units.ts'
import type { Crypto } from '../../ports/crypto.ts'
import {
  BATCH_HEADER_BYTES,
  BATCH_PREFIX_BYTES,
  attributesOf,
  baseOffsetOf,
  batchBytesOf,
  crcOf,
  lastOffsetDeltaOf,
  leaderEpochOf,
  magicOf,
  recordCountOf,
} from './batch-view.ts'

/** Why the bytes at some position are not the batch that was expected there. */
export const BatchFault = {
  /** The bytes end before the batch does. */
  short: -1,
  length: -2,
  magic: -3,
  offset: -4,
  epoch: -5,
  counts: -6,
  attributes: -7,
  crc: -8,
} as const
/** One of the faults; all are negative, so that a length and a fault share one number. */
export type BatchFault = (typeof BatchFault)[keyof typeof BatchFault]

const faultNames = new Map<number, string>(Object.entries(BatchFault).map(([name, f]) => [f, name]))

/** The name of a fault, for findings and messages. */
export const batchFaultName = (fault: number): string => faultNames.get(fault) ?? 'unknown'

/**
 * A batch above this many bytes is taken for a damaged length: a frame cannot bring a larger one.
 */
export const BATCH_BYTES_MAX = 104_857_600
/** What the next batch must continue. Advanced by the scan as it goes. */
export interface Continuity {
  /** Base offset expected; with `gaps` the smallest one allowed. */
  nextOffset: Offset
  /** Smallest leader epoch allowed; -1 when there was no batch before. */
  epoch: LeaderEpoch
  /** True for compacted segments, whose offsets may skip but never fall. */
  readonly gaps: boolean
  /** Base offsets from here on cannot be of this segment: its index has 32 bits for them. */
  readonly offsetLimit: number
}

/**
 * The length of the valid batch at `bytes[at, end)`, or a negative `BatchFault`. `bytesMax` bounds
 * the length. Everything but the CRC costs no more than reading the header.
 */
export function checkBatch(
  crypto: Crypto,
  bytes: Uint8Array,
  at: number,
  end: number,
  expect: Readonly<Continuity>,
  bytesMax: number,
): number {
  const fault = checkHeader(bytes, at, end, expect, bytesMax)
  if (fault < 0) return fault
  const length = batchBytesOf(bytes, at)
  if (length > end - at) return BatchFault.short
  const body = bytes.subarray(at + BATCH_PREFIX_BYTES, at + length)
  return crypto.crc32c(body) === crcOf(bytes, at) ? length : BatchFault.crc
}

/** 0 when the 61-byte header at `at` is plausible, else its fault. */
export function checkHeader(
  bytes: Uint8Array,
  at: number,
  end: number,
  expect: Readonly<Continuity>,
  bytesMax: number,
): number {
  if (end - at < BATCH_HEADER_BYTES) return BatchFault.short
  if (magicOf(bytes, at) !== 2) return BatchFault.magic
  const length = batchBytesOf(bytes, at)
  if (length < BATCH_HEADER_BYTES || length > bytesMax) return BatchFault.length
  const base = baseOffsetOf(bytes, at)
  const follows = expect.gaps ? base >= expect.nextOffset : base === expect.nextOffset
  if (!follows || base >= expect.offsetLimit) return BatchFault.offset
  if (leaderEpochOf(bytes, at) < expect.epoch) return BatchFault.epoch
  const delta = lastOffsetDeltaOf(bytes, at)
  const count = recordCountOf(bytes, at)
  if (delta < 0 || count < 0 || count > delta + 1) return BatchFault.counts
  const attributes = attributesOf(bytes, at)
  if ((attributes & ~0x7f) !== 0 || (attributes & 7) > 4) return BatchFault.attributes
  return 0
}
