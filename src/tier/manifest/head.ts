// The bytes of a manifest. Small enough to be read and replaced as a whole: 256 KiB at most, with a
// million segments as with one. Pure.
//
//   magic u32 · version u16 · flags u16 · total length u32 · topic id 16 · partition u32
//   · writer epoch u32 · nonce 16 · sequence uvarlong · log start uvarlong · topic name
//   · lineage { epoch uvarint · start uvarlong }… · page references… · entries… · crc u32
//   Lists have their count in front as a uvarint. Flags: bit 0 a copy, bits 1 to 15 the generation.
import { assert } from '../../base/assert.ts'
import { FormatError, OperatingError } from '../../base/errors.ts'
import { Reader } from '../../base/reader.ts'
import { KiB, leaderEpoch, offset } from '../../base/units.ts'
import { Writer } from '../../base/writer.ts'
import type { EpochStart } from '../../log/state/lineage.ts'
import type { Crypto } from '../../ports/crypto.ts'
import { decodeEntry, encodeEntry, type SegmentEntry } from './entry.ts'
import type { Manifest } from './manifest.ts'
import { decodePageRef, encodePageRef, type PageRef } from './page.ts'

/** No head is larger. */
export const HEAD_BYTES_MAX: number = 256 * KiB
/** Version of the format that this code writes, and the newest that it reads. */
export const HEAD_VERSION = 1

const MAGIC = 0x53544844 // "STHD"
const NONCE_BYTES = 16
const FLAG_COPY = 1
/** A cluster is not restored more often. */
const GENERATION_MAX = 0x7fff

/** The bytes of `manifest`. */
export function encodeHead(crypto: Crypto, manifest: Manifest): Uint8Array {
  const to = new Writer(4096)
  to.uint32(MAGIC)
  to.uint16(HEAD_VERSION)
  assert(manifest.generation <= GENERATION_MAX, 'A cluster is restored only so often')
  to.uint16((manifest.isCopy ? FLAG_COPY : 0) | (manifest.generation << 1))
  to.uint32(0)
  to.uuid(manifest.topicId)
  to.uint32(manifest.partition)
  to.uint32(manifest.writerEpoch)
  for (let i = 0; i < NONCE_BYTES; i++) {
    to.uint8(Number.parseInt(manifest.nonce.substring(i * 2, i * 2 + 2), 16))
  }
  to.uvarlong(manifest.sequence)
  to.uvarlong(manifest.logStart)
  const name = new TextEncoder().encode(manifest.topicName)
  to.uvarint(name.length)
  to.raw(name)
  to.uvarint(manifest.lineage.length)
  for (const { epoch, start } of manifest.lineage) {
    to.uvarint(epoch)
    to.uvarlong(start)
  }
  to.uvarint(manifest.pages.length)
  for (const page of manifest.pages) encodePageRef(to, page)
  to.uvarint(manifest.entries.length)
  for (const entry of manifest.entries) encodeEntry(to, entry)
  to.patchUint32(8, to.at + 4)
  to.uint32(crypto.crc32c(to.bytes()))
  return to.copy()
}

/**
 * Reads a head; the manifest keeps views of `bytes`. Throws FormatError when they are damaged, and
 * `refused` when a newer version has written them.
 */
export function decodeHead(crypto: Crypto, bytes: Uint8Array): Manifest {
  const from = new Reader(bytes)
  if (from.uint32() !== MAGIC) throw new FormatError('A manifest has another magic')
  const version = from.uint16()
  if (version > HEAD_VERSION) {
    throw new OperatingError(
      'refused',
      `Cannot read a manifest of format ${version}: this version knows up to ${HEAD_VERSION}; ` +
        'use the newer Stratalog that wrote it',
    )
  }
  if (version < HEAD_VERSION) throw new FormatError('A manifest has an unknown version')
  const flags = from.uint16()
  if (from.uint32() !== bytes.length) throw new FormatError('A manifest is cut short')
  if (bytes.length > HEAD_BYTES_MAX) throw new FormatError('A manifest is larger than any')
  const crc = new Reader(bytes, bytes.length - 4).uint32()
  if (crypto.crc32c(bytes.subarray(0, bytes.length - 4)) !== crc) {
    throw new FormatError('A manifest fails its CRC')
  }
  const body = new Reader(bytes, from.at, bytes.length - 4)
  const topicId = body.uuid()
  const partition = body.uint32()
  const writerEpoch = leaderEpoch(body.uint32())
  let nonce = ''
  for (let i = 0; i < NONCE_BYTES; i++) nonce += body.uint8().toString(16).padStart(2, '0')
  const sequence = body.uvarlong()
  const logStart = offset(body.uvarlong())
  const topicName = body.text(body.uvarint())
  const lineage = list(body, 2, readEpochStart)
  const pages = list(body, 24, decodePageRef)
  const entries = list(body, 40, decodeEntry)
  if (body.left > 0) throw new FormatError('A manifest has bytes left over')
  const manifest = {
    topicId,
    partition,
    topicName,
    isCopy: (flags & FLAG_COPY) !== 0,
    generation: flags >>> 1,
    writerEpoch,
    nonce,
    sequence,
    logStart,
    pages,
    entries,
    lineage,
  }
  checkOrder(manifest)
  return manifest
}

const readEpochStart = (from: Reader): EpochStart => ({
  epoch: leaderEpoch(from.uvarint()),
  start: offset(from.uvarlong()),
})

/** A list with its count in front; each of its elements has `bytesMin` or more. */
function list<T>(from: Reader, bytesMin: number, read: (from: Reader) => T): T[] {
  const count = from.uvarint()
  if (count * bytesMin > from.left) throw new FormatError('A manifest has an impossible count')
  return Array.from({ length: count }, () => read(from))
}

/** Throws FormatError unless pages and entries follow each other without a gap. */
function checkOrder({
  pages,
  entries,
  lineage,
}: {
  readonly pages: readonly PageRef[]
  readonly entries: readonly SegmentEntry[]
  readonly lineage: readonly EpochStart[]
}): void {
  let end = -1
  for (const { base, end: next } of [...pages, ...entries]) {
    if (next < base || (end >= 0 && base !== end)) {
      throw new FormatError('A manifest has a gap or an overlap')
    }
    end = next
  }
  lineage.forEach(({ epoch, start }, i) => {
    const before = lineage[i - 1]
    if (before !== undefined && (before.epoch >= epoch || before.start > start)) {
      throw new FormatError('A manifest has epochs out of order')
    }
  })
}
