// Retention and idle maintenance on real logs of a real store, over a disk in memory and virtual
// time: what is gone from the disk, from the log and from memory, and when.
import { afterEach, describe, expect, test } from 'vitest'
import { offset } from '../../../src/base/units.ts'
import type { LogSettings } from '../../../src/log/log-host.ts'
import { LogStore } from '../../../src/log/log-store.ts'
import type { PartitionLog } from '../../../src/log/partition-log.ts'
import { IdleSweeper } from '../../../src/log/retention/idle-sweeper.ts'
import { RetentionSweeper } from '../../../src/log/retention/sweeper.ts'
import type { SweptArchive, SweptPartition } from '../../../src/log/retention/sweeper.ts'
import { createMemoryDisk } from '../../../src/platform/memory-disk.ts'
import { createTelemetry } from '../../../src/platform/telemetry.ts'
import type { Disk } from '../../../src/ports/disk.ts'
import { parseMetrics } from '../../platform/exposition-parser.ts'
import { Scheduler, SimClock } from '../../sim/clock.ts'
import { crypto, makeBatch } from '../batches.ts'

const CHECK_MS = 300_000
const DAY_MS = 86_400_000
const TOPIC = '11111111-2222-4333-8444-555555555555'

const settings = (over: Partial<LogSettings> = {}): LogSettings => ({
  ackAfter: 'write',
  segmentBytes: 1_000_000,
  segmentMs: 7 * DAY_MS,
  retentionBytes: -1,
  retentionMs: 7 * DAY_MS,
  deletes: true,
  archive: null,
  stores: [],
  ackStores: 1,
  compaction: null,
  flushMs: 100,
  flushBytes: 65_536,
  producerExpirationMs: DAY_MS,
  ...over,
})

class Bed {
  readonly scheduler = new Scheduler()
  readonly clock = new SimClock(this.scheduler)
  readonly disk: Disk = createMemoryDisk(256 * 1024 * 1024)
  readonly lines: string[] = []
  readonly telemetry = createTelemetry({
    level: 'info',
    format: 'json',
    processMetrics: false,
    write: (line) => this.lines.push(line),
  })
  readonly moved: number[] = []
  store: LogStore | null = null
  limits = new Map<PartitionLog, number>()
  /** Of partitions that have one. */
  archives = new Map<PartitionLog, SweptArchive>()

  async open(): Promise<LogStore> {
    const { disk, clock, telemetry } = this
    this.store = await this.scheduler.settle(
      LogStore.open(
        { disk, clock, crypto, telemetry },
        {
          cacheBytes: 16 * 1024 * 1024,
          readCacheBytes: 1024 * 1024,
          indexCacheBytes: 1024 * 1024,
          journal: { fileBytes: 1024 * 1024, filesTarget: 2, filesMax: 8 },
          diskReserveBytes: 0,
        },
        { clean: false, settingsOf: () => settings(), topicName: () => 'orders' },
        (error) => {
          throw error
        },
      ),
    )
    return this.store
  }

  async log(index: number, over: Partial<LogSettings> = {}): Promise<PartitionLog> {
    const store = this.store ?? (await this.open())
    return this.scheduler.settle(store.open({ topicId: TOPIC, index }, settings(over)))
  }

  /** One segment of one batch whose record is `ageMs` old. */
  segment(log: PartitionLog, ageMs: number, roll = true): void {
    const time = this.clock.wallMs() - ageMs
    log.append(makeBatch({ base: 0, time, size: 500 }), this.clock.wallMs())
    if (roll) log.roll()
  }

  swept(logs: () => Iterable<PartitionLog>): () => SweptPartition[] {
    return () =>
      Array.from(logs(), (log) => ({
        log,
        limit: () => offset(this.limits.get(log) ?? log.nextOffset),
        archive: this.archives.get(log) ?? null,
        advance: async (to) => {
          await log.advanceLogStart(to)
          this.moved.push(to)
        },
      }))
  }

  sweeper(): RetentionSweeper {
    const store = this.store
    if (store === null) throw new Error('no store')
    return new RetentionSweeper(
      {
        clock: this.clock,
        telemetry: this.telemetry,
        partitions: this.swept(() => store.logs()),
        background: (name, work) => store.background(name, work),
      },
      { checkMs: CHECK_MS },
    )
  }

  metric(name: string, reason?: string): number | undefined {
    const family = parseMetrics(this.telemetry.render('text'), 'text').get(name)
    return family?.samples.find(({ labels }) => labels['reason'] === reason)?.value
  }

  async files(index: number): Promise<string[]> {
    const names = await this.disk.list(`topics/${TOPIC}/${index}`)
    return names.filter((name) => name.endsWith('.seg'))
  }
}

const beds: Bed[] = []
const bed = (): Bed => {
  const made = new Bed()
  beds.push(made)
  return made
}

afterEach(async () => {
  for (const { store, scheduler } of beds.splice(0)) {
    if (store !== null) await scheduler.settle(store.close())
  }
})

describe('RetentionSweeper', () => {
  test('deletes segments that are old, files and all, and moves the log start [D2]', async () => {
    const at = bed()
    const log = await at.log(0)
    for (const days of [9, 8, 6, 0]) at.segment(log, days * DAY_MS)
    const sweeper = at.sweeper()
    sweeper.start()
    await at.scheduler.advance(CHECK_MS - 10)
    expect(log.logStart).toBe(0)
    expect(await at.files(0)).toHaveLength(4)
    await at.scheduler.advance(1_000)
    expect(log.logStart).toBe(2)
    expect(at.moved).toEqual([2])
    expect(await at.files(0)).toHaveLength(2)
    expect(at.metric('stratalog_retention_segments_deleted_total', 'time')).toBe(2)
    expect(at.metric('stratalog_retention_bytes_deleted_total', 'time')).toBe(2 * 561)
    expect(at.lines.join()).toContain('segments deleted by retention')
    await sweeper.close()
  })

  test('keeps the log start over a restart, before the files are gone', async () => {
    const at = bed()
    const log = await at.log(0)
    for (const days of [9, 8, 0]) at.segment(log, days * DAY_MS)
    const sweeper = at.sweeper()
    sweeper.start()
    await at.scheduler.advance(CHECK_MS + 1_000)
    await sweeper.close()
    await at.scheduler.settle(at.store?.close() ?? Promise.resolve())
    await at.open()
    expect((await at.log(0)).logStart).toBe(2)
  })

  test('rolls and deletes an active segment that has expired [D2]', async () => {
    const at = bed()
    const log = await at.log(0)
    const sweeper = at.sweeper()
    sweeper.start()
    at.segment(log, 9 * DAY_MS)
    at.segment(log, 8 * DAY_MS, false)
    await at.scheduler.advance(CHECK_MS + 1_000)
    expect([log.logStart, log.nextOffset, log.sizeBytes]).toEqual([2, 2, 0])
    expect(await at.files(0)).toHaveLength(0)
    at.segment(log, 0, false)
    await at.scheduler.advance(1_000)
    expect(log.nextOffset).toBe(3)
    await sweeper.close()
  })

  test('keeps what the write quorum does not hold', async () => {
    const at = bed()
    const log = await at.log(0)
    const sweeper = at.sweeper()
    sweeper.start()
    for (let i = 0; i < 4; i++) at.segment(log, 9 * DAY_MS)
    at.limits.set(log, 2)
    await at.scheduler.advance(CHECK_MS + 1_000)
    expect(log.logStart).toBe(2)
    await sweeper.close()
  })

  test('of a tiered partition drops what is archived, and keeps what is not committed', async () => {
    const here = bed()
    const { scheduler } = here
    const archive = { localRetentionMs: -1, localRetentionBytes: 1, lagMaxMs: DAY_MS }
    const log = await here.log(0, { archive })
    for (let i = 0; i < 6; i++) here.segment(log, DAY_MS)
    const says = { archivedEnd: offset(2), expired: 0 }
    here.archives.set(log, {
      get archivedEnd() {
        return says.archivedEnd
      },
      expiredTo: async () => offset(says.expired),
    })
    const sweeper = here.sweeper()
    sweeper.start()
    await scheduler.advance(CHECK_MS + 100)
    expect([log.logStart, log.localStart, log.segments[0]?.base]).toEqual([0, 2, 2])
    // Retention may take more than the archive has, but not what the write quorum does not hold.
    says.expired = 5
    here.limits.set(log, 4)
    await scheduler.advance(CHECK_MS + 100)
    expect([log.logStart, log.localStart, log.segments[0]?.base]).toEqual([4, 4, 4])
    expect(here.moved).toEqual([4])
    // The newest sealed segment stays, whatever is archived.
    says.archivedEnd = offset(6)
    here.limits.set(log, 6)
    says.expired = 4
    await scheduler.advance(CHECK_MS + 100)
    expect([log.logStart, log.localStart, log.segments[0]?.base]).toEqual([4, 5, 5])
    await scheduler.settle(sweeper.close())
  })

  test('is not stopped by an open transaction [D2]', async () => {
    const at = bed()
    const log = await at.log(0)
    const sweeper = at.sweeper()
    sweeper.start()
    const time = at.clock.wallMs() - 9 * DAY_MS
    const open = { producerId: 5, producerEpoch: 0, sequence: 0, attributes: 0x10 }
    log.append(makeBatch({ base: 0, time, ...open }), at.clock.wallMs())
    log.roll()
    expect(log.state.lastStable(offset(1))).toBe(0)
    await at.scheduler.advance(CHECK_MS + 1_000)
    expect(log.logStart).toBe(1)
    await sweeper.close()
  })

  test('works through many segments in slices, and through all partitions', async () => {
    const at = bed()
    const first = await at.log(0, { retentionBytes: 561, retentionMs: -1 })
    const second = await at.log(1)
    for (let i = 0; i < 100; i++) at.segment(first, 0)
    for (let i = 0; i < 3; i++) at.segment(second, 9 * DAY_MS)
    const sweeper = at.sweeper()
    sweeper.start()
    await at.scheduler.advance(CHECK_MS + 10)
    expect(first.segments.length).toBeGreaterThan(50)
    expect(first.segments.length).toBeLessThan(101)
    await at.scheduler.advance(1_000)
    expect([first.logStart, first.sizeBytes, second.logStart]).toEqual([99, 561, 3])
    expect(at.metric('stratalog_retention_segments_deleted_total', 'size')).toBe(99)
    expect(at.metric('stratalog_retention_rounds_total')).toBe(1)
    await sweeper.close()
  })

  test('deletes nothing because the wall clock jumped, and says so', async () => {
    const at = bed()
    const log = await at.log(0)
    at.segment(log, 2 * DAY_MS)
    at.segment(log, 0, false)
    const sweeper = at.sweeper()
    sweeper.start()
    at.clock.jumpWall(10 * 365 * DAY_MS)
    await at.scheduler.advance(5 * CHECK_MS)
    expect(log.logStart).toBe(0)
    const lag = at.metric('stratalog_retention_clock_lag_seconds') ?? 0
    expect(lag).toBeGreaterThan(9 * 365 * 86_400)
    at.clock.jumpWall(-10 * 365 * DAY_MS)
    await at.scheduler.advance(CHECK_MS)
    expect(at.metric('stratalog_retention_clock_lag_seconds')).toBe(0)
    await at.scheduler.advance(5 * DAY_MS)
    expect(log.logStart).toBe(1)
    await sweeper.close()
  })

  test('believes no date that nothing proves, after a start with old data', async () => {
    const at = bed()
    const log = await at.log(0)
    at.segment(log, 9 * DAY_MS)
    const sweeper = at.sweeper()
    sweeper.start()
    await at.scheduler.advance(2 * CHECK_MS)
    expect(log.logStart).toBe(0)
    at.segment(log, 0, false)
    await at.scheduler.advance(3_600_000 + 2 * CHECK_MS)
    expect(log.logStart).toBe(1)
    await sweeper.close()
  })

  test('forgets idle producers', async () => {
    const at = bed()
    const log = await at.log(0)
    const producer = { producerId: 5, producerEpoch: 0, sequence: 0 }
    log.append(makeBatch({ base: 0, time: at.clock.wallMs(), ...producer }), at.clock.wallMs())
    const sweeper = at.sweeper()
    sweeper.start()
    await at.scheduler.advance(DAY_MS - CHECK_MS)
    expect(log.state.producers.size).toBe(1)
    await at.scheduler.advance(3 * CHECK_MS)
    expect(log.state.producers.size).toBe(0)
    expect(at.metric('stratalog_producers_expired_total')).toBe(1)
    await sweeper.close()
  })

  test('leaves closed logs alone, and does nothing once it is closed', async () => {
    const at = bed()
    const [gone, late] = [await at.log(0), await at.log(1)]
    for (const log of [gone, late]) at.segment(log, 9 * DAY_MS)
    const sweeper = at.sweeper()
    sweeper.start()
    await at.scheduler.settle(at.store?.remove(gone.identity) ?? Promise.resolve())
    await at.scheduler.settle(sweeper.close())
    await at.scheduler.advance(3 * CHECK_MS)
    expect([gone.logStart, late.logStart]).toEqual([0, 0])
  })
})

describe('persist() beside retention', () => {
  test('passes over no segment when retention takes one from the front', async () => {
    const at = bed()
    const log = await at.log(0)
    for (let i = 0; i < 3; i++) at.segment(log, 9 * DAY_MS)
    await at.scheduler.advance(1_000)
    at.segment(log, 0, false)
    const active = log.active
    expect(active.bytes.synced).toBe(0)
    const persisting = log.persist()
    const dropping = log.dropSegmentsBelow(offset(3))
    await at.scheduler.settle(Promise.all([persisting, dropping]))
    expect(log.segments).toEqual([active])
    expect(log.persistedEnd).toBe(4)
    expect(active.bytes.synced).toBe(active.bytes.length)
  })
})

describe('IdleSweeper', () => {
  test('lets go of files and indexes of sealed segments that nobody reads', async () => {
    const at = bed()
    const log = await at.log(0)
    for (let i = 0; i < 5; i++) at.segment(log, 0)
    at.segment(log, 0, false)
    await at.scheduler.settle(log.persist())
    const sealed = log.segments.slice(0, 5)
    const relaxed: number[] = []
    for (const segment of log.segments) {
      const relax = segment.relax.bind(segment)
      segment.relax = () => {
        relaxed.push(segment.base)
        return relax()
      }
    }
    const store = at.store
    if (store === null) throw new Error('no store')
    const sweeper = new IdleSweeper({
      clock: at.clock,
      logs: () => store.logs(),
      background: (name, work) => store.background(name, work),
    })
    sweeper.start()
    await at.scheduler.advance(31_000)
    expect(relaxed).toEqual(sealed.map(({ base }) => base))
    const into = new Uint8Array(100)
    expect(await at.scheduler.settle(sealed[0]?.bytes.read(0, into) ?? Promise.resolve(0))).toBe(
      100,
    )
    await at.scheduler.settle(sweeper.close())
    await at.scheduler.advance(90_000)
    expect(relaxed).toHaveLength(5)
  })
})
