// What the bare server does with bytes, and no more: a ring of memory, one recycled journal that is
// written before the acknowledgement, and segment files written behind it by direct I/O. It keeps
// no offsets and no index, is never read and recovers nothing: only the work that no broker with
// these guarantees can leave out. Old segments are deleted, so that it runs for ever.
import { assert } from '../../base/assert.ts'
import { MiB } from '../../base/units.ts'
import { pageAlignedMemory } from '../../ports/disk.ts'
import type { Disk, DiskFile } from '../../ports/disk.ts'

const RING_BYTES = 128 * MiB
const JOURNAL_BYTES = 256 * MiB
const SEGMENT_BYTES = 512 * MiB
const PIECE_BYTES = MiB
const WRITES_AT_ONCE = 4
const SEGMENTS_KEPT = 4

/** When the server answers: once the batch is in memory, in the OS, or on the device. */
export type AckAfter = 'memory' | 'write' | 'fsync'

/** Ring, journal and segments of one bare server. */
export class BareStore {
  readonly #disk: Disk
  readonly #journal: DiskFile
  readonly #ring: Uint8Array
  readonly #onRoom: () => void
  readonly #onFailure: (error: unknown) => void
  /** Bytes received, written to the journal, handed to segments, and wholly in segments; ever. */
  #head = 0
  #journaled = 0
  #issued = 0
  #flushed = 0
  readonly #finished = new Set<number>()
  #segment: DiskFile
  #segmentAt = 0
  #segments = 1
  #writing = 0
  #rolling = false
  #syncing: Promise<void> | null = null
  #waiting: (() => void)[] = []
  #closed = false

  private constructor(
    disk: Disk,
    files: { readonly journal: DiskFile; readonly segment: DiskFile; readonly ring: Uint8Array },
    events: { readonly onRoom: () => void; readonly onFailure: (error: unknown) => void },
  ) {
    this.#disk = disk
    this.#journal = files.journal
    this.#segment = files.segment
    this.#ring = files.ring
    this.#onRoom = events.onRoom
    this.#onFailure = events.onFailure
  }

  /**
   * Fills the journal of a new store, so that no write grows it. `onRoom` tells that producers who
   * were held back may go on; `onFailure` that the device failed.
   */
  static async open(
    disk: Disk,
    events: { readonly onRoom: () => void; readonly onFailure: (error: unknown) => void },
  ): Promise<BareStore> {
    const ring = pageAlignedMemory(RING_BYTES)
    ring.fill(1) // every page is touched before the clock starts
    const journal = await disk.open('journal', { mode: 'create' })
    for (let at = 0; at < JOURNAL_BYTES; at += MiB) {
      await journal.writeBehind(at, ring.subarray(0, MiB))
    }
    await journal.sync()
    const segment = await disk.open(segmentName(0), { mode: 'create', direct: true })
    return new BareStore(disk, { journal, segment, ring }, events)
  }

  /** Whether segments bypass the page cache here. */
  get direct(): boolean {
    return this.#segment.direct
  }

  /** So little room is left in the ring that producers must wait for `onRoom`. */
  get pressed(): boolean {
    return this.#head - this.#flushed > RING_BYTES * 0.75
  }

  /** Copies a batch into the ring. */
  add(batch: Uint8Array): void {
    const at = this.#head % RING_BYTES
    const first = Math.min(batch.length, RING_BYTES - at)
    assert(this.#head + batch.length - this.#flushed <= RING_BYTES, 'The ring has room')
    if (first === batch.length) {
      this.#ring.set(batch, at)
    } else {
      this.#ring.set(batch.subarray(0, first), at)
      this.#ring.set(batch.subarray(first), 0)
    }
    this.#head += batch.length
  }

  /** Writes what was added to the journal (not `memory`), then calls `done` as `after` asks. */
  commit(after: AckAfter, done: () => void): void {
    if (after === 'memory') this.#journaled = this.#head
    while (this.#journaled < this.#head) {
      const from = this.#journaled % RING_BYTES
      const at = this.#journaled % JOURNAL_BYTES
      const left = this.#head - this.#journaled
      const count = Math.min(left, RING_BYTES - from, JOURNAL_BYTES - at)
      this.#journal.writeNow(at, [this.#ring.subarray(from, from + count)])
      this.#journaled += count
    }
    if (after === 'fsync') {
      this.#waiting.push(done)
      this.#sync()
    } else done()
    this.#flush()
  }

  /** Waits for what runs, then closes the files. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#syncing
    while (this.#writing > 0 || this.#rolling) {
      await new Promise<void>((resolve) => setImmediate(resolve))
    }
    await this.#journal.close()
    await this.#segment.close()
  }

  /** One sync at a time; whoever comes meanwhile shares the next. */
  #sync(): void {
    if (this.#syncing !== null || this.#waiting.length === 0 || this.#closed) return
    const group = this.#waiting
    this.#waiting = []
    this.#syncing = this.#journal.sync().then(
      () => {
        this.#syncing = null
        for (const done of group) done()
        this.#sync()
      },
      (error: unknown) => this.#onFailure(error),
    )
  }

  #flush(): void {
    while (this.#writing < WRITES_AT_ONCE && this.#head - this.#issued >= PIECE_BYTES) {
      if (this.#closed || this.#rolling) return
      if (this.#segmentAt === SEGMENT_BYTES) {
        if (this.#writing === 0) this.#roll()
        return
      }
      const at = this.#issued
      const from = at % RING_BYTES
      this.#issued += PIECE_BYTES
      this.#writing++
      this.#segment
        .writeBehind(this.#segmentAt, this.#ring.subarray(from, from + PIECE_BYTES))
        .then(() => this.#written(at), this.#onFailure)
      this.#segmentAt += PIECE_BYTES
    }
  }

  #written(at: number): void {
    const wasPressed = this.#head - this.#flushed >= RING_BYTES / 2
    this.#writing--
    this.#finished.add(at)
    while (this.#finished.delete(this.#flushed)) this.#flushed += PIECE_BYTES
    this.#flush()
    if (wasPressed && this.#head - this.#flushed < RING_BYTES / 2) this.#onRoom()
  }

  #roll(): void {
    this.#rolling = true
    const roll = async (): Promise<void> => {
      await this.#segment.close()
      const oldest = this.#segments - SEGMENTS_KEPT
      if (oldest >= 0) await this.#disk.remove(segmentName(oldest))
      const name = segmentName(this.#segments++)
      this.#segment = await this.#disk.open(name, { mode: 'create', direct: true })
      this.#segmentAt = 0
      this.#rolling = false
      this.#flush()
    }
    roll().catch(this.#onFailure)
  }
}

const segmentName = (number: number): string => `segment-${String(number)}`
