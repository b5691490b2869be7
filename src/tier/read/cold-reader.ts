// Reads of one partition's archive: whole batches from the one that holds an offset on, as from the
// local log. A reader that goes on where it stopped is taken for one that will go on further: what
// comes next is read ahead, twice as much each time, across the borders of segments.
import { assert } from '../../base/assert.ts'
import { OperatingError } from '../../base/errors.ts'
import type { Offset } from '../../base/units.ts'
import type { LogRead, ReadLimits } from '../../log/cache/log-read.ts'
import type { ObjectStore } from '../../ports/object-store.ts'
import type { ArchiveIdentity } from '../keys.ts'
import { BLOCK_BYTES } from '../manifest/block-table.ts'
import type { SegmentEntry } from '../manifest/entry.ts'
import { archiveEnd, type Manifest } from '../manifest/manifest.ts'
import { BatchWalk } from './batch-walk.ts'
import type { Blocks, SegmentPlace } from './blocks.ts'
import { locateOffset, type LoadPage } from './locate.ts'
import type { PageCache } from './pages.ts'
import { type ColdBatches, Readahead, WINDOW_MAX } from './readahead.ts'

/** What a cold reader reads through. */
export interface ColdDeps {
  readonly store: ObjectStore
  readonly blocks: Blocks
  readonly pages: PageCache
  /** The manifest as it is known; asked anew where it does not name what is wanted. */
  manifest(): Promise<Manifest>
  refresh(): Promise<Manifest>
}

/** How much a cold read may return, and who may end it. */
export interface ColdLimits extends ReadLimits {
  readonly signal?: AbortSignal
}

/** Most blocks that one read asks for at once. */
const BLOCKS_PER_READ = 16

const nothing = (): void => undefined

/** Finds and reads archived batches of one partition. */
export class ColdReader {
  readonly #deps: ColdDeps
  readonly #identity: ArchiveIdentity
  readonly #readahead: Readahead

  constructor(deps: ColdDeps, identity: ArchiveIdentity) {
    this.#deps = deps
    this.#identity = identity
    this.#readahead = new Readahead(deps.blocks)
  }

  /**
   * Whole batches from the one that holds `from`, all of one segment. Empty when the archive ends
   * before. Throws `absent` when retention has removed it meanwhile, and as Blocks.read() does.
   */
  async read(from: Offset, limits: ColdLimits): Promise<LogRead> {
    const place = await this.#place(from)
    if (place === null) return { parts: [], bytes: 0, nextOffset: from, release: nothing }
    const { entry } = place
    const known = this.#readahead.position(entry, from)
    const first =
      known >= 0 ? Math.floor(known / BLOCK_BYTES) : entry.blocks.floor(delta(entry, from))
    const start = known >= 0 ? known : entry.blocks.startAt(first)
    assert(start >= 0, 'A batch begins in the block that is read from')
    const last = lastBlock(entry, first, start, limits.maxBytes)
    this.#readahead.before(place, from, first, last + 1)
    const blocks = await this.#deps.blocks.read(place, first, last + 1, limits.signal)
    const read = collect(new BatchWalk(blocks, first), start, from, limits)
    if (read.bytes > 0) {
      const sequential = known >= 0 || this.#readahead.knows(from)
      const following =
        sequential || read.nextOffset >= entry.end ? await this.#following(entry) : []
      this.#readahead.after(place, following, from, read)
    }
    return { parts: read.parts, bytes: read.bytes, nextOffset: read.nextOffset, release: nothing }
  }

  /** The segment that holds `at` and where it lies; null behind the archive's end. */
  async #place(at: Offset): Promise<SegmentPlace | null> {
    let manifest = await this.#deps.manifest()
    if (at >= archiveEnd(manifest)) manifest = await this.#deps.refresh()
    if (at >= archiveEnd(manifest)) return null
    const entry = await locateOffset(manifest, at, this.loadPage)
    if (entry === null) {
      throw new OperatingError('absent', `The archive has nothing at offset ${at} any more`)
    }
    return this.placeOf(entry)
  }

  /** The segments behind `entry` that may be worth to read ahead. */
  async #following(entry: SegmentEntry): Promise<SegmentPlace[]> {
    const manifest = await this.#deps.manifest()
    const end = archiveEnd(manifest)
    const places: SegmentPlace[] = []
    let blocks = 0
    for (let at = entry.end; at < end && blocks < WINDOW_MAX;) {
      const next = await locateOffset(manifest, at, this.loadPage)
      if (next === null) break
      places.push(this.placeOf(next))
      blocks += next.blocks.length
      at = next.end
    }
    return places
  }

  /** Where a segment of this partition lies. */
  placeOf(entry: SegmentEntry): SegmentPlace {
    return { store: this.#deps.store, identity: this.#identity, entry }
  }

  readonly loadPage: LoadPage = (ref) =>
    this.#deps.pages.load(this.#deps.store, this.#identity, ref)
}

const delta = (entry: SegmentEntry, at: Offset): number => at - entry.objectBase

/** The last block to ask for: with the whole first batch in it, and about `maxBytes` of others. */
function lastBlock(entry: SegmentEntry, first: number, start: number, maxBytes: number): number {
  const { blocks, dataLength } = entry
  const whole = blocks.startBehind(Math.floor(start / BLOCK_BYTES), dataLength)
  const wanted = Math.min(start + maxBytes, dataLength, (first + BLOCKS_PER_READ) * BLOCK_BYTES)
  return Math.floor((Math.max(whole, wanted) - 1) / BLOCK_BYTES)
}

/** Whole batches from the one that holds `from`, at `start` or behind it. */
function collect(walk: BatchWalk, start: number, from: Offset, limits: ReadLimits): ColdBatches {
  let more = walk.seek(start)
  while (more && walk.endOffset <= from) more = walk.next()
  const begin = walk.position
  let end = begin
  let nextOffset = from
  while (more && walk.baseOffset < limits.end) {
    const after = walk.position + walk.length
    if (after - begin > limits.maxBytes && !(end === begin && limits.atLeastOne)) break
    end = after
    nextOffset = walk.endOffset
    more = walk.next()
  }
  return { parts: walk.views(begin, end), bytes: end - begin, nextOffset, endPosition: end }
}
