// Brings one archived segment into another store under the same name, byte for byte. It is taken
// from this disk where that still has it, which costs no egress, else from the store that has it.
// Every block is compared with the manifest before the other store sees it; an object that is there
// already, from a copy that was cut short, is read and compared instead.
import { OperatingError } from '../../base/errors.ts'
import type { PartitionLog } from '../../log/partition-log.ts'
import type { SegmentSource } from '../../log/segment/sealed-segment.ts'
import type { Disk, DiskFile } from '../../ports/disk.ts'
import type { ObjectSource, PutCondition } from '../../ports/object-store.ts'
import { auditObject, difference } from '../audit/audit-object.ts'
import { BLOCK_BYTES } from '../manifest/block-table.ts'
import type { SegmentEntry } from '../manifest/entry.ts'
import { placeKey, type SegmentPlace } from '../read/blocks.ts'
import { ObjectFile } from '../read/object-file.ts'
import type { PartMemory } from '../upload/part-memory.ts'
import { putSegment, type PutDeps } from '../upload/put-object.ts'
import { SegmentObject } from '../upload/segment-object.ts'

/** What segments are copied through; `store` is the one that they go to. */
export interface CopyDeps extends PutDeps {
  readonly memory: PartMemory
  readonly local: LocalSegments | null
}

/** Where segments may still lie in files; there are none where no partition is led. */
export interface LocalSegments {
  readonly disk: Disk
  readonly log: PartitionLog
}

/**
 * Copies the segment of `from`, which another store has, to `deps.store`; what is there already is
 * replaced if it is not what was archived.
 */
export async function copySegment(deps: CopyDeps, from: SegmentPlace): Promise<void> {
  const key = placeKey(from)
  const there = await deps.store.head(key)
  if (there === null) return putFrom(deps, from, { kind: 'absent' })
  const text = await auditObject(deps.crypto, { ...from, store: deps.store })
  if (text === null) return
  await putFrom(deps, from, { kind: 'match', token: there.token })
}

async function putFrom(deps: CopyDeps, from: SegmentPlace, condition: PutCondition): Promise<void> {
  const file = await localFile(deps, from.entry)
  if (file !== null) {
    try {
      if (await putFile(deps, from, file, condition)) return
    } finally {
      await file.close()
    }
  }
  if (await putFile(deps, from, new ObjectFile(from), condition)) return
  const { url } = from.store.traits
  throw new OperatingError(
    'corrupt',
    `Cannot copy ${placeKey(from)}: its bytes in ${url} are not what was archived`,
  )
}

/** The file of the same segment on this disk; null when there is none. */
async function localFile({ local }: CopyDeps, entry: SegmentEntry): Promise<DiskFile | null> {
  const segment = local?.log.segments.find(
    ({ base, end, sealed }) => sealed !== null && base === entry.objectBase && end === entry.end,
  )
  if (local === null || segment === undefined) return null
  try {
    return await local.disk.open(segment.path, { mode: 'read', direct: true })
  } catch (error) {
    // It has been dropped meanwhile.
    if (error instanceof OperatingError) return null
    throw error
  }
}

/** Puts what `file` has; false, and nothing is put, when that is not the segment of `from`. */
async function putFile(
  deps: CopyDeps,
  from: SegmentPlace,
  file: SegmentSource,
  condition: PutCondition,
): Promise<boolean> {
  const { entry } = from
  try {
    const object = await SegmentObject.open(deps.crypto, file, deps)
    if (object.size !== entry.objectBytes) return false
    const source = new ComparedSource(object, entry)
    await putSegment(deps, { key: placeKey(from), object, source, condition })
    const text = difference(object, entry)
    if (text === null) return true
    throw new OperatingError('corrupt', `Cannot copy ${placeKey(from)}: ${text}`)
  } catch (error) {
    if (error instanceof OperatingError && error.kind === 'corrupt') return false
    throw error
  }
}

/** A segment whose blocks leave here only if they are those of a manifest's entry. */
class ComparedSource implements ObjectSource {
  readonly size: number
  readonly #object: SegmentObject
  readonly #entry: SegmentEntry

  constructor(object: SegmentObject, entry: SegmentEntry) {
    this.size = object.size
    this.#object = object
    this.#entry = entry
  }

  async read(from: number, to: number): Promise<Uint8Array> {
    const bytes = await this.#object.read(from, to)
    const { blocks, dataLength } = this.#entry
    for (let at = from; at < Math.min(to, dataLength); at += BLOCK_BYTES) {
      const i = at / BLOCK_BYTES
      if (blocks.isHash(i, this.#object.hashOf(i))) continue
      throw new OperatingError('corrupt', `Cannot copy: block ${i} is not what was archived`)
    }
    return bytes
  }

  recycle(bytes: Uint8Array): void {
    this.#object.recycle(bytes)
  }
}
