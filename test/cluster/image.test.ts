import { describe, expect, it } from 'vitest'
import { FormatError } from '../../src/base/errors.ts'
import { openEpochs } from '../../src/cluster/decide-brokers.ts'
import { alterConfigs } from '../../src/cluster/decide-configs.ts'
import { createTopics } from '../../src/cluster/decide-topics.ts'
import { applyEntry, extendLineage, LINEAGE_LENGTH_MAX } from '../../src/cluster/image-apply.ts'
import type { ClusterImage } from '../../src/cluster/image.ts'
import type { MetadataRecord } from '../../src/cluster/records.ts'
import { cluster, decided, fold, testPolicy, uuid, withBroker } from './support.ts'

const shared = testPolicy()

const newTopic = (name: string, partitions = 2) => ({
  name,
  partitions,
  replicas: -1,
  assignments: [],
  configs: [],
})

const withTopic = (image: ClusterImage, name: string, partitions?: number): ClusterImage =>
  fold(image, createTopics(image, shared, [newTopic(name, partitions)], false).entries)

const refused = (image: ClusterImage, record: MetadataRecord): void => {
  expect(() => applyEntry(image, [record], { index: image.version + 1, term: 1 })).toThrow(
    FormatError,
  )
}

describe('ClusterImage', () => {
  it('finds topics by name and id, and partitions by number', () => {
    const image = withTopic(cluster(1), 'orders')
    const topic = image.topicByName('orders')
    expect(image.topicById(topic?.id ?? '')).toBe(topic)
    expect(image.partition(topic?.id ?? '', 1)).toMatchObject({ leader: 1, leaderEpoch: 0 })
    expect(image.partition(topic?.id ?? '', 2)).toBeUndefined()
    expect(image.topicByName('Orders')).toBeUndefined()
    expect(image.topicNames()).toEqual(['orders'])
  })

  it('names a live broker as controller, and none when all are fenced [M7]', () => {
    const two = cluster(2)
    expect(two.controllerId).toBe(1)
    const fence = (id: number) =>
      ({ kind: 'fence', id, epoch: two.broker(id)?.epoch ?? 0 }) as const
    const one = fold(two, [[{ ...fence(1), fenced: true }]])
    expect(one.controllerId).toBe(2)
    expect(fold(one, [[{ ...fence(2), fenced: true }]]).controllerId).toBe(-1)
  })
})

describe('applyEntry()', () => {
  it('shares what did not change, and leaves the image before as it was', () => {
    const before = withTopic(withTopic(cluster(1), 'a', 100), 'b')
    const change = { resourceType: 2, resourceName: 'b', replace: [{ name: 'w', value: '1' }] }
    const after = decided(before, alterConfigs(before, testPolicy(), [change], false)).image
    expect(after.topicByName('a')).toBe(before.topicByName('a'))
    expect(after.topicByName('b')?.partitions).toBe(before.topicByName('b')?.partitions)
    expect(after.topicByName('b')?.configs).toEqual(new Map([['w', '1']]))
    expect(before.topicByName('b')?.configs.size).toBe(0)
  })

  it('applies ten thousand partitions and as many single changes in little time', () => {
    const began = performance.now()
    let image = withTopic(cluster(1), 'big', 10_000)
    const topicId = image.topicByName('big')?.id ?? ''
    for (let index = 0; index < 10_000; index++) {
      const change = {
        leader: 1,
        leaderEpoch: 1,
        leaderBrokerEpoch: 1,
        replicas: null,
        quorum: null,
      }
      image = fold(image, [[{ kind: 'openEpoch', topicId, index, ...change }]])
    }
    // Copying 10,000 partitions for each change would take minutes.
    expect(performance.now() - began).toBeLessThan(5000)
    expect(image.partition(topicId, 9999)?.leaderEpoch).toBe(1)
  })

  it('refuses what contradicts the image', () => {
    const image = withTopic(cluster(1), 'orders')
    const topicId = image.topicByName('orders')?.id ?? ''
    const epoch = image.broker(1)?.epoch ?? 0
    refused(image, { kind: 'cluster', clusterId: 'other', format: 1 })
    refused(image, { kind: 'topic', topicId, name: 'new' })
    refused(image, { kind: 'topic', topicId: uuid(99), name: 'orders' })
    refused(image, { kind: 'removeTopic', topicId: uuid(99) })
    refused(image, { kind: 'fence', id: 1, epoch: epoch - 1, fenced: true })
    refused(image, { kind: 'removeBroker', id: 2 })
    refused(image, { kind: 'producerIds', brokerId: 1, brokerEpoch: epoch, next: -5 })
    const open = { leader: 1, leaderBrokerEpoch: 1, replicas: null, quorum: null }
    refused(image, { kind: 'openEpoch', topicId, index: 9, leaderEpoch: 1, ...open })
    expect(() => applyEntry(image, [], { index: image.version, term: 1 })).toThrow(FormatError)
  })

  it('never lets a leader epoch stand still or go back [M8]', () => {
    const image = withTopic(cluster(1), 'orders')
    const topicId = image.topicByName('orders')?.id ?? ''
    const open = (leaderEpoch: number): MetadataRecord => {
      const rest = { leader: 1, leaderBrokerEpoch: 1, replicas: null, quorum: null }
      return { kind: 'openEpoch', topicId, index: 0, leaderEpoch, ...rest }
    }
    const raised = fold(image, [[open(5)]])
    expect(raised.partition(topicId, 0)?.leaderEpoch).toBe(5)
    refused(raised, open(5))
    refused(raised, open(4))
  })

  it('forgets the settings of a removed topic, so that its namesake begins anew [M6]', () => {
    let image = withTopic(cluster(1), 'orders')
    const topicId = image.topicByName('orders')?.id ?? ''
    const config = { owner: 'topic', ownerId: topicId, name: 'w', value: '1' } as const
    image = fold(image, [[{ kind: 'config', ...config }], [{ kind: 'removeTopic', topicId }]])
    expect(image.topicByName('orders')).toBeUndefined()
    expect(image.topicCount).toBe(0)
    const policy = { ...testPolicy(), newTopicId: () => uuid(77) }
    image = fold(image, createTopics(image, policy, [newTopic('orders')], false).entries)
    expect(image.topicByName('orders')).toMatchObject({ id: uuid(77), configs: new Map() })
  })

  it('takes the start of the current epoch only, and drops epochs that stayed empty', () => {
    let image = withTopic(cluster(1), 'orders')
    const topicId = image.topicByName('orders')?.id ?? ''
    const restart = (n: number, end: number): void => {
      image = withBroker(image, 1, n)
      const epoch = image.broker(1)?.epoch ?? 0
      image = decided(
        image,
        openEpochs(image, { id: 1, epoch }, () => end),
      ).image
    }
    restart(2, 10)
    restart(3, 10)
    restart(4, 25)
    const start = { kind: 'epochStart', topicId, index: 0, epoch: 1, startOffset: 3 } as const
    image = fold(image, [[start]])
    const replicas = [1]
    expect(image.partition(topicId, 0)?.lineage).toEqual([
      { epoch: 0, startOffset: 0, replicas },
      { epoch: 2, startOffset: 10, replicas },
      { epoch: 3, startOffset: 25, replicas },
    ])
  })
})

describe('extendLineage()', () => {
  it('stays bounded over many epochs, and keeps every change of copyset', () => {
    let lineage = extendLineage([], { epoch: 0, startOffset: 0, replicas: [1, 2, 3] })
    lineage = extendLineage(lineage, { epoch: 1, startOffset: 5, replicas: [2, 3, 4] })
    for (let epoch = 2; epoch < 500; epoch++) {
      lineage = extendLineage(lineage, { epoch, startOffset: epoch * 10, replicas: [2, 3, 4] })
    }
    expect(lineage).toHaveLength(LINEAGE_LENGTH_MAX)
    expect(lineage[0]).toEqual({ epoch: 0, startOffset: 0, replicas: [1, 2, 3] })
    expect(lineage[1]).toEqual({ epoch: 1, startOffset: 5, replicas: [2, 3, 4] })
    expect(lineage.at(-1)).toMatchObject({ epoch: 499, startOffset: 4990 })
  })
})
