// Moves one partition's sealed segments to the bucket: data first, manifest second. Several objects
// are on their way at once, and one replacement of the manifest names all that have arrived, so a
// store that takes one write a second of the same key is no limit. Only what the manifest names
// counts as archived; an object that arrived and was not named is an orphan for the sweeper.
import { must } from '../../base/assert.ts'
import { OperatingError, asError } from '../../base/errors.ts'
import { eachAtOnce } from '../../flow/each.ts'
import type { Semaphore } from '../../flow/semaphore.ts'
import { type Offset, offset } from '../../base/units.ts'
import type { PartitionLog } from '../../log/partition-log.ts'
import type { Segment } from '../../log/segment.ts'
import type { Crypto } from '../../ports/crypto.ts'
import type { Disk } from '../../ports/disk.ts'
import type { ObjectStore } from '../../ports/object-store.ts'
import { segmentKey } from '../keys.ts'
import { BLOCK_BYTES } from '../manifest/block-table.ts'
import { trimmed, withLineage, withSegments } from '../manifest/change.ts'
import type { SegmentEntry } from '../manifest/entry.ts'
import { archiveBase, archiveEnd, type Manifest } from '../manifest/manifest.ts'
import { hex, type PartitionArchive } from './partition-archive.ts'
import { planUpload } from './plan.ts'
import { SegmentObject } from './segment-object.ts'

/** What uploads are made through. */
export interface UploaderDeps {
  readonly disk: Disk
  readonly crypto: Crypto
  readonly store: ObjectStore
  /** Bounds how many objects of all partitions are on their way at the same time. */
  readonly slots: Semaphore
}

/** What one step has moved. */
export interface Uploaded {
  readonly segments: number
  readonly bytes: number
}

/** Segments of one partition that are on their way at the same time. */
const AT_ONCE = 4
/** Segments that one step moves at most. */
const SEGMENTS_PER_STEP = 16
/** Bytes that are read back at once. */
const READ_BACK_BYTES = 4 * BLOCK_BYTES

/** Archives one partition. */
export class Uploader {
  readonly #deps: UploaderDeps
  readonly #log: PartitionLog
  readonly #archive: PartitionArchive

  constructor(deps: UploaderDeps, log: PartitionLog, archive: PartitionArchive) {
    this.#deps = deps
    this.#log = log
    this.#archive = archive
  }

  /** Whether a look at the log alone says that there may be something to move below `limit`. */
  hasWork(limit: Offset): boolean {
    const known = this.#archive.manifest
    const end = known === null ? this.#log.logStart : endOf(known)
    const next = this.#log.segments.find((segment) => segment.end > (end ?? this.#log.logStart))
    return next?.sealed !== null && next !== undefined && next.end <= limit
  }

  /**
   * Moves what may be moved below `limit`, a bounded number of segments. Throws `fenced` once a
   * newer leader archives, `corrupt` when a local segment or the archive is damaged or offsets
   * are missing, and whatever the store says.
   */
  async step(limit: Offset): Promise<Uploaded> {
    const log = this.#log
    const manifest = await this.#archive.load()
    const plan = planUpload(log.segments, {
      logStart: log.logStart,
      archivedEnd: endOf(trimmed(manifest, log.logStart).manifest),
      limit,
      countMax: SEGMENTS_PER_STEP,
    })
    if (plan.hole !== null) throw this.#hole(plan.hole)
    const segments = log.segments.slice(plan.from, plan.to)
    if (segments.length === 0) return { segments: 0, bytes: 0 }
    const entries: (SegmentEntry | undefined)[] = segments.map(() => undefined)
    const failures: Error[] = []
    await eachAtOnce(segments.entries(), AT_ONCE, async ([i, segment]) => {
      entries[i] = await this.#upload(segment, i === 0 ? plan.base : segment.base)
    }).catch((error: unknown) => {
      failures.push(asError(error))
    })
    const arrived: SegmentEntry[] = []
    for (const entry of entries) {
      if (entry === undefined) break
      arrived.push(entry)
    }
    if (arrived.length > 0) await this.#commit(arrived)
    for (const failure of failures) throw failure
    return {
      segments: arrived.length,
      bytes: arrived.reduce((sum, { dataLength }) => sum + dataLength, 0),
    }
  }

  #hole({ from, to }: { readonly from: Offset; readonly to: Offset }): OperatingError {
    const { topicName, partition } = this.#archive.owner
    return new OperatingError(
      'corrupt',
      `Cannot archive ${topicName}-${partition}: offsets ${from} to ${to} are neither archived ` +
        'nor on this disk; nothing more is archived until they are, or the log start is moved',
    )
  }

  async #upload(segment: Segment, base: Offset): Promise<SegmentEntry> {
    const { crypto, disk, store, slots } = this.#deps
    const release = await slots.acquire(1)
    try {
      const file = await disk.open(segment.path, { mode: 'read', direct: true })
      try {
        const object = await SegmentObject.open(crypto, file)
        const nonce = hex(crypto.randomBytes(8))
        const { epoch } = this.#archive.owner
        const key = segmentKey(this.#archive.owner, { base: segment.base, epoch, nonce })
        const result = await store.put(key, object, { condition: { kind: 'absent' } })
        // Nobody else draws this nonce: what is there already is what an attempt of ours has left.
        await object.complete()
        const isChecked = result.outcome === 'ok' && result.checked
        if (!isChecked) await readBack(store, crypto, key, object)
        return object.entry({ epoch, nonce, base })
      } finally {
        await file.close()
      }
    } finally {
      release()
    }
  }

  /** Names what has arrived in the manifest. */
  async #commit(arrived: readonly SegmentEntry[]): Promise<Manifest> {
    const first = must(arrived[0], 'A first segment')
    const last = must(arrived.at(-1), 'A last segment')
    return this.#archive.change((manifest) => {
      const { manifest: kept } = trimmed(manifest, this.#log.logStart)
      const end = endOf(kept)
      // Somebody has archived the same meanwhile: a process of this broker that is gone by now.
      if (end !== null && end !== first.base) return null
      const from = archiveBase(end === null ? { ...kept, logStart: first.base } : kept)
      const lineage = this.#log.state.lineage.slice(from, last.end).entries()
      return withLineage(withSegments(kept, arrived), lineage)
    })
  }
}

/** Exclusive end of what is archived; null when nothing is. */
export const endOf = (manifest: Manifest): Offset | null =>
  manifest.pages.length + manifest.entries.length === 0 ? null : offset(archiveEnd(manifest))

/** Reads an object that the store has not checked, and compares every byte. */
async function readBack(
  store: ObjectStore,
  crypto: Crypto,
  key: string,
  object: SegmentObject,
): Promise<void> {
  const { dataLength } = object.footer
  const wrong = (): OperatingError =>
    new OperatingError('retry', `Cannot archive ${key}: the store has other bytes than were sent`)
  for (let from = 0; from < object.size; from += READ_BACK_BYTES) {
    const to = Math.min(from + READ_BACK_BYTES, object.size)
    const found = await store.get(key, { range: { from, to } })
    if (found?.bytes.length !== to - from) throw wrong()
    for (let at = from; at < Math.min(to, dataLength); at += BLOCK_BYTES) {
      const end = Math.min(at + BLOCK_BYTES, dataLength)
      const digest = await crypto.digest(found.bytes.subarray(at - from, end - from))
      if (!equal(digest, object.hashOf(at / BLOCK_BYTES))) throw wrong()
    }
    if (to <= dataLength) continue
    const at = Math.max(from, dataLength)
    const sent = object.trailer.subarray(at - dataLength, to - dataLength)
    if (!equal(found.bytes.subarray(at - from), sent)) throw wrong()
  }
}

const equal = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, i) => byte === b[i])
