// S3, and what speaks its protocol, by the SDK of AWS: it knows every way to get credentials, and
// the endpoints of every region and kind of bucket. Requests are signed with the SHA-256 of their
// bytes, made by OpenSSL: every S3 server compares it, so a put needs no other checksum; only large
// parts go with a cheaper one where a store takes that. The SDK does not retry: who asks knows how
// long there is.
import { Readable } from 'node:stream'
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
  UploadPartCommand,
  type S3ClientConfig,
} from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import type { ObjectStore } from '../../src/ports/object-store.ts'
import { bareEtag, type S3Api, type S3PutPart } from './s3/api.ts'
import { PartSums, isSafeWay } from './s3/part-sums.ts'
import { s3Store, type S3StoreOptions } from './s3/store.ts'
import { collect } from './shared/collect.ts'
import { DirectHttp, readsDirectly, type DirectAnswer } from './shared/direct-http.ts'
import { AnswerError } from './shared/failure.ts'
import { encodeStrictly } from './shared/http.ts'
import { nativeCrc32c } from './shared/native-crc32c.ts'

/** Which bucket, and how it is reached. */
export interface S3Options extends S3StoreOptions {
  readonly bucket: string
  /** The bucket's; that of the environment if absent. */
  readonly region?: string
  /** Of another server than AWS's. */
  readonly endpoint?: string
  /** Whether the bucket is named in the path instead of the host. */
  readonly pathStyle?: boolean
  /** Where the SDK would look if absent: environment, files, the machine's role. */
  readonly credentials?: {
    readonly accessKeyId: string
    readonly secretAccessKey: string
    readonly sessionToken?: string
  }
}

const CONNECT_MS = 5_000
/** Longest silence of a connection. */
const SILENCE_MS = 30_000
const SOCKETS_MAX = 128

/** Opens a bucket; nothing is sent yet. */
export async function openS3Store(options: S3Options): Promise<ObjectStore> {
  const { endpoint, region, credentials } = options
  const agent = { keepAlive: true, maxSockets: SOCKETS_MAX }
  const client = new S3Client({
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(region === undefined ? {} : { region }),
    ...(credentials === undefined ? {} : { credentials }),
    forcePathStyle: options.pathStyle ?? false,
    maxAttempts: 1,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: CONNECT_MS,
      socketTimeout: SILENCE_MS,
      httpAgent: agent,
      httpsAgent: agent,
    },
  } satisfies S3ClientConfig)
  const sums = new PartSums(await nativeCrc32c(), isSafeWay(endpoint))
  return s3Store(sdkApi(client, options.bucket, sums), options.bucket, {
    ...options,
    credentials: 'check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and the profile or role',
  })
}

function sdkApi(client: S3Client, bucket: string, sums: PartSums): S3Api {
  const direct = new DirectHttp()
  const at = (key: string): { Bucket: string; Key: string } => ({ Bucket: bucket, Key: key })
  const uploadAt = (key: string, uploadId: string) => ({ ...at(key), UploadId: uploadId }) as const
  return {
    put: async (key, bytes, { ifNoneMatch, ifMatch }, abortSignal) => {
      const command = new PutObjectCommand({
        ...at(key),
        Body: bytes,
        ...(ifNoneMatch && { IfNoneMatch: ifNoneMatch }),
        ...(ifMatch && { IfMatch: ifMatch }),
      })
      const { ETag } = await told(client.send(command, { abortSignal }))
      return bareEtag(ETag)
    },
    get: async (key, range, abortSignal, into) => {
      const command = new GetObjectCommand({ ...at(key), ...(range && { Range: range }) })
      const read: { answer?: DirectAnswer } = {}
      if (into !== undefined && readsDirectly) {
        const step = { step: 'deserialize', priority: 'low', name: 'readDirectly' } as const
        command.middlewareStack.add(
          (next) => async (args) => {
            const request = { ...requestOf(args.request as SignedRequest), ...into }
            const answer = await direct.get(request, abortSignal)
            if (answer === null) return next(args)
            read.answer = answer
            return { response: responseOf(answer) }
          },
          step,
        )
      }
      const { Body, ContentLength, ETag } = await told(client.send(command, { abortSignal }))
      const bytes =
        read.answer?.bytes ?? (await collect(Body as Readable, ContentLength, abortSignal, into))
      return { bytes, etag: bareEtag(ETag) }
    },
    head: async (key, abortSignal) => {
      const command = new HeadObjectCommand(at(key))
      const { ContentLength, ETag, LastModified } = await told(
        client.send(command, { abortSignal }),
      )
      return { size: ContentLength ?? 0, etag: bareEtag(ETag), modifiedMs: timeOf(LastModified) }
    },
    list: async ({ prefix, cursor, limit }, abortSignal) => {
      const command = new ListObjectsV2Command({
        Bucket: bucket,
        Prefix: prefix,
        MaxKeys: limit,
        ...(cursor !== undefined && { ContinuationToken: cursor }),
      })
      const page = await told(client.send(command, { abortSignal }))
      const objects = (page.Contents ?? []).map(({ Key, Size, ETag, LastModified }) => ({
        key: Key ?? '',
        size: Size ?? 0,
        etag: bareEtag(ETag),
        modifiedMs: timeOf(LastModified),
      }))
      return {
        objects,
        next: page.IsTruncated === true ? (page.NextContinuationToken ?? null) : null,
      }
    },
    deleteOne: async (key, abortSignal) => {
      await told(client.send(new DeleteObjectCommand(at(key)), { abortSignal }))
    },
    deleteMany: async (keys, abortSignal) => {
      const Delete = { Objects: keys.map((Key) => ({ Key })), Quiet: true }
      const command = new DeleteObjectsCommand({ Bucket: bucket, Delete })
      const { Errors } = await told(client.send(command, { abortSignal }))
      const failed = Errors?.find(({ Code }) => Code !== 'NoSuchKey')
      if (failed === undefined) return
      const code = failed.Code ?? ''
      throw new AnswerError({ status: code === 'AccessDenied' ? 403 : 500, code })
    },
    beginUpload: async (key, abortSignal) => {
      const begin = async (how: { ChecksumAlgorithm?: 'CRC32C' }): Promise<string> => {
        const command = new CreateMultipartUploadCommand({ ...at(key), ...how })
        const { UploadId } = await told(client.send(command, { abortSignal }))
        return UploadId ?? ''
      }
      return sums.send(
        () => begin({ ChecksumAlgorithm: 'CRC32C' }),
        () => begin({}),
      )
    },
    putPart: async ({ key, uploadId }, number, bytes, abortSignal) => {
      const part = { ...uploadAt(key, uploadId), PartNumber: number, Body: bytes }
      const hashed = async (): Promise<S3PutPart> => {
        const { ETag } = await told(client.send(new UploadPartCommand(part), { abortSignal }))
        return { etag: bareEtag(ETag) }
      }
      const summed = async (): Promise<S3PutPart | null> => {
        const crc32c = await sums.of(bytes)
        const command = new UploadPartCommand({ ...part, ChecksumCRC32C: crc32c })
        command.middlewareStack.add(
          (next) => (args) => {
            leaveOutHash(args.request)
            return next(args)
          },
          { step: 'build', name: 'leaveOutHash' },
        )
        const { ETag, ChecksumCRC32C } = await told(client.send(command, { abortSignal }))
        return ChecksumCRC32C === crc32c ? { etag: bareEtag(ETag), crc32c } : null
      }
      return sums.send(summed, hashed)
    },
    completeUpload: async ({ key, uploadId }, parts, { ifNoneMatch, ifMatch }, abortSignal) => {
      const Parts = parts.map(({ number, etag, crc32c }) => ({
        ...{ PartNumber: number, ETag: `"${etag}"` },
        ...(crc32c !== undefined && { ChecksumCRC32C: crc32c }),
      }))
      const command = new CompleteMultipartUploadCommand({
        ...uploadAt(key, uploadId),
        MultipartUpload: { Parts },
        ...(ifNoneMatch && { IfNoneMatch: ifNoneMatch }),
        ...(ifMatch && { IfMatch: ifMatch }),
      })
      const { ETag } = await told(client.send(command, { abortSignal }))
      return bareEtag(ETag)
    },
    abortUpload: async ({ key, uploadId }, abortSignal) => {
      const command = new AbortMultipartUploadCommand(uploadAt(key, uploadId))
      await told(client.send(command, { abortSignal }))
    },
    listUploads: async (prefix, marker, abortSignal) => {
      const command = new ListMultipartUploadsCommand({
        Bucket: bucket,
        Prefix: prefix,
        ...(marker && { KeyMarker: marker.key, UploadIdMarker: marker.uploadId }),
      })
      const page = await told(client.send(command, { abortSignal }))
      const uploads = (page.Uploads ?? []).map(({ Key, UploadId, Initiated }) => ({
        key: Key ?? '',
        uploadId: UploadId ?? '',
        begunMs: timeOf(Initiated),
      }))
      const { IsTruncated, NextKeyMarker: key, NextUploadIdMarker: uploadId } = page
      const hasMore = IsTruncated === true && key !== undefined && uploadId !== undefined
      return { uploads, next: hasMore ? { key, uploadId } : null }
    },
    sign: (key, expiresIn) => getSignedUrl(client, new GetObjectCommand(at(key)), { expiresIn }),
    close: () => {
      client.destroy()
      direct.close()
    },
  }
}

/** A request as the SDK has signed it. */
interface SignedRequest {
  readonly protocol: string
  readonly hostname: string
  readonly port?: number
  readonly path: string
  readonly query: Readonly<Record<string, string | readonly string[] | null>>
  readonly headers: Readonly<Record<string, string>>
}

function requestOf(signed: SignedRequest): {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
} {
  const { protocol, hostname, port, path, query, headers } = signed
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    [value ?? ''].flat().map((one) => `${encodeStrictly(name)}=${encodeStrictly(one)}`),
  )
  const origin = `${protocol}//${hostname}${port === undefined ? '' : `:${String(port)}`}`
  return { url: `${origin}${path}${pairs.length > 0 ? `?${pairs.join('&')}` : ''}`, headers }
}

/** An answer as the SDK has it from its own client; what was asked for lies elsewhere. */
const responseOf = ({ status, headers, bytes }: DirectAnswer): object => ({
  statusCode: status,
  headers: Object.fromEntries(headers),
  body: Readable.from(status < 300 ? [] : [bytes]),
})

/** Has a request signed with everything but the hash of its body, whose sum a header tells. */
function leaveOutHash(request: unknown): void {
  const { headers } = request as { readonly headers: Record<string, string> }
  headers['x-amz-content-sha256'] = 'UNSIGNED-PAYLOAD'
}

const timeOf = (date: Date | undefined): number => date?.getTime() ?? -1

/** What the SDK throws, as an answer; failures of the network pass. */
async function told<T>(request: Promise<T>): Promise<T> {
  try {
    return await request
  } catch (error) {
    if (!(error instanceof S3ServiceException)) {
      const isLost = error instanceof Error && error.message === 'Region is missing'
      throw isLost ? new AnswerError({ status: 0, code: 'RegionMissing' }, error) : error
    }
    const status = error.$metadata.httpStatusCode ?? 0
    const code = /^Unknown(Error)?$/.test(error.name) ? '' : error.name
    throw new AnswerError({ status, code }, error)
  }
}
