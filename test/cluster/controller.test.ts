import { describe, expect, it } from 'vitest'
import { ErrorCode } from '../../src/base/error-codes.ts'
import { KafkaError } from '../../src/base/errors.ts'
import { Controller } from '../../src/cluster/controller.ts'
import { PRODUCER_ID_BLOCK } from '../../src/cluster/decide-brokers.ts'
import { ConfigOperation } from '../../src/cluster/decide-configs.ts'
import type { NewTopic } from '../../src/cluster/decide-topics.ts'
import { PARTITIONS_PER_REQUEST_MAX } from '../../src/cluster/decide-topics.ts'
import { ClusterImage } from '../../src/cluster/image.ts'
import { cluster, TestLog, testPolicy, uuid, withBroker } from './support.ts'

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

describe('Controller and its brokers', () => {
  it('forms a cluster of one from nothing', async () => {
    const log = new TestLog(ClusterImage.empty())
    const controller = new Controller(log, testPolicy())
    await controller.formatCluster('c1')
    await controller.formatCluster('c1')
    await expect(controller.formatCluster('c2')).rejects.toMatchObject({ code: 104 })
    const about = {
      id: 7,
      clusterId: 'c1',
      incarnation: uuid(1),
      endpoints: [],
      rack: null,
      host: 'h',
    }
    const { epoch } = await controller.registerBroker(about)
    expect(log.image().controllerId).toBe(-1)
    await controller.setFenced({ id: 7, epoch }, false)
    expect(log.image().controllerId).toBe(7)
    expect(await controller.registerBroker(about)).toEqual({ epoch })
    await expect(controller.registerBroker({ ...about, clusterId: 'x' })).rejects.toThrow(
      KafkaError,
    )
  })

  it('raises each leader epoch once per restart of the leader [M8]', async () => {
    const { controller, log } = start()
    await controller.createTopics([topic('a')], false)
    const id = log.image().topicByName('a')?.id ?? ''
    const epochs = () => [0, 1, 2].map((index) => log.image().partition(id, index)?.leaderEpoch)
    const restart = async (incarnation: number) => {
      log.current = withBroker(log.current, 1, incarnation)
      const broker = { id: 1, epoch: log.image().broker(1)?.epoch ?? 0 }
      const { opened } = await controller.openEpochs(broker, (_, index) => index * 10)
      await controller.openEpochs(broker)
      return opened
    }
    expect(epochs()).toEqual([0, 0, 0])
    expect(await restart(2)).toBe(3)
    expect(epochs()).toEqual([1, 1, 1])
    expect(await restart(3)).toBe(3)
    expect(epochs()).toEqual([2, 2, 2])
    expect(log.image().partition(id, 2)?.lineage.at(-1)).toMatchObject({
      epoch: 2,
      startOffset: 20,
    })
  })

  it('refuses a broker that acts under an epoch it no longer has', async () => {
    const { controller, log } = start()
    const old = log.image().broker(1)?.epoch ?? 0
    log.current = withBroker(log.current, 1, 2)
    const stale = { code: ErrorCode.STALE_BROKER_EPOCH }
    await expect(controller.allocateProducerIds({ id: 1, epoch: old })).rejects.toMatchObject(stale)
    await expect(controller.openEpochs({ id: 1, epoch: old })).rejects.toMatchObject(stale)
    await expect(controller.setFenced({ id: 2, epoch: 1 }, true)).rejects.toMatchObject({
      code: 102,
    })
  })

  it('never gives one producer id twice, across brokers and restarts [I1]', async () => {
    const { controller, log } = start(2)
    const firsts: number[] = []
    for (let n = 0; n < 6; n++) {
      const id = 1 + (n % 2)
      log.current = withBroker(log.current, id, 10 + n)
      const epoch = log.image().broker(id)?.epoch ?? 0
      firsts.push((await controller.allocateProducerIds({ id, epoch })).first)
    }
    expect(firsts).toEqual([0, 1, 2, 3, 4, 5].map((n) => n * PRODUCER_ID_BLOCK))
  })

  it('moves what a fenced broker led where enough replicas live', async () => {
    const { controller, log } = start(3)
    await controller.createTopics([topic('a', { replicas: 3, partitions: 1 })], false)
    const partition = () => log.image().topicByName('a')?.partitions.get(0)
    const first = partition()?.leader ?? 0
    const fence = (id: number, fenced: boolean) =>
      controller.setFenced({ id, epoch: log.image().broker(id)?.epoch ?? 0 }, fenced)
    await fence(first, true)
    const second = partition()?.leader ?? 0
    expect(second).not.toBe(first)
    expect(partition()?.leaderEpoch).toBe(1)
    // One of three is fewer than the two that must promise: nobody may lead.
    await fence(second, true)
    expect(partition()).toMatchObject({ leader: -1, leaderEpoch: 2 })
    await fence(first, false)
    expect(partition()?.leaderEpoch).toBe(3)
    expect(partition()?.leader).toBeGreaterThan(0)
  })
})

describe('Controller and its log', () => {
  it('decides on what is in flight: requests are pipelined, never contradictory', async () => {
    const { controller, log } = start(1, true)
    const first = controller.createTopics([topic('a')], false)
    const second = controller.createTopics([topic('a'), topic('b')], false)
    expect(log.waiting).toHaveLength(2)
    log.settle()
    log.settle()
    expect((await first)[0]?.code).toBe(0)
    expect((await second).map(({ code }) => code)).toEqual([ErrorCode.TOPIC_ALREADY_EXISTS, 0])
    expect(log.image().topicNames()).toEqual(['a', 'b'])
  })

  it('answers a refusal that rests on something in flight only once that is applied', async () => {
    const { controller, log } = start(1, true)
    const first = controller.createTopics([topic('a')], false)
    let isAnswered = false
    const second = controller.createTopics([topic('a')], false).then((result) => {
      isAnswered = true
      return result
    })
    await Promise.resolve()
    await Promise.resolve()
    expect(isAnswered).toBe(false)
    log.settle()
    await first
    expect((await second)[0]?.code).toBe(ErrorCode.TOPIC_ALREADY_EXISTS)
  })

  it('forgets what was decided on top of a failed proposal, and begins again', async () => {
    const { controller, log } = start(1, true)
    const first = controller.createTopics([topic('a')], false)
    const second = controller.createTopics([topic('b')], false)
    const lost = new KafkaError(ErrorCode.NOT_CONTROLLER, 'lost')
    log.waiting.shift()?.fail(lost)
    await expect(first).rejects.toBe(lost)
    const refused = { code: ErrorCode.NOT_CONTROLLER }
    await expect(controller.createTopics([topic('c')], false)).rejects.toMatchObject(refused)
    log.waiting.shift()?.fail(lost)
    await expect(second).rejects.toBe(lost)
    const again = controller.createTopics([topic('a')], false)
    log.settle()
    expect((await again)[0]?.code).toBe(0)
  })

  it('decides nothing where it does not lead', async () => {
    const { controller, log } = start()
    log.term = null
    const refused = { code: ErrorCode.NOT_CONTROLLER }
    await expect(controller.createTopics([topic('a')], false)).rejects.toMatchObject(refused)
  })
})
