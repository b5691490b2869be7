import { describe, expect, it } from 'vitest'
import { OperatingError } from '../../../src/base/errors.ts'
import { Prng } from '../../../src/base/prng.ts'
import { Hedging } from '../../../src/tier/store/hedging.ts'
import { kindOf } from '../../contract/disk.ts'
import { Scheduler, SimClock } from '../../sim/clock.ts'

const KIB = 1024

interface Rig {
  readonly scheduler: Scheduler
  readonly hedging: Hedging
  readonly counts: { hedges: { value: number }; hedgesWon: { value: number } }
  /** Reads once: the nth request is answered after the nth time, with the nth value. */
  read(answers: readonly (readonly [number, unknown])[], size?: number): Promise<unknown>
  /** Requests that were ended because they were not wanted any more. */
  aborted(): number
}

const make = (): Rig => {
  const scheduler = new Scheduler()
  const counts = { hedges: { value: 0 }, hedgesWon: { value: 0 } }
  const options = { firstMs: 200, leastMs: 20, shareMax: 0.05 }
  const hedging = new Hedging(new SimClock(scheduler), options, counts)
  let aborted = 0
  const read: Rig['read'] = (answers, size = KIB) => {
    let sent = 0
    return hedging.run(size, new AbortController().signal, (signal) => {
      const [delayMs, value] = answers[sent++] ?? [0, new Error('Too many requests')]
      return new Promise((resolve, reject) => {
        const cancel = scheduler.schedule(delayMs, () => {
          if (value instanceof Error) reject(value)
          else resolve(value)
        })
        signal.addEventListener('abort', () => {
          aborted++
          cancel()
          reject(new OperatingError('closed', 'aborted'))
        })
      })
    })
  }
  return { scheduler, hedging, counts, read, aborted: () => aborted }
}

const broken = new OperatingError('retry', 'broken')
const refused = new OperatingError('refused', 'no')

describe('Hedging', () => {
  it('asks once when the answer comes in time', async () => {
    const { scheduler, counts, read, aborted } = make()
    expect(await scheduler.settle(read([[199, 'one']]))).toBe('one')
    expect([counts.hedges.value, aborted(), scheduler.pending]).toEqual([0, 0, 0])
  })

  it('takes the second answer when it is the first to come, and ends the other request', async () => {
    const { scheduler, counts, read, aborted } = make()
    const slow = read([
      [5000, 'one'],
      [50, 'two'],
    ])
    expect(await scheduler.settle(slow)).toBe('two')
    expect([scheduler.nowMs, aborted(), scheduler.pending]).toEqual([250, 1, 0])
    expect([counts.hedges.value, counts.hedgesWon.value]).toEqual([1, 1])
  })

  it('takes the first answer when it comes after all', async () => {
    const { scheduler, counts, read, aborted } = make()
    const slow = read([
      [220, 'one'],
      [50, 'two'],
    ])
    expect(await scheduler.settle(slow)).toBe('one')
    expect([aborted(), counts.hedges.value, counts.hedgesWon.value]).toEqual([1, 1, 0])
  })

  it('waits for the other request when one fails alone, and fails when both have', async () => {
    const { scheduler, read } = make()
    const saved = read([
      [210, broken],
      [50, 'two'],
    ])
    expect(await scheduler.settle(saved)).toBe('two')
    for (let i = 0; i < 20; i++) await scheduler.settle(read([[1, 'quick']]))
    const lost = read(
      [
        [500, broken],
        [50, broken],
      ],
      64 * KIB * KIB,
    )
    expect(await kindOf(scheduler.settle(lost))).toBe('retry')
  })

  it('fails at once, without a second request, when the first has failed', async () => {
    const { scheduler, counts, read } = make()
    expect(await kindOf(scheduler.settle(read([[10, broken]])))).toBe('retry')
    expect([scheduler.nowMs, counts.hedges.value]).toEqual([10, 0])
  })

  it('fails at once with what both would meet', async () => {
    const { scheduler, read, aborted } = make()
    const slow = read([
      [5000, 'one'],
      [50, refused],
    ])
    expect(await kindOf(scheduler.settle(slow))).toBe('refused')
    expect([scheduler.nowMs, aborted()]).toEqual([250, 1])
  })

  it('learns what is late for reads of each size, and does not unlearn it by hedging', async () => {
    const { scheduler, hedging, read } = make()
    const prng = new Prng(4)
    const answer = (): [number, string] => [prng.between(10, 110), 'x']
    for (let round = 0; round < 5; round++) {
      for (let i = 0; i < 400; i++) {
        await scheduler.settle(read([answer(), answer()]))
        await scheduler.settle(read([[prng.between(400, 500), 'x'], answer()], KIB * KIB))
      }
      expect(hedging.delayMs(KIB)).toBeGreaterThan(95)
      expect(hedging.delayMs(KIB)).toBeLessThan(112)
      expect(hedging.delayMs(KIB * KIB)).toBeGreaterThan(480)
    }
    expect(hedging.delayMs(-1)).toBe(200)
  })

  it('sinks to the 90th percentile at worst by what it has cut short', async () => {
    const { scheduler, hedging, read } = make()
    const prng = new Prng(6)
    const took = (): number => (prng.chance(0.12) ? 1000 : 40 + 10 * prng.float())
    let patient = 0
    for (let i = 0; i < 6000; i++) {
      const first: [number, string] = [took(), 'x']
      await scheduler.settle(read([first, [took(), 'y']]))
      if (hedging.delayMs(KIB) === 1000) patient++
    }
    expect(patient).toBeGreaterThan(4000)
  })

  it('takes a read that got no answer in time for a late one', async () => {
    const { scheduler, hedging } = make()
    for (let i = 0; i < 32; i++) {
      const abort = new AbortController()
      scheduler.schedule(3000, () => abort.abort(new OperatingError('retry', 'too late')))
      const run = hedging.run(KIB, abort.signal, () => new Promise(() => {}))
      expect(await kindOf(scheduler.settle(run))).toBe('retry')
    }
    expect(hedging.delayMs(KIB)).toBe(3000)
  })

  it('does not wait less than the least', async () => {
    const { scheduler, hedging, read } = make()
    for (let i = 0; i < 50; i++) await scheduler.settle(read([[1, 'x']]))
    expect(hedging.delayMs(KIB)).toBe(20)
  })

  it('does not double what a slow store has to do', async () => {
    const { scheduler, counts, read } = make()
    for (let i = 0; i < 100; i++) await scheduler.settle(read([[30, 'x']]))
    // It grows slower faster than any percentile can tell.
    for (let i = 1; i <= 1000; i++) {
      const late: [number, string] = [30 + i * 20, 'x']
      await scheduler.settle(read([late, late]))
    }
    expect(counts.hedges.value).toBeGreaterThan(20)
    expect(counts.hedges.value).toBeLessThanOrEqual(1 + 1100 * 0.05)
  })

  it('an abort ends both requests', async () => {
    const { scheduler, hedging } = make()
    const abort = new AbortController()
    const signals: AbortSignal[] = []
    const run = hedging.run(KIB, abort.signal, (signal) => {
      signals.push(signal)
      return new Promise(() => {})
    })
    scheduler.schedule(300, () => abort.abort(new OperatingError('closed', 'enough')))
    expect(await kindOf(scheduler.settle(run))).toBe('closed')
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true])
    expect(scheduler.pending).toBe(0)
  })

  it('shortens the tail of a store of which one answer in fifty is slow', async () => {
    const p99 = async (share: number): Promise<number> => {
      const scheduler = new Scheduler()
      const counts = { hedges: { value: 0 }, hedgesWon: { value: 0 } }
      const options = { firstMs: 200, leastMs: 20, shareMax: share }
      const hedging = new Hedging(new SimClock(scheduler), options, counts)
      const prng = new Prng(9)
      const took: number[] = []
      for (let i = 0; i < 3000; i++) {
        const fromMs = scheduler.nowMs
        const start = (): Promise<void> =>
          new Promise((resolve) => {
            const delayMs = prng.chance(0.02) ? prng.between(800, 2000) : prng.between(10, 60)
            scheduler.schedule(delayMs, resolve)
          })
        await scheduler.settle(hedging.run(KIB, new AbortController().signal, start))
        took.push(scheduler.nowMs - fromMs)
      }
      return took.sort((a, b) => a - b)[2970] ?? 0
    }
    expect(await p99(1e-9)).toBeGreaterThan(800)
    expect(await p99(0.05)).toBeLessThan(250)
  })
})
