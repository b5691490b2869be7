// A random life of a LogStore with power cuts in it: what is done between them, which states the
// disk may be left in, and what must hold of every store that is opened on one of them.
import type { Prng } from '../../src/base/prng.ts'
import { offset } from '../../src/base/units.ts'
import type { PartitionLog } from '../../src/log/partition-log.ts'
import type { LogStoreOptions } from '../../src/log/log-store-options.ts'
import { Scheduler } from '../sim/clock.ts'
import { SimDisk } from '../sim/disk.ts'
import { joined } from './batches.ts'
import { Harness, MODES, Model, TINY, settings } from './store-harness.ts'

const KIB = 1024

/** How much of a life is lived. */
export interface LifeShape {
  /** Power cuts that the store lives through. */
  readonly lives: number
  /** Acts between two power cuts. */
  readonly acts: number
  /** Images of the disk that are recovered at each power cut. */
  readonly images: number
  /** Chance that a write finds the disk full; absent is 0. */
  readonly writeEnospc?: number
  /** Whether sealed segments are dropped as archived. */
  readonly archives?: boolean
}

/** What happened, so that a run can show that it was not idle. */
export interface LifeCounts {
  images: number
  batches: number
  acked: number
  rolls: number
  recycled: number
  lost: number
  /** Writes that found the disk full. */
  full: number
  /** Times that archived segments were dropped. */
  dropped: number
}

/** The lives that the test and the lane live, so that a seed of one replays in the other. */
export const SHAPE: LifeShape = { lives: 3, acts: 120, images: 24 }

/** Before the first life. */
export const noCounts = (): LifeCounts => ({
  images: 0,
  batches: 0,
  acked: 0,
  rolls: 0,
  recycled: 0,
  lost: 0,
  full: 0,
  dropped: 0,
})

/** Lives one life; throws at the first broken promise. */
export async function live(prng: Prng, shape: LifeShape, counts: LifeCounts): Promise<void> {
  const scheduler = new Scheduler()
  const options: LogStoreOptions = {
    ...TINY,
    cacheBytes: (1 + prng.below(2)) * 1024 * KIB,
    journal: {
      fileBytes: [24, 64, 200][prng.below(3)] ?? 64 * KIB,
      filesTarget: 1 + prng.below(3),
      filesMax: 3 + prng.below(4),
    },
  }
  const journal = { ...options.journal, fileBytes: options.journal.fileBytes * KIB }
  const sized = { ...options, journal }
  const modes = 2 + prng.below(3)
  const models = Array.from({ length: modes }, (_, i) => {
    const ackAfter = prng.chance(0.6) ? 'fsync' : (MODES[prng.below(3)] ?? 'fsync')
    const segmentBytes = (8 + prng.below(120)) * KIB
    return new Model(i, settings({ ackAfter, segmentBytes, flushMs: 5, flushBytes: 16 * KIB }))
  })
  let disk = new SimDisk(scheduler, prng.fork(), { direct: prng.chance(0.5), garbage: true })
  for (let life = 0; life < shape.lives; life++) {
    const harness = await Harness.open({ scheduler, disk }, models, sized)
    if (shape.writeEnospc !== undefined) disk.faults.rates = { writeEnospc: shape.writeEnospc }
    await act(harness, prng, shape, counts)
    disk.faults.rates = {}
    counts.full += disk.faults.counts.ENOSPC
    // What is over must have been told: a dead process tells nothing.
    await scheduler.advance(0)
    const images = [...disk.crashImages(shape.images)]
    const known = models.map((model) => model.copy())
    harness.clock.kill()
    disk.kill()
    counts.recycled += harness.store.journal.full.length
    const chosen = prng.below(images.length)
    for (const [i, image] of images.entries()) {
      counts.images++
      const keptAll = i === 1
      const copies = known.map((model) => model.copy())
      const next = i === chosen && life + 1 < shape.lives
      // The one that lives on is checked when it is opened again; here it must stay untouched.
      if (next) continue
      await checkImage({ scheduler, disk: image }, copies, sized, { keptAll, prng, counts })
    }
    disk = images[chosen] as SimDisk
    if (life + 1 === shape.lives) return
    const again = await Harness.open({ scheduler, disk }, known, sized)
    await checkStore(again, { keptAll: chosen === 1, counts })
    again.clock.kill()
    disk.kill()
    // What was read back is now the truth; it need not be durable before it is acknowledged again.
    for (const [i, model] of known.entries()) {
      const kept = models[i] as Model
      Object.assign(kept, model)
      kept.cutTo(again.at(i).nextOffset)
      kept.logStart = Math.max(kept.logStart, again.at(i).logStart)
      kept.localStart = Math.max(kept.localStart, again.at(i).localStart)
      kept.epoch = Math.max(kept.epoch, model.epoch)
    }
  }
}

async function act(
  harness: Harness,
  prng: Prng,
  shape: LifeShape,
  counts: LifeCounts,
): Promise<void> {
  for (const model of harness.models) harness.startEpoch(model.index)
  const { models } = harness
  for (let i = 0; i < shape.acts; i++) {
    const model = models[prng.below(models.length)] as Model
    const log = harness.at(model.index)
    const choice = prng.below(100)
    if (shape.archives === true && prng.chance(0.06)) dropArchived(model, log, counts)
    else if (choice < 70) {
      // A leader refuses producers now; what was appended before waits.
      if (harness.store.full) {
        await harness.scheduler.advance(prng.below(700))
        continue
      }
      if (harness.store.pressed) await harness.scheduler.advance(2)
      const size = prng.chance(0.03)
        ? 20_000 + prng.below(60_000)
        : prng.chance(0.2)
          ? prng.below(6_000)
          : prng.below(400)
      const producerId = prng.chance(0.6) ? prng.below(3) : -1
      if (harness.append(model.index, { size, count: 1 + prng.below(4), producerId })) {
        counts.batches++
      }
    } else if (choice < 90) {
      await harness.scheduler.advance(prng.float() * (prng.chance(0.2) ? 20 : 1.5))
    } else if (choice < 93) {
      log.roll()
      counts.rolls++
    } else if (choice < 95) {
      log.persist().catch(() => undefined)
    } else if (choice < 96) {
      harness.store.journal.seal()
    } else if (choice < 97) {
      harness.startEpoch(model.index)
    } else if (choice < 98) {
      log.flush().catch(() => undefined)
    } else if (model.acked > model.logStart && prng.chance(0.5)) {
      const known = model.batches.filter((batch) => batch.end <= model.acked)
      const to = known[prng.below(known.length)]?.end ?? 0
      model.logStartAsked = Math.max(model.logStartAsked, to)
      log.advanceLogStart(offset(to)).then(
        () => {
          model.logStart = Math.max(model.logStart, to)
        },
        () => undefined,
      )
    }
    if (harness.failures.length > 0) throw harness.failures[0] as Error
  }
}

/** Drops what is sealed and acknowledged, but for the newest of it, as if it were archived. */
function dropArchived(model: Model, log: PartitionLog, counts: LifeCounts): void {
  const acked = log.segments.filter(({ sealed, end }) => sealed !== null && end <= model.acked)
  const to = acked.at(-1)?.base ?? 0
  if (to <= log.localStart) return
  counts.dropped++
  model.localStartAsked = Math.max(model.localStartAsked, to)
  log.dropArchivedBelow(offset(to)).then(
    () => {
      model.localStart = Math.max(model.localStart, to)
    },
    () => undefined,
  )
}

interface CheckOptions {
  /** Nothing was lost: the image of a killed process on a living system. */
  readonly keptAll: boolean
  readonly counts: LifeCounts
}

async function checkImage(
  at: { readonly scheduler: Scheduler; readonly disk: SimDisk },
  models: Model[],
  options: LogStoreOptions,
  how: CheckOptions & { readonly prng: Prng },
): Promise<void> {
  const harness = await Harness.open(at, models, options)
  await checkStore(harness, how)
  // A quarter of them live on, so that the others can be many.
  if (!how.prng.chance(0.25)) {
    harness.clock.kill()
    at.disk.kill()
    return
  }
  // Life goes on: the next offset is the next one, is acknowledged, and survives a clean stop.
  for (const model of models) {
    model.cutTo(harness.at(model.index).nextOffset)
    model.logStart = harness.at(model.index).logStart
    model.localStart = harness.at(model.index).localStart
    harness.startEpoch(model.index)
    harness.append(model.index, { size: 50 })
  }
  await harness.settle()
  for (const model of models) {
    if (model.acked !== model.end) throw new Error('An append after recovery is not acknowledged')
  }
  const clean = how.prng.chance(0.3)
  if (clean) await harness.close()
  harness.clock.kill()
  at.disk.kill()
  const again = await Harness.open(at, models, options, clean)
  for (const model of models) {
    if (model.settings.ackAfter === 'memory' && !clean) continue
    await again.verify(model.index)
  }
  if (again.failures.length > 0) throw again.failures[0] as Error
  again.clock.kill()
  at.disk.kill()
}

/** What must hold of a store that was opened on a crash image of what the models know. */
async function checkStore(harness: Harness, how: CheckOptions): Promise<void> {
  for (const model of harness.models) {
    const log = harness.at(model.index)
    const name = `partition ${model.index} (${model.settings.ackAfter})`
    const mode = model.settings.ackAfter
    const end = log.nextOffset
    if (mode === 'fsync' && end < model.acked) {
      throw new Error(`${name} lost acknowledged records: ends at ${end}, not ${model.acked}`)
    }
    if (mode === 'write' && how.keptAll && end < model.acked) {
      throw new Error(`${name} lost written records on a kill: ${end}, not ${model.acked}`)
    }
    if (end > Math.max(model.end, log.localStart)) throw new Error(`${name} has invented records`)
    if (log.logStart < model.logStart) {
      throw new Error(`${name} starts at ${log.logStart}, below ${model.logStart}`)
    }
    const loss = mode !== 'fsync' && log.logStart <= model.logStartAsked
    if (log.logStart > model.logStartAsked && !loss) {
      throw new Error(`${name} starts at ${log.logStart}, above ${model.logStartAsked}`)
    }
    if (log.localStart < model.localStart) {
      throw new Error(`${name} has its local start at ${log.localStart}, below ${model.localStart}`)
    }
    if (log.localStart > Math.max(model.localStartAsked, model.logStartAsked)) {
      throw new Error(`${name} has its local start at ${log.localStart}, above what was archived`)
    }
    if (model.end > end) how.counts.lost++
    how.counts.acked += model.acked
    const expected = model.batches.filter((b) => b.end > log.localStart && b.end <= end)
    const got = await harness.readAll(model.index, log.localStart)
    if (Buffer.compare(joined(expected.map((b) => b.bytes)), got) !== 0) {
      throw new Error(`${name} reads back other bytes than were appended`)
    }
    checkProducers(log, model, name)
  }
}

function checkProducers(log: PartitionLog, model: Model, name: string): void {
  const { producers } = log.state
  const last = new Map<number, Model['batches'][number]>()
  for (const batch of model.batches) {
    // What was deleted takes its producers with it.
    const there = batch.base >= log.logStart && batch.end <= log.nextOffset
    if (batch.producerId >= 0 && there) last.set(batch.producerId, batch)
  }
  for (const [producerId, batch] of last) {
    const lastOffsetDelta = batch.end - batch.base - 1
    const retry = {
      producerId,
      producerEpoch: 0,
      baseSequence: batch.sequence - lastOffsetDelta,
      lastOffsetDelta,
      transactional: false,
      maxTimestamp: 0,
    }
    const verdict = producers.check(retry, false)
    if (!verdict.duplicate || verdict.baseOffset !== batch.base) {
      throw new Error(`${name} does not recognise a retry of producer ${producerId}`)
    }
    const next = { ...retry, baseSequence: batch.sequence + 1 }
    if (producers.check(next, false).code !== 0) {
      throw new Error(`${name} refuses the next batch of producer ${producerId}`)
    }
  }
}
