// Fuzz target: heads and pages of archives' manifests. Whatever the bytes, reading gives a manifest
// that every look-up can work with and that is written and read back as it is, or is refused with
// one of two errors. Odd inputs have length and checksum made right first, so that what lies behind
// them is reached.
import { FormatError, OperatingError } from '../../../src/base/errors.ts'
import { offset } from '../../../src/base/units.ts'
import { decodeHead, encodeHead } from '../../../src/tier/manifest/head.ts'
import type { SegmentEntry } from '../../../src/tier/manifest/entry.ts'
import { Page, encodePage } from '../../../src/tier/manifest/page.ts'
import { crypto } from '../../log/batches.ts'
import { entryAt, bare } from '../../tier/support.ts'

export const name = 'manifest'

const MODES = 4
const entries = [entryAt(0, 10), entryAt(10, 2000, { dataLength: 3_000_000 }), entryAt(2010, 1)]

/** Small heads and pages, each as it is and to be mended. */
export function seeds(): Uint8Array[] {
  const page = encodePage(crypto, entries)
  const heads = [
    bare(),
    bare({ entries }),
    bare({ pages: [page.ref], entries: [entryAt(2011, 5)], topicName: 'orders' }),
  ].map((manifest) => encodeHead(crypto, manifest))
  return [
    ...heads.flatMap((head) => [Uint8Array.of(0, ...head), Uint8Array.of(1, ...head)]),
    ...[2, 3].map((mode) => Uint8Array.of(mode, ...page.bytes)),
  ]
}

/** One input; throws only when an oracle is broken. */
export function run(bytes: Uint8Array): void {
  const mode = (bytes[0] ?? 0) % MODES
  const content = bytes.slice(1)
  try {
    if (mode < 2) head(mode === 0 ? content : mended(content, 0x53544844, 8))
    else page(mode === 2 ? content : mended(content, 0x53545047, 12))
  } catch (error) {
    if (!(error instanceof FormatError || error instanceof OperatingError)) throw error
  }
}

function head(bytes: Uint8Array): void {
  const manifest = decodeHead(crypto, bytes)
  for (const entry of manifest.entries) usable(entry)
  const again = encodeHead(crypto, manifest)
  const other = encodeHead(crypto, decodeHead(crypto, again))
  if (Buffer.compare(again, other) !== 0) throw new Error('A manifest changes when it is read')
}

function page(bytes: Uint8Array): void {
  const opened = Page.open(crypto, bytes)
  opened.floor(offset(1_000))
  opened.firstReaching(1_000)
  for (let i = 0; i < opened.length; i++) usable(opened.at(i))
}

/** Every look-up that a reader may make with the entry. */
function usable({ blocks, base, end, objectBase, dataLength }: SegmentEntry): void {
  if (blocks.length === 0) return
  for (const at of [base, Math.floor((base + end) / 2), end - 1]) {
    const start = blocks.startAt(blocks.floor(at - objectBase))
    if (start < 0 || start >= dataLength) throw new Error('A look-up leaves the data')
  }
  blocks.firstReaching(1_000)
  for (let i = 0; i < blocks.length; i++) {
    if (blocks.startBehind(i, dataLength) > dataLength) throw new Error('A look-up leaves the data')
  }
}

/** Magic, version, length and CRC as they have to be. */
function mended(bytes: Uint8Array, magic: number, lengthAt: number): Uint8Array {
  if (bytes.length < lengthAt + 8) return bytes
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  view.setUint32(0, magic)
  view.setUint32(4, 0x00010000)
  view.setUint32(lengthAt, bytes.length)
  view.setUint32(bytes.length - 4, crypto.crc32c(bytes.subarray(0, bytes.length - 4)))
  return bytes
}
