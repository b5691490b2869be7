// The tier as one broker uses it: made from its settings, fed with the partitions that it leads,
// and with the metadata and the groups' offsets, of which a snapshot goes to the bucket whenever
// they have changed. Which life of the cluster this is, as the bucket has it, is remembered on
// disk.
import { OperatingError } from '../../base/errors.ts'
import { offset } from '../../base/units.ts'
import type { ClusterImage } from '../../cluster/image.ts'
import { encodeSnapshot } from '../../cluster/snapshot.ts'
import type { Settings } from '../../config/settings.ts'
import type { GroupCoordinator } from '../../group/coordinator.ts'
import { encodeRecord } from '../../group/records.ts'
import { Rounds } from '../../log/retention/rounds.ts'
import type { Disk } from '../../ports/disk.ts'
import type { ObjectStore } from '../../ports/object-store.ts'
import { Scrubber } from '../../tier/audit/scrubber.ts'
import { CLUSTER_KEY } from '../../tier/keys.ts'
import { RemovedTopics } from '../../tier/bucket/removed-topics.ts'
import {
  checkOwner,
  claimBucket,
  readOwner,
  type BucketOwner,
  type OwnLife,
} from '../../tier/bucket/claim.ts'
import { Supervisor } from '../../flow/supervisor.ts'
import type { BlockCache } from '../../tier/cache/blocks.ts'
import { CacheMetrics } from '../../tier/cache/cache-metrics.ts'
import { openDiskBlocks } from '../../tier/cache/disk-blocks.ts'
import { LayeredBlocks } from '../../tier/cache/layered-blocks.ts'
import { MemoryBlocks } from '../../tier/cache/memory-blocks.ts'
import { putSnapshot } from '../../tier/bucket/snapshot.ts'
import { Tier, type TierDeps, type TieredPartition } from '../../tier/tier.ts'
import type { Manifest } from '../../tier/manifest/manifest.ts'
import type { Partitions } from '../partitions.ts'
import { registerCosts } from './costs.ts'

const LIFE_FILE = 'store-life'
const LIFE_BYTES_MAX = 64
/** Who has produced within so many ms is taken for one who still does. */
const PRODUCING_MS = 200

/** The ports of a broker that its tier uses. */
export type TieringPorts = Omit<
  TierDeps,
  'background' | 'cache' | 'claim' | 'confirm' | 'generation' | 'isBusy'
>

/** What a snapshot of the cluster is made of. */
export interface SnapshotSources {
  image(): ClusterImage
  readonly groups: GroupCoordinator
}

/** The object store of one broker and what goes there. */
export class Tiering {
  readonly tier: Tier
  readonly #ports: TieringPorts
  readonly #settings: Settings
  readonly #clusterId: string
  readonly #background: TierDeps['background']
  /** By store, as everything is that a bucket has once. */
  readonly #removed: ReadonlyMap<string, RemovedTopics>
  #scrubber: Scrubber | null = null
  #rounds: Rounds | null = null
  #life: Life | null = null
  /** Stores in which archives of deleted topics are looked for. */
  readonly #removing = new Set<string>()
  #claiming: Promise<unknown> = Promise.resolve()
  /** SHA-256 of what the newest snapshot was made of, as text, by store. */
  readonly #last = new Map<string, string>()

  private constructor(
    ports: TieringPorts,
    settings: Settings,
    clusterId: string,
    background: TierDeps['background'],
    cache: BlockCache,
  ) {
    const { stores, disk, clock, crypto, telemetry } = ports
    const values = settings.broker
    const busy = producing(telemetry)
    this.#ports = ports
    this.#settings = settings
    this.#clusterId = clusterId
    this.#background = background
    this.tier = new Tier(
      {
        stores,
        disk,
        clock,
        crypto,
        telemetry,
        background,
        cache,
        claim: (store, name) => this.#claimInTurn(store, name),
        confirm: (store) => this.#confirm(store),
        isBusy: () => busy(clock.monotonicMs()),
        generation: () => this.#life?.generation ?? null,
      },
      {
        checkMs: values.tierCheckMs,
        graceMs: values.tierGraceMs,
        uploadsMax: values.tierUploadsMax,
        readBytesMax: values.tierReadBytesMax,
      },
    )
    this.#removed = new Map(
      this.tier.stores.map((one) => {
        const isOurs = (): Promise<boolean> => one.confirm()
        const deps = { store: one.store, clock, telemetry, background, isOurs }
        return [one.name, new RemovedTopics(deps, values.tierGraceMs)]
      }),
    )
  }

  /** The tier over the broker's object stores; null when it uses none. Asks nothing of them. */
  static async open(
    ports: TieringPorts,
    settings: Settings,
    clusterId: string,
    background: TierDeps['background'],
  ): Promise<Tiering | null> {
    if (ports.stores.length === 0) return null
    const cache = await openCache(ports, settings)
    return new Tiering(ports, settings, clusterId, background, cache)
  }

  /** Begins to archive the partitions that are led here, and the cluster's snapshots. */
  start(partitions: Partitions, sources: SnapshotSources): void {
    const { clock } = this.#ports
    this.#rounds = new Rounds(
      clock,
      {
        name: 'snapshot of the cluster',
        everyMs: this.#settings.broker.tierSnapshotMs,
        pauseMs: 1,
        background: (name, work) => this.#background(name, work),
      },
      async () => {
        await this.#tryToSnapshot(sources)
        return false
      },
    )
    this.#rounds.start()
    registerCosts(this.#ports.telemetry, {
      stores: this.tier.stores,
      image: () => sources.image(),
      manifests: () => knownManifests(partitions),
    })
    this.tier.start(() => tieredPartitions(partitions))
    const values = this.#settings.broker
    const { telemetry } = this.#ports
    const background = (name: string, work: Promise<void>): void => this.#background(name, work)
    this.#scrubber = new Scrubber(
      {
        clock,
        telemetry,
        background,
        isKnown: (error) => this.tier.complaints.isTold(error),
        archives: () =>
          Array.from(tieredPartitions(partitions)).flatMap(({ tier }) => tier.scrubbed),
      },
      { intervalMs: values.tierScrubMs, bytesPerSecond: values.tierScrubBytesPerSecond },
    )
    this.#scrubber.start()
  }

  /** A topic was deleted: what is archived of it goes. */
  topicRemoved(topicId: string): void {
    for (const removed of this.#removed.values()) removed.add(topicId)
  }

  /** Begins nothing more and waits for what runs. */
  async close(): Promise<void> {
    const scrubber = this.#scrubber?.close()
    const removals = Array.from(this.#removed.values(), (removed) => removed.close())
    const parts = [...removals, this.#rounds?.close(), scrubber]
    await Promise.all([this.tier.close(), ...parts])
  }

  /** One bucket after the other, because the first may tell which life this is. */
  #claimInTurn(store: ObjectStore, name: string): Promise<void> {
    const claim = this.#claiming.then(() => this.#claim(store, name))
    this.#claiming = claim.catch(() => undefined)
    return claim
  }

  async #claim(store: ObjectStore, name: string): Promise<void> {
    const { crypto, disk } = this.#ports
    this.#life ??= await readLife(disk)
    const owner = await claimBucket(store, crypto, this.#own)
    const isNew = owner.life !== this.#life?.life
    this.#life = { life: owner.life, generation: owner.generation }
    if (isNew) await saveLife(disk, this.#life)
    if (this.#removing.has(name)) return
    this.#removing.add(name)
    this.#removed.get(name)?.start(this.#settings.broker.tierCheckMs)
  }

  /** Throws `refused` when somebody else has the bucket by now. */
  async #confirm(store: ObjectStore): Promise<void> {
    const { url } = store.traits
    const owner = await readOwner(store)
    if (owner === null) {
      throw new OperatingError(
        'refused',
        `Cannot archive to ${url}: its ${CLUSTER_KEY} is gone; it is made anew`,
      )
    }
    checkOwner(url, owner, this.#own)
  }

  /** What stands in the way does so for partitions as well, and is told once for all of them. */
  async #tryToSnapshot(sources: SnapshotSources): Promise<void> {
    const { complaints } = this.tier
    try {
      await this.#snapshot(sources)
      complaints.over(this)
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error
      if (error.kind !== 'closed') complaints.of(this, error, { snapshot: true })
    }
  }

  get #own(): OwnLife {
    const { life = null, generation = 0 } = this.#life ?? {}
    return { clusterId: this.#clusterId, life, generation }
  }

  /** Puts a snapshot to every store that has not the newest one. */
  async #snapshot({ image, groups }: SnapshotSources): Promise<void> {
    const { crypto, clock } = this.#ports
    const ready = this.tier.stores.filter(({ claimed }) => claimed)
    if (ready.length === 0) return
    const metadata = encodeSnapshot(image())
    const state = groups
      .partitions()
      .flatMap(({ shard }) => Array.from(shard.records(), encodeRecord))
    const snapshot = { clusterId: this.#clusterId, metadata, groups: state }
    const digest = fingerprint(crypto, snapshot)
    const failures: unknown[] = []
    for (const one of ready) {
      const { name, store } = one
      if (digest === this.#last.get(name)) continue
      try {
        if (!(await one.confirm())) continue
        await putSnapshot(store, crypto, { ...snapshot, madeMs: clock.wallMs() })
        this.#last.set(name, digest)
      } catch (error) {
        failures.push(error)
      }
    }
    if (failures.length > 0) throw failures[0]
  }
}

/**
 * Where archived blocks that were read are kept: in memory, and behind it on disk if that is set.
 */
async function openCache(ports: TieringPorts, settings: Settings): Promise<BlockCache> {
  const { disk, crypto, telemetry } = ports
  const { tierCacheBytes, tierCacheMemoryBytes, diskReserveBytes } = settings.broker
  const metrics = new CacheMetrics(telemetry)
  const memory = new MemoryBlocks({ bytesMax: tierCacheMemoryBytes, metrics, name: 'memory' })
  if (tierCacheBytes === 0) return memory
  const below = await openDiskBlocks({
    disk,
    directory: 'cache',
    bytesMax: tierCacheBytes,
    reserveBytes: diskReserveBytes * 2,
    queueMax: 16,
    indexEvery: 256,
    crypto,
    metrics,
    name: 'disk',
    telemetry,
    supervisor: new Supervisor((task, error) => {
      telemetry.log('error', 'background work failed', { name: task, error: String(error) })
    }),
  })
  return new LayeredBlocks(memory, below)
}

/** The partitions led here whose topics are archived now. */
function* tieredPartitions(partitions: Partitions): Generator<TieredPartition> {
  for (const leader of partitions.open()) {
    const { tier, log } = leader
    if (tier === null || log.closed || log.settings.archive === null) continue
    const limit = (): ReturnType<TieredPartition['limit']> => {
      const { highWatermark, lastStable } = leader.offsets
      return offset(Math.min(highWatermark, lastStable))
    }
    yield { tier, limit }
  }
}

/** Manifests of the partitions led here, by store, as far as they are known. */
function* knownManifests(
  partitions: Partitions,
): Generator<{ readonly store: string; readonly manifest: Manifest }> {
  for (const { tier } of partitions.open()) if (tier !== null) yield* tier.named()
}

/** Tells whether producers have been heard of within the last moments. */
function producing(telemetry: TieringPorts['telemetry']): (nowMs: number) => boolean {
  const labels = { path: 'produce' }
  const requests = telemetry.counter('stratalog_requests_total', 'Requests by path.', labels)
  let known = requests.value
  let heardMs = -Infinity
  return (nowMs) => {
    if (requests.value !== known) heardMs = nowMs
    known = requests.value
    return nowMs - heardMs < PRODUCING_MS
  }
}

/** Tells two snapshots apart. */
function fingerprint(
  crypto: TieringPorts['crypto'],
  {
    metadata,
    groups,
  }: {
    readonly metadata: Uint8Array
    readonly groups: readonly { readonly key: Uint8Array; readonly value: Uint8Array | null }[]
  },
): string {
  let crc = 0
  for (const { key, value } of groups) {
    crc = crypto.crc32c(key, crc)
    if (value !== null) crc = crypto.crc32c(value, crc)
  }
  return `${crypto.sha256(metadata).join()} ${groups.length} ${crc}`
}

/** Which life of its cluster a data directory belongs to. */
type Life = Pick<BucketOwner, 'life' | 'generation'>

async function readLife(disk: Disk): Promise<Life | null> {
  if (!(await disk.list('')).includes(LIFE_FILE)) return null
  const file = await disk.open(LIFE_FILE, { mode: 'read' })
  try {
    const bytes = new Uint8Array(LIFE_BYTES_MAX)
    const count = await file.read(0, bytes)
    const text = new TextDecoder().decode(bytes.subarray(0, count))
    const [, life, generation = '0'] = /^([0-9a-f]{32})(?: (\d{1,5}))?$/.exec(text) ?? []
    return life === undefined ? null : { life, generation: Number(generation) }
  } finally {
    await file.close()
  }
}

/** Remembers durably which life of its cluster this directory belongs to. */
export async function saveLife(disk: Disk, { life, generation }: Life): Promise<void> {
  await disk.remove(`${LIFE_FILE}.new`)
  const file = await disk.open(`${LIFE_FILE}.new`, { mode: 'create' })
  try {
    await file.writeBehind(0, new TextEncoder().encode(`${life} ${generation}`))
    await file.sync()
  } finally {
    await file.close()
  }
  await disk.rename(`${LIFE_FILE}.new`, LIFE_FILE)
  await disk.syncDirectory('')
}
