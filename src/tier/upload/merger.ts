// Small neighbours become one object: quiet partitions are sealed by time, and an archive of many
// small objects is dear to keep and slow to read. The merged segment is made in memory from
// verified bytes, with a trailer of its own, and is checked like any other on its way up; then the
// manifest names it in place of the others, which go after their grace.
import { must } from '../../base/assert.ts'
import { OperatingError } from '../../base/errors.ts'
import { Reader } from '../../base/reader.ts'
import { MiB } from '../../base/units.ts'
import { SegmentBuilder } from '../../log/segment/segment-builder.ts'
import { SealedSegment, sealTrailer, type SegmentSource } from '../../log/segment/sealed-segment.ts'
import { IndexCache } from '../../log/segment/sealed-segment.ts'
import {
  SectionKind,
  checkSection,
  decodeFooter,
  sectionOf,
  type SegmentFooter,
} from '../../log/segment/segment-format.ts'
import { AbortedList } from '../../log/state/aborted.ts'
import { Lineage } from '../../log/state/lineage.ts'
import type { Crypto } from '../../ports/crypto.ts'
import type { SegmentEntry } from '../manifest/entry.ts'
import { placeKey, type SegmentPlace } from '../read/blocks.ts'
import { areSoundBlocks } from '../read/sound.ts'
import { BatchStream } from './batch-stream.ts'
import { SegmentObject } from './segment-object.ts'

/** Data that a merged segment has at most. */
export const MERGED_BYTES_MAX: number = 16 * MiB
/** A segment above this is left as it is. */
const SMALL_BYTES: number = MERGED_BYTES_MAX / 8
/** Fewer neighbours are not worth a request. */
const COUNT_MIN = 8

/** Neighbours `[from, to)` of a manifest's entries to be merged. */
export interface MergePlan {
  readonly from: number
  readonly to: number
}

/** The oldest small neighbours that are worth to be merged; null when there are none. Pure. */
export function planMerge(entries: readonly SegmentEntry[]): MergePlan | null {
  let from = 0
  let bytes = 0
  for (let i = 0; i <= entries.length; i++) {
    const entry = entries[i]
    const isSmall =
      entry !== undefined && entry.dataLength <= SMALL_BYTES && entry.objectBase === entry.base
    if (entry !== undefined && isSmall && bytes + entry.dataLength <= MERGED_BYTES_MAX) {
      bytes += entry.dataLength
      continue
    }
    if (i - from >= COUNT_MIN) return { from, to: i }
    from = isSmall ? i : i + 1
    bytes = isSmall ? entry.dataLength : 0
  }
  return null
}

/** A small archived segment with what its trailer tells. */
interface Fetched {
  readonly entry: SegmentEntry
  readonly data: Uint8Array
  readonly trailer: Uint8Array
  readonly footer: SegmentFooter
}

/**
 * The object that holds what those of `places` hold, which follow each other. Throws `corrupt` when
 * one of them is not what was archived, `absent` when one is gone.
 */
export async function mergeSegments(
  crypto: Crypto,
  places: readonly SegmentPlace[],
): Promise<SegmentObject> {
  const fetched: Fetched[] = []
  for (const place of places) fetched.push(await fetchWhole(crypto, place))
  const first = must(fetched[0], 'A first segment')
  const last = must(fetched.at(-1), 'A last segment')
  const dataLength = fetched.reduce((sum, { data }) => sum + data.length, 0)
  const builder = new SegmentBuilder(first.entry.base, crypto, first.footer.indexInterval)
  const batches = new BatchStream(crypto, (headerView, length) => {
    builder.append(headerView, 0, length)
  })
  const aborted = new AbortedList()
  const lineage = new Lineage()
  for (const one of fetched) {
    batches.push(one.data)
    const list = section(crypto, one, SectionKind.aborted)
    if (list !== null) aborted.decode(new Reader(list))
    const epochs = section(crypto, one, SectionKind.lineage)
    for (const { epoch, start } of epochs === null
      ? []
      : Lineage.decode(new Reader(epochs)).entries()) {
      if (epoch > (lineage.latestEpoch ?? -1)) lineage.append(epoch, start)
    }
  }
  batches.finish()
  const producers = await new SealedSegment(
    crypto,
    new MemoryFile('a merged segment', [last.data, last.trailer]),
    new IndexCache(MiB),
    last.footer,
  ).producers({ producersMax: Number.MAX_SAFE_INTEGER, expirationMs: 1 })
  const trailer = Uint8Array.from(sealTrailer(crypto, { builder, aborted, lineage, producers }))
  const parts = [...fetched.map(({ data }) => data), trailer]
  const object = await SegmentObject.open(crypto, new MemoryFile('a merged segment', parts))
  if (object.footer.dataLength !== dataLength || object.footer.endOffset !== last.entry.end) {
    throw new OperatingError('corrupt', 'Cannot merge segments that do not follow each other')
  }
  return object
}

async function fetchWhole(crypto: Crypto, place: SegmentPlace): Promise<Fetched> {
  const { store, entry } = place
  const key = placeKey(place)
  const found = await store.get(key)
  if (found === null) throw new OperatingError('absent', `Cannot merge ${key}: it is gone`)
  const { bytes } = found
  const isSound =
    bytes.length === entry.objectBytes && (await areSoundBlocks(crypto, entry, 0, bytes))
  if (!isSound) {
    throw new OperatingError('corrupt', `Cannot merge ${key}: its bytes are not what was archived`)
  }
  const trailer = bytes.subarray(entry.dataLength)
  const footer = decodeFooter(crypto, trailer, bytes.length)
  return { entry, data: bytes.subarray(0, entry.dataLength), trailer, footer }
}

function section(
  crypto: Crypto,
  { footer, trailer }: Fetched,
  kind: SectionKind,
): Uint8Array | null {
  const place = sectionOf(footer, kind)
  if (place === null) return null
  const at = place.position - footer.dataLength
  const bytes = trailer.subarray(at, at + place.length)
  checkSection(crypto, place, bytes)
  return bytes
}

/** Bytes in memory, read like a file. */
class MemoryFile implements SegmentSource {
  readonly path: string
  readonly direct = false
  readonly #bytes: Uint8Array

  constructor(path: string, parts: readonly Uint8Array[]) {
    this.path = path
    this.#bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
    let at = 0
    for (const part of parts) {
      this.#bytes.set(part, at)
      at += part.length
    }
  }

  size(): Promise<number> {
    return Promise.resolve(this.#bytes.length)
  }

  read(at: number, into: Uint8Array): Promise<number> {
    const view = this.#bytes.subarray(at, at + into.length)
    into.set(view)
    return Promise.resolve(view.length)
  }
}
