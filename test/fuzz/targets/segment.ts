// Feeds arbitrary bytes to everything that reads a segment file or its tail. A reader may refuse
// with a FormatError and nothing else; a scan never throws. Where a CRC would stop every random
// input at the door, it is made right first, so that what lies behind it is reached.
import { FormatError } from '../../../src/base/errors.ts'
import { Reader } from '../../../src/base/reader.ts'
import { leaderEpoch, offset } from '../../../src/base/units.ts'
import { AbortedList } from '../../../src/log/state/aborted.ts'
import { scanBytes } from '../../../src/log/segment/batch-scan.ts'
import { markerOf } from '../../../src/log/segment/batch-view.ts'
import { Lineage } from '../../../src/log/state/lineage.ts'
import { decodeProducers } from '../../../src/log/state/producer-snapshot.ts'
import { SegmentBuilder } from '../../../src/log/segment/segment-builder.ts'
import { decodeFooter } from '../../../src/log/segment/segment-format.ts'
import { decodeHashes } from '../../../src/log/segment/segment-hash.ts'
import { SparseIndex } from '../../../src/log/segment/sparse-index.ts'
import { decodeTailBlock, tailBlockBytes } from '../../../src/log/segment/tail-block.ts'
import { crypto } from '../../log/batches.ts'

/** What this target is called on the command line and in the ledger. */
export const name = 'segment'

const LIMITS = { producersMax: 1_000, expirationMs: 1 }

/** One input: its first byte chooses the reader. */
export function run(bytes: Uint8Array): void {
  const target = TARGETS[(bytes[0] ?? 0) % TARGETS.length]
  try {
    target?.(Uint8Array.from(bytes.subarray(1)))
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
  }
}

const TARGETS: readonly ((bytes: Uint8Array) => void)[] = [
  (bytes) => scan(bytes),
  (bytes) => scan(withBatchCrcs(bytes)),
  (bytes) => decodeFooter(crypto, bytes, bytes.length),
  (bytes) => decodeFooter(crypto, withFooterCrc(bytes), bytes.length),
  (bytes) => SparseIndex.decode(offset(0), bytes, 1e9),
  (bytes) => new AbortedList().decode(new Reader(bytes)),
  (bytes) => Lineage.decode(new Reader(bytes)),
  (bytes) => decodeProducers(new Reader(bytes), LIMITS),
  (bytes) => decodeHashes(new Reader(bytes), Math.max(bytes.length - 32, 0) * 32_768),
  (bytes) => tailBlock(withTailCrc(bytes)),
]

function scan(bytes: Uint8Array): void {
  const range = { from: 0, to: bytes.length, nextOffset: offset(0), epoch: leaderEpoch(-1) }
  for (const gaps of [false, true]) {
    const builder = new SegmentBuilder(offset(0), crypto, 64)
    let last = 0
    const result = scanBytes(crypto, bytes, { ...range, gaps }, (window, at, length, position) => {
      if (position < last) throw new Error('A scan went back')
      last = position + length
      builder.append(window, at, length)
      markerOf(window, at, at + length)
    })
    builder.settle()
    if (result.end > bytes.length) throw new Error('A scan went beyond its bytes')
    if (result.end < last) throw new Error('A scan forgot a batch')
  }
}

/** Makes the CRC of every batch right that its lengths lead to. */
function withBatchCrcs(bytes: Uint8Array): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let at = 0; at + 61 <= bytes.length;) {
    bytes[at + 16] = 2
    bytes[at + 8] = 0
    bytes[at + 9] = 0
    const length = Math.min(Math.max(view.getInt32(at + 8) + 12, 61), bytes.length - at)
    view.setInt32(at + 8, length - 12)
    view.setUint32(at + 17, crypto.crc32c(bytes.subarray(at + 21, at + length)))
    at += length
  }
  return bytes
}

function withFooterCrc(bytes: Uint8Array): Uint8Array {
  if (bytes.length < 128) return bytes
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const start = bytes.length - 128
  view.setUint16(start, 1)
  view.setUint32(start + 4, view.getUint32(start + 4) % 5)
  const table = start - view.getUint32(start + 4) * 24
  if (table < 0) return bytes
  view.setUint32(start + 116, crypto.crc32c(bytes.subarray(table, start + 116)))
  view.setBigInt64(start + 120, 0x5354524154534547n)
  return bytes
}

function withTailCrc(bytes: Uint8Array): Uint8Array {
  if (bytes.length < 88) return bytes
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  view.setUint32(0, 0x53545442)
  view.setUint8(4, 1 + (view.getUint8(4) % 2))
  view.setUint8(5, 1)
  view.setUint32(8, bytes.length - 88)
  view.setUint32(84, view.getUint32(84) % 64)
  view.setUint32(12, crypto.crc32c(bytes.subarray(16), crypto.crc32c(bytes.subarray(0, 12), 0)))
  return bytes
}

function tailBlock(bytes: Uint8Array): void {
  if (bytes.length === 0 || tailBlockBytes(bytes) !== bytes.length) return
  const block = decodeTailBlock(crypto, bytes, 0)
  if (block === null) throw new Error('A block with a right CRC was not read')
  const builder = new SegmentBuilder(block.state.baseOffset, crypto)
  builder.restore(block.state, { first: block.firstIndex, bytes: block.indexView })
  new AbortedList().decode(block.rest)
  Lineage.decode(block.rest)
  decodeProducers(block.rest, LIMITS)
}
