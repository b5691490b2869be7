// One life by its seed: clients, uploads, retention, merges and sweeps side by side over a store
// that fails in every way, while processes are paused, killed, deposed and restored elsewhere. In
// the end all faults stop, the deposed are gone, and everything has to come to rest: archived,
// readable, without orphans, within a time that is told in advance.
import { must } from '../../../src/base/assert.ts'
import { OperatingError } from '../../../src/base/errors.ts'
import { leaderEpoch, offset, type Offset } from '../../../src/base/units.ts'
import { takeOver } from '../../../src/tier/bucket/claim.ts'
import { beginPartition, restorePartition } from '../../../src/tier/bucket/restore-partition.ts'
import { sleep } from '../../../src/flow/backoff.ts'
import type { Leader } from '../../../src/replication/leader.ts'
import { SimDisk } from '../../sim/disk.ts'
import { crypto as real } from '../../log/batches.ts'
import { simCrypto } from '../../sim/crypto.ts'
import { ChaosBroker } from './broker.ts'
import { consume, lookUp, produce } from './clients.ts'
import { NONE, type Flaw } from './flaw.ts'
import { giveHistory } from './history.ts'
import { comeToRest } from './rest.ts'
import type { ChaosPartition, Led } from './parts.ts'
import type { ChaosCounts } from './counts.ts'
import { Violation, World } from './world.ts'

/** Nothing may take longer than this, in virtual ms: deadlines of calls are far below. */
const OPEN_MS = 60_000
const RESTORE_MS = 600_000

/** Lives once; throws a Violation at the first broken promise. Gives the world as it was left. */
export async function live(seed: number, counts: ChaosCounts, flaw: Flaw = NONE): Promise<World> {
  const takeBack = flaw.plant?.()
  const life = new Life(seed, counts, flaw)
  try {
    await life.run()
    return life.world
  } catch (error) {
    if (!(error instanceof Violation)) {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
      life.world.violate('no surprise', text)
    }
    throw new Violation(life.world.violations.join('; '), { cause: error })
  } finally {
    takeBack?.()
  }
}

class Life {
  readonly world: World
  #current: ChaosBroker
  /** Deposed processes that do not know it yet, or do. */
  #deposed: ChaosBroker[] = []

  constructor(seed: number, counts: ChaosCounts, flaw: Flaw) {
    this.world = new World(seed, flaw, counts)
    this.#current = new ChaosBroker(this.world, this.#newDisk())
  }

  async run(): Promise<void> {
    const { world } = this
    const { shape, bucket, prng } = world
    if (shape.veteran) {
      world.calm = true
      await giveHistory(world, must(world.partitions[0], 'A partition'))
      world.calm = false
      await this.#restore()
    } else await this.#open(this.#current, false)
    bucket.faults.rates = shape.rates
    for (let i = 0; i < shape.acts; i++) {
      await this.#act()
      world.check()
    }
    bucket.faults.rates = {}
    bucket.faults.clear()
    for (const broker of this.#deposed) broker.kill('process')
    this.#current.resume()
    await comeToRest(world, this.#current, prng)
    const closing = this.#current.close()
    await this.within(closing, OPEN_MS, 'a process closes')
    world.check()
    if (this.#current.disk.openFiles > 0) {
      world.violate('no leak', `${this.#current.disk.openFiles} files stay open`)
    }
    const { counts, partitions } = world
    for (const { watch } of partitions) {
      counts.heads += watch.heads
      counts.pages += watch.pages
      counts.merges += watch.merges
      counts.garbage += watch.garbage
      counts.orphans += watch.orphans
    }
    for (const [name, count] of Object.entries(bucket.faults.counts)) {
      counts.faults[name] = (counts.faults[name] ?? 0) + count
    }
    world.check()
  }

  async #act(): Promise<void> {
    const { world } = this
    const { prng, shape } = world
    const led = this.#anyOf(this.#current)
    if (prng.chance(shape.upheaval / 100)) return this.#upheaval()
    const choice = prng.below(100)
    if (choice < 45) {
      for (let n = 1 + prng.below(6); n > 0; n--) produce(world, this.#current, led)
      await this.#advance(prng.float() * 30)
    } else if (choice < 62) await this.#advance(prng.float() * 400)
    else if (choice < 70) await this.#advance(prng.float() * 8_000)
    else if (choice < 74) led.leader.log.roll()
    else if (choice < 84) this.#read(led)
    else if (choice < 88) this.#find(led)
    else if (choice < 90) this.#deleteRecords(led)
    else if (choice < 93) this.#window()
    else if (choice < 97) this.#haunt()
    else await this.#advance(prng.float() * 30_000)
  }

  async #upheaval(): Promise<void> {
    const { world } = this
    const { prng, counts, shape } = world
    // What was asked for just now has begun: a process that is dead begins nothing.
    await this.#advance(0)
    const choice = prng.below(100)
    if (choice < 30 && choice < 92 - shape.restores) {
      counts.pauses++
      const broker = prng.chance(0.5) ? this.#current : this.#anyDeposed()
      world.note('pause')
      broker.pause(prng.float() * 20_000)
    } else if (choice < 60 && choice < 92 - shape.restores) await this.#restart()
    else if (choice < 92 - shape.restores) await this.#depose()
    else if (choice < 92) await this.#restore()
    else if (this.#deposed.length > 0) {
      world.note('the deposed dies')
      this.#deposed.shift()?.kill('process')
    }
  }

  #anyDeposed(): ChaosBroker {
    const { prng } = this.world
    return this.#deposed[prng.below(Math.max(1, this.#deposed.length))] ?? this.#current
  }

  #anyOf(broker: ChaosBroker): Led {
    const all = [...broker.led.values()]
    return must(all[this.world.prng.below(all.length)], 'A partition is led')
  }

  #newDisk(): SimDisk {
    const { prng, scheduler } = this.world
    return new SimDisk(scheduler, prng.fork(), { direct: prng.chance(0.5), garbage: true })
  }

  async #advance(forMs: number): Promise<void> {
    await this.world.scheduler.advance(forMs)
    for (const partition of this.world.partitions) this.world.covered(partition)
  }

  /** Waits for `work` in virtual time, and for no longer than `limitMs`. */
  async within<T>(work: Promise<T>, limitMs: number, what: string): Promise<T> {
    const { scheduler } = this.world
    let cancel = (): void => undefined
    const late = new Promise<never>((_resolve, reject) => {
      const error = new Violation(`nothing hangs: ${what} takes more than ${limitMs} ms`)
      cancel = scheduler.schedule(limitMs, () => reject(error))
    })
    try {
      return await scheduler.settle(Promise.race([work, late]))
    } catch (error) {
      if (error instanceof Violation) this.world.violate('nothing hangs', `${what}: ${limitMs} ms`)
      throw error
    } finally {
      cancel()
    }
  }

  /** Opens a process and lets it lead what it finds. */
  async #open(broker: ChaosBroker, clean: boolean): Promise<void> {
    const { world } = this
    await this.within(broker.open(clean), OPEN_MS, 'a process opens')
    broker.era = world.era
    for (const [partition, { leader }] of broker.led) {
      const { truth } = partition
      const { nextOffset, logStart } = leader.log
      if (nextOffset < truth.acked) {
        world.violate('INV-64', `the log ends at ${nextOffset}, acknowledged to ${truth.acked}`)
      }
      if (logStart < truth.start) {
        world.violate('INV-64', `the log starts at ${logStart}, promised was ${truth.start}`)
      }
      truth.cutTo(nextOffset)
      truth.acked = nextOffset
      partition.leader = broker
      world.covered(partition)
    }
    this.#current = broker
    world.check()
  }

  async #restart(): Promise<void> {
    const { world } = this
    const { prng, counts } = world
    counts.restarts++
    const old = this.#current
    const how = prng.below(3)
    world.note(`restart ${how}`)
    if (how === 0) {
      await this.within(old.close(), OPEN_MS, 'a process closes')
      if (old.disk.openFiles > 0) world.violate('no leak', `${old.disk.openFiles} files stay open`)
    } else {
      if (how === 1) counts.powerCuts++
      old.kill(how === 1 ? 'power' : 'process')
    }
    for (const partition of world.partitions) {
      partition.leader = null
      if (prng.chance(0.5)) partition.epoch++
    }
    await this.#open(new ChaosBroker(world, old.disk), how === 0)
  }

  /** Another process leads on; the one before goes on without knowing. */
  async #depose(): Promise<void> {
    const { world } = this
    const { prng, counts } = world
    const old = this.#current
    counts.deposed++
    world.note('depose')
    for (const led of old.led.values()) {
      led.frozen = led.leader.offsets.highWatermark
      led.partition.leader = null
      led.partition.epoch++
    }
    const images = [...old.disk.crashImages(3)]
    this.#deposed.push(old)
    if (this.#deposed.length > 2) this.#deposed.shift()?.kill('process')
    if (prng.chance(0.4)) old.pause(prng.float() * 30_000)
    const image = must(images[prng.below(3)], 'an image')
    await this.#open(new ChaosBroker(world, image), false)
  }

  /** The bucket alone brings the partitions back on an empty disk, while the old life goes on. */
  async #restore(): Promise<void> {
    const { world } = this
    const { prng, scheduler } = world
    const old = this.#current
    if (world.bucket.peek('cluster.json') === null) return
    world.counts.restores++
    world.note('restore')
    world.era++
    world.restoring = true
    const untilMs = scheduler.nowMs + RESTORE_MS
    for (;;) {
      const next = new ChaosBroker(world, this.#newDisk())
      const epochs = await this.within(this.#bring(next), RESTORE_MS, 'a restore')
      if (epochs === null) {
        next.kill('process')
        // A store that is bad enough keeps every attempt from its end: it gets well in time.
        if (scheduler.nowMs > untilMs - RESTORE_MS / 2) world.bucket.faults.rates = {}
        if (scheduler.nowMs > untilMs) world.violate('nothing hangs', 'no restore succeeds')
        world.check()
        await scheduler.advance(prng.float() * 1_000)
        continue
      }
      world.restoring = false
      this.#deposed.push(old)
      for (const [partition, epoch] of epochs) {
        partition.epoch = epoch
      }
      await this.#open(next, true)
      return
    }
  }

  /** The epoch of each partition that was brought back; null on failure. */
  async #bring(next: ChaosBroker): Promise<Map<ChaosPartition, number> | null> {
    const { world } = this
    const store = next.objects
    const crypto = simCrypto(world.prng.fork(), real)
    const epochs = new Map<ChaosPartition, number>()
    try {
      const { generation } = await takeOver(store, crypto)
      for (const partition of world.partitions) {
        const { identity, epoch } = partition
        const owner = { ...identity, topicName: 'chaos', epoch: leaderEpoch(epoch) }
        const ports = { disk: next.disk, store, crypto, generation }
        const skips = world.flaw.skipsEmpty === true
        const done = await (skips ? restorePartition : beginPartition)(ports, owner)
        if (done === null) partition.truth.restart(0, 0)
        epochs.set(partition, done?.epoch ?? leaderEpoch(epoch + 1))
      }
      return epochs
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error
      world.note(`a restore fails: ${error.kind}`)
      return null
    }
  }

  #read(led: Led): void {
    const { world } = this
    const { prng } = world
    const { leader } = led
    const from = leader.log.logStart
    const count = leader.offsets.highWatermark - from
    if (count <= 0) return
    const at = prng.chance(0.3) ? from : from + prng.below(count)
    const broker = this.#current
    this.#watch(consume(world, broker, led, at, 1 + prng.below(8)))
  }

  #find(led: Led): void {
    const { world } = this
    const nowMs = this.#current.clock.wallMs()
    const agoMs = world.prng.below(Math.floor(world.scheduler.nowMs) + 1_000)
    this.#watch(lookUp(world, this.#current, led, nowMs - agoMs))
  }

  #watch(work: Promise<unknown>): void {
    work.catch((error: unknown) => {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
      this.world.violate('no surprise', text)
    })
  }

  #deleteRecords({ partition, leader }: Led): void {
    const { world } = this
    const { truth } = partition
    const from = leader.log.logStart
    const count = leader.offsets.highWatermark - from
    if (count <= 0) return
    world.counts.deletions++
    const to = offset(from + world.prng.below(count + 1))
    world.note(`delete to ${to}`)
    const broker = this.#current
    truth.asked = Math.max(truth.asked, to)
    const deleting = this.#durably(leader, to).then(({ code }) => {
      if (code === 0 && partition.leader === broker) truth.start = Math.max(truth.start, to)
    })
    this.#watch(
      deleting.catch((error: unknown) => {
        if (!(error instanceof OperatingError)) throw error
      }),
    )
  }

  async #durably(leader: Leader, to: Offset): ReturnType<Leader['deleteRecords']> {
    const lateMs = this.world.flaw.deletesLateMs
    if (lateMs !== undefined) await sleep(this.#current.clock, lateMs)
    return leader.deleteRecords(to)
  }

  #window(): void {
    const { bucket, scheduler, prng } = this.world
    const kind = (['outage', 'silence', 'refusal'] as const)[prng.below(3)] ?? 'outage'
    const fromMs = scheduler.nowMs + prng.below(1_000)
    this.world.note(kind)
    bucket.faults.window(kind, fromMs, fromMs + prng.below(15_000))
  }

  /** What a deposed process goes on to do: records that nobody will ever be told of. */
  #haunt(): void {
    const broker = this.#deposed[0]
    if (broker?.state !== 'up') return
    const led = this.#anyOf(broker)
    for (let n = this.world.prng.below(8); n > 0; n--) produce(this.world, broker, led, true)
    if (this.world.prng.chance(0.5)) led.leader.log.roll()
  }
}
