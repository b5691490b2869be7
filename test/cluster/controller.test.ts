import { describe, expect, it } from 'vitest'
import { ErrorCode } from '../../src/base/error-codes.ts'
import { KafkaError, OperatingError } from '../../src/base/errors.ts'
import {
  Controller,
  DECISIONS_QUEUED_MAX,
  PROPOSAL_BYTES_MAX,
} from '../../src/cluster/controller.ts'
import { PRODUCER_ID_BLOCK } from '../../src/cluster/decide-brokers.ts'
import type { NewTopic } from '../../src/cluster/decide-topics.ts'
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
  it('decides on what is under way, and takes along what waits in one proposal', async () => {
    const { controller, log } = start(1, true)
    const first = controller.createTopics([topic('a')], false)
    const second = controller.createTopics([topic('a'), topic('b')], false)
    const third = controller.deleteTopics([{ name: 'b', topicId: null }])
    expect(log.waiting).toHaveLength(1)
    log.settle()
    expect((await first)[0]?.code).toBe(0)
    expect(log.waiting).toHaveLength(1)
    log.settle()
    expect((await second).map(({ code }) => code)).toEqual([ErrorCode.TOPIC_ALREADY_EXISTS, 0])
    expect((await third)[0]?.code).toBe(0)
    expect(log.image().topicNames()).toEqual(['a'])
    expect(log.entries).toHaveLength(2)
  })

  it('answers a refusal that rests on something under way only once that is applied', async () => {
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

  it('proposes nothing that rests on a proposal which failed, and begins again', async () => {
    const { controller, log } = start(1, true)
    const replace = [{ name: 'retention.ms', value: '1' }]
    const first = controller.createTopics([topic('a')], false)
    const change = { resourceType: 2, resourceName: 'a', replace }
    const second = controller.alterConfigs([change], false)
    const third = controller.createTopics([topic('a')], false)
    const refused = new OperatingError('retry', 'too much is in flight')
    log.waiting.shift()?.fail(refused)
    for (const lost of [first, second, third]) await expect(lost).rejects.toBe(refused)
    expect(log.waiting).toHaveLength(0)
    const again = controller.createTopics([topic('a')], false)
    log.settle()
    expect((await again)[0]?.code).toBe(0)
    expect(log.image().topicByName('a')?.configs.size).toBe(0)
  })

  it('proposes nothing in a term in which it was not decided', async () => {
    const { controller, log } = start(1, true)
    const first = controller.createTopics([topic('a')], false)
    const second = controller.createTopics([topic('b')], false)
    log.term = 2
    const moved = { code: ErrorCode.NOT_CONTROLLER }
    await expect(controller.createTopics([topic('c')], false)).rejects.toMatchObject(moved)
    log.settle()
    await first
    await expect(second).rejects.toMatchObject(moved)
    expect(log.waiting).toHaveLength(0)
    const again = controller.createTopics([topic('b')], false)
    log.settle()
    expect((await again)[0]?.code).toBe(0)
  })

  it('keeps proposals and the queue bounded', async () => {
    const { controller, log } = start(1, true)
    const big = { partitions: 9000 }
    const made = [1, 2, 3, 4].map((n) => controller.createTopics([topic(`t${n}`, big)], false))
    let proposals = 0
    for (; log.waiting.length > 0; proposals++) {
      expect(log.waiting[0]?.entry.length).toBeLessThanOrEqual(PROPOSAL_BYTES_MAX)
      log.settle()
      await Promise.resolve()
      await Promise.resolve()
    }
    for (const results of await Promise.all(made)) expect(results[0]?.code).toBe(0)
    expect(proposals).toBeGreaterThan(1)
    const epoch = log.image().broker(1)?.epoch ?? 0
    const ask = () => controller.allocateProducerIds({ id: 1, epoch })
    const waiting = Array.from({ length: DECISIONS_QUEUED_MAX + 1 }, ask)
    await expect(ask()).rejects.toMatchObject({ code: ErrorCode.NOT_CONTROLLER })
    log.settle()
    await Promise.resolve()
    await Promise.resolve()
    log.settle()
    expect(new Set((await Promise.all(waiting)).map(({ first }) => first)).size).toBe(
      waiting.length,
    )
  })

  it('decides nothing where it does not lead', async () => {
    const { controller, log } = start()
    log.term = null
    const refused = { code: ErrorCode.NOT_CONTROLLER }
    await expect(controller.createTopics([topic('a')], false)).rejects.toMatchObject(refused)
  })
})
