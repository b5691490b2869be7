// `ENDPOINT write|read MIB`: what AWS's SDK alone makes of that many bytes, as anybody would use
// it: parts of 8 MiB, four at a time. Prints its figures as one line of JSON.
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { eachAtOnce } from '../../../src/flow/each.ts'
import { KEYS } from './store.ts'

const MiB = 1024 * 1024
const PART = 8 * MiB
const OBJECT = 64 * MiB
const AT_ONCE = 4

const [endpoint = '', what = '', mib = ''] = process.argv.slice(2)
const client = new S3Client({
  endpoint,
  region: 'us-east-1',
  forcePathStyle: true,
  credentials: KEYS,
  requestChecksumCalculation: 'WHEN_REQUIRED',
})
const bytes = Number(mib) * MiB
const objects = Array.from({ length: Math.ceil(bytes / OBJECT) }, (_, i) => `sdk/${String(i)}`)
const body = new Uint8Array(PART)
crypto.getRandomValues(body.subarray(0, 65_536))

async function write(key: string): Promise<void> {
  const object = { Bucket: 'bucket', Key: key }
  const { UploadId } = await client.send(new CreateMultipartUploadCommand(object))
  const parts: { PartNumber: number; ETag: string | undefined }[] = []
  const numbers = Array.from({ length: OBJECT / PART }, (_, i) => i + 1)
  await eachAtOnce(numbers, AT_ONCE, async (number) => {
    const part = { ...object, UploadId, PartNumber: number, Body: body }
    const { ETag } = await client.send(new UploadPartCommand(part))
    parts.push({ PartNumber: number, ETag })
  })
  parts.sort((a, b) => a.PartNumber - b.PartNumber)
  const upload = { ...object, UploadId, MultipartUpload: { Parts: parts } }
  await client.send(new CompleteMultipartUploadCommand(upload))
}

async function read(): Promise<void> {
  const ranges = objects.flatMap((key) =>
    Array.from({ length: OBJECT / PART }, (_, i) => ({ key, from: i * PART })),
  )
  await eachAtOnce(ranges, AT_ONCE, async ({ key, from }) => {
    const Range = `bytes=${String(from)}-${String(from + PART - 1)}`
    const found = await client.send(new GetObjectCommand({ Bucket: 'bucket', Key: key, Range }))
    await found.Body?.transformToByteArray()
  })
}

if (what === 'read') for (const key of objects) await write(key)
const cpu = process.cpuUsage()
const began = performance.now()
if (what === 'read') await read()
else for (const key of objects) await write(key)
const seconds = (performance.now() - began) / 1000
const { user, system } = process.cpuUsage(cpu)
const moved = objects.length * OBJECT
const mbPerS = moved / 1e6 / seconds
const cpuPer100Mb = (user + system) / 1e6 / (moved / 100e6)
process.stdout.write(`${JSON.stringify({ mbPerS, cpuPer100Mb })}\n`)
client.destroy()
