// Record batches of `__consumer_offsets`: packing many small records into few batches, and
// reading them back for a replay. Control batches are skipped. So are transactional ones: what a
// transaction staged counts only with its marker, and staging is not kept here yet.
import { batchLength, isControl, isTransactional } from '../record/header.ts'
import { buildBatch } from '../record/builder.ts'
import type { NewRecord } from '../record/builder.ts'
import { readBatch } from '../record/reader.ts'
import type { RecordTools } from '../record/section.ts'
import { decodeRecord } from './records.ts'
import type { GroupRecord, KeyValue } from './records.ts'

/** Bytes of a batch's header, and at most of one record's own fields. */
const BATCH_OVERHEAD = 61
const RECORD_OVERHEAD = 32

/** Bytes that a record takes in a batch, rounded up. */
export const packedBytes = ({ key, value }: KeyValue): number =>
  RECORD_OVERHEAD + key.length + (value?.length ?? 0)

/** Whether a record fits a batch of `bytesMax` at all. */
export const fits = (record: KeyValue, bytesMax: number): boolean =>
  BATCH_OVERHEAD + packedBytes(record) <= bytesMax

/**
 * One batch of as many records from `from` on as fit `bytesMax`, at least one; `end` is the
 * exclusive index of the last one taken.
 */
export function packBatch(
  records: readonly KeyValue[],
  from: number,
  bytesMax: number,
  wallMs: number,
  tools: RecordTools,
): { readonly batch: Uint8Array; readonly end: number } {
  const taken: NewRecord[] = []
  let bytes = BATCH_OVERHEAD
  let end = from
  for (; end < records.length; end++) {
    const record = records[end] as KeyValue
    bytes += packedBytes(record)
    if (bytes > bytesMax && end > from) break
    taken.push({ timestampMs: wallMs, key: record.key, value: record.value })
  }
  return { batch: buildBatch(taken, {}, tools), end }
}

/**
 * The records of a chunk of whole batches, in order. Throws FormatError on bytes that are neither
 * batches nor coordinator records.
 */
export function* unpackBatches(
  chunk: Uint8Array,
  compression: RecordTools['compression'],
  decompressedMax: number,
): Generator<GroupRecord, void, undefined> {
  for (let at = 0; at < chunk.length; at += batchLength(chunk, at)) {
    const records = readBatch(chunk, at, { compression, decompressedMax })
    if (
      chunk.length - at >= BATCH_OVERHEAD &&
      (isControl(chunk, at) || isTransactional(chunk, at))
    ) {
      continue
    }
    for (const { key, value } of records) {
      if (key === null) continue
      const record = decodeRecord(key, value)
      if (record !== null) yield record
    }
  }
}
