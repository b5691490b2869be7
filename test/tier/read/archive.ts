// A small archive in a simulated bucket, with everything that reads go through, and a record of
// each request for bytes. The batches are known, so that what is read can be compared with a look
// at all of them.
import { must } from '../../../src/base/assert.ts'
import { Prng } from '../../../src/base/prng.ts'
import { MiB, leaderEpoch, offset } from '../../../src/base/units.ts'
import { Semaphore } from '../../../src/flow/semaphore.ts'
import type { LogRead } from '../../../src/log/cache/log-read.ts'
import type { GetOptions, ObjectStore } from '../../../src/ports/object-store.ts'
import { headKey, segmentKey } from '../../../src/tier/keys.ts'
import { withSegments } from '../../../src/tier/manifest/change.ts'
import type { SegmentEntry } from '../../../src/tier/manifest/entry.ts'
import type { Manifest } from '../../../src/tier/manifest/manifest.ts'
import { Blocks, type BlockCache, type SegmentPlace } from '../../../src/tier/read/blocks.ts'
import { ColdReader } from '../../../src/tier/read/cold-reader.ts'
import { PageCache } from '../../../src/tier/read/pages.ts'
import { metered, type MeteredStore } from '../../../src/tier/store/metered.ts'
import { StoreMetrics } from '../../../src/tier/store/store-metrics.ts'
import { PartitionArchive } from '../../../src/tier/upload/partition-archive.ts'
import { SegmentObject } from '../../../src/tier/upload/segment-object.ts'
import { crypto, joined, MemoryFile } from '../../log/batches.ts'
import { QuietTelemetry } from '../../log/store-harness.ts'
import { Scheduler, SimClock } from '../../sim/clock.ts'
import { SimBucket } from '../../sim/object-store.ts'
import { ORDERS, SpoiledMemory, seeded } from '../support.ts'
import { sealedFile, type BatchPlan, type SegmentFile } from '../upload/segments.ts'

/** A cache in memory that forgets nothing, and may be spoiled. */
export class AllCache implements BlockCache {
  readonly blocks = new Map<string, Uint8Array>()
  puts = 0

  get(key: string): Uint8Array | null {
    return this.blocks.get(key) ?? null
  }

  put(key: string, bytes: Uint8Array, done?: () => void): void {
    this.puts++
    this.blocks.set(key, done === undefined ? bytes : Uint8Array.from(bytes))
    done?.()
  }
}

/** One request for bytes of a segment. */
export interface Asked {
  readonly key: string
  readonly from: number
  readonly to: number
}

/** How an archive is read. */
export interface ArchiveShape {
  readonly cache?: BlockCache | null
  readonly aheadBytesMax?: number
  readonly laneBytes?: number
}

/** A batch that was archived, and where in the log it is. */
export interface Known {
  readonly base: number
  readonly end: number
  readonly bytes: Uint8Array
}

/** The archive of one partition, and a reader of it. */
export class ArchiveBed {
  readonly scheduler = new Scheduler()
  readonly bucket = new SimBucket(this.scheduler, new Prng(2))
  readonly meter: MeteredStore
  readonly store: ObjectStore
  readonly asked: Asked[] = []
  readonly blocks: Blocks
  readonly memory = new SpoiledMemory(16 * MiB)
  readonly lane: Semaphore
  readonly archive: PartitionArchive
  readonly known: Known[] = []
  reader: ColdReader
  readonly #shape: ArchiveShape
  #segments = 0
  #end = 0

  constructor(shape: ArchiveShape = {}) {
    this.#shape = shape
    this.meter = metered(this.bucket.connect(), {
      clock: new SimClock(this.scheduler),
      metrics: new StoreMetrics(new QuietTelemetry()),
      name: 'one',
      scopesMax: 1,
    })
    this.store = {
      traits: this.meter.traits,
      put: (...given) => this.meter.put(...given),
      head: (...given) => this.meter.head(...given),
      list: (...given) => this.meter.list(...given),
      delete: (...given) => this.meter.delete(...given),
      close: () => this.meter.close(),
      get: (key: string, options: GetOptions = {}) => {
        const { range } = options
        if (range !== undefined) this.asked.push({ key, ...range })
        return this.meter.get(key, options)
      },
    }
    this.lane = new Semaphore({ unitsMax: shape.laneBytes ?? 64 * MiB, waitersMax: 1000 })
    const { cache = new AllCache(), aheadBytesMax = 64 * MiB } = shape
    this.blocks = new Blocks(
      { crypto, memory: this.memory, cache, lane: this.lane },
      { aheadBytesMax },
    )
    this.archive = this.#archive()
    this.reader = this.coldReader()
  }

  #archive(): PartitionArchive {
    const owner = { ...ORDERS, topicName: 'orders', epoch: leaderEpoch(1) }
    const pages = new PageCache(crypto, 16 * MiB)
    return new PartitionArchive({ store: this.store, crypto: seeded(3), pages }, owner)
  }

  /** A reader that knows nothing yet, over the same blocks. */
  coldReader(): ColdReader {
    const archive = this.#archive()
    return new ColdReader(
      {
        store: this.store,
        blocks: this.blocks,
        pages: new PageCache(crypto, 16 * MiB),
        manifest: async () => archive.manifest ?? archive.refresh(),
        refresh: () => archive.refresh(),
      },
      ORDERS,
    )
  }

  run<T>(work: Promise<T>): Promise<T> {
    return this.scheduler.settle(work)
  }

  /** Archives a segment behind what there is. */
  async add(plans: readonly BatchPlan[], shape: { end?: number } = {}): Promise<Known[]> {
    const base = this.#end
    return this.addFile(sealedFile(base, plans, shape.end === undefined ? {} : { end: shape.end }))
  }

  /** Archives a file; of its offsets those from `from` on are read from it. */
  async addFile(file: SegmentFile, from = file.base): Promise<Known[]> {
    const entry = await this.#put(file, from)
    await this.run(this.archive.change((manifest) => withSegments(manifest, [entry])))
    let at = file.base
    const made = file.batches.map((bytes, i): Known => {
      const view = new DataView(bytes.buffer, bytes.byteOffset)
      const base = Number(view.getBigInt64(0))
      const isLast = i + 1 === file.batches.length
      at = isLast ? file.end : base + view.getInt32(23) + 1
      return { base, end: at, bytes }
    })
    const added = made.filter(({ end }) => end > from)
    this.known.push(...added)
    this.#end = file.end
    return added
  }

  async #put(file: SegmentFile, from: number): Promise<SegmentEntry> {
    const object = await SegmentObject.open(crypto, new MemoryFile(file.bytes))
    const name = {
      epoch: leaderEpoch(1),
      nonce: (++this.#segments).toString(16).padStart(16, '0'),
      base: offset(from),
    }
    const key = segmentKey(ORDERS, { ...name, base: offset(file.base) })
    await this.run(this.bucket.connect().put(key, object))
    await object.complete()
    return object.entry(name)
  }

  get manifest(): Manifest {
    return must(this.archive.manifest, 'a manifest')
  }

  /** Where segment `i` lies. */
  place(i: number): SegmentPlace {
    const entry = must(this.manifest.entries[i], 'a segment')
    return { store: this.store, identity: ORDERS, entry }
  }

  /** One read. */
  async read(
    from: number,
    limits: { end?: number; maxBytes?: number; atLeastOne?: boolean; signal?: AbortSignal } = {},
    reader: ColdReader = this.reader,
  ): Promise<LogRead & { readonly all: Uint8Array }> {
    const { end = 1e12, maxBytes = MiB, atLeastOne = true, signal } = limits
    const given = { end: offset(end), maxBytes, atLeastOne }
    const work = reader.read(offset(from), signal === undefined ? given : { ...given, signal })
    const read = await this.run(work)
    const all = joined(read.parts)
    read.release()
    if (all.length !== read.bytes) throw new Error('A read miscounts its bytes')
    return { ...read, all }
  }

  /** Where the batch that holds `from` begins among all that were archived; at the end if none. */
  placeOf(from: number): number {
    const at = this.known.findIndex(({ end }) => end > from)
    return at < 0 ? this.known.length : at
  }

  /** Blocks that were asked for, each as often as it was. */
  blocksAsked(): Map<string, number> {
    const counts = new Map<string, number>()
    for (const { key, from, to } of this.asked) {
      for (let at = from; at < to; at += MiB) {
        const name = `${key}#${at / MiB}`
        counts.set(name, (counts.get(name) ?? 0) + 1)
      }
    }
    return counts
  }

  /** Key of the manifest. */
  readonly headKey: string = headKey(ORDERS)
}
