// Aborted transactions among archived batches, for readers of committed records. Most segments have
// none and their entries say so; of the others the trailer's list is read once and kept.
import { FormatError, OperatingError } from '../../base/errors.ts'
import { Reader } from '../../base/reader.ts'
import type { Offset } from '../../base/units.ts'
import { AbortedList, type AbortedSpan } from '../../log/state/aborted.ts'
import {
  SectionKind,
  checkSection,
  decodeFooter,
  sectionOf,
} from '../../log/segment/segment-format.ts'
import type { Crypto } from '../../ports/crypto.ts'
import { archiveEnd, type Manifest } from '../manifest/manifest.ts'
import { placeKey, type SegmentPlace } from './blocks.ts'
import type { ColdReader } from './cold-reader.ts'
import { locateOffset } from './locate.ts'

/** Lists of segments that are kept; the oldest go first. */
const LISTS_MAX = 64

/** Lists of aborted transactions of one partition's archive. */
export class AbortedLists {
  readonly #crypto: Crypto
  readonly #reader: ColdReader
  readonly #lists = new Map<string, AbortedList>()

  constructor(crypto: Crypto, reader: ColdReader) {
    this.#crypto = crypto
    this.#reader = reader
  }

  /** Aborted transactions that touch `[from, to)`, in the order of their ends. */
  async collect(manifest: Manifest, from: Offset, to: Offset): Promise<AbortedSpan[]> {
    const spans: AbortedSpan[] = []
    const end = archiveEnd(manifest)
    for (let at = from; at < end;) {
      const entry = await locateOffset(manifest, at, this.#reader.loadPage)
      if (entry === null) break
      if (entry.hasAborted) {
        const list = await this.#listOf(this.#reader.placeOf(entry))
        if (list.collect(from, to, spans)) break
      }
      if (entry.stable >= to) break
      at = entry.end
    }
    return spans
  }

  async #listOf(place: SegmentPlace): Promise<AbortedList> {
    const key = placeKey(place)
    const known = this.#lists.get(key)
    if (known !== undefined) return known
    const range = { from: place.entry.dataLength, to: place.entry.objectBytes }
    const found = await place.store.get(key, { range })
    if (found === null) throw new OperatingError('absent', `Cannot read ${key}: it is gone`)
    const list = this.#decode(key, place, found.bytes)
    this.#lists.set(key, list)
    for (const oldest of this.#lists.keys()) {
      if (this.#lists.size <= LISTS_MAX) break
      this.#lists.delete(oldest)
    }
    return list
  }

  /** The list in the trailer of a segment's object. */
  #decode(key: string, { entry }: SegmentPlace, trailer: Uint8Array): AbortedList {
    const list = new AbortedList()
    try {
      const footer = decodeFooter(this.#crypto, trailer, entry.objectBytes)
      const section = sectionOf(footer, SectionKind.aborted)
      if (section === null) return list
      const at = section.position - entry.dataLength
      const bytes = trailer.subarray(at, at + section.length)
      checkSection(this.#crypto, section, bytes)
      list.decode(new Reader(bytes))
      return list
    } catch (error) {
      if (!(error instanceof FormatError)) throw error
      throw new OperatingError('corrupt', `Cannot use ${key}: ${error.message}`, error)
    }
  }
}
