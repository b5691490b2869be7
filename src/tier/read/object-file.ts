// An archived segment read like a file, by large pieces in ascending order, so that what checks and
// sends local segments does the same to objects.
import { OperatingError } from '../../base/errors.ts'
import type { SegmentSource } from '../../log/segment/sealed-segment.ts'
import { BLOCK_BYTES } from '../manifest/block-table.ts'
import { placeKey, type SegmentPlace } from './blocks.ts'

const WINDOW_BYTES = 8 * BLOCK_BYTES

/** The object of a segment as a file. Reads follow each other. */
export class ObjectFile implements SegmentSource {
  readonly path: string
  readonly direct = false
  readonly #place: SegmentPlace
  #window: Uint8Array = new Uint8Array(0)
  #from = 0
  #reading: Promise<unknown> = Promise.resolve()

  constructor(place: SegmentPlace) {
    this.#place = place
    this.path = placeKey(place)
  }

  /** Size in bytes. Throws `absent` when the object is gone. */
  async size(): Promise<number> {
    const info = await this.#place.store.head(this.path)
    if (info === null) throw new OperatingError('absent', `Cannot read ${this.path}: it is gone`)
    return info.size
  }

  /** Fills `into` from `at` on; returns how many bytes there were. */
  read(at: number, into: Uint8Array): Promise<number> {
    const reading = this.#reading.then(() => this.#read(at, into))
    this.#reading = reading.catch(() => undefined)
    return reading
  }

  async #read(at: number, into: Uint8Array): Promise<number> {
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
