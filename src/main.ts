// The composition root: the only file that knows all. Reads settings, makes the platform's ports,
// opens a broker and its HTTP port, and hands back something to close.
//
//   import { startBroker } from 'stratalog'
//   const broker = await startBroker({ memory: true })
//   // broker.kafka.port …
//   await broker.close()
import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import { openObjectStore } from '../adapters/object-store/open.ts'
import { UsageError } from './base/errors.ts'
import { GiB } from './base/units.ts'
import { Broker } from './broker/broker.ts'
import type { Restored } from './broker/tier/restore.ts'
import type { BrokerSettings } from './config/broker-values.ts'
import { loadSettings } from './config/load.ts'
import type { ObjectStore } from './ports/object-store.ts'
import { VERSION } from './base/version.ts'
import { Settings } from './config/settings.ts'
import { createClock } from './platform/clock.ts'
import { createCompression } from './platform/compression.ts'
import { createCrypto } from './platform/crypto.ts'
import { openDisk } from './platform/disk.ts'
import { createMemoryDisk } from './platform/memory-disk.ts'
import { createNetwork } from './platform/network.ts'
import { createTelemetry } from './platform/telemetry.ts'
import { createHttpApp } from './broker/http/app.ts'
import { serve } from './platform/http-server.ts'

export { VERSION }

/** An address to listen on or to reach. */
export interface HostPort {
  readonly host: string
  readonly port: number
}

/** How `startBroker` is asked to run; everything has a default. */
export interface StartBrokerOptions {
  /** Where data lies; `./data` if absent and `memory` is not set. */
  readonly dataDir?: string
  /** Keep everything in memory, on free ports: for tests of other projects. */
  readonly memory?: boolean
  readonly kafka?: HostPort
  readonly http?: HostPort
  readonly nodeId?: number
  readonly clusterId?: string
  readonly rack?: string
  /** URL of the object store; `file://` inside the data directory if absent. */
  readonly store?: string
  /** Settings by name, as with `--set`. */
  readonly settings?: Readonly<Record<string, string>>
  readonly configFile?: string
  /** Where settings may also come from; nothing if absent. */
  readonly environment?: Readonly<Record<string, string | undefined>>
  /** What is logged to stderr; `warn` if absent. */
  readonly logLevel?: 'debug' | 'info' | 'warn' | 'error' | 'silent'
}

/** A broker that serves. */
export interface RunningBroker {
  readonly kafka: HostPort
  readonly http: HostPort
  /** Resolves with the reason when the broker has to stop by itself. */
  readonly failed: Promise<Error>
  /** Drains and flushes; idempotent. */
  close(): Promise<void>
}

/**
 * Starts a broker and resolves when it serves. Throws UsageError for settings that cannot be, and
 * OperatingError when the directory or an address cannot be used.
 */
export async function startBroker(options: StartBrokerOptions = {}): Promise<RunningBroker> {
  const settings = await settingsOf(options)
  const values = settings.broker
  const telemetry = createTelemetry({
    level: options.logLevel ?? 'warn',
    processMetrics: options.memory !== true,
  })
  const dataDirectory = options.memory === true ? 'memory:' : path.resolve(values.dataDir)
  const disk = options.memory === true ? createMemoryDisk(4 * GiB) : await openDisk(dataDirectory)
  const failure = Promise.withResolvers<Error>()
  const broker = await Broker.open(
    {
      disk,
      network: createNetwork(),
      clock: createClock(),
      crypto: createCrypto(),
      compression: createCompression(),
      telemetry,
      openStore: values.usesStore ? () => openStore(values, options) : null,
    },
    {
      settings,
      dataDirectory,
      hostName: os.hostname(),
      onFailure: (error) => failure.resolve(error),
    },
  )
  let http: Awaited<ReturnType<typeof serve>>
  try {
    const app = createHttpApp({
      about: () => ({ version: VERSION, nodeId: values.nodeId, clusterId: broker.clusterId }),
      health: () => broker.health,
      metrics: (format) => telemetry.render(format),
      failed: (error, method, path) => {
        telemetry.log('error', 'http request failed', { method, path, error: String(error) })
      },
    })
    http = await serve(app, values.httpListen)
  } catch (error) {
    await broker.close()
    throw error
  }
  let closing: Promise<void> | null = null
  return {
    kafka: broker.address,
    http: { host: http.host, port: http.port },
    failed: failure.promise,
    close: () => {
      closing ??= (async (): Promise<void> => {
        try {
          await broker.close()
        } finally {
          // A port left open would keep a process whose disk has failed from ending.
          await http.close()
          telemetry.close()
        }
      })()
      return closing
    },
  }
}

/** The object store of the settings; inside the data directory if they name none. */
async function openStore(
  values: BrokerSettings,
  { memory, environment }: StartBrokerOptions,
): Promise<ObjectStore> {
  const embedded = memory === true ? 'memory:' : `file://${path.resolve(values.dataDir, 'store')}`
  return openObjectStore(values.storeUrl ?? embedded, environment ?? {})
}

/** Builds the data directory of a broker from what a bucket has; see restore.ts. */
export async function restoreInto(
  store: ObjectStore,
  options: { readonly dataDir: string; readonly nodeId: number },
  told: (sentence: string) => void,
): Promise<Restored> {
  const { restoreCluster } = await import('./broker/tier/restore.ts')
  const disk = await openDisk(path.resolve(options.dataDir))
  const settings = new Settings(new Map([['node.id', String(options.nodeId)]]))
  const ports = { clock: createClock(), crypto: createCrypto(), compression: createCompression() }
  const telemetry = createTelemetry({ level: 'warn', processMetrics: false })
  try {
    return await restoreCluster({ ...ports, telemetry, disk, store }, settings, told)
  } finally {
    telemetry.close()
  }
}

/** The settings of a process: defaults, file, environment, then what the caller said. */
async function settingsOf(options: StartBrokerOptions): Promise<Settings> {
  const flags: string[] = []
  const add = (name: string, value: string | number | undefined): void => {
    if (value !== undefined) flags.push(`${name}=${value}`)
  }
  if (options.memory === true) {
    add('listeners', 'PLAINTEXT://127.0.0.1:0')
    add('http.listen', '127.0.0.1:0')
    add('journal.file.bytes', 4 * 1024 * 1024)
    add('cache.bytes', 32 * 1024 * 1024)
    add('group.initial.rebalance.delay.ms', 0)
  }
  add('data.dir', options.dataDir)
  add('listeners', options.kafka && `PLAINTEXT://${hostPortText(options.kafka)}`)
  add('http.listen', options.http && hostPortText(options.http))
  add('node.id', options.nodeId)
  add('cluster.id', options.clusterId)
  add('broker.rack', options.rack)
  add('store.url', options.store)
  for (const [name, value] of Object.entries(options.settings ?? {})) add(name, value)
  const loaded = loadSettings({
    ...(options.configFile === undefined ? {} : { file: await readConfig(options.configFile) }),
    ...(options.environment === undefined ? {} : { environment: options.environment }),
    flags,
  })
  return new Settings(loaded.values)
}

async function readConfig(
  path: string,
): Promise<{ readonly path: string; readonly content: unknown }> {
  let text: string
  try {
    text = fs.readFileSync(path, 'utf8')
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? String(cause)
    throw new UsageError(`Cannot read the configuration file ${path}: ${code}`)
  }
  const { parseSettings } = await import('./config/settings-file.ts')
  return { path, content: parseSettings({ path, text }) }
}

const hostPortText = ({ host, port }: HostPort): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
