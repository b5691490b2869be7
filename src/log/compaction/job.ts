// A round over one partition while it is going on: stepped by the compactor, and ended by whoever
// closes the log, which waits for it, so that no file is made in a directory that is going away.
import { assert } from '../../base/assert.ts'
import type { PartitionLog } from '../partition-log.ts'
import type { Cleaner } from './cleaner.ts'
import type { CleanStats } from './cleaner.ts'
import { noStats } from './cleaner.ts'

/** One cleaner and its steps. */
export class CompactionJob {
  readonly log: PartitionLog
  readonly #cleaner: Cleaner
  readonly #steps: AsyncGenerator<void, void, void>
  #running: Promise<unknown> = Promise.resolve()
  #aborted = false
  #taken: CleanStats = noStats()

  /** The log knows its job from now on. */
  constructor(log: PartitionLog, cleaner: Cleaner) {
    assert(log.compacting === null, 'A log is compacted by one at a time')
    this.log = log
    this.#cleaner = cleaner
    this.#steps = cleaner.steps()
    log.compacting = this
  }

  get stats(): CleanStats {
    return this.#cleaner.stats
  }

  /** Whether it was ended before its end. */
  get aborted(): boolean {
    return this.#aborted
  }

  /** Bytes read and written so far. */
  get bytesMoved(): number {
    return this.stats.bytesRead + this.stats.bytesWritten
  }

  /** What was done since this was last asked. */
  takeCounts(): Pick<CleanStats, 'bytesRead' | 'bytesWritten' | 'recordsRemoved'> {
    const { stats } = this
    const before = this.#taken
    this.#taken = { ...stats }
    return {
      bytesRead: stats.bytesRead - before.bytesRead,
      bytesWritten: stats.bytesWritten - before.bytesWritten,
      recordsRemoved: stats.recordsRemoved - before.recordsRemoved,
    }
  }

  /** Goes one step; false when there are no more. Throws what the step does. */
  async step(): Promise<boolean> {
    if (this.#aborted) return false
    const running = this.#steps.next()
    this.#running = running
    const { done } = await running
    if (done === true) this.#leave()
    return done !== true
  }

  /** Ends it behind the step that runs, and leaves nothing unfinished. */
  async abort(): Promise<void> {
    this.#aborted = true
    await this.#running.catch(() => undefined)
    await this.#steps.return()
    this.#leave()
  }

  #leave(): void {
    if (this.log.compacting === this) this.log.compacting = null
  }
}
