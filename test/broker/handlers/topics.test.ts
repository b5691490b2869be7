import { describe, expect, it } from 'vitest'
import { ErrorCode } from '../../../src/base/error-codes.ts'
import { createTopics } from '../../../src/broker/handlers/19-create-topics.ts'
import { deleteTopics } from '../../../src/broker/handlers/20-delete-topics.ts'
import { createPartitions } from '../../../src/broker/handlers/37-create-partitions.ts'
import { TOPIC_SETTINGS } from '../../../src/config/topic-settings.ts'
import {
  createTopicsRequest,
  createTopicsResponse,
} from '../../../src/wire/messages/19-create-topics.ts'
import {
  deleteTopicsRequest,
  deleteTopicsResponse,
} from '../../../src/wire/messages/20-delete-topics.ts'
import {
  createPartitionsRequest,
  createPartitionsResponse,
} from '../../../src/wire/messages/37-create-partitions.ts'
import { ZERO_UUID } from '../../../src/wire/schema.ts'
import { uuid } from '../../cluster/support.ts'
import { ask, versions, world } from './support.ts'

const start = (statics: Record<string, string> = {}) => {
  const made = world({ statics })
  const { controller, settings } = made
  const allowsDeletion = () => settings.broker.allowsTopicDeletion
  return {
    ...made,
    creating: {
      request: createTopicsRequest,
      response: createTopicsResponse,
      handler: createTopics({ controller, settings }),
    },
    deleting: {
      request: deleteTopicsRequest,
      response: deleteTopicsResponse,
      handler: deleteTopics({ controller, allowsDeletion }),
    },
    growing: {
      request: createPartitionsRequest,
      response: createPartitionsResponse,
      handler: createPartitions({ controller }),
    },
  }
}

const topic = (name: string, changes: object = {}) => ({
  name,
  numPartitions: -1,
  replicationFactor: -1,
  ...changes,
})

describe('CreateTopics', () => {
  it('takes defaults for -1 and tells counts, settings and the id by version [A1]', async () => {
    for (const version of versions(createTopicsRequest)) {
      const { creating, image } = start({ 'num.partitions': '4', 'log.retention.hours': '1' })
      const configs = [{ name: 'cleanup.policy', value: 'compact' }]
      const { topics } = await ask(creating, version, { topics: [topic('t', { configs })] })
      expect(topics).toHaveLength(1)
      expect(topics[0]).toMatchObject({ name: 't', errorCode: 0, errorMessage: null })
      expect(image().topicByName('t')?.partitions.size).toBe(4)
      if (version < 5) continue
      expect(topics[0]).toMatchObject({ numPartitions: 4, replicationFactor: 1 })
      const row = (name: string) => topics[0]?.configs?.find((config) => config.name === name)
      expect(topics[0]?.configs).toHaveLength(TOPIC_SETTINGS.length)
      expect(row('cleanup.policy')).toMatchObject({ value: 'compact', configSource: 1 })
      expect(row('retention.ms')).toMatchObject({ value: '3600000', configSource: 4 })
      expect(row('segment.bytes')).toMatchObject({ value: '1073741824', configSource: 5 })
      if (version >= 7) expect(topics[0]?.topicId).toBe(image().topicByName('t')?.id)
    }
  })

  it('answers each kind of mistake with its code, and spares the others [A1]', async () => {
    const { creating } = start()
    const assignments = [{ partitionIndex: 0, brokerIds: [1] }]
    const request = [
      topic('good'),
      topic('none', { numPartitions: 0 }),
      topic('many', { replicationFactor: 2 }),
      topic('both', { numPartitions: 1, assignments }),
      topic('by-hand', { assignments }),
      topic('b a d'),
      topic('odd', { configs: [{ name: 'retention.ms', value: 'x' }] }),
      topic('null', { configs: [{ name: 'retention.ms', value: null }] }),
      topic('tiered', {
        configs: [
          { name: 'remote.storage.enable', value: 'true' },
          { name: 'cleanup.policy', value: 'compact' },
        ],
      }),
      topic('twice'),
      topic('twice'),
    ]
    const { topics } = await ask(creating, 7, { topics: request })
    expect(topics.map(({ name, errorCode }) => [name, errorCode])).toEqual([
      ['good', 0],
      ['none', 37],
      ['many', 38],
      ['both', 42],
      ['by-hand', 0],
      ['b a d', 17],
      ['odd', 40],
      ['null', 40],
      ['tiered', 40],
      ['twice', 42],
    ])
    const again = await ask(creating, 7, { topics: [topic('good')] })
    expect(again.topics[0]?.errorCode).toBe(ErrorCode.TOPIC_ALREADY_EXISTS)
  })

  it('creates nothing when it only validates, and then tells no id [A1]', async () => {
    const { creating, image } = start()
    const { topics } = await ask(creating, 7, { topics: [topic('t')], validateOnly: true })
    expect(topics[0]).toMatchObject({ errorCode: 0, topicId: ZERO_UUID, numPartitions: 1 })
    expect(image().topicCount).toBe(0)
  })

  it('shows the topic in the image by the time it answers [A2]', async () => {
    const { creating, image } = start()
    await ask(creating, 2, { topics: [topic('t')] })
    expect(image().topicByName('t')?.partitions.get(0)?.leader).toBe(1)
  })

  it('answers for each topic when the controller is elsewhere', async () => {
    const { creating, log } = start()
    log.term = null
    const { topics } = await ask(creating, 7, { topics: [topic('a'), topic('b'), topic('b')] })
    expect(topics.map(({ name, errorCode }) => [name, errorCode])).toEqual([
      ['a', ErrorCode.NOT_CONTROLLER],
      ['b', ErrorCode.NOT_CONTROLLER],
    ])
  })
})

describe('DeleteTopics', () => {
  it('deletes by name in every version, and the name can be used again [A4]', async () => {
    for (const version of versions(deleteTopicsRequest)) {
      const { deleting, create, image } = start()
      const first = await create('t')
      const names = { topicNames: ['t', 'nope'] }
      const topics = { topics: [{ name: 't' }, { name: 'nope' }] }
      const { responses } = await ask(deleting, version, version >= 6 ? topics : names)
      expect(responses.map(({ name, errorCode }) => [name, errorCode])).toEqual([
        ['t', 0],
        ['nope', ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
      ])
      expect(image().topicByName('t')).toBeUndefined()
      expect((await create('t')).topicId).not.toBe(first.topicId)
    }
  })

  it('deletes by id in v6, and refuses both, neither, twice and the unknown [A4]', async () => {
    const { deleting, create, image } = start()
    const { topicId } = await create('t')
    const { topicId: kept } = await create('kept')
    const { responses } = await ask(deleting, 6, {
      topics: [
        { name: null, topicId },
        { name: null, topicId: uuid(99) },
        { name: 'kept', topicId: kept },
        { name: null },
        { name: 'kept' },
        { name: 'kept' },
      ],
    })
    const outcome = responses.map(({ name, topicId: id, errorCode }) => [name, id, errorCode])
    expect(outcome).toContainEqual(['t', topicId, 0])
    expect(outcome).toContainEqual([null, uuid(99), ErrorCode.UNKNOWN_TOPIC_ID])
    expect(outcome).toContainEqual(['kept', kept, ErrorCode.INVALID_REQUEST])
    expect(outcome).toContainEqual([null, ZERO_UUID, ErrorCode.INVALID_REQUEST])
    expect(outcome).toContainEqual(['kept', ZERO_UUID, ErrorCode.INVALID_REQUEST])
    expect(image().topicNames()).toEqual(['kept'])
  })

  it('answers 73 when deletion is switched off, 42 before v3 [A4]', async () => {
    const { deleting, create, image } = start({ 'delete.topic.enable': 'false' })
    await create('t')
    for (const version of versions(deleteTopicsRequest)) {
      const body = version >= 6 ? { topics: [{ name: 't' }] } : { topicNames: ['t'] }
      const { responses } = await ask(deleting, version, body)
      expect(responses[0]?.errorCode).toBe(version < 3 ? 42 : 73)
    }
    expect(image().topicNames()).toEqual(['t'])
  })
})

describe('CreatePartitions', () => {
  it('answers for every topic, and refuses what is no increase [A3]', async () => {
    for (const version of versions(createPartitionsRequest)) {
      const { growing, create, image } = start()
      await create('a')
      await create('b')
      const topics = [
        { name: 'a', count: 3, assignments: null },
        { name: 'b', count: 2, assignments: null },
        { name: 'c', count: 2, assignments: null },
      ]
      const { results } = await ask(growing, version, { topics })
      expect(results.map(({ name, errorCode }) => [name, errorCode])).toEqual([
        ['a', 0],
        ['b', ErrorCode.INVALID_PARTITIONS],
        ['c', ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
      ])
      expect(image().topicByName('a')?.partitions.size).toBe(3)
      const by = { name: 'b', count: 3, assignments: [{ brokerIds: [1] }] }
      await ask(growing, version, { topics: [by], validateOnly: true })
      expect(image().topicByName('b')?.partitions.size).toBe(2)
      await ask(growing, version, { topics: [by] })
      expect(image().topicByName('b')?.partitions.size).toBe(3)
    }
  })
})
