// Rows that several formats share: a record batch by its header, a damaged range, the contents of
// index, aborted list, lineage and producer snapshot. Times are ISO 8601, absent ones null. Record
// payloads are never looked into.
import { Reader } from '../../base/reader.ts'
import type { AbortedList } from '../../log/state/aborted.ts'
import type { Lineage } from '../../log/state/lineage.ts'
import type { Producers } from '../../log/state/producers.ts'
import { INDEX_ENTRY_BYTES } from '../../log/segment/sparse-index.ts'
import { CODECS } from '../../ports/compression.ts'
import {
  Attribute,
  Field,
  attributes,
  batchLength,
  codecNumber,
  int16At,
  int32At,
} from '../../record/header.ts'
import type { DumpRow } from '../services.ts'

/** Bytes `[from, to)` that are not as they were written. */
export const damageRow = (from: number, to: number, text: string): DumpRow => ({
  what: 'damage',
  from,
  to,
  text,
})

/** A time in milliseconds as ISO 8601; null for none, the number where no date can say it. */
export function timeOf(ms: number): string | number | null {
  if (ms === -1) return null
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : ms
}

/** The int64 at `at`; a double's precision will do for showing it. */
const int64At = (bytes: Uint8Array, at: number): number =>
  int32At(bytes, at) * 4294967296 + (int32At(bytes, at + 4) >>> 0)

/** The batch whose header stands at `bytes[at]`, and at byte `position` of the file. */
export function batchRow(bytes: Uint8Array, at: number, position: number): DumpRow {
  const base = int64At(bytes, at + Field.baseOffset)
  const bits = attributes(bytes, at)
  const codec = codecNumber(bytes, at)
  const producerId = int64At(bytes, at + Field.producerId)
  return {
    what: 'batch',
    at: position,
    bytes: batchLength(bytes, at),
    baseOffset: base,
    lastOffset: base + int32At(bytes, at + Field.lastOffsetDelta),
    records: int32At(bytes, at + Field.recordCount),
    epoch: int32At(bytes, at + Field.leaderEpoch),
    codec: CODECS[codec] ?? codec,
    ...(producerId === -1
      ? {}
      : {
          producerId,
          producerEpoch: int16At(bytes, at + Field.producerEpoch),
          sequence: int32At(bytes, at + Field.baseSequence),
        }),
    ...(bits & Attribute.transactional ? { transactional: true } : {}),
    ...(bits & Attribute.control ? { control: true } : {}),
    timestampType: bits & Attribute.logAppendTime ? 'append' : 'create',
    minTimestamp: timeOf(int64At(bytes, at + Field.baseTimestamp)),
    maxTimestamp: timeOf(int64At(bytes, at + Field.maxTimestamp)),
    crc: 'ok',
  }
}

/** The entries of a sparse index in their disk form, of the segment that begins at `base`. */
export const indexRows = function* (entries: Uint8Array, base: number): Generator<DumpRow> {
  const from = new Reader(entries)
  for (let i = 0; i < Math.floor(entries.length / INDEX_ENTRY_BYTES); i++) {
    yield {
      what: 'index',
      offset: base + from.uint32(),
      position: from.uint32(),
      maxTimestamp: timeOf(from.int64()),
      prefixCrc: from.uint32().toString(16).padStart(8, '0'),
    }
  }
}

/** Aborted transactions. */
export const abortedRows = (list: AbortedList): DumpRow[] =>
  list.spans.map((span) => ({ what: 'aborted', ...span }))

/** Leader epochs and where they begin. */
export const lineageRows = (lineage: Lineage): DumpRow[] =>
  lineage.entries().map(({ epoch, start }) => ({ what: 'epoch', epoch, start }))

/** Producers with the last of their batches, then their transactions. */
export const producerRows = function* (producers: Producers): Generator<DumpRow> {
  const { entries, open } = producers.parts
  for (const entry of entries) {
    yield {
      what: 'producer',
      producerId: entry.producerId,
      epoch: entry.epoch,
      batches: entry.count,
      lastSequence: entry.lastSequence,
      lastTimestamp: timeOf(entry.lastTimestamp),
    }
  }
  for (const span of open.spans) {
    const { producerId, firstOffset, markerOffset } = span
    const marker = markerOffset < 0 ? null : markerOffset
    yield { what: 'transaction', producerId, firstOffset, markerOffset: marker }
  }
}
