// Mistakes on the command line: exit code 2 and one sentence that says what to do. And what the
// help lists: only what works.
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { UsageError } from '../../src/base/errors.ts'
import { hostPort, hostPortText, position } from '../../src/cli/values.ts'
import { runCli } from './harness.ts'

describe('a usage error', () => {
  test.each([
    [['strat'], "unknown command 'strat'; did you mean start?"],
    [['topic', 'lsit'], "unknown command 'lsit'; did you mean list?"],
    [['topic', 'create', 'x', '--partition', '1'], 'did you mean --partitions?'],
    [['topic', 'create'], "missing required argument 'name'; see 'stratalog topic --help'"],
    [['topic', 'create', 'x', '--partitions', 'many'], '--partitions takes a whole number from 1'],
    [['topic', 'create', 'x', '--config', 'oops'], '--config takes key=value'],
    [['topic', 'alter', 'x'], 'changes nothing; give --config, --unset or --partitions'],
    [['produce', 'x', '--acks', 'most'], "--acks takes all, 1, 0; not 'most'"],
    [['produce', 'x', '--compression', 'rar'], '--compression takes none, gzip'],
    [['produce', 'x', '--key', 'a', '--key-separator', ':'], 'exclude each other'],
    [['produce', 'x', '--record-bytes', '5'], 'give --file too'],
    [['consume', 'x', '--from', 'yesterday'], '--from takes start, end, an offset'],
    [['consume', 'x', '--count', '-1'], '--count takes a whole number from 0'],
    [['topic', 'list', '--bootstrap', 'nowhere'], '--bootstrap takes HOST:PORT'],
    [['group', 'reset', 'g'], "required option '--topic <name>' not specified"],
    [['start', '--peer', '10.0.0.1:9093'], '--peer takes ID@HOST:PORT'],
    [['start', '--cores', '0'], '--cores takes a whole number from 1'],
  ])('of %j reads well', async (argv, sentence) => {
    const services = {
      startBroker: () => Promise.reject(new Error('must not start')),
      recordTools: () => Promise.reject(new Error('must not be asked for')),
    }
    const { code, err, out } = await runCli(argv, { services })
    expect(err).toContain(sentence)
    expect(err).toMatch(/^stratalog: [^\n]+\n$/)
    expect(code).toBe(2)
    expect(out).toBe('')
  })
})

describe('help', () => {
  test('goes to standard output and ends well', async () => {
    const { code, out, err } = await runCli(['--help'])
    expect(code).toBe(0)
    expect(out).toContain('Usage: stratalog')
    expect(err).toBe('')
  })

  test('or the version, if that is asked for', async () => {
    const file = new URL('../../package.json', import.meta.url)
    const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version: string }
    const { code, out, err } = await runCli(['--version'])
    expect([code, out, err]).toEqual([0, `${version}\n`, ''])
  })

  test('lists only commands whose services are there', async () => {
    const few = await runCli(['--help'], { services: {} })
    expect(few.out).not.toMatch(/^ {2}(start|produce|dump|config)/m)
    const services = {
      startBroker: () => Promise.reject(new Error('unused')),
      explainConfig: () => Promise.resolve([]),
      decoders: () => Promise.resolve([]),
      recordTools: () => Promise.reject(new Error('unused')),
    }
    const all = await runCli(['--help'], { services })
    const listed = [...all.out.matchAll(/^ {2}([a-z]+) /gm)].map(([, name]) => name)
    expect(listed).toEqual([
      ...['start', 'topic', 'group', 'produce', 'consume', 'bench', 'dump', 'config', 'help'],
    ])
  })

  test('without any word is shown as a mistake', async () => {
    const { code, out, err } = await runCli([])
    expect(code).toBe(2)
    expect(out).toBe('')
    expect(err).toContain('Usage: stratalog')
  })
})

describe('hostPort()', () => {
  test.each([
    ['127.0.0.1:9092', '127.0.0.1', 9092],
    ['[::1]:0', '::1', 0],
    [':9092', '127.0.0.1', 9092],
    ['broker.example:65535', 'broker.example', 65535],
  ])('reads %s', (text, host, port) => {
    expect(hostPort(text, '--kafka')).toEqual({ host, port })
    expect(hostPort(hostPortText({ host, port }), '--kafka')).toEqual({ host, port })
  })

  test.each(['9092', 'host', 'host:65536', 'host:', 'a b:1', '::1:9092', 'host:-1'])(
    'refuses %s',
    (text) => {
      expect(() => hostPort(text, '--kafka')).toThrow(UsageError)
    },
  )
})

describe('position()', () => {
  test('reads words, offsets, times and ages', () => {
    const read = (text: string) => position(text, '--from', 1_000_000)
    expect(read('start')).toEqual({ kind: 'start' })
    expect(read('42')).toEqual({ kind: 'offset', offset: 42 })
    expect(read('2026-01-31T12:00:00Z')).toEqual({ kind: 'time', timeMs: 1769860800000 })
    expect(read('-15m')).toEqual({ kind: 'time', timeMs: 100_000 })
    expect(() => read('99999999999999999999')).toThrow(UsageError)
  })
})
