// Credentials of Azure from the environment, by the names that Microsoft's own tools read, in their
// order: connection string, key, SAS; then an identity of Entra ID: a client secret, a token that
// the cluster has put in a file, or what the machine is known as. Tokens are kept until five
// minutes before they end.
import { readFile } from 'node:fs/promises'
import { UsageError } from '../../../src/base/errors.ts'
import { AnswerError } from '../shared/failure.ts'
import { queryOf, textOfAnswer, utf8, type Http, type HttpRequest } from '../shared/http.ts'
import type { AzureCredentials } from './auth.ts'

/** Where variables are read. */
export type Environment = Readonly<Record<string, string | undefined>>

const SCOPE = 'https://storage.azure.com/.default'
const RESOURCE = 'https://storage.azure.com/'
const EARLY_MS = 5 * 60_000
const MACHINE_MS = 3_000

/** What a connection string holds. */
export interface ConnectionString {
  readonly account?: string
  readonly key?: string
  readonly sas?: string
  readonly endpoint?: string
}

/** Reads a connection string; throws UsageError where it has no account. */
export function parseConnectionString(text: string): ConnectionString {
  const fields = new Map<string, string>()
  for (const field of text.split(';')) {
    const at = field.indexOf('=')
    if (at > 0) fields.set(field.slice(0, at).trim(), field.slice(at + 1).trim())
  }
  const account = fields.get('AccountName')
  const key = fields.get('AccountKey')
  const sas = fields.get('SharedAccessSignature')
  const protocol = fields.get('DefaultEndpointsProtocol') ?? 'https'
  const suffix = fields.get('EndpointSuffix') ?? 'core.windows.net'
  const endpoint =
    fields.get('BlobEndpoint') ??
    (account === undefined ? undefined : `${protocol}://${account}.blob.${suffix}`)
  if (endpoint === undefined) {
    throw new UsageError(
      'AZURE_STORAGE_CONNECTION_STRING names neither AccountName nor BlobEndpoint; copy it anew',
    )
  }
  return {
    endpoint,
    ...(account === undefined ? {} : { account }),
    ...(key === undefined ? {} : { key }),
    ...(sas === undefined ? {} : { sas: sas.replace(/^\?/, '') }),
  }
}

/** The credentials for `account` that the environment holds. */
export function credentialsOf(
  environment: Environment,
  account: string,
  http: Http,
): AzureCredentials {
  const key = environment['AZURE_STORAGE_KEY']
  if (key !== undefined) return { kind: 'key', account, key }
  const sas = environment['AZURE_STORAGE_SAS_TOKEN']
  if (sas !== undefined) return { kind: 'sas', sas: sas.replace(/^\?/, '') }
  return { kind: 'token', token: kept((signal) => askToken(environment, http, signal)) }
}

interface Token {
  readonly token: string
  readonly endsMs: number
}

/** Asks once for all who wait, and again when the token is about to end. */
function kept(
  ask: (signal: AbortSignal) => Promise<Token>,
): (signal: AbortSignal) => Promise<string> {
  let last: Token | null = null
  let asking: Promise<Token> | null = null
  return async (signal) => {
    if (last !== null && last.endsMs - EARLY_MS > Date.now()) return last.token
    asking ??= ask(signal).finally(() => {
      asking = null
    })
    last = await asking
    return last.token
  }
}

async function askToken(environment: Environment, http: Http, signal: AbortSignal): Promise<Token> {
  const tenant = environment['AZURE_TENANT_ID']
  const client = environment['AZURE_CLIENT_ID']
  const secret = environment['AZURE_CLIENT_SECRET']
  const file = environment['AZURE_FEDERATED_TOKEN_FILE']
  if (tenant !== undefined && client !== undefined) {
    const proof =
      secret !== undefined
        ? { client_secret: secret }
        : file !== undefined
          ? {
              client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
              client_assertion: (await readFile(file, 'utf8')).trim(),
            }
          : null
    if (proof !== null) {
      const host = environment['AZURE_AUTHORITY_HOST'] ?? 'https://login.microsoftonline.com'
      const form = { grant_type: 'client_credentials', client_id: client, scope: SCOPE, ...proof }
      return tokenFrom(http, signal, {
        method: 'POST',
        url: `${host.replace(/\/$/, '')}/${tenant}/oauth2/v2.0/token`,
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: [utf8(queryOf(form))],
      })
    }
  }
  const query = { resource: RESOURCE, ...(client === undefined ? {} : { client_id: client }) }
  const endpoint = environment['IDENTITY_ENDPOINT']
  const header = environment['IDENTITY_HEADER']
  if (endpoint !== undefined && header !== undefined) {
    return tokenFrom(http, signal, {
      method: 'GET',
      url: `${endpoint}?${queryOf({ 'api-version': '2019-08-01', ...query })}`,
      headers: { 'x-identity-header': header },
    })
  }
  return tokenFrom(http, AbortSignal.any([signal, AbortSignal.timeout(MACHINE_MS)]), {
    method: 'GET',
    url: `http://169.254.169.254/metadata/identity/oauth2/token?${queryOf({
      'api-version': '2018-02-01',
      ...query,
    })}`,
    headers: { metadata: 'true' },
  })
}

async function tokenFrom(http: Http, signal: AbortSignal, request: HttpRequest): Promise<Token> {
  let told: { access_token?: unknown; expires_in?: unknown }
  try {
    const answer = await http.send(request, signal)
    if (answer.status >= 500 || answer.status === 429) {
      throw new AnswerError({ status: answer.status, code: '' })
    }
    if (answer.status !== 200) throw new AnswerError({ status: 401, code: 'CannotAuthenticate' })
    told = JSON.parse(textOfAnswer(answer)) as typeof told
  } catch (error) {
    if (error instanceof AnswerError && error.status >= 429) throw error
    throw new AnswerError({ status: 401, code: 'CannotAuthenticate' }, error)
  }
  const seconds = Number(told.expires_in)
  if (typeof told.access_token !== 'string' || !(seconds > 0)) {
    throw new AnswerError({ status: 401, code: 'CannotAuthenticate' })
  }
  return { token: told.access_token, endsMs: Date.now() + seconds * 1000 }
}
