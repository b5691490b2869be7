// Producer state as bytes: a section of a segment's trailer and of its tail file, from which a
// restart, a new replica or a restored archive goes on without reading the log from its start.
//
//   version u8 · producers u32 · { id i64 · epoch i16 · coordinator epoch i32 · last timestamp i64
//   · touched i64 · batches u8 · { first sequence i32 · last sequence i32 · base i64 · end i64
//   · timestamp i64 }… }… · transactions u32 · { producer i64 · first i64 · marker i64, -1 open }…
import { FormatError } from '../../base/errors.ts'
import type { Reader } from '../../base/reader.ts'
import { offset } from '../../base/units.ts'
import type { Writer } from '../../base/writer.ts'
import { ProducerEntry, WINDOW_BATCHES } from './producer-entry.ts'
import { Producers, type ProducerLimits } from './producers.ts'

const VERSION = 1
const PRODUCER_BYTES_MIN = 31
const TRANSACTION_BYTES = 24

/** Appends the state to `to`. */
export function encodeProducers(producers: Producers, to: Writer): void {
  const { entries, count, open } = producers.parts
  to.uint8(VERSION)
  to.uint32(count)
  for (const entry of entries) {
    to.int64(entry.producerId)
    to.int16(entry.epoch)
    to.int32(entry.coordinatorEpoch)
    to.int64(entry.lastTimestamp)
    to.int64(entry.touchedMs)
    to.uint8(entry.count)
    for (let i = 0; i < entry.count; i++) {
      to.int32(entry.firstSequenceAt(i))
      to.int32(entry.lastSequenceAt(i))
      to.int64(entry.baseOffsetAt(i))
      to.int64(entry.endOffsetAt(i))
      to.int64(entry.timestampAt(i))
    }
  }
  to.uint32(open.spans.length)
  for (const span of open.spans) {
    to.int64(span.producerId)
    to.int64(span.firstOffset)
    to.int64(span.markerOffset)
  }
}

/** Reads what `encodeProducers` wrote. Throws FormatError when it is not that. */
export function decodeProducers(from: Reader, limits: ProducerLimits): Producers {
  if (from.uint8() !== VERSION) throw new FormatError('A producer snapshot has an unknown version')
  const producers = new Producers(limits)
  const entries = new Map<number, ProducerEntry>()
  const count = from.uint32()
  if (count > from.left / PRODUCER_BYTES_MIN) throw new FormatError('A snapshot is cut short')
  for (let i = 0; i < count; i++) {
    const entry = decodeEntry(from)
    if (entries.has(entry.producerId)) throw new FormatError('A snapshot names a producer twice')
    entries.set(entry.producerId, entry)
    producers.adopt(entry)
  }
  decodeTransactions(from, entries, producers)
  return producers
}

function decodeEntry(from: Reader): ProducerEntry {
  const producerId = from.int64()
  const epoch = from.int16()
  const coordinatorEpoch = from.int32()
  const lastTimestamp = from.int64()
  const touchedMs = from.int64()
  const batches = from.uint8()
  if (producerId < 0) throw new FormatError('A snapshot names no producer')
  if (batches > WINDOW_BATCHES) throw new FormatError('A producer window is too long')
  const entry = new ProducerEntry(producerId, touchedMs)
  entry.moveTo(epoch)
  entry.coordinatorEpoch = coordinatorEpoch
  entry.lastTimestamp = lastTimestamp
  for (let i = 0; i < batches; i++) {
    const first = from.int32()
    const last = from.int32()
    const base = from.int64()
    const end = from.int64()
    const timestamp = from.int64()
    if (first < 0 || last < 0 || base < 0 || end <= base) {
      throw new FormatError('A producer window holds an impossible batch')
    }
    entry.push(first, last, offset(base), offset(end), timestamp)
  }
  return entry
}

function decodeTransactions(
  from: Reader,
  entries: ReadonlyMap<number, ProducerEntry>,
  producers: Producers,
): void {
  const count = from.uint32()
  if (count > from.left / TRANSACTION_BYTES) throw new FormatError('A snapshot is cut short')
  let last = -1
  for (let i = 0; i < count; i++) {
    const producerId = from.int64()
    const firstOffset = from.int64()
    const markerOffset = from.int64()
    const ended = markerOffset >= 0
    if (firstOffset <= last) throw new FormatError('Transactions of a snapshot are out of order')
    if (ended && markerOffset <= firstOffset) throw new FormatError('A transaction ends too early')
    last = firstOffset
    const entry = entries.get(producerId)
    if (!ended) {
      if (entry === undefined || entry.transactionStart >= 0) {
        throw new FormatError('A snapshot has a transaction without its producer')
      }
      entry.transactionStart = offset(firstOffset)
    } else if (entry !== undefined && entry.transactionStart >= 0) {
      throw new FormatError('A producer has two open transactions')
    }
    producers.parts.open.adopt({ producerId, firstOffset: offset(firstOffset), markerOffset })
  }
}
