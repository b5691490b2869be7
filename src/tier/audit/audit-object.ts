// Every byte of an archived segment against the manifest and against itself: its batches by their
// CRCs, its index by building it anew, its blocks by their hashes, its trailer by making it again
// from all that. What an upload does to a local segment is done to the object; there is one way to
// check a segment, wherever it lies.
import { FormatError, OperatingError } from '../../base/errors.ts'
import type { SegmentSource } from '../../log/segment/sealed-segment.ts'
import type { Crypto } from '../../ports/crypto.ts'
import { BLOCK_BYTES } from '../manifest/block-table.ts'
import { placeKey, type SegmentPlace } from '../read/blocks.ts'
import { SegmentObject } from '../upload/segment-object.ts'

const WINDOW_BYTES = 8 * BLOCK_BYTES

/** What is wrong with the object of `place`, as a sentence; null when every byte is as it was. */
export async function auditObject(crypto: Crypto, place: SegmentPlace): Promise<string | null> {
  const { entry } = place
  try {
    const source = new ObjectFile(place)
    const size = await source.size()
    if (size !== entry.objectBytes) {
      return `it has ${size} bytes, the manifest says ${entry.objectBytes}`
    }
    const object = await SegmentObject.open(crypto, source)
    await object.complete()
    const found = object.entry(entry)
    if (!equal(found.root, entry.root)) return 'its hashes are not those of the manifest'
    if (!equal(found.blocks.bytes, entry.blocks.bytes)) {
      return 'its blocks are not those of the manifest'
    }
    const trailer = new Uint8Array(size - entry.dataLength)
    await source.read(entry.dataLength, trailer)
    if (!equal(trailer, object.trailer)) return 'its trailer is not what its batches say'
    const same =
      found.recordCount === entry.recordCount &&
      found.minTimestamp === entry.minTimestamp &&
      found.maxTimestamp === entry.maxTimestamp &&
      found.hasAborted === entry.hasAborted &&
      found.stable === entry.stable &&
      found.end === entry.end
    return same ? null : 'its counts or times are not those of the manifest'
  } catch (error) {
    if (error instanceof FormatError) return error.message
    if (error instanceof OperatingError && error.kind === 'corrupt') return error.message
    if (error instanceof OperatingError && error.kind === 'absent') return 'it is missing'
    throw error
  }
}

/** An object read like a file, by large pieces in ascending order. */
class ObjectFile implements SegmentSource {
  readonly path: string
  readonly direct = false
  readonly #place: SegmentPlace
  #window: Uint8Array = new Uint8Array(0)
  #from = 0

  constructor(place: SegmentPlace) {
    this.#place = place
    this.path = placeKey(place)
  }

  async size(): Promise<number> {
    const info = await this.#place.store.head(this.path)
    if (info === null) throw new OperatingError('absent', `Cannot read ${this.path}: it is gone`)
    return info.size
  }

  async read(at: number, into: Uint8Array): Promise<number> {
    let filled = 0
    while (filled < into.length) {
      const from = at + filled
      if (from < this.#from || from >= this.#from + this.#window.length) {
        await this.#fetch(from, into.length - filled)
        if (this.#window.length === 0) break
      }
      const view = this.#window.subarray(
        from - this.#from,
        from - this.#from + into.length - filled,
      )
      into.set(view, filled)
      filled += view.length
    }
    return filled
  }

  async #fetch(from: number, wanted: number): Promise<void> {
    const range = { from, to: from + Math.max(wanted, WINDOW_BYTES) }
    const found = await this.#place.store.get(this.path, { range })
    if (found === null) throw new OperatingError('absent', `Cannot read ${this.path}: it is gone`)
    this.#window = found.bytes
    this.#from = from
  }
}

const equal = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, i) => byte === b[i])
