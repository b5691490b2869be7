// The HTTP port as one Hono app: is the process well, does it serve, what does it count. Pure: from
// a Request to a Response, through the few functions it is given, so that the same app runs under
// every runtime's server and in tests without one. Other routes are mounted into it by whoever
// has them; what they answer is theirs.
import { Hono } from 'hono'
import type { Context } from 'hono'
import { jsonError } from './answers.ts'
import { metricsFormat, METRICS_TYPES } from './metrics-format.ts'
import type { MetricsFormat } from './metrics-format.ts'

/** How the broker is, at this moment. Texts are for operators: no secrets. */
export interface Health {
  /** Why the broker can not go on and has to be started anew; null while it is well. */
  readonly failure: string | null
  /** Why it does not serve clients now: starting, draining; null while it serves. */
  readonly notReady: string | null
  /** Whether the disk is below its reserve: producers are refused, everything else goes on. */
  readonly diskFull: boolean
}

/** What the index page says of this process. */
export interface About {
  readonly version: string
  readonly nodeId: number
  /** Null until the cluster is known. */
  readonly clusterId: string | null
}

/** What the app is made of. */
export interface HttpDeps {
  about(): About
  health(): Health
  /** All metrics as text. */
  metrics(format: MetricsFormat): string
  /** Told of an exception that a route did not handle; the client gets a bare 500. */
  failed(error: unknown, method: string, path: string): void
}

/** What a server tells of a connection; see the platform's HTTP server. */
export interface HttpBindings {
  /** Address of the client, or of the proxy before it; null when unknown. */
  remoteAddress(): string | null
}

/** The type of the app and of what is mounted into it. */
export type HttpApp = Hono<{ Bindings: HttpBindings }>

/** The app with its own routes. */
export function createHttpApp(deps: HttpDeps): HttpApp {
  const app: HttpApp = new Hono()
  app.use(async (context, next) => {
    await next()
    context.res.headers.set('x-content-type-options', 'nosniff')
    // What a route says of caching stands; silence means no.
    if (!context.res.headers.has('cache-control')) {
      context.res.headers.set('cache-control', 'no-store')
    }
  })
  app.get('/', (context) => index(context, deps))
  app.get('/healthz', (context) => healthz(context, deps.health()))
  app.get('/readyz', (context) => readyz(context, deps.health()))
  app.get('/metrics', (context) => {
    const format = metricsFormat(context.req.header('accept'))
    context.header('vary', 'accept')
    return context.body(deps.metrics(format), 200, { 'content-type': METRICS_TYPES[format] })
  })
  for (const path of ['/', '/healthz', '/readyz', '/metrics']) {
    app.all(path, (context) => {
      context.header('allow', 'GET, HEAD')
      return jsonError(context, 405, 'method_not_allowed', 'This path takes GET and HEAD only.')
    })
  }
  app.notFound((context) => jsonError(context, 404, 'not_found', 'There is nothing at this path.'))
  app.onError((error, context) => {
    deps.failed(error, context.req.method, context.req.path)
    return jsonError(
      context,
      500,
      'internal',
      'The request failed; the log of the broker says why.',
    )
  })
  return app
}

/** What there is to see, for whoever opens the port in a browser. */
function index(context: Context, deps: HttpDeps): Response {
  return context.json({
    name: 'stratalog',
    ...deps.about(),
    paths: {
      '/healthz': '200 while the process is well, else 503',
      '/readyz': '200 while it serves clients, else 503 and why',
      '/metrics': 'Prometheus text, or OpenMetrics to whom accepts it',
    },
  })
}

/** For whoever restarts a process that can not go on. */
function healthz(context: Context, health: Health): Response {
  if (health.failure === null) return context.json({ status: 'ok' })
  return context.json({ status: 'failed', reason: health.failure }, 503)
}

/** For whoever sends clients here. A full disk is told and does not turn them away: reads work. */
function readyz(context: Context, health: Health): Response {
  const { diskFull } = health
  const reason = health.failure ?? health.notReady
  if (reason === null) return context.json({ status: 'ready', diskFull })
  const status = health.failure === null ? 'not-ready' : 'failed'
  context.header('retry-after', '1')
  return context.json({ status, reason, diskFull }, 503)
}
