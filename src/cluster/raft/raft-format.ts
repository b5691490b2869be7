// The bytes under raft/: a state file with identity and two copies of term and vote, log files of
// checksummed batches, and snapshot files. Pure encoding and checking; raft-storage.ts decides
// what is written when. All integers are big-endian.
//
//   state        block 0: header · block 1: slot copy A · block 2: slot copy B (blocks of 4 KiB)
//   log-N.wal    header · batches; a batch is one append: it is durable as a whole or not at all
//   S-T.snap     header · membership · data
//
// A batch's checksums are seeded with the file's nonce and the batch's position, so that bytes of
// another place, an older file or a user's payload never pass for one.
import { FormatError, OperatingError } from '../../base/errors.ts'
import { Reader } from '../../base/reader.ts'
import type { Term } from '../../base/units.ts'
import { term } from '../../base/units.ts'
import { Writer } from '../../base/writer.ts'
import type { Crypto } from '../../ports/crypto.ts'
import { decodeMembership, encodeMembership } from '../../raft/membership.ts'
import type { Entry, EntryKind, HardState, Snapshot } from '../../raft/messages.ts'

/** The version written, and the newest one read. */
export const RAFT_FORMAT = 1
/** Distance of the state file's parts, so that a torn sector spoils one of them. */
export const STATE_BLOCK = 4096
export const LOG_HEADER_BYTES = 52
export const BATCH_HEADER_BYTES = 24
/** Longest batch body and longest snapshot that are written or believed. */
export const BATCH_BYTES_MAX = 64 * 1024 * 1024
export const SNAPSHOT_BYTES_MAX = 1024 * 1024 * 1024

const STATE_MAGIC = 0x53525354
const LOG_MAGIC = 0x53524c47
const SNAPSHOT_MAGIC = 0x5352534e
const STATE_HEADER_BYTES = 24
const SLOT_BYTES = 44
const SNAPSHOT_HEADER_BYTES = 44
const ENTRY_HEADER_BYTES = 21
const KINDS: readonly EntryKind[] = ['data', 'empty', 'membership']

type Crc = Crypto['crc32c']

/** Whose promises a directory holds. */
export interface RaftIdentity {
  readonly nodeId: number
  /** Drawn when the disk was formatted: a replaced disk is another voter. */
  readonly diskId: number
}

/** Term and vote, and how far the disk had got for certain when they were written. */
export interface Slot extends HardState {
  /** Rises with every write; the copy with the larger one is newer. */
  readonly sequence: number
  /** Last batch known to be durable. */
  readonly batch: number
}

/** The head of a log file. */
export interface LogHeader {
  readonly sequence: number
  /** Index and term before the first entry of the file. */
  readonly baseIndex: number
  readonly baseTerm: Term
  /** The log starts over here: earlier files are void. */
  readonly reset: boolean
  readonly firstBatch: number
  readonly nonce: number
  readonly diskId: number
}

/** A batch whose header is whole. */
export interface BatchHeader {
  readonly length: number
  readonly count: number
  readonly batch: number
  readonly crc: number
}

const corrupt = (path: string, why: string, cause?: unknown): OperatingError =>
  new OperatingError('corrupt', `Cannot read ${path}: ${why}`, cause)

/** Appends the CRC of all written so far. */
function seal(out: Writer, crc: Crc, seed = 0): Uint8Array {
  out.uint32(crc(out.bytes(), seed))
  return out.copy()
}

/** Checks magic, then version, then checksum of a header that ends with its CRC. */
function openHeader(
  crc: Crc,
  path: string,
  bytes: Uint8Array,
  expected: { readonly magic: number; readonly length: number },
): Reader {
  if (bytes.length < expected.length) throw corrupt(path, 'its header is cut short')
  const input = new Reader(bytes, 0, expected.length)
  if (input.uint32() !== expected.magic) throw corrupt(path, 'it does not begin as it should')
  const version = input.uint16()
  if (version > RAFT_FORMAT) {
    throw new OperatingError(
      'refused',
      `Cannot read ${path}: its format ${version} is newer than ${RAFT_FORMAT}, ` +
        'start the version that wrote it',
    )
  }
  const sum = input.view.getUint32(expected.length - 4)
  if (crc(bytes.subarray(0, expected.length - 4)) !== sum || version === 0) {
    throw corrupt(path, 'the checksum of its header does not match')
  }
  return input
}

/** The first block of the state file. */
export function encodeStateHeader(crc: Crc, identity: RaftIdentity): Uint8Array {
  const out = new Writer(STATE_HEADER_BYTES)
  out.uint32(STATE_MAGIC)
  out.uint16(RAFT_FORMAT)
  out.uint16(0)
  out.int64(identity.nodeId)
  out.uint32(identity.diskId)
  return seal(out, crc)
}

/** The inverse; throws `corrupt`, or `refused` for a newer format. */
export function decodeStateHeader(crc: Crc, path: string, bytes: Uint8Array): RaftIdentity {
  const input = openHeader(crc, path, bytes, { magic: STATE_MAGIC, length: STATE_HEADER_BYTES })
  input.take(2)
  return { nodeId: input.int64(), diskId: input.uint32() }
}

/** One copy of term and vote. */
export function encodeSlot(crc: Crc, slot: Slot): Uint8Array {
  const out = new Writer(SLOT_BYTES)
  out.int64(slot.sequence)
  out.int64(slot.term)
  out.int64(slot.vote)
  out.int64(slot.commit)
  out.int64(slot.batch)
  return seal(out, crc)
}

/** The inverse; null when it was torn, rotted or never written. */
export function decodeSlot(crc: Crc, bytes: Uint8Array): Slot | null {
  if (bytes.length < SLOT_BYTES) return null
  const sum = new DataView(bytes.buffer, bytes.byteOffset).getUint32(SLOT_BYTES - 4)
  if (crc(bytes.subarray(0, SLOT_BYTES - 4)) !== sum) return null
  const input = new Reader(bytes, 0, SLOT_BYTES)
  try {
    const slot = {
      sequence: input.int64(),
      term: term(input.int64()),
      vote: input.int64(),
      commit: input.int64(),
      batch: input.int64(),
    }
    return Object.values(slot).every((value) => value >= 0) ? slot : null
  } catch (error) {
    if (error instanceof FormatError) return null
    throw error
  }
}

/** The head of a log file. */
export function encodeLogHeader(crc: Crc, header: LogHeader): Uint8Array {
  const out = new Writer(LOG_HEADER_BYTES)
  out.uint32(LOG_MAGIC)
  out.uint16(RAFT_FORMAT)
  out.uint16(header.reset ? 1 : 0)
  out.int64(header.sequence)
  out.int64(header.baseIndex)
  out.int64(header.baseTerm)
  out.int64(header.firstBatch)
  out.uint32(header.nonce)
  out.uint32(header.diskId)
  return seal(out, crc)
}

/** The inverse; throws `corrupt`, or `refused` for a newer format. */
export function decodeLogHeader(crc: Crc, path: string, bytes: Uint8Array): LogHeader {
  const input = openHeader(crc, path, bytes, { magic: LOG_MAGIC, length: LOG_HEADER_BYTES })
  const reset = (input.uint16() & 1) === 1
  return whole(path, () => ({
    reset,
    sequence: input.int64(),
    baseIndex: natural(input),
    baseTerm: term(natural(input)),
    firstBatch: natural(input),
    nonce: input.uint32(),
    diskId: input.uint32(),
  }))
}

const seedOf = (nonce: number, at: number): number => (nonce + at) >>> 0

/** One append of `entries` as it stands at position `at` of the file with that nonce. */
export function encodeBatch(
  crc: Crc,
  entries: readonly Entry[],
  place: { readonly nonce: number; readonly at: number; readonly batch: number },
): Uint8Array {
  let length = 0
  for (const entry of entries) length += ENTRY_HEADER_BYTES + entry.data.length
  const seed = seedOf(place.nonce, place.at)
  const out = new Writer(BATCH_HEADER_BYTES + length)
  out.reserve(BATCH_HEADER_BYTES)
  for (const entry of entries) {
    out.int64(entry.index)
    out.int64(entry.term)
    out.uint8(KINDS.indexOf(entry.kind))
    out.uint32(entry.data.length)
    out.raw(entry.data)
  }
  const bytes = out.bytes()
  const head = new Writer(BATCH_HEADER_BYTES)
  head.uint32(length)
  head.uint32(entries.length)
  head.int64(place.batch)
  head.uint32(crc(bytes.subarray(BATCH_HEADER_BYTES), seed))
  head.uint32(crc(head.bytes(), seed))
  bytes.set(head.bytes())
  return bytes
}

/** The batch header at `at`; null when there is none that is whole. */
export function decodeBatchHeader(
  crc: Crc,
  file: Uint8Array,
  place: { readonly nonce: number; readonly at: number },
): BatchHeader | null {
  const { at } = place
  if (at + BATCH_HEADER_BYTES > file.length) return null
  const input = new Reader(file, at)
  const length = input.uint32()
  const count = input.uint32()
  if (count === 0 || length > BATCH_BYTES_MAX || count * ENTRY_HEADER_BYTES > length) return null
  const sum = input.view.getUint32(at + BATCH_HEADER_BYTES - 4)
  const head = file.subarray(at, at + BATCH_HEADER_BYTES - 4)
  if (crc(head, seedOf(place.nonce, at)) !== sum) return null
  const high = input.uint32()
  const batch = high * 4294967296 + input.uint32()
  return { length, count, batch, crc: input.uint32() }
}

/** The entries of the batch at `at`; null when its body is torn or rotten. Copies the data out. */
export function decodeBatch(
  crc: Crc,
  path: string,
  file: Uint8Array,
  place: { readonly nonce: number; readonly at: number; readonly header: BatchHeader },
): Entry[] | null {
  const from = place.at + BATCH_HEADER_BYTES
  const to = from + place.header.length
  if (to > file.length) return null
  if (crc(file.subarray(from, to), seedOf(place.nonce, place.at)) !== place.header.crc) return null
  return whole(path, () => {
    const input = new Reader(file, from, to)
    const entries: Entry[] = []
    for (let i = 0; i < place.header.count; i++) {
      const index = natural(input)
      const at = term(natural(input))
      const kind = KINDS[input.uint8()]
      if (kind === undefined) throw new FormatError('An entry has an unknown kind')
      const data = Uint8Array.from(input.raw(input.uint32()))
      entries.push({ index, term: at, kind, data })
    }
    if (input.left !== 0) throw new FormatError('A batch has bytes after its entries')
    return entries
  })
}

/** A snapshot file. */
export function encodeSnapshot(crc: Crc, snapshot: Snapshot): readonly Uint8Array[] {
  const membership = encodeMembership(snapshot.membership)
  const out = new Writer(SNAPSHOT_HEADER_BYTES)
  out.uint32(SNAPSHOT_MAGIC)
  out.uint16(RAFT_FORMAT)
  out.uint16(0)
  out.int64(snapshot.index)
  out.int64(snapshot.term)
  out.uint32(membership.length)
  out.int64(snapshot.data.length)
  out.uint32(crc(snapshot.data, crc(membership)))
  return [seal(out, crc), membership, snapshot.data]
}

/** The inverse; throws `corrupt`, or `refused` for a newer format. Borrows `bytes`. */
export function decodeSnapshot(crc: Crc, path: string, bytes: Uint8Array): Snapshot {
  const input = openHeader(crc, path, bytes, {
    magic: SNAPSHOT_MAGIC,
    length: SNAPSHOT_HEADER_BYTES,
  })
  input.take(2)
  return whole(path, () => {
    const index = natural(input)
    const at = term(natural(input))
    const membershipBytes = input.uint32()
    const dataBytes = natural(input)
    const sum = input.uint32()
    const body = new Reader(bytes, SNAPSHOT_HEADER_BYTES)
    if (membershipBytes + dataBytes !== body.left) {
      throw new FormatError('Its length is not what its header says')
    }
    if (crc(bytes.subarray(SNAPSHOT_HEADER_BYTES)) !== sum) {
      throw new FormatError('The checksum of its body does not match')
    }
    const membership = decodeMembership(body.raw(membershipBytes))
    return { index, term: at, membership, data: body.raw(dataBytes) }
  })
}

function natural(input: Reader): number {
  const value = input.int64()
  if (value < 0) throw new FormatError('A number that cannot be negative is')
  return value
}

/** Turns the format errors of checked bytes into `corrupt`, with the file's name. */
function whole<T>(path: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    throw corrupt(path, error.message, error)
  }
}
