// A data directory or an address that is not this broker's to use: one sentence, an exit code, and
// not a byte changed.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startBroker } from '../../../src/main.ts'

const launcher = fileURLToPath(new URL('../../../bin/stratalog', import.meta.url))
const free = { host: '127.0.0.1', port: 0 }
let directory: string

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'stratalog-refused-'))
})

afterEach(() => rmSync(directory, { recursive: true, force: true }))

/**
 * Every file below the directory with its time and, if it is small, its bytes; but not those of the
 * lock, which a process loses when it opens and closes the file.
 */
function contents(): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .map((name) => ({ name, stat: statSync(join(directory, name)) }))
    .map(({ name, stat }) => {
      const isRead = stat.isFile() && stat.size < 10_000 && name !== 'lock'
      const text = isRead ? readFileSync(join(directory, name)) : ''
      return `${name} ${stat.size} ${stat.mtimeMs} ${text.toString('hex')}`
    })
    .sort()
}

/** Tries to start a broker there. */
function start(...flags: readonly string[]): {
  readonly code: number | null
  readonly err: string
} {
  const common = ['start', '--data-dir', directory, '--http', '127.0.0.1:0']
  const kafka = flags.includes('--kafka') ? [] : ['--kafka', '127.0.0.1:0']
  const done = spawnSync(launcher, [...common, ...kafka, ...flags], {
    encoding: 'utf8',
    timeout: 15_000,
  })
  return { code: done.status, err: done.stderr.trim() }
}

const sentence = /^[^\n]+$/

describe('start', () => {
  it('refuses a directory that another broker uses, and says which process', async () => {
    const broker = await startBroker({ dataDir: directory, kafka: free, http: free })
    const before = contents()
    const { code, err } = start()
    expect(code).toBe(1)
    expect(err).toMatch(sentence)
    expect(err).toContain(String(process.pid))
    expect(contents()).toEqual(before)
    await broker.close()
  })

  it.each([
    ['a newer format', { format: 99 }, [], /newer/],
    ['another node', { nodeId: 7 }, [], /belongs to node 7/],
    ['another cluster', {}, ['--cluster-id', 'other'], /belongs to cluster/],
    ['no sense', { format: 'x' }, [], /field/],
  ])('refuses a directory of %s and touches nothing', (_name, changes, flags, said) => {
    const meta = { format: 1, clusterId: 'AAAAAAAAAAAAAAAAAAAAAA', nodeId: 1, clean: true }
    writeFileSync(join(directory, 'meta.json'), JSON.stringify({ ...meta, ...changes }))
    const before = contents()
    const { code, err } = start(...flags)
    expect(code).toBe(1)
    expect(err).toMatch(sentence)
    expect(err).toMatch(said)
    expect(contents()).toEqual(before)
  })

  it('refuses a directory with data and no meta.json', async () => {
    const broker = await startBroker({ dataDir: directory, kafka: free, http: free })
    await broker.close()
    rmSync(join(directory, 'meta.json'))
    const before = contents()
    const { code, err } = start()
    expect(code).toBe(1)
    expect(err).toMatch(sentence)
    expect(contents()).toEqual(before)
  })

  it.each(['0.0.0.0:0', '[::]:0', '192.0.2.1:9092'])(
    'refuses to listen on %s without authentication unless told so in words',
    (address) => {
      const { code, err } = start('--kafka', address)
      expect(code).toBe(2)
      expect(err).toMatch(sentence)
      expect(err).toContain('network.unauthenticated.allow=true')
      expect(contents()).toEqual([])
    },
  )

  it('listens everywhere when told so in words', async () => {
    const settings = { 'network.unauthenticated.allow': 'true' }
    const kafka = { host: '0.0.0.0', port: 0 }
    const broker = await startBroker({ dataDir: directory, kafka, http: free, settings })
    expect(broker.kafka.port).toBeGreaterThan(0)
    await broker.close()
  })
})
