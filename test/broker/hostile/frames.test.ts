// Bytes that no client would send: each ends its own connection or gets the protocol's error, and
// a client beside it notices nothing.
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { MiB } from '../../../src/base/units.ts'
import type { RunningBroker } from '../../../src/main.ts'
import { startBroker } from '../../../src/main.ts'
import { createCompression } from '../../../src/platform/compression.ts'
import {
  apiVersionsRequest,
  apiVersionsResponse,
} from '../../../src/wire/messages/18-api-versions.ts'
import {
  createTopicsRequest,
  createTopicsResponse,
} from '../../../src/wire/messages/19-create-topics.ts'
import {
  describeConfigsRequest,
  describeConfigsResponse,
} from '../../../src/wire/messages/32-describe-configs.ts'
import { metadataRequest, metadataResponse } from '../../../src/wire/messages/03-metadata.ts'
import { Field, HEADER_BYTES } from '../../../src/record/header.ts'
import type { Codec } from '../../../src/ports/compression.ts'
import { altered, build, plainRecords } from '../../record/support.ts'
import { frameOf, HostileClient, produce, produceBody, rawFrame } from './client.ts'
import { produceRequest } from '../../../src/wire/messages/00-produce.ts'

const TOPIC = 'good'

let broker: RunningBroker
let bystander: HostileClient

beforeAll(async () => {
  broker = await startBroker({ memory: true })
  bystander = await HostileClient.connect(broker.kafka.port)
  await create(bystander, TOPIC)
})

afterAll(async () => {
  bystander.close()
  await broker.close()
})

async function create(
  client: HostileClient,
  name: string,
  configs: readonly { readonly name: string; readonly value: string }[] = [],
): Promise<number | undefined> {
  const topic = { name, numPartitions: 1, replicationFactor: 1, assignments: [], configs }
  const answer = await client.ask(createTopicsRequest, createTopicsResponse, 7, {
    topics: [topic],
    timeoutMs: 10_000,
  })
  return answer?.topics[0]?.errorCode
}

/** Runs `act` on a connection of its own, then holds the broker to serving the bystander. */
async function hostile<T>(act: (client: HostileClient) => Promise<T>): Promise<T> {
  const client = await HostileClient.connect(broker.kafka.port)
  try {
    const result = await act(client)
    expect(await produce(bystander, TOPIC, build(plainRecords(1)))).toBe(0)
    return result
  } finally {
    client.close()
  }
}

/** Sends bytes and expects the connection to close without an answer. */
async function closes(...frames: readonly Uint8Array[]): Promise<void> {
  const errors = vi.spyOn(process.stderr, 'write')
  await hostile(async (client) => {
    client.send(...frames)
    expect(await client.next()).toBeNull()
    expect(client.received).toBe(0)
  })
  // What a client sends is no error of the broker, or anybody could fill its log.
  expect(errors.mock.calls).toEqual([])
  errors.mockRestore()
}

function int32(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setInt32(0, value)
  return bytes
}

/** A request header of version 1 with an empty client id, and a body. */
function request(apiKey: number, version: number, body: Uint8Array): Uint8Array {
  const payload = new Uint8Array(10 + body.length)
  const view = new DataView(payload.buffer)
  view.setInt16(0, apiKey)
  view.setInt16(2, version)
  view.setInt32(4, 7)
  payload.set(body, 10)
  return rawFrame(payload)
}

describe('frames', () => {
  it.each([
    ['a negative length', int32(-1)],
    ['the least length there is', int32(-2147483648)],
    ['a length over the limit', int32(104_857_601)],
    ['the largest length there is', int32(0x7fffffff)],
    ['an empty frame', int32(0)],
    ['a frame shorter than a header', rawFrame(new Uint8Array(9))],
    ['HTTP', new TextEncoder().encode('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
    ['TLS', new Uint8Array([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3, 0, 0])],
  ])('%s closes the connection', async (_name, bytes) => {
    await closes(bytes)
  })

  it.each([
    ['an API that is nobody’s', request(999, 0, new Uint8Array(0))],
    ['an API between brokers', request(6, 0, new Uint8Array(8))],
    ['a negative API', request(-1, 0, new Uint8Array(0))],
    ['a version too new', request(3, 99, new Uint8Array(8))],
    ['a negative version', request(3, -1, new Uint8Array(8))],
    ['Produce 2', request(0, 2, new Uint8Array(8))],
    ['Produce 14', request(0, 14, new Uint8Array(8))],
    ['Fetch 3', request(1, 3, new Uint8Array(30))],
    ['Fetch 19', request(1, 19, new Uint8Array(30))],
    ['a list longer than its message', request(3, 1, int32(0x7fffffff))],
    ['a list of a negative length', request(19, 2, int32(-2))],
    ['a compact list of four billion', request(3, 12, new Uint8Array([0, 255, 255, 255, 255, 15]))],
    ['a varint that does not end', request(3, 12, new Uint8Array(64).fill(255))],
    ['four billion tagged fields', request(3, 12, new Uint8Array([255, 255, 255, 255, 15, 0]))],
  ])('%s closes the connection', async (_name, bytes) => {
    await closes(bytes)
  })

  it('a decoded request over its limit closes the connection before it is decoded', async () => {
    await closes(request(3, 1, new Uint8Array(8 * MiB + 1)))
  })

  it('more list elements than can be handled close the connection', async () => {
    const body = joined(int32(250_001), new Uint8Array(2 * 250_001))
    await closes(request(3, 1, body))
    expect(body.length).toBeLessThan(MiB)
  })

  it('DescribeConfigs answers for each resource once, however often it is named', async () => {
    const resource = { resourceType: 2, resourceName: TOPIC, configurationKeys: null }
    const answer = await bystander.ask(describeConfigsRequest, describeConfigsResponse, 4, {
      resources: Array.from({ length: 50_000 }, () => resource),
      includeSynonyms: true,
      includeDocumentation: true,
    })
    expect(answer?.results.map(({ resourceName }) => resourceName)).toEqual([TOPIC])
  })

  it('a newer ApiVersions is answered with the error and the versions there are', async () => {
    await hostile(async (client) => {
      client.send(request(18, 99, new Uint8Array(1)))
      const frame = await client.next()
      expect(frame?.[5]).toBe(35)
    })
  })

  it('frames after a bad one are not looked at', async () => {
    await hostile(async (client) => {
      const good = frameOf(apiVersionsRequest, 0, {})
      client.send(joined(good, int32(-1), good, good))
      expect(await client.next()).toBeNull()
    })
  })

  it('a half frame is waited for while the others are served', async () => {
    await hostile(async (client) => {
      const frame = frameOf(apiVersionsRequest, 0, {})
      client.send(frame.subarray(0, frame.length - 1))
      expect(await produce(bystander, TOPIC, build(plainRecords(1)))).toBe(0)
      client.send(frame.subarray(frame.length - 1))
      expect(await client.next()).not.toBeNull()
    })
  })

  it('answers of pipelined requests come in order, one for each', async () => {
    await hostile(async (client) => {
      const count = 3000
      const frames = Array.from({ length: count }, (_, i) => frameOf(apiVersionsRequest, 0, {}, i))
      client.send(joined(...frames))
      for (let i = 0; i < count; i++) {
        const answer = await client.next()
        expect(answer && new DataView(answer.buffer, answer.byteOffset).getInt32(0)).toBe(i)
      }
    })
  })
})

describe('batches', () => {
  const good = build(plainRecords(3))
  const changed = (at: number, value: number): Uint8Array => {
    const bytes = Uint8Array.from(good)
    bytes[at] = value
    return bytes
  }

  it.each([
    ['a wrong CRC', changed(good.length - 1, 255), 2],
    ['an old magic', changed(16, 1), 87],
    ['no bytes', new Uint8Array(0), 87],
    ['half a batch', good.subarray(0, 40), 87],
    ['a batch cut short', good.subarray(0, good.length - 1), 87],
    ['two batches', joined(good, good), 87],
    ['a length of its own', changed(11, 255), 87],
  ])('%s is refused with an error', async (_name, records, code) => {
    await hostile(async (client) => {
      const told = await produce(client, TOPIC, records)
      expect([2, 87]).toContain(told)
      expect(told === code || told === 2).toBe(true)
      expect(await produce(client, TOPIC, good)).toBe(0)
    })
  })

  it.each(['gzip', 'zstd', 'lz4', 'snappy'] as const)(
    'a %s bomb is refused where records are looked into, and costs its limit at most',
    async (codec) => {
      const topic = `compacted-${codec}`
      expect(await create(bystander, topic, [{ name: 'cleanup.policy', value: 'compact' }])).toBe(0)
      const records = bombOf(codec, 70 * MiB)
      await hostile(async (client) => {
        const before = process.memoryUsage().rss
        expect([2, 10, 87]).toContain(await produce(client, topic, records))
        expect(process.memoryUsage().rss - before).toBeLessThan(200 * MiB)
      })
    },
  )

  it('topics that do not exist and illegal names are refused', async () => {
    await hostile(async (client) => {
      expect(await produce(client, 'no-such-topic-here', good)).toBe(3)
      for (const name of ['', '.', '..', 'a/b', '../etc', 'nul\0', 'é', 'x'.repeat(250)]) {
        expect(await create(client, name), name).toBe(17)
      }
    })
  })

  it('Metadata tells of illegal names without making topics of them', async () => {
    await hostile(async (client) => {
      const answer = await client.ask(metadataRequest, metadataResponse, 9, {
        topics: [{ name: '../../etc/passwd' }, { name: 'x'.repeat(300) }],
        allowAutoTopicCreation: true,
      })
      expect(answer?.topics.map(({ errorCode }) => errorCode)).toEqual([17, 17])
    })
  })

  it('a request for a million partitions closes the connection', async () => {
    const partitionData = Array.from({ length: 100_001 }, () => ({ index: 0, records: null }))
    const body = { ...produceBody(TOPIC, good), topicData: [{ name: TOPIC, partitionData }] }
    await closes(frameOf(produceRequest, 9, body))
  })

  it('acks of a kind there is not are refused', async () => {
    await hostile(async (client) => {
      const body = { ...produceBody(TOPIC, good), acks: 7 }
      client.send(frameOf(produceRequest, 9, body))
      const frame = await client.next()
      expect(frame).not.toBeNull()
    })
  })

  it('the broker still answers ApiVersions', async () => {
    const answer = await bystander.ask(apiVersionsRequest, apiVersionsResponse, 0, {})
    expect(answer?.errorCode).toBe(0)
  })
})

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts))
}

/** A batch of three records by its header, whose section is `size` zeros, packed. */
function bombOf(codec: Codec, size: number): Uint8Array {
  const head = build(plainRecords(3), { codec }).subarray(0, HEADER_BYTES)
  const whole = joined(head, createCompression().compress(codec, new Uint8Array(size)))
  return altered(whole, (view) => view.setInt32(Field.length, whole.length - 12))
}
