// Feeds arbitrary bytes to everything that reads the metadata quorum's files and its membership
// entries. A reader may refuse with `corrupt` or `refused`, a membership with FormatError, nothing
// else. Where a checksum would stop every random input at the door, it is made right first.
import { FormatError, OperatingError } from '../../../src/base/errors.ts'
import * as format from '../../../src/cluster/raft/raft-format.ts'
import { decodeMembership, encodeMembership } from '../../../src/raft/membership.ts'
import { crc32c } from '../../cluster/crash-disk.ts'

/** What this target is called on the command line and in the ledger. */
export const name = 'raft-storage'

/** One input: its first byte chooses the reader. */
export function run(bytes: Uint8Array): void {
  const target = TARGETS[(bytes[0] ?? 0) % TARGETS.length]
  try {
    target?.(Uint8Array.from(bytes.subarray(1)))
  } catch (error) {
    const isRefusal = error instanceof OperatingError && /^(corrupt|refused)$/.test(error.kind)
    if (!isRefusal && !(error instanceof FormatError)) throw error
  }
}

const TARGETS: readonly ((bytes: Uint8Array) => void)[] = [
  (bytes) => format.decodeStateHeader(crc32c, 'fuzz', bytes),
  (bytes) => format.decodeStateHeader(crc32c, 'fuzz', withHeader(bytes, 0x53525354, 24)),
  (bytes) => format.decodeSlot(crc32c, bytes),
  (bytes) => format.decodeSlot(crc32c, withSum(bytes, 44)),
  (bytes) => format.decodeLogHeader(crc32c, 'fuzz', withHeader(bytes, 0x53524c47, 52)),
  (bytes) => batches(bytes, false),
  (bytes) => batches(bytes, true),
  (bytes) => format.decodeSnapshot(crc32c, 'fuzz', bytes),
  (bytes) => format.decodeSnapshot(crc32c, 'fuzz', asSnapshot(bytes)),
  (bytes) => membershipOf(bytes),
]

const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** Makes the checksum in the last four of the first `length` bytes right. */
function withSum(bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.length < length) return bytes
  viewOf(bytes).setUint32(length - 4, crc32c(bytes.subarray(0, length - 4)))
  return bytes
}

function withHeader(bytes: Uint8Array, magic: number, length: number): Uint8Array {
  if (bytes.length < length) return bytes
  viewOf(bytes).setUint32(0, magic)
  viewOf(bytes).setUint16(4, 1)
  return withSum(bytes, length)
}

function batches(bytes: Uint8Array, repaired: boolean): void {
  const nonce = 7
  for (let at = 0; at < bytes.length;) {
    if (repaired) repairBatch(bytes, nonce, at)
    const header = format.decodeBatchHeader(crc32c, bytes, { nonce, at })
    if (header === null) return
    const entries = format.decodeBatch(crc32c, 'fuzz', bytes, { nonce, at, header })
    if (entries === null) return
    if (entries.length !== header.count) throw new Error('A batch lost entries')
    at += format.BATCH_HEADER_BYTES + header.length
  }
}

function repairBatch(bytes: Uint8Array, nonce: number, at: number): void {
  const room = bytes.length - at - format.BATCH_HEADER_BYTES
  if (room < 21) return
  const view = viewOf(bytes)
  const length = 21 + (view.getUint32(at) % (room - 20))
  const from = at + format.BATCH_HEADER_BYTES
  view.setUint32(at, length)
  view.setUint32(at + 4, 1 + (view.getUint32(at + 4) % Math.floor(length / 21)))
  view.setUint32(at + 16, crc32c(bytes.subarray(from, from + length), (nonce + at) >>> 0))
  view.setUint32(at + 20, crc32c(bytes.subarray(at, at + 20), (nonce + at) >>> 0))
}

function asSnapshot(bytes: Uint8Array): Uint8Array {
  if (bytes.length < 44) return bytes
  const view = viewOf(bytes)
  const body = bytes.length - 44
  const members = view.getUint32(24) % (body + 1)
  view.setUint32(24, members)
  view.setBigInt64(28, BigInt(body - members))
  view.setUint32(36, crc32c(bytes.subarray(44)))
  return withHeader(bytes, 0x5352534e, 44)
}

function membershipOf(bytes: Uint8Array): void {
  const again = encodeMembership(decodeMembership(bytes))
  if (again.some((byte, i) => byte !== bytes[i])) throw new Error('A membership changed')
}
