import { describe, expect, it } from 'vitest'
import { ErrorCode } from '../../../src/base/error-codes.ts'
import { metadata } from '../../../src/broker/handlers/03-metadata.ts'
import { OPERATIONS_UNKNOWN } from '../../../src/broker/topic-view.ts'
import { openEpochs } from '../../../src/cluster/decide-brokers.ts'
import { metadataRequest, metadataResponse } from '../../../src/wire/messages/03-metadata.ts'
import { ZERO_UUID } from '../../../src/wire/schema.ts'
import { decided, fold, uuid, withBroker } from '../../cluster/support.ts'
import { ask, versions, world } from './support.ts'

const start = (options: { brokers?: number; autoCreates?: boolean } = {}) => {
  const { autoCreates = true, ...rest } = options
  const made = world(rest)
  const created: string[] = []
  const creator = { create: (names: readonly string[]) => void created.push(...names) }
  const { selfId, image } = made
  const handler = metadata({ selfId, image, autoCreates: () => autoCreates, creator })
  const api = { request: metadataRequest, response: metadataResponse, handler }
  return { ...made, created, api }
}

const byName = (name: string | null, topicId = ZERO_UUID) => ({ topics: [{ name, topicId }] })

describe('Metadata', () => {
  it('takes null for all topics and [] for none, and in v0 [] for all [M1]', async () => {
    const { api, create } = start()
    await create('a')
    await create('b')
    const names = async (version: number, topics: null | []) =>
      (await ask(api, version, { topics })).topics.map(({ name }) => name).sort()
    expect(await names(0, [])).toEqual(['a', 'b'])
    for (const version of versions(metadataRequest).slice(1)) {
      expect(await names(version, null)).toEqual(['a', 'b'])
      expect(await names(version, [])).toEqual([])
    }
  })

  it('tells addresses of the listener that the request came in on [M2]', async () => {
    const { api, log, create } = start({ brokers: 2 })
    const inner = (id: number) => ({ listener: 'INNER', host: `inner${id}`, port: 9094 })
    for (const id of [1, 2]) {
      const before = log.current.broker(id)
      if (before === undefined) throw new Error('absent')
      const { fenced: _, ...about } = before
      const endpoints = [...before.endpoints, inner(id)]
      const epoch = before.epoch + 10
      const broker = { kind: 'broker' as const, ...about, epoch, endpoints }
      log.current = fold(log.current, [[broker, { kind: 'fence', id, epoch, fenced: false }]])
    }
    await create('t', { partitions: 4, replicas: 2 })
    for (const version of versions(metadataRequest)) {
      const outer = await ask(api, version, byName('t'))
      expect(outer.brokers.map(({ host }) => host)).toEqual(['b1', 'b2'])
      const advertised = { host: 'inner1', port: 9094 }
      const answer = await ask(api, version, byName('t'), advertised)
      expect(answer.brokers.map(({ host }) => host)).toEqual(['inner1', 'inner2'])
      const known = new Set(answer.brokers.map(({ nodeId }) => nodeId))
      for (const partition of answer.topics[0]?.partitions ?? []) {
        expect(partition.errorCode).toBe(0)
        for (const id of [partition.leaderId, ...partition.replicaNodes, ...partition.isrNodes]) {
          expect(known.has(id)).toBe(true)
        }
      }
    }
  })

  it('tells a leader that lacks the listener by 72, and by 5 before v6 [M3]', async () => {
    const { api, create } = start({ brokers: 2 })
    await create('t', { assignments: [{ index: 0, brokerIds: [2, 1] }], partitions: -1 })
    const advertised = { host: 'only-here', port: 1 }
    for (const version of versions(metadataRequest)) {
      const { brokers, topics } = await ask(api, version, byName('t'), advertised)
      expect(brokers.map(({ nodeId, host }) => [nodeId, host])).toEqual([[1, 'only-here']])
      expect(topics[0]?.errorCode).toBe(0)
      expect(topics[0]?.partitions[0]).toMatchObject({
        errorCode: version >= 6 ? ErrorCode.LISTENER_NOT_FOUND : ErrorCode.LEADER_NOT_AVAILABLE,
        leaderId: -1,
      })
    }
  })

  it('tells a fenced leader by 5, and shows no fenced broker', async () => {
    const { api, log, create } = start({ brokers: 2 })
    await create('t', { assignments: [{ index: 0, brokerIds: [2, 1] }], partitions: -1 })
    const epoch = log.current.broker(2)?.epoch ?? 0
    log.current = fold(log.current, [[{ kind: 'fence', id: 2, epoch, fenced: true }]])
    const { brokers, topics } = await ask(api, 13, byName('t'))
    expect(brokers.map(({ nodeId }) => nodeId)).toEqual([1])
    expect(topics[0]?.partitions[0]).toMatchObject({
      errorCode: ErrorCode.LEADER_NOT_AVAILABLE,
      leaderId: -1,
      replicaNodes: [2, 1],
      isrNodes: [1],
      offlineReplicas: [2],
    })
    const oldest = await ask(api, 0, byName('t'))
    expect(oldest.topics[0]?.partitions[0]?.replicaNodes).toEqual([1])
  })

  it('answers an unknown topic with 3, an illegal name with 17 [M4]', async () => {
    const { api } = start()
    for (const version of versions(metadataRequest)) {
      const unknown = (await ask(api, version, byName('nope'))).topics
      expect(unknown).toMatchObject([
        { errorCode: 3, name: 'nope', topicId: ZERO_UUID, partitions: [] },
      ])
      const illegal = (await ask(api, version, byName('no pe'))).topics
      expect(illegal).toMatchObject([{ errorCode: 17, name: 'no pe', partitions: [] }])
    }
  })

  it('creates unknown topics where broker and client want it, never for all [M5]', async () => {
    const asked = async (autoCreates: boolean, version: number, allow: boolean, name = 'new') => {
      const { api, created } = start({ autoCreates })
      const body = { ...byName(name), allowAutoTopicCreation: allow }
      const answer = await ask(api, version, version < 4 ? byName(name) : body)
      expect(answer.topics[0]?.errorCode).not.toBe(0)
      await ask(api, version, { topics: version === 0 ? [] : null, allowAutoTopicCreation: true })
      return created
    }
    expect(await asked(true, 4, true)).toEqual(['new'])
    expect(await asked(true, 13, true)).toEqual(['new'])
    expect(await asked(true, 4, false)).toEqual([])
    expect(await asked(true, 0, true)).toEqual(['new'])
    expect(await asked(true, 3, true)).toEqual(['new'])
    expect(await asked(false, 4, true)).toEqual([])
    expect(await asked(true, 4, true, 'no pe')).toEqual([])
  })

  it('knows topics by id from v12, and refuses ids and null names before [M6]', async () => {
    const { api, create } = start()
    const { topicId } = await create('t')
    expect(topicId).not.toBe(ZERO_UUID)
    for (const version of [10, 11, 12, 13]) {
      const named = await ask(api, version, byName('t'))
      expect(named.topics[0]).toMatchObject({ errorCode: 0, topicId, name: 't' })
    }
    for (const version of [12, 13]) {
      const known = await ask(api, version, byName(null, topicId))
      expect(known.topics[0]).toMatchObject({ errorCode: 0, topicId, name: 't' })
      const unknown = await ask(api, version, byName(null, uuid(99)))
      expect(unknown.topics).toMatchObject([
        { errorCode: ErrorCode.UNKNOWN_TOPIC_ID, name: null, topicId: uuid(99), partitions: [] },
      ])
    }
    for (const version of [10, 11]) {
      for (const body of [byName('t', topicId), byName(null, topicId), byName(null)]) {
        const { topics } = await ask(api, version, body)
        expect(topics[0]?.errorCode).toBe(ErrorCode.INVALID_REQUEST)
      }
    }
  })

  it('names a live controller and the constant cluster id [M7]', async () => {
    const { api } = start({ brokers: 3 })
    const { controllerId, clusterId, brokers } = await ask(api, 2, { topics: null })
    expect(brokers.map(({ nodeId }) => nodeId)).toContain(controllerId)
    expect(clusterId).toBe('test')
  })

  it('tells leader epochs that only rise, restart after restart [M8]', async () => {
    const { api, log, create } = start()
    await create('t', { partitions: 1 })
    const epochs: (number | undefined)[] = []
    for (let restart = 2; restart < 6; restart++) {
      const { topics } = await ask(api, 7, byName('t'))
      epochs.push(topics[0]?.partitions[0]?.leaderEpoch)
      log.current = withBroker(log.current, 1, restart)
      const epoch = log.current.broker(1)?.epoch ?? 0
      log.current = decided(log.current, openEpochs(log.current, { id: 1, epoch })).image
    }
    expect(epochs).toEqual([0, 1, 2, 3])
  })

  it('tells authorized operations only when asked [M9]', async () => {
    const { api, create } = start()
    await create('t')
    const asks = { ...byName('t'), includeTopicAuthorizedOperations: true }
    for (const version of [8, 10]) {
      const plain = await ask(api, version, byName('t'))
      expect(plain.topics[0]?.topicAuthorizedOperations).toBe(OPERATIONS_UNKNOWN)
      expect(plain.clusterAuthorizedOperations).toBe(OPERATIONS_UNKNOWN)
      const full = await ask(api, version, { ...asks, includeClusterAuthorizedOperations: true })
      expect(full.topics[0]?.topicAuthorizedOperations).toBe(3576)
      expect(full.clusterAuthorizedOperations).toBe(8096)
    }
    expect((await ask(api, 13, asks)).topics[0]?.topicAuthorizedOperations).toBe(3576)
  })

  it('marks internal topics [M10]', async () => {
    const { api, create } = start()
    await create('t')
    const internal = ['__consumer_offsets', '__transaction_state', '__share_group_state']
    for (const name of internal) await create(name)
    const { topics } = await ask(api, 1, { topics: null })
    const marked = topics.filter(({ isInternal }) => isInternal).map(({ name }) => name)
    expect(marked.sort()).toEqual(internal.sort())
  })

  it('answers a topic named twice once [M13]', async () => {
    const { api, create } = start()
    await create('t')
    const named = { name: 't', topicId: ZERO_UUID }
    const { topics } = await ask(api, 9, { topics: [named, named] })
    expect(topics.map(({ name }) => name)).toEqual(['t'])
  })
})
