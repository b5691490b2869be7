// Reads that are asked for twice when the first answer is late (Dean and Barroso, "The Tail at
// Scale", 2013): after the 95th percentile of recent reads of a similar size a second request goes
// out, the first good answer is taken and the other request is ended. A budget keeps a store that
// is slow as a whole from being asked for everything twice.
import { asError, OperatingError } from '../../base/errors.ts'
import { assert } from '../../base/assert.ts'
import { KiB } from '../../base/units.ts'
import type { Cancel, Clock } from '../../ports/clock.ts'
import type { Counter } from '../../ports/telemetry.ts'

/** How reads are hedged. */
export interface HedgeOptions {
  /** What is waited before the second request while too few reads have been seen, in ms. */
  readonly firstMs: number
  /** No second request goes out earlier than this, in ms. */
  readonly leastMs: number
  /** Share of reads that may be asked for twice, in (0, 1]: 0.05. */
  readonly shareMax: number
}

/** What a hedging counts. */
export interface HedgeCounts {
  /** Second requests that were sent. */
  readonly hedges: Counter
  /** Those of them whose answer was taken. */
  readonly hedgesWon: Counter
}

/** Sends a read, whose signal is aborted once its answer is not wanted. */
export type Start<T> = (signal: AbortSignal) => Promise<T>

/** Second requests that may follow each other at once, after a time without any. */
const BURST = 10

/** Latencies of one size class that are remembered, and how many must be before they count. */
const SAMPLES = 128
const SAMPLES_LEAST = 16
/** Latencies between two looks at the percentile. */
const REFRESH = 8

/** The 95th percentile of the last reads. */
class RecentLatencies {
  readonly #samples = new Float64Array(SAMPLES)
  #count = 0
  #p95Ms = -1

  /** In ms; -1 while too few are known. */
  get p95Ms(): number {
    return this.#p95Ms
  }

  add(latencyMs: number): void {
    this.#samples[this.#count++ % SAMPLES] = latencyMs
    if (this.#count < SAMPLES_LEAST || this.#count % REFRESH !== 0) return
    const known = this.#samples.subarray(0, Math.min(this.#count, SAMPLES)).toSorted()
    this.#p95Ms = known[Math.ceil(known.length * 0.95) - 1] ?? -1
  }
}

/** Hedges the reads of one store. */
export class Hedging {
  readonly #clock: Clock
  readonly #options: HedgeOptions
  readonly #counts: HedgeCounts
  /** By size class: up to 64 KiB, then each twice the last; the first is of unknown size. */
  readonly #recent: RecentLatencies[] = Array.from({ length: 10 }, () => new RecentLatencies())
  /** Second requests that may be sent. At most 1 + `shareMax` × reads are, in all. */
  #budget = 1

  constructor(clock: Clock, options: HedgeOptions, counts: HedgeCounts) {
    assert(options.shareMax > 0, 'Some reads may be hedged')
    assert(options.shareMax <= 1, 'No more reads are hedged than there are')
    this.#clock = clock
    this.#options = options
    this.#counts = counts
  }

  /** What a read of `size` bytes (-1: unknown) is waited for before a second request, in ms. */
  delayMs(size: number): number {
    const p95Ms = this.#recentOf(size).p95Ms
    return Math.max(p95Ms < 0 ? this.#options.firstMs : p95Ms, this.#options.leastMs)
  }

  /**
   * Calls `start` once, or twice when the first call is late. Fails when all that were started
   * have; at once when one fails with what the other would meet as well, or `signal` is aborted.
   */
  run<T>(size: number, signal: AbortSignal, start: Start<T>): Promise<T> {
    this.#budget = Math.min(this.#budget + this.#options.shareMax, BURST)
    const recent = this.#recentOf(size)
    const startedMs = this.#clock.monotonicMs()
    const elapsedMs = (sinceMs: number): number => this.#clock.monotonicMs() - sinceMs

    return new Promise((resolve, reject) => {
      const running = new Map<number, AbortController>()
      let cancel: Cancel = () => {}
      let ended = false
      const end = (act: () => void): void => {
        ended = true
        cancel()
        signal.removeEventListener('abort', abandon)
        act()
        const late = new OperatingError('closed', 'Cannot go on reading: there is an answer')
        for (const controller of running.values()) controller.abort(late)
      }
      const abandon = (): void => {
        // Too late is a latency as well, of at least so much.
        const reason = asError(signal.reason)
        const timedOut = reason instanceof OperatingError && reason.kind === 'retry'
        if (timedOut && running.has(0)) recent.add(elapsedMs(startedMs))
        end(() => reject(reason))
      }
      const launch = (index: number): void => {
        const controller = new AbortController()
        const launchedMs = this.#clock.monotonicMs()
        running.set(index, controller)
        start(controller.signal).then(
          (value) => {
            running.delete(index)
            if (ended) return
            // How long one that is cut short would have taken is not known. The budget keeps these
            // so few that the percentile sinks to the 90th at worst.
            recent.add(elapsedMs(launchedMs))
            if (index === 1) this.#counts.hedgesWon.value++
            end(() => resolve(value))
          },
          (error: unknown) => {
            running.delete(index)
            if (ended || (running.size > 0 && isOfOneRequest(error))) return
            end(() => reject(asError(error)))
          },
        )
      }
      if (signal.aborted) {
        abandon()
        return
      }
      signal.addEventListener('abort', abandon)
      cancel = this.#clock.after(this.delayMs(size), () => {
        if (!running.has(0) || !this.#spend()) return
        this.#counts.hedges.value++
        launch(1)
      })
      launch(0)
    })
  }

  #spend(): boolean {
    if (this.#budget < 1) return false
    this.#budget--
    return true
  }

  #recentOf(size: number): RecentLatencies {
    const octave = Math.ceil(Math.log2(Math.max(size, 1) / (64 * KiB)))
    const index = size < 0 ? 0 : 1 + Math.min(Math.max(octave, 0), this.#recent.length - 2)
    const recent = this.#recent[index]
    assert(recent !== undefined, 'Every size has a class')
    return recent
  }
}

/** A failure that a second request of the same read need not meet. */
const isOfOneRequest = (error: unknown): boolean =>
  error instanceof OperatingError && (error.kind === 'retry' || error.kind === 'corrupt')
