// The requests of S3 that the store makes, as one implementation of them is asked for each: the
// SDK of AWS, or aws4fetch over fetch. ETags come and go without quotes but for those that the
// caller sets. Everything that is no success is an AnswerError.
import type { Into } from '../shared/http.ts'

/** Conditions of a put or of the completion of an upload, as HTTP's headers hold them. */
export interface S3Conditions {
  readonly ifNoneMatch?: '*'
  /** An ETag, with quotes or without, as the store likes it. */
  readonly ifMatch?: string
}

/** What is known of an object. */
export interface S3Head {
  readonly size: number
  readonly etag: string
  readonly modifiedMs: number
}

/** One object of a listing. */
export interface S3Listed extends S3Head {
  readonly key: string
}

/** An upload that was begun and neither completed nor aborted. */
export interface S3Upload {
  readonly key: string
  readonly uploadId: string
  readonly begunMs: number
}

/** One upload, to say which. */
export interface S3UploadId {
  readonly key: string
  readonly uploadId: string
}

/** What a store says of a part that was put. */
export interface S3PutPart {
  readonly etag: string
  /** Its CRC-32C in base64, if the store has compared that. */
  readonly crc32c?: string
}

/** A part that was put: numbered from 1. */
export interface S3Part extends S3PutPart {
  readonly number: number
}

/** Keys from after `marker` of a prefix. */
export interface S3Listing {
  readonly prefix: string
  /** As the page before gave it. */
  readonly cursor: string | undefined
  readonly limit: number
}

/** Where a listing of uploads goes on. */
export interface S3UploadMarker {
  readonly key: string
  readonly uploadId: string
}

/** The requests; all end when their signal is aborted. */
export interface S3Api {
  put(
    key: string,
    bytes: Uint8Array,
    conditions: S3Conditions,
    signal: AbortSignal,
  ): Promise<string>
  /** `range` is HTTP's: `bytes=0-9`. */
  get(
    key: string,
    range: string | undefined,
    signal: AbortSignal,
    into?: Into,
  ): Promise<{ readonly bytes: Uint8Array; readonly etag: string }>
  head(key: string, signal: AbortSignal): Promise<S3Head>
  list(
    listing: S3Listing,
    signal: AbortSignal,
  ): Promise<{ readonly objects: readonly S3Listed[]; readonly next: string | null }>
  deleteOne(key: string, signal: AbortSignal): Promise<void>
  /** At most 1,000 keys; throws the first failure. */
  deleteMany(keys: readonly string[], signal: AbortSignal): Promise<void>
  beginUpload(key: string, signal: AbortSignal): Promise<string>
  putPart(
    upload: S3UploadId,
    number: number,
    bytes: Uint8Array,
    signal: AbortSignal,
  ): Promise<S3PutPart>
  /** The ETag of the object; empty where the store does not tell it. */
  completeUpload(
    upload: S3UploadId,
    parts: readonly S3Part[],
    conditions: S3Conditions,
    signal: AbortSignal,
  ): Promise<string>
  abortUpload(upload: S3UploadId, signal: AbortSignal): Promise<void>
  listUploads(
    prefix: string,
    marker: S3UploadMarker | null,
    signal: AbortSignal,
  ): Promise<{ readonly uploads: readonly S3Upload[]; readonly next: S3UploadMarker | null }>
  sign(key: string, ttlSeconds: number): Promise<string>
  close(): void
}

/** An ETag without its quotes. */
export const bareEtag = (etag: string | null | undefined): string =>
  (etag ?? '').replace(/^"|"$/g, '')
