// Empties completed journal files: makes every partition that has appends in the oldest one durable
// in its segments, then lets the journal recycle it. With few partitions it runs early, so that
// the journal stays small and hot; with many it waits for more journal per sync, because a pass
// over a thousand partitions costs a thousand syncs whatever it covers.
import { eachAtOnce } from '../../flow/each.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Journal, JournalOptions } from './journal.ts'
import type { JournalFile, JournalOwner } from './journal-file.ts'
import { MiB } from '../../base/units.ts'

/** Segments synced at the same time. */
const SYNCS_AT_ONCE = 4
/** Journal bytes that should stand against one partition's sync. */
const JOURNAL_BYTES_PER_SYNC = MiB / 2
const RETRY_MS = 500

/** Runs checkpoints, one at a time. */
export class Checkpointer {
  readonly #clock: Clock
  readonly #onFailure: (error: unknown) => void
  #running: Promise<void> | null = null
  #stopped = false
  #cancelRetry: () => void = () => undefined

  constructor(deps: { readonly clock: Clock; readonly onFailure: (error: unknown) => void }) {
    this.#clock = deps.clock
    this.#onFailure = deps.onFailure
  }

  /** Starts a pass if one is worth it and none runs. */
  run(journal: Journal, options: JournalOptions): void {
    if (this.#running !== null || this.#stopped) return
    const oldest = journal.full[0]
    if (oldest === undefined || !worthIt(journal, oldest, options)) return
    this.#running = this.#pass(journal, options).then(
      () => {
        this.#running = null
        this.run(journal, options)
      },
      (error: unknown) => {
        this.#running = null
        this.#onFailure(error)
        if (!this.#stopped) {
          this.#cancelRetry = this.#clock.after(RETRY_MS, () => this.run(journal, options))
        }
      },
    )
  }

  /** Forgets an owner whose data is gone. */
  forget(journal: Journal, owner: JournalOwner): void {
    for (const file of [...journal.full, journal.current]) file.owners.delete(owner)
  }

  /** Waits for a running pass and starts no more. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#cancelRetry()
    await this.#running
  }

  async #pass(journal: Journal, options: JournalOptions): Promise<void> {
    for (;;) {
      const file = journal.full[0]
      if (file === undefined || this.#stopped || !worthIt(journal, file, options)) return
      const owners = [...file.owners].filter(([owner, end]) => owner.persistedEnd < end)
      await eachAtOnce(owners, SYNCS_AT_ONCE, async ([owner, end]) => {
        if (file.owners.has(owner) && owner.persistedEnd < end) await owner.persist()
      })
      await journal.release(file)
    }
  }
}

/** Whether the oldest file is worth emptying now. */
function worthIt(journal: Journal, oldest: JournalFile, options: JournalOptions): boolean {
  const waiting = journal.full.length
  if (
    waiting + 1 >= options.filesTarget &&
    waiting * options.fileBytes >= JOURNAL_BYTES_PER_SYNC * oldest.owners.size
  )
    return true
  return waiting * 2 >= options.filesMax || waiting + 2 >= options.filesMax
}
