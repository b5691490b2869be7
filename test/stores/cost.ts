// What the adapters cost beside the bare SDK: CPU seconds and MB/s up and down on a server of the
// loopback. Not a test: `node test/stores/cost.ts versitygw`. The CPU is this process's alone; the
// server runs beside it on the same cores, so the speed says little.
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { openFetchS3Store } from '../../adapters/object-store/fetch-s3.ts'
import { openObjectStore } from '../../adapters/object-store/open.ts'
import type { ObjectStore } from '../../src/ports/object-store.ts'
import { startStoreServer, type StoreServerName } from './server.ts'

const MiB = 1 << 20
const SIZE = 512 * MiB
const PART = 8 * MiB

const measure = async (
  name: string,
  bytes: number,
  task: () => Promise<unknown>,
): Promise<void> => {
  const [cpu, begun] = [process.cpuUsage(), performance.now()]
  await task()
  const { user, system } = process.cpuUsage(cpu)
  const seconds = (performance.now() - begun) / 1000
  const perHundred = (user + system) / 1e6 / (bytes / 100e6)
  console.log(
    `${name.padEnd(44)} ${(bytes / 1e6 / seconds).toFixed(0).padStart(5)} MB/s ` +
      `${perHundred.toFixed(3)} CPU s per 100 MB`,
  )
}

const name = (process.argv[2] ?? 'versitygw') as StoreServerName
const server = await startStoreServer(name)
const body = new Uint8Array(PART)
crypto.getRandomValues(body.subarray(0, 65_536))
const source = { size: SIZE, read: async (from: number, to: number) => body.subarray(0, to - from) }

const throughStore = async (label: string, store: ObjectStore): Promise<void> => {
  await store.put('warm', body)
  await measure(`${label}: put of a source`, SIZE, () => store.put('large', source))
  await measure(`${label}: put of 8 MiB`, 32 * PART, async () => {
    for (let i = 0; i < 32; i++) await store.put(`one-${String(i)}`, body)
  })
  await measure(`${label}: get of 8 MiB`, 64 * PART, async () => {
    for (let i = 0; i < 64; i++) await store.get(`one-${String(i % 32)}`)
  })
  await measure(`${label}: get of 1 MiB ranges`, 256 * MiB, async () => {
    for (let i = 0; i < 256; i++) {
      await store.get('large', { range: { from: i * MiB, to: (i + 1) * MiB } })
    }
  })
  await store.close()
}

try {
  const { host: bucket, searchParams } = new URL(server.url)
  const endpoint = searchParams.get('endpoint') ?? ''
  const region = searchParams.get('region') ?? ''
  const accessKeyId = server.environment['AWS_ACCESS_KEY_ID'] ?? ''
  const secretAccessKey = server.environment['AWS_SECRET_ACCESS_KEY'] ?? ''
  if (server.url.startsWith('s3:')) {
    const credentials = { accessKeyId, secretAccessKey }
    const bare = new S3Client({ endpoint, region, credentials, forcePathStyle: true })
    const at = (i: number) => ({ Bucket: bucket, Key: `bare-${String(i)}` })
    await bare.send(new PutObjectCommand({ ...at(0), Body: body }))
    await measure('SDK as it comes: put of 8 MiB', 32 * PART, async () => {
      for (let i = 0; i < 32; i++) await bare.send(new PutObjectCommand({ ...at(i), Body: body }))
    })
    await measure('SDK as it comes: get of 8 MiB', 64 * PART, async () => {
      for (let i = 0; i < 64; i++) {
        const { Body } = await bare.send(new GetObjectCommand(at(i % 32)))
        await Body?.transformToByteArray()
      }
    })
    bare.destroy()
    const keys = { accessKeyId, secretAccessKey }
    await throughStore('fetch', openFetchS3Store({ bucket, endpoint, region, ...keys }))
  }
  await throughStore('broker', await openObjectStore(server.url, server.environment))
} finally {
  await server.stop()
}
