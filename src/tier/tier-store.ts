// One of the stores of a broker, as its tier uses it: with counting and repeating before it, known
// to answer or not, and ours or not yet. Nothing is written to a bucket before it is known to be
// ours; that is tried again and again, and the log says once what is wrong.
//
//   unclaimed ──claim──▶ ours ──restored elsewhere, or given to another cluster──▶ unclaimed
import { OperatingError, asError } from '../base/errors.ts'
import type { Clock } from '../ports/clock.ts'
import type { ObjectStore } from '../ports/object-store.ts'
import type { Telemetry } from '../ports/telemetry.ts'
import type { TierStore } from './tier-parts.ts'
import type { Troubled, Troubles } from './troubles.ts'
import { StoreHealth } from './store/failover.ts'
import { layered, type LayeredStore } from './store/layers.ts'
import type { MeteredStore } from './store/metered.ts'
import type { StoreMetrics } from './store/store-metrics.ts'

/** A store and the name that topics know it by. */
export interface NamedStore {
  readonly name: string
  readonly store: ObjectStore
}

/** A store that is known to be ours, and used as it is. */
export const ownStore = (name: string, store: ObjectStore): TierStore => ({
  name,
  health: new StoreHealth(),
  claimed: true,
  confirm: () => Promise.resolve(true),
  storeOf: () => store,
})

/** What a store is used through. */
export interface ClaimedStoreDeps {
  readonly clock: Clock
  readonly telemetry: Telemetry
  readonly metrics: StoreMetrics
  readonly troubles: Troubles
  random(): number
  /**
   * Makes a bucket ours before anything is written to it; called again after a failure. Throws
   * `refused` with a sentence when it is not.
   */
  claim(store: ObjectStore, name: string): Promise<void>
  /** Throws `refused` with a sentence when a bucket that was claimed is not ours any more. */
  confirm(store: ObjectStore): Promise<void>
  background(name: string, work: Promise<void>): void
}

/** A store that has to be ours before it is written to. */
export class ClaimedStore implements TierStore, Troubled {
  readonly isGone = false
  readonly name: string
  readonly health: StoreHealth = new StoreHealth()
  readonly #deps: ClaimedStoreDeps
  readonly #layers: LayeredStore
  #claimed = false
  #claiming: Promise<void> | null = null

  constructor(deps: ClaimedStoreDeps, { name, store }: NamedStore) {
    const { clock, telemetry, metrics } = deps
    this.name = name
    this.#deps = deps
    this.#layers = layered(store, { clock, telemetry, metrics, name, random: () => deps.random() })
  }

  /** Whether the bucket is known to be ours. */
  get claimed(): boolean {
    return this.#claimed
  }

  /** The store, for what belongs to no topic. */
  get store(): ObjectStore {
    return this.#layers.store
  }

  /** Every request that was really made, by topic. */
  get meter(): MeteredStore {
    return this.#layers.meter
  }

  storeOf(topicId: string): ObjectStore {
    return this.#layers.storeOf(topicId)
  }

  /** Makes sure of the bucket unless that is done, under way, or has failed a moment ago. */
  claim(): void {
    const { troubles } = this.#deps
    if (this.#claimed || this.#claiming !== null || troubles.isResting(this)) return
    this.#claiming = this.#deps.claim(this.store, this.name).then(
      () => {
        this.#claiming = null
        this.#claimed = true
        troubles.end(this)
      },
      (error: unknown) => {
        this.#claiming = null
        troubles.add(this, asError(error), { store: this.name })
      },
    )
    this.#deps.background('claim the object store', this.#claiming)
  }

  /**
   * Whether the bucket is still ours; to be asked before anything that another life of the cluster
   * would suffer from. If it is not, nothing more is archived there and the log has said why; it is
   * claimed again with growing pauses. Throws what the store says when that cannot be told.
   */
  async confirm(): Promise<boolean> {
    if (!this.#claimed) return false
    try {
      await this.#deps.confirm(this.store)
    } catch (error) {
      if (!(error instanceof OperatingError) || error.kind !== 'refused') throw error
      this.#claimed = false
      this.#deps.troubles.add(this, error, { store: this.name })
    }
    return this.#claimed
  }

  /** Closes the store; resolves when nothing runs any more. */
  async close(): Promise<void> {
    await this.store.close()
    await this.#claiming
  }
}
