// The connection as a client meets it: frames, headers, the order of answers, and what ends it.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { must } from '../../src/base/assert.ts'
import { ErrorCode } from '../../src/base/error-codes.ts'
import { Reader } from '../../src/base/reader.ts'
import { Writer } from '../../src/base/writer.ts'
import { decode } from '../../src/wire/codec.ts'
import { apiVersionsResponse } from '../../src/wire/messages/18-api-versions.ts'
import { apiOf, apis } from '../../src/wire/registry.ts'
import type { Client } from './harness.ts'
import { batchOf, Lab, recordsIn, valuesIn, versionsOf } from './harness.ts'
import type { TopicRef } from './requests.ts'
import { Api, createTopic, fetch, fetchBody, produce, produceBody } from './requests.ts'

let lab: Lab
let client: Client

beforeAll(async () => {
  lab = await Lab.memory({
    'socket.request.max.bytes': '100000',
    'connections.max.idle.ms': '1200',
  })
})
afterAll(() => lab.close())

const frameOf = (write: (writer: Writer) => void): Uint8Array => {
  const body = new Writer()
  write(body)
  const writer = new Writer()
  writer.int32(body.at)
  writer.raw(body.bytes())
  return writer.copy()
}

const isServed = async (): Promise<boolean> => {
  const other = await lab.client()
  const { errorCode } = await other.call(Api.apiVersions, 0, {})
  await other.close()
  return errorCode === 0
}

/** Sends bytes and waits until the broker hangs up; it must say nothing. */
const hangsUp = async (bytes: Uint8Array): Promise<void> => {
  const other = await lab.client()
  other.write(bytes)
  await other.closed
  expect(other.order).toEqual([])
  expect(other.unread).toBe(0)
  expect(await isServed()).toBe(true)
}

describe('a connection is closed without an answer', () => {
  test.each([
    ['a negative length', -1],
    ['a length above socket.request.max.bytes', 100_001],
    ['the largest length there is', 0x7fffffff],
  ])('by %s [W1]', async (_, length) => {
    const writer = new Writer()
    writer.int32(length)
    await hangsUp(writer.copy())
  })

  test.each([0, 1, 9])('by a frame of %i bytes, which holds no header [W1]', async (length) => {
    await hangsUp(frameOf((writer) => writer.raw(new Uint8Array(length))))
  })

  test.each([4, 5, 6, 7, 52, 99, 1000, -1, 32767])('by the unknown API %i [W6]', async (key) => {
    await hangsUp(
      frameOf((writer) => {
        writer.int16(key)
        writer.int16(0)
        writer.int32(1)
        writer.int16(-1)
      }),
    )
  })

  const unserved = apis.flatMap(({ key, name, min, max }) =>
    key === 18 ? [] : [[name, key, min - 1] as const, [name, key, max + 1] as const],
  )
  test.each(unserved)('by %s (%i) in version %i [W6]', async (_, key, version) => {
    await hangsUp(
      frameOf((writer) => {
        writer.int16(key)
        writer.int16(version)
        writer.int32(1)
        writer.int16(-1)
        writer.raw(new Uint8Array(64))
      }),
    )
  })

  test.each(Object.entries(Api) as [string, typeof Api.metadata][])(
    'by a body of %s that is cut [W7]',
    async (_, api) => {
      const other = await lab.client()
      const whole = other.frame(api, api.request.max, {})
      await other.close()
      const headerBytes = 4 + 10 + 'test'.length + 1
      if (whole.length <= headerBytes + 1) return
      const cut = Uint8Array.from(whole.subarray(0, whole.length - 1))
      new DataView(cut.buffer).setInt32(0, cut.length - 4)
      await hangsUp(cut)
    },
  )
})

test('bytes behind a body are skipped, as librdkafka leaves some [W7]', async () => {
  client = await lab.client()
  const topic = await createTopic(client)
  const longer = async (frame: Uint8Array): Promise<void> => {
    const bytes = new Uint8Array(frame.length + 3)
    bytes.set(frame)
    const view = new DataView(bytes.buffer)
    view.setInt32(0, bytes.length - 4)
    const answer = client.expect(view.getInt32(8))
    client.write(bytes)
    await answer
  }
  await longer(client.frame(Api.metadata, 12, { topics: [] }))
  await longer(client.frame(Api.produce, 9, produceBody(topic, batchOf(['a']))))
  await longer(client.frame(Api.fetch, 12, fetchBody(topic, 0)))
  expect(valuesIn((await fetch(client, topic, 0)).records)).toEqual(['a'])
  await client.close()
})

describe('headers', () => {
  test('every API answers every version under the right header [W2, W3]', async () => {
    client = await lab.client()
    for (const api of Object.values(Api) as (typeof Api.metadata)[]) {
      if ((api.request.key ?? 0) <= 1) continue
      for (const version of versionsOf(api)) {
        const body =
          api.request.key === 18 ? { clientSoftwareName: 'a', clientSoftwareVersion: '1' } : {}
        // The answer is decoded by its table and must fill its frame to the last byte.
        await client.call(api, version, body as never, { clientId: null })
      }
    }
    await client.close()
  })

  test('a client id is an int16 string, and may be null or not ASCII [W2, W12]', async () => {
    client = await lab.client()
    for (const clientId of [null, '', 'ключ-🔑', 'x'.repeat(3000)]) {
      for (const version of [0, 9, 12]) {
        const answer = await client.call(Api.metadata, version, { topics: [] }, { clientId })
        expect(answer.brokers).toHaveLength(1)
      }
    }
    await client.close()
  })

  test('a correlation id comes back as it went, whatever it is [W12]', async () => {
    client = await lab.client()
    const ids = [0, -1, 0x7fffffff, -0x80000000, 42]
    for (const correlationId of ids) {
      await client.call(Api.apiVersions, 0, {}, { correlationId })
      await client.call(Api.metadata, 12, { topics: [] }, { correlationId })
    }
    expect(client.order).toEqual(ids.flatMap((id) => [id, id]))
    await client.close()
  })

  test('unknown tagged fields in header and body are skipped [W4]', async () => {
    client = await lab.client()
    const topic = await createTopic(client)
    const tag = (writer: Writer): void => {
      writer.uvarint(1)
      writer.uvarint(77)
      writer.uvarint(3)
      writer.raw(new Uint8Array([1, 2, 3]))
    }
    const answer = client.expect(9)
    client.write(
      frameOf((writer) => {
        writer.int16(3)
        writer.int16(12)
        writer.int32(9)
        writer.int16(-1)
        tag(writer)
        writer.uvarint(2)
        writer.uuid(topic.topicId)
        writer.uvarint(0)
        tag(writer)
        writer.bool(false)
        writer.bool(false)
        tag(writer)
      }),
    )
    const reader = new Reader(await answer)
    expect(reader.int32()).toBe(9)
    reader.uvarint()
    expect(decode(Api.metadata.response, 12, reader).topics[0]?.name).toBe(topic.name)

    const batch = batchOf(['tagged'])
    const produced = client.expect(10)
    client.write(
      frameOf((writer) => {
        writer.int16(0)
        writer.int16(9)
        writer.int32(10)
        writer.int16(-1)
        tag(writer)
        writer.uvarint(0)
        writer.int16(-1)
        writer.int32(1000)
        writer.uvarint(2)
        writer.uvarint(topic.name.length + 1)
        writer.text(topic.name)
        writer.uvarint(2)
        writer.int32(0)
        writer.uvarint(batch.length + 1)
        writer.raw(batch)
        tag(writer)
        tag(writer)
        tag(writer)
      }),
    )
    await produced
    expect(valuesIn((await fetch(client, topic, 0)).records)).toEqual(['tagged'])
    await client.close()
  })
})

describe('ApiVersions', () => {
  test.each([5, 6, 32767])(
    'in version %i is answered in version 0 with its own range only [V1]',
    async (version) => {
      client = await lab.client()
      const answer = client.expect(3)
      client.write(
        frameOf((writer) => {
          writer.int16(18)
          writer.int16(version)
          writer.int32(3)
          writer.int16(-1)
          writer.uvarint(0)
          writer.raw(new Uint8Array([255, 255, 255, 255]))
        }),
      )
      const reader = new Reader(await answer)
      expect(reader.int32()).toBe(3)
      const body = decode(apiVersionsResponse, 0, reader)
      expect(reader.left).toBe(0)
      expect(body.errorCode).toBe(ErrorCode.UNSUPPORTED_VERSION)
      expect(body.apiKeys).toEqual([{ apiKey: 18, minVersion: 0, maxVersion: 4 }])
      // The connection goes on: the client asks again in a version that is known.
      expect((await client.call(Api.apiVersions, 0, {})).errorCode).toBe(0)
      await client.close()
    },
  )

  test('tells of exactly what is served, Produce from 0 [V3, V7, V8, V9]', async () => {
    client = await lab.client()
    const { apiKeys } = await client.call(Api.apiVersions, 4, {
      clientSoftwareName: 'test',
      clientSoftwareVersion: '1.0',
    })
    const told = new Map(apiKeys.map(({ apiKey, ...range }) => [apiKey, range]))
    const known = (Object.values(Api) as (typeof Api.metadata)[]).map(({ request }) => request)
    expect([...told.keys()]).toEqual(known.map(({ key }) => key))
    for (const { key, min, max } of known) {
      const range = must(told.get(key ?? -1), 'range')
      expect([key, range.minVersion]).toEqual([key, key === 0 ? 0 : min])
      expect([key, range.maxVersion]).toEqual([key, max])
    }
    expect(must(apiOf(22), 'InitProducerId').max).toBe(5)
    await client.close()
  })

  test('tells clients with fixed demands what they need [V10, V11]', async () => {
    client = await lab.client()
    const { apiKeys } = await client.call(Api.apiVersions, 0, {})
    const needs = [
      [1, 12],
      [11, 6],
      [14, 4],
      [12, 4],
      [13, 4],
      [2, 5],
      [8, 9],
      [9, 9],
      [10, 4],
      [3, 9],
      [0, 7],
      [19, 7],
      [20, 6],
      [15, 5],
      [22, 3],
    ]
    for (const [key, version] of needs) {
      const range = apiKeys.find(({ apiKey }) => apiKey === key)
      expect([key, (range?.maxVersion ?? -1) >= (version ?? 0)]).toEqual([key, true])
      expect([key, (range?.minVersion ?? 99) <= (version ?? 0)]).toEqual([key, true])
    }
    await client.close()
  })

  test('refuses software names that break the rules [V2]', async () => {
    client = await lab.client()
    const ask = async (clientSoftwareName: string, clientSoftwareVersion: string) =>
      (await client.call(Api.apiVersions, 3, { clientSoftwareName, clientSoftwareVersion }))
        .errorCode
    expect(await ask('apache-kafka-java', '4.3.0')).toBe(0)
    for (const bad of ['', '-a', 'a-', 'a b', 'a_b']) {
      expect(await ask(bad, '1')).toBe(ErrorCode.INVALID_REQUEST)
      expect(await ask('a', bad)).toBe(ErrorCode.INVALID_REQUEST)
    }
    await client.close()
  })
})

describe('answers', () => {
  let topic: TopicRef

  beforeAll(async () => {
    const other = await lab.client()
    topic = await createTopic(other)
    await other.close()
  })

  test('leave in the order of the requests, also behind a fetch that waits [W8]', async () => {
    client = await lab.client()
    const end = (await produce(client, topic, batchOf(['before']))).baseOffset + 1
    const other = await lab.client()
    const answers = [
      client.call(Api.apiVersions, 0, {}, { correlationId: 1 }),
      client.call(Api.fetch, 13, fetchBody(topic, end, { maxWaitMs: 10_000 }), {
        correlationId: 2,
      }),
      client.call(Api.metadata, 12, { topics: [] }, { correlationId: 3 }),
      client.call(Api.produce, 13, produceBody(topic, batchOf(['mine'])), { correlationId: 4 }),
      client.call(Api.apiVersions, 0, {}, { correlationId: 5 }),
    ]
    await answers[0]
    // The fetch waits: the requests behind it have no answer until somebody else wakes it.
    await produce(other, topic, batchOf(['theirs']))
    await Promise.all(answers)
    expect(client.order.slice(-5)).toEqual([1, 2, 3, 4, 5])
    await client.close()
    await other.close()
  })

  test('to a hundred produce requests in one write keep order and offsets [W8, W9]', async () => {
    client = await lab.client()
    const own = await createTopic(client, { partitions: 2 })
    const answers = Array.from({ length: 100 }, (_, i) =>
      produce(client, own, batchOf([`${i}`]), {
        partition: i % 2,
        acks: i % 3 === 0 ? 1 : -1,
        version: 3 + (i % 11),
      }),
    )
    const offsets = (await Promise.all(answers)).map(({ baseOffset }) => baseOffset)
    expect(offsets).toEqual(Array.from({ length: 100 }, (_, i) => Math.floor(i / 2)))
    const read = await fetch(client, own, 0, { partition: 1 })
    expect(valuesIn(read.records)).toEqual(Array.from({ length: 50 }, (_, i) => `${i * 2 + 1}`))
    await client.close()
  })

  test('to idempotent batches of five requests in flight come in order [W9]', async () => {
    client = await lab.client()
    const own = await createTopic(client)
    const { producerId } = await client.call(Api.initProducerId, 4, {
      transactionalId: null,
      producerId: -1,
      producerEpoch: -1,
    })
    const send = (sequence: number) =>
      produce(
        client,
        own,
        batchOf([`${sequence}`], { producerId, producerEpoch: 0, baseSequence: sequence }),
      )
    // The partition is not open yet when the first of them arrives.
    const sent = await Promise.all([0, 1, 2, 3, 4].map(send))
    expect(sent.map(({ errorCode, baseOffset }) => [errorCode, baseOffset])).toEqual(
      [0, 1, 2, 3, 4].map((offset) => [0, offset]),
    )
    await client.close()
  })

  test('are not made for acks=0, and nobody waits for one [W11]', async () => {
    client = await lab.client()
    const own = await createTopic(client)
    for (let version = 3; version <= 13; version++) {
      client.send(Api.produce, version, produceBody(own, batchOf([`v${version}`]), { acks: 0 }))
    }
    await client.call(Api.metadata, 12, { topics: [] }, { correlationId: 777 })
    expect(client.order.at(-1)).toBe(777)
    const read = recordsIn((await fetch(client, own, 0)).records)
    expect(read).toEqual(Array.from({ length: 11 }, (_, i) => [i, `v${i + 3}`]))
    await client.close()
  })

  test('are not made for acks=0 that fails: the connection ends instead [W11]', async () => {
    const own = await createTopic(await lab.client())
    const absent = { name: 'absent', topicId: '11111111-1111-1111-1111-111111111111' }
    const spoiled = batchOf(['x'])
    spoiled.fill(1, spoiled.length - 1)
    for (const [ref, batch] of [
      [absent, batchOf(['x'])],
      [own, spoiled],
      [own, null],
    ] as const) {
      client = await lab.client()
      const before = await client.call(Api.apiVersions, 0, {})
      expect(before.errorCode).toBe(0)
      client.send(Api.produce, 9, produceBody(ref, batch, { acks: 0 }))
      await client.closed
      expect(client.order).toHaveLength(1)
    }
    const other = await lab.client()
    expect((await fetch(other, own, 0)).highWatermark).toBe(0)
    await other.close()
  })
})

test('the throttle time is last where Kafka has it last, else first, and 0 [Q2]', async () => {
  client = await lab.client()
  const topic = await createTopic(client)
  const raw = async (frame: Uint8Array): Promise<DataView> => {
    const id = new DataView(frame.buffer).getInt32(8)
    const answer = client.expect(id)
    client.write(frame)
    return new DataView((await answer).buffer)
  }
  const versions = await raw(client.frame(Api.apiVersions, 1, {}))
  expect(versions.getInt32(versions.byteLength - 4)).toBe(0)
  expect(versions.getInt16(4)).toBe(0)
  const produced = await raw(client.frame(Api.produce, 8, produceBody(topic, batchOf(['a']))))
  expect([produced.getInt32(4), produced.getInt32(produced.byteLength - 4)]).toEqual([1, 0])
  const fetched = await raw(client.frame(Api.fetch, 11, fetchBody(topic, 0)))
  expect([fetched.getInt32(4), fetched.getInt16(8)]).toEqual([0, 0])
  const metadata = await raw(client.frame(Api.metadata, 3, { topics: [] }))
  expect([metadata.getInt32(4), metadata.getInt32(8)]).toEqual([0, 1])
  await client.close()
})

test('one client may hold several connections under one client id [W10]', async () => {
  const clients = await Promise.all([lab.client(), lab.client(), lab.client()])
  const options = { clientId: 'same' }
  const answers = clients.map((one) => one.call(Api.metadata, 9, { topics: [] }, options))
  expect((await Promise.all(answers)).map(({ brokers }) => brokers.length)).toEqual([1, 1, 1])
  for (const one of clients) await one.close()
})

test('an idle connection is closed, but not one whose request is parked [W14]', async () => {
  const idle = await lab.client()
  const parked = await lab.client()
  const topic = await createTopic(parked)
  await idle.call(Api.apiVersions, 0, {})
  const waiting = fetch(parked, topic, 0, { maxWaitMs: 10_000 })
  await idle.closed
  expect(parked.isClosed).toBe(false)
  const other = await lab.client()
  await produce(other, topic, batchOf(['woken']))
  expect(valuesIn((await waiting).records)).toEqual(['woken'])
  await parked.close()
  await other.close()
})
