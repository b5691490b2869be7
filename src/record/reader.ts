// Records of stored batches as plain objects, for readers that are not Kafka clients: gateway,
// coordinators, command line. And look-ups by time inside one batch, exact to the record. Bytes
// are borrowed views of the batch, or of memory of their own when it was compressed. What a
// control record means is `control.ts`'s business; this file hands it out like any other.
import type { Offset } from '../base/units.ts'
import { RecordCursor } from './cursor.ts'
import type { RecordHeader } from './cursor.ts'
import * as header from './header.ts'
import { recordsSection } from './section.ts'
import type { SectionSource } from './section.ts'

/** One record. Null and empty are different things; headers keep their order and repeats. */
export interface BatchRecord {
  readonly offset: Offset
  /** Milliseconds since 1970, -1 for none; the append time in a LogAppendTime batch. */
  readonly timestampMs: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: readonly RecordHeader[]
  /** The record's own attributes: unused by Kafka, 0. */
  readonly attributes: number
}

/** A record found by its time. */
export interface TimedRecord {
  readonly offset: Offset
  readonly timestampMs: number
}

/**
 * The records of the whole batch at `at`, one by one. Throws FormatError, when called or on the
 * way, at the first thing malformed or above the bound. Does not check the CRC.
 */
export function* readBatch(
  bytes: Uint8Array,
  at: number,
  source: SectionSource,
): Generator<BatchRecord, void, undefined> {
  const cursor = new RecordCursor(recordsSection(bytes, at, source))
  const base = header.baseOffset(bytes, at)
  const times = timesOf(bytes, at)
  while (cursor.next()) {
    yield {
      offset: (base + cursor.offsetDelta) as Offset,
      timestampMs: times.fixed ?? times.base + cursor.timestampDelta,
      key: cursor.key(),
      value: cursor.value(),
      headers: cursor.headers(),
      attributes: cursor.attributes,
    }
  }
}

/**
 * The first record of the batch at `at`, at offset `from` or behind it, whose timestamp is
 * `timestampMs` or later; null when there is none. Batches whose max timestamp is smaller are not
 * decompressed. Throws as `readBatch`.
 */
export function findTimestampInBatch(
  bytes: Uint8Array,
  at: number,
  timestampMs: number,
  source: SectionSource,
  from = 0,
): TimedRecord | null {
  if (header.maxTimestamp(bytes, at) < timestampMs) return null
  const times = timesOf(bytes, at)
  const cursor = new RecordCursor(recordsSection(bytes, at, source))
  while (cursor.next()) {
    const time = times.fixed ?? times.base + cursor.timestampDelta
    if (time < timestampMs) continue
    const offset = (header.baseOffset(bytes, at) + cursor.offsetDelta) as Offset
    if (offset < from) continue
    return { offset, timestampMs: time }
  }
  return null
}

/**
 * The first record with the largest timestamp of those in the batch at `at` that stand at offset
 * `from` or behind it; null when there are none or none of them has a timestamp. Throws as
 * `readBatch`.
 */
export function maxTimestampInBatch(
  bytes: Uint8Array,
  at: number,
  source: SectionSource,
  from = 0,
): TimedRecord | null {
  const times = timesOf(bytes, at)
  const cursor = new RecordCursor(recordsSection(bytes, at, source))
  const leastDelta = from - header.baseOffset(bytes, at)
  let max: number = header.NONE
  let maxDelta = -1
  while (cursor.next()) {
    if (cursor.offsetDelta < leastDelta) continue
    const time = times.fixed ?? times.base + cursor.timestampDelta
    if (time <= max) continue
    max = time
    maxDelta = cursor.offsetDelta
  }
  if (maxDelta < 0) return null
  return { offset: (header.baseOffset(bytes, at) + maxDelta) as Offset, timestampMs: max }
}

/** What the records' times count from, or the one time they all have. */
function timesOf(bytes: Uint8Array, at: number): { base: number; fixed: number | null } {
  const base = header.baseTimestamp(bytes, at)
  const appended = header.timestampType(bytes, at) === 'append'
  return { base, fixed: appended ? header.maxTimestamp(bytes, at) : null }
}
