// `produce` and `consume` against the fake cluster: bytes in are bytes out, order and offsets hold
// through refusals, lost connections and moving leaders.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ErrorCode } from '../../src/base/error-codes.ts'
import { buildBatch } from '../../src/record/builder.ts'
import { endTransactionMarker } from '../../src/record/control.ts'
import { startCluster } from './fake-answers.ts'
import { tools } from './fake-cluster.ts'
import type { FakeCluster } from './fake-cluster.ts'
import { runCli } from './harness.ts'

let cluster: FakeCluster
const at = (): string[] => ['--bootstrap', cluster.bootstrap]

beforeEach(async () => {
  cluster = await startCluster(2)
  cluster.topic('orders')
})

afterEach(async () => {
  await cluster.stop()
})

const consumeAll = (...flags: string[]) =>
  runCli(['consume', 'orders', ...at(), '--until-end', ...flags])

describe('produce', () => {
  test('sends each line as a record and tells where they went', async () => {
    const done = await runCli(['produce', 'orders', '--json', ...at()], {
      input: ['one\ntw', 'o\n', '\nlast without a line feed'],
    })
    expect(done.err).toBe('')
    expect(done.code).toBe(0)
    expect(JSON.parse(done.out)).toMatchObject([
      { topic: 'orders', partition: 0, records: 4, first: 0, last: 3 },
    ])
    expect((await consumeAll()).out).toBe('one\ntwo\n\nlast without a line feed\n')
  })

  test('keeps every byte of a value', async () => {
    const line = Uint8Array.from({ length: 256 }, (_, byte) => (byte === 10 ? 11 : byte))
    await runCli(['produce', 'orders', ...at()], { input: [line] })
    const { bytes } = await consumeAll('--no-newline')
    expect([...bytes]).toEqual([...line])
  })

  test('keeps the order of many batches over a connection that is cut', async () => {
    const lines = Array.from({ length: 30_000 }, (_, i) => `${String(i)}:${'x'.repeat(80)}\n`)
    let produces = 0
    cluster.intercept = (apiKey) => apiKey !== 0 || ++produces !== 4
    const { code } = await runCli(['produce', 'orders', ...at()], { input: lines })
    expect(code).toBe(0)
    expect(produces).toBeGreaterThan(5)
    expect((await consumeAll()).out).toBe(lines.join(''))
  })

  test('sends again what was refused for a while, once', async () => {
    cluster.refusals.push(ErrorCode.NOT_ENOUGH_REPLICAS, ErrorCode.REQUEST_TIMED_OUT)
    const { code } = await runCli(['produce', 'orders', ...at()], { input: ['a\nb\n'] })
    expect(code).toBe(0)
    expect((await consumeAll()).out).toBe('a\nb\n')
  })

  test('follows a leader that moves', async () => {
    const partition = cluster.topics.get('orders')?.partitions[0]
    cluster.intercept = (apiKey) => {
      if (apiKey === 0 && partition !== undefined) partition.leader = 1
      return true
    }
    const { code } = await runCli(['produce', 'orders', ...at()], { input: ['a\n'] })
    expect(code).toBe(0)
    expect(cluster.seen.filter(({ apiKey }) => apiKey === 0).map(({ node }) => node)).toEqual([
      0, 1,
    ])
  })

  test('tells a refusal that will not pass in one sentence', async () => {
    cluster.refusals.push(ErrorCode.MESSAGE_TOO_LARGE)
    const { code, err } = await runCli(['produce', 'orders', ...at()], { input: ['a\n'] })
    expect(code).toBe(1)
    expect(err).toBe('stratalog: Cannot produce to orders-0 (MESSAGE_TOO_LARGE)\n')
  })

  test('does not make a topic by a typing error', async () => {
    const { code, err } = await runCli(['produce', 'odrers', ...at()], { input: ['a\n'] })
    expect(code).toBe(1)
    expect(err).toContain("There is no topic odrers; make it with 'stratalog topic create odrers'")
    expect(cluster.topics.has('odrers')).toBe(false)
  })

  test('splits keys from values and puts a key in the partition that Java puts it in', async () => {
    cluster.topic('keyed', 10)
    const input = ['foobar=1\nplain line\nfoobar=2\n']
    await runCli(['produce', 'keyed', '--key-separator', '=', ...at()], { input })
    const { out } = await runCli(['consume', 'keyed', '--until-end', '--format', 'json', ...at()])
    const records = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { key: string | null; partition: number; value: string })
    // murmur2('foobar') is -790332482 in Kafka's own tests.
    const partition = (-790332482 & 0x7fffffff) % 10
    expect(records.filter(({ key }) => key === 'foobar')).toMatchObject([
      { partition, value: '1' },
      { partition, value: '2' },
    ])
    expect(records.find(({ key }) => key === null)).toMatchObject({ value: 'plain line' })
  })

  test('sends a file as one record, or cut by size, with headers', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'stratalog-cli-'))
    const file = join(folder, 'data.bin')
    await writeFile(file, 'abc\ndef\ngh')
    const flags = ['--file', file, '--key', 'k', '--header', 'a=1', ...at()]
    await runCli(['produce', 'orders', ...flags])
    await runCli(['produce', 'orders', ...flags, '--record-bytes', '4'])
    await rm(folder, { recursive: true })
    const { out } = await consumeAll('--format', 'json')
    const records = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { value: string })
    expect(records.map(({ value }) => value)).toEqual(['abc\ndef\ngh', 'abc\n', 'def\n', 'gh'])
    expect(records[3]).toMatchObject({ key: 'k', headers: [['a', '1']] })
  })

  test('with acks=0 waits for no answer and knows no offsets', async () => {
    const { out, code } = await runCli(['produce', 'orders', '--acks', '0', '--json', ...at()], {
      input: ['a\n'],
    })
    expect(code).toBe(0)
    expect(JSON.parse(out)).toMatchObject([{ records: 1, first: null, last: null }])
  })
})

describe('consume', () => {
  const produce = (...lines: string[]) =>
    runCli(['produce', 'orders', ...at()], { input: lines.map((line) => `${line}\n`) })

  test('ends at --count and begins at an offset, inside a batch too', async () => {
    await produce('a', 'b', 'c', 'd')
    const { out, code } = await runCli([
      'consume',
      'orders',
      '--from',
      '1',
      '--count',
      '2',
      ...at(),
    ])
    expect(code).toBe(0)
    expect(out).toBe('b\nc\n')
  })

  test('reads several answers up to the end that was there', async () => {
    for (const line of ['a', 'b', 'c', 'd', 'e']) await produce(line)
    expect((await consumeAll()).out).toBe('a\nb\nc\nd\ne\n')
  })

  test('ends at once when there is nothing before the end', async () => {
    expect(await consumeAll()).toMatchObject({ code: 0, out: '' })
  })

  test('stops cleanly when told to, with what it has read', async () => {
    await produce('a')
    const stop = new AbortController()
    const done = runCli(['consume', 'orders', ...at()], {
      stopped: stop.signal,
      onOut: () => stop.abort(),
    })
    expect(await done).toMatchObject({ code: 0, out: 'a\n', err: '' })
  })

  test('follows a leader that moves', async () => {
    await produce('a', 'b')
    const partition = cluster.topics.get('orders')?.partitions[0]
    cluster.intercept = (apiKey) => {
      if (apiKey === 1 && partition !== undefined) partition.leader = 1
      return true
    }
    expect((await consumeAll()).out).toBe('a\nb\n')
  })

  test('goes on where a group has committed and commits what it read', async () => {
    await produce('a', 'b', 'c')
    const group = ['--group', 'readers', '--count', '2']
    expect((await runCli(['consume', 'orders', ...group, ...at()])).out).toBe('a\nb\n')
    expect(cluster.groups.get('readers')?.offsets.get('orders/0')).toBe(2)
    expect((await consumeAll('--group', 'readers')).out).toBe('c\n')
    expect(cluster.groups.get('readers')?.offsets.get('orders/0')).toBe(3)
  })

  test('prints bytes that are no text as base64 in JSON', async () => {
    await runCli(['produce', 'orders', ...at()], { input: [Uint8Array.of(0xff, 0xfe)] })
    const { out } = await consumeAll('--format', 'json')
    expect(JSON.parse(out)).toMatchObject({ offset: 0, value: { base64: '//4=' } })
  })

  test('hides control records, and aborted ones from committed readers only', async () => {
    const partition = cluster.topic('orders').partitions[0]
    if (partition === undefined) throw new Error('no partition')
    const text = (value: string) => [
      { timestampMs: 1, key: null, value: new TextEncoder().encode(value) },
    ]
    const inTransaction = { producerId: 7, producerEpoch: 0, transactional: true }
    cluster.store(partition, buildBatch(text('open'), inTransaction, tools))
    const marker = { producerId: 7, producerEpoch: 0, coordinatorEpoch: 0, timestampMs: 1 }
    cluster.store(partition, endTransactionMarker({ ...marker, outcome: 'abort' }, tools))
    cluster.store(partition, buildBatch(text('kept'), inTransaction, tools))
    cluster.store(partition, endTransactionMarker({ ...marker, outcome: 'commit' }, tools))
    cluster.aborted = [{ producerId: 7, firstOffset: 0, markerOffset: 1 }]
    expect((await consumeAll()).out).toBe('open\nkept\n')
    expect((await consumeAll('--isolation', 'committed')).out).toBe('kept\n')
  })

  test('refuses a batch that does not match its checksum', async () => {
    await produce('a')
    const batch = cluster.topics.get('orders')?.partitions[0]?.batches[0]
    if (batch === undefined) throw new Error('no batch')
    batch[batch.length - 2] = 0x7a
    const { code, err } = await consumeAll()
    expect(code).toBe(1)
    expect(err).toBe('stratalog: The batch at offset 0 does not match its checksum\n')
  })

  test('tells an offset that is not in the log', async () => {
    const { code, err } = await runCli(['consume', 'orders', '--from', '99', ...at()])
    expect(code).toBe(1)
    expect(err).toContain('Offset 99 of orders-0 is not in its log')
  })

  test('says who does not answer', async () => {
    const { code, err } = await runCli(['consume', 'orders', '--bootstrap', '127.0.0.1:1'])
    expect(code).toBe(1)
    expect(err).toBe(
      'stratalog: Cannot reach a broker at 127.0.0.1:1: connection refused; is it running?\n',
    )
  })
})
