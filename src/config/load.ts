// Reads the settings a process is started with. Precedence: defaults < file < environment < flags.
// A name that is not in the table is a mistake, answered with the nearest name, for a typo that is
// passed over in silence costs an evening. Pure: the caller reads the file and the environment.
import { UsageError } from '../base/errors.ts'
import { BROKER_SETTINGS, brokerSetting } from './broker-settings.ts'
import { brokerValues } from './broker-values.ts'
import { nearest } from './nearest.ts'
import { settingFault } from './setting.ts'

/** What begins the name of every environment variable that is a setting. */
export const ENVIRONMENT_PREFIX = 'STRATALOG_'

/** Variables with the prefix that others read: the launcher and the command line. */
const NOT_SETTINGS = new Set(['RUNTIME', 'CONFIG', 'BOOTSTRAP'])

/** Kubernetes tells pods about a service called stratalog in variables of these shapes. */
const KUBERNETES = /(^|_)(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP)(_\w+)?)?)$/

/** Where a value comes from, and its exact place for a message. */
export interface Origin {
  readonly source: 'default' | 'file' | 'environment' | 'flag'
  readonly place: string
}

/** The checked settings of a process. */
export interface LoadedSettings {
  /** What was set, by name, as text; defaults are not in it. */
  readonly values: ReadonlyMap<string, string>
  readonly origins: ReadonlyMap<string, Origin>
}

/** What to read from. */
export interface Sources {
  /** What a file holds: names with dots, or nested maps that spell them. See parseSettings(). */
  readonly file?: { readonly path: string; readonly content: unknown }
  readonly environment?: Readonly<Record<string, string | undefined>>
  /** `key=value`, in the order given; the last one of a key wins. */
  readonly flags?: readonly string[]
}

/** The environment variable of a setting. */
export const environmentName = (name: string): string =>
  ENVIRONMENT_PREFIX + name.toUpperCase().replaceAll(/[.-]/g, '_')

const environmentNames = new Map(BROKER_SETTINGS.map(({ name }) => [environmentName(name), name]))

const unknown = (place: string, name: string, names: readonly string[]): UsageError => {
  const near = nearest(name, names)
  const hint =
    near === null ? 'run "stratalog config explain" for all names' : `did you mean ${near}?`
  return new UsageError(`Unknown setting ${name} ${place}: ${hint}`)
}

const scalar = (value: unknown, name: string, path: string): string => {
  if (Array.isArray(value)) return value.map((item) => scalar(item, name, path)).join(',')
  if (['string', 'number', 'boolean', 'bigint'].includes(typeof value)) return String(value)
  throw new UsageError(`Setting ${name} in ${path} must be text, a number, true, false or a list`)
}

const flatten = function* (
  value: unknown,
  prefix: string,
  path: string,
): Generator<readonly [string, string]> {
  if (value === null || value === undefined) return
  if (typeof value !== 'object' || Array.isArray(value)) {
    yield [prefix, scalar(value, prefix, path)]
    return
  }
  for (const [key, inner] of Object.entries(value)) {
    yield* flatten(inner, prefix === '' ? key : `${prefix}.${key}`, path)
  }
}

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)

/** What is wrong with settings that are each right, as one sentence; or null. */
const crossFault = (values: ReadonlyMap<string, string>): string | null => {
  const settings = brokerValues((name) => values.get(name) ?? brokerSetting(name)?.default ?? null)
  const { listeners, advertisedListeners, allowsUnauthenticated } = settings
  if (settings.groupSessionMinMs > settings.groupSessionMaxMs) {
    return 'Setting group.min.session.timeout.ms is larger than group.max.session.timeout.ms'
  }
  const names = new Set(listeners.map(({ listener }) => listener))
  const odd = advertisedListeners.find(({ listener }) => !names.has(listener))
  if (odd !== undefined) {
    return `Setting advertised.listeners names ${odd.listener}, which is not among listeners`
  }
  if (allowsUnauthenticated) return null
  const open = [
    ...listeners.map(({ listener, host }) => ({ what: `listener ${listener}`, host })),
    { what: 'http.listen', host: settings.httpListen.host },
    { what: 'internal.listen', host: settings.internalListen.host },
  ].find(({ host }) => !isLoopback(host))
  if (open === undefined) return null
  const where = open.host === '' ? 'all interfaces' : open.host
  return (
    `The ${open.what} would serve ${where} without authentication: ` +
    'set network.unauthenticated.allow=true if that is meant'
  )
}

/** Reads and checks all settings. Throws UsageError with one sentence that says what to do. */
export const loadSettings = (sources: Sources): LoadedSettings => {
  const values = new Map<string, string>()
  const origins = new Map<string, Origin>()
  const names = BROKER_SETTINGS.map(({ name }) => name)
  const set = (name: string, value: string, origin: Origin): void => {
    const setting = brokerSetting(name)
    if (setting === undefined) throw unknown(origin.place, name, names)
    const fault = settingFault(setting, value)
    if (fault !== null) throw new UsageError(`${fault} (${origin.place})`)
    values.set(name, value)
    origins.set(name, origin)
  }
  if (sources.file !== undefined) {
    const { path, content } = sources.file
    for (const [name, value] of flatten(content, '', path)) {
      set(name, value, { source: 'file', place: `in ${path}` })
    }
  }
  for (const [variable, value] of Object.entries(sources.environment ?? {})) {
    if (!variable.startsWith(ENVIRONMENT_PREFIX) || value === undefined) continue
    const rest = variable.slice(ENVIRONMENT_PREFIX.length)
    const name = environmentNames.get(variable)
    if (name === undefined) {
      if (NOT_SETTINGS.has(rest) || KUBERNETES.test(rest)) continue
      throw unknown('in the environment', variable, [...environmentNames.keys()])
    }
    set(name, value, { source: 'environment', place: `from ${variable}` })
  }
  for (const flag of sources.flags ?? []) {
    const at = flag.indexOf('=')
    if (at < 1) throw new UsageError(`Cannot read --set ${flag}: write --set key=value`)
    set(flag.slice(0, at), flag.slice(at + 1), { source: 'flag', place: 'on the command line' })
  }
  const fault = crossFault(values)
  if (fault !== null) throw new UsageError(fault)
  return { values, origins }
}
