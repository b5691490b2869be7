// A store by its URL, for brokers: which adapter, which bucket, which prefix. Each adapter is
// loaded when its scheme is asked for, because a broker should not start slowly for a cloud it
// never talks to. Credentials come from the environment alone: URLs are logged.
//
//   file:///directory   memory:   s3://bucket/prefix?endpoint=URL&region=R&pathStyle=true
//   gs://bucket/prefix?endpoint=URL            az://account/container/prefix?endpoint=URL
import { UsageError } from '../../src/base/errors.ts'
import type { ObjectStore } from '../../src/ports/object-store.ts'
import { prefixed } from './shared/prefixed.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** A URL as the adapters are asked for it. */
interface Place {
  readonly url: string
  readonly host: string
  /** Segments of the path that are not empty. */
  readonly path: readonly string[]
  readonly parameters: ReadonlyMap<string, string>
}

const SCHEMES: Readonly<
  Record<
    string,
    {
      readonly parameters: readonly string[]
      readonly form: string
      readonly open: (place: Place, environment: Environment) => Promise<ObjectStore>
    }
  >
> = {
  'file:': { parameters: [], form: 'file:///directory', open: openFile },
  'memory:': { parameters: [], form: 'memory:', open: openMemory },
  's3:': {
    parameters: ['endpoint', 'region', 'pathStyle'],
    form: 's3://bucket/prefix',
    open: openS3,
  },
  'gs:': { parameters: ['endpoint'], form: 'gs://bucket/prefix', open: openGs },
  'az:': { parameters: ['endpoint'], form: 'az://account/container/prefix', open: openAz },
}

/**
 * Opens the store at `url`, with credentials from `environment` and, where that names none, from
 * where the provider's own tools would look. Whether they are good shows with the first request.
 * Throws UsageError for a URL that is none of a store, OperatingError `refused` for a directory
 * that cannot be used.
 */
export async function openObjectStore(url: string, environment: Environment): Promise<ObjectStore> {
  const place = parsePlace(url)
  const scheme = SCHEMES[schemeOf(url)]
  if (scheme === undefined) throw new UsageError(`${shown(url)} is not a store`)
  return scheme.open(place, environment)
}

const schemeOf = (url: string): string => /^[a-z0-9]+:/.exec(url)?.[0] ?? ''

/** A URL as it may be printed: whoever put a secret into it should not read it in a log. */
const shown = (url: string): string => url.replace(/\/\/[^/@]*@/, '//…@').replace(/\?.*/s, '')

function parsePlace(url: string): Place {
  const scheme = SCHEMES[schemeOf(url)]
  if (scheme === undefined || !URL.canParse(url)) {
    const forms = Object.values(SCHEMES).map(({ form }) => form)
    throw new UsageError(`Cannot use ${shown(url)} as a store: write ${forms.join(', ')}`)
  }
  const { username, password, hash, host, pathname, searchParams } = new URL(url)
  if (username !== '' || password !== '') {
    throw new UsageError(
      `Cannot use ${shown(url)} as a store: credentials do not belong in it; set the ` +
        `environment variables of the provider`,
    )
  }
  if (hash !== '') throw new UsageError(`Cannot use ${shown(url)} as a store: leave out ${hash}`)
  const parameters = new Map<string, string>()
  for (const [name, value] of searchParams) {
    if (!scheme.parameters.includes(name)) {
      const known = scheme.parameters.length === 0 ? 'none' : scheme.parameters.join(', ')
      throw new UsageError(
        `Cannot use ${shown(url)} as a store: it has no parameter ${name}; there are: ${known}`,
      )
    }
    parameters.set(name, value)
  }
  const endpoint = parameters.get('endpoint')
  if (endpoint !== undefined && !/^https?:\/\/[^/?#@]+(\/[^?#]*)?$/.test(endpoint)) {
    throw new UsageError(
      `Cannot use ${shown(url)} as a store: its endpoint must be like https://host:port`,
    )
  }
  const path = pathname.split('/').filter((segment) => segment !== '')
  return { url, host, path: path.map(decodeURIComponent), parameters }
}

async function openMemory({ url }: Place): Promise<ObjectStore> {
  if (url !== 'memory:') throw new UsageError(`Cannot use ${shown(url)} as a store: write memory:`)
  const { openMemoryStore } = await import('./memory.ts')
  return openMemoryStore()
}

async function openFile({ url, host }: Place): Promise<ObjectStore> {
  if (host !== '' || !url.startsWith('file:///')) {
    throw new UsageError(`Cannot use ${shown(url)} as a store: write file:///directory`)
  }
  const { fileURLToPath } = await import('node:url')
  const { openLocalStore } = await import('./local.ts')
  return openLocalStore(fileURLToPath(url))
}

async function openS3(place: Place, environment: Environment): Promise<ObjectStore> {
  const bucket = named(place, place.host, 'bucket')
  const { parameters } = place
  const pathStyle = parameters.get('pathStyle') ?? 'false'
  if (pathStyle !== 'true' && pathStyle !== 'false') {
    throw new UsageError(`Cannot use ${shown(place.url)} as a store: pathStyle is true or false`)
  }
  const endpoint = parameters.get('endpoint')
  const region =
    parameters.get('region') ??
    environment['AWS_REGION'] ??
    environment['AWS_DEFAULT_REGION'] ??
    (endpoint === undefined ? undefined : 'us-east-1')
  const accessKeyId = environment['AWS_ACCESS_KEY_ID']
  const secretAccessKey = environment['AWS_SECRET_ACCESS_KEY']
  const sessionToken = environment['AWS_SESSION_TOKEN']
  if ((accessKeyId === undefined) !== (secretAccessKey === undefined)) {
    throw new UsageError('AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY belong together; set both')
  }
  const { openS3Store } = await import('./s3.ts')
  const store = await openS3Store({
    bucket,
    pathStyle: pathStyle === 'true',
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(region === undefined ? {} : { region }),
    ...(accessKeyId !== undefined &&
      secretAccessKey !== undefined && {
        credentials: {
          accessKeyId,
          secretAccessKey,
          ...(sessionToken === undefined ? {} : { sessionToken }),
        },
      }),
  })
  return prefixed(store, prefixOf(place, place.path))
}

async function openGs(place: Place, environment: Environment): Promise<ObjectStore> {
  const bucket = named(place, place.host, 'bucket')
  const endpoint = place.parameters.get('endpoint')
  const name = 'GOOGLE_APPLICATION_CREDENTIALS'
  if (environment[name] !== undefined && environment[name] !== process.env[name]) {
    throw new UsageError(`Set ${name} for the whole process: Google's SDK reads it there`)
  }
  const { openGcsStore } = await import('./gcs.ts')
  const store = await openGcsStore({
    bucket,
    ...(endpoint === undefined ? {} : { endpoint }),
    isAnonymous: endpoint !== undefined && environment[name] === undefined,
  })
  return prefixed(store, prefixOf(place, place.path))
}

async function openAz(place: Place, environment: Environment): Promise<ObjectStore> {
  const account = named(place, place.host, 'account')
  const container = named(place, place.path[0] ?? '', 'container')
  const { openAzureFromEnvironment } = await import('./azure.ts')
  const endpoint = place.parameters.get('endpoint')
  const store = openAzureFromEnvironment(
    { account, container, ...(endpoint === undefined ? {} : { endpoint }) },
    environment,
  )
  return prefixed(store, prefixOf(place, place.path.slice(1)))
}

function named(place: Place, value: string, what: string): string {
  if (/^[\w.-]+$/.test(value)) return value
  const { form } = SCHEMES[schemeOf(place.url)] ?? { form: '' }
  throw new UsageError(
    `Cannot use ${shown(place.url)} as a store: it names no ${what}; write ${form}`,
  )
}

function prefixOf(place: Place, segments: readonly string[]): string {
  for (const segment of segments) {
    if (/^[\x21-\x7e]+$/.test(segment) && segment !== '.' && segment !== '..') continue
    throw new UsageError(
      `Cannot use ${shown(place.url)} as a store: its prefix must be ASCII without blanks`,
    )
  }
  return segments.map((segment) => `${segment}/`).join('')
}
