import { describe, expect, test } from 'vitest'
import { Writer } from '../../src/base/writer.ts'
import type { GroupDescription } from '../../src/group/classic/types.ts'
import { groupLag } from '../../src/group/lag.ts'
import { bytes } from './classic/harness.ts'

function assignment(topic: string, partitions: readonly number[]): Uint8Array {
  const writer = new Writer()
  writer.int16(0)
  writer.int32(1)
  writer.int16(topic.length)
  writer.text(topic)
  writer.int32(partitions.length)
  for (const partition of partitions) writer.int32(partition)
  writer.int32(-1)
  return writer.copy()
}

const group = (protocolType: string, assigned: Uint8Array): GroupDescription => ({
  groupId: 'g',
  state: 'Stable',
  protocolType,
  protocol: 'range',
  generation: 1,
  leader: 'm',
  members: [
    {
      memberId: 'm',
      instanceId: null,
      clientId: 'c',
      clientHost: '/h',
      metadata: bytes(''),
      assignment: assigned,
    },
  ],
})

const committed = (topic: string, partition: number, offset: number) => ({
  topic,
  partitions: [{ partition, code: 0, offset, leaderEpoch: -1, metadata: '' }],
})

describe('groupLag()', () => {
  const ends = new Map([
    ['a/0', 10],
    ['a/1', 5],
  ])
  const endOf = (topic: string, partition: number): number =>
    ends.get(`${topic}/${partition}`) ?? -1

  test('joins offsets, ends and owners by partition', () => {
    const described = group('consumer', assignment('a', [1, 0]))
    const lags = groupLag(described, [committed('b', 0, 3), committed('a', 0, 4)], endOf)
    expect(lags).toEqual([
      {
        topic: 'a',
        partition: 0,
        committed: 4,
        end: 10,
        lag: 6,
        memberId: 'm',
        clientId: 'c',
        clientHost: '/h',
      },
      {
        topic: 'a',
        partition: 1,
        committed: -1,
        end: 5,
        lag: -1,
        memberId: 'm',
        clientId: 'c',
        clientHost: '/h',
      },
      {
        topic: 'b',
        partition: 0,
        committed: 3,
        end: -1,
        lag: -1,
        memberId: '',
        clientId: '',
        clientHost: '',
      },
    ])
  })

  test('leaves the assignments of other protocols alone [G16]', () => {
    const described = group('connect', bytes('anything'))
    expect(groupLag(described, [committed('a', 1, 9)], endOf)).toMatchObject([
      { topic: 'a', partition: 1, lag: 0, memberId: '' },
    ])
    expect(groupLag(null, [], endOf)).toEqual([])
  })
})
