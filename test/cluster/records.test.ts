import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FormatError } from '../../src/base/errors.ts'
import type { MetadataRecord } from '../../src/cluster/records.ts'
import { decodeEntry, encodeEntry } from '../../src/cluster/records.ts'

const id = fc.integer({ min: -1, max: 2 ** 31 - 1 })
const nat = fc.integer({ min: 0, max: 2 ** 31 - 1 })
const long = fc.integer({ min: -1, max: Number.MAX_SAFE_INTEGER })
const text = fc.string({ unit: 'grapheme', maxLength: 20 })
const ids = fc.array(id, { maxLength: 5 })
const quorum = fc.record({ write: nat, seal: nat })
const topicId = fc.uuid()

const kind = <K extends string>(name: K): fc.Arbitrary<K> => fc.constant(name)

/** Any record. */
export const anyRecord: fc.Arbitrary<MetadataRecord> = fc.oneof(
  fc.record({ kind: kind('cluster'), clusterId: text, format: nat }),
  fc.record({
    kind: kind('broker'),
    id,
    epoch: long,
    incarnation: fc.uuid(),
    endpoints: fc.array(
      fc.record({ listener: text, host: text, port: fc.integer({ min: 0, max: 65535 }) }),
      { maxLength: 3 },
    ),
    rack: fc.option(text),
    host: text,
  }),
  fc.record({ kind: kind('fence'), id, epoch: long, fenced: fc.boolean() }),
  fc.record({ kind: kind('removeBroker'), id }),
  fc.record({ kind: kind('topic'), topicId, name: text }),
  fc.record({ kind: kind('removeTopic'), topicId }),
  fc.record({
    kind: kind('partition'),
    topicId,
    index: nat,
    leader: id,
    leaderEpoch: nat,
    leaderBrokerEpoch: long,
    replicas: ids,
    quorum,
    lineage: fc.array(fc.record({ epoch: nat, startOffset: long, replicas: ids }), {
      maxLength: 3,
    }),
  }),
  fc.record({
    kind: kind('openEpoch'),
    topicId,
    index: nat,
    leader: id,
    leaderEpoch: nat,
    leaderBrokerEpoch: long,
    replicas: fc.option(ids),
    quorum: fc.option(quorum),
  }),
  fc.record({ kind: kind('epochStart'), topicId, index: nat, epoch: nat, startOffset: long }),
  fc.record({
    kind: kind('config'),
    owner: fc.constantFrom('topic' as const, 'broker' as const),
    ownerId: text,
    name: text,
    value: fc.option(text),
  }),
  fc.record({ kind: kind('producerIds'), brokerId: id, brokerEpoch: long, next: long }),
  fc.record({ kind: kind('feature'), name: text, level: nat }),
)

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

describe('metadata records', () => {
  it('come back from their bytes as they were', () => {
    fc.assert(
      fc.property(fc.array(anyRecord, { maxLength: 5 }), (records) => {
        expect(decodeEntry(encodeEntry(records))).toEqual(records)
      }),
    )
  })

  it('keep their bytes from release to release', () => {
    const topicId = '01234567-89ab-4def-8123-456789abcdef'
    const raw = '0123456789ab4def8123456789abcdef'
    const replicas = [1, 2, 3]
    const golden: [MetadataRecord, string][] = [
      [{ kind: 'cluster', clusterId: 'c1', format: 1 }, '06' + '0100' + '026331' + '01'],
      [{ kind: 'topic', topicId, name: 'orders' }, '19' + '0500' + raw + '066f7264657273'],
      [{ kind: 'removeTopic', topicId }, '12' + '0600' + raw],
      [
        {
          kind: 'openEpoch',
          topicId,
          index: 7,
          leader: -1,
          leaderEpoch: 300,
          leaderBrokerEpoch: 5,
          replicas,
          quorum: null,
        },
        '24' + '0800' + raw + '07' + '01' + 'ac02' + '0000000000000005' + '0103020406' + '00',
      ],
      [
        { kind: 'config', owner: 'topic', ownerId: 't', name: 'n', value: null },
        '08' + '0a00' + '00' + '0174' + '016e' + '00',
      ],
      [
        { kind: 'fence', id: 3, epoch: 9, fenced: true },
        '0c' + '0300' + '06' + '0000000000000009' + '01',
      ],
    ]
    for (const [record, bytes] of golden) expect(hex(encodeEntry([record]))).toBe(bytes)
  })

  it('are refused with FormatError when cut anywhere, unknown, too new or too long', () => {
    fc.assert(
      fc.property(anyRecord, fc.nat(), (record, cut) => {
        const bytes = encodeEntry([record])
        const short = bytes.subarray(0, 1 + (cut % (bytes.length - 1)))
        expect(() => decodeEntry(short)).toThrow(FormatError)
      }),
    )
    expect(() => decodeEntry(Uint8Array.of(2, 99, 0))).toThrow('tag 99 is not known')
    expect(() => decodeEntry(Uint8Array.of(3, 4, 1, 2))).toThrow('too new')
    expect(() => decodeEntry(Uint8Array.of(4, 4, 0, 2, 2))).toThrow('left over')
  })

  it('never make the reader throw anything but FormatError, or allocate for a lying count', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 80 }),
        fc.integer({ min: 1, max: 12 }),
        (tail, tag) => {
          const bytes = Uint8Array.of(tail.length + 2, tag, 0, ...tail)
          try {
            decodeEntry(bytes)
          } catch (error) {
            expect(error).toBeInstanceOf(FormatError)
          }
        },
      ),
      { numRuns: 500 },
    )
  })
})
