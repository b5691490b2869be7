import { describe, expect, it } from 'vitest'
import { UsageError } from '../../src/base/errors.ts'
import { BROKER_SETTINGS } from '../../src/config/broker-settings.ts'
import { explainSettings } from '../../src/config/explain.ts'
import type { Sources } from '../../src/config/load.ts'
import { environmentName, loadSettings } from '../../src/config/load.ts'
import { parseSettings } from '../../src/config/settings-file.ts'
import { Settings } from '../../src/config/settings.ts'

const file = (text: string): Sources => {
  const path = 'conf.yaml'
  return { file: { path, content: parseSettings({ path, text }) } }
}

const message = (sources: Sources | (() => Sources)): string => {
  try {
    loadSettings(typeof sources === 'function' ? sources() : sources)
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError)
    return (error as Error).message
  }
  return ''
}

describe('loadSettings()', () => {
  it('lets flags win over the environment, that over the file, and that over defaults', () => {
    const sources = {
      ...file('num.partitions: 2\nfetch.max.bytes: 4096\nnode.id: 3'),
      environment: { STRATALOG_NUM_PARTITIONS: '4', STRATALOG_NODE_ID: '5', HOME: '/' },
      flags: ['num.partitions=6', 'num.partitions=7'],
    }
    const loaded = loadSettings(sources)
    const { broker } = new Settings(loaded.values)
    expect(broker).toMatchObject({
      defaultPartitions: 7,
      nodeId: 5,
      fetchBytesMax: 4096,
      requestBytesMax: 104_857_600,
    })
    expect(loaded.origins.get('num.partitions')?.source).toBe('flag')
    expect(loaded.origins.get('node.id')?.place).toBe('from STRATALOG_NODE_ID')
  })

  it('reads names with dots, nested maps, lists and large numbers alike', () => {
    const text = 'num: {partitions: 3}\nlog:\n  retention.ms: 9007199254740993\n'
    const { values } = loadSettings(file(`${text}log.cleanup.policy: [compact, delete]`))
    expect(Object.fromEntries(values)).toEqual({
      'num.partitions': '3',
      'log.retention.ms': '9007199254740993',
      'log.cleanup.policy': 'compact,delete',
    })
    expect(loadSettings(file('')).values.size).toBe(0)
  })

  it('answers a mistyped name with the nearest, wherever it stands', () => {
    expect(message({ flags: ['num.partitons=2'] })).toBe(
      'Unknown setting num.partitons on the command line: did you mean num.partitions?',
    )
    expect(message(file('num.partition: 2'))).toMatch('in conf.yaml: did you mean num.partitions?')
    expect(message({ environment: { STRATALOG_NUM_PARTITION: '2' } })).toMatch(
      'did you mean STRATALOG_NUM_PARTITIONS?',
    )
    expect(message({ flags: ['xyzzy=2'] })).toMatch('config explain')
  })

  it('refuses values, flags and files that make no sense', () => {
    expect(message({ flags: ['num.partitions=many'] })).toBe(
      'Invalid value many for setting num.partitions: ' +
        'it is not a whole number of type int (on the command line)',
    )
    expect(message({ flags: ['num.partitions'] })).toMatch('write --set key=value')
    expect(message(() => file('- a'))).toMatch('must hold names and values')
    expect(message(() => file('a: [b'))).toMatch('Cannot read settings from conf.yaml')
    expect(message({ flags: ['listeners=localhost:9092'] })).toMatch('NAME://HOST:PORT')
    expect(message({ flags: ['listeners=A://h:1,A://h:2'] })).toMatch('twice')
    expect(message({ flags: ['cluster.peers=h:1'] })).toMatch('ID@HOST:PORT')
    expect(message({ flags: ['store.url=ftp://x'] })).toMatch('s3://')
  })

  it('leaves alone what others put into the environment', () => {
    const environment = {
      STRATALOG_RUNTIME: 'deno',
      STRATALOG_SERVICE_HOST: '10.0.0.1',
      STRATALOG_SERVICE_PORT_KAFKA: '9092',
      STRATALOG_PORT: 'tcp://10.0.0.1:9092',
      STRATALOG_PORT_9092_TCP_ADDR: '10.0.0.1',
      STRATALOG_KAFKA_SERVICE_HOST: '10.0.0.1',
    }
    expect(loadSettings({ environment }).values.size).toBe(0)
  })

  it('serves no unauthenticated listener beyond this machine unless told so in words', () => {
    for (const host of ['0.0.0.0', '', '10.0.0.1', 'example.org', '[::]']) {
      const flags = [`listeners=PLAINTEXT://${host}:9092`]
      expect(message({ flags })).toMatch('network.unauthenticated.allow=true')
      expect(message({ flags: [...flags, 'network.unauthenticated.allow=true'] })).toBe('')
    }
    expect(message({ flags: ['http.listen=0.0.0.0:80'] })).toMatch('http.listen')
    for (const host of ['127.0.0.1', 'localhost', '[::1]', '127.1.2.3']) {
      expect(message({ flags: [`listeners=PLAINTEXT://${host}:0`] })).toBe('')
    }
  })

  it('checks settings against each other', () => {
    expect(message({ flags: ['advertised.listeners=X://h:1'] })).toMatch('not among listeners')
    expect(message({ flags: ['group.min.session.timeout.ms=2000000'] })).toMatch('larger than')
  })

  it('takes listeners apart, IPv6 too', () => {
    const flags = ['listeners=PLAINTEXT://[::1]:9092,B://localhost:0']
    const { broker } = new Settings(loadSettings({ flags }).values)
    expect(broker.listeners).toEqual([
      { listener: 'PLAINTEXT', host: '::1', port: 9092 },
      { listener: 'B', host: 'localhost', port: 0 },
    ])
    expect(broker.advertisedListeners).toEqual(broker.listeners)
  })

  it('has a variable of its own for every setting', () => {
    const names = BROKER_SETTINGS.map(({ name }) => environmentName(name))
    expect(new Set(names).size).toBe(names.length)
  })
})

describe('explainSettings()', () => {
  it('lists every setting with its value, source and sentence', () => {
    const rows = explainSettings(loadSettings({ flags: ['num.partitions=9'] }))
    expect(rows.map(({ name }) => name)).toEqual(BROKER_SETTINGS.map(({ name }) => name))
    expect(rows.find(({ name }) => name === 'num.partitions')).toMatchObject({
      value: '9',
      source: 'flag',
      default: '1',
      type: 'int',
      environment: 'STRATALOG_NUM_PARTITIONS',
      dynamic: true,
    })
    expect(rows.find(({ name }) => name === 'node.id')?.source).toBe('default')
  })
})
