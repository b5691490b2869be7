// What stands in the way of the archive, said once. A store that is gone, or that refuses, is met
// by every partition, every snapshot and every claim, each with another object in hand: the log
// hears of it from the first, and again only after nothing was wrong in between.
import { OperatingError } from '../base/errors.ts'
import type { Telemetry } from '../ports/telemetry.ts'

/** Things that are remembered as said; what is beyond makes it forget the others. */
const TOLD_MAX = 1_000

/** What is wrong at present, and what of it the log knows. */
export class Complaints {
  readonly #telemetry: Pick<Telemetry, 'log'>
  readonly #troubled = new Set<unknown>()
  readonly #told = new Set<string>()

  constructor(telemetry: Pick<Telemetry, 'log'>) {
    this.#telemetry = telemetry
  }

  /** `who` has met `error`. */
  of(who: unknown, error: Error, fields: Readonly<Record<string, unknown>>): void {
    this.#troubled.add(who)
    const isOperating = error instanceof OperatingError
    const gist = isOperating ? error.gist : error.message
    if (this.#told.has(gist)) return
    if (this.#told.size >= TOLD_MAX) this.#told.clear()
    this.#told.add(gist)
    const level = isOperating && error.kind === 'retry' ? 'warn' : 'error'
    this.#telemetry.log(level, 'cannot archive', { ...fields, reason: error.message })
  }

  /** Nothing is wrong with `who`, or it is gone. */
  over(who: unknown): void {
    if (!this.#troubled.delete(who) || this.#troubled.size > 0) return
    this.#told.clear()
    this.#telemetry.log('info', 'archiving goes on')
  }

  /** Whether the log knows of `error` from somebody whose trouble is not over. */
  isTold(error: OperatingError): boolean {
    return this.#told.has(error.gist)
  }
}
