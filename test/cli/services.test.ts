// `start`, `config explain` and `dump`: what they hand to the rest of the program and what they
// print, with services that are stated in the test.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { OperatingError } from '../../src/base/errors.ts'
import type { ExplainedSetting } from '../../src/config/explain.ts'
import type { FileDecoder, RunningBroker, StartOptions } from '../../src/cli/services.ts'
import { runCli } from './harness.ts'

const address = { host: '127.0.0.1', port: 9092 }

describe('start', () => {
  test('prints one line when it serves, and closes when told to stop', async () => {
    const stop = new AbortController()
    let closed = 0
    const broker: RunningBroker = {
      kafka: address,
      http: { host: '::1', port: 8080 },
      close: () => {
        closed += 1
        return Promise.resolve()
      },
    }
    const done = await runCli(['start'], {
      services: { startBroker: () => Promise.resolve(broker) },
      stopped: stop.signal,
      onOut: () => stop.abort(),
    })
    expect(done).toMatchObject({ code: 0, err: '' })
    expect(done.out).toBe('ready kafka=127.0.0.1:9092 http=[::1]:8080\n')
    expect(closed).toBe(1)
  })

  test('hands on what the flags say and nothing else', async () => {
    const seen: StartOptions[] = []
    const startBroker = (options: StartOptions): Promise<RunningBroker> => {
      seen.push(options)
      return Promise.reject(
        new OperatingError('refused', 'Cannot listen on 127.0.0.1:9092: in use'),
      )
    }
    const failed = await runCli(['start'], { services: { startBroker } })
    expect(failed).toMatchObject({
      code: 1,
      out: '',
      err: 'stratalog: Cannot listen on 127.0.0.1:9092: in use\n',
    })
    const flags = [
      ...['--data-dir', 'd', '--kafka', '0.0.0.0:9092', '--http', ':8080', '--node-id', '3'],
      ...['--cores', '2', '--cluster-id', 'c', '--peer', '1@a:1', '--peer', '2@[::1]:2'],
      ...['--internal', ':9093', '--rack', 'r', '--store', 'memory:', '--config', 'f.yaml'],
      ...['--set', 'a.b=1', '--set', 'c=x=y', '--set', 'a.b=2'],
    ]
    await runCli(['start', ...flags], { services: { startBroker } })
    expect(seen).toEqual([
      { settings: {} },
      {
        dataDir: 'd',
        kafka: { host: '0.0.0.0', port: 9092 },
        http: { host: '127.0.0.1', port: 8080 },
        nodeId: 3,
        cores: 2,
        clusterId: 'c',
        peers: [
          { nodeId: 1, host: 'a', port: 1 },
          { nodeId: 2, host: '::1', port: 2 },
        ],
        internal: { host: '127.0.0.1', port: 9093 },
        rack: 'r',
        store: 'memory:',
        configFile: 'f.yaml',
        settings: { 'a.b': '2', c: 'x=y' },
      },
    ])
  })

  test('ends with the reason when the broker has to stop', async () => {
    const failed = Promise.resolve(new OperatingError('broken', 'Cannot sync the journal: EIO'))
    const broker = { kafka: address, http: address, close: () => Promise.resolve(), failed }
    const services = { startBroker: () => Promise.resolve(broker) }
    const done = await runCli(['start'], { services })
    expect(done).toMatchObject({ code: 1, err: 'stratalog: Cannot sync the journal: EIO\n' })
  })
})

test('config explain prints the settings whose names begin as asked', async () => {
  const row = (name: string): ExplainedSetting => ({
    ...{ name, value: '1', source: 'flag', default: '0', type: 'int', dynamic: false },
    ...{ environment: `STRATALOG_${name}`, doc: 'what it means', noEffect: null },
  })
  const services = { explainConfig: () => Promise.resolve([row('log.a'), row('net.b')]) }
  const { out } = await runCli(['config', 'explain', 'log', '--json'], { services })
  expect(JSON.parse(out)).toEqual([row('log.a')])
  const table = await runCli(['config', 'explain', 'net'], { services })
  expect(table.out).toMatch(/^NAME +VALUE +SOURCE +ABOUT\nnet\.b +1 +flag +what it means\n$/)
  const none = await runCli(['config', 'explain', 'zzz'], { services })
  expect(none.out).toBe("no setting begins with 'zzz'\n")
})

test('dump picks the decoder by name and first bytes, and prints each row', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'stratalog-dump-'))
  const file = join(folder, '7.seg')
  await writeFile(file, 'SEGMENT data')
  const decoder: FileDecoder = {
    name: 'segment',
    matches: (name, head) => name.endsWith('.seg') && Buffer.from(head).toString() !== '',
    async *dump(path) {
      yield await Promise.resolve({ at: 0, offset: 12, file: path === file })
    },
  }
  const services = { decoders: () => Promise.resolve([decoder]) }
  const { out } = await runCli(['dump', file], { services })
  expect(out).toBe(`${file}: segment\nat=0 offset=12 file=true\n`)
  expect((await runCli(['dump', file, '--json'], { services })).out).toBe(
    '{"at":0,"offset":12,"file":true}\n',
  )
  const missing = await runCli(['dump', join(folder, 'nothing')], { services })
  expect(missing).toMatchObject({ code: 1 })
  expect(missing.err).toContain('ENOENT')
  await writeFile(join(folder, 'other'), '')
  const other = await runCli(['dump', join(folder, 'other')], { services })
  expect(other.err).toContain('is none of ours; dump reads segment')
  await rm(folder, { recursive: true })
})
