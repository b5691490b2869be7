// What acks=1 promises on a partition without followers: it is answered before the sync after which
// the records may be read, and yet who asks afterwards where the log ends is told of them.
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Broker } from '../../src/broker/broker.ts'
import { createClock } from '../../src/platform/clock.ts'
import { createMemoryDisk } from '../../src/platform/memory-disk.ts'
import type { Disk, DiskFile } from '../../src/ports/disk.ts'
import { batchOf, Client, openBroker } from './harness.ts'
import { createTopic, deleteRecords, listOffset, produce } from './requests.ts'

let syncMs = 0
const clock = createClock()

/** The file with syncs that take `syncMs`. */
const slowly = (file: DiskFile): DiskFile => ({
  path: file.path,
  direct: file.direct,
  writeNow: (at, parts) => file.writeNow(at, parts),
  writeBehind: (at, bytes) => file.writeBehind(at, bytes),
  writeThrough: (at, bytes) => file.writeThrough(at, bytes),
  read: (at, into) => file.read(at, into),
  sync: async () => {
    if (syncMs > 0) await new Promise<void>((resolve) => clock.after(syncMs, resolve))
    await file.sync()
  },
  truncate: (size) => file.truncate(size),
  size: () => file.size(),
  close: () => file.close(),
})

const slowDisk = (disk: Disk): Disk => ({
  open: async (path, options) => slowly(await disk.open(path, options)),
  rename: (from, to) => disk.rename(from, to),
  remove: (path) => disk.remove(path),
  makeDirectory: (path) => disk.makeDirectory(path),
  list: (path) => disk.list(path),
  syncDirectory: (path) => disk.syncDirectory(path),
  freeBytes: () => disk.freeBytes(),
  lock: (path) => disk.lock(path),
})

let broker: Broker
let client: Client
const records = batchOf(['a', 'b', 'c'], { timestampMs: 1000 })

beforeAll(async () => {
  broker = await openBroker({ disk: slowDisk(createMemoryDisk(1 << 30)), clock })
  client = await Client.connect(broker.address)
})
afterAll(async () => {
  syncMs = 0
  await client.close()
  await broker.close()
})

const written = async () => {
  syncMs = 0
  const topic = await createTopic(client)
  syncMs = 300
  expect((await produce(client, topic, records, { acks: 1 })).errorCode).toBe(0)
  return topic
}

test.each([
  ['the end', -1, 3],
  ['the largest time', -3, 0],
  ['a time', 1000, 0],
])('ListOffsets of %s knows what acks=1 acknowledged [P14, L2]', async (_, timestamp, offset) => {
  const topic = await written()
  const found = await listOffset(client, topic, timestamp)
  expect(found).toMatchObject({ errorCode: 0, offset })
})

test('DeleteRecords reaches what acks=1 acknowledged [P14, A7]', async () => {
  const topic = await written()
  expect(await deleteRecords(client, topic, 2)).toMatchObject({ errorCode: 0, lowWatermark: 2 })
  const again = await written()
  expect(await deleteRecords(client, again, -1)).toMatchObject({ errorCode: 0, lowWatermark: 3 })
})
