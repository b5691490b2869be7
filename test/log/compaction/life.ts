// A random life of a compacted partition with power cuts in it: records, keys and tombstones at
// random, rounds that go on for a while or are cut off, and every disk that a power cut may leave.
// Whatever was acknowledged must be there, or a later record of its key.
import { must } from '../../../src/base/assert.ts'
import { OperatingError } from '../../../src/base/errors.ts'
import type { Prng } from '../../../src/base/prng.ts'
import { offset } from '../../../src/base/units.ts'
import type { CompactionJob } from '../../../src/log/compaction/job.ts'
import type { LogSettings } from '../../../src/log/log-host.ts'
import { CODECS } from '../../../src/ports/compression.ts'
import { Scheduler } from '../../sim/clock.ts'
import { SimDisk } from '../../sim/disk.ts'
import { MODES } from '../store-harness.ts'
import type { LifeShape } from '../crash-checks.ts'
import type { Seen } from './bed.ts'
import { CompactedBed, checkOutcome, compacted } from './bed.ts'

/** What happened, so that a run can show that it was not idle. */
export interface CompactedCounts {
  images: number
  rounds: number
  removed: number
  /** Files in the images that the next opening had to remove. */
  leftovers: number
}

/** The lives that the test and the lane live. */
export const COMPACTED_SHAPE: LifeShape = { lives: 3, acts: 90, images: 10 }

/** Before the first life. */
export const noCompactedCounts = (): CompactedCounts => ({
  images: 0,
  rounds: 0,
  removed: 0,
  leftovers: 0,
})

/** What is known of a partition from outside. */
interface Known {
  /** Everything appended, in order. */
  all: Seen[]
  acked: number
  /** Offsets below may have been compacted. */
  cleanEnd: number
  /** Tombstones below may be gone. */
  logStart: number
  logStartAsked: number
}

/** Lives one life; throws at the first broken promise. */
export async function liveCompacted(
  prng: Prng,
  shape: LifeShape,
  counts: CompactedCounts,
): Promise<void> {
  const scheduler = new Scheduler()
  const ackAfter = prng.chance(0.7) ? 'fsync' : must(MODES[prng.below(3)], 'a mode')
  const given = compacted(
    { ackAfter, segmentBytes: 600 + prng.below(4_000), flushMs: 5 },
    { deleteRetentionMs: prng.below(40) },
  )
  const known: Known = { all: [], acked: 0, cleanEnd: 0, logStart: 0, logStartAsked: 0 }
  let disk = new SimDisk(scheduler, prng.fork(), { direct: prng.chance(0.5), garbage: true })
  for (let life = 0; life < shape.lives; life++) {
    const bed = await CompactedBed.on({ scheduler, disk }, given, known.all)
    await act(bed, known, prng, shape.acts, counts)
    await scheduler.advance(0)
    known.acked = Math.max(known.acked, must(bed.harness.models[0], 'a model').acked)
    const images = [...disk.crashImages(shape.images)]
    bed.harness.clock.kill()
    disk.kill()
    const chosen = prng.below(images.length)
    for (const [i, image] of images.entries()) {
      counts.images++
      if (i !== chosen) await checkImage({ scheduler, disk: image }, given, known, prng, counts)
    }
    disk = must(images[chosen], 'an image')
    const again = await checkImage({ scheduler, disk }, given, known, prng, counts, true)
    // What was read back is now the truth.
    known.all = known.all.filter((record) => record.offset < again.nextOffset)
    known.acked = Math.min(known.acked, again.nextOffset)
    known.logStart = Math.max(known.logStart, again.logStart)
    const there = new Set(again.records.map((record) => record.offset))
    known.all = known.all.filter(({ offset }) => there.has(offset) || offset >= known.cleanEnd)
  }
}

async function act(
  bed: CompactedBed,
  known: Known,
  prng: Prng,
  acts: number,
  counts: CompactedCounts,
): Promise<void> {
  const { harness, log } = bed
  harness.startEpoch(0)
  let job: CompactionJob | null = null
  const step = async (): Promise<void> => {
    if (job === null) {
      const plan = bed.plan()
      if (!plan.due) return
      // Only what no crash can take is below the high watermark.
      known.cleanEnd = Math.max(known.cleanEnd, plan.end)
      job = bed.job({ mapBytesMax: prng.chance(0.3) ? 24 * 16 : 1 << 20 })
    }
    try {
      if (await harness.run(job.step())) return
    } catch (error) {
      // What it was reading was deleted.
      if (!(error instanceof OperatingError) || error.kind !== 'closed') throw error
      await harness.run(job.abort())
    }
    counts.rounds++
    counts.removed += job.stats.recordsRemoved
    job = null
  }
  for (let i = 0; i < acts; i++) {
    const choice = prng.below(100)
    if (choice < 50) append(bed, prng)
    else if (choice < 60) await harness.scheduler.advance(prng.float() * 5)
    else if (choice < 70) log.roll()
    else if (choice < 73) log.persist().catch(() => undefined)
    else if (choice < 75) harness.startEpoch(0)
    else if (choice < 76 && known.logStart < log.persistedEnd) {
      const to = offset(known.logStart + prng.below(log.persistedEnd - known.logStart))
      known.logStartAsked = Math.max(known.logStartAsked, to)
      const moved = log.advanceLogStart(to).then(() => {
        known.logStart = Math.max(known.logStart, to)
      })
      moved.catch(() => undefined)
    } else await step()
    if (harness.failures.length > 0) throw harness.failures[0] as Error
  }
  // A step that a power cut ends in the middle.
  const left = job as CompactionJob | null
  if (left !== null && prng.chance(0.7)) {
    left.step().catch(() => undefined)
    await harness.scheduler.advance(prng.float() * 6)
  }
}

function append(bed: CompactedBed, prng: Prng): void {
  const pairs = Array.from({ length: 1 + prng.below(4) }, () => {
    const key = prng.chance(0.03) ? null : `key ${prng.below(12)}`
    const value = prng.chance(0.15) ? null : `${prng.uint32()}`.repeat(1 + prng.below(20))
    return [key, value] as const
  })
  bed.append(pairs, { codec: must(CODECS[prng.below(5)], 'a codec') })
}

async function checkImage(
  at: { readonly scheduler: Scheduler; readonly disk: SimDisk },
  given: LogSettings,
  known: Known,
  prng: Prng,
  counts: CompactedCounts,
  quiet = false,
): Promise<{ nextOffset: number; logStart: number; records: Seen[] }> {
  const bed = await CompactedBed.on(at, given, [...known.all])
  const { log } = bed
  if (given.ackAfter === 'fsync' && log.nextOffset < known.acked) {
    throw new Error(`It ends at ${log.nextOffset}, below ${known.acked}`)
  }
  // What a plan would compact lies in sealed segments, which no power cut takes.
  if (log.nextOffset < known.cleanEnd) {
    throw new Error(`It ends at ${log.nextOffset}, in what was sealed up to ${known.cleanEnd}`)
  }
  if (log.logStart < known.logStart) throw new Error(`It starts at ${log.logStart}`)
  const appended = known.all.filter((record) => record.offset < log.nextOffset)
  bed.all.splice(0, Infinity, ...appended)
  const records = await bed.records()
  const bounds = { start: log.logStart, cleanEnd: known.cleanEnd }
  checkOutcome(appended, records, bounds)
  const names = await bed.files()
  counts.leftovers += names.length - log.segments.length
  if (names.some((name) => name.endsWith('.cleaned'))) throw new Error('A file was left')
  const bases = new Set(log.segments.map(({ base }) => String(base).padStart(20, '0')))
  for (const name of names) {
    if (name.endsWith('.seg') && !bases.has(name.slice(0, 20))) throw new Error(`${name} is left`)
  }
  if (!quiet && prng.chance(0.4)) {
    // Life goes on: a round more, appends, a clean stop, and all of it again.
    bed.harness.startEpoch(0)
    append(bed, prng)
    await bed.roll()
    const plan = bed.plan()
    if (plan.due) await bed.compact()
    await bed.harness.settle()
    const whole = bed.all.filter((r) => r.offset < log.nextOffset)
    checkOutcome(whole, await bed.records(), { start: log.logStart, cleanEnd: plan.end })
    const before = await bed.bytes()
    await bed.harness.close()
    const again = await CompactedBed.on(at, given, whole, true)
    if (Buffer.compare(before, await again.bytes()) !== 0) {
      throw new Error('A clean stop changes what is read')
    }
    again.harness.clock.kill()
  } else bed.harness.clock.kill()
  if (bed.harness.failures.length > 0) throw bed.harness.failures[0] as Error
  at.disk.kill()
  return { nextOffset: log.nextOffset, logStart: log.logStart, records }
}
