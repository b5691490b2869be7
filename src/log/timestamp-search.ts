// Finds records by time. Timestamps that producers set need not rise, so the index keeps the
// largest one so far: the first interval whose maximum reaches the wanted time is the first that
// can hold a record at or after it, and the search goes on from there batch by batch.
import { must } from '../base/assert.ts'
import type { LeaderEpoch, Offset } from '../base/units.ts'
import { MiB, offset } from '../base/units.ts'
import * as header from '../record/header.ts'
import type { TimedRecord } from '../record/reader.ts'
import { findTimestampInBatch, maxTimestampInBatch } from '../record/reader.ts'
import type { RecordTools } from '../record/section.ts'
import type { LogRead, ReadLimits } from './cache/log-read.ts'
import type { PartitionLog } from './partition-log.ts'
import type { PartitionReader } from './partition-reader.ts'
import type { Segment } from './segment.ts'
import type { SparseIndex } from './segment/sparse-index.ts'

/** A record found by time. */
export interface FoundRecord {
  readonly offset: Offset
  readonly timestampMs: number
  readonly leaderEpoch: LeaderEpoch
}

/** Bytes that one batch's records may take once decompressed, in a search. */
export const DECOMPRESSED_MAX = 256 * MiB

/** The first record below `end` with a timestamp at or after `timestampMs`; null if none. */
export async function findTimestamp(
  log: PartitionLog,
  reader: PartitionReader,
  tools: RecordTools,
  timestampMs: number,
  end: Offset,
): Promise<FoundRecord | null> {
  for (const segment of [...log.segments]) {
    if (segment.end <= log.localStart || segment.maxTimestamp < timestampMs) continue
    const index = await indexOf(log, segment)
    if (index === null) return findTimestamp(log, reader, tools, timestampMs, end)
    const entry = index.firstReaching(timestampMs)
    if (entry < 0) continue
    const start = offset(Math.max(index.offsetAt(entry), log.localStart))
    const found = await scan(reader, start, end, (bytes, at) => {
      if (header.maxTimestamp(bytes, at) < timestampMs) return null
      const source = { compression: tools.compression, decompressedMax: DECOMPRESSED_MAX }
      return findTimestampInBatch(bytes, at, timestampMs, source, log.localStart)
    })
    if (found !== null) return found
  }
  return null
}

/** The first record below `end` that has the largest timestamp of all; null when there is none. */
export async function findMaxTimestamp(
  log: PartitionLog,
  reader: PartitionReader,
  tools: RecordTools,
  end: Offset,
): Promise<FoundRecord | null> {
  let largest = -1
  for (const segment of log.segments) {
    if (segment.end > log.localStart) largest = Math.max(largest, segment.maxTimestamp)
  }
  if (largest < 0) return null
  const source = { compression: tools.compression, decompressedMax: DECOMPRESSED_MAX }
  for (const segment of [...log.segments]) {
    if (segment.end <= log.localStart || segment.maxTimestamp < largest) continue
    const index = await indexOf(log, segment)
    if (index === null) return findMaxTimestamp(log, reader, tools, end)
    const entry = index.firstReaching(largest)
    if (entry < 0) continue
    const start = offset(Math.max(index.offsetAt(entry), log.localStart))
    const found = await scan(reader, start, end, (bytes, at) => {
      if (header.maxTimestamp(bytes, at) < largest) return null
      const hit = maxTimestampInBatch(bytes, at, source, log.localStart)
      return hit?.timestampMs === largest ? hit : null
    })
    if (found !== null) return found
  }
  // The record that the segments remember lies outside of what may be read: look at all that is in.
  let best: FoundRecord | null = null
  await scan(reader, log.localStart, end, (bytes, at) => {
    if (best !== null && header.maxTimestamp(bytes, at) <= best.timestampMs) return null
    const hit = maxTimestampInBatch(bytes, at, source, log.localStart)
    if (hit === null || (best !== null && hit.timestampMs <= best.timestampMs)) return null
    best = { ...hit, leaderEpoch: header.leaderEpoch(bytes, at) }
    return null
  })
  return best
}

/** The index of a segment; null when the log has let go of it meanwhile: look again. */
async function indexOf(log: PartitionLog, segment: Segment): Promise<SparseIndex | null> {
  try {
    return await segment.loadIndex()
  } catch (error) {
    if (segment.removed && !log.closed) return null
    throw error
  }
}

/** Whatever reads whole batches from an offset on. */
export interface BatchReader {
  read(from: Offset, limits: ReadLimits): LogRead | Promise<LogRead>
}

/** Looks at every batch of `[start, end)` until `look` has found its record; null if it has not. */
export async function scan(
  reader: BatchReader,
  start: Offset,
  end: Offset,
  look: (bytes: Uint8Array, at: number) => TimedRecord | null,
): Promise<FoundRecord | null> {
  let from = start
  while (from < end) {
    const read = await reader.read(from, { end, maxBytes: MiB, atLeastOne: true })
    try {
      if (read.bytes === 0) return null
      const bytes = read.parts.length === 1 ? must(read.parts[0], 'part') : join(read.parts)
      for (let at = 0; at < bytes.length; at += header.batchLength(bytes, at)) {
        const hit = look(bytes, at)
        if (hit !== null) return { ...hit, leaderEpoch: header.leaderEpoch(bytes, at) }
      }
      from = read.nextOffset
    } finally {
      read.release()
    }
  }
  return null
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}
