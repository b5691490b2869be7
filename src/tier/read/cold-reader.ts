// Reads of one partition's archive: whole batches from the one that holds an offset on, as from the
// local log. A reader that goes on where it stopped is taken for one that will go on further: what
// comes next is read ahead, twice as much each time, across the borders of segments.
import { assert } from '../../base/assert.ts'
import { OperatingError } from '../../base/errors.ts'
import type { Pace } from '../../flow/pace.ts'
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
import type { Block } from './read-memory.ts'
import { type ColdBatches, Readahead, WINDOW_MAX } from './readahead.ts'

/** What a cold reader reads through. */
export interface ColdDeps {
  readonly store: ObjectStore
  readonly blocks: Blocks
  readonly pages: PageCache
  /** Holds reads up while producers wait; none does, if absent. */
  readonly pace?: Pace
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
   * before; what compaction has removed on the way there is stepped over all the same. Throws
   * `absent` when retention has removed it meanwhile, and as Blocks.read() does.
   */
  async read(from: Offset, limits: ColdLimits): Promise<LogRead> {
    let at = from
    await this.#deps.pace?.turn(limits.signal)
    for (;;) {
      const place = await this.#place(at)
      if (place === null) return { parts: [], bytes: 0, nextOffset: at, release: nothing }
      const read = await this.#readOne(place, at, limits)
      if (read === null) {
        at = place.entry.end
        continue
      }
      const { parts, bytes, nextOffset, release } = read
      if (bytes > 0) await this.#readAhead(place, at, read)
      return { parts, bytes, nextOffset, release }
    }
  }

  /** What one segment has from `from` on; null when its last batch ends at or below. */
  async #readOne(
    place: SegmentPlace,
    from: Offset,
    limits: ColdLimits,
  ): Promise<ColdBatches | null> {
    const { entry } = place
    const { blocks, dataLength } = entry
    if (dataLength === 0) return null
    const known = this.#readahead.position(entry, from)
    let start = known >= 0 ? known : blocks.startAt(blocks.floor(delta(entry, from)))
    assert(start >= 0, 'A batch begins in the block that is read from')
    // More than one turn only where compaction has removed all that a block's last batches had.
    while (start < dataLength) {
      const first = Math.floor(start / BLOCK_BYTES)
      const last = lastBlock(entry, first, start, limits.maxBytes)
      const found = await this.#deps.blocks.read(place, first, last + 1, limits.signal)
      const read = collect({ blocks: found, first }, start, from, limits)
      if (read !== null) return read
      start = blocks.startBehind(first, dataLength)
    }
    return null
  }

  /** Reads ahead of whoever has read `read`, if it goes on where somebody has stopped. */
  async #readAhead(place: SegmentPlace, from: Offset, read: ColdBatches): Promise<void> {
    const { entry } = place
    const isNeeded = this.#readahead.knows(from) || read.nextOffset >= entry.end
    const following = isNeeded ? await this.#following(entry) : []
    this.#readahead.after(place, following, from, read)
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

  /** The segments behind `entry` that may be worth to read ahead, as far as they can be told. */
  async #following(entry: SegmentEntry): Promise<SegmentPlace[]> {
    try {
      return await this.#located(entry)
    } catch (error) {
      // What was read is sound all the same; whoever asks for what follows will hear of it.
      if (error instanceof OperatingError) return []
      throw error
    }
  }

  async #located(entry: SegmentEntry): Promise<SegmentPlace[]> {
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

/**
 * Whole batches from the one that holds `from`, at `start` or behind it; null when all that there
 * are end below. The blocks are let go by whoever gets them, or here.
 */
function collect(
  { blocks, first }: { readonly blocks: readonly Block[]; readonly first: number },
  start: number,
  from: Offset,
  limits: ReadLimits,
): ColdBatches | null {
  const release = (): void => {
    for (const { piece } of blocks) piece.release()
  }
  try {
    const bytes = blocks.map((block) => block.bytes)
    const found = batchesOf(new BatchWalk(bytes, first), start, from, limits)
    if (found === null) release()
    if (found === null) return null
    const rest = blocks.slice(Math.floor(found.endPosition / BLOCK_BYTES) - first)
    return { ...found, rest, release }
  } catch (error) {
    release()
    throw error
  }
}

function batchesOf(
  walk: BatchWalk,
  start: number,
  from: Offset,
  limits: ReadLimits,
): Omit<ColdBatches, 'rest' | 'release'> | null {
  let more = walk.seek(start)
  while (more && walk.endOffset <= from) more = walk.next()
  if (!more) return null
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
  return {
    parts: walk.views(begin, end),
    bytes: end - begin,
    nextOffset,
    endPosition: end,
  }
}
