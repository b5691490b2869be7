// The file that lets a disk cache outlive its process: which block lies in which slot, under one
// CRC. It is a hint. Nothing orders its writes with those of the slots, so what it says of a slot
// is believed only once the bytes there have the block's own CRC; a file that is torn, cut or not
// ours stands for an empty cache.
//
//   magic u32 | version u8 | count u32 | count × entry | crc32c of all before u32
//   entry: key length u16 | key | slot u32 | length u32 | crc32c of the block u32 | kept u8
import { assert } from '../../base/assert.ts'
import { FormatError } from '../../base/errors.ts'
import { Reader } from '../../base/reader.ts'
import { Writer } from '../../base/writer.ts'
import type { Crypto } from '../../ports/crypto.ts'
import { BLOCK_BYTES_MAX } from './blocks.ts'

/** A block that lies on the disk. */
export interface SlotEntry {
  readonly key: string
  /** Slot `n` is bytes [n, n + 1) MiB of the file. */
  readonly slot: number
  /** Bytes of the block, from the beginning of its slot. */
  readonly length: number
  /** CRC-32C of these bytes. */
  readonly crc: number
  /** Whether it has been come back for. */
  readonly kept: boolean
}

const MAGIC = 0x53_4c_42_43
const VERSION = 1
/** No larger file is read. */
export const INDEX_BYTES_MAX: number = 32 * 1024 * 1024

/** The file's bytes. */
export function encodeIndex(
  entries: Iterable<SlotEntry>,
  crypto: Pick<Crypto, 'crc32c'>,
): Uint8Array {
  const to = new Writer(4096)
  to.uint32(MAGIC)
  to.uint8(VERSION)
  const countAt = to.reserve(4)
  let count = 0
  for (const { key, slot, length, crc, kept } of entries) {
    to.uint16(key.length)
    const written = to.text(key)
    assert(written === key.length, 'A key is ASCII')
    to.uint32(slot)
    to.uint32(length)
    to.uint32(crc)
    to.bool(kept)
    count++
  }
  to.patchUint32(countAt, count)
  to.uint32(crypto.crc32c(to.bytes()))
  return to.copy()
}

/**
 * Entries of the file, for a cache of `slots` slots; those beyond are left out. Throws FormatError
 * when it is not one, is damaged, or contradicts itself.
 */
export function decodeIndex(
  bytes: Uint8Array,
  slots: number,
  crypto: Pick<Crypto, 'crc32c'>,
): SlotEntry[] {
  if (bytes.length < 13) throw new FormatError('A slot index is cut short')
  const end = bytes.length - 4
  const crc = new Reader(bytes, end).uint32()
  if (crypto.crc32c(bytes.subarray(0, end)) !== crc) throw new FormatError('A slot index is torn')
  const from = new Reader(bytes, 0, end)
  if (from.uint32() !== MAGIC || from.uint8() !== VERSION) {
    throw new FormatError('A slot index is of another format')
  }
  const count = from.uint32()
  const entries: SlotEntry[] = []
  const keys = new Set<string>()
  const taken = new Set<number>()
  for (let i = 0; i < count; i++) {
    const key = from.text(from.uint16())
    const entry = { key, slot: from.uint32(), length: from.uint32(), crc: from.uint32() }
    const kept = from.bool()
    const { slot, length } = entry
    if (length < 1 || length > BLOCK_BYTES_MAX) throw new FormatError('A block has a wrong length')
    if (keys.has(key) || taken.has(slot)) throw new FormatError('A slot index contradicts itself')
    keys.add(key)
    taken.add(slot)
    if (slot < slots) entries.push({ ...entry, kept })
  }
  if (from.left !== 0) throw new FormatError('A slot index has bytes to spare')
  return entries
}
