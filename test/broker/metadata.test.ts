// Metadata and administration over the wire: what topics there are, how they come and go, and what
// their settings are. Each change is looked at through another request than the one that made it.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { must } from '../../src/base/assert.ts'
import { ErrorCode } from '../../src/base/error-codes.ts'
import { ZERO_UUID } from '../../src/wire/schema.ts'
import type { Client } from './harness.ts'
import { batchOf, Lab, until, valuesIn, versionsOf } from './harness.ts'
import { Api, createTopic, describeTopic, fetch, produce } from './requests.ts'

const NO_OPERATIONS = -2147483648
let lab: Lab
let client: Client

beforeAll(async () => {
  lab = await Lab.memory({ 'num.partitions': '3' })
  client = await lab.client()
})
afterAll(() => lab.close())

const namesOf = (topics: readonly { readonly name: string | null }[]): (string | null)[] =>
  topics.map(({ name }) => name).sort()

describe('Metadata', () => {
  test.each(versionsOf(Api.metadata))(
    'in version %i tells brokers and topics [M1, M2, M7, M9]',
    async (version) => {
      const topic = await createTopic(client, { partitions: 2 })
      const all = await client.call(Api.metadata, version, { topics: version === 0 ? [] : null })
      expect(namesOf(all.topics)).toContain(topic.name)
      const { kafka } = lab.broker
      expect(all.brokers).toEqual([{ nodeId: 1, ...kafka, rack: null }])
      if (version >= 1) expect(all.controllerId).toBe(1)
      if (version >= 2) expect(all.clusterId).toMatch(/^.{10,}$/)
      if (version >= 1) {
        const none = await client.call(Api.metadata, version, { topics: [] })
        expect(none.topics).toEqual([])
      }
      const known = must(
        (await client.call(Api.metadata, version, { topics: [{ name: topic.name }] })).topics[0],
        'topic',
      )
      expect(known).toMatchObject({ errorCode: 0, name: topic.name, isInternal: false })
      expect(known.topicId).toBe(version >= 10 ? topic.topicId : ZERO_UUID)
      expect(known.topicAuthorizedOperations).toBe(NO_OPERATIONS)
      expect(all.clusterAuthorizedOperations).toBe(NO_OPERATIONS)
      expect(known.partitions).toHaveLength(2)
      for (const partition of known.partitions) {
        expect(partition).toMatchObject({
          errorCode: 0,
          leaderId: 1,
          replicaNodes: [1],
          isrNodes: [1],
        })
        expect(partition.leaderEpoch >= 0).toBe(version >= 7)
      }
    },
  )

  test('of unknown and illegal names [M4, M14]', async () => {
    const name = (await createTopic(client, { name: 'dots.here' })).name
    for (const version of versionsOf(Api.metadata)) {
      const ask = async (asked: string) => {
        const answer = await client.call(Api.metadata, version, {
          topics: [{ name: asked }],
          ...(version >= 4 ? { allowAutoTopicCreation: false } : {}),
        })
        const { errorCode, partitions } = must(answer.topics[0], 'topic')
        return [errorCode, partitions.length]
      }
      for (const bad of ['', '.', '..', 'a b', 'ä', 'x'.repeat(250), 'a/b']) {
        expect(await ask(bad)).toEqual([ErrorCode.INVALID_TOPIC_EXCEPTION, 0])
      }
      expect(await ask(name)).toEqual([0, 1])
      // Versions before 4 cannot say that they want no creation.
      if (version < 4) continue
      expect(await ask('nobody-knows')).toEqual([ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, 0])
    }
    const clash = await client.call(Api.createTopics, 7, {
      timeoutMs: 1000,
      topics: [{ name: 'dots_here', numPartitions: 1, replicationFactor: 1 }],
    })
    expect(clash.topics[0]?.errorCode).toBe(ErrorCode.INVALID_TOPIC_EXCEPTION)
  })

  test('by id from version 12 on, each topic once [M6, M13]', async () => {
    const topic = await createTopic(client)
    const unknown = '55555555-5555-5555-5555-555555555555'
    for (const version of [12, 13]) {
      const byId = { topicId: topic.topicId, name: null }
      const answer = await client.call(Api.metadata, version, {
        topics: [byId, byId, { topicId: unknown, name: null }],
      })
      expect(answer.topics.map(({ name, errorCode }) => [name, errorCode])).toEqual([
        [topic.name, 0],
        [null, ErrorCode.UNKNOWN_TOPIC_ID],
      ])
    }
    for (const version of [10, 11]) {
      const topics = [{ topicId: topic.topicId, name: null }]
      const answer = await client.call(Api.metadata, version, { topics })
      expect(answer.topics[0]?.errorCode).toBe(ErrorCode.INVALID_REQUEST)
    }
    await client.call(Api.deleteTopics, 6, { topics: [{ name: topic.name }], timeoutMs: 1000 })
    const anew = await createTopic(client, { name: topic.name })
    expect([anew.topicId === topic.topicId, anew.topicId === ZERO_UUID]).toEqual([false, false])
  })

  test('creates topics that are asked for by name, if asked to [M5, A2]', async () => {
    for (const version of versionsOf(Api.metadata)) {
      const name = `auto-${version}`
      if (version >= 4) {
        expect((await describeTopic(client, name, { version })).errorCode).toBe(3)
      }
      await client.call(Api.metadata, version, { topics: version === 0 ? [] : null })
      const ask = async () => {
        const answer = await client.call(Api.metadata, version, {
          topics: [{ name }],
          allowAutoTopicCreation: true,
        })
        return must(answer.topics[0], 'topic')
      }
      expect((await ask()).errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
      const made = await until(ask, ({ errorCode }) => errorCode === 0)
      expect(made.partitions).toHaveLength(3)
      expect(
        (await produce(client, { name, topicId: '' }, batchOf(['a']), { version: 9 })).errorCode,
      ).toBe(0)
    }
    const other = await Lab.memory({ 'auto.create.topics.enable': 'false' })
    const there = await other.client()
    expect((await describeTopic(there, 'never', { create: true })).errorCode).toBe(3)
    const all = await there.call(Api.metadata, 9, { topics: null })
    expect(all.topics).toEqual([])
    await other.close()
  })

  test('says which topics are internal [M10]', async () => {
    await client.call(Api.findCoordinator, 4, { keyType: 0, coordinatorKeys: ['g'] })
    const offsets = await until(
      () => describeTopic(client, '__consumer_offsets'),
      ({ errorCode }) => errorCode === 0,
    )
    expect(offsets.isInternal).toBe(true)
    expect((await createTopic(client, { name: '__other' })).name).toBe('__other')
    expect((await describeTopic(client, '__other')).isInternal).toBe(false)
  })

  test('is told in pages by DescribeTopicPartitions [M12]', async () => {
    const topic = await createTopic(client, { partitions: 5 })
    const seen: number[] = []
    let cursor: { topicName: string; partitionIndex: number } | null = null
    do {
      const answer: Awaited<ReturnType<typeof page>> = await page(topic.name, cursor)
      for (const { partitions } of answer.topics) {
        seen.push(...partitions.map(({ partitionIndex }) => partitionIndex))
      }
      cursor = answer.nextCursor
    } while (cursor !== null)
    expect(seen).toEqual([0, 1, 2, 3, 4])
  })
  const page = (name: string, cursor: { topicName: string; partitionIndex: number } | null) =>
    client.call(Api.describeTopicPartitions, 0, {
      topics: [{ name }],
      responsePartitionLimit: 2,
      cursor,
    })
})

describe('DescribeCluster', () => {
  test.each(versionsOf(Api.describeCluster))(
    'in version %i tells this broker [A11]',
    async (version) => {
      const answer = await client.call(Api.describeCluster, version, {})
      expect(answer).toMatchObject({ errorCode: 0, controllerId: 1 })
      const { kafka } = lab.broker
      expect(answer.brokers).toEqual([{ brokerId: 1, ...kafka, rack: null, isFenced: false }])
    },
  )
})

describe('topics', () => {
  test.each(versionsOf(Api.createTopics))('are created by version %i [A1, A2]', async (version) => {
    const name = `made-${version}`
    const create = async (changes: object = {}, validateOnly = false) => {
      const answer = await client.call(Api.createTopics, version, {
        timeoutMs: 1000,
        validateOnly,
        topics: [{ name, numPartitions: 2, replicationFactor: 1, ...changes }],
      })
      return must(answer.topics[0], 'topic')
    }
    expect((await create({}, true)).errorCode).toBe(0)
    expect((await describeTopic(client, name)).errorCode).toBe(3)
    const bad: [object, number][] = [
      [{ numPartitions: 0 }, ErrorCode.INVALID_PARTITIONS],
      [{ replicationFactor: 2 }, ErrorCode.INVALID_REPLICATION_FACTOR],
      [{ configs: [{ name: 'retention.ms', value: 'soon' }] }, ErrorCode.INVALID_CONFIG],
      [{ name: 'not legal' }, ErrorCode.INVALID_TOPIC_EXCEPTION],
    ]
    for (const [changes, code] of bad) expect((await create(changes)).errorCode).toBe(code)
    const made = await create()
    expect(made.errorCode).toBe(0)
    if (version >= 5) expect([made.numPartitions, made.replicationFactor]).toEqual([2, 1])
    if (version >= 5) expect(made.configs?.map((one) => one.name)).toContain('cleanup.policy')
    const seen = await describeTopic(client, name)
    expect(seen.partitions).toHaveLength(2)
    if (version >= 7) expect(made.topicId).toBe(seen.topicId)
    expect((await create()).errorCode).toBe(ErrorCode.TOPIC_ALREADY_EXISTS)
  })

  test.each(versionsOf(Api.deleteTopics))(
    'are deleted by version %i and gone at once [A4]',
    async (version) => {
      const topic = await createTopic(client)
      await produce(client, topic, batchOf(['old']))
      const remove = async () => {
        const answer = await client.call(Api.deleteTopics, version, {
          timeoutMs: 1000,
          ...(version >= 6 ? { topics: [{ name: topic.name }] } : { topicNames: [topic.name] }),
        })
        return answer.responses[0]?.errorCode
      }
      expect(await remove()).toBe(0)
      expect(await remove()).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
      expect((await fetch(client, topic, 0)).errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_ID)
      expect((await produce(client, topic, batchOf(['x']))).errorCode).toBe(
        ErrorCode.UNKNOWN_TOPIC_ID,
      )
      const anew = await createTopic(client, { name: topic.name })
      const read = await fetch(client, anew, 0)
      expect([read.errorCode, read.highWatermark]).toEqual([0, 0])
    },
  )

  test('grow by CreatePartitions, and the new ones are used [A3]', async () => {
    for (const version of versionsOf(Api.createPartitions)) {
      const topic = await createTopic(client)
      await produce(client, topic, batchOf(['a']))
      const grow = async (count: number) => {
        const answer = await client.call(Api.createPartitions, version, {
          timeoutMs: 1000,
          topics: [
            { name: topic.name, count, assignments: null },
            { name: 'absent', count: 9, assignments: null },
          ],
        })
        return answer.results.map(({ errorCode }) => errorCode)
      }
      expect(await grow(1)).toEqual([ErrorCode.INVALID_PARTITIONS, 3])
      expect(await grow(3)).toEqual([0, 3])
      expect((await produce(client, topic, batchOf(['b']), { partition: 2 })).baseOffset).toBe(0)
      expect(valuesIn((await fetch(client, topic, 0)).records)).toEqual(['a'])
    }
  })
})

describe('settings', () => {
  const describeConfigs = async (resourceType: number, resourceName: string, version = 4) => {
    const answer = await client.call(Api.describeConfigs, version, {
      resources: [{ resourceType, resourceName, configurationKeys: null }],
    })
    const { errorCode, configs } = must(answer.results[0], 'resource')
    expect(errorCode).toBe(0)
    return new Map(configs.map((config) => [config.name, config]))
  }

  test.each(versionsOf(Api.describeConfigs))('are all told by version %i [A5]', async (version) => {
    const topic = await createTopic(client, { configs: { 'retention.ms': '1234' } })
    const told = await describeConfigs(2, topic.name, version)
    expect(told.get('retention.ms')).toMatchObject({ value: '1234', configSource: 1 })
    expect(told.get('cleanup.policy')).toMatchObject({ value: 'delete', configSource: 5 })
    const broker = await describeConfigs(4, '1', version)
    expect(broker.get('num.partitions')?.value).toBe('3')
  })

  test('of a topic change how its records are taken, at once [A6]', async () => {
    const topic = await createTopic(client)
    const large = batchOf(['x'.repeat(2000)])
    const step = async (configOperation: number, value: string | null) => {
      const configs = [{ name: 'max.message.bytes', configOperation, value }]
      const answer = await client.call(Api.incrementalAlterConfigs, 1, {
        resources: [{ resourceType: 2, resourceName: topic.name, configs }],
      })
      return answer.responses[0]?.errorCode
    }
    expect((await produce(client, topic, large)).errorCode).toBe(0)
    expect(await step(0, '1000')).toBe(0)
    expect((await produce(client, topic, large)).errorCode).toBe(ErrorCode.MESSAGE_TOO_LARGE)
    expect(await step(1, null)).toBe(0)
    expect((await produce(client, topic, large)).errorCode).toBe(0)
    expect(await step(2, '1')).toBe(ErrorCode.INVALID_CONFIG)
    const replaced = await client.call(Api.alterConfigs, 2, {
      resources: [
        {
          resourceType: 2,
          resourceName: topic.name,
          configs: [{ name: 'message.timestamp.type', value: 'LogAppendTime' }],
        },
      ],
    })
    expect(replaced.responses[0]?.errorCode).toBe(0)
    expect((await produce(client, topic, batchOf(['a']))).logAppendTimeMs).toBeGreaterThan(0)
  })

  test('are listed and sizes told [A5]', async () => {
    const topic = await createTopic(client)
    await produce(client, topic, batchOf(['x'.repeat(1000)]))
    for (const version of versionsOf(Api.describeLogDirs)) {
      const { results } = await client.call(Api.describeLogDirs, version, { topics: null })
      const sizes = results[0]?.topics.find(({ name }) => name === topic.name)?.partitions
      expect(sizes?.[0]?.partitionSize).toBeGreaterThan(1000)
    }
    const listed = await client.call(Api.listConfigResources, 1, { resourceTypes: [2] })
    expect(listed.configResources.map(({ resourceName }) => resourceName)).toContain(topic.name)
  })
})
