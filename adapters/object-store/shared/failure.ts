// What went wrong, in the port's words: one sentence with the action, the cause and what to do. One
// map for all providers, by the code that a store gives first and by the HTTP status after it. No
// message holds a secret or a signed URL: only the store's name, the key and the code are in it.
import { AssertionError } from '../../../src/base/assert.ts'
import { OperatingError, type OperatingErrorKind } from '../../../src/base/errors.ts'
import { SourceError, unwrapSource } from './parts.ts'

/** What an operation does to a bucket. */
export type StoreAction = 'write' | 'read' | 'list' | 'delete' | 'sign'

/** An answer that is no success. */
export class AnswerError extends Error {
  override name = 'AnswerError'
  /** HTTP's status; 0 when there was no answer. */
  readonly status: number
  /** What the provider calls it: `NoSuchBucket`; a system call's code; may be empty. */
  readonly code: string

  constructor(answer: { readonly status: number; readonly code: string }, cause?: unknown) {
    const { status, code } = answer
    const text = status === 0 ? 'no answer' : `status ${String(status)}`
    super(code === '' ? text : `${text}, ${code}`, cause === undefined ? undefined : { cause })
    this.status = status
    this.code = code
  }
}

/**
 * What may be kept of an SDK's error as a cause: its name and words. Its request has credentials
 * in it, and so may an address that it repeats.
 */
export function bareCause(error: unknown): Error {
  const { name, message } = (error ?? {}) as { readonly name?: unknown; readonly message?: unknown }
  const words = typeof message === 'string' ? message : ''
  const cause = new Error(words.replace(/\?[^\s"']*/g, ''))
  if (typeof name === 'string') cause.name = name
  return cause
}

/** How a provider calls things. */
export interface StoreWords {
  /** Scheme and bucket. */
  readonly url: string
  readonly bucket: 'bucket' | 'container'
  /** What to check when the store does not know who asks. */
  readonly credentials: string
  /** What must be granted for each action. */
  readonly permission: Readonly<Record<StoreAction, string>>
}

/** What an action is called, with the object that it is about. */
export const doing = (words: StoreWords, action: StoreAction, key: string): string =>
  `${action} ${words.url}/${key}`

const codes = (list: string): ReadonlySet<string> => new Set(list.split(' '))

const NO_BUCKET = codes('NoSuchBucket ContainerNotFound ResourceNotFound AccountNotFound')
const UNKNOWN_CALLER = codes(
  'InvalidAccessKeyId SignatureDoesNotMatch AuthenticationFailed InvalidToken ExpiredToken ' +
    'TokenRefreshRequired InvalidAuthenticationInfo NoAuthenticationInformation ' +
    'CredentialsProviderError InvalidClientTokenId UnrecognizedClientException CannotAuthenticate',
)
const WRONG_CLOCK = codes('RequestTimeTooSkewed RequestExpired')
const ALTERED = codes(
  'BadDigest XAmzContentSHA256Mismatch InvalidDigest Md5Mismatch Crc64Mismatch ' +
    'XAmzContentChecksumMismatch ChecksumMismatch',
)
const ELSEWHERE = codes(
  'PermanentRedirect AuthorizationHeaderMalformed IllegalLocationConstraint RegionMissing',
)
/** Somebody has given up the upload, or begun to write the same key. */
const GONE = codes('NoSuchUpload InvalidBlockList UploadStalled InvalidPart')
const BUSY = codes(
  'SlowDown Throttling ThrottlingException RequestTimeout ServerBusy rateLimitExceeded ' +
    'userRateLimitExceeded backendError',
)

/** What the port says of `error`, which came of an action on `key`. */
export function storeError(
  words: StoreWords,
  action: StoreAction,
  key: string,
  error: unknown,
): unknown {
  if (error instanceof SourceError) return unwrapSource(error)
  if (error instanceof OperatingError || error instanceof AssertionError) return error
  const answer = error instanceof AnswerError ? error : new AnswerError(unanswered(error), error)
  const [kind, why] = judge(words, action, answer)
  return new OperatingError(kind, `Cannot ${doing(words, action, key)}: ${why}`, error, why)
}

function judge(
  words: StoreWords,
  action: StoreAction,
  { status, code }: AnswerError,
): readonly [OperatingErrorKind, string] {
  const told = code === '' ? `status ${String(status)}` : code
  if (NO_BUCKET.has(code)) {
    return ['refused', `there is no such ${words.bucket} (${code}); create it or name another`]
  }
  if (UNKNOWN_CALLER.has(code) || status === 401) {
    return ['refused', `the store does not accept the credentials (${told}); ${words.credentials}`]
  }
  if (WRONG_CLOCK.has(code)) return ['refused', `the clocks differ (${code}); set this one right`]
  if (ELSEWHERE.has(code) || (status >= 300 && status < 400)) {
    return ['refused', `the ${words.bucket} is elsewhere (${told}); name its region or endpoint`]
  }
  if (ALTERED.has(code)) return ['retry', `the bytes were altered on their way (${code})`]
  if (GONE.has(code)) return ['retry', `its upload is gone (${code})`]
  if (BUSY.has(code)) return ['retry', `the store is busy (${code})`]
  if (code === 'AuthorizationFailure') {
    // What Azure says to a network that its rules keep out, and Azurite to another key.
    return ['refused', `access denied (${code}); check credentials and the account's network rules`]
  }
  if (status === 403) {
    const grant = words.permission[action]
    return ['refused', `access denied (${told}); give the credentials ${grant}`]
  }
  if (status === 0)
    return ['retry', `the store cannot be reached (${told}); check its endpoint and the way to it`]
  const isBusy = status === 408 || status === 409 || status === 425 || status === 429
  if (isBusy || status >= 500) return ['retry', `the store is busy (${told})`]
  return ['refused', `the store refuses it (${told}); check the ${words.bucket} and its endpoint`]
}

/** An error of the network or of a library, which has no status. */
function unanswered(error: unknown): { readonly status: number; readonly code: string } {
  const { code, name, cause } = (error ?? {}) as {
    readonly code?: unknown
    readonly name?: unknown
    readonly cause?: unknown
  }
  if (typeof code === 'string' && code !== '') return { status: 0, code }
  if (name === 'CredentialsProviderError') return { status: 0, code: name }
  if (cause !== undefined && cause !== null) return unanswered(cause)
  return { status: 0, code: typeof name === 'string' && name !== 'Error' ? name : '' }
}
