import { describe, expect, it } from 'vitest'
import { ErrorCode } from '../../../src/base/error-codes.ts'
import {
  findCoordinator,
  groupPartition,
} from '../../../src/broker/handlers/10-find-coordinator.ts'
import { initProducerId } from '../../../src/broker/handlers/22-init-producer-id.ts'
import { describeLogDirs } from '../../../src/broker/handlers/35-describe-log-dirs.ts'
import { describeCluster } from '../../../src/broker/handlers/60-describe-cluster.ts'
import * as h75 from '../../../src/broker/handlers/75-describe-topic-partitions.ts'
import { ProducerIds } from '../../../src/broker/producer-ids.ts'
import { CREATIONS_MAX, OFFSETS_TOPIC, TopicCreator } from '../../../src/broker/topic-creator.ts'
import type { Partition } from '../../../src/replication/partition.ts'
import * as m10 from '../../../src/wire/messages/10-find-coordinator.ts'
import * as m22 from '../../../src/wire/messages/22-init-producer-id.ts'
import * as m35 from '../../../src/wire/messages/35-describe-log-dirs.ts'
import * as m60 from '../../../src/wire/messages/60-describe-cluster.ts'
import * as m75 from '../../../src/wire/messages/75-describe-topic-partitions.ts'
import { fold } from '../../cluster/support.ts'
import { ask, versions, world } from './support.ts'

const creatorOf = (made: ReturnType<typeof world>) => {
  const work: Promise<unknown>[] = []
  const creator = new TopicCreator({
    controller: made.controller,
    settings: () => made.settings.broker,
    liveBrokers: () => made.image().liveBrokers().length,
    background: (_, promise) => void work.push(promise),
  })
  return { creator, work, settled: () => Promise.all(work) }
}

describe('FindCoordinator', () => {
  const start = (brokers = 1) => {
    const made = world({ brokers })
    const creation = creatorOf(made)
    const handler = findCoordinator({ ...made, creator: creation.creator })
    const { findCoordinatorRequest: request, findCoordinatorResponse: response } = m10
    return { ...made, ...creation, api: { request, response, handler } }
  }

  it('hashes groups as Java does [G18]', () => {
    // "hello".hashCode() is 99162322.
    expect(groupPartition('hello', 50)).toBe(22)
    expect(groupPartition('', 50)).toBe(0)
    // "polygenelubricants".hashCode() is the least int32, whose absolute value overflows.
    expect(groupPartition('polygenelubricants', 50)).toBe(0)
  })

  it('creates the offsets topic when it is absent, and answers 15 meanwhile [G18]', async () => {
    const { api, settled, image } = start()
    const first = await ask(api, 4, { keyType: 0, coordinatorKeys: ['g'] })
    expect(first.coordinators[0]?.errorCode).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE)
    await settled()
    const topic = image().topicByName(OFFSETS_TOPIC)
    expect(topic?.partitions.size).toBe(50)
    expect(topic?.partitions.get(0)?.replicas).toEqual([1])
    expect(topic?.configs.get('cleanup.policy')).toBe('compact')
    const second = await ask(api, 4, { keyType: 0, coordinatorKeys: ['g'] })
    expect(second.coordinators[0]).toMatchObject({
      errorCode: 0,
      nodeId: 1,
      host: 'b1',
      port: 9092,
    })
  })

  it('answers one key before v4 and many from v4 on, each with its own code [G18]', async () => {
    const { api, create, image } = start(3)
    await create(OFFSETS_TOPIC, { partitions: 6 })
    for (const version of versions(m10.findCoordinatorRequest)) {
      if (version < 4) {
        const { errorCode, nodeId, host } = await ask(api, version, { key: 'g1' })
        const partition = image()
          .topicByName(OFFSETS_TOPIC)
          ?.partitions.get(groupPartition('g1', 6))
        expect([errorCode, nodeId, host]).toEqual([0, partition?.leader, `b${partition?.leader}`])
      } else {
        const keys = ['g1', 'g2', 'g3']
        const { coordinators } = await ask(api, version, { coordinatorKeys: keys })
        expect(coordinators.map(({ key, errorCode }) => [key, errorCode])).toEqual(
          keys.map((key) => [key, 0]),
        )
      }
    }
  })

  it('answers 15 for a group whose partition has no live leader [G18]', async () => {
    const { api, create, log } = start(2)
    await create(OFFSETS_TOPIC, { assignments: [{ index: 0, brokerIds: [2] }], partitions: -1 })
    const epoch = log.current.broker(2)?.epoch ?? 0
    log.current = fold(log.current, [[{ kind: 'fence', id: 2, epoch, fenced: true }]])
    const { errorCode, errorMessage } = await ask(api, 3, { key: 'g' })
    expect(errorCode).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE)
    expect(errorMessage).toMatch('no leader')
  })

  it('refuses transactions and share groups at once, and unknown kinds of key [G18]', async () => {
    const { api } = start()
    const codeOf = async (keyType: number, version = 6) =>
      (await ask(api, version, { keyType, coordinatorKeys: ['x'] })).coordinators[0]?.errorCode
    expect(await codeOf(1)).toBe(ErrorCode.UNSUPPORTED_VERSION)
    expect(await codeOf(2)).toBe(ErrorCode.UNSUPPORTED_VERSION)
    expect(await codeOf(2, 5)).toBe(ErrorCode.INVALID_REQUEST)
    expect(await codeOf(3)).toBe(ErrorCode.INVALID_REQUEST)
    const old = await ask(api, 1, { keyType: 1, key: 'x' })
    expect(old).toMatchObject({
      errorCode: 35,
      errorMessage: expect.stringContaining('transactions'),
    })
  })
})

describe('TopicCreator', () => {
  it('creates with the defaults of the broker, once however often it is asked [M5]', async () => {
    const made = world({ statics: { 'num.partitions': '4' } })
    const { creator, work, settled } = creatorOf(made)
    creator.create(['a'])
    creator.create(['a', 'b'])
    expect(work).toHaveLength(2)
    await settled()
    expect(made.image().topicNames()).toEqual(['a', 'b'])
    expect(made.image().topicByName('a')?.partitions.size).toBe(4)
  })

  it('makes no internal topic that nothing would write to', () => {
    const { creator, work } = creatorOf(world())
    creator.create(['__transaction_state', '__share_group_state'])
    expect(work).toHaveLength(0)
  })

  it('has a bound on what is under way', async () => {
    const made = world()
    const { creator, settled } = creatorOf(made)
    creator.create(Array.from({ length: CREATIONS_MAX + 5 }, (_, i) => `t${i}`))
    creator.create(['late'])
    await settled()
    expect(made.image().topicCount).toBe(CREATIONS_MAX)
    creator.create(['late'])
    await settled()
    expect(made.image().topicByName('late')).toBeDefined()
  })
})

describe('InitProducerId', () => {
  const start = () => {
    const made = world()
    const broker = () => ({ id: 1, epoch: made.image().broker(1)?.epoch ?? 0 })
    const producerIds = new ProducerIds(() => made.controller.allocateProducerIds(broker()))
    const { initProducerIdRequest: request, initProducerIdResponse: response } = m22
    return { ...made, api: { request, response, handler: initProducerId({ producerIds }) } }
  }
  const plain = { transactionalId: null, transactionTimeoutMs: 60_000 }

  it('gives a fresh id and epoch 0 on every call, in every version [I1]', async () => {
    const { api } = start()
    const seen = new Set<number>()
    for (let i = 0; i < 1500; i++) {
      const version = i % 6
      const { errorCode, producerId, producerEpoch } = await ask(api, version, plain)
      expect([errorCode, producerEpoch]).toEqual([0, 0])
      seen.add(producerId)
    }
    expect(seen.size).toBe(1500)
  })

  it('gives different ids to callers who wait for the same block [I1]', async () => {
    const { api } = start()
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask(api, 5, plain)))
    expect(new Set(answers.map(({ producerId }) => producerId)).size).toBe(20)
  })

  it('refuses an id without an epoch, and an epoch without an id [I1]', async () => {
    const { api } = start()
    const codeOf = async (producerId: number, producerEpoch: number) =>
      (await ask(api, 3, { ...plain, producerId, producerEpoch })).errorCode
    expect(await codeOf(5, -1)).toBe(ErrorCode.INVALID_REQUEST)
    expect(await codeOf(-1, 5)).toBe(ErrorCode.INVALID_REQUEST)
    expect(await codeOf(5, 5)).toBe(0)
  })

  it('refuses transactions with a code that is not retried', async () => {
    const { api } = start()
    const codeOf = async (transactionalId: string) =>
      (await ask(api, 5, { ...plain, transactionalId })).errorCode
    expect(await codeOf('tx')).toBe(ErrorCode.UNSUPPORTED_VERSION)
    expect(await codeOf('')).toBe(ErrorCode.INVALID_REQUEST)
  })

  it('asks producers to wait while there is no controller, and then goes on', async () => {
    const { api, log } = start()
    log.term = null
    const refused = await ask(api, 5, plain)
    expect(refused).toMatchObject({ errorCode: 14, producerId: -1, producerEpoch: -1 })
    log.term = 1
    expect((await ask(api, 5, plain)).errorCode).toBe(0)
  })
})

describe('DescribeCluster', () => {
  const start = () => {
    const made = world({ brokers: 3 })
    const epoch = made.log.current.broker(3)?.epoch ?? 0
    made.log.current = fold(made.log.current, [[{ kind: 'fence', id: 3, epoch, fenced: true }]])
    const { describeClusterRequest: request, describeClusterResponse: response } = m60
    return { request, response, handler: describeCluster(made) }
  }

  it('tells the brokers of the listener, fenced ones from v2 when asked [A11]', async () => {
    const api = start()
    for (const version of versions(m60.describeClusterRequest)) {
      const answer = await ask(api, version, { includeClusterAuthorizedOperations: true })
      expect(answer).toMatchObject({
        errorCode: 0,
        clusterId: 'test',
        controllerId: 1,
        clusterAuthorizedOperations: 8096,
      })
      expect(answer.brokers.map(({ brokerId, host }) => [brokerId, host])).toEqual([
        [1, 'b1'],
        [2, 'b2'],
      ])
    }
    const all = await ask(api, 2, { includeFencedBrokers: true })
    expect(all.brokers.map(({ brokerId, isFenced }) => [brokerId, isFenced])).toEqual([
      [1, false],
      [2, false],
      [3, true],
    ])
    expect(all.clusterAuthorizedOperations).toBe(-2147483648)
  })

  it('refuses to tell of controllers on a listener of brokers [A11]', async () => {
    const codeOf = async (endpointType: number) =>
      (await ask(start(), 1, { endpointType })).errorCode
    expect(await codeOf(2)).toBe(ErrorCode.MISMATCHED_ENDPOINT_TYPE)
    expect(await codeOf(3)).toBe(ErrorCode.UNSUPPORTED_ENDPOINT_TYPE)
    expect(await codeOf(1)).toBe(0)
  })
})

describe('DescribeTopicPartitions', () => {
  const start = async (partitionsMax = 2000) => {
    const made = world()
    await made.create('b', { partitions: 3 })
    await made.create('a', { partitions: 4 })
    await made.create('c', { partitions: 1 })
    const handler = h75.describeTopicPartitions({ ...made, partitionsMax: () => partitionsMax })
    const { describeTopicPartitionsRequest: request, describeTopicPartitionsResponse: response } =
      m75
    return { request, response, handler }
  }
  type Api = Awaited<ReturnType<typeof start>>

  const pages = async (api: Api, limit: number, topics: { name: string }[] = []) => {
    const seen: string[][] = []
    let cursor: m75.DescribeTopicPartitionsRequestCursor | null = null
    do {
      const body: object = { topics, responsePartitionLimit: limit, cursor }
      const answer: m75.DescribeTopicPartitionsResponse = await ask(api, 0, body)
      seen.push(
        answer.topics.flatMap(({ name, partitions }) =>
          partitions.map(({ partitionIndex }) => `${name}${partitionIndex}`),
        ),
      )
      cursor = answer.nextCursor
    } while (cursor !== null)
    return seen
  }

  it('pages through all topics by name and number, none twice, none left out [M12]', async () => {
    const api = await start()
    const all = ['a0', 'a1', 'a2', 'a3', 'b0', 'b1', 'b2', 'c0']
    expect(await pages(api, 3)).toEqual([
      ['a0', 'a1', 'a2'],
      ['a3', 'b0', 'b1'],
      ['b2', 'c0'],
    ])
    for (let limit = 1; limit <= 9; limit++) expect((await pages(api, limit)).flat()).toEqual(all)
    expect(await pages(api, 2000, [{ name: 'c' }, { name: 'b' }, { name: 'b' }])).toEqual([
      ['b0', 'b1', 'b2', 'c0'],
    ])
  })

  it('never gives more than the broker allows, and at least one [M12]', async () => {
    const limited = await start(2)
    for (const page of await pages(limited, 2000)) expect(page.length).toBeLessThanOrEqual(2)
    expect((await pages(limited, 0)).every((page) => page.length === 1)).toBe(true)
  })

  it('goes on behind a topic that has gone, and answers unknown names [M12]', async () => {
    const api = await start()
    const gone = await ask(api, 0, { cursor: { topicName: 'aa', partitionIndex: 7 } })
    expect(gone.topics.map(({ name, partitions }) => [name, partitions.length])).toEqual([
      ['b', 3],
      ['c', 1],
    ])
    const { topics } = await ask(api, 0, { topics: [{ name: 'nope' }, { name: 'no pe' }] })
    expect(topics.map(({ name, errorCode }) => [name, errorCode])).toEqual([
      ['no pe', ErrorCode.INVALID_TOPIC_EXCEPTION],
      ['nope', ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
    ])
    const bad = ask(api, 0, { cursor: { topicName: 'a', partitionIndex: -1 } })
    await expect(bad).rejects.toMatchObject({ code: ErrorCode.INVALID_REQUEST })
  })
})

describe('DescribeLogDirs', () => {
  it('tells the bytes of what is held here, all or what is asked for', async () => {
    const made = world()
    const { topicId } = await made.create('t', { partitions: 3 })
    await made.create('elsewhere')
    const sizes = [10, 20]
    const partition = (id: string, index: number): Promise<Partition | undefined> => {
      const sizeBytes = id === topicId ? sizes[index] : undefined
      return Promise.resolve(sizeBytes === undefined ? undefined : ({ sizeBytes } as Partition))
    }
    const volume = () => Promise.resolve({ totalBytes: 100, usableBytes: 60 })
    const handler = describeLogDirs({ ...made, partition, directory: '/data', volume })
    const { describeLogDirsRequest: request, describeLogDirsResponse: response } = m35
    for (const version of versions(request)) {
      const { results } = await ask({ request, response, handler }, version, { topics: null })
      expect(results).toHaveLength(1)
      expect(results[0]?.logDir).toBe('/data')
      const sizesOf = results[0]?.topics.map(({ name, partitions }) => [
        name,
        partitions.map(({ partitionSize }) => partitionSize),
      ])
      expect(sizesOf).toEqual([['t', [10, 20]]])
      if (version >= 4) expect(results[0]).toMatchObject({ totalBytes: 100, usableBytes: 60 })
    }
    const topics = [
      { topic: 't', partitions: [1, 2, 1] },
      { topic: 'nope', partitions: [0] },
    ]
    const some = await ask({ request, response, handler }, 5, { topics })
    expect(some.results[0]?.topics).toMatchObject([
      { name: 't', partitions: [{ partitionIndex: 1 }] },
    ])
  })
})
