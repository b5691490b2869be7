// `topic` and `group` against the fake cluster: what they change, what they print for people and
// as JSON, and how they fail.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { startCluster } from './fake-answers.ts'
import type { FakeCluster } from './fake-cluster.ts'
import { runCli } from './harness.ts'

let cluster: FakeCluster

beforeEach(async () => {
  cluster = await startCluster(2)
})

afterEach(async () => {
  await cluster.stop()
})

const cli = (...words: string[]) => runCli([...words, '--bootstrap', cluster.bootstrap])
const produce = (topic: string, input: string) =>
  runCli(['produce', topic, '--bootstrap', cluster.bootstrap], { input: [input] })

describe('topic', () => {
  test('create, list, describe, alter and delete do what they say', async () => {
    const settings = ['--config', 'retention.ms=1000', '--config', 'a=b=c']
    const made = await cli('topic', 'create', 'orders', '--partitions', '2', ...settings)
    expect(made).toMatchObject({ code: 0, out: 'created topic orders\n' })
    await produce('orders', 'a\nb\n')

    const list = await cli('topic', 'list', '--json')
    expect(JSON.parse(list.out)).toMatchObject([{ name: 'orders', partitions: 2, replicas: 1 }])

    const described = await cli('topic', 'describe', 'orders', '--json')
    expect(JSON.parse(described.out)).toMatchObject({
      name: 'orders',
      partitions: [
        { partition: 0, leader: 0, epoch: 4, start: 0, end: 2 },
        { partition: 1, leader: 0, end: 0 },
      ],
      settings: [
        { name: 'a', value: 'b=c', source: 'topic' },
        { name: 'retention.ms', value: '1000' },
      ],
    })

    await cli('topic', 'alter', 'orders', '--config', 'x=1', '--unset', 'a', '--partitions', '3')
    expect([...(cluster.topics.get('orders')?.settings ?? [])]).toEqual([
      ['retention.ms', '1000'],
      ['x', '1'],
    ])
    expect(cluster.topics.get('orders')?.partitions).toHaveLength(3)

    expect((await cli('topic', 'delete', 'orders')).out).toBe('deleted topic orders\n')
    expect(cluster.topics.size).toBe(0)
  })

  test('list prints a table without internal topics', async () => {
    cluster.topic('orders', 12)
    cluster.topic('__consumer_offsets')
    const { out } = await cli('topic', 'list')
    const [head, row, ...rest] = out.split('\n')
    expect(head).toMatch(/^NAME +PARTITIONS +REPLICAS +ID$/)
    expect(row).toMatch(/^orders +12 +1 +0000/)
    expect(rest).toEqual([''])
    expect((await cli('topic', 'list', '--internal')).out).toContain('__consumer_offsets')
  })

  test('list says what to do when there is nothing', async () => {
    expect((await cli('topic', 'list')).out).toContain('stratalog topic create')
    expect((await cli('topic', 'list', '--json')).out).toBe('[]\n')
  })

  test("create passes the broker's reason on", async () => {
    cluster.topic('orders')
    expect(await cli('topic', 'create', 'orders')).toMatchObject({
      code: 1,
      err:
        "stratalog: Cannot create topic orders: Topic 'orders' already exists. " +
        '(TOPIC_ALREADY_EXISTS)\n',
    })
  })

  test('describe and delete name the topic that is not there', async () => {
    expect((await cli('topic', 'describe', 'x')).err).toContain('There is no topic x')
    expect((await cli('topic', 'delete', 'x')).err).toContain('There is no topic x')
  })
})

describe('group', () => {
  beforeEach(async () => {
    cluster.topic('orders', 2)
    await runCli(['produce', 'orders', '--partition', '1', '--bootstrap', cluster.bootstrap], {
      input: ['a\nb\nc\n'],
    })
    cluster.groups.set('readers', { state: 'Empty', offsets: new Map([['orders/1', 1]]) })
  })

  test('list asks every broker', async () => {
    const { out } = await cli('group', 'list', '--json')
    expect(JSON.parse(out)).toMatchObject([{ group: 'readers', state: 'Empty', coordinator: 0 }])
    const asked = cluster.seen.filter(({ apiKey }) => apiKey === 16).map(({ node }) => node)
    expect(asked.toSorted((a, b) => a - b)).toEqual([0, 1])
  })

  test('describe shows the lag of each partition', async () => {
    const { out } = await cli('group', 'describe', 'readers', '--json')
    expect(JSON.parse(out)).toMatchObject({
      group: 'readers',
      lag: 2,
      partitions: [{ topic: 'orders', partition: 1, committed: 1, end: 3, lag: 2, member: null }],
    })
  })

  test('reset moves offsets within what each partition has', async () => {
    const reset = ['group', 'reset', 'readers', '--topic', 'orders']
    const dry = await cli(...reset, '--to', '99', '--dry-run', '--json')
    expect(JSON.parse(dry.out)).toMatchObject([
      { partition: 0, before: null, after: 0 },
      { partition: 1, before: 1, after: 3 },
    ])
    const offsets = cluster.groups.get('readers')?.offsets
    expect(offsets?.get('orders/1')).toBe(1)
    await cli(...reset, '--to', 'start', '--partition', '1')
    expect(offsets?.get('orders/1')).toBe(0)
    expect(offsets?.has('orders/0')).toBe(false)
  })

  test('reset and delete refuse a group with members', async () => {
    cluster.groups.set('busy', { state: 'Stable', offsets: new Map() })
    const { err, code } = await cli('group', 'reset', 'busy', '--topic', 'orders', '--to', 'end')
    expect(err).toContain('Group busy has members; stop them first')
    expect(code).toBe(1)
    expect((await cli('group', 'delete', 'busy')).err).toContain('stop them first')
    expect((await cli('group', 'delete', 'readers')).out).toBe('deleted group readers\n')
  })

  test('describe names a group that is not there', async () => {
    expect(await cli('group', 'describe', 'nobody')).toMatchObject({
      code: 1,
      err: 'stratalog: There is no group nobody (GROUP_ID_NOT_FOUND)\n',
    })
  })
})

test('a command that waits ends when told to stop', async () => {
  const stop = new AbortController()
  cluster.intercept = (apiKey) => {
    if (apiKey === 19) stop.abort()
    return true
  }
  cluster.silent = true
  const words = ['topic', 'create', 'x', '--bootstrap', cluster.bootstrap]
  expect(await runCli(words, { stopped: stop.signal })).toMatchObject({ code: 130, err: '' })
})

test('bench measures on a topic of its own and deletes it', async () => {
  const flags = ['--records', '2000', '--partitions', '3', '--json']
  const { out, code, err } = await cli('bench', ...flags)
  expect(err).toBe('')
  expect(code).toBe(0)
  const facts = JSON.parse(out) as Record<string, number>
  expect(facts['records']).toBe(2000)
  expect(facts['produceRecordsPerSecond']).toBeGreaterThan(0)
  expect(facts['consumeRecordsPerSecond']).toBeGreaterThan(0)
  expect(cluster.topics.size).toBe(0)
})
