// The metrics of all block caches of a program. One per program, because a gauge has one reader.
import { assert } from '../../base/assert.ts'
import type { Counter, Telemetry } from '../../ports/telemetry.ts'

/** What one cache counts. */
export interface CacheCounts {
  readonly hits: Counter
  readonly misses: Counter
  /** Bytes of the blocks that were found. */
  readonly hitBytes: Counter
  /** Blocks that went for others. */
  readonly evictions: Counter
  /** Blocks that were not taken in, because the disk has enough to do. */
  readonly refused: Counter
  /** Blocks that were not on the disk what they should be. */
  readonly torn: Counter
}

/** Registers metrics of caches by their names. */
export class CacheMetrics {
  readonly #telemetry: Telemetry
  readonly #used = new Map<string, () => number>()

  constructor(telemetry: Telemetry) {
    this.#telemetry = telemetry
    telemetry.gauge('stratalog_block_cache_used_bytes', 'Bytes of blocks that are cached.', () =>
      [...this.#used].map(([cache, read]) => [{ cache }, read()] as const),
    )
  }

  /** The counters of the cache called `cache`; `usedBytes` tells what it holds. */
  of(cache: string, usedBytes: () => number): CacheCounts {
    assert(!this.#used.has(cache), 'A cache has a name of its own')
    this.#used.set(cache, usedBytes)
    const labels = { cache }
    const counter = (name: string, help: string): Counter =>
      this.#telemetry.counter(name, help, labels)
    return {
      hits: counter('stratalog_block_cache_hits_total', 'Blocks that were found.'),
      misses: counter('stratalog_block_cache_misses_total', 'Blocks that were not found.'),
      hitBytes: counter('stratalog_block_cache_hit_bytes_total', 'Bytes of blocks found.'),
      evictions: counter('stratalog_block_cache_evictions_total', 'Blocks that went for others.'),
      refused: counter(
        'stratalog_block_cache_refused_total',
        'Blocks that were not cached because the disk had enough to do.',
      ),
      torn: counter(
        'stratalog_block_cache_torn_total',
        'Blocks that were not on the disk what they should be.',
      ),
    }
  }
}
