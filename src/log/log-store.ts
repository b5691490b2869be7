// All logs of one broker, and what they share: the write cache, the journal and the commit that
// ends every turn. A turn's appends of all partitions go to the journal in one write; a sync, if
// any topic asks for it, runs beside the following turns. Behind the acknowledgement a checkpoint
// makes segments durable so that journal files can be recycled. When memory or the journal runs
// short the store is "pressed" and whoever reads from producers stops until it is relieved.
//
// A turn that the journal has no room for stays open, its appends unacknowledged, until there is.
//
//   running ──▶ failed (latched: nothing is acknowledged any more)   running ──▶ closed
import { assert, must } from '../base/assert.ts'
import { OperatingError, asError } from '../base/errors.ts'
import type { Offset } from '../base/units.ts'
import type { Clock } from '../ports/clock.ts'
import type { Crypto } from '../ports/crypto.ts'
import type { Disk } from '../ports/disk.ts'
import type { Counter, Histogram, Telemetry } from '../ports/telemetry.ts'
import { LATENCY_BUCKETS_S } from '../ports/telemetry.ts'
import { Arena } from './cache/arena.ts'
import { BatchCursor } from './cache/batch-cursor.ts'
import { DiskReader } from './cache/disk-reader.ts'
import { Checkpointer } from './journal/checkpointer.ts'
import { Directories } from './directories.ts'
import { Journal } from './journal/journal.ts'
import type { DirtyLog, LogHost, LogSettings, PartitionIdentity } from './log-host.ts'
import { partitionDirectory } from './log-host.ts'
import { type LogStarts, saveLogStart } from './log-start.ts'
import { LazyFlush } from './cache/lazy-flush.ts'
import { openPartition } from './open-partition.ts'
import { registerGauges } from './log-gauges.ts'
import type { LogStoreDeps, LogStoreOptions } from './log-store-options.ts'
import type { PartitionLog } from './partition-log.ts'
import { Pressure } from './pressure.ts'
import type { LogRecovery } from './recovery.ts'
import { recoverLogs } from './recovery.ts'
import type { RoomWaiter } from './free-space.ts'
import { FreeSpace } from './free-space.ts'
import { IndexCache } from './segment/sealed-segment.ts'
import type { SegmentBytes } from './cache/segment-bytes.ts'
import { chunkClassFor } from './cache/segment-bytes.ts'

/** The logs of one broker. */
export class LogStore implements LogHost {
  readonly disk: Disk
  readonly directories: Directories
  readonly clock: Clock
  readonly crypto: Crypto
  readonly arena: Arena
  readonly indexes: IndexCache
  readonly diskReader: DiskReader
  readonly cursor: BatchCursor = new BatchCursor()
  readonly #readErrors: Counter
  readonly #telemetry: Telemetry
  readonly #options: LogStoreOptions
  #journal: Journal | null = null
  readonly #checkpointer: Checkpointer
  readonly #logs = new Map<string, PartitionLog>()
  readonly #opening = new Map<string, Promise<PartitionLog>>()
  readonly #removing = new Map<string, Promise<void>>()
  #dirty: DirtyLog[] = []
  #spareDirty: DirtyLog[] = []
  #scheduled = false
  readonly #lazyFlush: LazyFlush
  #syncQueue: { readonly log: DirtyLog; readonly end: Offset; readonly position: number }[] = []
  #syncHead = 0
  #syncStartedMs = 0
  readonly #pressure: Pressure
  #failure: Error | null = null
  #closed = false
  readonly #space: FreeSpace
  readonly #journalRoom: RoomWaiter = { retryWrites: () => this.#retryWrites() }
  #onFailure: (error: Error) => void
  readonly #background = new Set<Promise<void>>()
  readonly #appended: Counter
  readonly #syncSeconds: Histogram

  private constructor(
    deps: LogStoreDeps,
    options: LogStoreOptions,
    onFailure: (error: Error) => void,
  ) {
    this.disk = deps.disk
    this.directories = new Directories(deps.disk)
    this.clock = deps.clock
    this.crypto = deps.crypto
    this.#telemetry = deps.telemetry
    this.#options = options
    this.#onFailure = onFailure
    this.arena = new Arena(options.cacheBytes)
    this.indexes = new IndexCache(options.indexCacheBytes)
    this.diskReader = new DiskReader(deps.crypto, options.readCacheBytes)
    this.#readErrors = deps.telemetry.counter(
      'stratalog_log_read_errors_total',
      'Reads of segment files that failed.',
    )
    this.#checkpointer = new Checkpointer({
      clock: deps.clock,
      onFailure: (error) => this.#writeTrouble(error),
    })
    this.#space = new FreeSpace(deps.disk, deps.clock, options.diskReserveBytes, (error) =>
      this.#fail('Cannot tell how much disk is free', error),
    )
    this.#pressure = new Pressure(this.arena, {
      clock: deps.clock,
      journalPressed: () => this.journal.pressed,
      stopped: () => this.#closed || this.#failure !== null,
      checkpoint: () => this.#checkpointer.run(this.journal, options.journal),
      logs: () => this.#logs.values(),
      background: (name, work) => this.background(name, work),
    })
    this.#lazyFlush = new LazyFlush(deps.clock, (name, work) => this.background(name, work))
    this.#appended = deps.telemetry.counter(
      'stratalog_log_turns_total',
      'Turns in which something was appended.',
    )
    this.#syncSeconds = deps.telemetry.histogram(
      'stratalog_journal_sync_seconds',
      'Time of one journal sync.',
      LATENCY_BUCKETS_S,
    )
  }

  /**
   * Opens a store: replays what the journal still has, makes it durable in the segments, and begins
   * a new journal in the old one's files. `onFailure` is called once when the store latches; the
   * process should then stop.
   */
  static async open(
    deps: LogStoreDeps,
    options: LogStoreOptions,
    recovery: LogRecovery,
    onFailure: (error: Error) => void,
  ): Promise<LogStore> {
    const store = new LogStore(deps, options, onFailure)
    const journal = { fileBytes: options.journal.fileBytes }
    const start = await recoverLogs(store, journal, recovery, deps.telemetry, (key, log) => {
      store.#logs.set(key, log)
    })
    store.#journal = await Journal.open(
      deps.disk,
      options.journal,
      {
        onDurable: (position) => store.#onDurable(position),
        onFailure: (error) => store.#fail('Journal write failed', error),
        onTrouble: (error) => store.#writeTrouble(error),
        onRotate: () => store.#onRotate(),
      },
      start,
    )
    registerGauges(deps.telemetry, store)
    store.#space.start()
    return store
  }

  get journal(): Journal {
    return must(this.#journal, 'A store has its journal once it is open')
  }

  forgetReads(readKey: string): void {
    this.diskReader.forget(readKey)
  }

  /** Counts a read that failed and says so in the log. */
  reportReadError(error: unknown): void {
    this.#readErrors.value++
    this.#telemetry.log('error', 'read failed', { error: String(error) })
  }

  /** Why nothing is acknowledged any more, or null. */
  get failure(): Error | null {
    return this.#failure
  }

  /** The disk is below its reserve, or has no room: refuse produce, go on serving reads. */
  get full(): boolean {
    return this.#space.full || this.stalled
  }

  /** What was appended last waits for room in the journal: nothing more can be acknowledged. */
  get stalled(): boolean {
    return this.#journal?.stalled ?? false
  }

  /** Memory or journal is short: stop reading from producers until `onRelief`. */
  get pressed(): boolean {
    return this.#pressure.pressed
  }

  /** Calls `run` once the store is no longer pressed; at once if it is not. */
  onRelief(run: () => void): void {
    this.#pressure.onRelief(run)
  }

  /** How many logs are open. */
  get openLogs(): number {
    return this.#logs.size
  }

  /** All logs that are open. */
  logs(): IterableIterator<PartitionLog> {
    return this.#logs.values()
  }

  /** The log of a partition if it is open. */
  get(identity: PartitionIdentity): PartitionLog | undefined {
    return this.#logs.get(partitionDirectory(identity))
  }

  /** Opens the log of a partition, making it if it does not exist. Concurrent calls share one. */
  async open(identity: PartitionIdentity, settings: LogSettings): Promise<PartitionLog> {
    const key = partitionDirectory(identity)
    await this.#removing.get(key)
    const open = this.#logs.get(key)
    if (open !== undefined) return open
    let opening = this.#opening.get(key)
    if (opening === undefined) {
      opening = openPartition(this, identity, settings).then(
        (log) => {
          this.#opening.delete(key)
          this.#logs.set(key, log)
          return log
        },
        (error: unknown) => {
          this.#opening.delete(key)
          throw error
        },
      )
      this.#opening.set(key, opening)
    }
    return opening
  }

  /** Closes a partition's log and removes its files. */
  async remove(identity: PartitionIdentity): Promise<void> {
    const key = partitionDirectory(identity)
    await this.#opening.get(key)?.catch(() => undefined)
    const log = this.#logs.get(key)
    this.#logs.delete(key)
    const work = (async (): Promise<void> => {
      if (log !== undefined) {
        this.#lazyFlush.forget(log)
        // What the turn has staged of it lies in memory that goes with it.
        if (this.#scheduled) this.#commit()
        const abandoned = log.abandon()
        this.#checkpointer.forget(this.journal, log)
        await abandoned
      }
      await this.disk.remove(key)
      this.directories.forget(key)
    })()
    this.#removing.set(key, work)
    try {
      await work
    } finally {
      this.#removing.delete(key)
    }
  }

  markDirty(log: DirtyLog): void {
    if (!log.dirty) {
      log.dirty = true
      this.#dirty.push(log)
    }
    if (this.#scheduled) return
    this.#scheduled = true
    this.clock.turn(() => this.#commit())
  }

  chunkClass(segment: SegmentBytes): number {
    const share = this.arena.capacityBytes / (2 * Math.max(1, this.arena.openChunks))
    return Math.min(chunkClassFor(segment.appended), chunkClassFor(share * 2))
  }

  background(name: string, work: Promise<void>): void {
    const watched = work.catch((error: unknown) => {
      this.#writeTrouble(error)
      this.#telemetry.log('error', 'background work failed', { name, error: String(error) })
    })
    this.#background.add(watched)
    void watched.finally(() => this.#background.delete(watched))
  }

  async saveLogStart(identity: PartitionIdentity, starts: LogStarts): Promise<void> {
    const directory = partitionDirectory(identity)
    await this.directories.make(directory)
    await saveLogStart(this.disk, directory, starts)
  }

  onWriteFailure(segment: SegmentBytes, error: unknown): void {
    if (error instanceof OperatingError && error.kind === 'full') {
      this.#space.ranOut(segment)
      this.#pressure.update()
      return
    }
    this.#fail(`Cannot write segment ${segment.path}`, error)
  }

  onFlushed(): void {
    if (this.#pressure.pressed) this.#pressure.update()
  }

  /** Ends the turn: one journal write for all appends, then the acknowledgements it allows. */
  #commit(): void {
    this.#scheduled = false
    const dirty = this.#dirty
    if (this.#failure !== null) {
      for (const log of dirty.splice(0)) log.dirty = false
      return
    }
    const journal = this.journal
    this.#appended.value++
    let position: number
    try {
      for (const log of dirty) log.stage(journal)
      position = journal.commit()
    } catch (error) {
      this.#fail('Cannot write the journal', error)
      for (const log of dirty.splice(0)) log.dirty = false
      return
    }
    if (journal.stalled) {
      // They stay dirty: the turn ends when there is room.
      for (const log of dirty) log.delayed()
      return
    }
    this.#dirty = this.#spareDirty
    this.#spareDirty = dirty
    let sync = false
    for (const log of dirty) {
      log.dirty = false
      const mode = log.settings.ackAfter
      const end = log.stagedEnd
      log.written(end)
      if (mode === 'fsync') {
        this.#syncQueue.push({ log, end, position })
        sync = true
      } else {
        if (mode === 'memory') this.#lazyFlush.appended(log)
        log.held(end)
      }
    }
    dirty.length = 0
    if (sync) this.#requestSync()
    this.#pressure.updateIfHigh()
  }

  #requestSync(): void {
    if (this.#syncStartedMs === 0) this.#syncStartedMs = this.clock.monotonicMs()
    this.journal.requestSync()
  }

  #onDurable(position: number): void {
    const now = this.clock.monotonicMs()
    if (this.#syncStartedMs !== 0) this.#syncSeconds.observe((now - this.#syncStartedMs) / 1000)
    this.#syncStartedMs = now
    const queue = this.#syncQueue
    let head = this.#syncHead
    while (head < queue.length) {
      const entry = must(queue[head], 'queued sync')
      if (entry.position > position) break
      head++
      entry.log.held(entry.end)
    }
    if (head === queue.length) {
      queue.length = 0
      head = 0
      this.#syncStartedMs = 0
    } else if (head > 4096) {
      this.#syncQueue = queue.slice(head)
      head = 0
    }
    this.#syncHead = head
  }

  #onRotate(): void {
    if (this.#closed || this.#journal === null) return
    this.#checkpointer.run(this.journal, this.#options.journal)
    this.#pressure.update()
  }

  /** There may be room again: ends the turn that waits for it, if one does. */
  #retryWrites(): void {
    const waited = this.stalled
    this.#journal?.unstall()
    if (waited && !this.#scheduled) this.#commit()
  }

  /** Trouble that may pass, such as a full disk; anything else latches the store. */
  #writeTrouble(error: unknown): void {
    if (error instanceof OperatingError && error.kind === 'full') {
      this.#space.ranOut(this.#journalRoom)
      return
    }
    if (error instanceof OperatingError && error.kind === 'closed') return
    this.#fail('Cannot write log data', error)
  }

  #fail(what: string, error: unknown): void {
    if (this.#failure !== null || this.#closed) return
    this.#failure = new OperatingError('broken', `${what}: ${String(error)}`, error)
    this.#telemetry.log('error', 'log store failed', { error: String(error) })
    this.#onFailure(this.#failure)
  }

  /** Flushes and syncs everything and closes; the journal is then not needed by the next start. */
  async close(): Promise<void> {
    if (this.#closed) return
    if (this.#scheduled) this.#commit()
    this.#retryWrites()
    this.#closed = true
    this.#space.stop()
    this.#lazyFlush.stop()
    await Promise.allSettled([...this.#opening.values(), ...this.#removing.values()])
    let failure = this.#failure
    if (this.stalled) failure ??= new OperatingError('full', 'The journal has no room on its disk')
    if (failure === null) {
      await this.#checkpointer.stop()
      await Promise.all(this.#background)
    }
    for (const log of this.#logs.values()) {
      if (failure === null) {
        await log.close().catch((error: unknown) => {
          // Its topic was deleted meanwhile: there is nothing to keep.
          if (!log.closed) failure = asError(error)
        })
      }
      if (failure !== null) await log.abandon()
    }
    await Promise.allSettled(this.#removing.values())
    // Whoever waited for what a failed store can no longer do has been told by now.
    await this.#checkpointer.stop()
    await Promise.all(this.#background)
    await this.journal.close()
    if (failure !== null && failure !== this.#failure) {
      throw new OperatingError('broken', `Cannot close the log: ${failure.message}`, failure)
    }
    const clean = failure === null
    assert(!clean || this.arena.unflushedBytes === 0, 'A closed store has flushed everything')
  }
}
