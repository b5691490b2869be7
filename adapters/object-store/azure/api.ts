// The requests of Azure Blob Storage that the store makes, as one implementation of them is asked
// for each: Microsoft's SDK, or our own REST over fetch. ETags come and go without quotes.
// Everything that is no success is an AnswerError with the service's own code.
import type { Into } from '../shared/http.ts'

/** Conditions of a put or of the commit of blocks, as HTTP's headers hold them. */
export interface AzureConditions {
  readonly ifNoneMatch?: '*'
  /** An ETag, without quotes. */
  readonly ifMatch?: string
}

/** What is known of a blob. */
export interface AzureBlob {
  readonly size: number
  readonly etag: string
  readonly modifiedMs: number
}

/** One blob of a listing. */
export interface AzureListed extends AzureBlob {
  readonly key: string
}

/** The requests; all end when their signal is aborted. */
export interface AzureApi {
  /** The MD5 of bytes; null where the runtime has none, and puts are then unchecked. */
  md5(bytes: Uint8Array): Promise<Uint8Array | null>
  /** Puts a blob in one request; returns its ETag. */
  put(
    key: string,
    bytes: Uint8Array,
    how: { readonly md5: Uint8Array | null; readonly conditions: AzureConditions },
    signal: AbortSignal,
  ): Promise<string>
  /** Sends a block, which is named by `id` in base64 and belongs to the blob's name. */
  putBlock(
    key: string,
    block: { readonly id: string; readonly bytes: Uint8Array; readonly md5: Uint8Array | null },
    signal: AbortSignal,
  ): Promise<void>
  /** Makes a blob of the blocks; returns its ETag. */
  commit(
    key: string,
    ids: readonly string[],
    conditions: AzureConditions,
    signal: AbortSignal,
  ): Promise<string>
  /** Bytes `[from, to)`, as far as there are any; the whole blob without a range. */
  get(
    key: string,
    range: { readonly from: number; readonly to: number } | undefined,
    signal: AbortSignal,
    into?: Into,
  ): Promise<{ readonly bytes: Uint8Array; readonly etag: string }>
  head(key: string, signal: AbortSignal): Promise<AzureBlob>
  list(
    page: { readonly prefix: string; readonly cursor: string | undefined; readonly limit: number },
    signal: AbortSignal,
  ): Promise<{ readonly objects: readonly AzureListed[]; readonly next: string | null }>
  delete(key: string, signal: AbortSignal): Promise<void>
  /** A URL that reads a blob; absent where the credentials are no key, which alone can sign. */
  sign?(key: string, ttlMs: number): Promise<string>
  close(): void
}

/** An ETag without its quotes. */
export const bareEtag = (etag: string | null | undefined): string =>
  (etag ?? '').replace(/^"|"$/g, '')
