// Idempotent producers over the wire: a repeat gets the original answer and leaves no trace, a gap
// is refused, an epoch fences the one before.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ErrorCode } from '../../src/base/error-codes.ts'
import type { Client } from './harness.ts'
import { batchOf, Lab, valuesIn, versionsOf } from './harness.ts'
import type { TopicRef } from './requests.ts'
import { Api, createTopic, fetch, newProducer, produce } from './requests.ts'

let lab: Lab
let client: Client

beforeAll(async () => {
  lab = await Lab.memory()
  client = await lab.client()
})
afterAll(() => lab.close())

/** A producer on a topic of its own. */
class Producer {
  readonly topic: TopicRef
  readonly id: number

  private constructor(topic: TopicRef, id: number) {
    this.topic = topic
    this.id = id
  }

  static async make(configs: Record<string, string> = {}): Promise<Producer> {
    return new Producer(await createTopic(client, { configs }), await newProducer(client))
  }

  /** Sends values from a sequence on; gives code and base offset. */
  async send(baseSequence: number, values: readonly string[], producerEpoch = 0) {
    const batch = batchOf(values, { producerId: this.id, producerEpoch, baseSequence })
    const { errorCode, baseOffset } = await produce(client, this.topic, batch)
    return [errorCode, baseOffset]
  }

  async log() {
    return valuesIn((await fetch(client, this.topic, 0)).records)
  }
}

const GAP = [ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER, -1]

describe('InitProducerId', () => {
  test.each(versionsOf(Api.initProducerId))(
    'in version %i gives a fresh id at every call [I1, V7]',
    async (version) => {
      const ids = new Set<number>()
      for (let i = 0; i < 3; i++) {
        const answer = await client.call(Api.initProducerId, version, {
          transactionalId: null,
          transactionTimeoutMs: 60_000,
          producerId: -1,
          producerEpoch: -1,
        })
        expect([answer.errorCode, answer.producerEpoch]).toEqual([0, 0])
        ids.add(answer.producerId)
      }
      expect(ids.size).toBe(3)
    },
  )

  test('refuses half a producer and transactional ids [I1]', async () => {
    const ask = async (transactionalId: string | null, producerId: number, producerEpoch: number) =>
      (
        await client.call(Api.initProducerId, 4, {
          transactionalId,
          transactionTimeoutMs: 1000,
          producerId,
          producerEpoch,
        })
      ).errorCode
    expect(await ask(null, 5, -1)).toBe(ErrorCode.INVALID_REQUEST)
    expect(await ask(null, -1, 5)).toBe(ErrorCode.INVALID_REQUEST)
    expect(await ask('', -1, -1)).toBe(ErrorCode.INVALID_REQUEST)
    expect(await ask('tx', -1, -1)).toBe(ErrorCode.UNSUPPORTED_VERSION)
  })
})

describe('a producer', () => {
  test('that repeats one of its last five batches gets the original offset [I2, J3]', async () => {
    const producer = await Producer.make()
    const batches = [['a'], ['b', 'c'], ['d'], ['e'], ['f', 'g', 'h'], ['i']]
    const sequences = [0, 1, 3, 4, 5, 8]
    for (const [i, values] of batches.entries()) {
      expect(await producer.send(sequences[i] ?? 0, values)).toEqual([0, sequences[i]])
    }
    const before = await producer.log()
    for (let round = 0; round < 2; round++) {
      for (const i of [5, 1, 3, 2, 4]) {
        expect(await producer.send(sequences[i] ?? 0, batches[i] ?? [])).toEqual([0, sequences[i]])
      }
    }
    // The sixth from the end is out of the window [I3].
    expect(await producer.send(0, ['a'])).toEqual(GAP)
    expect(await producer.log()).toEqual(before)
    expect(await producer.send(9, ['j'])).toEqual([0, 9])
  })

  test('that repeats on a topic with LogAppendTime gets the original time [I2]', async () => {
    const producer = await Producer.make({ 'message.timestamp.type': 'LogAppendTime' })
    const batch = () =>
      batchOf(['a'], { producerId: producer.id, producerEpoch: 0, baseSequence: 0 })
    const first = await produce(client, producer.topic, batch())
    const again = await produce(client, producer.topic, batch())
    expect(again).toEqual(first)
    expect(first.logAppendTimeMs).toBeGreaterThan(0)
  })

  test('must go on where it was; half a repeat is a gap too [I3]', async () => {
    const producer = await Producer.make()
    expect(await producer.send(0, ['a', 'b', 'c'])).toEqual([0, 0])
    for (const sequence of [4, 2, 1, 100]) {
      expect(await producer.send(sequence, ['x'])).toEqual(GAP)
    }
    expect(await producer.send(0, ['a', 'b'])).toEqual(GAP)
    expect(await producer.send(3, ['d'])).toEqual([0, 3])
    expect(await producer.log()).toEqual(['a', 'b', 'c', 'd'])
  })

  test('wraps its sequence from the largest int32 to 0 [I3]', async () => {
    const producer = await Producer.make()
    const max = 0x7fffffff
    expect(await producer.send(max - 1, ['a'])).toEqual([0, 0])
    expect(await producer.send(max, ['b', 'c'])).toEqual([0, 1])
    expect(await producer.send(max, ['b', 'c'])).toEqual([0, 1])
    expect(await producer.send(0, ['x'])).toEqual(GAP)
    expect(await producer.send(1, ['d'])).toEqual([0, 3])
  })

  test('that nobody knows may begin anywhere [I4]', async () => {
    const producer = await Producer.make()
    expect(await producer.send(1234, ['a'])).toEqual([0, 0])
    expect(await producer.send(1235, ['b'])).toEqual([0, 1])
  })

  test('is fenced by its next epoch, which begins at 0 [I5]', async () => {
    const producer = await Producer.make()
    await producer.send(0, ['a'], 3)
    expect(await producer.send(1, ['x'], 4)).toEqual(GAP)
    expect(await producer.send(0, ['b'], 4)).toEqual([0, 1])
    const fenced = [ErrorCode.INVALID_PRODUCER_EPOCH, -1]
    expect(await producer.send(1, ['x'], 3)).toEqual(fenced)
    expect(await producer.send(0, ['a'], 3)).toEqual(fenced)
    expect(await producer.send(1, ['c'], 4)).toEqual([0, 2])
  })

  test('whose batch is refused has not moved [I8]', async () => {
    const producer = await Producer.make({ 'max.message.bytes': '1000' })
    await producer.send(0, ['a'])
    expect((await producer.send(1, ['x'.repeat(2000)]))[0]).toBe(ErrorCode.MESSAGE_TOO_LARGE)
    expect(await producer.send(2, ['x'])).toEqual(GAP)
    expect(await producer.send(1, ['b'])).toEqual([0, 1])
  })

  test('that repeats while the original is in flight gets one offset [I8, J3]', async () => {
    const producer = await Producer.make()
    const other = await lab.client()
    const batch = () =>
      batchOf(['a', 'b'], { producerId: producer.id, producerEpoch: 0, baseSequence: 0 })
    const sent = [client, other, client, other].map((one) => produce(one, producer.topic, batch()))
    const offsets = (await Promise.all(sent)).map(({ errorCode, baseOffset }) => [
      errorCode,
      baseOffset,
    ])
    expect(offsets).toEqual([[0, 0], [0, 0], [0, 0], [0, 0]]) // prettier-ignore
    expect(await producer.log()).toEqual(['a', 'b'])
    await other.close()
  })

  test('keeps its sequences by partition and beside other producers [J3]', async () => {
    const topic = await createTopic(client, { partitions: 2 })
    const [one, two] = [await newProducer(client), await newProducer(client)]
    const send = async (producerId: number, partition: number, baseSequence: number) => {
      const batch = batchOf([`${producerId}`], { producerId, producerEpoch: 0, baseSequence })
      return (await produce(client, topic, batch, { partition })).errorCode
    }
    for (const sequence of [0, 1]) {
      for (const partition of [0, 1]) {
        expect(await send(one, partition, sequence)).toBe(0)
        expect(await send(two, partition, sequence)).toBe(0)
      }
    }
    expect(await send(one, 1, 5)).toBe(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)
  })
})

test('a producer is forgotten after producer.id.expiration.ms, another is not [I7]', async () => {
  const short = await Lab.memory({
    'producer.id.expiration.ms': '200',
    'log.retention.check.interval.ms': '20',
  })
  const own = await short.client()
  const topic = await createTopic(own)
  const [idle, busy] = [await newProducer(own), await newProducer(own)]
  const send = async (producerId: number, baseSequence: number) => {
    const batch = batchOf(['v'], { producerId, producerEpoch: 0, baseSequence })
    return (await produce(own, topic, batch)).errorCode
  }
  expect(await send(idle, 0)).toBe(0)
  let sequence = 0
  // Sequence 7 is a gap for as long as the idle producer is remembered.
  await expect
    .poll(
      async () => {
        expect(await send(busy, sequence++)).toBe(0)
        return send(idle, 7)
      },
      { timeout: 5000 },
    )
    .toBe(0)
  expect(await send(busy, sequence + 1)).toBe(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)
  expect(await send(busy, sequence)).toBe(0)
  await short.close()
})
