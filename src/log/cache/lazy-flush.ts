// When the appends of `memory` topics reach their segment files: `flush.ms` after the first that
// has not, or with `flush.bytes` of them, whichever is first.
import type { Cancel, Clock } from '../../ports/clock.ts'
import type { DirtyLog } from '../log-host.ts'

/** The flushes that are due. */
export class LazyFlush {
  readonly #clock: Clock
  readonly #background: (name: string, work: Promise<void>) => void
  readonly #timers = new Map<DirtyLog, Cancel>()

  /** `background` watches over a flush. */
  constructor(clock: Clock, background: (name: string, work: Promise<void>) => void) {
    this.#clock = clock
    this.#background = background
  }

  /** `log` has bytes that only memory holds. */
  appended(log: DirtyLog): void {
    if (log.unflushedBytes >= log.settings.flushBytes) {
      this.forget(log)
      this.#background('flush', log.flush())
      return
    }
    if (this.#timers.has(log)) return
    const cancel = this.#clock.after(log.settings.flushMs, () => {
      this.#timers.delete(log)
      this.#background('flush', log.flush())
    })
    this.#timers.set(log, cancel)
  }

  /** `log` is flushed by someone else, or is going away. */
  forget(log: DirtyLog): void {
    this.#timers.get(log)?.()
    this.#timers.delete(log)
  }

  /** Flushes nothing more by itself. */
  stop(): void {
    for (const cancel of this.#timers.values()) cancel()
    this.#timers.clear()
  }
}
