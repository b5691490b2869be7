import { describe, expect, it } from 'vitest'
import { ErrorCode } from '../../../src/base/error-codes.ts'
import { describeConfigs } from '../../../src/broker/handlers/32-describe-configs.ts'
import { alterConfigs } from '../../../src/broker/handlers/33-alter-configs.ts'
import * as h44 from '../../../src/broker/handlers/44-incremental-alter-configs.ts'
import { listConfigResources } from '../../../src/broker/handlers/74-list-config-resources.ts'
import { describedSetting } from '../../../src/broker/config-view.ts'
import { BROKER_SETTINGS } from '../../../src/config/broker-settings.ts'
import { rowsOf } from '../../../src/config/setting.ts'
import { TOPIC_SETTINGS } from '../../../src/config/topic-settings.ts'
import * as m32 from '../../../src/wire/messages/32-describe-configs.ts'
import * as m33 from '../../../src/wire/messages/33-alter-configs.ts'
import * as m44 from '../../../src/wire/messages/44-incremental-alter-configs.ts'
import * as m74 from '../../../src/wire/messages/74-list-config-resources.ts'
import { ask, versions, world } from './support.ts'

const TOPIC = 2
const BROKER = 4
const [SET, DELETE, APPEND, SUBTRACT] = [0, 1, 2, 3]

const start = async (statics: Record<string, string> = {}) => {
  const made = world({ brokers: 2, statics })
  await made.create('t', { configs: [{ name: 'retention.ms', value: '5' }] })
  const describing = {
    request: m32.describeConfigsRequest,
    response: m32.describeConfigsResponse,
    handler: describeConfigs(made),
  }
  return {
    ...made,
    describing,
    altering: {
      request: m33.alterConfigsRequest,
      response: m33.alterConfigsResponse,
      handler: alterConfigs(made),
    },
    stepping: {
      request: m44.incrementalAlterConfigsRequest,
      response: m44.incrementalAlterConfigsResponse,
      handler: h44.incrementalAlterConfigs(made),
    },
    configs: () => Object.fromEntries(made.image().topicByName('t')?.configs ?? []),
  }
}

const resource = (resourceType: number, resourceName: string, keys: string[] | null = null) => ({
  resources: [{ resourceType, resourceName, configurationKeys: keys }],
})

describe('DescribeConfigs', () => {
  it('lists every setting of a topic with value, source and type [A5]', async () => {
    const { describing } = await start({ 'message.max.bytes': '4242' })
    for (const version of versions(m32.describeConfigsRequest)) {
      const { results } = await ask(describing, version, resource(TOPIC, 't'))
      const configs = results[0]?.configs ?? []
      expect(configs.map(({ name }) => name)).toEqual(TOPIC_SETTINGS.map(({ name }) => name))
      const row = (name: string) => configs.find((config) => config.name === name)
      expect(row('retention.ms')).toMatchObject({ value: '5', configSource: 1, readOnly: false })
      expect(row('max.message.bytes')).toMatchObject({ value: '4242', configSource: 4 })
      expect(row('cleanup.policy')).toMatchObject({ value: 'delete', configSource: 5 })
      expect(configs.every(({ isSensitive }) => !isSensitive)).toBe(true)
      if (version < 3) continue
      expect(row('retention.ms')?.configType).toBe(5)
      expect(row('cleanup.policy')?.configType).toBe(7)
      expect(row('preallocate')?.configType).toBe(1)
    }
  })

  it('tells synonyms and documentation when asked [A5]', async () => {
    const { describing } = await start({ 'log.retention.hours': '2' })
    const body = resource(TOPIC, 't', ['retention.ms', 'flush.messages'])
    const plain = await ask(describing, 4, body)
    expect(plain.results[0]?.configs.every(({ synonyms }) => synonyms.length === 0)).toBe(true)
    expect(plain.results[0]?.configs.every(({ documentation }) => documentation === null)).toBe(
      true,
    )
    const all = { ...body, includeSynonyms: true, includeDocumentation: true }
    const { results } = await ask(describing, 4, all)
    const [flush, retention] = results[0]?.configs ?? []
    expect(retention?.synonyms).toEqual([
      { name: 'retention.ms', value: '5', source: 1 },
      { name: 'log.retention.hours', value: '2', source: 4 },
      { name: 'log.retention.hours', value: '168', source: 5 },
    ])
    expect(retention?.documentation).toMatch(/^Age in milliseconds/)
    expect(flush?.documentation).toMatch('Has no effect: ack.after decides')
  })

  it('lists only the keys asked for, and all for null and none [A5]', async () => {
    const { describing } = await start()
    const count = async (keys: string[] | null) =>
      (await ask(describing, 4, resource(TOPIC, 't', keys))).results[0]?.configs.length
    expect(await count(['cleanup.policy', 'nonsense'])).toBe(1)
    expect(await count(null)).toBe(TOPIC_SETTINGS.length)
    expect(await count([])).toBe(TOPIC_SETTINGS.length)
  })

  it('lists every setting of this broker, read-only unless dynamic [A5]', async () => {
    const { describing, log, settings, controller } = await start({ 'node.id': '1' })
    const replace = [{ name: 'log.retention.ms', value: '77' }]
    await controller.alterConfigs([{ resourceType: BROKER, resourceName: '', replace }], false)
    settings.setDynamic({ own: new Map(), shared: log.image().brokerConfigs('') })
    const { results } = await ask(describing, 4, resource(BROKER, '1'))
    const configs = results[0]?.configs ?? []
    expect(configs.map(({ name }) => name)).toEqual(BROKER_SETTINGS.map(({ name }) => name))
    const row = (name: string) => configs.find((config) => config.name === name)
    expect(row('node.id')).toMatchObject({ value: '1', configSource: 4, readOnly: true })
    expect(row('log.retention.ms')).toMatchObject({ value: '77', configSource: 3, readOnly: false })
    const shared = await ask(describing, 4, resource(BROKER, ''))
    expect(shared.results[0]?.configs.map(({ name }) => name)).toEqual(['log.retention.ms'])
    const topic = await ask(describing, 4, resource(TOPIC, 't', ['segment.bytes']))
    expect(topic.results[0]?.configs[0]?.configSource).toBe(5)
  })

  it('refuses another broker, unknown topics, illegal names and other resources [A5]', async () => {
    const { describing } = await start()
    const codeOf = async (type: number, name: string) => {
      const { results } = await ask(describing, 4, resource(type, name))
      expect(results[0]?.configs).toEqual([])
      return results[0]?.errorCode
    }
    expect(await codeOf(BROKER, '2')).toBe(ErrorCode.INVALID_REQUEST)
    expect(await codeOf(BROKER, 'x')).toBe(ErrorCode.INVALID_REQUEST)
    expect(await codeOf(TOPIC, 'nope')).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    expect(await codeOf(TOPIC, 'no pe')).toBe(ErrorCode.INVALID_TOPIC_EXCEPTION)
    expect(await codeOf(32, 'group')).toBe(ErrorCode.INVALID_REQUEST)
  })

  it('hides the value of a secret everywhere [A5]', () => {
    const setting = rowsOf('password')('secret', null, 'A secret.')
    const layers = [{ name: 'secret', value: 'hunter2', source: 4 }]
    const resolved = { setting, value: 'hunter2', source: 4, layers }
    const options = { readOnly: true, synonyms: true, documentation: true }
    const row = describedSetting(resolved, options)
    expect(row).toMatchObject({ value: null, isSensitive: true, configType: 9 })
    expect(JSON.stringify(row)).not.toContain('hunter2')
  })
})

describe('AlterConfigs', () => {
  it('replaces the full set, in every version, and only checks when asked to [A6]', async () => {
    for (const version of versions(m33.alterConfigsRequest)) {
      const { altering, configs } = await start()
      const one = (name: string, value: string | null) => ({
        resources: [{ resourceType: TOPIC, resourceName: 't', configs: [{ name, value }] }],
      })
      const good = one('segment.ms', '9')
      const checked = await ask(altering, version, { ...good, validateOnly: true })
      expect(checked.responses).toEqual([
        { errorCode: 0, errorMessage: null, resourceType: TOPIC, resourceName: 't' },
      ])
      expect(configs()).toEqual({ 'retention.ms': '5' })
      await ask(altering, version, good)
      expect(configs()).toEqual({ 'segment.ms': '9' })
      const codeOf = async (name: string, value: string | null) =>
        (await ask(altering, version, one(name, value))).responses[0]?.errorCode
      expect(await codeOf('segment.ms', 'x')).toBe(ErrorCode.INVALID_CONFIG)
      expect(await codeOf('nonsense', '1')).toBe(ErrorCode.INVALID_CONFIG)
      expect(await codeOf('segment.ms', null)).toBe(ErrorCode.INVALID_REQUEST)
      expect(configs()).toEqual({ 'segment.ms': '9' })
    }
  })
})

describe('IncrementalAlterConfigs', () => {
  it('sets, deletes, appends and subtracts, in every version [A6]', async () => {
    for (const version of versions(m44.incrementalAlterConfigsRequest)) {
      const { stepping, configs } = await start()
      const step = async (name: string, configOperation = SET, value: string | null = null) => {
        const steps = [{ name, configOperation, value }]
        const resources = [{ resourceType: TOPIC, resourceName: 't', configs: steps }]
        return (await ask(stepping, version, { resources })).responses[0]?.errorCode
      }
      expect(await step('segment.ms', SET, '9')).toBe(0)
      expect(configs()).toEqual({ 'retention.ms': '5', 'segment.ms': '9' })
      expect(await step('retention.ms', DELETE)).toBe(0)
      expect(await step('cleanup.policy', APPEND, 'compact')).toBe(0)
      expect(configs()).toEqual({ 'segment.ms': '9', 'cleanup.policy': 'delete,compact' })
      expect(await step('cleanup.policy', SUBTRACT, 'delete')).toBe(0)
      expect(configs()).toEqual({ 'segment.ms': '9', 'cleanup.policy': 'compact' })
      expect(await step('segment.ms', APPEND, '1')).toBe(ErrorCode.INVALID_CONFIG)
      expect(await step('segment.ms', SUBTRACT, '1')).toBe(ErrorCode.INVALID_CONFIG)
    }
  })

  it('alters the broker settings that may change while it runs, and no other [A6]', async () => {
    const { stepping } = await start()
    const set = async (name: string) => {
      const configs = [{ name, configOperation: SET ?? 0, value: '16000' }]
      const resources = [{ resourceType: BROKER, resourceName: '1', configs }]
      return (await ask(stepping, 1, { resources })).responses[0]?.errorCode
    }
    expect(await set('log.cleaner.backoff.ms')).toBe(0)
    expect(await set('journal.file.bytes')).toBe(ErrorCode.INVALID_REQUEST)
  })

  it('refuses a key that comes twice, and changes nothing on validation [A6]', async () => {
    const { stepping, configs } = await start()
    const set = { name: 'segment.ms', configOperation: SET ?? 0, value: '1' }
    const body = (configs: (typeof set)[]) => ({
      resources: [{ resourceType: TOPIC, resourceName: 't', configs }],
    })
    const twice = await ask(stepping, 1, body([set, set]))
    expect(twice.responses[0]?.errorCode).toBe(ErrorCode.INVALID_REQUEST)
    const checked = await ask(stepping, 1, { ...body([set]), validateOnly: true })
    expect(checked.responses[0]?.errorCode).toBe(0)
    expect(configs()).toEqual({ 'retention.ms': '5' })
  })

  it('answers for each resource when the controller is elsewhere', async () => {
    const { stepping, log } = await start()
    log.term = null
    const resources = [{ resourceType: TOPIC, resourceName: 't', configs: [] }]
    const { responses } = await ask(stepping, 1, { resources })
    expect(responses[0]).toMatchObject({ errorCode: 41, resourceType: TOPIC, resourceName: 't' })
  })
})

describe('ListConfigResources', () => {
  it('lists topics and brokers by type, and in v0 client metrics: none', async () => {
    const { image } = await start()
    const api = {
      request: m74.listConfigResourcesRequest,
      response: m74.listConfigResourcesResponse,
      handler: listConfigResources({ image }),
    }
    const list = async (version: number, resourceTypes: number[] = []) => {
      const { errorCode, configResources } = await ask(api, version, { resourceTypes })
      return [errorCode, ...configResources.map((r) => `${r.resourceType}:${r.resourceName}`)]
    }
    expect(await list(0)).toEqual([0])
    expect(await list(1)).toEqual([0, '2:t', '4:1', '4:2'])
    expect(await list(1, [TOPIC, TOPIC])).toEqual([0, '2:t'])
    expect(await list(1, [16, 32])).toEqual([0])
    expect(await list(1, [7])).toEqual([ErrorCode.UNSUPPORTED_VERSION])
  })
})
