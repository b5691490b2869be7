// What has failed lately and is left alone for a while, longer each time. The log says once what is
// wrong, and again when it becomes something else.
import { OperatingError } from '../base/errors.ts'
import { backoffMs } from '../flow/backoff.ts'
import type { Clock } from '../ports/clock.ts'
import type { Counter, Telemetry } from '../ports/telemetry.ts'

const BACKOFF = { firstMs: 1_000, waitMsMax: 60_000 }

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
  random(): number
}

/** The troubles of a tier, by what has them. */
export class Troubles {
  readonly #deps: TroublesDeps
  readonly #troubles = new Map<object, Trouble>()
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
  of(): IterableIterator<object> {
    return this.#troubles.keys()
  }

  /** Whether `who` has failed a moment ago and is to be left alone. */
  isResting(who: object): boolean {
    return (this.#troubles.get(who)?.untilMs ?? -Infinity) > this.#deps.clock.monotonicMs()
  }

  /** Counts a failure, says what is wrong once a sentence, and how long to leave it alone. */
  add(who: object, error: Error, fields: Readonly<Record<string, unknown>>): void {
    if (this.#closed) return
    const { clock, telemetry } = this.#deps
    const before = this.#troubles.get(who)
    this.#failures.value++
    const failures = (before?.failures ?? 0) + 1
    const waitMs = BACKOFF.firstMs + backoffMs(failures, BACKOFF, () => this.#deps.random())
    const { message } = error
    if (before?.message !== message) {
      const passing = error instanceof OperatingError && error.kind === 'retry'
      telemetry.log(passing ? 'warn' : 'error', 'cannot archive', { ...fields, reason: message })
    }
    this.#troubles.set(who, { failures, untilMs: clock.monotonicMs() + waitMs, message })
  }

  /** What is wrong with `who`; null when nothing is. */
  messageOf(who: object): string | null {
    return this.#troubles.get(who)?.message ?? null
  }

  /** Whether `who` was in trouble, which is over. */
  end(who: object): boolean {
    return this.#troubles.delete(who)
  }

  /** Hears of nothing more. */
  close(): void {
    this.#closed = true
  }
}
