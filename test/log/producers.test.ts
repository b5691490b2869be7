import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ErrorCode } from '../../src/base/error-codes.ts'
import { FormatError } from '../../src/base/errors.ts'
import { Reader } from '../../src/base/reader.ts'
import { offset } from '../../src/base/units.ts'
import { Writer } from '../../src/base/writer.ts'
import type { AbortedSpan } from '../../src/log/state/aborted.ts'
import { decodeProducers, encodeProducers } from '../../src/log/state/producer-snapshot.ts'
import { advanceSequence, Producers, type ProducerBatch } from '../../src/log/state/producers.ts'

const LIMITS = { producersMax: 1_000, expirationMs: 86_400_000 }
const INT32_MAX = 0x7fffffff

/** A partition's log end with its producer state: appends what `check` allows. */
class Bench {
  producers: Producers = new Producers(LIMITS)
  end = 0
  now = 1_000_000

  /** The code, or the base offset as `at N` / `dup N`. */
  send(fields: Partial<ProducerBatch> & { readonly count?: number }, epochBumps = false): string {
    const count = fields.count ?? 1
    const batch: ProducerBatch = {
      producerId: 7,
      producerEpoch: 0,
      baseSequence: 0,
      transactional: false,
      maxTimestamp: this.now,
      ...fields,
      lastOffsetDelta: count - 1,
    }
    const verdict = this.producers.check(batch, epochBumps)
    if (verdict.duplicate) {
      expect(verdict.code).toBe(0)
      expect(verdict.endOffset - verdict.baseOffset).toBe(count)
      return `dup ${verdict.baseOffset} ${verdict.timestampMs}`
    }
    if (verdict.code !== 0) return `error ${verdict.code}`
    this.producers.update(batch, offset(this.end), this.now)
    this.end += count
    return `at ${this.end - count}`
  }

  mark(commit: boolean, epoch = 0, coordinatorEpoch = 0, producerId = 7): AbortedSpan | null {
    const marker = { producerId, producerEpoch: epoch, coordinatorEpoch, commit }
    return this.producers.complete(marker, offset(this.end++), this.now, this.now)
  }

  /** The same state after a trip through a snapshot. */
  reload(): void {
    const to = new Writer()
    encodeProducers(this.producers, to)
    const from = new Reader(to.bytes())
    this.producers = decodeProducers(from, LIMITS)
    expect(from.left).toBe(0)
    const again = new Writer()
    encodeProducers(this.producers, again)
    expect(again.bytes()).toEqual(to.bytes())
  }
}

const GAP = `error ${ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER}`
const STALE = `error ${ErrorCode.INVALID_PRODUCER_EPOCH}`

describe('Producers.check()', () => {
  it('answers a repeat of the last five batches with its original offset and time [I2]', () => {
    const bench = new Bench()
    for (let i = 0; i < 7; i++) {
      bench.now = 5_000 + i
      expect(bench.send({ baseSequence: i * 3, count: 3 })).toBe(`at ${i * 3}`)
    }
    for (let i = 2; i < 7; i++) {
      expect(bench.send({ baseSequence: i * 3, count: 3 })).toBe(`dup ${i * 3} ${5_000 + i}`)
    }
    expect(bench.end).toBe(21)
    expect(bench.send({ baseSequence: 3, count: 3 })).toBe(GAP)
    expect(bench.send({ baseSequence: 6, count: 2 })).toBe(GAP)
  })

  it('takes only the next sequence, which wraps from 2^31 - 1 to 0 [I3]', () => {
    const bench = new Bench()
    expect(bench.send({ baseSequence: INT32_MAX - 1, count: 2 })).toBe('at 0')
    expect(bench.send({ baseSequence: 1 })).toBe(GAP)
    expect(bench.send({ baseSequence: 0, count: 5 })).toBe('at 2')
    expect(bench.send({ baseSequence: INT32_MAX - 1, count: 2 })).toBe(`dup 0 ${bench.now}`)
    const across = new Bench()
    expect(across.send({ baseSequence: INT32_MAX - 1, count: 5 })).toBe('at 0')
    expect(across.send({ baseSequence: 3 })).toBe('at 5')
    expect(across.send({ baseSequence: INT32_MAX - 1, count: 5 })).toBe(`dup 0 ${across.now}`)
    expect(advanceSequence(INT32_MAX, 1)).toBe(0)
    expect(advanceSequence(INT32_MAX - 1, 1)).toBe(INT32_MAX)
  })

  it('takes any first sequence of an unknown producer, but 0 where epochs are bumped [I4]', () => {
    expect(new Bench().send({ baseSequence: 1234 })).toBe('at 0')
    expect(new Bench().send({ baseSequence: 1234 }, true)).toBe('at 0')
    expect(new Bench().send({ baseSequence: 1234, transactional: true }, true)).toBe(GAP)
    expect(new Bench().send({ baseSequence: 0, transactional: true }, true)).toBe('at 0')
  })

  it('refuses a lower epoch with 47 and a higher one that does not begin at 0 [I5]', () => {
    const bench = new Bench()
    bench.send({ producerEpoch: 3, baseSequence: 40 })
    expect(bench.send({ producerEpoch: 2, baseSequence: 41 })).toBe(STALE)
    expect(bench.send({ producerEpoch: 2, baseSequence: 40 })).toBe(STALE)
    expect(bench.send({ producerEpoch: 4, baseSequence: 41 })).toBe(GAP)
    expect(bench.send({ producerEpoch: 4, baseSequence: 0 })).toBe('at 1')
    expect(bench.send({ producerEpoch: 4, baseSequence: 41 })).toBe(GAP)
  })

  it('changes nothing itself, and answers an in-flight batch with the offset it has [I8]', () => {
    const bench = new Bench()
    bench.send({ baseSequence: 0 })
    const batch: ProducerBatch = {
      producerId: 7,
      producerEpoch: 0,
      baseSequence: 1,
      lastOffsetDelta: 0,
      transactional: true,
      maxTimestamp: 1,
    }
    for (let i = 0; i < 3; i++) {
      expect(bench.producers.check(batch, false)).toMatchObject({ code: 0, duplicate: false })
    }
    expect(bench.producers.firstUnstable(offset(99))).toBe(null)
    bench.producers.update(batch, offset(1), 1)
    expect(bench.producers.check(batch, false)).toMatchObject({ duplicate: true, baseOffset: 1 })
  })

  it('refuses a plain batch of a producer with an open transaction [T10]', () => {
    const bench = new Bench()
    bench.send({ baseSequence: 0, transactional: true })
    expect(bench.send({ baseSequence: 1 })).toBe(`error ${ErrorCode.INVALID_TXN_STATE}`)
    bench.mark(true)
    expect(bench.send({ baseSequence: 1 })).toBe('at 2')
  })

  it("checks only epoch and transaction of a coordinator's writes, which have no sequence", () => {
    const bench = new Bench()
    expect(bench.send({ baseSequence: -1, producerEpoch: 2, transactional: true })).toBe('at 0')
    expect(bench.send({ baseSequence: -1, producerEpoch: 2, transactional: true })).toBe('at 1')
    expect(bench.send({ baseSequence: -1, producerEpoch: 1, transactional: true })).toBe(STALE)
    expect(bench.producers.firstUnstable(offset(9))).toBe(0)
  })

  it('remembers no more producers than its limit, and forgets the longest idle', () => {
    const bench = new Bench()
    bench.producers = new Producers({ producersMax: 128, expirationMs: 1e9 })
    for (let id = 0; id < 1_000; id++) {
      bench.now++
      bench.send({ producerId: id, transactional: id === 3 })
      expect(bench.producers.size).toBeLessThanOrEqual(128)
    }
    const ids = bench.producers.describe().map((producer) => producer.producerId)
    expect(ids).toContain(3)
    expect(ids).toContain(999)
    expect(ids).not.toContain(500)
    expect(bench.producers.firstUnstable(offset(1_000))).toBe(3)
  })

  it('refuses a new producer, retriably, when all it remembers have a transaction open', () => {
    const bench = new Bench()
    bench.producers = new Producers({ producersMax: 2, expirationMs: 1e9 })
    bench.send({ producerId: 1, transactional: true })
    bench.send({ producerId: 2, transactional: true })
    expect(bench.send({ producerId: 3 })).toBe(`error ${ErrorCode.NOT_ENOUGH_REPLICAS}`)
    bench.mark(true, 0, 0, 1)
    expect(bench.send({ producerId: 3 })).toBe('at 3')
  })
})

describe('Producers.expire()', () => {
  it('forgets the idle by broker time, never a live one with old record timestamps [I7]', () => {
    const bench = new Bench()
    bench.send({ producerId: 1, maxTimestamp: 9e15 })
    bench.send({ producerId: 2, transactional: true })
    bench.now += LIMITS.expirationMs - 1
    bench.send({ producerId: 3, maxTimestamp: 5 })
    expect(bench.producers.expire(bench.now)).toBe(0)
    expect(bench.producers.expire(bench.now + 1)).toBe(1)
    expect(bench.producers.describe().map((producer) => producer.producerId)).toEqual([2, 3])
    expect(bench.send({ producerId: 1, baseSequence: 17 })).toBe('at 3')
  })
})

describe('Producers.checkMarker()', () => {
  const marker = (producerEpoch: number, coordinatorEpoch = 5) =>
    ({ producerId: 7, producerEpoch, coordinatorEpoch, commit: true }) as const

  it('demands an epoch above the data under version 2, but accepts a repeat [T12]', () => {
    const bench = new Bench()
    bench.send({ producerEpoch: 4, transactional: true })
    expect(bench.producers.checkMarker(marker(4), 2)).toBe(ErrorCode.INVALID_PRODUCER_EPOCH)
    expect(bench.producers.checkMarker(marker(4), 1)).toBe(0)
    expect(bench.producers.checkMarker(marker(3), 1)).toBe(ErrorCode.INVALID_PRODUCER_EPOCH)
    expect(bench.producers.checkMarker(marker(5), 2)).toBe(0)
    bench.mark(true, 5, 5)
    expect(bench.producers.checkMarker(marker(5), 2)).toBe(0)
    expect(bench.producers.checkMarker(marker(4), 2)).toBe(ErrorCode.INVALID_PRODUCER_EPOCH)
  })

  it('fences an older coordinator with 52 [T12]', () => {
    const bench = new Bench()
    bench.send({ transactional: true })
    bench.mark(true, 0, 5)
    expect(bench.producers.checkMarker(marker(0, 4), 1)).toBe(
      ErrorCode.TRANSACTION_COORDINATOR_FENCED,
    )
    expect(bench.producers.checkMarker(marker(0, 5), 1)).toBe(0)
  })

  it('accepts a marker of a producer it does not know, and then asks for sequence 0', () => {
    const bench = new Bench()
    expect(bench.producers.checkMarker(marker(9), 2)).toBe(0)
    expect(bench.mark(false, 9)).toBe(null)
    expect(bench.send({ producerEpoch: 8 })).toBe(STALE)
    expect(bench.send({ producerEpoch: 9, baseSequence: 4 })).toBe(GAP)
    expect(bench.send({ producerEpoch: 9, baseSequence: 0 })).toBe('at 1')
  })
})

describe('Producers.complete()', () => {
  it('keeps the sequence window over a marker of the same epoch, not over a new one', () => {
    const bench = new Bench()
    bench.send({ baseSequence: 0, transactional: true })
    bench.mark(true)
    expect(bench.send({ baseSequence: 1, transactional: true })).toBe('at 2')
    bench.mark(false, 1)
    expect(bench.send({ producerEpoch: 1, baseSequence: 2, transactional: true })).toBe(GAP)
    expect(bench.send({ producerEpoch: 1, baseSequence: 0, transactional: true })).toBe('at 4')
  })

  it('gives the aborted transaction with the last stable offset at that moment [T13]', () => {
    const bench = new Bench()
    bench.send({ producerId: 1, transactional: true })
    bench.send({ producerId: 2, transactional: true })
    expect(bench.mark(false, 0, 0, 2)).toEqual({
      producerId: 2,
      firstOffset: 1,
      lastOffset: 2,
      lastStableOffset: 0,
    })
    expect(bench.mark(false, 0, 0, 1)).toMatchObject({ firstOffset: 0, lastStableOffset: 4 })
    expect(bench.mark(false, 0, 0, 1)).toBe(null)
  })

  it('holds the last stable offset down until the marker is below the high watermark [T13]', () => {
    const bench = new Bench()
    bench.send({ transactional: true })
    bench.send({ baseSequence: 1, transactional: true })
    expect(bench.producers.firstUnstable(offset(2))).toBe(0)
    bench.mark(true)
    bench.reload()
    expect(bench.producers.firstUnstable(offset(2))).toBe(0)
    expect(bench.producers.firstUnstable(offset(3))).toBe(null)
  })
})

/** The simplest thing that could be right: every batch ever appended, searched from the end. */
class Model {
  log: { id: number; epoch: number; first: number; count: number; base: number; txn: boolean }[] =
    []
  markers: { id: number; epoch: number; at: number; first: number }[] = []
  epochs = new Map<number, number>()
  open = new Map<number, number>()

  expect(id: number, epoch: number, first: number, count: number, txn: boolean): string {
    const known = this.epochs.get(id)
    if (known === undefined) return 'append'
    const last = this.log.filter((entry) => entry.id === id && entry.epoch === known)
    const since = this.markers.findLast((marker) => marker.id === id && marker.epoch !== epoch)
    const window = last.filter((entry) => since === undefined || entry.base > since.at).slice(-5)
    if (epoch === known) {
      const same = window.find((entry) => entry.first === first && entry.count === count)
      if (same !== undefined) return `dup ${same.base}`
    }
    if (epoch < known) return STALE
    const newest = window.at(-1)
    const next = epoch > known || newest === undefined ? 0 : (newest.first + newest.count) % 2 ** 31
    if (first !== next) return GAP
    return this.open.has(id) && !txn ? `error ${ErrorCode.INVALID_TXN_STATE}` : 'append'
  }
}

describe('Producers', () => {
  it('agree with a model that searches the whole log, over histories and reloads [I6]', () => {
    const step = fc.oneof(
      {
        weight: 8,
        arbitrary: fc.record({
          kind: fc.constant('batch' as const),
          id: fc.nat(2),
          epochStep: fc.constantFrom(0, 0, 0, 0, 1, -1),
          back: fc.constantFrom(0, 0, 0, 0, 1, 2, 5, -1),
          count: fc.constantFrom(1, 1, 2, 3),
          txn: fc.boolean(),
        }),
      },
      {
        weight: 2,
        arbitrary: fc.record({
          kind: fc.constant('marker' as const),
          id: fc.nat(2),
          bump: fc.nat(1),
          commit: fc.boolean(),
        }),
      },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('reload' as const) }) },
      {
        weight: 1,
        arbitrary: fc.record({ kind: fc.constant('watermark' as const), lag: fc.nat(9) }),
      },
    )
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 80 }),
        fc.constantFrom(0, INT32_MAX - 6),
        (steps, start) => {
          const bench = new Bench()
          const model = new Model()
          const next = new Map<number, number>()
          let watermark = 0
          for (const one of steps) {
            if (one.kind === 'reload') bench.reload()
            else if (one.kind === 'watermark') {
              watermark = Math.max(watermark, bench.end - one.lag)
              const unstable = [
                ...model.open.values(),
                ...model.markers
                  .filter((m) => m.first >= 0 && m.at >= watermark)
                  .map((m) => m.first),
              ]
              const lowest = unstable.length === 0 ? null : Math.min(...unstable)
              expect(bench.producers.firstUnstable(offset(watermark))).toBe(lowest)
            } else if (one.kind === 'marker') {
              const epoch = (model.epochs.get(one.id) ?? 0) + one.bump
              const first = model.open.get(one.id) ?? -1
              model.open.delete(one.id)
              model.epochs.set(one.id, epoch)
              if (one.bump === 1) next.set(one.id, 0)
              model.markers.push({
                id: one.id,
                epoch: one.bump === 1 ? -1 : epoch,
                at: bench.end,
                first,
              })
              const span = bench.mark(one.commit, epoch, 0, one.id)
              expect(span?.firstOffset ?? -1).toBe(one.commit ? -1 : first)
            } else {
              const epoch = Math.max(0, (model.epochs.get(one.id) ?? 0) + one.epochStep)
              const sequence = (next.get(one.id) ?? start) - one.back
              const first = one.epochStep === 1 && one.back === 0 ? 0 : Math.max(0, sequence)
              const expected = model.expect(one.id, epoch, first, one.count, one.txn)
              const base = bench.end
              const got = bench.send({
                producerId: one.id,
                producerEpoch: epoch,
                baseSequence: first,
                count: one.count,
                transactional: one.txn,
              })
              if (expected !== 'append') {
                expect(got.split(' ').slice(0, 2).join(' ')).toBe(expected)
                continue
              }
              expect(got).toBe(`at ${base}`)
              model.log.push({ id: one.id, epoch, first, count: one.count, base, txn: one.txn })
              model.epochs.set(one.id, epoch)
              next.set(one.id, (first + one.count) % 2 ** 31)
              if (one.txn && !model.open.has(one.id)) model.open.set(one.id, base)
            }
          }
        },
      ),
      { numRuns: 400 },
    )
  })
})

describe('decodeProducers()', () => {
  const snapshot = (): Uint8Array => {
    const bench = new Bench()
    for (let i = 0; i < 7; i++) bench.send({ baseSequence: i, producerId: 1 })
    bench.send({ producerId: 2, transactional: true })
    bench.send({ producerId: 3, transactional: true })
    bench.mark(false, 0, 3, 3)
    const to = new Writer()
    encodeProducers(bench.producers, to)
    return to.copy()
  }

  it('refuses a snapshot that is cut anywhere', () => {
    const bytes = snapshot()
    for (let cut = 0; cut < bytes.length; cut++) {
      expect(() => decodeProducers(new Reader(bytes, 0, cut), LIMITS)).toThrow(FormatError)
    }
  })

  it('throws nothing but FormatError on damaged bytes', () => {
    const bytes = snapshot()
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const damaged = Uint8Array.from(bytes)
      damaged[bit >>> 3] = (damaged[bit >>> 3] as number) ^ (1 << (bit & 7))
      try {
        decodeProducers(new Reader(damaged), LIMITS)
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError)
      }
    }
  })
})
