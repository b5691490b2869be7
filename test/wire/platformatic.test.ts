// Agreement with the codecs of @platformatic/kafka, for every API and version that both have:
// its parsers read our responses, and our tables read its requests.
import fc from 'fast-check'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { Reader } from '../../src/base/reader.ts'
import { decode, encodeBytes } from '../../src/wire/codec.ts'
import { ProduceRequestCursor } from '../../src/wire/fast/produce-request.ts'
import { produceRequest } from '../../src/wire/messages/00-produce.ts'
import type { Api } from '../../src/wire/registry.ts'
import { apis } from '../../src/wire/registry.ts'
import { ZERO_UUID } from '../../src/wire/schema.ts'
import type { Overrides } from './arbitrary.ts'
import { messageOf } from './arbitrary.ts'
import { asTheirs, differences } from './second-opinion.ts'

type Bag = Record<string, unknown>

interface TheirReader {
  readonly remaining: number
}

interface TheirApi {
  readonly createRequest?: (...args: readonly unknown[]) => { readonly buffer: Uint8Array }
  readonly parseResponse: (
    correlationId: number,
    key: number,
    version: number,
    reader: TheirReader,
  ) => unknown
}

const root = new URL('../../node_modules/@platformatic/kafka/dist/', import.meta.url)
const { Reader: TheirReaderClass } = (await import(new URL('protocol/reader.js', root).href)) as {
  Reader: { from(bytes: Uint8Array): TheirReader }
}

const kebab = (name: string): string => name.replace(/([a-z0-9])([A-Z])/g, '$1-$2').toLowerCase()
const paths = new Map<string, URL>()
for (const path of readdirSync(fileURLToPath(new URL('apis', root)), { recursive: true })) {
  const match = /([^/\\]+-v\d+)\.js$/.exec(String(path))
  if (match?.[1] !== undefined) paths.set(match[1], new URL(`apis/${String(path)}`, root))
}

const both: (readonly [name: string, version: number, api: Api, theirs: TheirApi])[] = []
for (const api of apis) {
  for (let version = api.min; version <= api.max; version++) {
    const url = paths.get(`${kebab(api.name)}-v${version}`)
    if (url === undefined) continue
    both.push([api.name, version, api, (await import(url.href)) as TheirApi])
  }
}

/** Fields that its parsers name differently; null for one that they do not give. */
const responseNames = (name: string, version: number): Readonly<Record<string, string | null>> => {
  if (name === 'Fetch')
    return version <= 12 ? { topic: 'topicId', records: null } : { records: null }
  if (name === 'CreateTopics' && version <= 6) return { topicConfigErrorCode: null }
  return name.endsWith('Acls') ? { patternType: 'resourcePatternType' } : {}
}

const drawnResponses: Overrides = {
  errorCode: fc.constantFrom(0, 3),
  partitionErrorCode: fc.constantFrom(0, 3),
  // Its parser leaves records to a reader of batches.
  records: fc.constant(new Uint8Array(0)),
}

/** Brings what it parsed into the shape of the version, where it gives that of a later one. */
function inShape(name: string, version: number, parsed: Bag): Bag {
  if (name === 'FindCoordinator' && version <= 3) {
    return { ...(parsed['coordinators'] as Bag[])[0], throttleTimeMs: parsed['throttleTimeMs'] }
  }
  if (name === 'AddPartitionsToTxn' && version <= 3) {
    const [transaction] = parsed['resultsByTransaction'] as Bag[]
    const topics = transaction?.['topicResults'] as Bag[]
    return {
      ...parsed,
      resultsByTopicV3AndBelow: topics.map((topic) => ({
        ...topic,
        resultsByPartition: topic['resultsByPartition'] ?? topic['partitionResults'],
      })),
    }
  }
  return parsed
}

async function parsedBy(
  theirs: TheirApi,
  api: Api,
  version: number,
  reader: TheirReader,
): Promise<Bag> {
  try {
    return (await theirs.parseResponse(1, api.key, version, reader)) as Bag
  } catch (error) {
    // It throws what it parsed when there is an error code in it.
    const { response } = error as { response?: Bag }
    if (response === undefined) throw error
    return response
  }
}

describe('its parsers read our responses as we meant them', () => {
  test.for(both)('%s v%i', async ([name, version, api, theirs]) => {
    const names = responseNames(name, version)
    const seen = { count: 0 }
    const drawn =
      name === 'ApiVersions' ? { ...drawnResponses, errorCode: fc.constant(0) } : drawnResponses
    for (const value of fc.sample(messageOf(api.response, version, drawn), {
      numRuns: 15,
      seed: 3,
    })) {
      const reader = TheirReaderClass.from(
        Buffer.from(encodeBytes(api.response, version, value as Bag)),
      )
      const parsed = inShape(name, version, await parsedBy(theirs, api, version, reader))
      const shape = { version, names, seen }
      expect(differences(parsed, value as Bag, api.response.fields, shape)).toEqual([])
      expect(reader.remaining).toBe(0)
    }
    expect(seen.count).toBeGreaterThan(0)
  })
})

/** How one of its request encoders is called, where not by our names in its parameters' order. */
interface Calling {
  readonly to?: number
  readonly from?: number
  /** Values that it writes whatever it is told, or refuses. */
  readonly draw?: Overrides
  /** Its names for our fields. */
  readonly names?: Readonly<Record<string, string>>
  /** Its arguments, where a list of named ones will not do. */
  readonly args?: (value: Bag) => readonly unknown[]
}

const epochAndStart = {
  replicaId: fc.constant(-1),
  logStartOffset: fc.constant(-1),
  clusterId: fc.constant(null),
  replicaState: fc.constant({ replicaId: -1, replicaEpoch: -1 }),
  replicaDirectoryId: fc.constant(ZERO_UUID),
}

const callings: Readonly<Record<string, readonly Calling[]>> = {
  Fetch: [
    { to: 12, draw: epochAndStart, names: { topic: 'topicId', topicId: 'unused' } },
    { draw: epochAndStart },
  ],
  ListOffsets: [{ names: { replicaId: 'replica' } }],
  Metadata: [
    {
      from: 10,
      to: 11,
      draw: { topicId: fc.constant(ZERO_UUID), name: fc.string({ maxLength: 9 }) },
    },
  ],
  OffsetCommit: [
    {
      to: 2,
      draw: { retentionTimeMs: fc.constant(-1) },
      names: { generationIdOrMemberEpoch: 'generationId' },
    },
    { to: 4, draw: { retentionTimeMs: fc.constant(-1) } },
  ],
  OffsetFetch: [
    {
      to: 7,
      args: (v) => [[{ groupId: v['groupId'], topics: v['topics'] }], v['requireStable']],
    },
  ],
  FindCoordinator: [{ to: 3, args: (v) => [v['keyType'], [v['key']]] }],
  LeaveGroup: [{ to: 2, args: (v) => [v['groupId'], [{ memberId: v['memberId'] }]] }],
  ListGroups: [
    { draw: { typesFilter: fc.constantFrom(['classic'], ['consumer', 'classic'], []) } },
  ],
  DeleteTopics: [
    {
      to: 5,
      args: (v) => [(v['topicNames'] as string[]).map((name) => ({ name })), v['timeoutMs']],
    },
  ],
  OffsetForLeaderEpoch: [
    {
      draw: { replicaId: fc.constant(-1) },
      names: { topic: 'name', partition: 'partitionIndex' },
      args: (v) => [v['replicaId'], v['topics']],
    },
  ],
  AddPartitionsToTxn: [
    {
      to: 3,
      args: (v) => [
        [
          {
            transactionalId: v['v3AndBelowTransactionalId'],
            producerId: v['v3AndBelowProducerId'],
            producerEpoch: v['v3AndBelowProducerEpoch'],
            topics: v['v3AndBelowTopics'],
          },
        ],
      ],
    },
  ],
  DescribeAcls: [
    {
      names: {
        resourceTypeFilter: 'resourceType',
        resourceNameFilter: 'resourceName',
        patternTypeFilter: 'resourcePatternType',
        principalFilter: 'principal',
        hostFilter: 'host',
      },
      args: (v) => [v],
    },
  ],
  DeleteAcls: [
    {
      names: {
        resourceTypeFilter: 'resourceType',
        resourceNameFilter: 'resourceName',
        patternTypeFilter: 'resourcePatternType',
        principalFilter: 'principal',
        hostFilter: 'host',
      },
    },
  ],
  DescribeLogDirs: [{ names: { topic: 'name' } }],
  AlterClientQuotas: [{ names: { entity: 'entities' } }],
  UpdateFeatures: [{ to: 0, draw: { allowDowngrade: fc.constant(false) } }],
}

/** The names of a function's parameters, without the underscore of those it does not use. */
function parametersOf(call: (...args: readonly unknown[]) => unknown): string[] {
  const [, list = ''] = /\(([^)]*)\)/.exec(String(call)) ?? []
  return list.split(',').map((part) => part.trim().replace(/^_/, '').split(/[ =]/)[0] ?? '')
}

describe('our tables read its requests as it meant them', () => {
  const requests = both.filter(([name]) => name !== 'Produce')

  test.for(requests)('%s v%i', ([name, version, api, { createRequest }]) => {
    if (createRequest === undefined) throw new Error('It has no encoder')
    const calling =
      callings[name]?.find(({ from = 0, to = 99 }) => version >= from && version <= to) ?? {}
    const { fields } = api.request
    for (const value of fc.sample(messageOf(api.request, version, calling.draw), {
      numRuns: 15,
      seed: 5,
    })) {
      const theirs = asTheirs(value as Bag, fields, calling.names)
      const args = calling.args?.(theirs) ?? parametersOf(createRequest).map((p) => theirs[p])
      const reader = new Reader(Uint8Array.from(createRequest(...args).buffer))
      expect(decode(api.request, version, reader)).toStrictEqual(value)
      expect(reader.left).toBe(0)
    }
  })

  const produces = both.filter(([name]) => name === 'Produce')

  test.for(produces)('%s v%i, also through the cursor', ([, version, , { createRequest }]) => {
    if (createRequest === undefined) throw new Error('It has no encoder')
    const at = (topic: string, partition: number): Bag => ({
      topic,
      partition,
      value: Buffer.from(`${topic}-${partition}`),
      timestamp: 5n,
    })
    const messages = [at('a', 0), at('a', 7), at('über', 3), at('a', 7)]
    for (const transactionalId of [undefined, 'tx']) {
      const writer = createRequest(-1, 1500, messages, {
        transactionalId,
        producerId: 1n,
        producerEpoch: 2,
      })
      const bytes = Uint8Array.from(writer.buffer)
      const decoded = decode(produceRequest, version, new Reader(bytes))
      expect(decoded).toMatchObject({
        acks: -1,
        timeoutMs: 1500,
        transactionalId: transactionalId ?? null,
      })
      expect(
        decoded.topicData.map(({ name, partitionData }) => [
          name,
          partitionData.map((p) => p.index),
        ]),
      ).toEqual([
        ['a', [0, 7]],
        ['über', [3]],
      ])
      const cursor = new ProduceRequestCursor()
      expect(cursor.reset(bytes, 0, bytes.length, version)).toBe(bytes.length)
      expect([cursor.topicCount, cursor.partitionCount]).toEqual([2, 3])
      // Every batch is magic 2.
      while (cursor.nextTopic()) {
        while (cursor.nextPartition()) expect(bytes[cursor.recordsAt + 16]).toBe(2)
      }
    }
  })
})

test('the two have enough in common for this to mean something', () => {
  expect(both.length).toBeGreaterThan(220)
})
