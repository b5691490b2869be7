// What outlives the process: a broker is stopped, or killed, and another goes on from its
// directory. Everything is written and read by clients; nobody looks into the files.
import * as fs from 'node:fs'
import * as path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { must } from '../../src/base/assert.ts'
import { ErrorCode } from '../../src/base/error-codes.ts'
import { utf8 } from '../record/support.ts'
import type { Client } from './harness.ts'
import { batchesIn, batchOf, Lab, recordsIn, until, valuesIn, versionsOf } from './harness.ts'
import type { TopicRef } from './requests.ts'
import {
  Api,
  createTopic,
  deleteRecords,
  describeTopic,
  fetch,
  fetchBody,
  listOffset,
  newProducer,
  produce,
} from './requests.ts'

let lab: Lab
let client: Client

beforeEach(async () => {
  lab = await Lab.disk()
  client = await lab.client()
})
afterEach(() => lab.close())

const epochOf = async (topic: TopicRef): Promise<number> =>
  must((await describeTopic(client, topic.name)).partitions[0], 'partition').leaderEpoch

describe('after a restart', () => {
  test('topics have their ids, settings and records [M6, M7, J2]', async () => {
    const topic = await createTopic(client, { partitions: 2, configs: { 'retention.ms': '-1' } })
    for (const acks of [-1, 1, 0]) {
      const body = { acks, partition: 1, version: 9 }
      if (acks !== 0) await produce(client, topic, batchOf([`acks ${acks}`]), body)
      else {
        const topicData = [
          { ...topic, partitionData: [{ index: 1, records: batchOf(['acks 0']) }] },
        ]
        client.send(Api.produce, 9, { acks: 0, timeoutMs: 1, topicData })
      }
    }
    // Without acks=all nobody has waited until the records may be read.
    const before = await until(
      () => fetch(client, topic, 0, { partition: 1 }),
      ({ highWatermark }) => highWatermark === 3,
    )
    const { clusterId } = await client.call(Api.metadata, 12, { topics: [] })
    client = await lab.restart()
    const again = await client.call(Api.metadata, 12, { topics: [{ name: topic.name }] })
    expect([again.clusterId, again.topics[0]?.topicId]).toEqual([clusterId, topic.topicId])
    const read = await fetch(client, topic, 0, { partition: 1 })
    expect(recordsIn(read.records)).toEqual([
      [0, 'acks -1'],
      [1, 'acks 1'],
      [2, 'acks 0'],
    ])
    expect(read.records).toEqual(before.records)
    const configs = await client.call(Api.describeConfigs, 4, {
      resources: [
        { resourceType: 2, resourceName: topic.name, configurationKeys: ['retention.ms'] },
      ],
    })
    expect(configs.results[0]?.configs[0]?.value).toBe('-1')
    const next = await produce(client, topic, batchOf(['next']), { partition: 1 })
    expect(next.baseOffset).toBe(3)
  })

  test('deleted topics stay deleted [A4]', async () => {
    const topic = await createTopic(client)
    await produce(client, topic, batchOf(['a']))
    await client.call(Api.deleteTopics, 6, { topics: [{ name: topic.name }], timeoutMs: 1000 })
    client = await lab.restart()
    expect((await describeTopic(client, topic.name)).errorCode).toBe(3)
    const anew = await createTopic(client, { name: topic.name })
    expect((await fetch(client, anew, 0)).highWatermark).toBe(0)
  })

  test('leader epochs rise, and old ones are fenced [M8, E1, E2, F13, F14, F17]', async () => {
    const topic = await createTopic(client)
    await produce(client, topic, batchOf(['a', 'b']))
    const epochs = [await epochOf(topic)]
    for (const values of [['c'], ['d', 'e', 'f']]) {
      client = await lab.restart()
      epochs.push(await epochOf(topic))
      await produce(client, topic, batchOf(values))
    }
    const [first = -1, second = -1, third = -1] = epochs
    expect(first < second && second < third).toBe(true)
    const seen = batchesIn((await fetch(client, topic, 0)).records)
    expect(seen.map(({ baseOffset, leaderEpoch }) => [baseOffset, leaderEpoch])).toEqual([
      [0, first],
      [2, second],
      [3, third],
    ])
    const ends = await client.call(Api.offsetForLeaderEpoch, 4, {
      topics: [
        {
          topic: topic.name,
          partitions: [{ partition: 0, currentLeaderEpoch: -1, leaderEpoch: first }],
        },
      ],
    })
    expect(ends.topics[0]?.partitions[0]).toMatchObject({ leaderEpoch: first, endOffset: 2 })

    for (const version of versionsOf(Api.fetch).filter((v) => v >= 9)) {
      const options = { version, currentLeaderEpoch: first, maxWaitMs: 60_000 }
      const answer = await client.call(Api.fetch, version, fetchBody(topic, 0, options))
      const fenced = must(answer.responses[0]?.partitions[0], 'partition')
      expect(fenced.errorCode).toBe(ErrorCode.FENCED_LEADER_EPOCH)
      const { kafka } = lab.broker
      expect(fenced.currentLeader).toEqual(
        version >= 16 ? { leaderId: 1, leaderEpoch: third } : { leaderId: -1, leaderEpoch: -1 },
      )
      expect(answer.nodeEndpoints).toEqual(
        version >= 16 ? [{ nodeId: 1, ...kafka, rack: null }] : [],
      )
      if (version < 12) continue
      // This client says that it read up to 5 in the first epoch, which ended at 2.
      const diverged = await fetch(client, topic, 5, { version, lastFetchedEpoch: first })
      expect(diverged).toMatchObject({
        errorCode: 0,
        divergingEpoch: { epoch: first, endOffset: 2 },
        records: new Uint8Array(0),
      })
    }
  })

  test('an idempotent producer goes on, and its repeats are known [I6, J3]', async () => {
    const topic = await createTopic(client)
    const producerId = await newProducer(client)
    const send = async (baseSequence: number) => {
      const batch = batchOf([`${baseSequence}`], { producerId, producerEpoch: 0, baseSequence })
      const { errorCode, baseOffset } = await produce(client, topic, batch)
      return [errorCode, baseOffset]
    }
    for (let i = 0; i < 7; i++) expect(await send(i)).toEqual([0, i])
    for (let round = 0; round < 2; round++) {
      client = await lab.restart()
      for (const i of [2, 6, 4]) expect(await send(i)).toEqual([0, i])
      expect(await send(9)).toEqual([ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER, -1])
    }
    expect(await send(7)).toEqual([0, 7])
    const fresh = await newProducer(client)
    expect(fresh).not.toBe(producerId)
    expect(valuesIn((await fetch(client, topic, 0)).records)).toEqual(
      Array.from({ length: 8 }, (_, i) => `${i}`),
    )
  })

  test('deleted records stay deleted [A7, F21, L2]', async () => {
    const topic = await createTopic(client)
    for (const value of ['a', 'b', 'c', 'd']) await produce(client, topic, batchOf([value]))
    expect(await deleteRecords(client, topic, 3)).toMatchObject({ lowWatermark: 3 })
    client = await lab.restart()
    expect((await listOffset(client, topic, -2)).offset).toBe(3)
    expect((await fetch(client, topic, 2)).errorCode).toBe(ErrorCode.OFFSET_OUT_OF_RANGE)
    const read = await fetch(client, topic, 3)
    expect([read.logStartOffset, valuesIn(read.records)]).toEqual([3, ['d']])
    await deleteRecords(client, topic, -1)
    client = await lab.restart()
    expect((await listOffset(client, topic, -2)).offset).toBe(4)
    expect((await produce(client, topic, batchOf(['e']))).baseOffset).toBe(4)
  })

  test('a group has its offsets, members and generation [G20, J6]', async () => {
    const topic = await createTopic(client)
    const groupId = 'kept'
    await until(
      () => client.call(Api.findCoordinator, 4, { coordinatorKeys: [groupId], keyType: 0 }),
      ({ coordinators }) => coordinators[0]?.errorCode === 0,
    )
    const join = (memberId: string) =>
      client.call(Api.joinGroup, 9, {
        groupId,
        sessionTimeoutMs: 30_000,
        rebalanceTimeoutMs: 30_000,
        memberId,
        protocolType: 'consumer',
        protocols: [{ name: 'range', metadata: utf8('m') }],
      })
    const { memberId } = await until(
      () => join(''),
      ({ errorCode }) => errorCode === ErrorCode.MEMBER_ID_REQUIRED,
    )
    const { generationId } = await join(memberId)
    const member = { groupId, generationId, memberId }
    const assignment = utf8('mine')
    await client.call(Api.syncGroup, 5, {
      ...member,
      protocolType: 'consumer',
      protocolName: 'range',
      assignments: [{ memberId, assignment }],
    })
    await client.call(Api.offsetCommit, 8, {
      groupId,
      memberId,
      generationIdOrMemberEpoch: generationId,
      topics: [
        {
          name: topic.name,
          partitions: [{ partitionIndex: 0, committedOffset: 12, committedMetadata: 'meta' }],
        },
      ],
    })
    client = await lab.restart()
    const synced = await until(
      () =>
        client.call(Api.syncGroup, 5, {
          ...member,
          protocolType: 'consumer',
          protocolName: 'range',
        }),
      ({ errorCode }) => errorCode !== ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
    )
    expect([synced.errorCode, synced.assignment]).toEqual([0, assignment])
    expect((await client.call(Api.heartbeat, 4, member)).errorCode).toBe(0)
    const topics = [{ name: topic.name, partitionIndexes: [0] }]
    const offsets = await client.call(Api.offsetFetch, 8, { groups: [{ groupId, topics }] })
    expect(offsets.groups[0]?.topics[0]?.partitions[0]).toMatchObject({
      committedOffset: 12,
      metadata: 'meta',
    })
  })

  test('producer ids are never given twice [I1]', async () => {
    const ids = [await newProducer(client)]
    client = await lab.restart()
    ids.push(await newProducer(client))
    client = await lab.restart()
    ids.push(await newProducer(client))
    expect(new Set(ids).size).toBe(3)
  })

  test('a fetch session is unknown, and the client begins anew [S2]', async () => {
    const topic = await createTopic(client)
    const body = fetchBody(topic, 0, { sessionEpoch: 0 })
    const { sessionId } = await client.call(Api.fetch, 13, body)
    client = await lab.restart()
    const next = { ...body, sessionId, sessionEpoch: 1, topics: [] }
    const answer = await client.call(Api.fetch, 13, next)
    expect(answer.errorCode).toBe(ErrorCode.FETCH_SESSION_ID_NOT_FOUND)
  })
})

test('bytes that rot on disk are an error that each version knows [F20]', async () => {
  await lab.close()
  lab = await Lab.disk({}, 'silent')
  client = await lab.client()
  const topic = await createTopic(client, { configs: { 'segment.bytes': '1048576' } })
  const value = 'x'.repeat(500_000)
  for (let i = 0; i < 5; i++) await produce(client, topic, batchOf([value]))
  client = await lab.restart()
  const directory = path.join(must(lab.directory, 'directory'), 'topics', topic.topicId, '0')
  const [oldest = ''] = fs.readdirSync(directory).filter((name) => /^0{20}\./.test(name))
  const file = fs.openSync(path.join(directory, oldest), 'r+')
  fs.writeSync(file, new Uint8Array(100), 0, 100, 200_000)
  fs.closeSync(file)
  for (const version of versionsOf(Api.fetch)) {
    const read = await fetch(client, topic, 0, { version })
    expect([read.errorCode, read.records]).toEqual([
      version <= 5 ? ErrorCode.NOT_LEADER_OR_FOLLOWER : ErrorCode.KAFKA_STORAGE_ERROR,
      new Uint8Array(0),
    ])
  }
  expect(valuesIn((await fetch(client, topic, 4)).records)).toEqual([value])
})

describe('after a kill', () => {
  test('everything acknowledged is there, once and in order [J1, J2, J3, I6, P14]', async () => {
    const topic = await createTopic(client, { partitions: 3 })
    const producerId = await newProducer(client)
    const send = async (partition: number, baseSequence: number) => {
      const values = [`${partition}/${baseSequence}`]
      const batch = batchOf(values, { producerId, producerEpoch: 0, baseSequence })
      const { errorCode, baseOffset } = await produce(client, topic, batch, { partition })
      expect([errorCode, baseOffset]).toEqual([0, baseSequence])
    }
    const rounds = 40
    for (let i = 0; i < rounds; i++) await Promise.all([0, 1, 2].map((index) => send(index, i)))
    const first = await Promise.all(
      [0, 1, 2].map((partition) => fetch(client, topic, 0, { partition })),
    )
    const copy = await lab.killedCopy()
    client = await copy.client()
    for (const partition of [0, 1, 2]) {
      const { records } = await fetch(client, topic, 0, { partition })
      expect(records).toEqual(first[partition]?.records)
      expect(valuesIn(records)).toHaveLength(rounds)
      // The last batch again, as a producer does that never got its answer.
      await send(partition, rounds - 1)
      await send(partition, rounds)
    }
    await copy.close()
  })

  test('a damaged partition is refused alone, and whole again when its file is [J2]', async () => {
    await lab.close()
    lab = await Lab.disk({}, 'silent')
    client = await lab.client()
    const topic = await createTopic(client, { partitions: 2 })
    for (const partition of [0, 1]) {
      for (const value of ['a', 'b', 'c']) {
        await produce(client, topic, batchOf([value]), { partition })
      }
    }
    await deleteRecords(client, topic, 1)
    let damaged = ''
    const copy = await lab.killedCopy((directory) => {
      damaged = path.join(directory, 'topics', topic.topicId, '0', 'log-start')
      fs.renameSync(damaged, `${damaged}.sound`)
      fs.writeFileSync(damaged, 'no log start')
    })
    client = await copy.client()
    const refused = await produce(client, topic, batchOf(['d']))
    expect(refused.errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR)
    expect((await fetch(client, topic, 1)).errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR)
    expect((await produce(client, topic, batchOf(['d']), { partition: 1 })).baseOffset).toBe(3)

    fs.renameSync(`${damaged}.sound`, damaged)
    client = await copy.restart()
    const read = await fetch(client, topic, 1)
    expect([read.logStartOffset, valuesIn(read.records)]).toEqual([1, ['b', 'c']])
    expect((await produce(client, topic, batchOf(['d']))).baseOffset).toBe(3)
    const other = await fetch(client, topic, 0, { partition: 1 })
    expect(valuesIn(other.records)).toEqual(['a', 'b', 'c', 'd'])
    await copy.close()
  })

  test('clients that wait are told, and go on with the next broker [J5]', async () => {
    const topic = await createTopic(client)
    const waiting = fetch(client, topic, 0, { maxWaitMs: 60_000 })
    const gone = expect(waiting).rejects.toThrow('closed')
    client = await lab.restart()
    await gone
    const again = fetch(client, topic, 0, { maxWaitMs: 60_000 })
    const other = await lab.client()
    await produce(other, topic, batchOf(['on']))
    expect(valuesIn((await again).records)).toEqual(['on'])
  })
})
