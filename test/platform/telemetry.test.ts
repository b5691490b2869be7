// The platform's telemetry against its contract, and what is its own: OpenMetrics, bounds, and a
// log in which no secret ever stands.
import { describe, expect, test } from 'vitest'
import { createTelemetry } from '../../src/platform/telemetry.ts'
import type { ProgramTelemetry, TelemetryOptions } from '../../src/platform/telemetry.ts'
import { SERIES_MAX } from '../../src/platform/metrics/family.ts'
import { textLine } from '../../src/platform/logger.ts'
import { telemetryContract } from '../contract/telemetry.ts'
import { parseMetrics } from './exposition-parser.ts'

const make = (lines: string[] = [], options: Partial<TelemetryOptions> = {}): ProgramTelemetry =>
  createTelemetry({
    level: 'info',
    format: 'json',
    processMetrics: false,
    write: (line) => lines.push(line),
    ...options,
  })

telemetryContract('createTelemetry()', () => {
  const telemetry = make()
  return { telemetry, render: (format) => telemetry.render(format) }
})

describe('createTelemetry().render()', () => {
  test('writes OpenMetrics: no _total on families, units, float bounds, an end mark', () => {
    const telemetry = make()
    telemetry.counter('x_bytes_total', 'Bytes "read".').value = 3
    telemetry.histogram('y_seconds', 'Y.', [0.5, 1]).observe(0.7)
    const text = telemetry.render('openmetrics')
    expect(text).toContain(
      '# TYPE x_bytes counter\n# UNIT x_bytes bytes\n# HELP x_bytes Bytes \\"read\\".\n' +
        'x_bytes_total 3\n',
    )
    expect(text).toContain('y_seconds_bucket{le="1.0"} 1\n')
    expect(text.endsWith('\n# EOF\n')).toBe(true)
    expect(parseMetrics(text, 'openmetrics').get('x_bytes')?.unit).toBe('bytes')
  })

  test('counts gauges that failed, and says so in the log', () => {
    const lines: string[] = []
    const telemetry = make(lines)
    telemetry.gauge('bad', 'B.', () => {
      throw new Error('broken gauge')
    })
    telemetry.render('text')
    const families = parseMetrics(telemetry.render('text'), 'text')
    const failures = families.get('stratalog_telemetry_gauge_failures_total')
    expect(failures?.samples[0]?.value).toBeGreaterThan(0)
    expect(lines.join()).toContain('broken gauge')
  })

  test('keeps the number of series of a name bounded', () => {
    const telemetry = make()
    for (let i = 0; i < SERIES_MAX + 500; i++) {
      telemetry.counter('c_total', 'C.', { client: `c${i}` }).value++
    }
    const samples = parseMetrics(telemetry.render('text'), 'text').get('c_total')?.samples ?? []
    expect(samples).toHaveLength(SERIES_MAX + 1)
    expect(samples.at(-1)).toMatchObject({ labels: { client: 'other' }, value: 500 })
  })

  test('refuses names that are wrong and a second type for a name', () => {
    const telemetry = make()
    telemetry.counter('a_total', 'A.')
    expect(() => telemetry.counter('a', 'A.')).toThrow('_total')
    expect(() => telemetry.gauge('b_total', 'B.', () => 0)).toThrow('_total')
    expect(() => telemetry.gauge('a', 'A.', () => 0)).toThrow('one type')
    expect(() => telemetry.gauge('a-b', 'A.', () => 0)).toThrow('a word')
    expect(() => telemetry.counter('d_total', 'D.', { 'x-y': '1' })).toThrow('label')
    expect(() => telemetry.histogram('h', 'H.', [1], { le: '1' })).toThrow('le')
    expect(() => telemetry.histogram('h', 'H.', [2, 1])).toThrow('ascend')
  })

  test('tells of the process when asked', async () => {
    const telemetry = make([], { processMetrics: true })
    await new Promise((resolve) => setTimeout(resolve, 60))
    const families = parseMetrics(telemetry.render('openmetrics'), 'openmetrics')
    telemetry.close()
    const first = (name: string): number => families.get(name)?.samples[0]?.value ?? NaN
    expect(first('process_resident_memory_bytes')).toBeGreaterThan(1e6)
    expect(first('process_cpu_seconds')).toBeGreaterThan(0)
    expect(Math.abs(first('process_start_time_seconds') - Date.now() / 1000)).toBeLessThan(600)
    expect(first('stratalog_heap_bytes')).toBeGreaterThan(1e5)
    const delays = families.get('stratalog_event_loop_delay_seconds')?.samples ?? []
    expect(delays.at(-1)?.value).toBeGreaterThan(0)
    expect(families.get('stratalog_gc_seconds')?.type).toBe('histogram')
    telemetry.close()
  })
})

describe('createTelemetry().log()', () => {
  const lineOf = (
    fields: Record<string, unknown>,
    event = 'happened',
  ): { text: string; json: Record<string, unknown> } => {
    const lines: string[] = []
    make(lines, { base: { node: 3 } }).log('warn', event, fields)
    expect(lines).toHaveLength(1)
    const text = lines[0] ?? ''
    return { text, json: JSON.parse(text) as Record<string, unknown> }
  }

  test('writes one JSON object per line with level, time, event and base fields', () => {
    const { text, json } = lineOf({ topic: 'a\nb', partition: 2 })
    expect(text.indexOf('\n')).toBe(text.length - 1)
    expect(json).toMatchObject({ level: 'warn', event: 'happened', node: 3, topic: 'a\nb' })
    expect(String(json['time'])).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  })

  test('leaves out what is below its level, and everything when silent', () => {
    const lines: string[] = []
    make(lines).log('debug', 'quiet')
    make(lines, { level: 'silent' }).log('error', 'quiet')
    make(lines, { level: 'debug' }).log('debug', 'loud')
    expect(lines).toHaveLength(1)
  })

  test('keeps its own keys when a field has the name of one', () => {
    const { text, json } = lineOf({ level: 'x', time: 'y', event: 'z', node: 9, __proto__x: 1 })
    expect(json).toMatchObject({ level: 'warn', event: 'happened', node: 3, node_: 9, level_: 'x' })
    expect(text.match(/"level":/g)).toHaveLength(1)
  })

  const secret = 'hunter2hunter2'
  test.each<[string, Record<string, unknown>]>([
    ['a password', { password: secret }],
    ['one deep down', { a: { b: [{ 'ssl.key.password': secret }] } }],
    ['a map of settings', { settings: new Map([['sasl.jaas.config', secret]]) }],
    ['a pair of name and value', { set: [{ name: 'store.secret', value: secret }] }],
    ['a bearer token', { header: `Bearer ${secret}` }],
    ['an authorization header', { headers: { authorization: secret, cookie: secret } }],
    ['a URL with userinfo', { url: `https://me:${secret}@host/path` }],
    ['a presigned URL', { url: `https://h/o?X-Amz-Signature=${secret}&x=1` }],
    ['a shared access signature', { url: `https://h/o?sv=1&sig=${secret}` }],
    ['a JAAS text', { text: `PlainLoginModule required username="u" password="${secret}";` }],
    ['an error', { error: new Error(`GET https://u:${secret}@h failed`) }],
    ['a cause', { error: new Error('x', { cause: new Error(`password=${secret}`) }) }],
    ['bytes', { record: new TextEncoder().encode(secret) }],
    [
      'one where the text is cut',
      { text: `${'x'.repeat(3990)} https://u:${secret}${'y'.repeat(50)}@h` },
    ],
  ])('hides %s', (_, fields) => {
    expect(lineOf(fields).text).not.toContain(secret)
  })

  test('keeps what is not secret, and bounds what is long', () => {
    const fields = { clientId: 'c', bytes: new Uint8Array(9), error: new TypeError('why') }
    const { json } = lineOf({
      ...fields,
      list: Array(500).fill('x'),
      text: 'y'.repeat(1e5),
      nan: NaN,
    })
    expect(json).toMatchObject({ clientId: 'c', bytes: '[9 bytes]', nan: 'NaN' })
    expect(json['error']).toMatchObject({ type: 'TypeError', message: 'why' })
    expect(json['list']).toHaveLength(51)
    expect(String(json['text']).length).toBeLessThan(5_000)
  })

  test('stays quick on text made to be slow', () => {
    const started = performance.now()
    for (const part of ['a.', 'x://', 'sig=', 'bearer ', '-', '\\"', 'password:']) {
      lineOf({ text: part.repeat(100_000) })
    }
    expect(performance.now() - started).toBeLessThan(2_000)
  })

  test('writes words on a terminal, with nothing that could steer it', () => {
    const lines: string[] = []
    make(lines, { format: 'text' }).log('info', 'client.closed', {
      id: 'a\u001b[2J\u009b31m',
      port: 9092,
      host: 'h.example',
    })
    expect(lines[0]?.slice(0, 12)).toMatch(/^\d\d:\d\d:\d\d\.\d{3}$/)
    expect(lines[0]?.slice(12)).toBe(
      ' INFO  client.closed id="a\\u001b[2J\\u009b31m" port=9092 host=h.example\n',
    )
    expect(
      textLine('{"level":"warn","time":"2026-01-02T03:04:05.006Z","event":"read failed"}'),
    ).toBe('03:04:05.006 WARN  read failed\n')
  })
})
