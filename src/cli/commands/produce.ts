// `produce TOPIC`: lines of standard input, or a file's bytes, become records. Bytes are sent as
// they are: no text decoding, no trimming. Full batches leave at once; a slow input's records
// leave after a few milliseconds.
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { Command } from 'commander'
import { OperatingError, UsageError } from '../../base/errors.ts'
import { KiB, MiB } from '../../base/units.ts'
import { CODECS } from '../../ports/compression.ts'
import type { RecordHeader } from '../../record/cursor.ts'
import type { Acks } from '../client/partition-sender.ts'
import { Producer } from '../client/producer.ts'
import type { PartitionTotal } from '../client/producer.ts'
import type { Io } from '../io.ts'
import { forEachLine, forEachPiece } from '../lines.ts'
import { printRows, startProgress } from '../output.ts'
import type { Services } from '../services.ts'
import { keyValue, oneOf, wholeNumber } from '../values.ts'
import { collect, withClient, withListing } from './common.ts'
import type { ListingFlags } from './common.ts'

const LINGER_MS = 5
const BATCH_BYTES = 256 * KiB
/** A file that is one record is read whole. */
const RECORD_BYTES_MAX = 64 * MiB
const ACKS = { all: -1, '1': 1, '0': 0 } as const

interface Flags extends ListingFlags {
  readonly key?: string
  readonly keySeparator?: string
  readonly header: readonly string[]
  readonly file?: string
  readonly recordBytes?: string
  readonly compression: string
  readonly acks: string
  readonly partition?: string
  readonly idempotence: boolean
}

/** The `produce` command. */
export function produceCommand(io: Io, recordTools: NonNullable<Services['recordTools']>): Command {
  return withListing(new Command('produce'))
    .description('send each line of standard input as a record, or a file as one')
    .argument('<topic>')
    .option('--key <text>', 'the key of every record')
    .option('--key-separator <text>', 'what stands before it in a line is the key')
    .option('--header <name=value>', 'a header of every record; repeatable', collect, [])
    .option('--file <path>', "send this file's bytes as one record")
    .option('--record-bytes <n>', 'with --file: cut the file into records of n bytes')
    .option('--compression <codec>', CODECS.join(', '), 'none')
    .option('--acks <all|1|0>', 'who must have a record: write quorum, leader, nobody', 'all')
    .option('--partition <n>', 'the partition of every record')
    .option('--no-idempotence', 'allow duplicates when a request is sent again')
    .action(async (topic: string, flags: Flags) => {
      const acks = ACKS[oneOf(['all', '1', '0'], flags.acks, '--acks')]
      const how = options(topic, flags, acks)
      const tools = await recordTools()
      const totals = await withClient(
        flags,
        io,
        async (client) => {
          const producer = await Producer.open(client, tools, how)
          await feed(io, producer, flags)
          await producer.flush()
          return producer.totals
        },
        { endsItself: true },
      )
      await printTotals(io, topic, totals, flags.json === true)
    })
}

function options(topic: string, flags: Flags, acks: Acks): Parameters<typeof Producer.open>[2] {
  if (flags.key !== undefined && flags.keySeparator !== undefined) {
    throw new UsageError('--key and --key-separator exclude each other; give one of them')
  }
  if (flags.recordBytes !== undefined && flags.file === undefined) {
    throw new UsageError('--record-bytes cuts a file; give --file too')
  }
  return {
    topic,
    acks,
    codec: oneOf(CODECS, flags.compression, '--compression'),
    // The broker can tell a repeat only where it answers for all replicas.
    idempotent: flags.idempotence && acks === -1,
    batchBytes: BATCH_BYTES,
    ...(flags.partition === undefined
      ? {}
      : {
          partition: wholeNumber(flags.partition, '--partition', { least: 0, most: 0x7fffffff }),
        }),
  }
}

/** Appends everything that the flags ask for. */
async function feed(io: Io, producer: Producer, flags: Flags): Promise<void> {
  const encoder = new TextEncoder()
  const key = flags.key === undefined ? null : encoder.encode(flags.key)
  const separator = flags.keySeparator === undefined ? null : encoder.encode(flags.keySeparator)
  const headers: RecordHeader[] = flags.header.map((text) => {
    const [name, value] = keyValue(text, '--header')
    return { key: encoder.encode(name), value: encoder.encode(value) }
  })
  const progress = startProgress(io, 'produced')
  let records = 0
  let bytes = 0
  const append = (value: Uint8Array, ofRecord: Uint8Array | null): Promise<void> | undefined => {
    records += 1
    bytes += value.length
    progress.show(records, bytes)
    return producer.append({ timestampMs: Date.now(), key: ofRecord, value, headers })
  }
  try {
    if (flags.file !== undefined) {
      await forEachPiece(fileChunks(flags.file), await pieceBytes(flags), io.stopped, (piece) =>
        append(piece, key),
      )
      return
    }
    const idle = { ms: LINGER_MS, act: () => producer.seal() }
    await forEachLine(io.input, idle, io.stopped, (line) => {
      if (separator === null) return append(line, key)
      const at = indexOf(line, separator)
      if (at < 0) return append(line, null)
      return append(line.subarray(at + separator.length), line.subarray(0, at))
    })
  } finally {
    progress.clear()
  }
}

async function pieceBytes(flags: Flags): Promise<number> {
  const range = { least: 1, most: RECORD_BYTES_MAX }
  if (flags.recordBytes !== undefined) {
    return wholeNumber(flags.recordBytes, '--record-bytes', range)
  }
  const path = flags.file ?? ''
  try {
    const handle = await open(path, 'r')
    const { size } = await handle.stat()
    await handle.close()
    if (size > RECORD_BYTES_MAX) {
      throw new UsageError(`${path} is too large for one record; cut it with --record-bytes`)
    }
    return RECORD_BYTES_MAX
  } catch (cause) {
    if (cause instanceof UsageError) throw cause
    const code = (cause as NodeJS.ErrnoException).code ?? 'error'
    throw new OperatingError('absent', `Cannot read ${path}: ${code}`, cause)
  }
}

function fileChunks(path: string): AsyncIterable<Uint8Array> {
  return createReadStream(path, { highWaterMark: 256 * KiB })
}

/** Where `part` begins in `bytes`, or -1. */
function indexOf(bytes: Uint8Array, part: Uint8Array): number {
  const first = part[0]
  if (first === undefined) return 0
  for (let at = bytes.indexOf(first); at >= 0; at = bytes.indexOf(first, at + 1)) {
    let same = 1
    while (same < part.length && bytes[at + same] === part[same]) same += 1
    if (same === part.length) return at
  }
  return -1
}

async function printTotals(
  io: Io,
  topic: string,
  totals: readonly PartitionTotal[],
  json: boolean,
): Promise<void> {
  const rows = totals.map(({ partition, records, bytes, firstOffset, lastOffset }) => ({
    topic,
    partition,
    records,
    bytes,
    first: firstOffset < 0 ? null : firstOffset,
    last: lastOffset < 0 ? null : lastOffset,
  }))
  await printRows(io, rows, { json, empty: 'no records were given' })
}
