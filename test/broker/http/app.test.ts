// The HTTP app without a server: what each path answers, to whom, and what it must not tell.
import { describe, expect, test } from 'vitest'
import { createHttpApp } from '../../../src/broker/http/app.ts'
import type { Health, HttpApp } from '../../../src/broker/http/app.ts'
import { metricsFormat } from '../../../src/broker/http/metrics-format.ts'

const WELL: Health = { failure: null, notReady: null, diskFull: false }

const appOf = (health: Health = WELL, failed: unknown[] = []): HttpApp =>
  createHttpApp({
    about: () => ({ version: '1.2.3', nodeId: 7, clusterId: null }),
    health: () => health,
    metrics: (format) => `# ${format}\n`,
    failed: (error, method, path) => failed.push(error, method, path),
  })

const get = (app: HttpApp, path: string, init: RequestInit = {}): Promise<Response> =>
  Promise.resolve(app.request(path, init))

describe('createHttpApp()', () => {
  test('/ tells what this is and where to look', async () => {
    const response = await get(appOf(), '/')
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toContain('application/json')
    expect(await response.json()).toMatchObject({
      name: 'stratalog',
      version: '1.2.3',
      nodeId: 7,
      clusterId: null,
      paths: { '/healthz': expect.any(String) },
    })
  })

  test.each<[string, Health, number, number]>([
    ['well', WELL, 200, 200],
    ['starting', { ...WELL, notReady: 'waits for the controller' }, 200, 503],
    ['full', { ...WELL, diskFull: true }, 200, 200],
    ['latched', { ...WELL, failure: 'fsync failed' }, 503, 503],
    ['latched while draining', { failure: 'x', notReady: 'draining', diskFull: true }, 503, 503],
  ])('/healthz and /readyz of a broker that is %s', async (_, health, healthz, readyz) => {
    const app = appOf(health)
    const [alive, ready] = [await get(app, '/healthz'), await get(app, '/readyz')]
    expect([alive.status, ready.status]).toEqual([healthz, readyz])
    const body: unknown = await ready.json()
    expect(body).toMatchObject({ diskFull: health.diskFull })
    const reason = health.failure ?? health.notReady
    if (reason !== null) {
      expect(body).toMatchObject({ reason })
      expect(ready.headers.get('retry-after')).toBe('1')
    }
    expect(await alive.json()).toEqual(
      health.failure === null ? { status: 'ok' } : { status: 'failed', reason: health.failure },
    )
  })

  test('health is asked at every request', async () => {
    let health: Health = { ...WELL, notReady: 'starting' }
    const app = createHttpApp({
      about: () => ({ version: '1', nodeId: 1, clusterId: 'c' }),
      health: () => health,
      metrics: () => '',
      failed: () => undefined,
    })
    expect((await get(app, '/readyz')).status).toBe(503)
    health = WELL
    expect((await get(app, '/readyz')).status).toBe(200)
  })

  test('/metrics answers in the format that was asked for, and says so', async () => {
    const plain = await get(appOf(), '/metrics')
    expect(plain.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
    expect(await plain.text()).toBe('# text\n')
    expect(plain.headers.get('vary')).toBe('accept')
    const open = await get(appOf(), '/metrics', {
      headers: { accept: 'application/openmetrics-text;version=1.0.0' },
    })
    expect(open.headers.get('content-type')).toContain(
      'application/openmetrics-text; version=1.0.0',
    )
    expect(await open.text()).toBe('# openmetrics\n')
  })

  test('HEAD answers like GET without a body', async () => {
    const response = await get(appOf(), '/metrics', { method: 'HEAD' })
    expect(response.status).toBe(200)
    expect(await response.text()).toBe('')
  })

  test('other methods are 405 with Allow, other paths 404, both without an echo', async () => {
    const wrong = await get(appOf(), '/healthz', { method: 'POST' })
    expect(wrong.status).toBe(405)
    expect(wrong.headers.get('allow')).toBe('GET, HEAD')
    const nothing = await get(appOf(), '/secret-path-xyz')
    expect(nothing.status).toBe(404)
    const text = await nothing.text()
    expect(JSON.parse(text)).toMatchObject({ error: { code: 'not_found' } })
    expect(text).not.toContain('xyz')
  })

  test('an exception is a bare 500, and its cause goes to the log alone', async () => {
    const failed: unknown[] = []
    const app = appOf(WELL, failed)
    const error = new Error('the inner reason')
    app.get('/boom', () => {
      throw error
    })
    const response = await get(app, '/boom')
    expect(response.status).toBe(500)
    expect(await response.text()).not.toContain('inner reason')
    expect(failed).toEqual([error, 'GET', '/boom'])
  })

  test('nothing may be cached or sniffed, except where a route says so', async () => {
    const app = appOf()
    app.get('/kept', (context) => {
      context.header('cache-control', 'max-age=60')
      return context.text('x')
    })
    for (const path of ['/', '/readyz', '/nothing']) {
      const { headers } = await get(app, path)
      expect(headers.get('cache-control')).toBe('no-store')
      expect(headers.get('x-content-type-options')).toBe('nosniff')
    }
    expect((await get(app, '/kept')).headers.get('cache-control')).toBe('max-age=60')
  })
})

describe('metricsFormat()', () => {
  test.each([
    [undefined, 'text'],
    ['', 'text'],
    ['*/*', 'text'],
    ['text/html,application/xhtml+xml,*/*;q=0.8', 'text'],
    ['application/openmetrics-text', 'openmetrics'],
    ['application/openmetrics-text;version=1.0.0,text/plain;q=0.5', 'openmetrics'],
    ['application/openmetrics-text; version="1.0.0"; q=0.4, text/plain;q=0.5', 'text'],
    [
      'application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5',
      'openmetrics',
    ],
    ['application/openmetrics-text;version=2.0.0', 'text'],
    ['application/openmetrics-text;q=0', 'text'],
    ['application/openmetrics-text;q=banana', 'text'],
    [`${'x/y,'.repeat(50_000)}application/openmetrics-text`, 'text'],
  ])('%.60s is %s', (accept, format) => {
    expect(metricsFormat(accept)).toBe(format)
  })
})
