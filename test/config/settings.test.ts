import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BROKER_SETTINGS, brokerSetting } from '../../src/config/broker-settings.ts'
import { LONG_MAX, settingFault } from '../../src/config/setting.ts'
import {
  brokerConfigFault,
  ConfigSource,
  listDefault,
  Settings,
  topicConfigFault,
} from '../../src/config/settings.ts'
import { TOPIC_SETTINGS, topicSetting } from '../../src/config/topic-settings.ts'
import { quorumOf } from '../../src/config/topic-values.ts'

const NONE = new Map<string, string>()
const map = (entries: Record<string, string>) => new Map(Object.entries(entries))

/** Every topic setting of Kafka 4.3, with its default. */
const KAFKA: Record<string, string> = {
  'cleanup.policy': 'delete',
  'compression.gzip.level': '-1',
  'compression.lz4.level': '9',
  'compression.type': 'producer',
  'compression.zstd.level': '3',
  'delete.retention.ms': '86400000',
  'file.delete.delay.ms': '60000',
  'flush.messages': LONG_MAX,
  'follower.replication.throttled.replicas': '',
  'index.interval.bytes': '4096',
  'leader.replication.throttled.replicas': '',
  'local.retention.bytes': '-2',
  'local.retention.ms': '-2',
  'max.compaction.lag.ms': LONG_MAX,
  'max.message.bytes': '1048588',
  'message.timestamp.after.max.ms': '3600000',
  'message.timestamp.before.max.ms': LONG_MAX,
  'message.timestamp.type': 'CreateTime',
  'min.cleanable.dirty.ratio': '0.5',
  'min.compaction.lag.ms': '0',
  'min.insync.replicas': '1',
  preallocate: 'false',
  'remote.log.copy.disable': 'false',
  'remote.log.delete.on.disable': 'false',
  'remote.storage.enable': 'false',
  'retention.bytes': '-1',
  'retention.ms': '604800000',
  'segment.bytes': '1073741824',
  'segment.index.bytes': '10485760',
  'segment.jitter.ms': '0',
  'segment.ms': '604800000',
  'unclean.leader.election.enable': 'false',
}

describe('the tables of settings', () => {
  it("have every topic setting of Kafka with Kafka's default [A5]", () => {
    const settings = new Settings()
    for (const [name, value] of Object.entries(KAFKA)) {
      const setting = topicSetting(name)
      expect(setting?.default, name).toBe(value)
      if (setting !== undefined)
        expect(settings.resolveTopic(setting, NONE).value, name).toBe(value)
    }
    // Kafka's default, Long.MAX_VALUE, would leave ack.after=memory without any flush.
    expect(topicSetting('flush.ms')?.default).toBe('100')
  })

  it('name each setting once, with a sentence and a default that passes its own check', () => {
    for (const table of [TOPIC_SETTINGS, BROKER_SETTINGS]) {
      expect(new Set(table.map(({ name }) => name)).size).toBe(table.length)
      for (const setting of table) {
        expect(setting.doc, setting.name).toMatch(/^[A-Z].*\.$/)
        if (setting.noEffect !== undefined) expect(setting.noEffect).toMatch(/\.$/)
        if (setting.default !== null) expect(settingFault(setting, setting.default)).toBeNull()
      }
    }
    for (const { name, synonyms } of TOPIC_SETTINGS) {
      for (const synonym of synonyms ?? []) {
        expect(brokerSetting(synonym.name), `${name}: ${synonym.name}`).toBeDefined()
      }
    }
  })
})

describe('settingFault()', () => {
  const fault = (name: string, value: string) => topicConfigFault(map({ [name]: value }))

  it('accepts the bounds and refuses what lies beyond', () => {
    expect(fault('retention.ms', '-1')).toBeNull()
    expect(fault('retention.ms', LONG_MAX)).toBeNull()
    expect(fault('retention.ms', '9223372036854775808')).toMatch('does not fit type long')
    expect(fault('retention.ms', '-2')).toMatch('at least -1')
    expect(fault('retention.ms', '1.5')).toMatch('not a whole number')
    expect(fault('retention.ms', '')).toMatch('not a whole number')
    expect(fault('segment.bytes', '1048575')).toMatch('at least 1048576')
    expect(fault('segment.bytes', '2147483648')).toMatch('does not fit type int')
    expect(fault('min.cleanable.dirty.ratio', '1.01')).toMatch('at most 1')
    expect(fault('min.cleanable.dirty.ratio', 'half')).toMatch('not a number')
    expect(fault('compression.gzip.level', '0')).toMatch('-1 or 1 to 9')
    expect(fault('cleanup.policy', 'compact, delete')).toBeNull()
    expect(fault('cleanup.policy', 'compact,compact')).toMatch('twice')
    expect(fault('cleanup.policy', 'shred')).toMatch('delete, compact')
    expect(fault('message.timestamp.type', 'createtime')).toMatch('one of CreateTime')
    expect(fault('preallocate', 'TRUE')).toBeNull()
    expect(fault('preallocate', 'yes')).toMatch('true or false')
    expect(fault('leader.replication.throttled.replicas', '0:1,1:2')).toBeNull()
    expect(fault('leader.replication.throttled.replicas', '0-1')).toMatch('pairs')
  })

  it('refuses what this version could not keep, and says why', () => {
    expect(fault('remote.log.delete.on.disable', 'true')).toMatch('stays readable')
    expect(fault('remote.log.delete.on.disable', 'false')).toBeNull()
    expect(fault('unclean.leader.election.enable', 'true')).toMatch('replication.mode=available')
  })

  it('answers an unknown name with the nearest one', () => {
    expect(fault('retention.hours', '1')).toBe(
      'Unknown topic config name: retention.hours (did you mean retention.bytes?)',
    )
    expect(fault('retnetion.ms', '1')).toMatch('did you mean retention.ms?')
    expect(fault('zzz', '1')).toBe('Unknown topic config name: zzz')
  })

  it('never throws, whatever the text', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...TOPIC_SETTINGS, ...BROKER_SETTINGS),
        fc.string(),
        (s, text) => {
          const wrong = settingFault(s, text)
          expect(wrong === null || wrong.includes(s.name)).toBe(true)
        },
      ),
    )
  })
})

describe('Settings.topic()', () => {
  it('gives numbers and words, and the same object for the same map', () => {
    const settings = new Settings()
    const configs = map({ 'retention.ms': '5', 'cleanup.policy': 'compact,delete' })
    const values = settings.topic(configs)
    expect(values).toMatchObject({ retentionMs: 5, isCompacting: true, isDeleting: true })
    expect(settings.topic(configs)).toBe(values)
    expect(settings.topic(NONE)).toMatchObject({
      ackAfter: 'fsync',
      retentionMs: 604_800_000,
      segmentMs: 604_800_000,
      timestampBeforeMaxMs: Number.MAX_SAFE_INTEGER,
      replicationMode: 'majority',
    })
  })

  it('takes write.caching=true for ack.after=memory, and refuses a contradiction', () => {
    const ackAfter = (configs: Record<string, string>) =>
      new Settings().topic(map(configs)).ackAfter
    expect(ackAfter({ 'write.caching': 'true' })).toBe('memory')
    expect(ackAfter({ 'write.caching': 'false' })).toBe('fsync')
    expect(ackAfter({ 'ack.after': 'write' })).toBe('write')
    const both = (ack: string, caching: string) =>
      topicConfigFault(map({ 'ack.after': ack, 'write.caching': caching }))
    expect(both('memory', 'true')).toBeNull()
    expect(both('fsync', 'false')).toBeNull()
    expect(both('fsync', 'true')).toMatch('contradicts')
    expect(both('memory', 'false')).toMatch('contradicts')
  })

  it('follows the broker: dynamic before static, small units before large ones', () => {
    const settings = new Settings(map({ 'log.retention.hours': '2' }))
    expect(settings.topic(NONE).retentionMs).toBe(7_200_000)
    const minutes = new Settings(map({ 'log.retention.hours': '2', 'log.retention.minutes': '3' }))
    expect(minutes.topic(NONE).retentionMs).toBe(180_000)
    settings.setDynamic({ own: NONE, shared: map({ 'log.retention.ms': '7' }) })
    expect(settings.topic(NONE).retentionMs).toBe(7)
    settings.setDynamic({ own: map({ 'log.retention.ms': '8' }), shared: NONE })
    expect(settings.topic(NONE).retentionMs).toBe(8)
    expect(settings.topic(map({ 'retention.ms': '9' })).retentionMs).toBe(9)
    expect(new Settings(map({ 'log.retention.hours': '-1' })).topic(NONE).retentionMs).toBe(-1)
  })

  it('tells each place that has a value, the deciding one first [A5]', () => {
    const settings = new Settings(map({ 'message.max.bytes': '5' }))
    const setting = topicSetting('max.message.bytes')
    if (setting === undefined) throw new Error('absent')
    const { value, source, layers } = settings.resolveTopic(
      setting,
      map({ 'max.message.bytes': '9' }),
    )
    expect([value, source]).toEqual(['9', ConfigSource.DYNAMIC_TOPIC])
    expect(layers).toEqual([
      { name: 'max.message.bytes', value: '9', source: 1 },
      { name: 'message.max.bytes', value: '5', source: 4 },
      { name: 'message.max.bytes', value: '1048588', source: 5 },
    ])
  })
})

describe('quorumOf()', () => {
  it('keeps W + R > N except for available [INV-26]', () => {
    const mode = fc.constantFrom('majority' as const, 'strong' as const)
    const replicas = fc.integer({ min: 1, max: 9 })
    fc.assert(
      fc.property(mode, replicas, fc.integer({ min: 1, max: 12 }), (replicationMode, n, least) => {
        const { write, seal } = quorumOf({ replicationMode, minInsyncReplicas: least }, n)
        expect(write + seal).toBe(n + 1)
        expect(write).toBeGreaterThanOrEqual(Math.min(least, n))
        expect(seal).toBeGreaterThanOrEqual(1)
      }),
    )
    const three = (replicationMode: 'majority' | 'strong' | 'available') =>
      quorumOf({ replicationMode, minInsyncReplicas: 1 }, 3)
    expect(three('majority')).toEqual({ write: 2, seal: 2 })
    expect(three('strong')).toEqual({ write: 3, seal: 1 })
    expect(three('available')).toEqual({ write: 1, seal: 1 })
  })
})

describe('brokerConfigFault()', () => {
  it('lets only dynamic settings be altered', () => {
    expect(brokerConfigFault(map({ 'log.retention.ms': '5' }))).toBeNull()
    expect(brokerConfigFault(map({ 'log.retention.ms': 'x' }))).toMatch('whole number')
    expect(brokerConfigFault(map({ 'node.id': '5' }))).toMatch('cannot be altered')
    expect(brokerConfigFault(map({ nonsense: '5' }))).toMatch('Unknown broker config name')
  })
})

describe('listDefault()', () => {
  it('knows lists from other settings', () => {
    expect(listDefault('topic', 'cleanup.policy')).toBe('delete')
    expect(listDefault('topic', 'retention.ms')).toBeNull()
    expect(listDefault('topic', 'nonsense')).toBeNull()
    expect(listDefault('broker', 'log.cleanup.policy')).toBe('delete')
  })
})
