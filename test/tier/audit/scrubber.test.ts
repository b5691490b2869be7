// The scrubber over archives that say what it may find: what it counts, how fast it reads, where it
// goes on, and what it makes of a store that is away.
import { describe, expect, it } from 'vitest'
import { OperatingError } from '../../../src/base/errors.ts'
import { offset, type Offset } from '../../../src/base/units.ts'
import type { AuditFinding } from '../../../src/tier/audit/audit-partition.ts'
import {
  Scrubber,
  type AuditedBytes,
  type ScrubbedArchive,
} from '../../../src/tier/audit/scrubber.ts'
import type { SegmentEntry } from '../../../src/tier/manifest/entry.ts'
import { Scheduler, SimClock } from '../../sim/clock.ts'
import { Instruments } from '../chaos/instruments.ts'
import { entryAt } from '../support.ts'

const MiB = 1 << 20
const INTERVAL_MS = 10_000

/** An archive of `count` segments of 10 offsets and 1 MiB each. */
class Archive implements ScrubbedArchive {
  readonly name: string
  readonly count: number
  findings: AuditFinding[] = []
  bad = new Set<number>()
  trouble: OperatingError | null = null
  readonly read: number[] = []
  readonly given: (readonly string[])[] = []
  readonly damages: string[] = []

  constructor(name: string, count: number) {
    this.name = name
    this.count = count
  }

  async *audit(
    segment: (entry: SegmentEntry) => void,
  ): AsyncGenerator<AuditFinding, void, undefined> {
    if (this.trouble !== null) throw this.trouble
    for (let i = 0; i < this.count; i++) segment(entryAt(i * 10, 10))
    yield* await Promise.resolve(this.findings)
  }

  auditBytes(at: Offset): Promise<AuditedBytes | null> {
    const i = Math.floor(at / 10)
    if (i >= this.count) return Promise.resolve(null)
    this.read.push(i)
    const finding = this.bad.has(i)
      ? ({ fault: 'mismatched', key: `seg-${i}`, text: 'altered' } as const)
      : null
    return Promise.resolve({ finding, bytes: MiB, next: offset(i * 10 + 10) })
  }

  orphans(keys: readonly string[]): Promise<number> {
    this.given.push(keys)
    return Promise.resolve(keys.length)
  }

  damaged(key: string): void {
    this.damages.push(key)
  }
}

class Rig {
  readonly scheduler = new Scheduler()
  readonly telemetry = new Instruments()
  readonly scrubber: Scrubber
  readonly lines: string[] = []
  known = false

  constructor(archives: readonly Archive[], bytesPerSecond: number) {
    const log = (level: string, event: string, fields?: unknown): void => {
      this.lines.push(`${level} ${event} ${JSON.stringify(fields)}`)
    }
    this.scrubber = new Scrubber(
      {
        clock: new SimClock(this.scheduler),
        telemetry: Object.assign(this.telemetry, { log }),
        archives: () => archives,
        background: () => undefined,
        isKnown: () => this.known,
      },
      { intervalMs: INTERVAL_MS, bytesPerSecond },
    )
  }

  round(): Promise<void> {
    return this.scheduler.settle(this.scrubber.round())
  }

  count(name: string): number {
    return this.telemetry.count(`stratalog_tier_${name}`)
  }
}

const finding = (fault: AuditFinding['fault'], key: string): AuditFinding => ({
  fault,
  key,
  text: 'so it is',
})

describe('Scrubber', () => {
  it('looks at every archive and every byte, and counts', async () => {
    const [one, two] = [new Archive('one', 3), new Archive('two', 2)]
    const rig = new Rig([one, two], MiB)
    await rig.round()
    expect([one.read, two.read]).toEqual([
      [0, 1, 2],
      [0, 1],
    ])
    expect(rig.count('scrubbed_segments_total')).toBe(5)
    expect(rig.count('scrubbed_bytes_total')).toBe(5 * MiB)
    expect(rig.count('scrub_rounds_total')).toBe(1)
    expect(rig.lines).toEqual([])
  })

  it('tells of what it finds, has damages mended and orphans removed', async () => {
    const one = new Archive('one', 3)
    one.findings = [finding('orphaned', 'a'), finding('missing', 'b'), finding('orphaned', 'c')]
    one.bad.add(1)
    const rig = new Rig([one], MiB)
    await rig.round()
    expect(one.given).toEqual([['a', 'c']])
    expect(one.damages).toEqual(['b', 'seg-1'])
    expect(rig.count('orphans_removed_total')).toBe(2)
    expect(rig.lines.length).toBe(4)
    expect(rig.lines.filter((line) => line.includes('not as it should be')).length).toBe(4)
  })

  it('reads no faster than it may', async () => {
    const one = new Archive('one', 8)
    const rig = new Rig([one], MiB / 2)
    await rig.round()
    expect(rig.scheduler.nowMs).toBeGreaterThanOrEqual(16_000)
    expect(rig.scheduler.nowMs).toBeLessThan(17_000)
  })

  it('reads no bytes where it may read none', async () => {
    const one = new Archive('one', 3)
    const rig = new Rig([one], 0)
    await rig.round()
    expect([one.read, one.given]).toEqual([[], [[]]])
  })

  it('ends a round early when the store is away, and says so once', async () => {
    const [one, two] = [new Archive('one', 1), new Archive('two', 1)]
    one.trouble = new OperatingError('retry', 'The store is away')
    const rig = new Rig([one, two], MiB)
    await rig.round()
    expect([two.read, rig.count('scrub_rounds_total')]).toEqual([[], 0])
    expect(rig.lines).toEqual(['info cannot scrub {"archive":"one","reason":"The store is away"}'])
    rig.known = true
    await rig.round()
    expect(rig.lines.length).toBe(1)
  })

  it('goes on to the next archive behind one that it is refused', async () => {
    const [one, two] = [new Archive('one', 1), new Archive('two', 1)]
    one.trouble = new OperatingError('refused', 'No')
    const rig = new Rig([one, two], MiB)
    await rig.round()
    expect(two.read).toEqual([0])
    expect(rig.lines).toEqual(['warn cannot scrub {"archive":"one","reason":"No"}'])
  })

  it('goes round after round, and ends in the middle of one', async () => {
    const one = new Archive('one', 3)
    const rig = new Rig([one], MiB)
    rig.scrubber.start()
    await rig.scheduler.advance(2 * INTERVAL_MS + 3_500)
    expect(rig.count('scrub_rounds_total')).toBe(1)
    const before = one.read.length
    expect(before).toBeGreaterThan(3)
    await rig.scheduler.settle(rig.scrubber.close())
    await rig.scheduler.advance(5 * INTERVAL_MS)
    expect(one.read.length).toBe(before)
  })
})
