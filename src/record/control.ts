// Control records: what brokers write between the producers' records. A transaction ends in each
// partition with a marker, a control batch of one record (KIP-98) whose key says commit or abort
// and whose value names the coordinator's epoch. Other control records exist in Kafka (leader
// change, snapshot header and footer, voters of a Raft quorum); they are recognised and left alone.
import { FormatError } from '../base/errors.ts'
import { Reader } from '../base/reader.ts'
import { Writer } from '../base/writer.ts'
import { buildBatch } from './builder.ts'
import type { RecordTools } from './section.ts'

const ABORT = 0
const COMMIT = 1
const VERSION = 0

/** The end of one producer's transaction in one partition. */
export interface EndTransaction {
  readonly outcome: 'abort' | 'commit'
  /** Epoch of the transaction coordinator that decided it. */
  readonly coordinatorEpoch: number
}

/** What a marker's batch says besides. */
export interface MarkerOptions extends EndTransaction {
  readonly producerId: number
  readonly producerEpoch: number
  /** When the marker is written: ms since 1970. */
  readonly timestampMs: number
  /** 0 if absent: the leader stamps it. */
  readonly baseOffset?: number
  /** -1 if absent: the leader stamps it. */
  readonly leaderEpoch?: number
}

/** The control batch that ends a transaction: transactional, without sequence, never compressed. */
export function endTransactionMarker(options: MarkerOptions, tools: RecordTools): Uint8Array {
  const key = new Writer(4)
  key.int16(VERSION)
  key.int16(options.outcome === 'commit' ? COMMIT : ABORT)
  const value = new Writer(6)
  value.int16(VERSION)
  value.int32(options.coordinatorEpoch)
  return buildBatch(
    [{ timestampMs: options.timestampMs, key: key.bytes(), value: value.bytes() }],
    {
      baseOffset: options.baseOffset ?? 0,
      leaderEpoch: options.leaderEpoch ?? -1,
      producerId: options.producerId,
      producerEpoch: options.producerEpoch,
      transactional: true,
      control: true,
    },
    tools,
  )
}

/**
 * The end of transaction that a record of a control batch stands for; null for another kind of
 * control record. Later versions may append fields, which are ignored, as Kafka does. Throws
 * FormatError when key or value are shorter than their fields or have a negative version.
 */
export function readEndTransaction(record: {
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
}): EndTransaction | null {
  if (record.key === null) throw new FormatError('A control record has no key')
  const key = new Reader(record.key)
  if (key.int16() < VERSION) throw new FormatError('A control record has a negative version')
  const type = key.int16()
  if (type !== ABORT && type !== COMMIT) return null
  if (record.value === null) throw new FormatError('A transaction marker has no value')
  const value = new Reader(record.value)
  if (value.int16() < VERSION) throw new FormatError('A marker has a negative version')
  return { outcome: type === COMMIT ? 'commit' : 'abort', coordinatorEpoch: value.int32() }
}
