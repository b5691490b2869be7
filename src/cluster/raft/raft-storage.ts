// What one node of the metadata quorum must not forget: term and vote, the log, the newest
// snapshot, in a directory of its own with its own syncs, because it is read before any partition
// is opened.
//
// The log is append-only: an entry whose index is not the next one replaces the tail from there on
// when the log is read again, so no file is ever cut but for a torn end. One append is one batch
// and one sync, and the next begins only after it; therefore an unreadable batch with nothing
// readable after it is a write that was never acknowledged, and is cut, while one that is
// followed by another batch, or that a slot remembers as durable, is corruption and stops the
// node. Term and vote are kept twice, written and synced one after the other: a crash can tear
// one copy, never both.
//
// Any failure latches: the state of the device is then unknown, and nothing is promised any more.
// Files are read whole, at most FILE_BYTES_MAX each. A last batch that rots between being
// acknowledged and the next slot write cannot be told from a torn one; the quorum's copies decide.
import { assert, must } from '../../base/assert.ts'
import { OperatingError } from '../../base/errors.ts'
import type { Term } from '../../base/units.ts'
import { term } from '../../base/units.ts'
import type { Crypto } from '../../ports/crypto.ts'
import type { Disk, DiskFile } from '../../ports/disk.ts'
import type { Membership } from '../../raft/membership.ts'
import type { Entry, HardState, Snapshot } from '../../raft/messages.ts'
import type { RaftIdentity, Slot } from './raft-format.ts'
import { LOG_HEADER_BYTES, STATE_BLOCK } from './raft-format.ts'
import { encodeBatch, encodeLogHeader, encodeSlot, encodeSnapshot } from './raft-format.ts'
import { encodeStateHeader } from './raft-format.ts'
import type { LogFile, Recovery } from './raft-recovery.ts'
import { logName, recover, refuseOrphans, snapshotName } from './raft-recovery.ts'

/** Where and how the node's state is kept. */
export interface RaftStorageOptions {
  readonly disk: Disk
  readonly crypto: Pick<Crypto, 'crc32c' | 'randomBytes'>
  /** Directory of its own, relative to the disk's root. */
  readonly directory: string
  /** A log file is closed and the next one begun once it is at least this long. */
  readonly logFileBytes: number
}

/** What a node finds on its disk. */
export interface Recovered extends RaftIdentity {
  readonly hardState: HardState
  readonly snapshot: Snapshot
  readonly entries: readonly Entry[]
}

/** What one Ready wants durable. */
export interface RaftWrite {
  readonly hardState: HardState | null
  readonly snapshot: Snapshot | null
  readonly entries: readonly Entry[]
}

/** The open directory. Calls must not overlap: await one before the next. */
export class RaftStorage {
  readonly #options: RaftStorageOptions
  readonly #state: DiskFile
  readonly #identity: RaftIdentity
  #slot: Slot
  /** Closed log files and the active one, oldest first. */
  #files: LogFile[]
  #active: DiskFile
  #activeBytes: number
  #lastIndex: number
  #lastTerm: Term
  #batch: number
  #snapshotIndex: number
  #busy = false
  #closed = false
  #failure: unknown = null

  private constructor(options: RaftStorageOptions, found: Recovery, files: OpenFiles) {
    this.#options = options
    this.#state = files.state
    this.#active = files.active
    this.#activeBytes = files.activeBytes
    this.#identity = { nodeId: found.nodeId, diskId: found.diskId }
    this.#slot = found.slot
    this.#files = [...found.files]
    this.#lastIndex = found.lastIndex
    this.#lastTerm = found.lastTerm
    this.#batch = found.batch
    this.#snapshotIndex = found.snapshot.index
  }

  /**
   * Makes the directory of a node that never ran. `members` are those of a new cluster, or nobody
   * for a node that will be told by a leader. The state file comes last and by rename: without it
   * nothing was ever promised. Throws `refused` when the directory is in use already.
   */
  static async format(
    options: RaftStorageOptions,
    first: RaftIdentity & { readonly members: Membership },
  ): Promise<void> {
    const { disk, crypto, directory } = options
    const names = await disk.list(directory)
    if (names.includes('state')) {
      throw new OperatingError('refused', `Cannot format ${directory}: it holds a node already`)
    }
    await refuseOrphans(options, names)
    await disk.makeDirectory(directory)
    for (const name of names) await disk.remove(`${directory}/${name}`)
    const snapshot = { index: 0, term: term(0), membership: first.members, data: new Uint8Array(0) }
    await writeWhole(options, snapshotName(snapshot), encodeSnapshot(crypto.crc32c, snapshot))
    const nonce = drawNonce(options)
    const header = encodeLogHeader(crypto.crc32c, {
      sequence: 1,
      baseIndex: 0,
      baseTerm: term(0),
      reset: true,
      firstBatch: 1,
      nonce,
      diskId: first.diskId,
    })
    await writeWhole(options, logName(1), [header])
    const state = new Uint8Array(3 * STATE_BLOCK)
    const slot = { sequence: 0, term: term(0), vote: 0, commit: 0, batch: 0 }
    state.set(encodeStateHeader(crypto.crc32c, first))
    state.set(encodeSlot(crypto.crc32c, slot), STATE_BLOCK)
    state.set(encodeSlot(crypto.crc32c, slot), 2 * STATE_BLOCK)
    await writeWhole(options, 'state', [state])
    await disk.syncDirectory(parentOf(directory))
  }

  /**
   * Reads what the last run left, cuts a torn end, and opens it for writing. Null when the
   * directory was never formatted. Throws `corrupt` when bytes are not what was written,
   * `refused` when a newer version wrote them.
   */
  static async open(
    options: RaftStorageOptions,
  ): Promise<{ readonly storage: RaftStorage; readonly recovered: Recovered } | null> {
    const found = await recover(options)
    if (found === null) return null
    const { disk, directory } = options
    const last = must(found.files.at(-1), 'A recovery found no log file')
    const state = await disk.open(`${directory}/state`, { mode: 'write' })
    const active = await disk.open(`${directory}/${logName(last.sequence)}`, { mode: 'write' })
    const files = { state, active, activeBytes: found.activeBytes }
    const storage = new RaftStorage(options, found, files)
    if (found.repairSlots) await storage.#guard(() => storage.#writeSlot(found.slot))
    // The log is behind the snapshot: the crash came between installing it and starting over.
    if (found.startOver) await storage.#guard(() => storage.#startOver(found.snapshot))
    const { nodeId, diskId, hardState, snapshot, entries } = found
    return { storage, recovered: { nodeId, diskId, hardState, snapshot, entries } }
  }

  /** Bytes of all log files, for metrics. */
  get logBytes(): number {
    const closed = this.#files.slice(0, -1).reduce((sum, file) => sum + file.bytes, 0)
    return closed + this.#activeBytes
  }

  /** Makes one Ready durable. When it resolves, everything in it survives a power cut. */
  async persist(write: RaftWrite): Promise<void> {
    await this.#guard(async () => {
      const { hardState, snapshot, entries } = write
      if (hardState !== null && this.#isPromise(hardState)) {
        // The hint must name nothing that this very write may replace.
        const certain = (entries[0]?.index ?? this.#lastIndex + 1) - 1
        await this.#saveHardState(hardState, certain)
      }
      if (snapshot !== null) await this.#install(snapshot)
      if (entries.length > 0) await this.#append(entries)
    })
  }

  /**
   * Keeps a snapshot that this node took itself, and removes log files that hold nothing after
   * `keepFrom`, the index before the first entry still wanted.
   */
  async compact(snapshot: Snapshot, keepFrom: number): Promise<void> {
    assert(keepFrom <= snapshot.index, 'Entries are dropped that no snapshot covers')
    assert(snapshot.index <= this.#lastIndex, 'A snapshot was taken beyond the log')
    if (snapshot.index <= this.#snapshotIndex) return
    await this.#guard(async () => {
      await this.#writeSnapshot(snapshot)
      while (this.#files.length > 1) {
        const oldest = must(this.#files[0], 'A log file vanished')
        if (oldest.lastIndex > keepFrom) break
        await this.#removeOldest()
      }
    })
  }

  /** Writes how far the log is certain, and closes the files. A second call does nothing. */
  async close(final: HardState | null = null): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    assert(!this.#busy, 'A storage is closed while it writes')
    try {
      if (this.#failure === null) await this.#saveHardState(final ?? this.#slot, this.#lastIndex)
    } finally {
      await this.#active.close()
      await this.#state.close()
    }
  }

  /** A term or vote that is not on disk; a commit index alone is no promise. */
  #isPromise(next: HardState): boolean {
    return next.term !== this.#slot.term || next.vote !== this.#slot.vote
  }

  async #saveHardState(next: HardState, certain: number): Promise<void> {
    assert(next.term >= this.#slot.term, 'A term goes back on disk')
    const kept = next.term !== this.#slot.term || this.#slot.vote === 0
    assert(kept || next.vote === this.#slot.vote, 'A vote is taken back on disk')
    await this.#writeSlot({
      sequence: this.#slot.sequence + 1,
      term: next.term,
      vote: next.vote,
      commit: Math.max(this.#slot.commit, Math.min(next.commit, certain, this.#lastIndex)),
      batch: this.#batch,
    })
  }

  async #writeSlot(slot: Slot): Promise<void> {
    const bytes = encodeSlot(this.#options.crypto.crc32c, slot)
    for (const copy of [1, 2]) {
      this.#state.writeNow(copy * STATE_BLOCK, [bytes])
      await this.#state.sync()
    }
    this.#slot = slot
  }

  async #append(entries: readonly Entry[]): Promise<void> {
    const first = must(entries[0], 'An append is empty')
    const last = must(entries.at(-1), 'An append is empty')
    assert(first.index <= this.#lastIndex + 1, 'An append leaves a gap on disk')
    assert(first.index > this.#slot.commit, 'A committed entry is replaced on disk')
    assert(last.index - first.index === entries.length - 1, 'An append has a gap inside')
    if (this.#activeBytes >= this.#options.logFileBytes) await this.#roll(false)
    const active = must(this.#files.at(-1), 'No log file is active')
    const place = { nonce: active.nonce, at: this.#activeBytes, batch: this.#batch + 1 }
    const bytes = encodeBatch(this.#options.crypto.crc32c, entries, place)
    this.#active.writeNow(this.#activeBytes, [bytes])
    await this.#active.sync()
    this.#batch += 1
    this.#activeBytes += bytes.length
    this.#lastIndex = last.index
    this.#lastTerm = last.term
    active.bytes = this.#activeBytes
    active.lastIndex = Math.max(active.lastIndex, last.index)
  }

  /** Begins the next log file; its header is durable before anything is written after it. */
  async #roll(reset: boolean): Promise<void> {
    const { disk, crypto, directory } = this.#options
    const previous = must(this.#files.at(-1), 'No log file is active')
    const header = {
      sequence: previous.sequence + 1,
      baseIndex: this.#lastIndex,
      baseTerm: this.#lastTerm,
      reset,
      firstBatch: this.#batch + 1,
      nonce: drawNonce(this.#options),
      diskId: this.#identity.diskId,
    }
    const name = `${directory}/${logName(header.sequence)}`
    const file = await disk.open(name, { mode: 'create' })
    file.writeNow(0, [encodeLogHeader(crypto.crc32c, header)])
    await file.sync()
    await disk.syncDirectory(directory)
    await this.#active.close()
    this.#active = file
    this.#activeBytes = LOG_HEADER_BYTES
    const { sequence, nonce } = header
    this.#files.push({ sequence, nonce, lastIndex: this.#lastIndex, bytes: LOG_HEADER_BYTES })
  }

  /** A leader's snapshot: first durable, then the log starts over after it. */
  async #install(snapshot: Snapshot): Promise<void> {
    assert(snapshot.index > this.#snapshotIndex, 'An older snapshot is installed')
    await this.#writeSnapshot(snapshot)
    await this.#startOver(snapshot)
  }

  async #startOver(snapshot: Snapshot): Promise<void> {
    this.#lastIndex = snapshot.index
    this.#lastTerm = snapshot.term
    await this.#roll(true)
    while (this.#files.length > 1) await this.#removeOldest()
  }

  async #writeSnapshot(snapshot: Snapshot): Promise<void> {
    const { disk, crypto, directory } = this.#options
    const name = snapshotName(snapshot)
    await writeWhole(this.#options, name, encodeSnapshot(crypto.crc32c, snapshot))
    this.#snapshotIndex = snapshot.index
    for (const other of await disk.list(directory)) {
      if (other.endsWith('.snap') && other !== name) await disk.remove(`${directory}/${other}`)
    }
    await disk.syncDirectory(directory)
  }

  /** Oldest first and each for certain, so that what is left never has a gap. */
  async #removeOldest(): Promise<void> {
    const { disk, directory } = this.#options
    const oldest = must(this.#files.shift(), 'A log file vanished')
    assert(this.#files.length > 0, 'The active log file is removed')
    await disk.remove(`${directory}/${logName(oldest.sequence)}`)
    await disk.syncDirectory(directory)
  }

  /** One operation at a time; the first failure is the last operation. */
  async #guard(work: () => Promise<void>): Promise<void> {
    assert(!this.#busy, 'Two writes overlap')
    if (this.#closed) throw new OperatingError('closed', 'Cannot write metadata: it is closed')
    if (this.#failure !== null) {
      const text = 'Cannot write metadata: an earlier write failed'
      throw new OperatingError('broken', text, this.#failure)
    }
    this.#busy = true
    try {
      await work()
    } catch (error) {
      this.#failure = error
      throw error
    } finally {
      this.#busy = false
    }
  }
}

interface OpenFiles {
  readonly state: DiskFile
  readonly active: DiskFile
  readonly activeBytes: number
}

function drawNonce(options: RaftStorageOptions): number {
  const bytes = options.crypto.randomBytes(4)
  assert(bytes.length === 4, 'Randomness came short')
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0)
}

/**
 * Writes a file that is there whole or not at all: temporary name, sync, rename, directory sync.
 */
async function writeWhole(
  options: RaftStorageOptions,
  name: string,
  parts: readonly Uint8Array[],
): Promise<void> {
  const { disk, directory } = options
  const temporary = `${directory}/${name}.tmp`
  await disk.remove(temporary)
  const file = await disk.open(temporary, { mode: 'create' })
  try {
    file.writeNow(0, parts)
    await file.sync()
  } finally {
    await file.close()
  }
  await disk.rename(temporary, `${directory}/${name}`)
  await disk.syncDirectory(directory)
}

/** The directory that holds `path`; '' for the root's own entries. */
const parentOf = (path: string): string => path.split('/').slice(0, -1).join('/')
