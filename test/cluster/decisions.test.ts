import { describe, expect, it } from 'vitest'
import { ErrorCode } from '../../src/base/error-codes.ts'
import { Controller } from '../../src/cluster/controller.ts'
import { ConfigOperation } from '../../src/cluster/decide-configs.ts'
import type { NewTopic } from '../../src/cluster/decide-topics.ts'
import { PARTITIONS_PER_REQUEST_MAX } from '../../src/cluster/decide-topics.ts'
import { cluster, TestLog, testPolicy, uuid } from './support.ts'

const topic = (name: string, changes: Partial<NewTopic> = {}): NewTopic => ({
  name,
  partitions: -1,
  replicas: -1,
  assignments: [],
  configs: [],
  ...changes,
})

const start = (brokers = 1, isManual = false) => {
  const log = new TestLog(cluster(brokers), isManual)
  return { log, controller: new Controller(log, testPolicy()) }
}

const create = async (changes: Partial<NewTopic>, name = 't', brokers = 1) => {
  const { controller, log } = start(brokers)
  const [result] = await controller.createTopics([topic(name, changes)], false)
  return { code: result?.code, message: result?.message, created: log.image().topicByName(name) }
}

describe('Controller.createTopics()', () => {
  it('takes -1 for the default number of partitions and replicas [A1]', async () => {
    const { code, created } = await create({})
    expect(code).toBe(0)
    expect(created?.partitions.size).toBe(3)
    expect(created?.partitions.get(0)).toMatchObject({
      leader: 1,
      leaderEpoch: 0,
      replicas: [1],
      quorum: { write: 1, seal: 1 },
      lineage: [{ epoch: 0, startOffset: 0, replicas: [1] }],
    })
  })

  it('refuses 0 and negative counts [A1]', async () => {
    for (const partitions of [0, -2]) {
      expect((await create({ partitions })).code).toBe(ErrorCode.INVALID_PARTITIONS)
    }
    for (const replicas of [0, -2, 2]) {
      expect((await create({ replicas })).code).toBe(ErrorCode.INVALID_REPLICATION_FACTOR)
    }
  })

  it('refuses manual assignments together with counts, and senseless ones [A1]', async () => {
    const assign = (...lists: [number, number[]][]) =>
      lists.map(([index, brokerIds]) => ({ index, brokerIds }))
    const good = assign([0, [1]], [1, [2]])
    const codeOf = async (changes: Partial<NewTopic>) => (await create(changes, 't', 2)).code
    expect(await codeOf({ assignments: good })).toBe(0)
    expect(await codeOf({ assignments: good, partitions: 2 })).toBe(ErrorCode.INVALID_REQUEST)
    expect(await codeOf({ assignments: good, replicas: 1 })).toBe(ErrorCode.INVALID_REQUEST)
    const bad = [
      assign([1, [1]]),
      assign([0, [1]], [2, [1]]),
      assign([0, []]),
      assign([0, [1, 1]]),
      assign([0, [9]]),
      assign([0, [1]], [1, [1, 2]]),
    ]
    for (const assignments of bad) {
      expect(await codeOf({ assignments })).toBe(ErrorCode.INVALID_REPLICA_ASSIGNMENT)
    }
  })

  it('refuses a topic that exists, and answers a name that comes twice once [A1]', async () => {
    const { controller, log } = start()
    await controller.createTopics([topic('a')], false)
    const results = await controller.createTopics([topic('a'), topic('b'), topic('b')], false)
    expect(results.map(({ name, code }) => [name, code])).toEqual([
      ['a', ErrorCode.TOPIC_ALREADY_EXISTS],
      ['b', ErrorCode.INVALID_REQUEST],
    ])
    expect(log.image().topicNames()).toEqual(['a'])
  })

  it('refuses illegal names and names that collide once "." reads "_" [A1] [M14]', async () => {
    const { controller } = start()
    const codes = async (...names: string[]) =>
      (
        await controller.createTopics(
          names.map((name) => topic(name)),
          false,
        )
      ).map((r) => r.code)
    const illegal = ErrorCode.INVALID_TOPIC_EXCEPTION
    expect(await codes('', '.', '..', 'a b', 'a/b', 'é', 'x'.repeat(250))).toEqual(
      Array(7).fill(illegal),
    )
    expect(await codes('x'.repeat(249), 'A-z.0_9', '...')).toEqual([0, 0, 0])
    expect(await codes('A-z_0.9')).toEqual([illegal])
    expect(await codes('q.r', 'q_r')).toEqual([0, illegal])
    await controller.deleteTopics([{ name: 'q.r', topicId: null }])
    expect(await codes('q_r')).toEqual([0])
    expect(await codes('__cluster_metadata')).toEqual([ErrorCode.INVALID_REQUEST])
  })

  it('refuses bad settings [A1]', async () => {
    const codeOf = async (name: string, value: string | null) =>
      (await create({ configs: [{ name, value }] })).code
    expect(await codeOf('nonsense', '1')).toBe(ErrorCode.INVALID_CONFIG)
    expect(await codeOf('retention.ms', 'soon')).toBe(ErrorCode.INVALID_CONFIG)
    expect(await codeOf('retention.ms', null)).toBe(ErrorCode.INVALID_CONFIG)
    const { created } = await create({ configs: [{ name: 'retention.ms', value: '5' }] })
    expect(created?.configs).toEqual(new Map([['retention.ms', '5']]))
  })

  it('creates nothing when it only validates, and still answers with counts [A1]', async () => {
    const { controller, log } = start()
    const [result] = await controller.createTopics([topic('a')], true)
    expect(result).toMatchObject({ code: 0, partitions: 3, replicas: 1 })
    expect(log.entries).toHaveLength(0)
  })

  it('gives a topic that is created again another id [M6]', async () => {
    const { controller } = start()
    const [first] = await controller.createTopics([topic('a')], false)
    await controller.deleteTopics([{ name: 'a', topicId: null }])
    const [second] = await controller.createTopics([topic('a')], false)
    expect(second?.code).toBe(0)
    expect(second?.topicId).not.toBe(first?.topicId)
  })

  it('bounds the partitions of one request', async () => {
    const { controller } = start()
    const half = { partitions: PARTITIONS_PER_REQUEST_MAX / 2 }
    const wishes = [topic('a', half), topic('b', half), topic('c', { partitions: 1 })]
    const codes = (await controller.createTopics(wishes, false)).map(({ code }) => code)
    expect(codes).toEqual([0, 0, ErrorCode.POLICY_VIOLATION])
    const huge = await create({ partitions: 2 ** 31 - 1 })
    expect(huge.code).toBe(ErrorCode.POLICY_VIOLATION)
  })
})

describe('Controller.deleteTopics()', () => {
  it('knows topics by name and by id, and frees the name [A4]', async () => {
    const { controller, log } = start()
    const made = await controller.createTopics([topic('a'), topic('b')], false)
    const id = made[1]?.topicId ?? ''
    const results = await controller.deleteTopics([
      { name: 'a', topicId: null },
      { name: null, topicId: id },
      { name: 'c', topicId: null },
      { name: null, topicId: uuid(99) },
    ])
    expect(results.map(({ name, topicId, code }) => [name, topicId, code])).toEqual([
      ['a', made[0]?.topicId, 0],
      ['b', id, 0],
      ['c', null, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
      [null, uuid(99), ErrorCode.UNKNOWN_TOPIC_ID],
    ])
    expect(log.image().topicCount).toBe(0)
    expect((await controller.createTopics([topic('a')], false))[0]?.code).toBe(0)
  })
})

describe('Controller.createPartitions()', () => {
  it('answers for every topic, and refuses a count that is no increase [A3]', async () => {
    const { controller, log } = start()
    await controller.createTopics([topic('a'), topic('b'), topic('c')], false)
    const wish = (name: string, count: number, assignments: number[][] | null = null) => ({
      name,
      count,
      assignments,
    })
    const results = await controller.createPartitions(
      [
        wish('a', 5),
        wish('b', 3),
        wish('c', 4, [[1], [1]]),
        wish('d', 4),
        wish('e', 1),
        wish('e', 2),
      ],
      false,
    )
    expect(results.map(({ name, code }) => [name, code])).toEqual([
      ['a', 0],
      ['b', ErrorCode.INVALID_PARTITIONS],
      ['c', ErrorCode.INVALID_REPLICA_ASSIGNMENT],
      ['d', ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
      ['e', ErrorCode.INVALID_REQUEST],
    ])
    expect(log.image().topicByName('a')?.partitions.size).toBe(5)
    await controller.createPartitions([wish('a', 6)], true)
    expect(log.image().topicByName('a')?.partitions.size).toBe(5)
    expect((await controller.createPartitions([wish('a', 2)], false))[0]?.message).toBe(
      'The topic a currently has 5 partition(s); 2 would not be an increase.',
    )
  })
})

describe('Controller.alterConfigs()', () => {
  const steps = (name: string, operation: number, value: string | null = null) => ({
    resourceType: 2,
    resourceName: 'a',
    steps: [{ name, operation, value }],
  })
  const withTopic = async (brokers = 1) => {
    const made = start(brokers)
    const configs = [
      { name: 'retention.ms', value: '5' },
      { name: 'cleanup.policy', value: 'delete' },
    ]
    await made.controller.createTopics([topic('a', { configs, replicas: brokers })], false)
    return { ...made, configs: () => made.log.image().topicByName('a')?.configs }
  }

  it('replaces the full set: what is not named returns to its default [A6]', async () => {
    const { controller, configs } = await withTopic()
    const replace = [{ name: 'cleanup.policy', value: 'compact' }]
    const change = { resourceType: 2, resourceName: 'a', replace }
    expect((await controller.alterConfigs([change], true))[0]?.code).toBe(0)
    expect(configs()?.size).toBe(2)
    await controller.alterConfigs([change], false)
    expect(configs()).toEqual(new Map([['cleanup.policy', 'compact']]))
  })

  it('sets, deletes, appends and subtracts, the last two on lists only [A6]', async () => {
    const { controller, configs } = await withTopic()
    const alter = async (...change: Parameters<typeof steps>) =>
      (await controller.alterConfigs([steps(...change)], false))[0]?.code
    const { SET, DELETE, APPEND, SUBTRACT } = ConfigOperation
    expect(await alter('retention.ms', SET, '7')).toBe(0)
    expect(await alter('cleanup.policy', APPEND, 'compact,delete')).toBe(0)
    expect(configs()?.get('cleanup.policy')).toBe('delete,compact')
    expect(await alter('cleanup.policy', SUBTRACT, 'delete')).toBe(0)
    expect(configs()?.get('cleanup.policy')).toBe('compact')
    expect(await alter('cleanup.policy', DELETE)).toBe(0)
    expect(await alter('cleanup.policy', APPEND, 'compact')).toBe(0)
    expect(configs()).toEqual(
      new Map([
        ['retention.ms', '7'],
        ['cleanup.policy', 'delete,compact'],
      ]),
    )
    expect(await alter('retention.ms', APPEND, '7')).toBe(ErrorCode.INVALID_CONFIG)
    expect(await alter('retention.ms', SUBTRACT, '7')).toBe(ErrorCode.INVALID_CONFIG)
    expect(await alter('retention.ms', SET, null)).toBe(ErrorCode.INVALID_REQUEST)
    expect(await alter('retention.ms', 4, '7')).toBe(ErrorCode.INVALID_REQUEST)
    expect(await alter('nonsense', SET, '7')).toBe(ErrorCode.INVALID_CONFIG)
  })

  it('refuses keys and resources that come twice [A6]', async () => {
    const { controller } = await withTopic()
    const twice = { name: 'retention.ms', operation: ConfigOperation.SET, value: '1' }
    const one = { resourceType: 2, resourceName: 'a', steps: [twice, twice] }
    expect((await controller.alterConfigs([one], false))[0]?.code).toBe(ErrorCode.INVALID_REQUEST)
    const both = [steps('retention.ms', 0, '1'), steps('retention.ms', 0, '2')]
    const results = await controller.alterConfigs(both, false)
    expect(results.map(({ code }) => code)).toEqual(Array(2).fill(ErrorCode.INVALID_REQUEST))
  })

  it('refuses resources that are not there or have no settings', async () => {
    const { controller } = await withTopic()
    const codeOf = async (resourceType: number, resourceName: string) =>
      (await controller.alterConfigs([{ resourceType, resourceName, replace: [] }], false))[0]?.code
    expect(await codeOf(2, 'b')).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    expect(await codeOf(2, '?')).toBe(ErrorCode.INVALID_TOPIC_EXCEPTION)
    expect(await codeOf(4, '2')).toBe(ErrorCode.INVALID_REQUEST)
    expect(await codeOf(4, '01')).toBe(ErrorCode.INVALID_REQUEST)
    expect(await codeOf(8, '1')).toBe(ErrorCode.INVALID_REQUEST)
    expect(await codeOf(4, '1')).toBe(0)
    expect(await codeOf(4, '')).toBe(0)
  })

  it('alters what a broker lets be altered', async () => {
    const { controller, log } = await withTopic()
    const change = (name: string) => ({
      resourceType: 4,
      resourceName: '',
      replace: [{ name, value: '9' }],
    })
    expect((await controller.alterConfigs([change('log.retention.ms')], false))[0]?.code).toBe(0)
    expect(log.image().brokerConfigs('')).toEqual(new Map([['log.retention.ms', '9']]))
    const refused = await controller.alterConfigs([change('node.id')], false)
    expect(refused[0]?.code).toBe(ErrorCode.INVALID_REQUEST)
  })

  it('opens a new epoch where new settings change the quorums', async () => {
    const { controller, log } = await withTopic(3)
    const partition = () => log.image().topicByName('a')?.partitions.get(0)
    expect(partition()).toMatchObject({ leaderEpoch: 0, quorum: { write: 2, seal: 2 } })
    await controller.alterConfigs([steps('w', ConfigOperation.SET, '3')], false)
    expect(partition()).toMatchObject({ leaderEpoch: 1, quorum: { write: 3, seal: 1 } })
    await controller.alterConfigs([steps('retention.ms', ConfigOperation.SET, '3')], false)
    expect(partition()?.leaderEpoch).toBe(1)
  })
})

describe('decisions on hostile requests', () => {
  it('cost time in proportion to the names, not to their square', async () => {
    const { controller } = start()
    const names = Array.from({ length: 100_000 }, (_, i) => `n.${i}`)
    const began = performance.now()
    const made = await controller.createTopics(
      names.map((name) => topic(name, { partitions: 1 })),
      true,
    )
    expect(made.filter(({ code }) => code === 0)).toHaveLength(PARTITIONS_PER_REQUEST_MAX)
    await controller.createPartitions(
      names.map((name) => ({ name, count: 1, assignments: null })),
      true,
    )
    const steps = names.map((name) => ({ name, operation: ConfigOperation.SET, value: '1' }))
    await controller.alterConfigs([{ resourceType: 2, resourceName: 'x', steps }], true)
    const changes = names.map((resourceName) => ({ resourceType: 2, resourceName, replace: [] }))
    await controller.alterConfigs(changes, true)
    // Comparing each with each would be 10^10 comparisons, a minute at the least.
    expect(performance.now() - began).toBeLessThan(5000)
  })
})
