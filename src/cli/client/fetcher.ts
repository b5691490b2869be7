// Reads a topic's records from its leaders: one request outstanding per leader, the next sent
// before the last answer is read. Checks every batch's CRC, leaves out control records and, for
// committed readers, records of aborted transactions (KIP-98). Leaders that move are followed.
import { ErrorCode } from '../../base/error-codes.ts'
import { FormatError, KafkaError } from '../../base/errors.ts'
import { MiB } from '../../base/units.ts'
import { readEndTransaction } from '../../record/control.ts'
import * as header from '../../record/header.ts'
import { readBatch } from '../../record/reader.ts'
import type { BatchRecord } from '../../record/reader.ts'
import type { RecordTools } from '../../record/section.ts'
import type { FetchResponse, PartitionData } from '../../wire/messages/01-fetch.ts'
import { fetch } from './apis.ts'
import type { Client } from './client.ts'
import { isolationLevel } from './offsets.ts'
import type { IsolationName } from './offsets.ts'
import { RETRY_MS, check, isRetriable, pause } from './retry.ts'

const WAIT_MS = 500
const FETCH_BYTES_MAX = 32 * MiB
const PARTITION_BYTES_MAX = 8 * MiB
const DECOMPRESSED_BYTES_MAX = 128 * MiB
const PAUSE_MS = 100

/** What to read. */
export interface FetchOptions {
  readonly topic: string
  /** Partition → first offset wanted. */
  readonly starts: ReadonlyMap<number, number>
  /** Partition → offset at which to stop, exclusive; a partition that has none is never done. */
  readonly ends: ReadonlyMap<number, number>
  readonly isolation: IsolationName
}

/** Records of one partition, from one answer. */
export interface Fetched {
  readonly partition: number
  /** To be read once, before the next `Fetched` is asked for. Throws FormatError. */
  readonly records: Iterable<BatchRecord>
  /** Offset of the first record not in it. */
  readonly next: number
}

interface Answer {
  readonly leader: number
  readonly response: FetchResponse | null
  readonly error: unknown
}

/** Yields records until all partitions are at their ends or the client is stopped. */
export async function* fetchRecords(
  client: Client,
  tools: RecordTools,
  options: FetchOptions,
): AsyncGenerator<Fetched, void, undefined> {
  const positions = new Map(options.starts)
  const running = new Map<number, Promise<Answer | null>>()
  const stopped = onceStopped(client.stopped)
  let failingSince: number | null = null
  dropFinished(positions, options.ends)
  while (positions.size > 0 && !client.stopped.aborted) {
    try {
      await launch(client, options, positions, running)
      const answer = await Promise.race([stopped, ...running.values()])
      if (answer === null) return
      running.delete(answer.leader)
      if (answer.response === null) throw answer.error
      const parts = take(answer.response, options, positions, tools)
      failingSince = null
      dropFinished(positions, options.ends)
      await launch(client, options, positions, running)
      yield* parts
    } catch (error) {
      const now = performance.now()
      failingSince ??= now
      if (!isRetriable(error) || now - failingSince > RETRY_MS) throw error
      client.forget(options.topic)
      await pause(PAUSE_MS, client.stopped)
    }
  }
}

function onceStopped(signal: AbortSignal): Promise<null> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(null)
    else signal.addEventListener('abort', () => resolve(null), { once: true })
  })
}

function dropFinished(positions: Map<number, number>, ends: ReadonlyMap<number, number>): void {
  for (const [partition, at] of positions) {
    if (at >= (ends.get(partition) ?? Infinity)) positions.delete(partition)
  }
}

/** Asks every leader that is not being asked already. */
async function launch(
  client: Client,
  options: FetchOptions,
  positions: ReadonlyMap<number, number>,
  running: Map<number, Promise<Answer | null>>,
): Promise<void> {
  const { leaders } = await client.layout(options.topic)
  const byLeader = Map.groupBy(positions.keys(), (partition) => leaders[partition] ?? -1)
  for (const [leader, partitions] of byLeader) {
    if (running.has(leader)) continue
    // Reaching a leader that is not there tells whether to look again.
    const [first = 0] = partitions
    const connection = await client.leaderOf(options.topic, first)
    const asked = connection.call(fetch, {
      replicaId: -1,
      maxWaitMs: WAIT_MS,
      minBytes: 1,
      maxBytes: FETCH_BYTES_MAX,
      isolationLevel: isolationLevel(options.isolation),
      sessionId: 0,
      sessionEpoch: -1,
      topics: [
        {
          topic: options.topic,
          partitions: partitions.map((partition) => ({
            partition,
            currentLeaderEpoch: -1,
            fetchOffset: positions.get(partition) ?? 0,
            partitionMaxBytes: PARTITION_BYTES_MAX,
          })),
        },
      ],
      rackId: '',
    })
    running.set(
      leader,
      asked.then(
        (response) => ({ leader, response, error: null }),
        (error: unknown) => ({ leader, response: null, error }),
      ),
    )
  }
}

/** Moves the positions over an answer's batches and returns what they hold. */
function take(
  response: FetchResponse,
  options: FetchOptions,
  positions: Map<number, number>,
  tools: RecordTools,
): Fetched[] {
  check(response.errorCode, `Cannot read ${options.topic}`)
  const parts: Fetched[] = []
  let moved: KafkaError | null = null
  for (const data of response.responses.flatMap(({ partitions }) => partitions)) {
    const partition = data.partitionIndex
    const from = positions.get(partition)
    if (from === undefined) continue
    if (data.errorCode !== ErrorCode.NONE) {
      const error = partitionError(data, options.topic, from)
      if (!isRetriable(error)) throw error
      moved ??= error
      continue
    }
    const bytes = data.records
    if (bytes === null || bytes.length === 0) continue
    const end = options.ends.get(partition) ?? Infinity
    const starts = wholeBatches(bytes)
    const last = starts.at(-1)
    if (last === undefined) throw new FormatError('A fetch answer holds no whole batch')
    const next = Math.max(from, header.nextOffset(bytes, last))
    positions.set(partition, next)
    const hidden = options.isolation === 'committed' ? (data.abortedTransactions ?? []) : []
    const records = recordsOf({ bytes, starts, from, end, hidden }, tools)
    parts.push({ partition, records, next: Math.min(next, end) })
  }
  if (moved !== null && parts.length === 0) throw moved
  return parts
}

function partitionError(data: PartitionData, topic: string, from: number): KafkaError {
  const place = `${topic}-${String(data.partitionIndex)}`
  const text =
    data.errorCode === ErrorCode.OFFSET_OUT_OF_RANGE
      ? `Offset ${String(from)} of ${place} is not in its log; use --from start or end`
      : `Cannot read ${place}`
  return new KafkaError(data.errorCode, text)
}

/** Where each whole batch begins; a last one that was cut off by the broker's limit is left out. */
function wholeBatches(bytes: Uint8Array): number[] {
  const starts: number[] = []
  let at = 0
  while (at + header.HEADER_BYTES <= bytes.length) {
    const length = header.batchLength(bytes, at)
    if (length < header.HEADER_BYTES) throw new FormatError('A batch is shorter than its header')
    if (at + length > bytes.length) break
    starts.push(at)
    at += length
  }
  return starts
}

interface Batches {
  readonly bytes: Uint8Array
  readonly starts: readonly number[]
  readonly from: number
  readonly end: number
  readonly hidden: readonly { readonly producerId: number; readonly firstOffset: number }[]
}

function* recordsOf(batches: Batches, tools: RecordTools): Generator<BatchRecord, void, undefined> {
  const { bytes, starts, from, end } = batches
  const source = { compression: tools.compression, decompressedMax: DECOMPRESSED_BYTES_MAX }
  const hidden = batches.hidden.toSorted((a, b) => a.firstOffset - b.firstOffset)
  const aborted = new Set<number>()
  for (const at of starts) {
    checkCrc(bytes, at, tools)
    while (hidden[0] !== undefined && hidden[0].firstOffset <= header.lastOffset(bytes, at)) {
      aborted.add(hidden[0].producerId)
      hidden.shift()
    }
    const producerId = header.producerId(bytes, at)
    if (header.isControl(bytes, at)) {
      for (const record of readBatch(bytes, at, source)) {
        if (readEndTransaction(record)?.outcome === 'abort') aborted.delete(producerId)
      }
      continue
    }
    if (header.isTransactional(bytes, at) && aborted.has(producerId)) continue
    for (const record of readBatch(bytes, at, source)) {
      if (record.offset >= end) return
      if (record.offset >= from) yield record
    }
  }
}

function checkCrc(bytes: Uint8Array, at: number, tools: RecordTools): void {
  if (header.magic(bytes, at) !== header.MAGIC) {
    throw new FormatError('A batch has a magic other than 2')
  }
  const end = at + header.batchLength(bytes, at)
  const crc = tools.crypto.crc32c(bytes.subarray(at + header.Field.attributes, end))
  if (crc !== header.crc(bytes, at)) {
    const offset = String(header.baseOffset(bytes, at))
    throw new FormatError(`The batch at offset ${offset} does not match its checksum`)
  }
}
