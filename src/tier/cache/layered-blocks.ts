// Memory before the disk: what is found below is brought up, what is put goes to both.
import type { BlockCache } from './blocks.ts'

/** Several caches as one, the quickest first. */
export class LayeredBlocks implements BlockCache {
  readonly #upper: BlockCache
  readonly #lower: BlockCache

  constructor(upper: BlockCache, lower: BlockCache) {
    this.#upper = upper
    this.#lower = lower
  }

  get(key: string): Uint8Array | null | Promise<Uint8Array | null> {
    const found = this.#upper.get(key)
    if (found !== null && !(found instanceof Promise)) return found
    return this.#getBelow(key, found)
  }

  async #getBelow(
    key: string,
    above: Promise<Uint8Array | null> | null,
  ): Promise<Uint8Array | null> {
    const upper = above === null ? null : await above
    if (upper !== null) return upper
    const lower = await this.#lower.get(key)
    if (lower !== null) this.#upper.put(key, lower)
    return lower
  }

  put(key: string, bytes: Uint8Array, done?: () => void): void {
    if (done === undefined) {
      this.#upper.put(key, bytes)
      this.#lower.put(key, bytes)
      return
    }
    let users = 2
    const one = (): void => {
      if (--users === 0) done()
    }
    this.#upper.put(key, bytes, one)
    this.#lower.put(key, bytes, one)
  }

  /** What is read through once does not push out what others have in memory. */
  putPassing(key: string, bytes: Uint8Array, done?: () => void): void {
    this.#lower.put(key, bytes, done)
  }

  drop(keyPrefix: string): void {
    this.#upper.drop(keyPrefix)
    this.#lower.drop(keyPrefix)
  }

  async close(): Promise<void> {
    await Promise.all([this.#upper.close(), this.#lower.close()])
  }
}
