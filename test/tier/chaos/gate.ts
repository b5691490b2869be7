// The connection of one simulated process to its bucket, which can be held: a paused process hears
// no answer and sends nothing before it goes on, while what it had sent before takes its effect.
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
} from '../../../src/ports/object-store.ts'

/** A store that can be held. */
export class Gate implements ObjectStore {
  readonly #store: ObjectStore
  #waiting: (() => void)[] | null = null

  constructor(store: ObjectStore) {
    this.#store = store
  }

  get traits(): StoreTraits {
    return this.#store.traits
  }

  /** Lets nothing through until `open`. */
  shut(): void {
    this.#waiting ??= []
  }

  /** Lets through what waits, in its order. */
  open(): void {
    const waiting = this.#waiting ?? []
    this.#waiting = null
    for (const go of waiting) go()
  }

  put(key: string, body: Uint8Array | ObjectSource, options: PutOptions = {}): Promise<PutResult> {
    return this.#pass(() => this.#store.put(key, body, options))
  }

  get(key: string, options: GetOptions = {}): Promise<ObjectBytes | null> {
    return this.#pass(() => this.#store.get(key, options))
  }

  head(key: string, call: StoreCall = {}): Promise<ObjectInfo | null> {
    return this.#pass(() => this.#store.head(key, call))
  }

  list(options: ListOptions): Promise<ObjectPage> {
    return this.#pass(() => this.#store.list(options))
  }

  delete(keys: readonly string[], call: StoreCall = {}): Promise<void> {
    return this.#pass(() => this.#store.delete(keys, call))
  }

  close(): Promise<void> {
    return this.#store.close()
  }

  async #pass<T>(send: () => Promise<T>): Promise<T> {
    if (this.#waiting !== null) await this.#opened()
    try {
      return await send()
    } finally {
      if (this.#waiting !== null) await this.#opened()
    }
  }

  #opened(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting?.push(resolve)
    })
  }
}
