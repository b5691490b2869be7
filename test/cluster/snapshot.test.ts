import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FormatError } from '../../src/base/errors.ts'
import * as brokers from '../../src/cluster/decide-brokers.ts'
import { alterConfigs } from '../../src/cluster/decide-configs.ts'
import { createPartitions, createTopics, deleteTopics } from '../../src/cluster/decide-topics.ts'
import { applyEntry } from '../../src/cluster/image-apply.ts'
import { ClusterImage } from '../../src/cluster/image.ts'
import type { MetadataRecord } from '../../src/cluster/records.ts'
import { decodeEntry, encodeEntry } from '../../src/cluster/records.ts'
import { decodeSnapshot, encodeSnapshot, imageRecords } from '../../src/cluster/snapshot.ts'
import { cluster, fold, testPolicy, uuid } from './support.ts'

type Entry = readonly MetadataRecord[]

const NAMES = ['a', 'b', 'a.b', 'a_b', 'c']

/** A history of a cluster that came about by real decisions, as log entries. */
const history = fc
  .array(fc.record({ act: fc.nat(8), topic: fc.constantFrom(...NAMES), n: fc.nat(5) }), {
    maxLength: 40,
  })
  .map((acts): readonly Entry[] => {
    const policy = testPolicy()
    const log: Entry[] = [[{ kind: 'cluster', clusterId: 'test', format: 1 }]]
    let image = fold(ClusterImage.empty(), log)
    const add = (entries: readonly Entry[]): void => {
      log.push(...entries)
      image = fold(image, entries)
    }
    for (const [at, { act, topic, n }] of acts.entries()) {
      const id = 1 + (n % 3)
      const broker = { id, epoch: image.broker(id)?.epoch ?? 0 }
      const isKnown = image.broker(id) !== undefined
      const about = { id, clusterId: 'test', incarnation: uuid(at), endpoints: [], rack: null }
      const spec = { name: topic, partitions: n + 1, replicas: 1, assignments: [], configs: [] }
      const change = { resourceType: 2, resourceName: topic }
      const value = { name: 'retention.ms', value: String(n) }
      if (act === 0) add(brokers.registerBroker(image, { ...about, host: `h${n}` }).entries)
      else if (act <= 2) add(createTopics(image, policy, [spec], false).entries)
      else if (act === 3) add(deleteTopics(image, [{ name: topic, topicId: null }]).entries)
      else if (act === 4) {
        const wish = { name: topic, count: n + 2, assignments: null }
        add(createPartitions(image, policy, [wish], false).entries)
      } else if (act === 5) {
        add(alterConfigs(image, policy, [{ ...change, replace: [value] }], false).entries)
      } else if (act === 6 && isKnown) add(brokers.setFenced(image, broker, n > 3).entries)
      else if (act === 7 && isKnown) {
        add(brokers.openEpochs(image, broker, (_, index) => at * 10 + index).entries)
      } else if (act === 8 && isKnown) add(brokers.allocateProducerIds(image, broker).entries)
    }
    return log
  })

const replay = (from: ClusterImage, log: readonly Entry[]): ClusterImage => {
  let image = from
  for (const records of log) {
    const position = { index: image.version + 1, term: 1 }
    image = applyEntry(image, decodeEntry(encodeEntry(records)), position)
  }
  return image
}

const content = (image: ClusterImage): unknown => ({
  position: image.state.position,
  records: [...imageRecords(image)],
  names: image.topicNames(),
  lookalikes: [...image.state.lookalikes.keys()].sort(),
})

describe('metadata snapshots', () => {
  it('come back from their bytes as the image they were taken of', () => {
    fc.assert(
      fc.property(history, (log) => {
        const image = replay(ClusterImage.empty(), log)
        const bytes = encodeSnapshot(image)
        expect(content(decodeSnapshot(bytes))).toEqual(content(image))
        expect(encodeSnapshot(decodeSnapshot(bytes))).toEqual(bytes)
      }),
    )
  })

  it('followed by the rest of the log give what the whole log gives', () => {
    fc.assert(
      fc.property(history, fc.nat(), (log, where) => {
        const cut = where % (log.length + 1)
        const snapshot = encodeSnapshot(replay(ClusterImage.empty(), log.slice(0, cut)))
        const image = replay(decodeSnapshot(snapshot), log.slice(cut))
        expect(content(image)).toEqual(content(replay(ClusterImage.empty(), log)))
      }),
    )
  })

  it('are refused with FormatError when cut, extended or not snapshots at all', () => {
    const bytes = encodeSnapshot(cluster(2))
    for (let end = 0; end < bytes.length; end++) {
      expect(() => decodeSnapshot(bytes.subarray(0, end))).toThrow(FormatError)
    }
    expect(() => decodeSnapshot(Uint8Array.of(...bytes, 0))).toThrow('left over')
    expect(() => decodeSnapshot(Uint8Array.of(1, ...bytes.subarray(1)))).toThrow(FormatError)
    const lying = Uint8Array.from(bytes)
    lying.set([255, 255, 255, 255], 21)
    expect(() => decodeSnapshot(lying)).toThrow('cut short')
  })

  it('keep their bytes from release to release', () => {
    const image = fold(ClusterImage.empty(), [[{ kind: 'cluster', clusterId: 'c', format: 1 }]])
    expect(Buffer.from(encodeSnapshot(image)).toString('hex')).toBe(
      '53544d44' + '01' + '0000000000000001' + '0000000000000001' + '00000001' + '050100016301',
    )
  })
})
