// Reading back what raft-storage.ts wrote, after any crash: which files count, where the log ends,
// and whether an unreadable place is the torn end of a write that nobody was told of, or
// corruption. It changes the directory only by removing leftovers and cutting a torn end.
import { OperatingError } from '../../base/errors.ts'
import type { Term } from '../../base/units.ts'
import { term } from '../../base/units.ts'
import type { Crypto } from '../../ports/crypto.ts'
import type { Disk } from '../../ports/disk.ts'
import type { Entry, HardState, Snapshot } from '../../raft/messages.ts'
import type { LogHeader, RaftIdentity, Slot } from './raft-format.ts'
import { BATCH_HEADER_BYTES, LOG_HEADER_BYTES, STATE_BLOCK } from './raft-format.ts'
import { decodeBatch, decodeBatchHeader, decodeLogHeader } from './raft-format.ts'
import { BATCH_BYTES_MAX, SNAPSHOT_BYTES_MAX } from './raft-format.ts'
import { decodeSlot, decodeSnapshot, decodeStateHeader } from './raft-format.ts'

/** Longest log file that is believed; a longer one was not written by this program. */
export const FILE_BYTES_MAX = 4 * BATCH_BYTES_MAX

/** One log file, as far as its owner must know it. */
export interface LogFile {
  readonly sequence: number
  readonly nonce: number
  /** Largest index of any entry in it, replaced or not; the base's when it holds none. */
  lastIndex: number
  bytes: number
}

/** All that was found. */
export interface Recovery extends RaftIdentity {
  readonly slot: Slot
  /** The two copies differed: write both again. */
  readonly repairSlots: boolean
  readonly hardState: HardState
  readonly snapshot: Snapshot
  /** Entries after the snapshot's index or some before it, without gaps. */
  readonly entries: readonly Entry[]
  readonly files: readonly LogFile[]
  readonly activeBytes: number
  readonly lastIndex: number
  readonly lastTerm: Term
  readonly batch: number
  /** The log does not reach or contradicts the snapshot: it must start over after it. */
  readonly startOver: boolean
}

interface Place {
  readonly disk: Disk
  readonly crypto: Pick<Crypto, 'crc32c'>
  readonly directory: string
}

/** Log files and snapshots carry their place in their name, so that names sort as they follow. */
export const logName = (sequence: number): string => `log-${String(sequence).padStart(16, '0')}.wal`

/** See `logName`. */
export const snapshotName = (snapshot: { readonly index: number; readonly term: Term }): string =>
  `${String(snapshot.index).padStart(16, '0')}-${String(snapshot.term).padStart(16, '0')}.snap`

const corrupt = (path: string, why: string): OperatingError =>
  new OperatingError('corrupt', `Cannot recover ${path}: ${why}`)

/** Reads the directory; null when it was never formatted. */
export async function recover(place: Place): Promise<Recovery | null> {
  const { disk, directory } = place
  const names = await disk.list(directory)
  if (!names.includes('state')) {
    await refuseOrphans(place, names)
    return null
  }
  for (const name of names) {
    if (name.endsWith('.tmp')) await disk.remove(`${directory}/${name}`)
  }
  const state = await readState(place)
  const snapshot = await readSnapshot(place, names)
  const log = await readLog(place, names, state)
  if (log.baseIndex > snapshot.index) {
    throw corrupt(directory, `entries are missing after the snapshot at ${snapshot.index}`)
  }
  // After its own snapshot a node's log reaches it; after a leader's it starts over behind it.
  const at = log.termAt(snapshot.index)
  const startOver = at !== snapshot.term
  const entries = startOver ? [] : log.entries
  const last = startOver ? undefined : entries.at(-1)
  const lastIndex = last?.index ?? snapshot.index
  const lastTerm = last?.term ?? snapshot.term
  const { slot } = state
  if (log.batch < slot.batch || Math.max(lastIndex, snapshot.index) < slot.commit) {
    throw corrupt(directory, 'its log ends before what is known to have been durable')
  }
  return {
    nodeId: state.nodeId,
    diskId: state.diskId,
    slot,
    repairSlots: state.repairSlots,
    // An entry of a newer term than the slot's was never answered: the vote of that term is free.
    hardState: {
      term: term(Math.max(slot.term, lastTerm)),
      vote: slot.term >= lastTerm ? slot.vote : 0,
      commit: Math.min(Math.max(slot.commit, snapshot.index), lastIndex),
    },
    snapshot,
    entries,
    files: log.files,
    activeBytes: log.activeBytes,
    lastIndex,
    lastTerm,
    batch: log.batch,
    startOver,
  }
}

/** Throws `corrupt` if, without a state file, there is a log that was ever written to. */
export async function refuseOrphans(place: Place, names: readonly string[]): Promise<void> {
  for (const name of names) {
    if (!name.endsWith('.wal')) continue
    const file = await readFile(place, name, FILE_BYTES_MAX)
    if (file.length <= LOG_HEADER_BYTES && name === logName(1)) continue
    throw corrupt(`${place.directory}/state`, 'it is missing, but a log is there')
  }
}

async function readFile(place: Place, name: string, bytesMax: number): Promise<Uint8Array> {
  const path = `${place.directory}/${name}`
  const file = await place.disk.open(path, { mode: 'read' })
  try {
    const size = await file.size()
    if (size > bytesMax) throw corrupt(path, `its ${size} bytes are more than ${bytesMax}`)
    const bytes = new Uint8Array(size)
    const read = await file.read(0, bytes)
    if (read !== size) throw corrupt(path, 'it is shorter than its size')
    return bytes
  } finally {
    await file.close()
  }
}

async function readState(
  place: Place,
): Promise<RaftIdentity & { readonly slot: Slot; readonly repairSlots: boolean }> {
  const crc = place.crypto.crc32c
  const path = `${place.directory}/state`
  const bytes = await readFile(place, 'state', 16 * STATE_BLOCK)
  const identity = decodeStateHeader(crc, path, bytes)
  const one = decodeSlot(crc, bytes.subarray(STATE_BLOCK, 2 * STATE_BLOCK))
  const two = decodeSlot(crc, bytes.subarray(2 * STATE_BLOCK))
  const newest = one === null ? two : two === null || one.sequence >= two.sequence ? one : two
  if (newest === null) throw corrupt(path, 'both copies of term and vote are unreadable')
  return { ...identity, slot: newest, repairSlots: one?.sequence !== two?.sequence }
}

/** The newest snapshot. An older one is no substitute: the log before the newest may be gone. */
async function readSnapshot(place: Place, names: readonly string[]): Promise<Snapshot> {
  const found = names.filter((name) => name.endsWith('.snap')).sort()
  const newest = found.at(-1)
  if (newest === undefined) throw corrupt(place.directory, 'it holds no snapshot')
  const bytes = await readFile(place, newest, SNAPSHOT_BYTES_MAX)
  const path = `${place.directory}/${newest}`
  const snapshot = decodeSnapshot(place.crypto.crc32c, path, bytes)
  if (snapshotName(snapshot) !== newest) throw corrupt(path, 'it is another snapshot')
  return snapshot
}

/** The log while its files are read one after the other. */
class Replay {
  files: LogFile[] = []
  entries: Entry[] = []
  baseIndex = 0
  baseTerm: Term = term(0)
  /** Entries at or below the base are impossible: the log began there. */
  isFirm = true
  batch = 0
  activeBytes = 0

  get lastIndex(): number {
    return this.baseIndex + this.entries.length
  }

  get lastTerm(): Term {
    return this.entries.at(-1)?.term ?? this.baseTerm
  }

  termAt(index: number): Term | null {
    if (index === this.baseIndex) return this.baseTerm
    return this.entries[index - this.baseIndex - 1]?.term ?? null
  }

  /** Begins a file; the first one, or one that starts over, sets the base. */
  open(path: string, header: LogHeader): void {
    const previous = this.files.at(-1)
    if (previous !== undefined && header.sequence !== previous.sequence + 1 && !header.reset) {
      throw corrupt(path, 'the log file before it is missing')
    }
    if (previous === undefined || header.reset) {
      this.entries = []
      this.baseIndex = header.baseIndex
      this.baseTerm = header.baseTerm
      this.isFirm = header.reset
      if (header.firstBatch <= this.batch) throw corrupt(path, 'its batches are not newer')
      this.batch = header.firstBatch - 1
    }
    const follows = header.baseIndex === this.lastIndex && header.baseTerm === this.lastTerm
    if (!follows || header.firstBatch !== this.batch + 1) {
      throw corrupt(path, 'it does not follow the log file before it')
    }
    const { sequence, nonce, baseIndex } = header
    this.files.push({ sequence, nonce, lastIndex: baseIndex, bytes: 0 })
  }

  /** Takes one batch: its first entry may replace the tail. */
  take(path: string, entries: readonly Entry[], batch: number): void {
    if (batch !== this.batch + 1) throw corrupt(path, `batch ${batch} does not follow`)
    this.batch = batch
    for (const entry of entries) {
      this.#makeRoom(path, entry.index)
      if (entry.term < this.lastTerm) throw corrupt(path, `entry ${entry.index} is of an old term`)
      this.entries.push(entry)
    }
    const file = this.files.at(-1)
    if (file !== undefined) file.lastIndex = Math.max(file.lastIndex, this.lastIndex)
  }

  /** Cuts the tail that the entry `index` replaces. */
  #makeRoom(path: string, index: number): void {
    if (index > this.lastIndex + 1 || (index <= this.baseIndex && this.isFirm)) {
      throw corrupt(path, `entry ${index} does not follow`)
    }
    if (index > this.baseIndex) {
      this.entries.length = index - this.baseIndex - 1
      return
    }
    // Replaced a tail that began in a file removed since. That file lay below a snapshot, so what
    // stood before `index` is not needed, not even its term.
    this.entries = []
    this.baseIndex = index - 1
    this.baseTerm = term(0)
  }
}

async function readLog(
  place: Place,
  names: readonly string[],
  state: { readonly diskId: number; readonly slot: Slot },
): Promise<Replay> {
  const replay = new Replay()
  const logs = names.filter((name) => name.endsWith('.wal')).sort()
  for (const [i, name] of logs.entries()) {
    const path = `${place.directory}/${name}`
    const file = await readFile(place, name, FILE_BYTES_MAX)
    const isLast = i === logs.length - 1
    if (isLast && i > 0 && isTornHeader(place, file)) {
      // The crash came before the header was durable, hence before anything was written after it.
      await place.disk.remove(path)
      await place.disk.syncDirectory(place.directory)
      continue
    }
    const header = decodeLogHeader(place.crypto.crc32c, path, file)
    if (logName(header.sequence) !== name) throw corrupt(path, 'it is another log file')
    if (header.diskId !== state.diskId) throw corrupt(path, 'it is of another disk')
    replay.open(path, header)
    const end = readBatches(place, replay, { path, file, nonce: header.nonce })
    if (end < file.length) {
      if (!isLast || hasBatchAfter(place, replay, { file, nonce: header.nonce, from: end + 1 })) {
        throw corrupt(path, `the batch at byte ${end} is unreadable and others follow it`)
      }
      if (replay.batch < state.slot.batch) {
        throw corrupt(path, `the batch at byte ${end} is unreadable, but was durable`)
      }
      await cut(place, path, end)
    }
    replay.activeBytes = end
    const current = replay.files.at(-1)
    if (current !== undefined) current.bytes = end
  }
  if (replay.files.length === 0) throw corrupt(place.directory, 'it holds no log')
  return replay
}

function isTornHeader(place: Place, file: Uint8Array): boolean {
  if (file.length < LOG_HEADER_BYTES) return true
  if (file.length > LOG_HEADER_BYTES) return false
  const sum = new DataView(file.buffer, file.byteOffset).getUint32(LOG_HEADER_BYTES - 4)
  return place.crypto.crc32c(file.subarray(0, LOG_HEADER_BYTES - 4)) !== sum
}

interface OpenLog {
  readonly path: string
  readonly file: Uint8Array
  readonly nonce: number
}

/** Takes batches until the end or the first unreadable one; returns where it stopped. */
function readBatches(place: Place, replay: Replay, log: OpenLog): number {
  const crc = place.crypto.crc32c
  const { path, file, nonce } = log
  let at = LOG_HEADER_BYTES
  while (at < file.length) {
    const header = decodeBatchHeader(crc, file, { nonce, at })
    if (header === null) return at
    const entries = decodeBatch(crc, path, file, { nonce, at, header })
    if (entries === null) return at
    replay.take(path, entries, header.batch)
    at += BATCH_HEADER_BYTES + header.length
  }
  return at
}

/** Whether a batch that came after the unreadable one begins anywhere from `from` on. */
function hasBatchAfter(
  place: Place,
  replay: Replay,
  log: { readonly file: Uint8Array; readonly nonce: number; readonly from: number },
): boolean {
  for (let at = log.from; at + BATCH_HEADER_BYTES <= log.file.length; at++) {
    const header = decodeBatchHeader(place.crypto.crc32c, log.file, { nonce: log.nonce, at })
    if (header !== null && header.batch > replay.batch + 1) return true
  }
  return false
}

async function cut(place: Place, path: string, to: number): Promise<void> {
  const file = await place.disk.open(path, { mode: 'write' })
  try {
    await file.truncate(to)
    await file.sync()
  } finally {
    await file.close()
  }
}
