// Background work that nobody awaits is handed to a supervisor by name. It is one of the four walls
// where errors are caught: a task that fails is reported and the process is told to stop, so that
// none dies unseen (INV-83). It does not restart anything: a task that can recover does so itself.
//
//   open ──drain()──▶ draining        (tasks may now also end with OperatingError `closed`)
import { assert } from '../base/assert.ts'
import { OperatingError } from '../base/errors.ts'

/** Told of every task that failed: its name and what it threw. It must not throw. */
export type TaskFailed = (task: string, error: unknown) => void

/** Watches named promises. */
export class Supervisor {
  readonly #failed: TaskFailed
  readonly #running = new Map<Promise<void>, string>()
  #draining = false

  /** `failed` reports and stops the process; it is called once per failed task. */
  constructor(failed: TaskFailed) {
    this.#failed = failed
  }

  /** Watches `task`. The name says what it is for: `raft driver`, `upload orders-3`. */
  watch(name: string, task: Promise<unknown>): void {
    assert(name !== '', 'A task has a name')
    const watched: Promise<void> = task.then(
      () => {
        this.#running.delete(watched)
      },
      (error: unknown) => {
        this.#running.delete(watched)
        if (!this.#isExpected(error)) this.#failed(name, error)
      },
    )
    this.#running.set(watched, name)
  }

  /** Starts `task` and watches it; what it throws before its first await counts as well. */
  run(name: string, task: () => Promise<unknown>): void {
    this.watch(name, Promise.resolve().then(task))
  }

  /** Names of the tasks that have not ended, in the order they were handed over. */
  get running(): readonly string[] {
    return [...this.#running.values()]
  }

  /**
   * Resolves when every task has ended, also those handed over meanwhile. From now on a task may
   * end with OperatingError `closed`, which is what work in flight meets when its parts close.
   */
  async drain(): Promise<void> {
    this.#draining = true
    while (this.#running.size > 0) await Promise.all(this.#running.keys())
  }

  #isExpected(error: unknown): boolean {
    return this.#draining && error instanceof OperatingError && error.kind === 'closed'
  }
}
