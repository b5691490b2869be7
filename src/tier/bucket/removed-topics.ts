// Topics that were deleted, and whose objects have to go. A marker in the bucket says so before the
// first object is removed, so that a removal that is cut short is taken up by the next start, and
// the marker goes last: once two looks, a grace apart, have found nothing of the topic any more,
// because an upload that was on its way may still arrive.
import { OperatingError } from '../../base/errors.ts'
import type { Cancel, Clock } from '../../ports/clock.ts'
import type { ObjectStore } from '../../ports/object-store.ts'
import type { Telemetry } from '../../ports/telemetry.ts'
import { listAll } from '../audit/listing.ts'
import { GONE_PREFIX, goneKey, topicPrefix } from '../keys.ts'

/** What removals act through. */
export interface RemovedTopicsDeps {
  readonly store: ObjectStore
  readonly clock: Clock
  readonly telemetry: Pick<Telemetry, 'log'>
  background(name: string, work: Promise<void>): void
  /** Whether the bucket is still ours: in another life of the cluster the topic may be there. */
  isOurs(): Promise<boolean>
}

const KEYS_AT_ONCE = 1_000
/** Longest pause after rounds that failed. */
const PAUSE_MS_MAX = 60_000

/** A topic whose objects go. */
interface Removal {
  /** Monotonic time of the next look. */
  readonly dueMs: number
  /** The last look has found nothing. */
  readonly wasEmpty: boolean
  /** The marker is in the bucket. */
  readonly isMarked: boolean
}

/** Removes the objects of deleted topics. */
export class RemovedTopics {
  readonly #deps: RemovedTopicsDeps
  readonly #graceMs: number
  readonly #removals = new Map<string, Removal>()
  #running: Promise<void> | null = null
  #cancel: Cancel = () => undefined
  #resumed = false
  #closed = false
  /** Rounds that failed since one that did not. */
  #failures = 0

  constructor(deps: RemovedTopicsDeps, graceMs: number) {
    this.#deps = deps
    this.#graceMs = graceMs
  }

  /** Topics whose objects are still to go. */
  get size(): number {
    return this.#removals.size
  }

  /** A topic was deleted. */
  add(topicId: string): void {
    const dueMs = this.#deps.clock.monotonicMs()
    this.#removals.set(topicId, { dueMs, wasEmpty: false, isMarked: false })
  }

  /**
   * Looks again and again for what is to be done, every `checkMs` and more rarely while it fails;
   * the bucket has to be ours.
   */
  start(checkMs: number): void {
    const pauseMs = Math.min(checkMs * 2 ** Math.min(this.#failures, 30), PAUSE_MS_MAX)
    this.#cancel = this.#deps.clock.after(Math.max(checkMs, pauseMs), () => {
      this.#running = this.#round()
        .then(() => this.#wentWell())
        .catch((error: unknown) => this.#failed(error))
        .finally(() => {
          if (!this.#closed) this.start(checkMs)
        })
      this.#deps.background('remove archives', this.#running)
    })
  }

  #wentWell(): void {
    if (this.#failures > 0) this.#deps.telemetry.log('info', 'archives of deleted topics go again')
    this.#failures = 0
  }

  /** The marker stays: it is tried again. What stands in the way is told once. */
  #failed(error: unknown): void {
    if (!(error instanceof OperatingError)) throw error
    if (this.#closed || this.#failures++ > 0) return
    const reason = error.message
    this.#deps.telemetry.log('warn', 'cannot remove archives of deleted topics', { reason })
  }

  /** Begins nothing more and waits for what runs. */
  async close(): Promise<void> {
    this.#closed = true
    this.#cancel()
    await this.#running?.catch(() => undefined)
  }

  async #round(): Promise<void> {
    const { store, clock, isOurs } = this.#deps
    if (!this.#resumed) {
      for await (const { key } of listAll(store, GONE_PREFIX)) {
        const topicId = key.substring(GONE_PREFIX.length)
        if (this.#removals.has(topicId)) continue
        this.#removals.set(topicId, { dueMs: 0, wasEmpty: false, isMarked: true })
      }
      this.#resumed = true
    }
    const due = [...this.#removals].filter(([, { dueMs }]) => dueMs <= clock.monotonicMs())
    if (due.length === 0 || !(await isOurs())) return
    for (const [topicId, removal] of due) {
      if (this.#closed) return
      await this.#remove(topicId, removal)
    }
  }

  async #remove(topicId: string, { wasEmpty, isMarked }: Removal): Promise<void> {
    const { store, clock } = this.#deps
    const marker = goneKey(topicId)
    if (!isMarked) {
      await store.put(marker, new Uint8Array(0))
      this.#removals.set(topicId, { dueMs: 0, wasEmpty, isMarked: true })
    }
    let keys: string[] = []
    let count = 0
    for await (const { key } of listAll(store, topicPrefix(topicId))) {
      keys.push(key)
      count++
      if (keys.length < KEYS_AT_ONCE) continue
      await store.delete(keys)
      keys = []
    }
    if (keys.length > 0) await store.delete(keys)
    if (count === 0 && wasEmpty) {
      await store.delete([marker])
      this.#removals.delete(topicId)
      return
    }
    const dueMs = clock.monotonicMs() + this.#graceMs
    this.#removals.set(topicId, { dueMs, wasEmpty: count === 0, isMarked: true })
  }
}
