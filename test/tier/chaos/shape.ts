// How one life of the chaos is: drawn from its seed as a whole, before anything happens, so that a
// life can be told in a line and a flaw can be given the conditions under which it shows.
import type { Prng } from '../../../src/base/prng.ts'
import { MiB } from '../../../src/base/units.ts'
import type { LogSettings } from '../../../src/log/log-host.ts'
import type { StoreTraits } from '../../../src/ports/object-store.ts'
import type { StoreRates } from '../../sim/store-faults.ts'
import { settings } from '../../log/store-harness.ts'

/** What a seed decides in advance. Milliseconds and bytes. */
export interface Shape {
  readonly kind: StoreTraits['kind']
  /** Whether the store says that it has compared a checksum. */
  readonly checked: boolean
  /** Chance that a segment's bytes rot while they are being stored; only where none is compared. */
  readonly corrupts: number
  readonly rewriteMs: number
  readonly listLagMs: number
  readonly shortPages: number
  readonly rates: StoreRates
  readonly partitions: number
  /** Whether the first partition has a long history in pages already. */
  readonly veteran: boolean
  readonly acts: number
  readonly checkMs: number
  readonly sweepMs: number
  readonly scrubMs: number
  /** Bytes a second. */
  readonly scrubBytes: number
  readonly graceMs: number
  readonly uploadsMax: number
  readonly readBytesMax: number
  readonly cached: boolean
  readonly log: LogSettings
  /** Chances of what happens to processes, relative to each other; all together some percents. */
  readonly upheaval: number
  /** Of a hundred of those so many are restores. */
  readonly restores: number
  /** A slow request takes up to so long. */
  readonly slowMs: number
}

/** Draws a shape. */
export function drawShape(prng: Prng): Shape {
  const checked = prng.chance(0.6)
  const temper = prng.chance(0.2) ? 0 : prng.float() * 0.1
  const rate = (): number => prng.float() * temper
  const kind = (['s3', 'gcs', 'azure'] as const)[prng.below(3)] ?? 's3'
  const someOf = (chance: number, least: number, most: number): number =>
    prng.chance(chance) ? prng.between(least, most) : -1
  return {
    kind,
    checked,
    corrupts: !checked && prng.chance(0.5) ? prng.float() * 0.3 : 0,
    rewriteMs: prng.chance(0.15) ? 1_000 : 0,
    listLagMs: prng.chance(0.4) ? prng.below(2_000) : 0,
    shortPages: prng.float() * 0.3,
    rates: {
      before: rate(),
      throttle: rate(),
      lost: rate(),
      hang: rate() / 3,
      mute: rate() / 3,
      conflict: rate(),
      drop: rate(),
      truncate: rate() / 3,
      flip: rate() / 3,
      slow: rate(),
      late: prng.chance(0.6) ? prng.float() : 0,
    },
    partitions: prng.chance(0.7) ? 1 : 2 + prng.below(2),
    veteran: prng.chance(0.02),
    acts: 15 + prng.below(45),
    checkMs: [100, 300, 1_000][prng.below(3)] ?? 300,
    sweepMs: 200 + prng.below(1_500),
    scrubMs: 300 + prng.below(3_000),
    scrubBytes: [0, 10_000, 1_000_000][prng.below(3)] ?? 0,
    graceMs: 300 + prng.below(prng.chance(0.5) ? 1_500 : 8_000),
    uploadsMax: 1 + prng.below(4),
    readBytesMax: (2 + prng.below(6)) * MiB,
    cached: prng.chance(0.5),
    log: settings({
      segmentBytes: 400 + prng.below(2_000),
      retentionBytes: someOf(0.4, 2_000, 15_000),
      retentionMs: someOf(0.3, 5_000, 60_000),
      archive: {
        localRetentionBytes: someOf(0.7, 1, 4_000),
        localRetentionMs: someOf(0.3, 500, 20_000),
        lagMaxMs: 500 + prng.below(15_000),
      },
    }),
    upheaval: prng.float() * 10,
    restores: 7,
    slowMs: prng.chance(0.7) ? 5_000 : 40_000,
  }
}

/** A long history is looked at less often, or a life would do nothing else. */
export const fitted = (shape: Shape): Shape =>
  shape.veteran ? { ...shape, scrubBytes: 0, scrubMs: shape.scrubMs + 5_000 } : shape
