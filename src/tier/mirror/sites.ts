// The stores of one partition and what each is to it: one has the original, those that its topic
// lists follow it, and one that it lists no more is emptied. Which is which follows from what the
// stores say and from the topic's list as it is now; nothing else remembers it.
//
//   listed first, not the original ──mirror follows──▶ current ──original marked a copy──▶
//   ──mirror marked the original──▶ moved; the store that was left is swept, or follows
import { must } from '../../base/assert.ts'
import { OperatingError } from '../../base/errors.ts'
import type { PartitionLog } from '../../log/partition-log.ts'
import { archiveEnd, type Manifest } from '../manifest/manifest.ts'
import type { LoadPage } from '../read/locate.ts'
import { Site } from '../site.ts'
import { FailoverStore, type Replica } from '../store/failover.ts'
import type { TierParts, TierStore } from '../tier-parts.ts'
import type { ArchiveOwner } from '../upload/partition-archive.ts'
import type { LocalSegments } from './copy-segment.ts'
import { findHome } from './home.ts'
import { Mirror } from './mirror.ts'
import { Repair } from './repair.ts'
import { Sweep } from './sweep.ts'

/** One store and what it is to the partition. */
interface Station {
  readonly site: Site
  readonly pending: Set<string>
  readonly repair: Repair
  mirror: Mirror | null
  sweep: Sweep | null
}

/** The stores of one partition. */
export class Sites {
  /** All of them as one, to read from. */
  readonly reading: FailoverStore
  readonly #parts: TierParts
  readonly #owner: ArchiveOwner
  readonly #log: PartitionLog
  readonly #stations = new Map<string, Station>()
  /** The store with the original; the first one asked until that is known. */
  #home: Station
  #isKnown = false

  constructor(parts: TierParts, owner: ArchiveOwner, log: PartitionLog) {
    this.#parts = parts
    this.#owner = owner
    this.#log = log
    this.#home = this.#station(must(this.#inOrder()[0], 'A first store'))
    this.reading = new FailoverStore({
      clock: parts.clock,
      replicas: () => this.#replicas(),
      damaged: (name, key) => this.#stations.get(name)?.repair.add(key),
    })
  }

  /** Where the original is, or is looked for first. */
  get home(): Site {
    return this.#home.site
  }

  /** Whether the stores have said where the original is. */
  get isKnown(): boolean {
    return this.#isKnown
  }

  /** Names of the stores that the topic lists and this broker has; empty when it lists none. */
  get listed(): readonly string[] {
    const { stores } = this.#parts
    return this.#log.settings.stores.filter((name) => stores.some((one) => one.name === name))
  }

  /** Whether the original is to be in another store than it is. */
  get isMoving(): boolean {
    const [first] = this.listed
    return this.#isKnown && first !== undefined && first !== this.#home.site.at.name
  }

  /** Whether the next step of a move can be done at once. */
  get canMove(): boolean {
    return this.isMoving && this.#target?.isCurrent === true
  }

  /** Damaged objects of the store with the original. */
  get repair(): Repair {
    return this.#home.repair
  }

  /**
   * Asks the stores where the original is; does nothing once that is known. `isRemembered` tells
   * that there was an archive when this disk was last written.
   */
  async settle(isRemembered: boolean): Promise<void> {
    if (this.#isKnown) return
    const generation = this.#parts.generation()
    if (generation === null && this.#parts.stores.length > 1) {
      const { topicName, partition } = this.#owner
      throw new OperatingError(
        'retry',
        `Cannot tell yet which store has the original of ${topicName}-${partition}: none answers`,
      )
    }
    const [first, ...others] = this.#inOrder().map((at) => this.#station(at).site)
    const home = await findHome([must(first, 'A first store'), ...others], {
      generation: generation ?? 0,
      isWhole: this.#log.localStart === 0 && !isRemembered,
    })
    this.#home = this.#station(home.at)
    this.#home.mirror = null
    this.#isKnown = true
  }

  /** Mirrors of the stores that are listed, and of the one that the original moves to. */
  mirrors(): Mirror[] {
    if (!this.#isKnown) return []
    const mirrors: Mirror[] = []
    for (const name of this.listed) {
      // What is being emptied is empty before it is filled again, and then nothing is known of it.
      if (this.#stations.get(name)?.sweep?.isEmpty === true) this.#stations.delete(name)
      const station = this.#stationOf(name)
      if (station === this.#home || station.sweep !== null) continue
      station.mirror ??= new Mirror(
        {
          parts: this.#parts,
          local: this.#local,
          original: () => this.home,
          sites: () => this.#used(),
          loadPage: this.loadPage,
        },
        station.site,
        station.pending,
        station.repair,
      )
      mirrors.push(station.mirror)
    }
    return mirrors
  }

  /** Stores that are to be emptied: not listed, while the original is in one that is. */
  sweeps(): Sweep[] {
    const { listed } = this
    const sweeps: Sweep[] = []
    for (const { name } of this.#parts.stores) {
      const station = this.#stations.get(name)
      if (station?.sweep?.isEmpty === false) sweeps.push(station.sweep)
      if (!this.#isKnown || !listed.includes(this.home.at.name) || listed.includes(name)) continue
      const unused = this.#stationOf(name)
      if (unused.sweep !== null) continue
      unused.mirror = null
      unused.sweep = new Sweep(this.#parts, unused.site, () => this.home)
      sweeps.push(unused.sweep)
    }
    return sweeps
  }

  /**
   * Makes the store that is listed first the one with the original, once it has all. In between no
   * store has it, and nothing is named: what is cut short there is found by the next settle().
   */
  async move(): Promise<void> {
    const target = this.#target
    if (!this.isMoving || target?.site.at.claimed !== true) return
    await target.step()
    const followed = this.home.archive.manifest?.nonce
    if (!target.isCurrent || followed === undefined) return
    // Whatever comes of the two writes, if any fails the stores have to say what they have.
    this.#isKnown = false
    let isSame = false
    const left = await this.home.archive.change((now) => {
      isSame = now.nonce === followed
      return isSame ? { ...now, isCopy: true } : null
    })
    this.#isKnown = !isSame
    if (!isSame) return
    const { sequence } = left
    await target.site.archive.change((now) => ({ ...now, isCopy: false, sequence }))
    this.#home = this.#station(target.site.at)
    this.#home.mirror = null
    this.#isKnown = true
    this.#parts.log('info', 'moved an archive', { from: left.topicName, to: this.home.name })
  }

  /** The newest manifest of all stores that answer, to read by; null when none does. */
  async anyManifest(): Promise<Manifest | null> {
    let newest: Manifest | null = null
    for (const at of this.#inOrder()) {
      try {
        const manifest = await this.#station(at).site.peek()
        if (manifest !== null && isNewer(manifest, newest)) newest = manifest
      } catch (error) {
        if (!(error instanceof OperatingError)) throw error
      }
    }
    return newest
  }

  readonly loadPage: LoadPage = (ref) => this.#parts.pages.load(this.reading, this.#owner, ref)

  get #local(): LocalSegments {
    return { disk: this.#parts.disk, log: this.#log }
  }

  get #target(): Mirror | null {
    const [first] = this.listed
    return this.mirrors().find(({ site }) => site.at.name === first) ?? null
  }

  /** The stores in the order in which the original is looked for. */
  #inOrder(): TierStore[] {
    const { stores } = this.#parts
    const { listed } = this
    const first = listed.flatMap((name) => stores.filter((one) => one.name === name))
    return [...first, ...stores.filter((one) => !first.includes(one))]
  }

  #used(): Site[] {
    return [this.home, ...this.mirrors().map(({ site }) => site)]
  }

  #replicas(): Replica[] {
    const sites = this.#isKnown ? this.#used() : this.#inOrder().map((at) => this.#station(at).site)
    return sites.map(({ at, store }) => ({ name: at.name, health: at.health, store }))
  }

  #stationOf(name: string): Station {
    return this.#station(
      must(
        this.#parts.stores.find((one) => one.name === name),
        'A store',
      ),
    )
  }

  #station(at: TierStore): Station {
    const known = this.#stations.get(at.name)
    if (known !== undefined) return known
    const pending = new Set<string>()
    const site = new Site(this.#parts, at, this.#owner, (key) => this.#isPending(at.name, key))
    const repair = new Repair(this.#parts, this.#local, site)
    const station: Station = { site, pending, repair, mirror: null, sweep: null }
    this.#stations.set(at.name, station)
    return station
  }

  /** Whether an uploader is about to name an object in the store with the original. */
  isUploading: (key: string) => boolean = () => false

  #isPending(name: string, key: string): boolean {
    if (this.#stations.get(name)?.pending.has(key) === true) return true
    return this.#home.site.at.name === name && this.isUploading(key)
  }
}

/** Whether a manifest tells of a later life than another, or of more in the same. */
function isNewer(one: Manifest, other: Manifest | null): boolean {
  if (other === null || one.generation !== other.generation) {
    return one.generation > (other?.generation ?? -1)
  }
  return archiveEnd(one) > archiveEnd(other)
}
