// Agreement with the codecs of kafkajs, an implementation with no code in common with the other
// peer: its decoders read our responses, and our tables read its requests. Its names are its own,
// so responses are compared as bags of values rather than field by field.
import fc from 'fast-check'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { must } from '../../src/base/assert.ts'
import { Reader } from '../../src/base/reader.ts'
import { decode, encodeBytes } from '../../src/wire/codec.ts'
import { ProduceRequestCursor } from '../../src/wire/fast/produce-request.ts'
import type { ProduceRequest } from '../../src/wire/messages/00-produce.ts'
import type { Api } from '../../src/wire/registry.ts'
import { apiOf, apis } from '../../src/wire/registry.ts'
import type { Overrides } from './arbitrary.ts'
import { messageOf } from './arbitrary.ts'
import { anyLeaves, asTheirs, leaves } from './second-opinion.ts'

type Bag = Record<string, unknown>

interface Encoded {
  readonly buffer: Uint8Array
}

type MakeRequest = (values: unknown) => { readonly encode: () => Promise<Encoded> }

const load = createRequire(import.meta.url)
const root = fileURLToPath(
  new URL('../../node_modules/kafkajs/src/protocol/requests', import.meta.url),
)

const pathOf = (api: Api, version: number, what: string): string =>
  `${root}/${api.name.charAt(0).toLowerCase()}${api.name.slice(1)}/v${version}/${what}.js`

/**
 * What its decoders do not give back: DeleteRecords needs the request at hand, SaslAuthenticate
 * gives bytes with their length, DescribeConfigs works a flag out, reassignments drop a message.
 */
const incomparable = new Set(['DeleteRecords', 'SaslAuthenticate', 'DescribeConfigs'])
const drawn: Overrides = {
  throttleTimeMs: fc.constant(0),
  errorCode: fc.constant(0),
  records: fc.constant(new Uint8Array(0)),
}

/** Values as sorted text, without those that stand for nothing. */
function bagOf(values: readonly unknown[]): string[] {
  const texts = values.map((value) =>
    value instanceof Uint8Array
      ? Buffer.from(value).toString('hex')
      : String((value ?? '') as string | number),
  )
  return texts.filter((text) => text !== '0' && text !== '').sort()
}

const both = apis.flatMap((api) =>
  Array.from({ length: api.max + 1 - api.min }, (_, i) => [api.name, api.min + i, api] as const),
)
const responses = both.filter(
  ([name, version, api]) => !incomparable.has(name) && existsSync(pathOf(api, version, 'response')),
)

describe('its decoders read our responses as we meant them', () => {
  test.for(responses)('%s v%i', async ([name, version, api]) => {
    const theirs = load(pathOf(api, version, 'response')) as {
      decode: (bytes: Uint8Array) => Promise<unknown>
    }
    const reassignments = name.endsWith('PartitionReassignments')
    const draw: Overrides = reassignments
      ? {
          ...drawn,
          errorMessage: fc.constant(null),
          allowReplicationFactorChange: fc.constant(true),
        }
      : drawn
    for (const value of fc.sample(messageOf(api.response, version, draw), {
      numRuns: 15,
      seed: 3,
    })) {
      const body = encodeBytes(api.response, version, value as Bag)
      // It takes the tagged fields of the header for a part of the body.
      const bytes = Buffer.from(reassignments ? [0, ...body] : body)
      const ours = leaves(value as Bag, api.response.fields, version)
      expect(bagOf(anyLeaves(await theirs.decode(bytes)))).toEqual(bagOf(ours))
    }
  })
})

interface Calling {
  readonly key: number
  readonly versions: readonly number[]
  /** Its names for our fields. */
  readonly names?: Readonly<Record<string, string>>
  /** Values that it writes whatever it is told. */
  readonly draw?: Overrides
}

const none = fc.constant([])
const minusOne = fc.constant(-1)

const callings: readonly Calling[] = [
  {
    key: 1,
    versions: [4, 5, 6, 7, 8, 9, 10, 11],
    names: {
      maxWaitMs: 'maxWaitTime',
      partitionMaxBytes: 'maxBytes',
      forgottenTopicsData: 'forgottenTopics',
    },
  },
  {
    key: 2,
    versions: [1, 2, 3],
    names: { name: 'topic', partitionIndex: 'partition' },
  },
  {
    key: 8,
    versions: [2, 3, 4, 5],
    names: {
      name: 'topic',
      partitionIndex: 'partition',
      generationIdOrMemberEpoch: 'groupGenerationId',
      committedOffset: 'offset',
      committedMetadata: 'metadata',
      retentionTimeMs: 'retentionTime',
    },
    draw: { retentionTimeMs: minusOne },
  },
  { key: 10, versions: [1, 2], names: { key: 'coordinatorKey', keyType: 'coordinatorType' } },
  {
    key: 11,
    versions: [0, 1, 2, 3, 4, 5],
    names: {
      sessionTimeoutMs: 'sessionTimeout',
      rebalanceTimeoutMs: 'rebalanceTimeout',
      protocols: 'groupProtocols',
    },
  },
  { key: 12, versions: [0, 1, 2, 3], names: { generationId: 'groupGenerationId' } },
  { key: 13, versions: [0, 1, 2, 3] },
  {
    key: 14,
    versions: [0, 1, 2, 3],
    names: { assignments: 'groupAssignment', assignment: 'memberAssignment' },
  },
  { key: 15, versions: [0, 1, 2], names: { groups: 'groupIds' } },
  { key: 16, versions: [0, 1, 2] },
  { key: 17, versions: [0, 1] },
  {
    key: 19,
    versions: [2, 3],
    names: {
      name: 'topic',
      numPartitions: 'numPartitions',
      assignments: 'replicaAssignment',
      configs: 'configEntries',
      timeoutMs: 'timeout',
    },
    draw: { assignments: none, configs: none },
  },
  {
    key: 20,
    versions: [1],
    names: { topicNames: 'topics', topics: 'unused', timeoutMs: 'timeout' },
  },
  { key: 22, versions: [0, 1], names: { transactionTimeoutMs: 'transactionTimeout' } },
  {
    key: 24,
    versions: [0, 1],
    names: {
      v3AndBelowTransactionalId: 'transactionalId',
      v3AndBelowProducerId: 'producerId',
      v3AndBelowProducerEpoch: 'producerEpoch',
      v3AndBelowTopics: 'topics',
      transactions: 'unused',
      name: 'topic',
    },
  },
  { key: 25, versions: [0, 1] },
  { key: 26, versions: [0, 1], names: { committed: 'transactionResult' } },
  {
    key: 28,
    versions: [0, 1],
    names: {
      name: 'topic',
      partitionIndex: 'partition',
      committedOffset: 'offset',
      committedMetadata: 'metadata',
    },
  },
]

const requests = callings.flatMap(({ key, versions, ...calling }) => {
  const api = must(apiOf(key), 'The API is registered')
  return versions.map((version) => [api.name, version, { api, ...calling }] as const)
})

describe('our tables read its requests as it meant them', () => {
  test.for(requests)('%s v%i', async ([, version, { api, names, draw }]) => {
    const request = load(pathOf(api, version, 'request')) as MakeRequest
    for (const value of fc.sample(messageOf(api.request, version, draw), {
      numRuns: 15,
      seed: 5,
    })) {
      const theirs = asTheirs(value as Bag, api.request.fields, names)
      const { buffer } = await request(theirs).encode()
      const reader = new Reader(Uint8Array.from(buffer))
      expect(decode(api.request, version, reader)).toStrictEqual(value)
      expect(reader.left).toBe(0)
    }
  })

  test.for([3, 4, 5, 6, 7])('Produce v%i, also through the cursor', async (version) => {
    const api = must(apiOf(0), 'Produce is registered')
    const request = load(pathOf(api, version, 'request')) as MakeRequest
    const partition = (index: number): Bag => ({
      partition: index,
      firstSequence: 0,
      messages: [{ key: 'k', value: `v${index}`, timestamp: 5, headers: {} }],
    })
    const { buffer } = await request({
      acks: -1,
      timeout: 1500,
      transactionalId: 'tx',
      producerId: 1,
      producerEpoch: 2,
      compression: 0,
      topicData: [
        { topic: 'a', partitions: [partition(0), partition(7)] },
        { topic: 'b', partitions: [partition(3)] },
      ],
    }).encode()
    const bytes = Uint8Array.from(buffer)
    const decoded = decode(api.request, version, new Reader(bytes)) as ProduceRequest
    expect(decoded).toMatchObject({ acks: -1, timeoutMs: 1500, transactionalId: 'tx' })
    expect(decoded.topicData.map(({ name, partitionData: p }) => [name, p.length])).toEqual([
      ['a', 2],
      ['b', 1],
    ])
    const cursor = new ProduceRequestCursor()
    expect(cursor.reset(bytes, 0, bytes.length, version)).toBe(bytes.length)
    expect([cursor.topicCount, cursor.partitionCount, cursor.transactionalId()]).toEqual([
      2,
      3,
      'tx',
    ])
  })
})

test('the two have enough in common for this to mean something', () => {
  expect(responses.length).toBeGreaterThan(80)
  expect(requests.length).toBeGreaterThan(45)
})
