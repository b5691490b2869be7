// An object store in memory: for brokers that keep nothing, for tests of other projects, and the
// plainest reading of what the port means. Gone with the process.
import { OperatingError } from '../../src/base/errors.ts'
import type {
  GetOptions,
  ListOptions,
  ObjectBytes,
  ObjectInfo,
  ObjectPage,
  ObjectSource,
  ObjectStore,
  PutOptions,
  PutResult,
  StoreCall,
  StoreTraits,
} from '../../src/ports/object-store.ts'
import { Calls } from './shared/calls.ts'
import { assertKey, assertListing, cutRange } from './shared/keys.ts'
import { eachPart, sourceOf, unwrapSource } from './shared/parts.ts'

interface Held {
  readonly bytes: Uint8Array
  readonly info: ObjectInfo
}

/** How the store is made; all has a default. */
export interface MemoryStoreOptions {
  /** Bytes of all objects together; more is refused. 1 GiB if absent. */
  readonly bytesMax?: number
  /** Time for `modifiedMs`; the system's if absent. */
  readonly nowMs?: () => number
}

const PARTS = { partBytes: 8 << 20, atOnce: 2, partsMax: Infinity }

/** An empty store. */
export function openMemoryStore(options: MemoryStoreOptions = {}): ObjectStore {
  return new MemoryStore(options.bytesMax ?? 2 ** 30, options.nowMs ?? Date.now)
}

class MemoryStore implements ObjectStore {
  readonly traits: StoreTraits = {
    kind: 'memory',
    url: 'memory:',
    createsOnlyIfAbsent: true,
    swapsByToken: true,
    rewriteMs: 0,
  }
  readonly #bytesMax: number
  readonly #nowMs: () => number
  readonly #objects = new Map<string, Held>()
  readonly #calls = new Calls()
  /** The keys in order; null after one came or went. */
  #sorted: readonly string[] | null = []
  #bytes = 0
  #writes = 0

  constructor(bytesMax: number, nowMs: () => number) {
    this.#bytesMax = bytesMax
    this.#nowMs = nowMs
  }

  put(key: string, body: Uint8Array | ObjectSource, options: PutOptions = {}): Promise<PutResult> {
    assertKey(key)
    return this.#calls.run(`write memory:${key}`, options, async (signal) => {
      const size = body instanceof Uint8Array ? body.length : body.size
      this.#assertRoom(key, size)
      const bytes = new Uint8Array(size)
      await eachPart(sourceOf(body), PARTS, signal, async (part) => {
        bytes.set(part.bytes, part.from)
      }).catch((error: unknown) => {
        throw unwrapSource(error)
      })
      if (signal.aborted) throw signal.reason
      const before = this.#objects.get(key)
      const { condition } = options
      if (condition?.kind === 'absent' && before !== undefined) return { outcome: 'exists' }
      if (condition?.kind === 'match' && before?.info.token !== condition.token) {
        return { outcome: 'conflict' }
      }
      this.#assertRoom(key, size)
      const token = String(++this.#writes)
      this.#bytes += size - (before?.bytes.length ?? 0)
      if (before === undefined) this.#sorted = null
      this.#objects.set(key, { bytes, info: { size, token, modifiedMs: this.#nowMs() } })
      return { outcome: 'ok', token, checked: true }
    })
  }

  get(key: string, options: GetOptions = {}): Promise<ObjectBytes | null> {
    assertKey(key)
    return this.#calls.run(`read memory:${key}`, options, async () => {
      const held = this.#objects.get(key)
      if (held === undefined) return null
      const { from, to } = cutRange(options.range, held.bytes.length)
      return { bytes: Uint8Array.from(held.bytes.subarray(from, to)), token: held.info.token }
    })
  }

  head(key: string, call?: StoreCall): Promise<ObjectInfo | null> {
    assertKey(key)
    return this.#calls.run(`read memory:${key}`, call, async () => {
      return this.#objects.get(key)?.info ?? null
    })
  }

  list(options: ListOptions): Promise<ObjectPage> {
    assertListing(options)
    const { prefix, cursor, limit } = options
    return this.#calls.run(`list memory:${prefix}`, options, async () => {
      this.#sorted ??= [...this.#objects.keys()].sort()
      const found: string[] = []
      let index = firstAtLeast(
        this.#sorted,
        cursor !== undefined && cursor > prefix ? cursor : prefix,
      )
      for (; found.length <= limit; index++) {
        const key = this.#sorted[index]
        if (key?.startsWith(prefix) !== true) break
        if (key !== cursor) found.push(key)
      }
      const page = found.length > limit ? found.slice(0, limit) : found
      const objects = page.flatMap((key) => {
        const held = this.#objects.get(key)
        return held === undefined ? [] : [{ key, ...held.info }]
      })
      return { objects, next: found.length > limit ? (page.at(-1) ?? null) : null }
    })
  }

  delete(keys: readonly string[], call?: StoreCall): Promise<void> {
    for (const key of keys) assertKey(key)
    return this.#calls.run('delete from memory:', call, async () => {
      for (const key of keys) {
        const held = this.#objects.get(key)
        if (held === undefined) continue
        this.#objects.delete(key)
        this.#bytes -= held.bytes.length
        this.#sorted = null
      }
    })
  }

  async close(): Promise<void> {
    await this.#calls.close()
    this.#objects.clear()
    this.#sorted = []
    this.#bytes = 0
  }

  #assertRoom(key: string, size: number): void {
    const bytes = this.#bytes + size - (this.#objects.get(key)?.bytes.length ?? 0)
    if (bytes <= this.#bytesMax) return
    throw new OperatingError(
      'refused',
      `Cannot write memory:${key}: ${String(bytes)} bytes are more than the ` +
        `${String(this.#bytesMax)} that the store may hold; keep less in it`,
    )
  }
}

/** Index of the first key that is not below `least`. */
function firstAtLeast(keys: readonly string[], least: string): number {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((keys[middle] ?? '') < least) low = middle + 1
    else high = middle
  }
  return low
}
