// Where blocks of objects are kept that were read from a store: in memory, on a disk. A cache may
// forget any block at any time and refuse any new one; it never fails. What it returns is what was
// put, as far as it can tell; whoever has the block's hash checks that, and drops what does not
// match.
import { MiB } from '../../base/units.ts'

/** The largest block, in bytes. */
export const BLOCK_BYTES_MAX: number = MiB

/** The key of block `index` (from 0) of an object. */
export const blockKey = (objectKey: string, index: number): string => `${objectKey}#${index}`

/** Blocks by their keys, in ASCII. After `close` it is empty for ever. */
export interface BlockCache {
  /** A block, or null. The bytes are shared: nobody changes them, and they may be kept. */
  get(key: string): Uint8Array | null | Promise<Uint8Array | null>
  /**
   * As `put`, for a block that its reader will not want again: kept only where that is cheap.
   * Nothing happens if absent.
   */
  putPassing?(key: string, bytes: Uint8Array, done?: () => void): void
  /**
   * Keeps a block of 1 to `BLOCK_BYTES_MAX` bytes, if it sees fit, in place of one with that key.
   * The bytes must not change any more; with `done`, until that is called, which it is once.
   */
  put(key: string, bytes: Uint8Array, done?: () => void): void
  /** Forgets all blocks whose key begins like this; none of them is returned any more. */
  drop(keyPrefix: string): void
  /** Ends what runs and lets go of everything. Idempotent. */
  close(): Promise<void>
}
