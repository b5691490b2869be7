// Blocks in memory, bounded in bytes. A block that is a small part of a larger buffer is copied, so
// that what is counted is what is held; so is one whose memory is only lent.
import { assert } from '../../base/assert.ts'
import { KiB } from '../../base/units.ts'
import { BlockQueues } from './block-queues.ts'
import { BLOCK_BYTES_MAX } from './blocks.ts'
import type { BlockCache } from './blocks.ts'
import type { CacheCounts, CacheMetrics } from './cache-metrics.ts'

/** What a cache in memory is made of. */
export interface MemoryBlocksOptions {
  /** Bytes of all blocks together; what keys and tables take comes on top. */
  readonly bytesMax: number
  readonly metrics: CacheMetrics
  /** Its name in metrics. */
  readonly name: string
}

/** How much larger a block's buffer may be than the block. */
const SPARE_BYTES = 4 * KiB

/** A BlockCache that answers at once. */
export class MemoryBlocks implements BlockCache {
  readonly #bytesMax: number
  readonly #queues: BlockQueues
  readonly #blocks = new Map<string, Uint8Array>()
  readonly #counts: CacheCounts
  #closed = false

  constructor(options: MemoryBlocksOptions) {
    this.#bytesMax = options.bytesMax
    this.#queues = new BlockQueues(options.bytesMax)
    this.#counts = options.metrics.of(options.name, () => this.#queues.bytes)
  }

  /** What the cache did so far. */
  get counts(): CacheCounts {
    return this.#counts
  }

  /** Bytes of the blocks that are in. */
  get usedBytes(): number {
    return this.#queues.bytes
  }

  get(key: string): Uint8Array | null {
    const block = this.#blocks.get(key)
    if (block === undefined) {
      this.#counts.misses.value++
      return null
    }
    this.#queues.touch(key)
    this.#counts.hits.value++
    this.#counts.hitBytes.value += block.length
    return block
  }

  /** What is read through once would only push out what others come back for. */
  putPassing(_key: string, _bytes: Uint8Array, done?: () => void): void {
    done?.()
  }

  put(key: string, bytes: Uint8Array, done?: () => void): void {
    assert(bytes.length > 0, 'A block has bytes')
    assert(bytes.length <= BLOCK_BYTES_MAX, 'A block is at most 1 MiB')
    this.#keep(key, bytes, done !== undefined)
    done?.()
  }

  #keep(key: string, bytes: Uint8Array, isBorrowed: boolean): void {
    if (this.#closed || bytes.length > this.#bytesMax) return
    if (this.#blocks.has(key)) this.#queues.remove(key)
    for (const gone of this.#queues.admit(key, bytes.length)) {
      this.#blocks.delete(gone)
      this.#counts.evictions.value++
    }
    const shared = isBorrowed || bytes.buffer.byteLength > bytes.length + SPARE_BYTES
    this.#blocks.set(key, shared ? Uint8Array.from(bytes) : bytes)
    assert(this.#blocks.size === this.#queues.count, 'Every block stands in a queue')
  }

  drop(keyPrefix: string): void {
    for (const key of this.#blocks.keys()) {
      if (!key.startsWith(keyPrefix)) continue
      this.#blocks.delete(key)
      this.#queues.remove(key)
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#blocks.clear()
    this.#queues.clear()
  }
}
