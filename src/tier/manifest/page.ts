// Pages: entries that the head had no more room for, in immutable objects of their own. The head
// keeps a short reference to each. A page is searched where it lies: a directory of fixed rows in
// front of the entries tells where each begins, so that a look-up decodes one entry, not thousands.
//
//   magic u32 · version u16 · 0 u16 · count u32 · total length u32 · nonce 8
//   · directory { base u64 · largest timestamp so far i64 · position u32 }… · entries · crc u32
//
// Pure. Whoever fetches a page compares its hash with the reference before it is decoded.
import { assert, must } from '../../base/assert.ts'
import { FormatError, OperatingError } from '../../base/errors.ts'
import { Reader } from '../../base/reader.ts'
import { offset, type Offset } from '../../base/units.ts'
import { Writer } from '../../base/writer.ts'
import type { Crypto } from '../../ports/crypto.ts'
import type { PageName } from '../keys.ts'
import { decodeEntry, encodeEntry, keptBytesMin, type SegmentEntry } from './entry.ts'

const MAGIC = 0x53545047 // "STPG"
const VERSION = 1
const HEADER_BYTES = 24
const NONCE_BYTES = 8
const ROW_BYTES = 20
const HASH_HEX = 32

/** What the head says of a page. Sums are over all its segments. */
export interface PageRef extends PageName {
  /** How many segments it tells of. */
  readonly count: number
  /** Size of the page itself. */
  readonly pageBytes: number
  /** Bytes of batches, each offset counted once. */
  readonly dataBytes: number
  readonly objectBytes: number
  readonly recordCount: number
}

/** Writes a reference. */
export function encodePageRef(to: Writer, page: PageRef): void {
  to.uvarlong(page.base)
  to.uvarlong(page.end - page.base)
  to.varlong(page.minTimestamp)
  to.varlong(page.maxTimestamp)
  to.uvarint(page.count)
  to.uvarint(page.pageBytes)
  to.uvarlong(page.dataBytes)
  to.uvarlong(page.objectBytes)
  to.uvarlong(page.recordCount)
  for (let i = 0; i < HASH_HEX; i += 2) {
    to.uint8(Number.parseInt(page.hash.substring(i, i + 2), 16))
  }
}

/** Reads a reference. Throws FormatError when it cannot be one. */
export function decodePageRef(from: Reader): PageRef {
  const base = from.uvarlong()
  const end = base + from.uvarlong()
  if (!Number.isSafeInteger(end)) throw new FormatError('A page ends behind all offsets')
  const minTimestamp = from.varlong()
  const maxTimestamp = from.varlong()
  const count = from.uvarint()
  const pageBytes = from.uvarint()
  const dataBytes = from.uvarlong()
  const objectBytes = from.uvarlong()
  const recordCount = from.uvarlong()
  const hash = hexOf(from.raw(HASH_HEX / 2))
  if (count === 0 || end === base) throw new FormatError('A page tells of no segment')
  return {
    base: offset(base),
    end: offset(end),
    minTimestamp,
    maxTimestamp,
    count,
    pageBytes,
    dataBytes,
    objectBytes,
    recordCount,
    hash,
  }
}

const hexOf = (bytes: Uint8Array): string => {
  let text = ''
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0')
  return text
}

/**
 * The page that holds `entries` (ascending, at least one), and the reference to it. Drawn anew each
 * time: a page that was put and never named must not come to be named while it is removed.
 */
export function encodePage(
  crypto: Crypto,
  entries: readonly SegmentEntry[],
): { readonly ref: PageRef; readonly bytes: Uint8Array } {
  assert(entries.length > 0, 'A page has a segment')
  const to = new Writer(4096)
  to.uint32(MAGIC)
  to.uint16(VERSION)
  to.uint16(0)
  to.uint32(entries.length)
  to.uint32(0)
  to.raw(crypto.randomBytes(NONCE_BYTES))
  const directory = to.reserve(entries.length * ROW_BYTES)
  const positions: number[] = []
  for (const entry of entries) {
    positions.push(to.at)
    encodeEntry(to, entry)
  }
  to.patchUint32(12, to.at + 4)
  const all = to.bytes()
  const view = new DataView(all.buffer, all.byteOffset, all.byteLength)
  let maxTimestamp = -1
  let at = directory
  entries.forEach((entry, i) => {
    maxTimestamp = Math.max(maxTimestamp, entry.maxTimestamp)
    view.setBigUint64(at, BigInt(entry.base))
    view.setBigInt64(at + 8, BigInt(maxTimestamp))
    view.setUint32(at + 16, must(positions[i], 'A position for every entry'))
    at += ROW_BYTES
  })
  to.uint32(crypto.crc32c(to.bytes()))
  const bytes = to.copy()
  const sum = (of: (entry: SegmentEntry) => number): number =>
    entries.reduce((total, entry) => total + of(entry), 0)
  const times = entries.filter((entry) => entry.minTimestamp >= 0)
  const ref = {
    base: must(entries[0], 'A first entry').base,
    end: must(entries.at(-1), 'A last entry').end,
    minTimestamp: times.reduce((least, one) => Math.min(least, one.minTimestamp), Infinity),
    maxTimestamp,
    count: entries.length,
    pageBytes: bytes.length,
    dataBytes: sum(keptBytesMin),
    objectBytes: sum((entry) => entry.objectBytes),
    recordCount: sum((entry) => entry.recordCount),
    hash: pageHash(crypto, bytes),
  }
  if (ref.minTimestamp === Infinity) ref.minTimestamp = -1
  return { ref, bytes }
}

/** What a page's reference and key are named by: half of its SHA-256, in hex. */
export const pageHash = (crypto: Crypto, bytes: Uint8Array): string =>
  hexOf(crypto.sha256(bytes).subarray(0, HASH_HEX / 2))

/** A fetched page. */
export class Page {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  /** How many segments it tells of. */
  readonly length: number

  private constructor(bytes: Uint8Array, count: number) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.length = count
  }

  /**
   * Takes the bytes of a page, which it keeps. Throws FormatError when they are none, and `refused`
   * when a newer version has written them.
   */
  static open(crypto: Crypto, bytes: Uint8Array): Page {
    const from = new Reader(bytes)
    if (from.uint32() !== MAGIC) throw new FormatError('A manifest page has another magic')
    const version = from.uint16()
    if (version > VERSION) {
      throw new OperatingError(
        'refused',
        `Cannot read a manifest page of format ${version}: this version knows up to ${VERSION}; ` +
          'use the newer Stratalog that wrote it',
      )
    }
    if (version < VERSION) throw new FormatError('A manifest page has an unknown version')
    if (from.uint16() !== 0) throw new FormatError('A manifest page has stray bits')
    const count = from.uint32()
    if (from.uint32() !== bytes.length) throw new FormatError('A manifest page is cut short')
    from.take(NONCE_BYTES)
    if (count === 0 || count * ROW_BYTES > from.left) {
      throw new FormatError('A manifest page has an impossible count')
    }
    const crc = new Reader(bytes, bytes.length - 4).uint32()
    if (crypto.crc32c(bytes.subarray(0, bytes.length - 4)) !== crc) {
      throw new FormatError('A manifest page fails its CRC')
    }
    return new Page(bytes, count)
  }

  /** Bytes of memory that it holds. */
  get memoryBytes(): number {
    return this.#bytes.length
  }

  /** Base offset of segment `i`. */
  baseAt(i: number): Offset {
    assert(i >= 0 && i < this.length, 'A page has that segment')
    return offset(Number(this.#view.getBigUint64(HEADER_BYTES + i * ROW_BYTES)))
  }

  /** Segment `i`. Throws FormatError when it makes no sense. */
  at(i: number): SegmentEntry {
    assert(i >= 0 && i < this.length, 'A page has that segment')
    const at = this.#view.getUint32(HEADER_BYTES + i * ROW_BYTES + 16)
    if (at > this.#bytes.length) throw new FormatError('A manifest page points behind its end')
    return decodeEntry(new Reader(this.#bytes, at, this.#bytes.length - 4))
  }

  /** Every segment in order. */
  entries(): SegmentEntry[] {
    return Array.from({ length: this.length }, (_, i) => this.at(i))
  }

  /** The last segment that begins at or below `target`; -1 when all begin above. */
  floor(target: Offset): number {
    let low = 0
    let high = this.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.baseAt(middle) <= target) low = middle + 1
      else high = middle
    }
    return low - 1
  }

  /** The first segment with a record at or after `timestampMs`; -1 when there is none. */
  firstReaching(timestampMs: number): number {
    let low = 0
    let high = this.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const reached = Number(this.#view.getBigInt64(HEADER_BYTES + middle * ROW_BYTES + 8))
      if (reached < timestampMs) low = middle + 1
      else high = middle
    }
    return low === this.length ? -1 : low
  }
}
