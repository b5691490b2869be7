import { describe, expect, test } from 'vitest'
import { ErrorCode } from '../../src/base/error-codes.ts'
import {
  checkDelete,
  checkOffsetDelete,
  GroupOffsets,
  isSubscribed,
} from '../../src/group/offsets.ts'
import type { CommittedOffset, OffsetOwner } from '../../src/group/offsets.ts'

const HOUR = 3_600_000
const committed = (offset: number, commitMs = 0, expireMs = -1): CommittedOffset => ({
  offset,
  leaderEpoch: 3,
  metadata: 'note',
  commitMs,
  expireMs,
  topicId: null,
})
const owner = (state: OffsetOwner['state'], more: Partial<OffsetOwner> = {}): OffsetOwner => ({
  state,
  protocolType: 'consumer',
  topics: new Set<string>(),
  stateTimestampMs: 0,
  ...more,
})

describe('GroupOffsets', () => {
  test('keeps the last commit of a partition, with its metadata [O4]', () => {
    const offsets = new GroupOffsets()
    offsets.set('orders', 0, committed(5))
    offsets.set('orders', 0, committed(7))
    offsets.set('orders', 1, committed(9))
    expect(offsets.size).toBe(2)
    expect(offsets.get('orders', 0)).toEqual(committed(7))
    expect(offsets.get('orders', 2)).toBeUndefined()
    expect(offsets.get('other', 0)).toBeUndefined()
  })

  test('delete() forgets a partition once', () => {
    const offsets = new GroupOffsets()
    offsets.set('orders', 0, committed(5))
    expect(offsets.delete('orders', 0)).toBe(true)
    expect(offsets.delete('orders', 0)).toBe(false)
    expect(offsets.size).toBe(0)
    expect([...offsets.topics()]).toEqual([])
  })

  test('expired() ages a group’s offsets from the moment it became empty [O8]', () => {
    const offsets = new GroupOffsets()
    offsets.set('orders', 0, committed(5, 0))
    const empty = owner('Empty', { stateTimestampMs: 10 * HOUR })
    expect(offsets.expired(empty, 33 * HOUR, 24 * HOUR)).toEqual([])
    expect(offsets.expired(empty, 34 * HOUR, 24 * HOUR)).toEqual([
      { topic: 'orders', partition: 0 },
    ])
  })

  test('expired() ages a commit to an empty group from the commit itself [O8]', () => {
    const offsets = new GroupOffsets()
    offsets.set('orders', 0, committed(5, 30 * HOUR))
    expect(offsets.expired(owner('Empty'), 50 * HOUR, 24 * HOUR)).toEqual([])
    expect(offsets.expired(owner('Empty'), 54 * HOUR, 24 * HOUR)).toHaveLength(1)
  })

  test('expired() ages simple groups from the commit [O8]', () => {
    const offsets = new GroupOffsets()
    offsets.set('orders', 0, committed(5, 2 * HOUR))
    const simple = owner('Empty', { protocolType: null, topics: null, stateTimestampMs: -1 })
    expect(offsets.expired(simple, 25 * HOUR, 24 * HOUR)).toEqual([])
    expect(offsets.expired(simple, 26 * HOUR, 24 * HOUR)).toHaveLength(1)
  })

  test('expired() spares what a stable group reads, not what it reads no more [O8]', () => {
    const offsets = new GroupOffsets()
    offsets.set('read', 0, committed(5))
    offsets.set('unread', 0, committed(5))
    const stable = owner('Stable', { topics: new Set(['read']) })
    expect(offsets.expired(stable, 24 * HOUR, 24 * HOUR)).toEqual([
      { topic: 'unread', partition: 0 },
    ])
    expect(offsets.expired(owner('PreparingRebalance'), 99 * HOUR, 24 * HOUR)).toEqual([])
    expect(offsets.expired(owner('Stable', { topics: null }), 99 * HOUR, HOUR)).toEqual([])
  })

  test('expired() keeps to the retention an old client asked for [O8]', () => {
    const offsets = new GroupOffsets()
    offsets.set('orders', 0, committed(5, 0, 100 * HOUR))
    expect(offsets.expired(owner('Empty'), 99 * HOUR, HOUR)).toEqual([])
    expect(offsets.expired(owner('Empty'), 100 * HOUR, HOUR)).toHaveLength(1)
  })
})

describe('checkDelete(), checkOffsetDelete(), isSubscribed()', () => {
  test('delete only groups without members [G22]', () => {
    expect(checkDelete(owner('Empty'))).toBe(0)
    expect(checkDelete(owner('Stable'))).toBe(ErrorCode.NON_EMPTY_GROUP)
    expect(checkDelete(owner('PreparingRebalance'))).toBe(ErrorCode.NON_EMPTY_GROUP)
    expect(checkDelete(owner('Dead'))).toBe(ErrorCode.GROUP_ID_NOT_FOUND)
  })

  test('delete single offsets of live groups only where subscriptions are known [G22]', () => {
    expect(checkOffsetDelete(owner('Stable'))).toBe(0)
    expect(checkOffsetDelete(owner('Stable', { protocolType: 'connect' }))).toBe(
      ErrorCode.NON_EMPTY_GROUP,
    )
    expect(checkOffsetDelete(owner('Empty', { protocolType: 'connect' }))).toBe(0)
    expect(checkOffsetDelete(owner('Dead'))).toBe(ErrorCode.GROUP_ID_NOT_FOUND)
  })

  test('take an unreadable subscription for all topics [G22]', () => {
    expect(isSubscribed(owner('Stable', { topics: new Set(['a']) }), 'a')).toBe(true)
    expect(isSubscribed(owner('Stable', { topics: new Set(['a']) }), 'b')).toBe(false)
    expect(isSubscribed(owner('Stable', { topics: null }), 'b')).toBe(true)
    expect(isSubscribed(owner('Stable', { topics: null, protocolType: 'connect' }), 'b')).toBe(
      false,
    )
  })
})
