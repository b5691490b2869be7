// What has failed lately and is left alone for a while, longer each time. What is wrong the log
// hears of once.
import { backoffMs } from '../flow/backoff.ts'
import type { Clock } from '../ports/clock.ts'
import type { Counter, Telemetry } from '../ports/telemetry.ts'
import type { Complaints } from './complaints.ts'

const BACKOFF = { firstMs: 1_000, waitMsMax: 60_000 }

/** Who may have troubles. */
export interface Troubled {
  /** Whether it is never tried again. */
  readonly isGone: boolean
}

/** Something that has failed lately. */
interface Trouble {
  readonly failures: number
  readonly untilMs: number
  readonly message: string
}

/** What troubles are told through. */
export interface TroublesDeps {
  readonly clock: Clock
  readonly telemetry: Telemetry
  readonly complaints: Complaints
  random(): number
}

/** The troubles of a tier, by what has them. */
export class Troubles {
  readonly #deps: TroublesDeps
  readonly #troubles = new Map<Troubled, Trouble>()
  readonly #failures: Counter
  #closed = false

  constructor(deps: TroublesDeps) {
    this.#deps = deps
    this.#failures = deps.telemetry.counter(
      'stratalog_tier_failures_total',
      'Steps of archiving that failed and are tried again.',
    )
  }

  /** What has failed and has not succeeded since. */
  of(): IterableIterator<Troubled> {
    return this.#troubles.keys()
  }

  /** Forgets those that are gone. */
  endGone(): void {
    for (const who of this.#troubles.keys()) if (who.isGone) this.end(who)
  }

  /** Whether `who` has failed a moment ago and is to be left alone. */
  isResting(who: Troubled): boolean {
    return (this.#troubles.get(who)?.untilMs ?? -Infinity) > this.#deps.clock.monotonicMs()
  }

  /** Counts a failure, says what is wrong, and how long to leave it alone. */
  add(who: Troubled, error: Error, fields: Readonly<Record<string, unknown>>): void {
    if (this.#closed) return
    const { clock, complaints } = this.#deps
    this.#failures.value++
    const failures = (this.#troubles.get(who)?.failures ?? 0) + 1
    const waitMs = BACKOFF.firstMs + backoffMs(failures, BACKOFF, () => this.#deps.random())
    complaints.of(who, error, fields)
    const { message } = error
    this.#troubles.set(who, { failures, untilMs: clock.monotonicMs() + waitMs, message })
  }

  /** What is wrong with `who`; null when nothing is. */
  messageOf(who: Troubled): string | null {
    return this.#troubles.get(who)?.message ?? null
  }

  /** `who` has succeeded, or is gone. */
  end(who: Troubled): void {
    this.#troubles.delete(who)
    this.#deps.complaints.over(who)
  }

  /** Hears of nothing more. */
  close(): void {
    this.#closed = true
  }
}
