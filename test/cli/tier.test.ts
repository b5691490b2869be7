// The commands on a bucket, run as a user runs them against what a real broker has archived:
// listing, verifying, also of a bucket in which somebody has changed a byte, restoring, and the
// price.
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { must } from '../../src/base/assert.ts'
import { encodeOwner } from '../../src/tier/bucket/claim.ts'
import { services } from '../../src/cli/wiring.ts'
import { batchOf, Lab, until } from '../broker/harness.ts'
import { createTopic, listOffset, produce } from '../broker/requests.ts'
import { runCli } from './harness.ts'

const folder = fs.mkdtempSync(join(tmpdir(), 'stratalog-tier-'))
const bucket = join(folder, 'bucket')
const url = `file://${bucket}`
const RECORDS = 80
const EARLIEST_PENDING = -6

beforeAll(async () => {
  const lab = await Lab.disk({
    'store.url': url,
    'tier.check.interval.ms': '20',
    'tier.snapshot.interval.ms': '20',
  })
  const client = await lab.client()
  const configs = { 'remote.storage.enable': 'true', 'segment.bytes': '1048576' }
  const topic = await createTopic(client, { name: 'history', configs })
  for (let i = 0; i < RECORDS; i++) {
    await produce(client, topic, batchOf([`${i} ${'v'.repeat(50_000)}`]))
  }
  await until(
    async () => (await listOffset(client, topic, EARLIEST_PENDING, { version: 11 })).offset,
    (offset) => offset >= 60,
  )
  await until(
    () => Promise.resolve(files(/\.snap$/).length),
    (count) => count > 0,
  )
  await lab.close()
})
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }))

const files = (pattern: RegExp): string[] =>
  fs
    .readdirSync(bucket, { recursive: true })
    .map((name) => join(bucket, String(name)))
    .filter((name) => pattern.test(name) && fs.statSync(name).isFile())

const tier = (...words: string[]) => runCli(['tier', ...words], { services })

describe('tier ls', () => {
  test('lists topics, partitions and what they cost', async () => {
    const topics = JSON.parse((await tier('ls', '--store', url, '--json')).out) as object[]
    expect(topics).toMatchObject([{ topic: 'history', partitions: 1, records: 60 }])
    const one = JSON.parse((await tier('ls', 'history', '--store', url, '--json')).out) as object[]
    expect(one).toMatchObject([{ partition: 0, start: 0, end: 60, segments: 3 }])
    expect((await tier('ls', '--store', url, '--scan')).out).toContain('history')
    expect((await tier('ls', '--store', url, '--cost')).out).toContain('$/MONTH')
  })

  test.each([
    ['file:///no/such/place', 'there is no such directory'],
    ['ftp://x', 's3://bucket/prefix, gs://bucket/prefix'],
    [`file://${folder}`, 'it has no cluster.json; check bucket and prefix'],
  ])('says of %s what is wrong', async (store, sentence) => {
    const { code, err } = await tier('ls', '--store', store)
    expect(code).toBeGreaterThan(0)
    expect(err).toContain(sentence)
  })

  test('says that a topic is not archived', async () => {
    expect((await tier('ls', 'other', '--store', url)).err).toContain('other is not archived')
  })
})

describe('tier verify', () => {
  test('finds nothing wrong with what is as it was archived', async () => {
    const { code, out } = await tier('verify', '--store', url)
    expect([code, out.trim().split('\n').at(-1)]).toEqual([
      0,
      expect.stringMatching(/^verified 3 segments, 60 records, .*: 0 findings$/),
    ])
  })

  test('names the object in which a byte was changed, wherever it was', async () => {
    const segments = files(/\.seg$/)
    const victim = must(segments[1], 'a segment')
    const bytes = fs.readFileSync(victim)
    for (const at of [0, 700_000, bytes.length - 3_000, bytes.length - 1]) {
      fs.writeFileSync(victim, bytes)
      const changed = Uint8Array.from(bytes)
      changed[at] = (changed[at] ?? 0) ^ 0x10
      fs.writeFileSync(victim, changed)
      const { code, out } = await tier('verify', '--store', url)
      expect([code, out]).toEqual([1, expect.stringContaining(victim.substring(bucket.length + 1))])
    }
    fs.writeFileSync(victim, bytes)
    fs.renameSync(victim, `${victim}.away`)
    const missing = await tier('verify', '--store', url, '--names', '--json')
    expect(missing.code).toBe(1)
    expect(missing.out).toContain('"missing"')
    expect(missing.out).toContain('"orphaned"')
    fs.renameSync(`${victim}.away`, victim)
    expect((await tier('verify', '--store', url)).code).toBe(0)
  })
})

describe('tier restore', () => {
  test('builds a directory from which a broker starts, and only from nothing', async () => {
    const dataDir = join(folder, 'restored')
    const words = ['restore', '--store', url, '--data-dir', dataDir]
    const restored = await tier(...words, '--json')
    expect(restored.code).toBe(0)
    expect(JSON.parse(restored.out)).toMatchObject({ topics: 1, partitions: 1, records: 60 })
    const again = await tier(...words)
    expect([again.code, again.err]).toEqual([1, expect.stringContaining('is not empty')])
  })
})

describe('tier mirror', () => {
  const there = join(folder, 'there')
  const to = `file://${there}`
  const mirror = (...more: string[]) => tier('mirror', '--store', url, '--to', to, ...more)

  test('makes a copy that is verified and restored from like the original', async () => {
    fs.mkdirSync(there)
    const copied = await mirror('--json')
    expect([copied.code, JSON.parse(copied.out)]).toEqual([
      0,
      expect.objectContaining({ partitions: 1, segments: 3 }),
    ])
    expect(JSON.parse((await mirror('--json')).out)).toMatchObject({ segments: 0, copied: 0 })
    expect((await tier('verify', '--store', to)).out).toContain('60 records')
    const dataDir = join(folder, 'from-copy')
    const restored = await tier('restore', '--store', to, '--data-dir', dataDir, '--json')
    expect(JSON.parse(restored.out)).toMatchObject({ topics: 1, records: 60 })
  })

  test('leaves alone what a later life of the cluster has in the copy', async () => {
    expect(await mirror()).toMatchObject({ code: 1, err: expect.stringContaining('restored') })
    expect((await tier('verify', '--store', to)).code).toBe(0)
  })

  test('says what is wrong with what it is to copy from, or to', async () => {
    const other = join(folder, 'other')
    fs.mkdirSync(other)
    const owner = { clusterId: 'another', life: '0'.repeat(32), generation: 0 }
    fs.writeFileSync(join(other, 'cluster.json'), encodeOwner(owner))
    const toOther = await tier('mirror', '--store', url, '--to', `file://${other}`)
    expect(toOther.err).toContain('it belongs to cluster another')
    const toNowhere = await tier('mirror', '--store', url, '--to', 'file:///no/such/place')
    expect(toNowhere.err).toContain('there is no such directory')
    expect((await tier('mirror', 'strange', '--store', url, '--to', to)).code).toBe(1)
  })

  test('gives nothing on that is not what was archived', async () => {
    const victim = must(files(/\.seg$/)[1], 'a segment')
    const bytes = fs.readFileSync(victim)
    const changed = Uint8Array.from(bytes)
    changed[700_000] = (changed[700_000] ?? 0) ^ 0x10
    fs.writeFileSync(victim, changed)
    const fresh = join(folder, 'fresh')
    fs.mkdirSync(fresh)
    const { code, err } = await tier('mirror', '--store', url, '--to', `file://${fresh}`)
    expect([code, err]).toEqual([1, expect.stringContaining('are not what was archived')])
    fs.writeFileSync(victim, bytes)
    expect((await tier('mirror', '--store', url, '--to', `file://${fresh}`)).code).toBe(0)
    expect((await tier('verify', '--store', `file://${fresh}`)).code).toBe(0)
  })
})

describe('tier plan', () => {
  test('prices a month on every store, the chosen one first', async () => {
    const words = ['plan', '--rate', '10MB/s', '--retention', '30d', '--store', 'gs://bucket']
    const rows = JSON.parse((await tier(...words, '--json')).out) as { store: string }[]
    expect(rows.map(({ store }) => store)).toEqual(expect.arrayContaining(['s3', 'azure', 'r2']))
    expect(rows[0]?.store).toBe('gcs')
    expect((await tier(...words)).out).toMatch(/list prices of \d{4}-\d{2}/)
  })

  test.each([
    [['--rate', '10MX', '--retention', '30d'], '--rate takes a number of bytes such as 10MB'],
    [['--rate', '1MB', '--retention', 'long'], '--retention takes a length of time such as 12h'],
    [['--rate', '1MB', '--retention', '1y', '--store', 'tape'], '--store takes one of s3'],
    [['--rate', '1MB', '--retention', '1y', '--egress', '2'], '--egress takes a number from 0'],
  ])('of %j says what is wrong', async (words, sentence) => {
    const { code, err } = await tier('plan', ...words)
    expect([code, err]).toEqual([2, expect.stringContaining(sentence)])
  })
})
