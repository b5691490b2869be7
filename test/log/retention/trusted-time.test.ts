// The time that retention believes, when clocks do what clocks do.
import { describe, expect, test } from 'vitest'
import { HOLD_MS, LEAP_MAX_MS, TrustedTime } from '../../../src/log/retention/trusted-time.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const YEAR = 365 * DAY
const T = Date.UTC(2026, 0, 1)

/** A time and a way to look at it with the clocks given in hours. */
const clocks = (): {
  at: (wall: number, mono: number, newest: number | null) => number
  time: TrustedTime
} => {
  const time = new TrustedTime()
  return {
    time,
    at: (wall, mono, newest) =>
      time.look({
        wallMs: T + wall * HOUR,
        monotonicMs: mono * HOUR,
        newestMs: newest === null ? -1 : T + newest * HOUR,
      }),
  }
}

describe('TrustedTime.look()', () => {
  test('is the wall clock while nothing is wrong', () => {
    const { at, time } = clocks()
    expect(at(0, 0, 0)).toBe(T)
    expect(at(5, 5, 4)).toBe(T + 5 * HOUR)
    expect(time.lagMs).toBe(0)
  })

  test('is the wall clock on a fresh broker, also for old records written later [D2]', () => {
    const { at } = clocks()
    expect(at(0, 0, null)).toBe(T)
    expect(at(1, 1, -24 * 30)).toBe(T + HOUR)
  })

  test('goes on through an idle month', () => {
    const { at } = clocks()
    at(0, 0, 0)
    for (let day = 1; day <= 30; day++) at(day * 24, day * 24, 0)
    expect(at(31 * 24, 31 * 24, 0)).toBe(T + 31 * DAY)
  })

  test('does not follow a wall clock that jumps ahead by years', () => {
    const { at, time } = clocks()
    at(0, 0, 0)
    const now = at(10 * 365 * 24, 1, 0)
    expect(now).toBe(T + LEAP_MAX_MS)
    expect(time.lagMs).toBe(10 * YEAR - LEAP_MAX_MS)
    expect(at(2, 2, 1)).toBe(T + 2 * HOUR)
  })

  test('does not believe a wrong date at the start of the process', () => {
    const { at } = clocks()
    expect(at(10 * 365 * 24, 0, 0)).toBe(T + LEAP_MAX_MS)
  })

  test('believes producers who agree with a leap only after it has held', () => {
    const { at } = clocks()
    at(0, 0, 0)
    const far = 365 * 24
    const held = at(far, 1, far)
    expect(held).toBe(T + HOUR)
    expect(at(far + 0.5, 1.5, far)).toBe(T + 1.5 * HOUR)
    expect(at(far + 1, 2, far + 1)).toBe(T + YEAR + HOUR)
  })

  test('forgets a leap that was taken back', () => {
    const { at } = clocks()
    at(0, 0, 0)
    at(365 * 24, 1, 365 * 24)
    expect(at(1.5, 1.5, 1)).toBe(T + 1.5 * HOUR)
    expect(at(365 * 24, 2, 365 * 24)).toBe(T + 2 * HOUR)
    expect(HOLD_MS).toBe(HOUR)
  })

  test('catches up at once after a sleep of up to a day', () => {
    const { at } = clocks()
    at(0, 0, 0)
    expect(at(9, 1, 0)).toBe(T + 9 * HOUR)
  })

  test('is never ahead of the wall clock', () => {
    const { at } = clocks()
    at(0, 0, 0)
    expect(at(-12, 1, 0)).toBe(T - 12 * HOUR)
    expect(at(1, 2, 0)).toBe(T + HOUR)
    expect(at(-48, 3, 0)).toBe(T - 48 * HOUR)
    expect(at(2, 4, 0)).toBe(T - 47 * HOUR)
    expect(at(3, 5, 0)).toBe(T + 3 * HOUR)
  })
})
