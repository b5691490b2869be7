// The requests of Google Cloud Storage that the store makes, as one implementation of them is asked
// for each: Google's SDK, or our own REST over fetch. Everything that is no success is an
// AnswerError, with the codes of `gcsFailure`.
import type { ObjectSource } from '../../../src/ports/object-store.ts'
import { AnswerError } from '../shared/failure.ts'
import type { Into } from '../shared/http.ts'

/** An object as the JSON API tells it, as far as it is asked for. */
export interface GcsObject {
  readonly name: string
  readonly size?: string | number
  readonly generation: string | number
  readonly updated?: string
  /** Of its bytes, as the service has them: big-endian, in base64. */
  readonly crc32c?: string
}

/** The generation that a put must find, 0 for none; absent for whichever it finds. */
export type GcsCondition = string | undefined

/** The requests; all end for their caller when their signal is aborted. */
export interface GcsApi {
  /** CRC-32C of bytes, continued from `seed`. */
  crc32c(bytes: Uint8Array, seed: number): number
  /** Puts an object in one request; the service refuses bytes with another checksum. */
  putWhole(
    key: string,
    bytes: Uint8Array,
    how: { readonly crc32c: string; readonly condition: GcsCondition },
    signal: AbortSignal,
  ): Promise<GcsObject>
  /**
   * Puts a source, whose parts are read and handed on in order; `taken` hears each of them before
   * it is sent. What it had sent is given up when it fails.
   */
  putParts(
    key: string,
    source: ObjectSource,
    how: {
      readonly partBytes: number
      readonly condition: GcsCondition
      readonly taken: (bytes: Uint8Array) => void
    },
    signal: AbortSignal,
  ): Promise<GcsObject>
  /** Bytes `[from, to)`, as far as there are any; the whole object without a range. */
  get(
    key: string,
    range: { readonly from: number; readonly to: number } | undefined,
    signal: AbortSignal,
    into?: Into,
  ): Promise<{ readonly bytes: Uint8Array; readonly generation: string }>
  head(key: string, signal: AbortSignal): Promise<GcsObject>
  list(
    page: { readonly prefix: string; readonly cursor: string | undefined; readonly limit: number },
    signal: AbortSignal,
  ): Promise<{ readonly objects: readonly GcsObject[]; readonly next: string | null }>
  /** Deletes an object, whatever its generation unless one is named. */
  delete(key: string, generation: GcsCondition, signal: AbortSignal): Promise<void>
  /** A URL that reads an object; absent where nobody can sign. */
  sign?(key: string, seconds: number): Promise<string>
  close(): void
}

/**
 * What Google answered, as an AnswerError. Only the message tells an absent bucket from an absent
 * object, and a wrong checksum from other nonsense.
 */
export function gcsFailure(
  answer: { readonly status: number; readonly reason: string; readonly message: string },
  cause?: unknown,
): AnswerError {
  const { status, reason, message } = answer
  const isBucket = status === 404 && /bucket (\S+ )?(does not exist|not found)/i.test(message)
  const isAltered = status === 400 && /crc32c\b.*match/is.test(message)
  const code = isBucket ? 'NoSuchBucket' : isAltered ? 'ChecksumMismatch' : reason
  return new AnswerError({ status, code }, cause)
}
