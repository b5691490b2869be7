// Telemetry that keeps what a checker asks for: gauges to be read, and what was logged as an error.
import type { Counter, Telemetry } from '../../../src/ports/telemetry.ts'

/** What a gauge reads. */
export type Reading = number | readonly (readonly [Readonly<Record<string, string>>, number])[]

/** Telemetry of one process. */
export class Instruments implements Telemetry {
  readonly errors: string[] = []
  readonly #gauges = new Map<string, () => Reading>()
  readonly #counters = new Map<string, Counter>()

  counter(name: string): Counter {
    const known = this.#counters.get(name) ?? { value: 0 }
    this.#counters.set(name, known)
    return known
  }

  histogram(): { observe: () => void } {
    return { observe: () => undefined }
  }

  gauge(name: string, _help: string, read: () => Reading): void {
    this.#gauges.set(name, read)
  }

  /** What a gauge without labels says; undefined when there is none. */
  read(name: string): number | undefined {
    const reading = this.#gauges.get(name)?.()
    return typeof reading === 'number' ? reading : undefined
  }

  /** What was counted under a name, whatever the labels. */
  count(name: string): number {
    return this.#counters.get(name)?.value ?? 0
  }

  log(level: string, event: string, fields?: unknown): void {
    if (level === 'error') this.errors.push(`${event} ${JSON.stringify(fields)}`)
  }
}
