// A short lock between processes of one machine that the kernel takes back when its holder dies.
// Node has no flock; SQLite takes fcntl locks on its file, and an exclusive transaction on an empty
// database writes nothing. SQLite also keeps several connections of one process apart, which plain
// POSIX locks do not. Nobody waits inside of SQLite: that would block the thread.
import { setTimeout as sleep } from 'node:timers/promises'
import type { DatabaseSync } from 'node:sqlite'

const WAIT_MS_FIRST = 1
const WAIT_MS_MAX = 50

/** A lock that many may want; its holders take turns. */
export class DirectoryLock {
  readonly #path: string
  #database: DatabaseSync | null = null
  #last: Promise<unknown> = Promise.resolve()

  /** `path` is made on first use; nothing else may open it. */
  constructor(path: string) {
    this.#path = path
  }

  /** Runs `task` while nobody else holds the lock; throws the signal's reason while it waits. */
  with<T>(signal: AbortSignal, task: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(() => this.#alone(signal, task))
    this.#last = turn.catch(() => {})
    return turn
  }

  /** Gives the file back. Nobody may hold the lock. */
  close(): void {
    this.#database?.close()
    this.#database = null
  }

  async #alone<T>(signal: AbortSignal, task: () => Promise<T>): Promise<T> {
    if (this.#database === null) {
      const sqlite = await import('node:sqlite')
      this.#database ??= new sqlite.DatabaseSync(this.#path)
    }
    const database = this.#database
    for (let waitMs = WAIT_MS_FIRST; !tryBegin(database); waitMs *= 2) {
      if (signal.aborted) throw signal.reason
      await sleep(Math.random() * Math.min(waitMs, WAIT_MS_MAX))
    }
    try {
      return await task()
    } finally {
      database.exec('ROLLBACK')
    }
  }
}

function tryBegin(database: DatabaseSync): boolean {
  try {
    database.exec('BEGIN EXCLUSIVE')
    return true
  } catch (error) {
    if (String(error).includes('locked')) return false
    throw error
  }
}
