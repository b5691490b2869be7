// `dump` on the files of a broker that ran: every file is read, what it prints adds up to what was
// written, and each kind of damage is a row and a failing exit code.
import { copyFile, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { services } from '../../src/cli/wiring.ts'
import { offset } from '../../src/base/units.ts'
import { startBroker } from '../../src/main.ts'
import { saveLogStart } from '../../src/log/log-start.ts'
import { openDisk } from '../../src/platform/disk.ts'
import { runCli } from './harness.ts'
import type { Outcome } from './harness.ts'

const RECORDS = 3_000
let folder: string
/** The files of a broker that was closed, and copies of them while it ran. */
let closed: string[]
let live: string[]

type Row = Record<string, unknown>

const dump = (file: string, ...flags: string[]): Promise<Outcome> =>
  runCli(['dump', file, ...flags], { services })

const rowsOf = (done: Outcome): Row[] =>
  done.out
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Row)

const rows = async (file: string, ...flags: string[]): Promise<Row[]> => {
  const done = await dump(file, '--json', ...flags)
  expect(done.err, file).toBe('')
  expect(done.code, file).toBe(0)
  return rowsOf(done)
}

const kind = (found: readonly Row[], what: string): Row[] =>
  found.filter((row) => row['what'] === what)

async function filesBelow(directory: string): Promise<string[]> {
  const names = await readdir(directory, { recursive: true, withFileTypes: true })
  const files = names.filter((name) => name.isFile() && !name.name.startsWith('lock'))
  return files.map((name) => join(name.parentPath, name.name)).sort()
}

const pick = (files: readonly string[], ending: string | RegExp): string => {
  const found = files.find((file) =>
    typeof ending === 'string' ? file.endsWith(ending) : ending.test(file),
  )
  if (found === undefined) throw new Error(`no file ${String(ending)} in ${files.join(' ')}`)
  return found
}

/** A copy of `file` with one byte changed, or cut there. */
async function damaged(file: string, at: number, how: 'flip' | 'cut' = 'flip'): Promise<string> {
  const bytes = await readFile(file)
  const copy = join(await mkdtemp(join(folder, 'damaged-')), basename(file))
  if (how === 'flip') bytes[at] = (bytes[at] ?? 0) ^ 0xff
  await writeFile(copy, how === 'flip' ? bytes : bytes.subarray(0, at))
  return copy
}

async function expectDamage(file: string): Promise<Row[]> {
  const done = await dump(file, '--json')
  expect(done.code, done.out).toBe(1)
  expect(done.err).toMatch(/^stratalog: .* is damaged in (one place|\d+ places)\n$/)
  const found = rowsOf(done)
  expect(kind(found, 'damage').length).toBeGreaterThan(0)
  return found
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stratalog-dump-'))
  const dataDir = join(folder, 'data')
  const local = { host: '127.0.0.1', port: 0 }
  const broker = await startBroker({ dataDir, kafka: local, http: local, logLevel: 'silent' })
  const at = ['--bootstrap', `127.0.0.1:${broker.kafka.port}`]
  const create = ['topic', 'create', 'orders', '--config', 'segment.bytes=1048576', ...at]
  expect(await runCli(create, { services })).toMatchObject({ code: 0 })
  const lines = Array.from({ length: RECORDS }, (_, i) => `${i} ${'x'.repeat(900)}\n`)
  for (let i = 0; i < RECORDS; i += 100) {
    const input = [lines.slice(i, i + 100).join('')]
    const done = await runCli(['produce', 'orders', ...at], { services, input })
    expect(done).toMatchObject({ code: 0 })
  }
  const copies = await mkdtemp(join(folder, 'live-'))
  for (const file of await filesBelow(dataDir)) {
    await copyFile(file, join(copies, basename(file))).catch(() => undefined)
  }
  live = await filesBelow(copies)
  await broker.close()
  closed = await filesBelow(dataDir)
})

afterAll(() => rm(folder, { recursive: true, force: true }))

const segments = (): string[] => closed.filter((file) => file.endsWith('.seg'))

describe('dump', () => {
  test('reads every file of a data directory without a complaint', async () => {
    expect(segments().length).toBeGreaterThan(2)
    for (const file of closed) {
      const found = await rows(file, '--verbose')
      if ((await stat(file)).size > 0) expect(found.length, file).toBeGreaterThan(0)
      const text = await dump(file)
      expect(text.out.startsWith(`${file}: `)).toBe(true)
    }
  })

  test('prints each batch of sealed and growing segments, and what seals them', async () => {
    let next = 0
    for (const file of segments()) {
      const found = await rows(file, '--verbose')
      for (const batch of kind(found, 'batch')) {
        expect(batch['baseOffset']).toBe(next)
        next = Number(batch['lastOffset']) + 1
        expect(batch).toMatchObject({ crc: 'ok', codec: 'none', timestampType: 'create' })
        expect(Date.parse(String(batch['maxTimestamp']))).toBeGreaterThan(1.7e12)
      }
      const [head] = kind(found, 'segment')
      if (head?.['sealed'] !== true) continue
      const [footer] = kind(found, 'footer')
      expect(footer).toMatchObject({ endOffset: next, compacted: false })
      expect(kind(found, 'section').map((row) => row['kind'])).toContain('index')
      expect(kind(found, 'index').length).toBeGreaterThan(0)
      expect(kind(found, 'epoch')).toHaveLength(1)
      expect(kind(found, 'producer').length).toBeGreaterThan(0)
    }
    expect(next).toBe(RECORDS)
  })

  test('prints the checkpoints of a tail', async () => {
    const found = await rows(pick(closed, '.tail'), '--verbose')
    const last = kind(found, 'checkpoint').at(-1)
    expect(last).toMatchObject({ closed: true, endOffset: RECORDS, epochs: 1 })
  })

  test('prints the frames of a journal with their places', async () => {
    const journal = live.filter((file) => /\/\d{8}\.wal$/.test(file))
    let records = 0
    for (const file of journal) {
      const found = await rows(file)
      for (const frame of kind(found, 'frame')) {
        expect(frame['valid']).toBe(true)
        expect(frame['topicId']).toMatch(/^[0-9a-f-]{36}$/)
        records += Number(frame['records'] ?? 0)
      }
    }
    expect(records).toBe(RECORDS)
  })

  test('prints the metadata log entry by entry, as records', async () => {
    const found = await rows(pick(closed, /log-\d{16}\.wal$/))
    const records = kind(found, 'entry').flatMap((row) => (row['records'] ?? []) as Row[])
    expect(records).toContainEqual(expect.objectContaining({ kind: 'topic', name: 'orders' }))
    expect(records).toContainEqual(
      expect.objectContaining({ kind: 'config', name: 'segment.bytes', value: '1048576' }),
    )
    const text = await dump(pick(closed, /log-\d{16}\.wal$/))
    expect(text.out).toContain('"name":"orders"')
  })

  test('prints identity, votes, whose the directory is, and where a log starts', async () => {
    const state = await rows(pick(closed, '/state'))
    expect(state).toHaveLength(3)
    expect(state[1]).toMatchObject({ what: 'vote', copy: 'a' })
    expect(await rows(pick(closed, 'meta.json'))).toMatchObject([{ what: 'meta', clean: true }])
    const found = await rows(pick(closed, '.snap'))
    expect(found[0]).toMatchObject({ what: 'snapshot' })
    const disk = await openDisk(folder)
    await disk.makeDirectory('start')
    await saveLogStart(disk, 'start', { log: offset(2 ** 40 + 7), local: offset(2 ** 40 + 7) })
    const start = join(folder, 'start/log-start')
    expect(await rows(start)).toEqual([{ what: 'log-start', offset: 2 ** 40 + 7 }])
    await expectDamage(await damaged(start, 9))
  })
})

describe('dump of damage', () => {
  test('says which batch of a segment is damaged, and goes on behind it', async () => {
    const file = segments()[0] ?? ''
    const whole = kind(await rows(file), 'batch')
    const [, second, third] = whole
    const found = await expectDamage(await damaged(file, Number(second?.['at']) + 70))
    expect(kind(found, 'batch')).toHaveLength(whole.length - 1)
    const [damage] = kind(found, 'damage')
    expect(damage).toMatchObject({ from: second?.['at'], to: third?.['at'] })
    expect(damage?.['text']).toContain('crc: offsets')
  })

  test('finds a flipped byte anywhere in a sealed segment', { timeout: 60_000 }, async () => {
    const file = segments()[0] ?? ''
    const { size } = await stat(file)
    for (let at = 0; at < size; at += Math.floor(size / 40)) {
      await expectDamage(await damaged(file, at))
    }
    for (let at = size - 200; at < size; at += 9) await expectDamage(await damaged(file, at))
    await expectDamage(await damaged(file, size - 1, 'cut'))
  })

  test('finds a torn end of a growing segment', async () => {
    const file = segments().at(-1) ?? ''
    const found = kind(await rows(file), 'batch')
    expect(found.length).toBeGreaterThan(0)
    const cut = await expectDamage(await damaged(file, Number(found.at(-1)?.['at']) + 1_000, 'cut'))
    expect(kind(cut, 'batch')).toHaveLength(found.length - 1)
  })

  test('finds damaged frames of a journal, their headers too', async () => {
    const files = live.filter((file) => /\/\d{8}\.wal$/.test(file))
    const lists = await Promise.all(files.map((file) => rows(file)))
    const i = lists.findIndex((list) => kind(list, 'frame').length > 3)
    const frames = kind(lists[i] ?? [], 'frame')
    const file = files[i] ?? ''
    const middle = Number(frames[2]?.['at'])
    const header = await expectDamage(await damaged(file, middle + 40))
    expect(kind(header, 'frame')).toHaveLength(frames.length - 1)
    expect(kind(header, 'damage')[0]).toMatchObject({ from: middle, to: frames[3]?.['at'] })
    const payload = await expectDamage(await damaged(file, middle + 200))
    expect(kind(payload, 'frame').filter((row) => row['valid'] === false)).toHaveLength(1)
    const last = Number(frames.at(-1)?.['at'])
    await expectDamage(await damaged(file, last + 200))
    await expectDamage(await damaged(file, 20))
  })

  test('finds damage in the files of the metadata quorum', async () => {
    const log = pick(closed, /log-\d{16}\.wal$/)
    const batches = kind(await rows(log), 'batch')
    const third = Number(batches[2]?.['at'])
    const found = await expectDamage(await damaged(log, third + 30))
    expect(kind(found, 'batch')).toHaveLength(batches.length - 1)
    await expectDamage(await damaged(log, 10))
    await expectDamage(await damaged(log, (await stat(log)).size - 3, 'cut'))
    await expectDamage(await damaged(pick(closed, '/state'), 4096 + 8))
    await expectDamage(await damaged(pick(closed, '/state'), 8))
    await expectDamage(await damaged(pick(closed, '.snap'), 50))
    await expectDamage(await damaged(pick(closed, '.tail'), 30))
    await expectDamage(await damaged(pick(closed, 'meta.json'), 0))
  })

  test('refuses a file that is none of ours', async () => {
    const file = join(folder, 'notes.txt')
    await writeFile(file, 'hello')
    const done = await dump(file)
    expect(done.code).toBe(2)
    expect(done.err).toContain('is none of ours; dump reads meta.json')
  })
})
